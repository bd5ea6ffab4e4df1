//! One session with the coordinator: connects, introduces itself, answers pings, and notices
//! silence. Must not know what other messages ask for. The only file of the worker that uses
//! generated types.
//!
//! ```text
//! dialling ─connected→ greeting ─Welcome→ open ─stream ended | error | silence longer than the lease→ lost
//!    ▲  │ transient failure │
//!    └──┴── backoff, within the patience ──→ given up            a refusal that is final → refused, never retried
//! ```

use std::time::Duration;

use contract::message::{FromPeer, Hello, ToPeer, Welcome};
use contract::wire::{BenchClient, FromPeerItem, MESSAGE_LIMIT, ToPeerItem};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::Endpoint;
use tonic::{Code, Status, Streaming};

use super::access::{Access, distrust};
pub use super::error::LinkError;
use crate::causes::with_causes;
use crate::measure::Clock;

/// Longest wait for a connection, and then for the answer to the hello.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for the coordinator to receive the last messages.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(250);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// An event of a session.
#[derive(Debug)]
pub(crate) enum Event {
    /// The coordinator sent a message other than a ping.
    Said(ToPeer),
    /// A keep-alive is due.
    BeatDue,
}

/// An open session.
#[derive(Debug)]
pub(crate) struct Link {
    up: UnboundedSender<FromPeerItem>,
    down: Streaming<ToPeerItem>,
    welcome: Welcome,
    heard: Instant,
    beat: Instant,
    /// The clock of start instants.
    clock: Clock,
    /// Address of the coordinator.
    address: String,
}

/// Why one attempt failed.
enum Miss {
    Final(LinkError),
    Transient(String),
}

