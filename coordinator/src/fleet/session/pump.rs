//! Moves one accepted session's messages, pings the peer, and notices when it falls silent.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::message::{Down, Up};
use contract::wire::UpItem;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_stream::StreamExt;
use tonic::Streaming;

use super::{Incoming, Peer, SessionEvent};

/// Pings sent in quick succession when a session opens, so that the first trial already knows the clock well; from
/// then on each pause is twice the one before, up to the beat: a peer that was busy loading is asked again after it.
const OPENING_PINGS: u32 = 8;
const OPENING_PAUSE: Duration = Duration::from_millis(5);
/// Pings whose answers may be outstanding; older ones are forgotten.
const OUTSTANDING: usize = 16;
/// A process that has died is told of twice: by the end of its session, and by its agent, who knows how it died. The
/// agent goes first if it comes so soon.
const LAST_WORD: Duration = Duration::from_secs(1);

pub(super) struct Pump {
    pub session: u64,
    /// The only thing that holds the session open.
    pub down: mpsc::Sender<Down>,
    pub peer: Peer,
    pub events: mpsc::Sender<Incoming>,
    pub lease: Duration,
    pub beat: Duration,
    pub epoch: Instant,
}

impl Pump {
    /// Runs until the stream ends, the peer is silent for its lease, or nobody listens any more.
    pub(super) async fn run(self, mut stream: Streaming<UpItem>) {
        let mut pause = OPENING_PAUSE;
        let mut due = Instant::now();
        let mut sent = BTreeMap::new();
        let mut seq = 0;
        let mut heard = Instant::now();
        loop {
            tokio::select! {
                item = stream.next() => {
                    heard = Instant::now();
                    let Some(up) = item.and_then(Result::ok).and_then(|item| Up::try_from(item).ok()) else { break };
                    if !self.take(up, &mut sent).await {
                        return;
                    }
                }
                () = sleep_until(due) => {
                    if heard.elapsed() > self.lease {
                        break;
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
                    self.peer.send(Down::Ping { seq });
                }
            }
        }
        self.close().await;
    }

    async fn close(self) {
        let Self { session, down, events, .. } = self;
        drop(down);
        tokio::time::sleep(LAST_WORD).await;
        drop(events.send(Incoming { session, what: SessionEvent::Closed }).await);
    }

    /// Keeps pongs for the clock, hands everything else on. False when nobody listens any more.
    async fn take(&self, up: Up, sent: &mut BTreeMap<u32, Duration>) -> bool {
        if let Up::Pong { seq, mono } = up {
            if let Some(at) = sent.remove(&seq) {
                let mut clock = self.peer.clock.lock().expect("no one panics while holding the filter");
                clock.take(at, mono, self.epoch.elapsed());
            }
            return true;
        }
        self.events.send(Incoming { session: self.session, what: SessionEvent::Said(up) }).await.is_ok()
    }
}
