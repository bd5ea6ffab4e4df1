//! One trial as seen from above: the workers that take part and how far each has come.
//!
//! ```text
//! Spawning ─joined→ Loading ─loaded→ Ready ─(all)→ Arming ─armed→ Armed ─(all, clocks known)→ Running ─part→ Reported
//!     Reported ─(flush asked)→ Flushing ─flushed→ Leaving ─exited→ Gone          Reported ─(resident)→ Ready
//! ```
//! From every step a worker can be lost; what follows from that is the core's business.

use contract::id::Ticket;

use super::slots::AgentSlot;

/// How far a worker has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkerState {
    /// Its process is being started.
    Spawning,
    /// Its engine is being opened.
    Loading,
    /// Its engine is open.
    Ready,
    /// It warms up.
    Arming,
    /// It is warm.
    Armed,
    /// It measures, or will at the start instant.
    Running,
    /// Its part is here.
    Reported,
    /// It writes its profile.
    Flushing,
    /// It was told to leave.
    Leaving,
    /// Its process has ended.
    Gone,
}

/// One worker process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TrialWorker {
    pub ticket: Ticket,
    pub seat: AgentSlot,
    /// Slot over the whole fleet.
    pub slot: u32,
    pub variant: String,
    pub step: WorkerState,
    /// Its part of this trial is here.
    pub reported: bool,
}

/// The workers of a trial.
#[derive(Debug, Default)]
pub(super) struct TrialWorkers {
    pub all: Vec<TrialWorker>,
}

impl TrialWorkers {
    pub(super) fn get(&self, ticket: Ticket) -> Option<&TrialWorker> {
        self.all.iter().find(|worker| worker.ticket == ticket)
    }

    pub(super) fn get_mut(&mut self, ticket: Ticket) -> Option<&mut TrialWorker> {
        self.all.iter_mut().find(|worker| worker.ticket == ticket)
    }

    /// Whether there are workers and every one is exactly at this step.
    pub(super) fn all_at(&self, step: WorkerState) -> bool {
        !self.all.is_empty() && self.all.iter().all(|worker| worker.step == step)
    }

    /// Moves every worker.
    pub(super) fn move_all(&mut self, step: WorkerState) {
        self.all.iter_mut().for_each(|worker| worker.step = step);
    }

    /// Workers whose process may still live.
    pub(super) fn living(&self) -> impl Iterator<Item = &TrialWorker> {
        self.all
            .iter()
            .filter(|worker| worker.step != WorkerState::Gone)
    }

    /// The one furthest behind.
    pub(super) fn slowest(&self) -> Option<&TrialWorker> {
        self.all.iter().min_by_key(|worker| worker.step)
    }

    pub(super) fn tickets(&self) -> Vec<Ticket> {
        self.all.iter().map(|worker| worker.ticket).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::event::PeerId;

    #[test]
    fn nobody_is_at_no_step() {
        let worker = |step| TrialWorker {
            ticket: Ticket(1),
            seat: AgentSlot {
                agent: PeerId(1),
                local: 0,
            },
            slot: 0,
            variant: "baseline".to_owned(),
            step,
            reported: false,
        };
        let of = |all| TrialWorkers { all };
        assert!(!of(Vec::new()).all_at(WorkerState::Gone));
        assert!(of(vec![worker(WorkerState::Ready)]).all_at(WorkerState::Ready));
        assert!(
            !of(vec![worker(WorkerState::Ready), worker(WorkerState::Armed)])
                .all_at(WorkerState::Ready)
        );
    }
}
