//! Which block and trial are current, which trial each slot takes part in, the orders that workers
//! get, and notices that name a trial.

use contract::id::{Ticket, TrialKey};
use contract::identity::HostFacts;
use contract::message::ToPeer;

use super::super::event::{Effect, PendingNotice, ProgressEvent, Reason};
use super::super::orders::WorkerOrder;
use super::super::slots::AgentSlot;
use super::{Core, Unwritten};
use crate::schedule::Block;

impl Core {
    /// The current block; the last one once all are done.
    pub(super) fn current(&self) -> &Block {
        &self.script.blocks[self.block.min(self.script.blocks.len() - 1)]
    }

    /// The current trial (in a duet that of the first slot); the block's last one once all are
    /// done.
    pub(super) fn key(&self) -> TrialKey {
        self.key_in(0)
    }

    /// The trial that a slot takes part in.
    pub(super) fn key_in(&self, slot: u32) -> TrialKey {
        let block = self.current();
        block.key(block.arm(self.turn.min(block.turns() - 1), slot))
    }

    /// In a duet both slots of a pair must be on one host, so that both arms meet the same
    /// disturbance. Describes the first pair that is on two hosts.
    pub(super) fn parted(&self, seats: &[Option<AgentSlot>]) -> Option<String> {
        let pairs = seats
            .chunks_exact(2)
            .zip((0..).step_by(2))
            .filter(|_| self.current().duet);
        let hosts = |pair: &[Option<AgentSlot>]| {
            let name = |seat: Option<AgentSlot>| seat.and_then(|seat| self.slots.name(seat.agent));
            name(pair[0]).zip(name(pair[1]))
        };
        let apart = |(pair, slot): (&[Option<AgentSlot>], u32)| {
            let (one, other) = hosts(pair).filter(|(one, other)| one != other)?;
            Some(format!(
                "the arms of a duet run at the same time on one host, but slot {slot} would be on {one} and \
                 slot {} on {other}: start every agent with the plan's number of slots, which must be even \
                 (`worker agent --slots`)",
                slot + 1
            ))
        };
        pairs.into_iter().find_map(apart)
    }

    pub(super) fn load_order(&self, slot: u32) -> WorkerOrder {
        let block = Box::new(self.current().clone());
        WorkerOrder::Load {
            attempt: self.attempt,
            block,
            arm: self.key_in(slot).arm,
        }
    }

    /// Tells a worker to warm up. From here on its part must belong to this trial.
    pub(super) fn arm(&mut self, ticket: Ticket, effects: &mut Vec<Effect>) {
        let Some(slot) = self.workers.get(ticket).map(|worker| worker.slot) else {
            return;
        };
        let block = Box::new(self.current().clone());
        let arm = self.key_in(slot).arm;
        let message = self.orders.message(&WorkerOrder::Arm {
            attempt: self.attempt,
            block,
            arm,
            slot,
        });
        if let ToPeer::Arm {
            attempt,
            assignment,
        } = &message
        {
            self.peers.renew(ticket, *attempt, (**assignment).clone());
        }
        if let Some(peer) = self.peers.session(ticket) {
            effects.push(Effect::Send { peer, message });
        }
    }

    /// Sends an order to a worker that has a session.
    pub(super) fn tell(&self, ticket: Ticket, order: &WorkerOrder, effects: &mut Vec<Effect>) {
        if let Some(peer) = self.peers.session(ticket) {
            effects.push(Effect::Send {
                peer,
                message: self.orders.message(order),
            });
        }
    }

    /// Notes an event that costs no part.
    pub(super) fn note(&mut self, reason: Reason, effects: &mut Vec<Effect>) {
        self.note_in(0, 0, reason, None, effects);
    }

    /// Records a host, if it is not on record yet.
    pub(super) fn note_host(
        &mut self,
        reason: Reason,
        host: Option<(String, HostFacts)>,
        effects: &mut Vec<Effect>,
    ) {
        self.note_in(0, 0, reason, host, effects);
    }

    /// Notes that the parts of several workers are lost; `slot` is the first one's.
    pub(super) fn note_loss(
        &mut self,
        slot: u32,
        workers: u32,
        reason: Reason,
        effects: &mut Vec<Effect>,
    ) {
        self.note_in(slot, workers, reason, None, effects);
    }

    /// Notes a message of an attempt that was given up: the first, and then whenever their number
    /// has doubled.
    pub(super) fn late(&mut self, reason: impl FnOnce(u64) -> Reason, effects: &mut Vec<Effect>) {
        self.late += 1;
        if self.late.is_power_of_two() {
            self.note(reason(self.late), effects);
        }
    }

    fn note_in(
        &mut self,
        slot: u32,
        workers: u32,
        reason: Reason,
        host: Option<(String, HostFacts)>,
        effects: &mut Vec<Effect>,
    ) {
        if self.script.blocks.is_empty() {
            return;
        }
        let what = if workers > 0 {
            Unwritten::Loss
        } else {
            Unwritten::Aside
        };
        self.unwritten = self.unwritten.max(what);
        let host = host.map(Box::new);
        let noted = PendingNotice {
            key: self.key_in(slot),
            attempt: self.attempt,
            reason,
            workers,
            host,
        };
        effects.push(Effect::Show(ProgressEvent::Note(noted.clone())));
        effects.push(Effect::Note(noted));
    }
}
