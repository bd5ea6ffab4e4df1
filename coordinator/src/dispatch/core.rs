//! Decides what happens next in a run. Pure: no clock, no socket, no task; every event comes with the time.
//!
//! ```text
//! Gathering ─(slots are there)→ Trial ─(all parts)→ Trial … ─(block's last arm)→ Committing ─committed→ Gathering …
//!     Trial ─(loss)→ Clearing{again} ─(all gone)→ Gathering         (same block, next attempt, until max_attempts)
//!     Trial ─(Ctrl-C | cannot go on)→ Clearing{end} ─(all gone)→ Done
//!     any   ─(second Ctrl-C)→ Done, everything killed
//! ```
//! The block is the unit of repetition: what an aborted attempt measured is superseded, never merged. It must not know
//! what a part contains beyond its place, nor how anything is sent or stored.

mod loss;

use std::time::Duration;

use contract::id::{Attempt, Ticket, TrialKey};
use contract::run::{BlockDone, NoticeKind};
use contract::spec::Planned;

use self::loss::INTERRUPTED;
use super::event::{Cause, Delivery, Effect, Ending, Event, Noted, Order, Sight, SpawnOrder, Word};
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
    /// Index of the current arm in the block's order.
    arm: usize,
    attempt: Attempt,
    tries: u32,
    /// Requests in the parts of this attempt of the block.
    issued: u64,
    crew: Crew,
    /// Workers kept for their next turn (`resident`).
    parked: Vec<Member>,
    deadline: Duration,
    next_ticket: u64,
    interrupts: u32,
    greeted: bool,
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
            arm: 0,
            attempt,
            tries: 1,
            issued: 0,
            crew: Crew::default(),
            parked: Vec::new(),
            deadline,
            next_ticket: 1,
            interrupts: 0,
            greeted: false,
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
            Event::AgentJoined { agent, slots } => {
                self.seats.join(agent, slots);
                let (have, want) = (self.seats.count(), self.script.slots);
                effects.push(Effect::Show(Sight::Gathering { have, want }));
            }
            Event::AgentLost(agent) => self.agent_lost(now, agent, &mut effects),
            Event::AgentEnded(how) => self.agent_ended(now, &how, &mut effects),
            Event::SpawnFailed { ticket, message } => self.spawn_failed(now, ticket, &message, &mut effects),
            Event::Exited { ticket, exit } => self.exited(now, ticket, &exit.to_string(), &mut effects),
            Event::WorkerJoined(ticket) => self.worker_joined(now, ticket, &mut effects),
            Event::WorkerSilent(ticket) => self.worker_silent(now, ticket, &mut effects),
            Event::Said { ticket, attempt, word } => self.said(now, ticket, attempt, word, &mut effects),
            Event::Committed => self.committed(now, &mut effects),
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
            Phase::Gathering if self.seats.count() >= self.script.slots => self.begin_trial(now, effects),
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

    fn gather(&mut self, now: Duration) {
        self.phase = Phase::Gathering;
        self.deadline = now + self.script.limits.gather;
    }

    fn begin_trial(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let (key, block) = (self.key(), self.current());
        let variant = block.variant(key.arm).to_owned();
        effects.push(Effect::Show(Sight::Trial {
            key,
            variant: variant.clone(),
            done: block.trials_before + u32::try_from(self.arm).expect("at most three arms"),
            total: block.trials,
            attempt: self.attempt,
        }));
        self.phase = Phase::Trial;
        self.deadline = now + self.script.limits.spawn;
        for (slot, seat) in self.seats.first(self.script.slots).into_iter().enumerate() {
            let slot = u32::try_from(slot).expect("slots are counted in u32");
            let parked = self.parked.iter().position(|m| m.seat == seat && m.variant == variant);
            let member = match parked {
                Some(at) => Member { step: Step::Ready, ..self.parked.swap_remove(at) },
                None => self.spawn(slot, seat, &variant, effects),
            };
            self.crew.members.push(member);
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
        Member { ticket, seat, slot, variant: variant.to_owned(), step: Step::Spawning }
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
            self.deadline = now + limits.run;
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
        self.arm += 1;
        if self.arm < self.current().order.len() {
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
                Planned::Exactly(requests) => u64::from(requests) * block.order.len() as u64,
                Planned::AtMost(_) => self.issued,
            },
        }));
    }

    fn begin_or_gather(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        self.gather(now);
        self.advance(now, effects);
    }

    fn committed(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if self.phase != Phase::Committing {
            return;
        }
        self.block += 1;
        self.arm = 0;
        self.issued = 0;
        self.tries = 1;
        if self.block == self.script.blocks.len() {
            self.end(now, Cause::Done, String::new(), effects);
        } else if self.interrupts > 0 {
            self.end(now, Cause::User, INTERRUPTED.to_owned(), effects);
        } else {
            self.gather(now);
        }
    }

    fn worker_joined(&mut self, now: Duration, ticket: Ticket, effects: &mut Vec<Effect>) {
        let order = self.load_order();
        let limit = self.script.limits.load;
        if let Some(member) = self.crew.get_mut(ticket).filter(|m| m.step == Step::Spawning) {
            member.step = Step::Loading;
            effects.push(Effect::Tell { ticket, order });
            self.deadline = now + limit;
        }
    }

    fn said(
        &mut self,
        now: Duration,
        ticket: Ticket,
        attempt: Attempt,
        word: Word,
        effects: &mut Vec<Effect>,
    ) {
        // A flush is asked after the part and carries no attempt of its own; who is stopped says so in the old one.
        if attempt != self.attempt && !matches!(word, Word::Flushed | Word::Stopped) {
            let message =
                format!("a message of attempt {} came during attempt {}", attempt.0, self.attempt.0);
            return self.note(NoticeKind::Late, message, effects);
        }
        let Some(step) = self.crew.get_mut(ticket).map(|member| member.step) else { return };
        match (word, step) {
            (Word::Loaded(report), Step::Loading) => {
                if !self.greeted {
                    self.greeted = true;
                    effects.push(Effect::Show(Sight::Loaded(report)));
                }
                self.set(ticket, Step::Ready);
            }
            (Word::Armed, Step::Arming) => self.set(ticket, Step::Armed),
            (Word::Part(delivery), Step::Running) => self.delivered(now, ticket, delivery, effects),
            (Word::BadPart(message), Step::Running) => {
                self.lost(now, NoticeKind::BadPart, &message, effects);
            }
            (Word::Flushed, Step::Flushing) => {
                self.set(ticket, Step::Leaving);
                effects.push(Effect::Tell { ticket, order: Order::Drain });
            }
            (Word::Failed(failure), step) if step != Step::Gone => self.failed(now, failure, effects),
            _ => {}
        }
    }

    fn delivered(&mut self, now: Duration, ticket: Ticket, delivery: Delivery, effects: &mut Vec<Effect>) {
        let Some(member) = self.crew.get_mut(ticket) else { return };
        let slot = member.slot;
        let place = &delivery.part.place;
        if place.slot != slot || place.key != self.key() || place.attempt != self.attempt {
            let message = format!("slot {slot} sent a part of {} slot {}", place.key, place.slot);
            return self.lost(now, NoticeKind::BadPart, &message, effects);
        }
        self.set(ticket, Step::Reported);
        self.issued += delivery.part.outcomes.planned;
        effects.push(Effect::Keep(delivery));
        effects.push(Effect::Tell { ticket, order: Order::PartStored(self.attempt) });
    }

    fn finish(&mut self, ending: Ending, effects: &mut Vec<Effect>) {
        self.phase = Phase::Done;
        effects.push(Effect::Finish(ending));
    }

    fn note(&self, kind: NoticeKind, message: String, effects: &mut Vec<Effect>) {
        if self.script.blocks.is_empty() {
            return;
        }
        let noted = Noted { key: self.key(), attempt: self.attempt, kind, message };
        effects.push(Effect::Show(Sight::Note(noted.clone())));
        effects.push(Effect::Note(noted));
    }

    fn set(&mut self, ticket: Ticket, step: Step) {
        if let Some(member) = self.crew.get_mut(ticket) {
            member.step = step;
        }
    }

    /// The block whose turn it is; the last one once all are done.
    fn current(&self) -> &Block {
        &self.script.blocks[self.block.min(self.script.blocks.len() - 1)]
    }

    /// The trial whose turn it is; the block's last one once all are done.
    fn key(&self) -> TrialKey {
        let block = self.current();
        block.key(block.order[self.arm.min(block.order.len() - 1)])
    }

    fn load_order(&self) -> Order {
        let block = Box::new(self.current().clone());
        Order::Load { attempt: self.attempt, block, arm: self.key().arm }
    }

    fn arm_order(&self, member: &Member) -> Order {
        let block = Box::new(self.current().clone());
        Order::Arm { attempt: self.attempt, block, arm: self.key().arm, slot: member.slot }
    }
}

fn complete() -> Ending {
    Ending { cause: Cause::Done, reason: String::new() }
}
