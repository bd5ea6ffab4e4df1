//! How a trial begins: slots take their places, workers are started, and all get one start instant.

use std::time::Duration;

use contract::id::{Arm, Attempt, Ticket};
use contract::message::{Failure, FailureKind, Spawn, ToPeer};

use super::super::event::{Cause, Effect, ProgressEvent, Reason};
use super::super::job::Binary;
use super::super::slots::AgentSlot;
use super::super::trial::{TrialWorker, WorkerState};
use super::{Core, Phase, Unwritten};
use crate::record::Expected;

/// How long a start waits for a worker's first answer to a ping.
const CLOCK_PATIENCE: Duration = Duration::from_secs(5);

impl Core {
    pub(super) fn begin_trial(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if self.turn == 0 {
            self.take_places(effects);
        }
        self.write_notes(effects);
        let seats = self.slots.seats();
        if let Some(why) = self.parted(&seats) {
            self.end(now, Cause::Losses, why, effects);
            return self.advance(now, effects);
        }
        self.show_trial(effects);
        self.phase = Phase::Trial;
        self.deadline = now + self.script.limits.spawn;
        let mut unfit = Vec::new();
        for (slot, seat) in (0..).zip(seats) {
            let Some(seat) = seat.filter(|_| !self.out.contains(&slot)) else {
                self.leave_out(slot, effects);
                continue;
            };
            let block = self.current();
            let arm = block.arm(self.turn, slot);
            let variant = block.variant(arm).to_owned();
            // The arms of a round keep apart even if they are one build: each has its own process.
            let resident = self.script.resident;
            let parked = self
                .parked
                .iter()
                .position(|w| w.seat == seat && w.variant == variant && (resident || w.arm == arm));
            let worker = match parked {
                Some(at) => TrialWorker {
                    step: WorkerState::Ready,
                    reported: false,
                    arm,
                    ..self.parked.swap_remove(at)
                },
                None => {
                    let Some(binary) = self.binaries.get(&variant).cloned() else {
                        return self.unknown_variant(now, &variant, effects);
                    };
                    let worker = self.next_worker(slot, seat, variant, arm);
                    match self.unfit(&worker, &binary) {
                        Some(why) => unfit.push((worker.ticket, why)),
                        None => self.spawn(&worker, &binary, effects),
                    }
                    worker
                }
            };
            self.workers.all.push(worker);
        }
        if self.workers.all.is_empty() {
            self.lost(now, &[], Reason::NoSlotLeft, effects);
        }
        for (ticket, why) in unfit {
            self.spawn_failed(now, ticket, why, effects);
        }
        // Parked workers are ready at once; workers that cannot be started are gone at once.
        self.advance(now, effects);
    }

    /// Between blocks: moves slots without a host to free slots, and records every new host.
    fn take_places(&mut self, effects: &mut Vec<Effect>) {
        let first = !self.slots.is_assigned();
        for moved in self.slots.assign() {
            let host = self
                .slots
                .facts(&moved.to)
                .map(|facts| (moved.to.clone(), facts.clone()));
            let unknown = |(name, facts): &(String, _)| {
                self.identity
                    .as_ref()
                    .is_some_and(|run| !run.knows(name, facts))
            };
            let host = host.filter(unknown);
            // The hosts that a run begins on are in its header.
            if first && host.is_none() {
                continue;
            }
            if let (Some(run), Some(host)) = (&mut self.identity, &host) {
                run.hosts.push(host.clone());
            }
            self.admission.waiting.remove(&moved.to);
            let reason = Reason::HostPlaced {
                slots: moved.slots,
                to: moved.to,
                from: moved.from,
            };
            self.note_host(reason, host, effects);
        }
        self.note_waiting(effects);
    }

    fn show_trial(&self, effects: &mut Vec<Effect>) {
        let (key, block) = (self.key(), self.current());
        let arms = if block.duet {
            block.order.clone()
        } else {
            vec![key.arm]
        };
        effects.push(Effect::Show(ProgressEvent::Trial {
            key,
            arms: arms
                .into_iter()
                .map(|arm| (arm, block.variant(arm).to_owned()))
                .collect(),
            done: block.trials_before + u32::try_from(self.turn).expect("at most three arms"),
            total: block.trials,
            attempt: self.attempt,
        }));
    }

