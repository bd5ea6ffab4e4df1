//! The gRPC service itself: which peers may open a session.

use std::cmp::Ordering;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::Duration;

use contract::credentials::Token;
use contract::message::{FromPeer, Hello, Role, ToPeer, Welcome};
use contract::text;
use contract::wire::{Bench, FromPeerItem, ToPeerItem};
use subtle::ConstantTimeEq;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

use super::conn::Admission;
use super::refusal::{NAME_LIMIT, Refusal, Refusals, unreadable};
use super::task::SessionTask;
use super::{Incoming, Peer, SessionEvent};

/// Messages that may wait for one peer.
const DOWN_QUEUE: usize = 64;
/// More messages that may wait for an agent, for each of its slots, because a whole trial begins or
/// ends at once.
const QUEUE_PER_SLOT: usize = 4;
/// Greatest number of slots that a queue is sized for, whatever an agent reports.
const QUEUED_SLOTS: u32 = 1024;

/// Limits on every session.
#[derive(Clone, Copy, Debug)]
pub struct SessionLimits {
    /// Time until the first message.
    pub hello: Duration,
    /// Time without a message after which either side gives the other up.
    pub lease: Duration,
    /// Interval at which each side sends a keep-alive.
    pub beat: Duration,
}

/// Accepts sessions and passes their messages on.
#[derive(Clone)]
pub struct SessionService {
    /// Accepted tokens; any one is enough.
    tokens: Vec<Token>,
    refusals: Refusals,
    limits: SessionLimits,
    epoch: Instant,
    next: Arc<AtomicU64>,
    events: mpsc::Sender<Incoming>,
}

impl SessionService {
    /// A service that reports to `events`; `epoch` is the zero of the coordinator's clock.
    #[must_use]
    pub fn new(
        token: Token,
        limits: SessionLimits,
        epoch: Instant,
        events: mpsc::Sender<Incoming>,
    ) -> Self {
        let refusals = Refusals::new(events.clone());
        let (tokens, next) = (vec![token], Arc::new(AtomicU64::new(1)));
        Self {
            tokens,
            refusals,
            limits,
            epoch,
            next,
            events,
        }
    }

    /// The same service, accepting this token as well.
    #[must_use]
    pub fn and_also(mut self, token: Option<Token>) -> Self {
        self.tokens.extend(token);
        self
    }

    /// The counter of refusals, shared with the acceptor.
    #[must_use]
    pub fn refusals(&self) -> Refusals {
        self.refusals.clone()
    }

    /// The hello, or why there is none. `None` as the reason: the connection broke, which is no
    /// refusal.
    async fn greet(&self, stream: &mut Streaming<FromPeerItem>) -> Result<Hello, Option<Refusal>> {
        let first = tokio::time::timeout(self.limits.hello, stream.next())
            .await
            .map_err(|_| Refusal::Silent)?
            .ok_or(Refusal::NoHello)?
            .map_err(|status| unreadable(&status))?;
        let Ok(FromPeer::Hello(hello)) = FromPeer::try_from(first) else {
            return Err(Some(Refusal::NoHello));
        };
        Ok(*hello)
    }

    fn refused(&self, why: Option<Refusal>, from: Option<IpAddr>) -> Status {
        let Some(why) = why else {
            return Status::cancelled("the connection broke");
        };
        self.refusals.count(why, from);
        refusal_status(why)
    }
}

/// A refusal before the session is open.
fn refusal_status(why: Refusal) -> Status {
    let message = format!("this side {why}");
    match why {
        Refusal::Silent => Status::deadline_exceeded(message),
        Refusal::TooLarge => Status::out_of_range(message),
        Refusal::Foreign => Status::failed_precondition(message),
        Refusal::Twice => Status::resource_exhausted(message),
        _ => Status::invalid_argument(message),
    }
}

fn queue(role: &Role) -> usize {
    match role {
        Role::Agent { slots, .. } => {
            DOWN_QUEUE + QUEUE_PER_SLOT * (*slots).min(QUEUED_SLOTS) as usize
        }
        Role::Worker { .. } => DOWN_QUEUE,
    }
}

/// Why a peer is refused for good, if it is.
fn reject_reason(hello: &Hello, tokens: &[Token]) -> Option<Refusal> {
    match hello.protocol.cmp(&contract::PROTOCOL) {
        Ordering::Less => Some(Refusal::TooOld),
        Ordering::Greater => Some(Refusal::TooNew),
        Ordering::Equal if !one_of(&hello.token, tokens) => Some(Refusal::Token),
        Ordering::Equal => (!presentable(&hello.role)).then_some(Refusal::Name),
    }
}

/// Whether a name can be printed and stored safely.
fn presentable(role: &Role) -> bool {
    let Role::Agent { name, .. } = role else {
        return true;
    };
    (1..=NAME_LIMIT).contains(&name.len()) && !name.chars().any(text::is_harmful)
}

/// Compares with all tokens, so that the time does not reveal which one matched.
fn one_of(token: &Token, tokens: &[Token]) -> bool {
    tokens
        .iter()
        .fold(false, |known, one| known | same(token, one))
}

