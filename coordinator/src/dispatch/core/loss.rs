//! What follows from losses, overdue steps and Ctrl-C: repeat the block, or let every worker go and end the run.

use std::time::Duration;

use contract::id::{Attempt, Ticket};
use contract::message::Failure;
use contract::run::NoticeKind;

use super::super::event::{AgentId, Cause, Effect, Ending, LostAgent, Sight};
use super::super::trial::{Member, Step};
use super::{Core, Next, Phase};

pub(super) const INTERRUPTED: &str = "stopped by the user";

impl Core {
    pub(super) fn failed(
        &mut self,
        now: Duration,
        ticket: Ticket,
        failure: Failure,
        effects: &mut Vec<Effect>,
    ) {
        if failure.kind.is_deterministic() {
            self.note(NoticeKind::WorkerFailed, failure.message.clone(), effects);
            let reason = failure.message.clone();
            return self.end(now, Cause::Worker(failure), reason, effects);
        }
        self.lost(now, &[ticket], NoticeKind::WorkerFailed, &failure.message, effects);
    }

    pub(super) fn exited(&mut self, now: Duration, ticket: Ticket, how: &str, effects: &mut Vec<Effect>) {
        self.parked.retain(|member| member.ticket != ticket);
        let Some(member) = self.crew.get_mut(ticket) else { return };
        let (step, who) = (member.step, member.clone());
        member.step = Step::Gone;
        if self.phase == Phase::Trial && step < Step::Leaving {
            let message = format!("{} ended before its part came ({how})", self.words_for(&who));
            self.lost(now, &[ticket], NoticeKind::WorkerLost, &message, effects);
        }
    }

    pub(super) fn worker_silent(&mut self, now: Duration, ticket: Ticket, effects: &mut Vec<Effect>) {
        let Some(member) = self.crew.get_mut(ticket).cloned() else {
            self.parked.retain(|member| member.ticket != ticket);
            return;
        };
        // A worker that was told to leave closes its session before its process has ended.
        if self.phase == Phase::Trial && member.step < Step::Leaving {
            let message = format!("{} fell silent", self.words_for(&member));
            self.lost(now, &[ticket], NoticeKind::WorkerSilent, &message, effects);
        }
    }

    /// Start instants and latencies are told on that clock.
    pub(super) fn clock_jumped(
        &mut self,
        now: Duration,
        ticket: Ticket,
        by: Duration,
        effects: &mut Vec<Effect>,
    ) {
        let Some(member) = self.crew.get_mut(ticket).filter(|member| member.step < Step::Leaving) else {
            return;
        };
        let message = format!(
            "the clock of the host of slot {} jumped by {:.1} s: it was suspended, or its clock is broken",
            member.slot,
            by.as_secs_f64()
        );
        self.lost(now, &[ticket], NoticeKind::ClockJumped, &message, effects);
    }

    pub(super) fn spawn_failed(
        &mut self,
        now: Duration,
        ticket: Ticket,
        message: &str,
        effects: &mut Vec<Effect>,
    ) {
        if self.crew.get_mut(ticket).is_some() {
            self.set(ticket, Step::Gone);
            self.lost(now, &[ticket], NoticeKind::SpawnFailed, message, effects);
        }
    }

    pub(super) fn agent_lost(&mut self, now: Duration, agent: AgentId, effects: &mut Vec<Effect>) {
        let host = self.seats.leave(agent).unwrap_or("?").to_owned();
        self.parked.retain(|member| member.seat.agent != agent);
        let here = |member: &&mut Member| member.seat.agent == agent && member.step != Step::Gone;
        let mut hit = Vec::new();
        for member in self.crew.members.iter_mut().filter(here) {
            // Who was leaving anyway has done what it had to do.
            if member.step < Step::Leaving {
                hit.push(member.ticket);
            }
            member.step = Step::Gone;
        }
        if self.phase == Phase::Trial && !hit.is_empty() {
            let message = format!("the agent of {host} was lost, and its workers with it");
            self.lost(now, &hit, NoticeKind::AgentLost, &message, effects);
        } else if !matches!(self.phase, Phase::Clearing(Next::End(_))) {
            // Its workers were missed before: why their slots are empty from here on must be told all the same.
            self.note(NoticeKind::AgentLost, format!("the agent of {host} was lost"), effects);
        }
    }

    /// Somebody came who does not belong here. The run goes on; once is worth a note, however often it is tried.
    pub(super) fn agent_refused(&mut self, name: String, why: String, effects: &mut Vec<Effect>) {
        let message = format!(
            "the host of agent {name} was not let in, it is not like those this run began on ({why})"
        );
        if self.refused.insert(name, why).is_none() {
            self.note(NoticeKind::HostRefused, message, effects);
        }
    }

    /// Without all its agents a run cannot go on, however long it is waited for, unless it may shrink.
    pub(super) fn agent_ended(&mut self, now: Duration, lost: &LostAgent, effects: &mut Vec<Effect>) {
        if matches!(self.phase, Phase::Clearing(Next::End(_)))
            || (self.script.shrink && self.greeted && self.script.slots > 1)
        {
            return;
        }
        let reason = format!("the agent of {} ended ({}){}", lost.host, lost.exit, self.not_let_in());
        if self.phase == Phase::Trial {
            self.note(NoticeKind::AgentLost, reason.clone(), effects);
        }
        self.end(now, Cause::Losses, reason, effects);
    }

