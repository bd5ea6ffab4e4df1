//! Handles messages of peers while nothing is lost.

use std::time::Duration;

use contract::id::{Attempt, Ticket};
use contract::message::{Failure, FromPeer, LoadReport, PartChunk};
use contract::part::vet::took;

use super::super::event::{Delivery, Effect, PeerId, ProgressEvent, Reason};
use super::super::job::RunIdentity;
use super::super::orders::WorkerOrder;
use super::super::trial::WorkerState;
use super::super::vet;
use super::{Core, Phase};

/// A worker's message about its attempt.
enum WorkerMessage {
    Loaded(LoadReport),
    Armed,
    Piece(PartChunk),
    Failed(Failure),
}

impl Core {
    pub(super) fn heard(
        &mut self,
        now: Duration,
        peer: PeerId,
        message: FromPeer,
        effects: &mut Vec<Effect>,
    ) {
        match message {
            FromPeer::SpawnFailed { ticket, message } if self.peers.starts(peer, ticket) => {
                self.spawn_failed(now, ticket, message, effects);
            }
            FromPeer::Exited { ticket, exit } if self.peers.starts(peer, ticket) => {
                self.peers.exited(ticket);
                self.exited(now, ticket, exit, effects);
            }
            FromPeer::FetchBuild { sha256, offset } if self.peers.is_agent(peer) => {
                effects.push(Effect::SendBuild {
                    peer,
                    sha256,
                    offset,
                });
            }
            FromPeer::FetchedBuild {
                sha256,
                size,
                replaced,
            } => {
                let Some(agent) = self.peers.agent_name(peer) else {
                    return;
                };
                let was = if replaced {
                    "; its own copy was damaged and was replaced"
                } else {
                    ""
                };
                let build = sha256.short();
                let line = format!(
                    "the agent of {agent} has fetched the build {build} ({size} bytes){was}"
                );
                effects.push(Effect::Show(ProgressEvent::Info(line)));
            }
            FromPeer::Beat(Some(progress)) => {
                effects.extend(
                    self.peers
                        .progress(peer, progress)
                        .map(|sum| Effect::Show(ProgressEvent::Live(sum))),
                );
            }
            message => {
                let Some(ticket) = self.peers.ticket(peer) else {
                    return;
                };
                match message {
                    // The profile is requested after the part and belongs to no attempt.
                    FromPeer::Flushed(_) => self.flushed(ticket, effects),
                    FromPeer::Loaded { attempt, report } => {
                        self.said(now, ticket, attempt, WorkerMessage::Loaded(report), effects);
                    }
                    FromPeer::Armed(attempt) => {
                        self.said(now, ticket, attempt, WorkerMessage::Armed, effects);
                    }
                    FromPeer::Part(chunk) => {
                        self.said(
                            now,
                            ticket,
                            chunk.attempt,
                            WorkerMessage::Piece(chunk),
                            effects,
                        );
                    }
                    FromPeer::Failed { attempt, failure } => {
                        self.said(
                            now,
                            ticket,
                            attempt,
                            WorkerMessage::Failed(failure),
                            effects,
                        );
                    }
                    _ => {}
                }
            }
        }
    }

    /// A worker that joins while all workers are let go has been told to leave. It does not extend
    /// the deadline.
    pub(super) fn worker_joined(
        &mut self,
        now: Duration,
        ticket: Ticket,
        effects: &mut Vec<Effect>,
    ) {
        if self.phase != Phase::Trial {
            return;
        }
        let limit = self.script.limits.load;
        if let Some(worker) = self
            .workers
            .get_mut(ticket)
            .filter(|w| w.step == WorkerState::Spawning)
        {
            worker.step = WorkerState::Loading;
            let slot = worker.slot;
            let order = self.load_order(slot);
            self.tell(ticket, &order, effects);
            self.deadline = now + limit;
        }
    }

