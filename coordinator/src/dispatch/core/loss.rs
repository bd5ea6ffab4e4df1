//! Handles losses, overdue steps and Ctrl-C: repeats the block, or lets every worker go and ends
//! the run.

use std::time::Duration;

use contract::id::Ticket;
use contract::message::{Exit, Failure, ToPeer};

use super::super::event::{
    Cause, Effect, Ending, LostAgent, PeerEnd, PeerId, ProgressEvent, Reason, WorkerName,
};
use super::super::reason::INTERRUPTED;
use super::super::trial::{TrialWorker, WorkerState};
use super::{Core, Next, Phase};

/// Asks an agent to stop a worker, at once or after the grace period.
pub(super) fn stop(worker: &TrialWorker, grace: Duration, effects: &mut Vec<Effect>) {
    let message = ToPeer::Stop {
        ticket: worker.ticket,
        grace,
    };
    effects.push(Effect::Send {
        peer: worker.seat.agent,
        message,
    });
}

impl Core {
    pub(super) fn failed(
        &mut self,
        now: Duration,
        ticket: Ticket,
        failure: Failure,
        effects: &mut Vec<Effect>,
    ) {
        let reason = Reason::WorkerFailed(failure.message.clone());
        if !failure.kind.is_deterministic() {
            return self.lost(now, &[ticket], reason, effects);
        }
        if !self.is_ending() {
            let slot = self.workers.get(ticket).map_or(0, |worker| worker.slot);
            self.note_loss(slot, 1, reason, effects);
        }
        let message = failure.message.clone();
        self.end(now, Cause::Worker(failure), message, effects);
    }

    pub(super) fn exited(
        &mut self,
        now: Duration,
        ticket: Ticket,
        exit: Exit,
        effects: &mut Vec<Effect>,
    ) {
        let Some(worker) = self.workers.get_mut(ticket) else {
            self.waiting_left(ticket, exit.to_string(), effects);
            return;
        };
        let step = std::mem::replace(&mut worker.step, WorkerState::Gone);
        if step < WorkerState::Leaving {
            let reason = Reason::WorkerExited {
                worker: self.named(ticket),
                exit,
            };
            self.lost(now, &[ticket], reason, effects);
        }
    }

    /// A worker that was kept for its next window is gone. It had no part to lose: another process
    /// takes its place.
    fn waiting_left(
        &mut self,
        ticket: Ticket,
        how: String,
        effects: &mut Vec<Effect>,
    ) -> Option<TrialWorker> {
        let at = self.parked.iter().position(|one| one.ticket == ticket)?;
        let lost = self.parked.swap_remove(at);
        let worker = self.name_of(Some(&lost));
        self.note(Reason::WaitingWorkerGone { worker, how }, effects);
        Some(lost)
    }

    pub(super) fn worker_left(
        &mut self,
        now: Duration,
        ticket: Ticket,
        end: PeerEnd,
        effects: &mut Vec<Effect>,
    ) {
        let Some(worker) = self.workers.get(ticket) else {
            if let Some(worker) = self.waiting_left(ticket, end.words().to_owned(), effects) {
                stop(&worker, Duration::ZERO, effects);
            }
            return;
        };
        // A worker that was told to leave closes its session before its process has ended.
        if worker.step < WorkerState::Leaving {
            let reason = Reason::WorkerLeft {
                worker: self.named(ticket),
                end,
            };
            self.lost(now, &[ticket], reason, effects);
        }
    }

    /// Start instants and latencies are measured on the worker's monotonic clock, so a jump loses
    /// its part.
    pub(super) fn clock_jumped(
        &mut self,
        now: Duration,
        peer: PeerId,
        by: Duration,
        effects: &mut Vec<Effect>,
    ) {
        let Some(ticket) = self.peers.ticket(peer) else {
            return;
        };
        let Some(worker) = self
            .workers
            .get(ticket)
            .filter(|worker| worker.step < WorkerState::Leaving)
        else {
            return;
        };
        let slot = worker.slot;
        self.lost(now, &[ticket], Reason::ClockJumped { slot, by }, effects);
    }

    pub(super) fn spawn_failed(
        &mut self,
        now: Duration,
        ticket: Ticket,
        message: String,
        effects: &mut Vec<Effect>,
    ) {
        if self.workers.get(ticket).is_some() {
            self.set(ticket, WorkerState::Gone);
            self.lost(now, &[ticket], Reason::SpawnFailed(message), effects);
        }
    }

    pub(super) fn agent_lost(
        &mut self,
        now: Duration,
        agent: PeerId,
        end: PeerEnd,
        effects: &mut Vec<Effect>,
    ) {
        let host = self.slots.leave(agent).unwrap_or_default();
        self.admission.waiting.remove(&host);
        self.parked.retain(|worker| worker.seat.agent != agent);
        let mut hit = Vec::new();
        let here = |worker: &&mut TrialWorker| {
            worker.seat.agent == agent && worker.step != WorkerState::Gone
        };
        for worker in self.workers.all.iter_mut().filter(here) {
            // A worker that is leaving has already finished its work.
            if worker.step < WorkerState::Leaving {
                hit.push(worker.ticket);
            }
            worker.step = WorkerState::Gone;
        }
        let measuring = self.phase == Phase::Trial;
        // Earlier arms of the block ran with this host, later ones would run without it.
        let later = measuring && !self.script.shrink && self.turn + 1 < self.current().turns();
        let workers = match hit.len() {
            0 if later => self.slots.held_by(&host),
            hit if measuring => u32::try_from(hit).unwrap_or(u32::MAX),
            _ => 0,
        };
        let reason = Reason::AgentLost { host, end, workers };
        if measuring && workers > 0 {
            self.lost(now, &hit, reason, effects);
        } else if !self.is_ending() {
            // The workers were counted as lost before, but the reason why their slots are empty
            // from here on must be recorded as well.
            self.note(reason, effects);
        }
    }

