//! Passes on one accepted session's messages, pings the peer, and notices when it falls silent. A
//! silent peer is fenced: it is told so, and what it still sends is dropped and counted.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use contract::message::{FromPeer, ToPeer};
use contract::wire::FromPeerItem;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_stream::StreamExt;
use tonic::{Status, Streaming};

use super::refusal::{Refusal, Refusals, unreadable};
use super::{Incoming, Peer, SessionEvent};

/// Pings sent in quick succession when a session opens, so that the clock is well known before the
/// first trial. From then on each pause is twice the one before, up to the beat, so that a peer
/// that was busy loading is pinged again soon after.
const OPENING_PINGS: u32 = 8;
const OPENING_PAUSE: Duration = Duration::from_millis(5);
/// Pings that may be outstanding; older ones are forgotten.
const OUTSTANDING: usize = 16;
/// A process that has died is reported twice: by the end of its session, and by its agent, which
/// knows how it died. The end of the session waits this long for the agent's report.
const AGENT_FIRST: Duration = Duration::from_secs(1);
/// Number of leases for which a fenced peer is still listened to, so that late messages are
/// counted.
const LINGER: u32 = 10;

pub(super) struct SessionTask {
    pub session: u64,
    pub from: Option<IpAddr>,
    /// The only sender that keeps the session open.
    pub down: mpsc::Sender<ToPeer>,
    pub peer: Peer,
    pub events: mpsc::Sender<Incoming>,
    pub refusals: Refusals,
    pub lease: Duration,
    pub beat: Duration,
    pub epoch: Instant,
}

/// Why a session is over.
enum End {
    /// The stream ended or broke.
    Left,
    /// The peer sent a message that cannot be read.
    Unreadable(Refusal),
    /// Nothing was received for the length of the lease.
    Silent,
    /// The peer does not read its messages.
    Unread,
    /// The coordinator no longer listens.
    Deaf,
}

impl SessionTask {
    /// Runs until the stream ends, the peer is silent for its lease, or the coordinator no longer
    /// listens.
    pub(super) async fn run(self, mut stream: Streaming<FromPeerItem>) {
        match self.carry(&mut stream).await {
            End::Deaf => {}
            End::Left => self.close().await,
            End::Unreadable(why) => {
                self.refusals.count(why, self.from);
                self.peer.send(ToPeer::Refused {
                    message: format!("this side {why}"),
                    last: true,
                });
                self.close().await;
            }
            End::Silent => self.fence(stream, SessionEvent::Silent).await,
            End::Unread => self.fence(stream, SessionEvent::Unread).await,
        }
    }

    async fn carry(&self, stream: &mut Streaming<FromPeerItem>) -> End {
        let mut pause = OPENING_PAUSE;
        let mut due = Instant::now();
        let mut sent = BTreeMap::new();
        let mut seq = 0;
        let mut heard = Instant::now();
        // A message that waits until the coordinator has room for it. Nothing more is read until
        // then.
        let mut waiting = None;
        loop {
            tokio::select! {
                item = stream.next(), if waiting.is_none() => {
                    heard = Instant::now();
                    waiting = match read(item) {
                        Ok(up) => self.take(up, &mut sent),
                        Err(end) => return end,
                    };
                }
                room = self.events.reserve(), if waiting.is_some() => {
                    let Ok(room) = room else { return End::Deaf };
                    room.send(waiting.take().expect("this branch is for what waits"));
                    heard = Instant::now();
                }
                () = self.peer.full.notified() => return End::Unread,
                () = sleep_until(due) => {
                    // If this task stood still, or did not read, that time must not count as the
                    // peer's silence.
                    if waiting.is_some() {
                        heard = Instant::now();
                    } else if due.elapsed() > self.beat {
                        heard += due.elapsed();
                    }
                    if heard.elapsed() > self.lease {
                        return End::Silent;
                    }
                    seq += 1;
                    if seq >= OPENING_PINGS {
                        pause = (pause * 2).min(self.beat);
                    }
                    due = Instant::now() + pause;
                    sent.insert(seq, self.epoch.elapsed());
                    if sent.len() > OUTSTANDING {
                        sent.pop_first();
                    }
                    // A ping that does not fit is sent again after the next pause.
                    drop(self.down.try_send(ToPeer::Ping { seq }));
                }
            }
        }
    }

    async fn close(self) {
        let Self {
            session,
            down,
            events,
            ..
        } = self;
        drop(down);
        tokio::time::sleep(AGENT_FIRST).await;
        drop(
            events
                .send(Incoming {
                    session,
                    what: SessionEvent::Closed,
                })
                .await,
        );
    }

    /// Ends the session from this side. The peer may only be cut off; it is told once the
    /// connection works again.
    async fn fence(self, mut stream: Streaming<FromPeerItem>, what: SessionEvent) {
        let Self {
            session,
            down,
            peer,
            events,
            lease,
            ..
        } = self;
        let message = format!(
            "nothing was received from this side for {} s: it was given up, and the run continues without \
             its work",
            lease.as_secs_f64()
        );
        // The peer may return with a new session. Nothing is sent if its queue is full.
        peer.send(ToPeer::Refused {
            message,
            last: false,
        });
        drop(down);
        drop(events.send(Incoming { session, what }).await);
        let until = Instant::now() + lease * LINGER;
        while let Ok(Some(Ok(item))) = timeout_at(until, stream.next()).await {
            if matches!(FromPeer::try_from(item), Ok(FromPeer::Part(chunk)) if chunk.last) {
                drop(
                    events
                        .send(Incoming {
                            session,
                            what: SessionEvent::LatePart,
                        })
                        .await,
                );
            }
        }
    }

    fn tick(&self, sent: Duration, peer: Duration) -> Option<SessionEvent> {
        let mut clock = self
            .peer
            .clock
            .lock()
            .expect("no one panics while holding the filter");
        let first = clock.estimate().is_none();
        let jump = clock
            .take(sent, peer, self.epoch.elapsed())
            .map(SessionEvent::ClockJumped);
        jump.or(first.then_some(SessionEvent::ClockKnown))
    }

    /// Uses pongs for the clock and returns every other message.
    fn take(&self, up: FromPeer, sent: &mut BTreeMap<u32, Duration>) -> Option<Incoming> {
        let what = match up {
            FromPeer::Pong { seq, mono } => self.tick(sent.remove(&seq)?, mono)?,
            up => SessionEvent::Said(up),
        };
        Some(Incoming {
            session: self.session,
            what,
        })
    }
}

fn read(item: Option<Result<FromPeerItem, Status>>) -> Result<FromPeer, End> {
    match item {
        Some(Ok(item)) => FromPeer::try_from(item).map_err(|_| End::Unreadable(Refusal::Foreign)),
        Some(Err(status)) => Err(unreadable(&status).map_or(End::Left, End::Unreadable)),
        None => Err(End::Left),
    }
}