    /// These workers' parts of the block are lost: the block goes on without their slots, is run again whole, or the run
    /// ends.
    pub(super) fn lost(
        &mut self,
        now: Duration,
        who: &[Ticket],
        kind: NoticeKind,
        message: &str,
        effects: &mut Vec<Effect>,
    ) {
        if self.phase != Phase::Trial {
            return;
        }
        let slot = who.first().and_then(|ticket| self.crew.get_mut(*ticket)).map_or(0, |member| member.slot);
        self.note_in(slot, kind, message.to_owned(), effects);
        if self.interrupts == 0 && self.shrunk(who, effects) {
            return;
        }
        if self.interrupts > 0 {
            self.end(now, Cause::User, INTERRUPTED.to_owned(), effects);
        } else if self.tries >= self.script.max_attempts {
            let reason = format!("{message}; {} of {} tries were made", self.tries, self.script.max_attempts);
            self.end(now, Cause::Losses, reason, effects);
        } else {
            self.tries += 1;
            self.attempt = Attempt(self.attempt.0 + 1);
            self.issued = 0;
            self.turn = 0;
            self.make_whole();
            self.clear(now, Next::Again, effects);
        }
    }

    /// Lets every worker go, then ends the run. The first cause stands: what follows from it is no cause of its own.
    pub(super) fn end(&mut self, now: Duration, cause: Cause, reason: String, effects: &mut Vec<Effect>) {
        if matches!(self.phase, Phase::Clearing(Next::End(_))) {
            return;
        }
        self.crew.members.append(&mut self.parked);
        self.clear(now, Next::End(Ending { cause, reason }), effects);
    }

    fn clear(&mut self, now: Duration, next: Next, effects: &mut Vec<Effect>) {
        self.phase = Phase::Clearing(next);
        self.deadline = now + self.script.limits.leave;
        for member in self.crew.living() {
            let (agent, ticket) = (member.seat.agent, member.ticket);
            effects.push(Effect::Stop { agent, ticket, grace: self.script.limits.leave / 2 });
        }
    }

    pub(super) fn interrupt(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        self.interrupts += 1;
        effects.push(Effect::Show(Sight::Stopping));
        match &self.phase {
            // What is being made durable stays, and an end that is decided stays: the run ends right after.
            Phase::Committing | Phase::Clearing(Next::End(_)) if self.interrupts == 1 => {}
            _ if self.interrupts == 1 => {
                self.note(NoticeKind::Interrupted, INTERRUPTED.to_owned(), effects);
                self.end(now, Cause::User, INTERRUPTED.to_owned(), effects);
            }
            phase => {
                let ending = match phase {
                    Phase::Clearing(Next::End(ending)) => ending.clone(),
                    _ => Ending { cause: Cause::User, reason: INTERRUPTED.to_owned() },
                };
                self.kill_all(effects);
                self.finish(ending, effects);
            }
        }
    }

    pub(super) fn tick(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        match self.phase {
            Phase::Gathering => {
                let reason = format!(
                    "{} of {} slots registered within {} s: start more agents or ask for fewer slots{}",
                    self.seats.count(),
                    self.script.slots,
                    self.script.limits.gather.as_secs(),
                    self.not_let_in()
                );
                self.end(now, Cause::Losses, reason, effects);
            }
            Phase::Trial => self.overdue(now, effects),
            // They were told to leave and did not: the kernel has the last word, and nothing waits any longer.
            _ => {
                self.kill_all(effects);
                self.crew.move_all(Step::Gone);
            }
        }
    }

    /// Who would have had slots, in words.
    fn not_let_in(&self) -> String {
        let each = self.refused.iter().map(|(name, why)| format!("the host of agent {name} ({why})"));
        let each: Vec<String> = each.collect();
        if each.is_empty() {
            return String::new();
        }
        format!("; not let in, for it is not like those this run began on: {}", each.join(", "))
    }

    fn overdue(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if self.crew.all_at(Step::Leaving) || self.crew.slowest().is_some_and(|m| m.step == Step::Leaving) {
            // Its part is kept; only the process lingers.
            self.kill_all(effects);
            self.crew.move_all(Step::Gone);
            return;
        }
        let Some(late) = self.crew.slowest().cloned() else { return };
        let message = format!("{} {} in time", self.words_for(&late), late.step.overdue());
        self.lost(now, &[late.ticket], NoticeKind::Overdue, &message, effects);
    }

    /// A worker, and the host it runs on: what ends the one often has its cause in the other.
    pub(super) fn words_for(&self, member: &Member) -> String {
        let host = self.seats.name(member.seat.agent).map(|name| format!(" on {name}"));
        format!("the worker in slot {}{}", member.slot, host.unwrap_or_default())
    }

    fn kill_all(&self, effects: &mut Vec<Effect>) {
        for member in self.crew.living() {
            let (agent, ticket) = (member.seat.agent, member.ticket);
            effects.push(Effect::Stop { agent, ticket, grace: Duration::ZERO });
        }
    }
}
