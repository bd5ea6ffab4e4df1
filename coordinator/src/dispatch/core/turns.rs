//! Whose turn it is: the block, the trial that each slot takes part in, what its worker is told of
//! them, and notes that name them.

use contract::id::{Ticket, TrialKey};
use contract::identity::HostFacts;
use contract::message::ToPeer;

use super::super::event::{Effect, PendingNotice, ProgressEvent, Reason};
use super::super::orders::WorkerOrder;
use super::super::slots::AgentSlot;
use super::{Core, Unwritten};
use crate::schedule::Block;

impl Core {
    /// The block whose turn it is; the last one once all are done.
    pub(super) fn current(&self) -> &Block {
        &self.script.blocks[self.block.min(self.script.blocks.len() - 1)]
    }

    /// The trial whose turn it is, of a duet that of the first slot; the block's last one once all
    /// are done.
    pub(super) fn key(&self) -> TrialKey {
        self.key_in(0)
    }

    /// The trial that a slot takes part in.
    pub(super) fn key_in(&self, slot: u32) -> TrialKey {
        let block = self.current();
        block.key(block.arm(self.turn.min(block.turns() - 1), slot))
    }

    /// Why the arms of a duet would not share what disturbs their hosts: the first pair of slots
    /// that lies on two.
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

    /// Has a worker warm up; from here on its part must be that of this trial.
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

    /// Tells a worker, while it has a session.
    pub(super) fn tell(&self, ticket: Ticket, order: &WorkerOrder, effects: &mut Vec<Effect>) {
        if let Some(peer) = self.peers.session(ticket) {
            effects.push(Effect::Send {
                peer,
                message: self.orders.message(order),
            });
        }
    }

    /// Notes what costs nobody a part.
    pub(super) fn note(&mut self, reason: Reason, effects: &mut Vec<Effect>) {
        self.note_in(0, 0, reason, None, effects);
    }

    /// Notes that a host is on record from here on, if it was not.
    pub(super) fn note_host(
        &mut self,
        reason: Reason,
        host: Option<(String, HostFacts)>,
        effects: &mut Vec<Effect>,
    ) {
        self.note_in(0, 0, reason, host, effects);
    }

    /// Notes that so many workers' parts are lost, the first of which is this slot's.
    pub(super) fn note_loss(
        &mut self,
        slot: u32,
        workers: u32,
        reason: Reason,
        effects: &mut Vec<Effect>,
    ) {
        self.note_in(slot, workers, reason, None, effects);
    }

    /// Messages of given up attempts are noted like those of strangers: the first, and whenever
    /// their number has doubled.
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
