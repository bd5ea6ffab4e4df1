//! Admits agents whose hosts match those the run began on, and workers that were ordered. Decides
//! at the first message of a session, and when a session ends.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contract::id::Ticket;
use contract::identity::{HostFacts, Sha256};
use contract::message::{Hello, Role};

use super::super::event::{Effect, PeerEnd, PeerId, ProgressEvent, Reason};
use super::super::vet;
use super::{Core, Phase};

/// Record of admitted and refused peers.
#[derive(Debug, Default)]
pub(super) struct Admission {
    /// Agents that were refused, and how their hosts differ.
    pub refused: BTreeMap<String, String>,
    /// Agents that were told to wait for a free slot.
    pub waiting: BTreeSet<String>,
    /// Agents that used a name already in use.
    duplicates: u64,
    /// Workers whose ticket was not, or no longer, expected.
    uninvited: u64,
}

impl Core {
    /// A peer introduced itself.
    pub(super) fn opened(
        &mut self,
        now: Duration,
        peer: PeerId,
        hello: Hello,
        effects: &mut Vec<Effect>,
    ) {
        match hello.role {
            Role::Agent { name, slots } => {
                self.agent_opened(peer, name, slots, hello.host, effects);
            }
            Role::Worker { ticket } => {
                self.worker_opened(now, peer, ticket, hello.build.exe_sha256, effects);
            }
        }
    }

    /// A session has ended.
    pub(super) fn left(
        &mut self,
        now: Duration,
        peer: PeerId,
        end: PeerEnd,
        effects: &mut Vec<Effect>,
    ) {
        if self.peers.agent_left(peer) {
            self.agent_lost(now, peer, end, effects);
        } else if let Some(ticket) = self.peers.worker_left(peer) {
            self.worker_left(now, ticket, end, effects);
        }
    }

    fn agent_opened(
        &mut self,
        peer: PeerId,
        name: String,
        slots: u32,
        host: HostFacts,
        effects: &mut Vec<Effect>,
    ) {
        let identity = self.identity.as_ref();
        if let Some(why) = identity.and_then(|run| vet::host_mismatch(&name, &host, run)) {
            return self.host_refused(peer, name, why, effects);
        }
        if self.peers.has_agent_named(&name) {
            return self.duplicate(peer, &name, effects);
        }
        self.admission.refused.remove(&name);
        self.slots.join(peer, &name, slots, host);
        self.peers.agent_joined(peer, name);
        if self.phase == Phase::Gathering {
            let (have, want) = (self.slots.filled(), self.script.slots);
            effects.push(Effect::Show(ProgressEvent::Gathering { have, want }));
        } else {
            self.note_waiting(effects);
        }
    }

    /// A host that does not match the run was refused. The run continues. One notice per host is
    /// enough, however often it tries.
    fn host_refused(&mut self, peer: PeerId, name: String, why: String, effects: &mut Vec<Effect>) {
        let message = format!(
            "this host does not match the hosts that the run began on ({why}), and their rounds cannot be \
             compared: leave it out, or start a new run"
        );
        effects.push(Effect::Refuse {
            peer,
            message,
            last: true,
        });
        if self
            .admission
            .refused
            .insert(name.clone(), why.clone())
            .is_none()
        {
            self.note(Reason::HostRefused { name, why }, effects);
        }
    }

    /// The holder of the name may be about to leave, so the caller may try again.
    fn duplicate(&mut self, peer: PeerId, name: &str, effects: &mut Vec<Effect>) {
        let message =
            format!("an agent named `{name}` has already joined: give each its own --name");
        effects.push(Effect::Refuse {
            peer,
            message: message.clone(),
            last: false,
        });
        self.admission.duplicates += 1;
        if self.admission.duplicates.is_power_of_two() {
            effects.push(Effect::Show(ProgressEvent::Info(message)));
        }
    }

    fn worker_opened(
        &mut self,
        now: Duration,
        peer: PeerId,
        ticket: Ticket,
        exe: Sha256,
        effects: &mut Vec<Effect>,
    ) {
        let Some(worker) = self.peers.expected(ticket) else {
            return self.uninvited(peer, "no worker with this ticket is expected", effects);
        };
        if worker.peer.is_some() {
            return self.uninvited(
                peer,
                "a worker with this ticket has already joined",
                effects,
            );
        }
        let expected = &worker.expected;
        if exe != expected.exe_sha256 {
            let message = format!(
                "the process that joined as `{}` runs {}, but the build manifest says {}: run `coordinator \
                 build`",
                expected.variant,
                exe.short(),
                expected.exe_sha256.short()
            );
            effects.push(Effect::Refuse {
                peer,
                message: message.clone(),
                last: true,
            });
            return self.spawn_failed(now, ticket, message, effects);
        }
        self.peers.worker_joined(peer, ticket);
        self.worker_joined(now, ticket, effects);
    }

    /// Refuses a worker that was not ordered, or no longer is. Reports the first, and then whenever
    /// their number has doubled.
    fn uninvited(&mut self, peer: PeerId, why: &str, effects: &mut Vec<Effect>) {
        effects.push(Effect::Refuse {
            peer,
            message: why.to_owned(),
            last: true,
        });
        self.admission.uninvited += 1;
        let count = self.admission.uninvited;
        if count.is_power_of_two() {
            let line = format!("refused a worker: {why} ({count} so far)");
            effects.push(Effect::Show(ProgressEvent::Info(line)));
        }
    }

    /// Notes every host that has no slot, once.
    pub(super) fn note_waiting(&mut self, effects: &mut Vec<Effect>) {
        for name in self.slots.waiting() {
            if self.admission.waiting.insert(name.clone()) {
                self.note(
                    Reason::HostWaits {
                        name,
                        slots: self.script.slots,
                    },
                    effects,
                );
            }
        }
    }

    /// Names the agents that were refused, for the error message.
    pub(super) fn not_let_in(&self) -> String {
        let each = self
            .admission
            .refused
            .iter()
            .map(|(name, why)| format!("the host of agent {name} ({why})"));
        let each: Vec<String> = each.collect();
        if each.is_empty() {
            return String::new();
        }
        format!(
            "; refused because it does not match the hosts that this run began on: {}",
            each.join(", ")
        )
    }
}
