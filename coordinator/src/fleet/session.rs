//! The coordinator's end of every session: the gRPC service that agents and workers dial. It checks
//! who knocks ([`open`] the connection, [`SessionService`] the hello), keeps three limits on every
//! stream (first message, silence, size), measures the peer's clock, and hands messages on. It
//! starts nothing and decides nothing.

mod accept;
mod conn;
mod frames;
mod guarded;
mod refusal;
mod service;
mod task;
mod tls;

pub use accept::{AcceptLimits, open};
pub use refusal::{Refusal, Refusals};
pub use service::{SessionLimits, SessionService};
pub use tls::{TlsError, acceptor};

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use contract::message::{BuildChunk, FromPeer, Hello, ToPeer};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc};

use super::clock::{ClockFilter, Estimate};

/// Something happened on a session.
#[derive(Debug)]
pub struct Incoming {
    /// Number of the session, in the order of their opening.
    pub session: u64,
    /// What the session brought.
    pub what: SessionEvent,
}

/// What can happen on a session.
#[derive(Debug)]
pub enum SessionEvent {
    /// A peer introduced itself and was accepted.
    Opened(Box<Hello>, Peer),
    /// It said something.
    Said(FromPeer),
    /// The stream ended. Its own end of the stream is closed by then.
    Closed,
    /// Nothing came for too long, and the session was ended from here.
    Silent,
    /// It did not take what it was told: its queue was full, and the session was ended from here.
    Unread,
    /// It has answered a ping for the first time.
    ClockKnown,
    /// A part came over a session that was ended for silence; it was dropped.
    LatePart,
    /// The peer's monotonic clock has jumped by so much.
    ClockJumped(Duration),
    /// Somebody was turned away, in one line.
    Refused(String),
}

/// The way to a peer. Whoever holds one keeps no session open: that is the task's alone.
#[derive(Clone, Debug)]
pub struct Peer {
    down: mpsc::WeakSender<ToPeer>,
    clock: Arc<Mutex<ClockFilter>>,
    /// Something did not fit into the queue: the session is over.
    full: Arc<Notify>,
    /// Pieces of builds that wait for the peer to take them.
    pieces: Arc<AtomicUsize>,
}

/// Pieces of builds that may wait for one peer: it asks for one at a time of each build that it
/// lacks.
const PIECES: usize = 16;

impl Peer {
    /// Sends without waiting. A peer that does not take its few messages has its session ended for
    /// that: what it was not told is never missing in silence.
    pub fn send(&self, down: ToPeer) {
        let Some(queue) = self.down.upgrade() else {
            return;
        };
        if let Err(TrySendError::Full(_)) = queue.try_send(down) {
            self.full.notify_one();
        }
    }

    /// Whether it may have a further piece of a build: who asks for more than it takes gets no
    /// more.
    #[must_use]
    pub fn takes_pieces(&self) -> bool {
        self.pieces.load(Relaxed) < PIECES
    }

    /// Sends a piece of a build without waiting.
    pub fn send_piece(&self, piece: BuildChunk) {
        let Some(queue) = self.down.upgrade() else {
            return;
        };
        self.pieces.fetch_add(1, Relaxed);
        if queue.try_send(ToPeer::BuildChunk(piece)).is_err() {
            self.pieces.fetch_sub(1, Relaxed);
        }
    }

    /// How its clock relates to ours.
    #[must_use]
    pub fn clock(&self) -> Option<Estimate> {
        self.clock
            .lock()
            .expect("no one panics while holding the filter")
            .estimate()
    }
}
