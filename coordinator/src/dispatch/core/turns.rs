//! Whose turn it is: the block, the trial that each slot takes part in, what its worker is told of them, and notes that name
//! them. Reads the core and changes nothing.

use contract::id::TrialKey;
use contract::run::NoticeKind;

use super::super::event::{Effect, Noted, Order, Sight};
use super::super::trial::Member;
use super::Core;
use crate::schedule::Block;

impl Core {
    /// The block whose turn it is; the last one once all are done.
    pub(super) fn current(&self) -> &Block {
        &self.script.blocks[self.block.min(self.script.blocks.len() - 1)]
    }

    /// The trial whose turn it is, of a duet that of the first slot; the block's last one once all are done.
    pub(super) fn key(&self) -> TrialKey {
        self.key_in(0)
    }

    /// The trial that a slot takes part in.
    pub(super) fn key_in(&self, slot: u32) -> TrialKey {
        let block = self.current();
        block.key(block.arm(self.turn.min(block.turns() - 1), slot))
    }

    pub(super) fn load_order(&self, slot: u32) -> Order {
        let block = Box::new(self.current().clone());
        Order::Load { attempt: self.attempt, block, arm: self.key_in(slot).arm }
    }

    pub(super) fn arm_order(&self, member: &Member) -> Order {
        let block = Box::new(self.current().clone());
        Order::Arm { attempt: self.attempt, block, arm: self.key_in(member.slot).arm, slot: member.slot }
    }

    pub(super) fn note(&self, kind: NoticeKind, message: String, effects: &mut Vec<Effect>) {
        self.note_in(0, kind, message, effects);
    }

    /// Notes what became of a slot.
    pub(super) fn note_in(&self, slot: u32, kind: NoticeKind, message: String, effects: &mut Vec<Effect>) {
        if self.script.blocks.is_empty() {
            return;
        }
        let noted = Noted { key: self.key_in(slot), attempt: self.attempt, kind, message };
        effects.push(Effect::Show(Sight::Note(noted.clone())));
        effects.push(Effect::Note(noted));
    }
}
