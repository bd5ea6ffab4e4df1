//! Makes every decision of a run: which peers are admitted, which host each slot is on, which trial
//! runs next, and what a loss costs. Pure: no clock, no socket, no task. Every event carries the
//! time.
//!
//! ```text
//! Gathering ─(slots are there)→ Trial ─(all parts)→ Trial … ─(block's last arm)→ Committing ─committed→ Gathering …
//!     Committing ─settled→ Clearing{end} ─→ Done                    (the interim analysis is clear)
//!     Trial ─(loss)→ Clearing{again} ─(all gone)→ Gathering         (same block, next attempt, until max_attempts)
//!     Trial ─(Ctrl-C | cannot go on)→ Clearing{end} ─(all gone)→ Done
//!     any   ─(second Ctrl-C)→ Done, everything killed
//!     Trial ─(loss, where the run may shrink and a worker is left)→ Trial, without that slot until the block's end
//! ```
//! The slots run one arm after the other; in a duet all arms run at once, each in its own slots. A
//! slot keeps its host within a block and moves only between blocks. The block is the unit of
//! repetition: the parts of an aborted attempt are superseded and never merged. This module must
//! not know what a part contains beyond its key and the length of its window, nor how anything is
//! sent or stored.

mod admission;
mod begin;
mod loss;
mod shrink;
mod turns;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contract::id::Attempt;
use contract::run::BlockDone;
use contract::spec::Planned;

use self::admission::Admission;
use super::event::{Cause, Effect, Ending, Event, PeerId, ProgressEvent, Reason};
use super::job::{Binary, Job, RunIdentity, Script};
use super::orders::{Orders, WorkerOrder};
use super::peers::Peers;
use super::reason::INTERRUPTED;
use super::slots::SlotMap;
use super::trial::{TrialWorker, TrialWorkers, WorkerState};

/// The state of a run.
#[derive(Debug)]
pub struct Core {
    script: Script,
    orders: Orders,
    binaries: BTreeMap<String, Binary>,
    env: Vec<(String, String)>,
    instrumented: bool,
    /// Facts that must not change during the run. `None` before the first engine is open, and in
    /// runs that record nothing.
    identity: Option<RunIdentity>,
    /// The stored run does not exist yet: the first engine that opens creates it.
    uncreated: bool,
    peers: Peers,
    admission: Admission,
    slots: SlotMap,
    phase: Phase,
    /// Index of the current block in the script.
    block: usize,
    /// Turn of the block: index of the current arm in the block's order, if arms alternate.
    turn: usize,
    attempt: Attempt,
    tries: u32,
    /// Requests in the parts of this attempt of the block.
    issued: u64,
    workers: TrialWorkers,
    /// Workers kept for their next turn (`resident`).
    parked: Vec<TrialWorker>,
    /// Slots that the block continues without. They stay out, so that all later arms of the block
    /// run in the same slots.
    out: BTreeSet<u32>,
    /// Requests of this attempt that no worker sends, because their slots were lost.
    lost_requests: u64,
    /// All workers are armed, but the clock of at least one is not known yet.
    clock_awaited: bool,
    deadline: Duration,
    /// When the workers of this trial were told to start.
    begun: Duration,
    next_ticket: u64,
    interrupts: u32,
    greeted: bool,
    /// Messages of older attempts so far.
    late: u64,
    /// What has been noted but is not durable yet.
    unwritten: Unwritten,
}

/// Urgency of the notices that are not durable yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Unwritten {
    Nothing,
    /// Written when no trial is running, because writing uses the disk and the processor.
    Aside,
    /// A loss: written at once, because the measurement in progress is lost anyway.
    Loss,
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    Gathering,
    Trial,
    Clearing(Next),
    Committing,
    Done,
}

/// What happens once every worker is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Next {
    Again,
    End(Ending),
}

