//! Decides what happens next in a run. Pure: no clock, no socket, no task; every event comes with the time.
//!
//! ```text
//! Gathering ─(slots are there)→ Trial ─(all parts)→ Trial … ─(block's last arm)→ Committing ─committed→ Gathering …
//!     Committing ─settled→ Clearing{end} ─→ Done                    (a planned look found the answer)
//!     Trial ─(loss)→ Clearing{again} ─(all gone)→ Gathering         (same block, next attempt, until max_attempts)
//!     Trial ─(Ctrl-C | cannot go on)→ Clearing{end} ─(all gone)→ Done
//!     any   ─(second Ctrl-C)→ Done, everything killed
//!     Trial ─(loss, where the run may shrink and a worker is left)→ Trial, without that slot until the block's end
//! ```
//! Slots take turns arm by arm; in a duet all arms have theirs at once, each in slots of its own.
//! The block is the unit of repetition: what an aborted attempt measured is superseded, never merged. It must not know
//! what a part contains beyond its place and the length of its window, nor how anything is sent or stored.

mod loss;
mod shrink;
mod turns;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contract::id::{Attempt, Ticket};
use contract::run::{BlockDone, NoticeKind};
use contract::spec::Planned;

use self::loss::INTERRUPTED;
use super::event::{Cause, Effect, Ending, Event, Order, Sight, SpawnOrder};
use super::seats::{Seat, Seats};
use super::trial::{Crew, Member, Step};
use crate::schedule::Block;

/// What the core is to carry out.
#[derive(Clone, Debug)]
pub struct Script {
    /// In order; resumed runs leave out what is done.
    pub blocks: Vec<Block>,
    /// Slots the plan asks for.
    pub slots: u32,
    /// Requests planned for a scenario, by index.
    pub requests: Vec<Planned>,
    /// Tries of a block before the run fails; 1 means that any loss ends it.
    pub max_attempts: u32,
    /// Go on without lost slots, as long as one is left.
    pub shrink: bool,
    /// The first attempt number: above those of an earlier, interrupted go.
    pub first_attempt: Attempt,
    /// Keep worker processes from trial to trial.
    pub resident: bool,
    /// Have every worker write its profile before it leaves.
    pub flush: bool,
    /// How long each step may take.
    pub limits: Limits,
}

/// How long each step may take before the worker counts as lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Until enough slots have registered.
    pub gather: Duration,
    /// From the order to start a process until it introduces itself.
    pub spawn: Duration,
    /// Loading the model.
    pub load: Duration,
    /// Warming up.
    pub warm_up: Duration,
    /// From the start instant until the part is here.
    pub run: Duration,
    /// From the order to leave until the process is gone.
    pub leave: Duration,
}

/// The state of a run.
#[derive(Debug)]
pub struct Core {
    script: Script,
    seats: Seats,
    phase: Phase,
    /// Index of the current block in the script.
    block: usize,
    /// Turn of the block: the index of the current arm in its order, where arms take turns.
    turn: usize,
    attempt: Attempt,
    tries: u32,
    /// Requests in the parts of this attempt of the block.
    issued: u64,
    crew: Crew,
    /// Workers kept for their next turn (`resident`).
    parked: Vec<Member>,
    /// Slots without which the block goes on, so that all its later arms run in the same places.
    out: BTreeSet<u32>,
    /// Requests of this attempt that nobody sends.
    lost_requests: u64,
    deadline: Duration,
    /// When the workers of this trial were told to start.
    begun: Duration,
    next_ticket: u64,
    interrupts: u32,
    greeted: bool,
    /// Agents that were not let in, and what is unlike of their hosts.
    refused: BTreeMap<String, String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    Gathering,
    Trial,
    Clearing(Next),
    Committing,
    Done,
}

/// What follows once every worker is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Next {
    Again,
    End(Ending),
}

