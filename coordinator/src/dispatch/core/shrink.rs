//! Continues a block without lost slots. The other slots keep their load: no slot takes over the
//! requests of a lost slot. A lost slot stays out until the block ends, so that all later arms run
//! in the same slots, and the requests it did not send are counted.

use contract::id::Ticket;

use super::super::event::{Effect, Reason};
use super::super::trial::{TrialWorker, WorkerState};
use super::Core;

impl Core {
    /// Lets every slot take part again.
    pub(super) fn make_whole(&mut self) {
        self.out.clear();
        self.lost_requests = 0;
    }

    /// Leaves a slot out of this trial and the rest of the block.
    pub(super) fn leave_out(&mut self, slot: u32, effects: &mut Vec<Effect>) {
        let share = self.current().share(slot, self.script.slots);
        let most = self.script.requests[self.current().scenario as usize].most();
        let requests = share.count(most);
        self.lost_requests += u64::from(requests);
        if self.out.insert(slot) {
            self.note(Reason::Shrunk { slot, requests }, effects);
        }
    }

    /// Continues without the lost workers' slots if the run may shrink and other slots are left.
    /// Returns false otherwise.
    pub(super) fn shrunk(&mut self, lost: &[Ticket], effects: &mut Vec<Effect>) -> bool {
        let is_lost = |worker: &TrialWorker| lost.contains(&worker.ticket);
        let others = self
            .workers
            .all
            .iter()
            .any(|worker| !is_lost(worker) && worker.step != WorkerState::Gone);
        if !self.script.shrink || lost.is_empty() || !others {
            return false;
        }
        let workers = std::mem::take(&mut self.workers.all);
        let (gone, rest): (Vec<_>, Vec<_>) = workers.into_iter().partition(is_lost);
        self.workers.all = rest;
        for worker in gone {
            if worker.step != WorkerState::Gone {
                let grace = self.script.limits.leave / 2;
                super::loss::stop(&worker, grace, effects);
            }
            // A worker whose part has arrived has sent all its requests; only its later turns are
            // lost.
            if worker.reported {
                self.out.insert(worker.slot);
            } else {
                self.leave_out(worker.slot, effects);
            }
        }
        true
    }
}