impl Link {
    /// Tries to connect until the coordinator accepts this peer, refuses it for good, or the
    /// patience is over (`None`: never).
    pub(crate) async fn dial(
        access: &Access,
        hello: &Hello,
        patience: Option<Duration>,
    ) -> Result<Self, LinkError> {
        let address = access.coordinator.as_str();
        let endpoint = access.endpoint()?.connect_timeout(CONNECT_TIMEOUT);
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            // At every attempt, because the listener may change.
            if let Some(user) = access.stranger() {
                return Err(LinkError::ToAnotherUser {
                    address: address.to_owned(),
                    user,
                });
            }
            let reason = match Self::open(address, &endpoint, hello).await {
                Ok(link) => return Ok(link),
                Err(Miss::Final(error)) => return Err(error),
                Err(Miss::Transient(reason)) => reason,
            };
            if let Some(patience) = patience.filter(|patience| began.elapsed() + pause > *patience)
            {
                return Err(LinkError::Unreachable {
                    address: address.to_owned(),
                    patience,
                    reason,
                });
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn open(address: &str, endpoint: &Endpoint, hello: &Hello) -> Result<Self, Miss> {
        let channel = endpoint
            .connect()
            .await
            .map_err(|error| distrusted(address, with_causes(&error)))?;
        let mut client = BenchClient::new(channel).max_decoding_message_size(MESSAGE_LIMIT);
        let (up, outgoing) = unbounded_channel();
        up.send(FromPeer::Hello(Box::new(hello.clone())).into())
            .expect("the receiver is held here");
        let greeting = async {
            let mut down = client
                .session(UnboundedReceiverStream::new(outgoing))
                .await?
                .into_inner();
            let first = down.message().await?;
            Ok::<_, Status>((down, first))
        };
        let (down, first) = timeout(CONNECT_TIMEOUT, greeting)
            .await
            .map_err(|_| Miss::Transient("it does not answer the greeting".to_owned()))?
            .map_err(|status| miss(address, &status))?;
        let welcome = welcome(address, first)?;
        let now = Instant::now();
        let (beat, clock, address) = (now + welcome.beat, Clock::monotonic(), address.to_owned());
        Ok(Self {
            up,
            down,
            welcome,
            heard: now,
            beat,
            clock,
            address,
        })
    }

    /// The next event. Pings are answered here at once. May be dropped and called again at any
    /// await.
    pub(crate) async fn next(&mut self) -> Result<Event, LinkError> {
        loop {
            let expires = self.heard + self.welcome.lease;
            tokio::select! {
                biased;
                item = self.down.message() => {
                    if let Some(down) = self.take(item)? {
                        return Ok(Event::Said(down));
                    }
                }
                () = sleep_until(expires) => {
                    return Err(LinkError::Silent { lease: self.welcome.lease });
                }
                () = sleep_until(self.beat) => {
                    self.beat = Instant::now() + self.welcome.beat;
                    return Ok(Event::BeatDue);
                }
            }
        }
    }

    fn take(
        &mut self,
        item: Result<Option<ToPeerItem>, Status>,
    ) -> Result<Option<ToPeer>, LinkError> {
        let broken = |reason: String| LinkError::Broken { reason };
        let item = item
            .map_err(|status| broken(sentence(&status)))?
            .ok_or_else(|| broken("the coordinator ended it".to_owned()))?;
        self.heard = Instant::now();
        match ToPeer::try_from(item).map_err(|error| broken(format!("failed to {error}")))? {
            ToPeer::Ping { seq } => {
                self.send(FromPeer::Pong {
                    seq,
                    mono: self.clock.now(),
                });
                Ok(None)
            }
            ToPeer::Refused {
                message,
                last: true,
            } => Err(LinkError::Refused {
                address: self.address.clone(),
                message,
            }),
            ToPeer::Refused {
                message,
                last: false,
            } => Err(broken(message)),
            down => Ok(Some(down)),
        }
    }

    /// Queues a message. [`Link::next`] notices a session that has ended, not this.
    pub(crate) fn send(&self, up: FromPeer) {
        let _ = self.up.send(up.into());
    }

    /// A function that sends a message later, from another thread.
    pub(crate) fn voice(&self) -> impl FnOnce(FromPeer) + Send + use<> {
        let up = self.up.clone();
        move |said| drop(up.send(said.into()))
    }

    /// Ends the session and waits, for a bounded time, until the coordinator has received the last
    /// messages.
    pub(crate) async fn close(self) {
        let Self { up, mut down, .. } = self;
        drop(up);
        // The coordinator answers the end of the stream with its own.
        let _ = timeout(CLOSE_TIMEOUT, async {
            while let Ok(Some(_)) = down.message().await {}
        })
        .await;
    }
}

/// A handshake that fails for lack of trust fails every time; other failures may be temporary.
fn distrusted(address: &str, reason: String) -> Miss {
    match distrust(&reason) {
        Some(message) => Miss::Final(LinkError::Refused {
            address: address.to_owned(),
            message: message.to_owned(),
        }),
        None => Miss::Transient(reason),
    }
}

fn welcome(address: &str, first: Option<ToPeerItem>) -> Result<Welcome, Miss> {
    let refused = |message| {
        Miss::Final(LinkError::Refused {
            address: address.to_owned(),
            message,
        })
    };
    let first = first.ok_or_else(|| {
        Miss::Transient(
            "it closed the connection without a \
                                                     message"
                .to_owned(),
        )
    })?;
    match ToPeer::try_from(first) {
        Ok(ToPeer::Welcome(welcome)) => Ok(welcome),
        Ok(ToPeer::Refused {
            message,
            last: true,
        }) => Err(refused(message)),
        Ok(ToPeer::Refused {
            message,
            last: false,
        }) => Err(Miss::Transient(message)),
        Ok(_) => Err(refused(
            "it did not answer the hello with a welcome".to_owned(),
        )),
        Err(error) => Err(refused(format!("failed to {error}"))),
    }
}

/// Whether a gRPC status means that the next attempt would fail in the same way.
fn miss(address: &str, status: &Status) -> Miss {
    match status.code() {
        Code::Unimplemented
        | Code::Unauthenticated
        | Code::PermissionDenied
        | Code::InvalidArgument
        | Code::FailedPrecondition
        | Code::OutOfRange => Miss::Final(LinkError::Refused {
            address: address.to_owned(),
            message: sentence(status),
        }),
        // The other side checks a certificate only after this side has begun to send.
        _ => distrusted(address, with_causes(status)),
    }
}

fn sentence(status: &Status) -> String {
    match status.message() {
        "" => status.code().to_string(),
        message => message.to_owned(),
    }
}