    fn next_worker(
        &mut self,
        slot: u32,
        seat: AgentSlot,
        variant: String,
        arm: Arm,
    ) -> TrialWorker {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        TrialWorker {
            ticket,
            seat,
            slot,
            variant,
            arm,
            step: WorkerState::Spawning,
            reported: false,
        }
    }

    fn spawn(&mut self, worker: &TrialWorker, binary: &Binary, effects: &mut Vec<Effect>) {
        let AgentSlot { agent, local } = worker.seat;
        let expected = Expected {
            variant: worker.variant.clone(),
            exe_sha256: binary.sha256,
            instrumented: self.instrumented,
            assignment: None,
            loaded: None,
            processors: self
                .slots
                .name(agent)
                .and_then(|name| self.slots.facts(name))
                .map_or(0, |host| host.cores),
        };
        self.peers.expect(worker.ticket, agent, expected);
        let order = Spawn {
            ticket: worker.ticket,
            slot: local,
            binary: binary.path.display().to_string(),
            sha256: binary.sha256,
            env: self.env.clone(),
            model: self.orders.verified_model().map(str::to_owned),
        };
        effects.push(Effect::Send {
            peer: agent,
            message: ToPeer::Spawn(order),
        });
    }

    /// A second attempt would not find the variant either.
    fn unknown_variant(&mut self, now: Duration, variant: &str, effects: &mut Vec<Effect>) {
        let message =
            format!("this run has no build of the variant `{variant}`: run `coordinator build`");
        self.note_loss(0, 0, Reason::SpawnFailed(message.clone()), effects);
        let failure = Failure {
            kind: FailureKind::BadAssignment,
            message: message.clone(),
        };
        self.end(now, Cause::Worker(failure), message, effects);
        self.advance(now, effects);
    }

    /// Why a build cannot run on a worker's host, if it cannot.
    fn unfit(&self, worker: &TrialWorker, binary: &Binary) -> Option<String> {
        let name = self.slots.name(worker.seat.agent)?;
        let facts = self.slots.facts(name)?;
        let lacks: Vec<&str> = binary
            .needs
            .iter()
            .filter(|need| !facts.cpu_flags.contains(need))
            .map(String::as_str)
            .collect();
        (!lacks.is_empty()).then(|| {
            format!(
                "the build `{}` does not run on {name}: its processor lacks {}; build without `target-cpu`, \
                 or do not use that host",
                worker.variant,
                lacks.join(", ")
            )
        })
    }

    /// All workers are armed: sets one start instant for all, once all clocks are known.
    pub(super) fn start(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if self.clockless().is_some() {
            if !self.clock_awaited {
                self.clock_awaited = true;
                self.deadline = now + CLOCK_PATIENCE;
            }
            return;
        }
        self.clock_awaited = false;
        self.workers.move_all(WorkerState::Running);
        (self.begun, self.deadline) = (now, now + self.script.limits.run);
        effects.push(Effect::Show(ProgressEvent::Phase("measuring")));
        let sessions = self
            .workers
            .all
            .iter()
            .filter_map(|worker| self.peers.session(worker.ticket));
        effects.push(Effect::StartAt {
            attempt: self.attempt,
            peers: sessions.collect(),
        });
    }

    /// The first worker whose clock is not known.
    pub(super) fn clockless(&self) -> Option<Ticket> {
        self.workers
            .tickets()
            .into_iter()
            .find(|ticket| !self.peers.has_clock(*ticket))
    }

    /// Makes pending notices durable.
    pub(super) fn write_notes(&mut self, effects: &mut Vec<Effect>) {
        if self.unwritten != Unwritten::Nothing {
            self.unwritten = Unwritten::Nothing;
            effects.push(Effect::WriteNotes);
        }
    }

    /// Begins the next attempt of the current block.
    pub(super) fn next_attempt(&mut self) {
        self.tries += 1;
        self.attempt = Attempt(self.attempt.0 + 1);
        self.issued = 0;
        self.turn = 0;
        self.clock_awaited = false;
        self.make_whole();
    }
}
