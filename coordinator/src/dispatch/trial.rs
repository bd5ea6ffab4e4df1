//! One trial as seen from above: the workers that take part and how far each has come.
//!
//! ```text
//! Spawning ─joined→ Loading ─loaded→ Ready ─(all)→ Arming ─armed→ Armed ─(all)→ Running ─part→ Reported
//!     Reported ─(flush asked)→ Flushing ─flushed→ Leaving ─exited→ Gone          Reported ─(resident)→ Ready
//! ```
//! From every step a worker can be lost; what follows from that is the core's business.

use contract::id::Ticket;

use super::seats::Seat;

/// How far a worker has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Spawning,
    Loading,
    Ready,
    Arming,
    Armed,
    Running,
    Reported,
    Flushing,
    Leaving,
    Gone,
}

/// One worker process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub ticket: Ticket,
    pub seat: Seat,
    /// Slot over the whole fleet.
    pub slot: u32,
    pub variant: String,
    pub step: Step,
    /// Its part of this trial is here.
    pub reported: bool,
}

/// The workers of a trial.
#[derive(Debug, Default)]
pub(super) struct Crew {
    pub members: Vec<Member>,
}

impl Crew {
    pub(super) fn get_mut(&mut self, ticket: Ticket) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.ticket == ticket)
    }

    /// Whether every worker is exactly at this step.
    pub(super) fn all_at(&self, step: Step) -> bool {
        self.members.iter().all(|member| member.step == step)
    }

    /// Moves every worker.
    pub(super) fn move_all(&mut self, step: Step) {
        self.members.iter_mut().for_each(|member| member.step = step);
    }

    /// Workers whose process may still live.
    pub(super) fn living(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.step != Step::Gone)
    }

    /// The step of the one furthest behind, for messages.
    pub(super) fn slowest(&self) -> Option<&Member> {
        self.members.iter().min_by_key(|member| member.step)
    }

    pub(super) fn tickets(&self) -> Vec<Ticket> {
        self.members.iter().map(|member| member.ticket).collect()
    }
}

impl Step {
    /// What a worker that stays here too long failed to do.
    pub(super) const fn overdue(self) -> &'static str {
        match self {
            Self::Spawning => "did not report to the coordinator",
            Self::Loading => "did not finish loading its model",
            Self::Ready | Self::Arming => "did not finish its warm-up",
            Self::Armed | Self::Running => "did not finish its requests",
            Self::Reported | Self::Flushing => "did not write its profile",
            Self::Leaving | Self::Gone => "did not leave",
        }
    }
}