/// Compares in time that depends only on the lengths.
fn same(a: &Token, b: &Token) -> bool {
    a.expose().as_bytes().ct_eq(b.expose().as_bytes()).into()
}

#[tonic::async_trait]
impl Bench for SessionService {
    type SessionStream = Pin<Box<dyn Stream<Item = Result<ToPeerItem, Status>> + Send>>;

    async fn session(
        &self,
        request: Request<Streaming<FromPeerItem>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let pass = request.extensions().get::<Admission>().cloned();
        let from = pass.as_ref().map(|pass| pass.0.from.ip());
        let mut stream = request.into_inner();
        let greeting = pass
            .as_ref()
            .map(|pass| pass.0.greet().ok_or(Some(Refusal::Twice)))
            .transpose();
        let greeting = greeting.map_err(|why| self.refused(why, from))?;
        let hello = self
            .greet(&mut stream)
            .await
            .map_err(|why| self.refused(why, from))?;
        drop(greeting);
        let (down, outbox) = mpsc::channel(queue(&hello.role));
        let pieces = Arc::new(AtomicUsize::new(0));
        let waiting = Arc::clone(&pieces);
        let answers = Box::pin(ReceiverStream::new(outbox).map(move |down: ToPeer| {
            if matches!(down, ToPeer::BuildChunk(_)) {
                waiting.fetch_sub(1, Relaxed);
            }
            Ok(ToPeerItem::from(down))
        }));
        if let Some(why) = reject_reason(&hello, &self.tokens) {
            self.refusals.count(why, from);
            let message = format!("this side {why}");
            // The stream ends after this one message.
            drop(down.try_send(ToPeer::Refused {
                message,
                last: true,
            }));
            return Ok(Response::new(answers));
        }
        if let Some(Admission(pass)) = pass {
            pass.admit();
        }
        let session = self.next.fetch_add(1, Relaxed);
        let SessionLimits { lease, beat, .. } = self.limits;
        drop(down.try_send(ToPeer::Welcome(Welcome {
            session,
            lease,
            beat,
        })));
        let peer = Peer {
            down: down.downgrade(),
            clock: Arc::default(),
            full: Arc::default(),
            pieces,
        };
        let opened = Incoming {
            session,
            what: SessionEvent::Opened(Box::new(hello), peer.clone()),
        };
        self.events
            .send(opened)
            .await
            .map_err(|_| Status::unavailable("the run is over"))?;
        let (events, refusals) = (self.events.clone(), self.refusals.clone());
        let task = SessionTask {
            session,
            from,
            down,
            peer,
            events,
            refusals,
            lease,
            beat,
            epoch: self.epoch,
        };
        tokio::spawn(task.run(stream));
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
        let token = [Token::new("older"), Token::new("secret")];
        assert_eq!(reject_reason(&hello(now, "secret"), &token), None);
        assert_eq!(reject_reason(&hello(now, "older"), &token), None);
        for wrong in ["", "secreT", "secret!"] {
            assert_eq!(
                reject_reason(&hello(now, wrong), &token),
                Some(Refusal::Token),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn names_are_what_can_be_shown() {
        let called = |name: &str| {
            let role = Role::Agent {
                name: name.to_owned(),
                slots: 1,
            };
            reject_reason(
                &Hello {
                    role,
                    ..hello(contract::PROTOCOL, "s")
                },
                &[Token::new("s")],
            )
        };
        for fine in ["rack-7", "Größe 2", &"n".repeat(NAME_LIMIT)] {
            assert_eq!(called(fine), None, "{fine}");
        }
        for wrong in [
            "",
            "a\nb",
            "\u{1b}[2J",
            "a\u{202e}b",
            "a\u{2028}b",
            "\u{9b}2J",
            &"n".repeat(NAME_LIMIT + 1),
        ] {
            assert_eq!(called(wrong), Some(Refusal::Name), "{wrong:?}");
        }
    }

    #[test]
    fn a_connection_that_breaks_is_nobodys_language() {
        let broken =
            Status::from_error(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into());
        assert_eq!(unreadable(&broken), None);
        assert_eq!(
            unreadable(&Status::internal("failed to decode")),
            Some(Refusal::Foreign)
        );
        assert_eq!(
            unreadable(&Status::out_of_range("large")),
            Some(Refusal::TooLarge)
        );
    }

    #[test]
    fn the_orders_of_a_trial_fit_into_an_agents_queue() {
        let agent = |slots| {
            queue(&Role::Agent {
                name: "a".into(),
                slots,
            })
        };
        assert!(agent(1000) >= 4000 && agent(u32::MAX) < 10_000);
        assert_eq!(queue(&Role::Worker { ticket: Ticket(1) }), DOWN_QUEUE);
    }

    #[test]
    fn a_mismatch_says_which_side_is_too_old() {
        let now = contract::PROTOCOL;
        let token = [Token::new("s")];
        let old = reject_reason(&hello(now - 1, "s"), &token)
            .expect("refused")
            .to_string();
        assert!(old.ends_with("the worker is too old"), "{old}");
        let new = reject_reason(&hello(now + 1, "s"), &token)
            .expect("refused")
            .to_string();
        assert!(new.ends_with("the coordinator is too old"), "{new}");
    }
}
