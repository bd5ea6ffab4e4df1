//! What becomes of hosts and engines that may not take part: the one is told so at the door, the other's worker counts as
//! failed. Must not decide who that is.

use contract::message::{Down, Hello, Role};

use super::Driver;
use crate::dispatch::event::{Event, Word};
use crate::dispatch::vet;
use crate::fleet::session::Peer;

impl Driver<'_> {
    /// A host that comes in the middle of a run and is not like those that it began on goes before it has a place.
    pub(super) fn turned_away(&self, hello: &Hello, peer: &Peer) -> Option<Event> {
        let Role::Agent { name, .. } = &hello.role else { return None };
        let why = vet::stranger(name, &hello.host, self.job.begun.as_ref()?)?;
        let message = format!(
            "this host is not like those the run began on ({why}): rounds of unlike hosts cannot be compared, so leave it \
             out, or start a new run"
        );
        peer.send(Down::Refused { message, last: true });
        Some(Event::AgentRefused { name: name.clone(), why })
    }

    /// An engine that is not what the run began with, or that the plan does not fit, is a failure of its worker.
    pub(super) fn vetted(&mut self, event: Event) -> Event {
        match event {
            Event::Said { ticket, attempt, word: Word::Loaded(report) } => {
                let begun = self.job.begun.as_ref();
                let on = self.roster.home(ticket).unwrap_or("?");
                let objection = vet::objection(&report, on, begun, &self.job.orders);
                if begun.is_none() {
                    self.first = Some(on.to_owned());
                }
                let word = objection.map_or(Word::Loaded(report), Word::Failed);
                Event::Said { ticket, attempt, word }
            }
            other => other,
        }
    }
}
