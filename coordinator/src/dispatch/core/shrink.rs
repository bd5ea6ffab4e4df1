//! Going on without lost slots. Nobody else sends what they would have sent: the load on every other slot stays what it
//! was. A slot that is out stays out until the block's end, so that all later arms run in the same places, and what it
//! did not send is counted.

use contract::id::Ticket;
use contract::run::NoticeKind;

use super::super::event::Effect;
use super::super::trial::{Member, Step};
use super::Core;

impl Core {
    /// Every slot may take part again.
    pub(super) fn make_whole(&mut self) {
        self.out.clear();
        self.lost_requests = 0;
    }

    /// A slot takes no part in this trial, nor in the rest of the block.
    pub(super) fn leave_out(&mut self, slot: u32, effects: &mut Vec<Effect>) {
        let share = self.current().share(slot, self.script.slots);
        let requests = self.script.requests[self.current().scenario as usize].most();
        let lost = share.count(requests);
        self.lost_requests += u64::from(lost);
        if self.out.insert(slot) {
            let message = format!(
                "the block goes on without slot {slot}, which would have sent {lost} requests of each arm"
            );
            self.note(NoticeKind::Shrunk, message, effects);
        }
    }

    /// Lets the lost workers' slots go, if the run may shrink and others are left. False when it cannot go on so.
    pub(super) fn shrunk(&mut self, lost: &[Ticket], effects: &mut Vec<Effect>) -> bool {
        let is_lost = |member: &Member| lost.contains(&member.ticket);
        let others = self.crew.members.iter().any(|member| !is_lost(member) && member.step != Step::Gone);
        if !self.script.shrink || lost.is_empty() || !others {
            return false;
        }
        let members = std::mem::take(&mut self.crew.members);
        let (gone, rest): (Vec<_>, Vec<_>) = members.into_iter().partition(is_lost);
        self.crew.members = rest;
        for member in gone {
            if member.step != Step::Gone {
                let (agent, ticket) = (member.seat.agent, member.ticket);
                effects.push(Effect::Stop { agent, ticket, grace: self.script.limits.leave / 2 });
            }
            // A worker whose part is here has sent all it had to send; only its later turns are lost.
            if member.reported {
                self.out.insert(member.slot);
            } else {
                self.leave_out(member.slot, effects);
            }
        }
        true
    }
}