    /// Without all its agents a run cannot continue, unless it may shrink. Waiting does not help.
    pub(super) fn agent_ended(
        &mut self,
        now: Duration,
        lost: LostAgent,
        effects: &mut Vec<Effect>,
    ) {
        if self.is_ending() || (self.script.shrink && self.greeted && self.script.slots > 1) {
            return;
        }
        let reason = Reason::AgentEnded(lost);
        let sentence = format!("{reason}{}", self.not_let_in());
        if self.phase == Phase::Trial {
            let workers = self
                .workers
                .all
                .iter()
                .filter(|worker| worker.step < WorkerState::Leaving)
                .count();
            self.note_loss(
                0,
                u32::try_from(workers).unwrap_or(u32::MAX),
                reason,
                effects,
            );
        }
        self.end(now, Cause::Losses, sentence, effects);
    }

    /// These workers' parts of the block are lost. The block continues without their slots, is
    /// repeated as a whole, or the run ends.
    pub(super) fn lost(
        &mut self,
        now: Duration,
        who: &[Ticket],
        reason: Reason,
        effects: &mut Vec<Effect>,
    ) {
        if self.phase != Phase::Trial {
            return;
        }
        let slot = who
            .first()
            .and_then(|ticket| self.workers.get(*ticket))
            .map_or(0, |worker| worker.slot);
        let workers = match &reason {
            Reason::AgentLost { workers, .. } => *workers,
            _ => u32::try_from(who.len()).unwrap_or(u32::MAX),
        };
        let sentence = reason.to_string();
        self.note_loss(slot, workers, reason, effects);
        if self.interrupts == 0 && self.shrunk(who, effects) {
            return;
        }
        if self.interrupts > 0 {
            self.end(now, Cause::User, INTERRUPTED.to_owned(), effects);
        } else if self.tries >= self.script.max_attempts {
            let tries = format!(
                "{sentence}; {} of {} attempts were \
                                 made",
                self.tries, self.script.max_attempts
            );
            self.end(now, Cause::Losses, tries, effects);
        } else {
            self.next_attempt();
            self.clear(now, Next::Again, effects);
        }
    }

    /// Lets every worker go, then ends the run. The first cause is kept: later ones are
    /// consequences of it.
    pub(super) fn end(
        &mut self,
        now: Duration,
        cause: Cause,
        reason: String,
        effects: &mut Vec<Effect>,
    ) {
        if self.is_ending() {
            return;
        }
        self.workers.all.append(&mut self.parked);
        self.clear(now, Next::End(Ending { cause, reason }), effects);
    }

    pub(super) fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Clearing(Next::End(_)))
    }

    fn clear(&mut self, now: Duration, next: Next, effects: &mut Vec<Effect>) {
        self.phase = Phase::Clearing(next);
        self.deadline = now + self.script.limits.leave;
        let grace = self.script.limits.leave / 2;
        self.workers
            .living()
            .for_each(|worker| stop(worker, grace, effects));
    }

    pub(super) fn interrupt(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        self.interrupts += 1;
        effects.push(Effect::Show(ProgressEvent::Stopping));
        match &self.phase {
            // A commit in progress is completed, and a decided end stays: the run ends right after.
            Phase::Committing | Phase::Clearing(Next::End(_)) if self.interrupts == 1 => {}
            _ if self.interrupts == 1 => {
                self.note(Reason::Interrupted, effects);
                self.end(now, Cause::User, INTERRUPTED.to_owned(), effects);
            }
            phase => {
                let ending = match phase {
                    Phase::Clearing(Next::End(ending)) => ending.clone(),
                    _ => Ending {
                        cause: Cause::User,
                        reason: INTERRUPTED.to_owned(),
                    },
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
                    self.slots.filled(),
                    self.script.slots,
                    self.script.limits.gather.as_secs(),
                    self.not_let_in()
                );
                self.end(now, Cause::Losses, reason, effects);
            }
            Phase::Trial => self.overdue(now, effects),
            // The workers were told to leave and did not: kill them and wait no longer.
            _ => {
                self.kill_all(effects);
                self.workers.move_all(WorkerState::Gone);
            }
        }
    }

    fn overdue(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let Some(late) = self.workers.slowest().cloned() else {
            return;
        };
        if late.step >= WorkerState::Leaving {
            // The part is kept; only the process has not ended.
            self.kill_all(effects);
            self.workers.move_all(WorkerState::Gone);
            return;
        }
        let clockless = self.clockless().filter(|_| self.clock_awaited);
        let ticket = clockless.unwrap_or(late.ticket);
        let worker = self.named(ticket);
        let reason = match clockless {
            Some(_) => Reason::NoClock(worker),
            None => Reason::Overdue {
                worker,
                step: late.step,
            },
        };
        self.lost(now, &[ticket], reason, effects);
    }

    pub(super) fn named(&self, ticket: Ticket) -> WorkerName {
        self.name_of(self.workers.get(ticket))
    }

    fn name_of(&self, worker: Option<&TrialWorker>) -> WorkerName {
        let host = worker
            .and_then(|worker| self.slots.name(worker.seat.agent))
            .map(str::to_owned);
        WorkerName {
            slot: worker.map_or(0, |worker| worker.slot),
            host,
        }
    }

    fn kill_all(&self, effects: &mut Vec<Effect>) {
        self.workers
            .living()
            .for_each(|worker| stop(worker, Duration::ZERO, effects));
    }
}