impl Core {
    /// A new core. The first tick or event starts it.
    #[must_use]
    pub fn new(job: &Job, now: Duration) -> Self {
        let script = job.script.clone();
        let neighbours = if script.blocks.iter().any(|block| block.duet) {
            2
        } else {
            1
        };
        Self {
            orders: job.orders.clone(),
            binaries: job.binaries.clone(),
            env: job.env.clone(),
            instrumented: job.instrumented,
            identity: job.identity.clone(),
            uncreated: job.header.is_some(),
            peers: Peers::default(),
            admission: Admission::default(),
            slots: SlotMap::new(script.slots, neighbours),
            phase: Phase::Gathering,
            block: 0,
            turn: 0,
            attempt: script.first_attempt,
            tries: 1,
            issued: 0,
            workers: TrialWorkers::default(),
            parked: Vec::new(),
            out: BTreeSet::new(),
            lost_requests: 0,
            clock_awaited: false,
            deadline: now + script.limits.gather,
            begun: Duration::ZERO,
            next_ticket: 1,
            interrupts: 0,
            greeted: false,
            late: 0,
            unwritten: Unwritten::Nothing,
            script,
        }
    }

    /// Deadline of the current step; the driver sends a tick at this instant.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        matches!(
            self.phase,
            Phase::Gathering | Phase::Trial | Phase::Clearing(_)
        )
        .then_some(self.deadline)
    }

    /// Handles one event and returns the effects to perform.
    pub fn on_event(&mut self, now: Duration, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.phase == Phase::Done {
            return effects;
        }
        match event {
            Event::PeerOpened { peer, hello } => self.opened(now, peer, *hello, &mut effects),
            Event::PeerSaid { peer, message } => self.heard(now, peer, message, &mut effects),
            Event::PeerLeft { peer, end } => self.left(now, peer, end, &mut effects),
            Event::ClockKnown(peer) => self.peers.clock_known(peer),
            Event::ClockJumped { peer, by } => self.clock_jumped(now, peer, by, &mut effects),
            Event::AgentEnded(lost) => self.agent_ended(now, lost, &mut effects),
            Event::LatePart => self.late(|count| Reason::LatePart { count }, &mut effects),
            Event::Info(line) => effects.push(Effect::Show(ProgressEvent::Info(line))),
            Event::Committed => self.committed(now, None, &mut effects),
            Event::Settled(why) => self.committed(now, Some(why), &mut effects),
            Event::Extended(block) => {
                self.script.blocks.push(*block);
                self.committed(now, None, &mut effects);
            }
            Event::StoreFailed(reason) => self.end(now, Cause::Store, reason, &mut effects),
            Event::Interrupt => self.interrupt(now, &mut effects),
            Event::Tick => self.tick(now, &mut effects),
        }
        self.advance(now, &mut effects);
        // A loss is made durable when it happens; everything else once no trial is running.
        if self.unwritten == Unwritten::Loss || self.phase != Phase::Trial {
            self.write_notes(&mut effects);
        }
        effects
    }

    /// Advances the run as far as nothing more has to be awaited.
    fn advance(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        match &self.phase {
            Phase::Gathering if self.script.blocks.is_empty() => {
                let complete = Ending {
                    cause: Cause::Done,
                    reason: String::new(),
                };
                self.finish(complete, effects);
            }
            Phase::Gathering if self.may_begin() => self.begin_trial(now, effects),
            Phase::Trial => self.advance_trial(now, effects),
            Phase::Clearing(next) if self.workers.living().next().is_none() => {
                let next = next.clone();
                self.workers = TrialWorkers::default();
                match next {
                    Next::Again => self.gather(now),
                    Next::End(ending) => self.finish(ending, effects),
                }
                self.advance(now, effects);
            }
            _ => {}
        }
    }

    /// Whether enough slots are there. If the run may shrink, lost slots are not awaited.
    fn may_begin(&self) -> bool {
        let have = self.slots.filled();
        have >= self.script.slots || (self.script.shrink && self.greeted && have > 0)
    }

    fn gather(&mut self, now: Duration) {
        self.phase = Phase::Gathering;
        self.deadline = now + self.script.limits.gather;
    }

    /// The barriers of a trial: all ready → arm; all armed → start; all reported → leave.
    fn advance_trial(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let limits = self.script.limits;
        if self.workers.all_at(WorkerState::Gone) {
            self.workers = TrialWorkers::default();
            self.next_arm(now, effects);
        } else if self.workers.all_at(WorkerState::Ready) {
            self.workers.move_all(WorkerState::Arming);
            self.deadline = now + limits.warm_up;
            effects.push(Effect::Show(ProgressEvent::Phase("warming up")));
            for ticket in self.workers.tickets() {
                self.arm(ticket, effects);
            }
        } else if self.workers.all_at(WorkerState::Armed) {
            self.start(now, effects);
        } else if self.workers.all_at(WorkerState::Reported) {
            self.after_report(now, effects);
        }
    }

    /// Every part has arrived: keep the workers, have them write their profile, or let them go.
    fn after_report(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if self.script.resident || self.stays() {
            self.parked.append(&mut self.workers.all);
            return self.next_arm(now, effects);
        }
        // A slot that moved within a round has left its worker behind.
        if self.turn + 1 == self.current().turns() {
            self.workers.all.append(&mut self.parked);
        }
        self.deadline = now + self.script.limits.leave;
        let (step, order) = if self.script.flush {
            (WorkerState::Flushing, WorkerOrder::Flush)
        } else {
            (WorkerState::Leaving, WorkerOrder::Drain)
        };
        self.workers.move_all(step);
        for ticket in self.workers.tickets() {
            self.tell(ticket, &order, effects);
        }
    }

    /// Whether the workers of this block also measure the next window of its round.
    fn stays(&self) -> bool {
        let next = self.script.blocks.get(self.block + 1);
        next.is_some_and(|next| self.current().continues_in(next))
    }

    fn next_arm(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        self.turn += 1;
        if self.turn < self.current().turns() {
            self.gather(now);
            return self.advance(now, effects);
        }
        self.phase = Phase::Committing;
        // The pending notices are written with the block.
        self.unwritten = Unwritten::Nothing;
        let block = self.current();
        let requests = self.script.requests[block.scenario as usize];
        effects.push(Effect::Commit(BlockDone {
            cell: block.cell,
            round: block.round,
            attempt: self.attempt,
            order: block.order.clone(),
            finished_unix_ms: 0,
            planned_requests: match requests {
                Planned::Exactly(requests) => {
                    u64::from(requests) * block.order.len() as u64 - self.lost_requests
                }
                Planned::AtMost(_) => self.issued,
            },
            lost_requests: self.lost_requests,
        }));
    }

    /// The block is durable. `settled` says why the interim analysis ends the run here.
    fn committed(&mut self, now: Duration, settled: Option<String>, effects: &mut Vec<Effect>) {
        if self.phase != Phase::Committing {
            return;
        }
        self.block += 1;
        self.turn = 0;
        self.issued = 0;
        self.tries = 1;
        self.make_whole();
        if self.block == self.script.blocks.len() || settled.is_some() {
            self.end(now, Cause::Done, settled.unwrap_or_default(), effects);
        } else if self.interrupts > 0 {
            self.end(now, Cause::User, INTERRUPTED.to_owned(), effects);
        } else {
            self.gather(now);
        }
    }

    /// Lets every agent go. The driver writes the remaining notices.
    fn finish(&mut self, ending: Ending, effects: &mut Vec<Effect>) {
        self.phase = Phase::Done;
        self.unwritten = Unwritten::Nothing;
        let drain = |peer: PeerId| Effect::Send {
            peer,
            message: contract::message::ToPeer::Drain,
        };
        effects.extend(self.peers.agents().map(drain));
        effects.push(Effect::Finish(ending));
    }

    fn set(&mut self, ticket: contract::id::Ticket, step: WorkerState) {
        if let Some(worker) = self.workers.get_mut(ticket) {
            worker.step = step;
        }
    }
}