impl Core {
    /// Ready to begin; the first tick or event sets it going.
    #[must_use]
    pub fn new(script: Script, now: Duration) -> Self {
        let deadline = now + script.limits.gather;
        let attempt = script.first_attempt;
        Self {
            script,
            seats: Seats::default(),
            phase: Phase::Gathering,
            block: 0,
            turn: 0,
            attempt,
            tries: 1,
            issued: 0,
            crew: Crew::default(),
            parked: Vec::new(),
            out: BTreeSet::new(),
            lost_requests: 0,
            deadline,
            begun: Duration::ZERO,
            next_ticket: 1,
            interrupts: 0,
            greeted: false,
            refused: BTreeMap::new(),
        }
    }

    /// The instant at which the current step is overdue: the driver sends a tick then.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        matches!(self.phase, Phase::Gathering | Phase::Trial | Phase::Clearing(_)).then_some(self.deadline)
    }

    /// Takes one event and says what to do about it.
    pub fn on_event(&mut self, now: Duration, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.phase == Phase::Done {
            return effects;
        }
        match event {
            Event::AgentJoined { agent, name, slots } => {
                self.refused.remove(&name);
                // More than the run has of them are of no use to it, whatever a host says of itself.
                self.seats.join(agent, name, slots.min(self.script.slots));
                let (have, want) = (self.seats.count(), self.script.slots);
                effects.push(Effect::Show(Sight::Gathering { have, want }));
            }
            Event::AgentRefused { name, why } => self.agent_refused(name, why, &mut effects),
            Event::AgentLost(agent) => self.agent_lost(now, agent, &mut effects),
            Event::AgentEnded(lost) => self.agent_ended(now, &lost, &mut effects),
            Event::SpawnFailed { ticket, message } => self.spawn_failed(now, ticket, &message, &mut effects),
            Event::Exited { ticket, exit } => self.exited(now, ticket, &exit.to_string(), &mut effects),
            Event::WorkerJoined(ticket) => self.worker_joined(now, ticket, &mut effects),
            Event::WorkerSilent(ticket) => self.worker_silent(now, ticket, &mut effects),
            Event::ClockJumped { ticket, by } => self.clock_jumped(now, ticket, by, &mut effects),
            Event::Said { ticket, attempt, word } => self.said(now, ticket, attempt, word, &mut effects),
            Event::LatePart => {
                let message = "a part of a worker that had been given up came and was dropped".to_owned();
                self.note(NoticeKind::Late, message, &mut effects);
            }
            Event::Told(line) => effects.push(Effect::Show(Sight::Told(line))),
            Event::Committed => self.committed(now, None, &mut effects),
            Event::Settled(why) => self.committed(now, Some(why), &mut effects),
            Event::StoreFailed(reason) => self.end(now, Cause::Store, reason, &mut effects),
            Event::Interrupt => self.interrupt(now, &mut effects),
            Event::Tick => self.tick(now, &mut effects),
        }
        self.advance(now, &mut effects);
        effects
    }

    /// Goes on wherever nothing is awaited any more.
    fn advance(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        match &self.phase {
            Phase::Gathering if self.script.blocks.is_empty() => self.finish(complete(), effects),
            Phase::Gathering if self.may_begin() => self.begin_trial(now, effects),
            Phase::Trial => self.advance_trial(now, effects),
            Phase::Clearing(next) if self.crew.living().next().is_none() => {
                let next = next.clone();
                self.crew = Crew::default();
                match next {
                    Next::Again => self.gather(now),
                    Next::End(ending) => self.finish(ending, effects),
                }
                self.advance(now, effects);
            }
            _ => {}
        }
    }

    /// Whether the slots are there; those that were lost are not waited for where a run may shrink.
    fn may_begin(&self) -> bool {
        let have = self.seats.count();
        have >= self.script.slots || (self.script.shrink && self.greeted && have > 0)
    }

    fn gather(&mut self, now: Duration) {
        self.phase = Phase::Gathering;
        self.deadline = now + self.script.limits.gather;
    }

    fn begin_trial(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let places = self.seats.places(self.script.slots);
        if let Some(why) = self.parted(&places) {
            self.end(now, Cause::Losses, why, effects);
            return self.advance(now, effects);
        }
        let (key, block) = (self.key(), self.current());
        let arms = if block.duet { block.order.clone() } else { vec![key.arm] };
        effects.push(Effect::Show(Sight::Trial {
            key,
            arms: arms.into_iter().map(|arm| (arm, block.variant(arm).to_owned())).collect(),
            done: block.trials_before + u32::try_from(self.turn).expect("at most three arms"),
            total: block.trials,
            attempt: self.attempt,
        }));
        self.phase = Phase::Trial;
        self.deadline = now + self.script.limits.spawn;
        for (slot, seat) in (0..).zip(places) {
            let Some(seat) = seat.filter(|_| !self.out.contains(&slot)) else {
                self.leave_out(slot, effects);
                continue;
            };
            let block = self.current();
            let variant = block.variant(block.arm(self.turn, slot)).to_owned();
            let parked = self.parked.iter().position(|m| m.seat == seat && m.variant == variant);
            let member = match parked {
                Some(at) => Member { step: Step::Ready, reported: false, ..self.parked.swap_remove(at) },
                None => self.spawn(slot, seat, &variant, effects),
            };
            self.crew.members.push(member);
        }
        if self.crew.members.is_empty() {
            let message = "none of the block's slots is left";
            return self.lost(now, &[], NoticeKind::AgentLost, message, effects);
        }
        // Workers that were kept are ready at once.
        self.advance_trial(now, effects);
    }

    fn spawn(&mut self, slot: u32, seat: Seat, variant: &str, effects: &mut Vec<Effect>) -> Member {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        effects.push(Effect::Spawn(SpawnOrder {
            agent: seat.agent,
            ticket,
            local_slot: seat.local,
            variant: variant.to_owned(),
        }));
        Member { ticket, seat, slot, variant: variant.to_owned(), step: Step::Spawning, reported: false }
    }

    /// The barriers of a trial: everybody ready → arm; everybody armed → start; everybody reported → leave.
    fn advance_trial(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let limits = self.script.limits;
        if self.crew.all_at(Step::Gone) {
            self.crew = Crew::default();
            self.next_arm(now, effects);
        } else if self.crew.all_at(Step::Ready) {
            self.crew.move_all(Step::Arming);
            self.deadline = now + limits.warm_up;
            effects.push(Effect::Show(Sight::Phase("warming up")));
            for member in &self.crew.members {
                effects.push(Effect::Tell { ticket: member.ticket, order: self.arm_order(member) });
            }
        } else if self.crew.all_at(Step::Armed) {
            self.crew.move_all(Step::Running);
            (self.begun, self.deadline) = (now, now + limits.run);
            effects.push(Effect::Show(Sight::Phase("measuring")));
            effects.push(Effect::StartAll { attempt: self.attempt, tickets: self.crew.tickets() });
        } else if self.crew.all_at(Step::Reported) {
            self.deadline = now + limits.leave;
            self.after_report(effects);
            self.advance(now, effects);
        }
    }

    /// Everybody's part is here: keep the workers, have them write their profile, or let them go.
    fn after_report(&mut self, effects: &mut Vec<Effect>) {
        if self.script.resident {
            self.parked.append(&mut self.crew.members);
            return;
        }
        let (step, order) =
            if self.script.flush { (Step::Flushing, Order::Flush) } else { (Step::Leaving, Order::Drain) };
        self.crew.move_all(step);
        for ticket in self.crew.tickets() {
            effects.push(Effect::Tell { ticket, order: order.clone() });
        }
    }

    fn next_arm(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        self.turn += 1;
        if self.turn < self.current().turns() {
            return self.begin_or_gather(now, effects);
        }
        self.phase = Phase::Committing;
        let block = self.current();
        let requests = self.script.requests[block.scenario as usize];
        effects.push(Effect::Commit(BlockDone {
            scenario: block.cell,
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

    fn begin_or_gather(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        self.gather(now);
        self.advance(now, effects);
    }

    /// The block is durable; with `settled` its run has an answer already.
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

    fn finish(&mut self, ending: Ending, effects: &mut Vec<Effect>) {
        self.phase = Phase::Done;
        effects.push(Effect::Finish(ending));
    }

    fn set(&mut self, ticket: Ticket, step: Step) {
        if let Some(member) = self.crew.get_mut(ticket) {
            member.step = step;
        }
    }
}

fn complete() -> Ending {
    Ending { cause: Cause::Done, reason: String::new() }
}