    fn said(
        &mut self,
        now: Duration,
        ticket: Ticket,
        attempt: Attempt,
        message: WorkerMessage,
        effects: &mut Vec<Effect>,
    ) {
        if attempt != self.attempt {
            // A part arrives in many pieces and counts once.
            if !matches!(&message, WorkerMessage::Piece(chunk) if !chunk.last) {
                let during = self.attempt;
                self.late(
                    |count| Reason::Late {
                        of: attempt,
                        during,
                        count,
                    },
                    effects,
                );
            }
            return;
        }
        let Some(step) = self.workers.get(ticket).map(|worker| worker.step) else {
            return;
        };
        match (message, step) {
            (WorkerMessage::Loaded(report), WorkerState::Loading) => {
                self.loaded(now, ticket, report, effects);
            }
            (WorkerMessage::Armed, WorkerState::Arming) => self.set(ticket, WorkerState::Armed),
            (WorkerMessage::Piece(chunk), WorkerState::Running) => {
                self.piece(now, ticket, &chunk, effects);
            }
            (WorkerMessage::Failed(failure), step) if step != WorkerState::Gone => {
                self.failed(now, ticket, failure, effects);
            }
            (WorkerMessage::Piece(_), step) if step < WorkerState::Running => {
                self.refuse_part(
                    now,
                    ticket,
                    "accept a part: early: it arrived before the start",
                    effects,
                );
            }
            _ => {}
        }
    }

    /// If the engine differs from the one the run began with, or the plan does not fit it, its
    /// worker has failed. The first engine that opens creates the run: before that, nothing is
    /// measured or stored.
    fn loaded(
        &mut self,
        now: Duration,
        ticket: Ticket,
        report: LoadReport,
        effects: &mut Vec<Effect>,
    ) {
        self.peers.loaded(ticket, &report);
        let on = self.peers.home(ticket).unwrap_or("?").to_owned();
        if let Some(failure) =
            vet::reject_reason(&report, &on, self.identity.as_ref(), &self.orders)
        {
            return self.failed(now, ticket, failure, effects);
        }
        if self.uncreated {
            self.uncreated = false;
            let identity = RunIdentity {
                model_digest: report.model_digest.clone(),
                model_sha256: report.model_sha256,
                first: Some(on),
                hosts: self.slots.measuring(),
            };
            self.identity = Some(identity.clone());
            effects.push(Effect::CreateRun(identity));
        }
        if !self.greeted {
            self.greeted = true;
            effects.push(Effect::Show(ProgressEvent::Loaded(report)));
        }
        self.set(ticket, WorkerState::Ready);
    }

    fn flushed(&mut self, ticket: Ticket, effects: &mut Vec<Effect>) {
        if self
            .workers
            .get(ticket)
            .is_some_and(|worker| worker.step == WorkerState::Flushing)
        {
            self.set(ticket, WorkerState::Leaving);
            self.tell(ticket, &WorkerOrder::Drain, effects);
        }
    }

    fn piece(
        &mut self,
        now: Duration,
        ticket: Ticket,
        chunk: &PartChunk,
        effects: &mut Vec<Effect>,
    ) {
        match self.peers.assemble(ticket, chunk) {
            Ok(None) => {}
            Ok(Some(delivery)) => self.delivered(now, ticket, delivery, effects),
            Err(error) => self.refuse_part(now, ticket, &error.to_string(), effects),
        }
    }

    /// A part failed its checks. The worker is told why, and is lost to the block like any other
    /// that fails.
    fn refuse_part(&mut self, now: Duration, ticket: Ticket, why: &str, effects: &mut Vec<Effect>) {
        if self.workers.get(ticket).is_none() {
            return;
        }
        self.tell(
            ticket,
            &WorkerOrder::Refuse(format!("this side failed to {why}")),
            effects,
        );
        let reason = Reason::BadPart {
            worker: self.named(ticket),
            why: why.to_owned(),
        };
        self.lost(now, &[ticket], reason, effects);
    }

    fn delivered(
        &mut self,
        now: Duration,
        ticket: Ticket,
        delivery: Delivery,
        effects: &mut Vec<Effect>,
    ) {
        let Some(slot) = self.workers.get(ticket).map(|worker| worker.slot) else {
            return;
        };
        let place = &delivery.part.place;
        if (place.slot, place.key, place.attempt) != (slot, self.key_in(slot), self.attempt) {
            let why = format!(
                "accept a part: place: it is of {} slot {}",
                place.key, place.slot
            );
            return self.refuse_part(now, ticket, &why, effects);
        }
        if let Err(fault) = took(&delivery.part, now.saturating_sub(self.begun)) {
            return self.refuse_part(now, ticket, &format!("accept a part: {fault}"), effects);
        }
        if let Some(worker) = self.workers.get_mut(ticket) {
            worker.step = WorkerState::Reported;
            worker.reported = true;
        }
        self.issued += delivery.part.outcomes.planned;
        effects.push(Effect::Keep(delivery));
        self.tell(ticket, &WorkerOrder::PartStored(self.attempt), effects);
    }
}
