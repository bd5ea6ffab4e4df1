//! One trial in the coordinator: the workers that take part, and the state of each.
//!
//! ```text
//! Spawning ─joined→ Loading ─loaded→ Ready ─(all)→ Arming ─armed→ Armed ─(all, clocks known)→ Running ─part→ Reported
//!     Reported ─(flush asked)→ Flushing ─flushed→ Leaving ─exited→ Gone          Reported ─(stays)→ Ready
//! ```
//! A worker can be lost in every state; the core decides what follows.

use contract::id::{Arm, Ticket};

use super::slots::AgentSlot;

/// State of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkerState {
    /// Its process is being started.
    Spawning,
    /// Its engine is being opened.
    Loading,
    /// Its engine is open.
    Ready,
    /// It is warming up.
    Arming,
    /// It has warmed up.
    Armed,
    /// It measures, or will from the start instant on.
    Running,
    /// Its part has arrived.
    Reported,
    /// It is writing its profile.
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
    pub arm: Arm,
    pub step: WorkerState,
    /// Its part of this trial has arrived.
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

    /// Whether there are workers and all are in exactly this state.
    pub(super) fn all_at(&self, step: WorkerState) -> bool {
        !self.all.is_empty() && self.all.iter().all(|worker| worker.step == step)
    }

    /// Moves every worker to a state.
    pub(super) fn move_all(&mut self, step: WorkerState) {
        self.all.iter_mut().for_each(|worker| worker.step = step);
    }

    /// Workers whose process may still be running.
    pub(super) fn living(&self) -> impl Iterator<Item = &TrialWorker> {
        self.all
            .iter()
            .filter(|worker| worker.step != WorkerState::Gone)
    }

    /// The worker that is furthest behind.
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
            arm: Arm::A,
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
