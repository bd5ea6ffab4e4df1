//! Whose turn it is: the block, the trial that each slot takes part in, what its worker is told of them, and notes that name
//! them. Reads the core and changes nothing.

use contract::id::TrialKey;
use contract::run::NoticeKind;

use super::super::event::{Effect, Noted, Order, Sight};
use super::super::seats::Seat;
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

    /// Why the arms of a duet would not share what disturbs their hosts: the first pair of slots that lies on two.
    pub(super) fn parted(&self, places: &[Option<Seat>]) -> Option<String> {
        let pairs = places.chunks_exact(2).zip((0..).step_by(2)).filter(|_| self.current().duet);
        let hosts = |pair: &[Option<Seat>]| {
            let name = |seat: Option<Seat>| seat.and_then(|seat| self.seats.name(seat.agent));
            name(pair[0]).zip(name(pair[1]))
        };
        let apart = |(pair, slot): (&[Option<Seat>], u32)| {
            let (one, other) = hosts(pair).filter(|(one, other)| one != other)?;
            Some(format!(
                "a duet's arms run side by side on one host, but slot {slot} would be on {one} and slot {} on {other}: \
                 start every agent with an even number of slots, those of the plan (`worker agent --slots`)",
                slot + 1
            ))
        };
        pairs.into_iter().find_map(apart)
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
