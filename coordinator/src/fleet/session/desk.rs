//! The service itself: who may come in.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use contract::message::{Down, Hello, Role, Up, Welcome};
use contract::wire::{Bench, DownItem, UpItem};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

use super::pump::Pump;
use super::{Incoming, Peer, SessionEvent};

/// Messages that may wait for one peer.
const DOWN_QUEUE: usize = 64;
/// Further messages that may wait for an agent, for each of its slots: a whole trial begins or ends at once.
const QUEUE_PER_SLOT: usize = 4;
/// Slots beyond which a queue grows no further, whatever an agent says of itself.
const QUEUED_SLOTS: u32 = 1024;

/// The bounds on every session.
#[derive(Clone, Copy, Debug)]
pub struct DeskLimits {
    /// Until the first message.
    pub hello: Duration,
    /// Without a word for this long either side gives the other up.
    pub lease: Duration,
    /// How often each side gives a sign of life.
    pub beat: Duration,
}

/// Accepts sessions and hands their messages on.
#[derive(Clone)]
pub struct Desk {
    token: Arc<str>,
    limits: DeskLimits,
    epoch: Instant,
    next: Arc<AtomicU64>,
    events: mpsc::Sender<Incoming>,
}

impl Desk {
    /// A desk that reports to `events`; `epoch` is the zero of the coordinator's clock.
    #[must_use]
    pub fn new(token: &str, limits: DeskLimits, epoch: Instant, events: mpsc::Sender<Incoming>) -> Self {
        Self { token: token.into(), limits, epoch, next: Arc::new(AtomicU64::new(1)), events }
    }

    async fn greet(&self, stream: &mut Streaming<UpItem>) -> Result<Hello, Status> {
        let first = tokio::time::timeout(self.limits.hello, stream.next())
            .await
            .map_err(|_| Status::deadline_exceeded("no hello came in time"))?
            .ok_or_else(|| Status::invalid_argument("the stream ended before a hello"))?
            .map_err(|_| foreign())?;
        match Up::try_from(first) {
            Ok(Up::Hello(hello)) => Ok(*hello),
            Ok(_) => Err(Status::invalid_argument("the first message of a session is a hello")),
            Err(_) => Err(foreign()),
        }
    }
}

/// A hello that cannot be read at all is older or newer than every protocol number.
fn foreign() -> Status {
    Status::failed_precondition(
        "coordinator and worker do not understand each other: build both from the same sources",
    )
}

fn queue(role: &Role) -> usize {
    match role {
        Role::Agent { slots, .. } => DOWN_QUEUE + QUEUE_PER_SLOT * (*slots).min(QUEUED_SLOTS) as usize,
        Role::Worker { .. } => DOWN_QUEUE,
    }
}

/// Why a peer is turned away for good, if it is.
fn objection(hello: &Hello, token: &str) -> Option<String> {
    if hello.protocol != contract::PROTOCOL {
        let older = if hello.protocol < contract::PROTOCOL { "worker" } else { "coordinator" };
        return Some(format!(
            "the worker speaks protocol {}, the coordinator {}: the {older} is too old",
            hello.protocol,
            contract::PROTOCOL
        ));
    }
    (!same(hello.token.as_bytes(), token.as_bytes()))
        .then(|| "the token is not this coordinator's".to_owned())
}

/// Compares in time that depends on the lengths alone.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |diff, (x, y)| diff | (x ^ y)) == 0
}

#[tonic::async_trait]
impl Bench for Desk {
    type SessionStream = Pin<Box<dyn Stream<Item = Result<DownItem, Status>> + Send>>;

    async fn session(
        &self,
        request: Request<Streaming<UpItem>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let mut stream = request.into_inner();
        let hello = self.greet(&mut stream).await?;
        let (down, outbox) = mpsc::channel(queue(&hello.role));
        let answers = Box::pin(ReceiverStream::new(outbox).map(|down: Down| Ok(DownItem::from(down))));
        if let Some(message) = objection(&hello, &self.token) {
            // The stream ends after this one message.
            drop(down.try_send(Down::Refused { message, last: true }));
            return Ok(Response::new(answers));
        }
        let session = self.next.fetch_add(1, Ordering::Relaxed);
        let DeskLimits { lease, beat, .. } = self.limits;
        drop(down.try_send(Down::Welcome(Welcome { session, lease, beat })));
        let peer = Peer { down: down.downgrade(), clock: Arc::default() };
        let opened = Incoming { session, what: SessionEvent::Opened(Box::new(hello), peer.clone()) };
        self.events.send(opened).await.map_err(|_| Status::unavailable("the run is over"))?;
        let pump = Pump { session, down, peer, events: self.events.clone(), lease, beat, epoch: self.epoch };
        tokio::spawn(pump.run(stream));
        Ok(Response::new(answers))
    }
}

#[cfg(test)]
mod tests {
    use contract::id::Ticket;

    use super::*;

    fn hello(protocol: u32, token: &str) -> Hello {
        Hello {
            protocol,
            token: token.into(),
            pid: 1,
            build: contract::identity::BuildInfo::default(),
            host: contract::identity::HostFacts::default(),
            role: Role::Worker { ticket: Ticket(1) },
        }
    }

    #[test]
    fn only_the_right_protocol_and_token_come_in() {
        let now = contract::PROTOCOL;
        assert_eq!(objection(&hello(now, "secret"), "secret"), None);
        for wrong in ["", "secreT", "secret "] {
            assert!(objection(&hello(now, wrong), "secret").is_some(), "{wrong:?}");
        }
    }

    #[test]
    fn the_orders_of_a_trial_fit_into_an_agents_queue() {
        let agent = |slots| queue(&Role::Agent { name: "a".into(), slots });
        assert!(agent(1000) >= 4000 && agent(u32::MAX) < 10_000);
        assert_eq!(queue(&Role::Worker { ticket: Ticket(1) }), DOWN_QUEUE);
    }

    #[test]
    fn a_mismatch_says_which_side_is_too_old() {
        let now = contract::PROTOCOL;
        let old = objection(&hello(now - 1, "s"), "s").expect("refused");
        assert!(old.ends_with("the worker is too old"), "{old}");
        let new = objection(&hello(now + 1, "s"), "s").expect("refused");
        assert!(new.ends_with("the coordinator is too old"), "{new}");
    }
}
