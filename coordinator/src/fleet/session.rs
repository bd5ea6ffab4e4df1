//! The coordinator's end of every session: the gRPC service that agents and workers connect to. It
//! checks peers ([`open`] the connection, [`SessionService`] the hello), enforces three limits on
//! every stream (time to the first message, silence, size), measures the peer's clock, and passes
//! messages on. It starts nothing and decides nothing.

mod accept;
mod conn;
mod frames;
mod guarded;
mod refusal;
mod service;
mod task;
mod tls;

pub use accept::{AcceptLimits, open};
pub use conn::Admission;
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

/// An event of a session.
#[derive(Debug)]
pub struct Incoming {
    /// Session number, in the order in which sessions opened.
    pub session: u64,
    /// The event.
    pub what: SessionEvent,
}

/// What can happen on a session.
#[derive(Debug)]
pub enum SessionEvent {
    /// A peer introduced itself and was accepted.
    Opened(Box<Hello>, Peer),
    /// The peer sent a message.
    Said(FromPeer),
    /// The stream ended. Our end of it is closed by then.
    Closed,
    /// Nothing was received for the length of the lease, so the coordinator ended the session.
    Silent,
    /// The peer did not read its messages and its queue was full, so the coordinator ended the
    /// session.
    Unread,
    /// The peer has answered a ping for the first time.
    ClockKnown,
    /// A part arrived on a session that was ended for silence; it was dropped.
    LatePart,
    /// The peer's monotonic clock has jumped by this much.
    ClockJumped(Duration),
    /// A caller was refused, described in one line.
    Refused(String),
}

/// A handle to send to a peer. It does not keep the session open: only the session's task does.
#[derive(Clone, Debug)]
pub struct Peer {
    down: mpsc::WeakSender<ToPeer>,
    clock: Arc<Mutex<ClockFilter>>,
    /// Signalled when the queue is full: the session is over.
    full: Arc<Notify>,
    /// Pieces of builds that wait for the peer to read them.
    pieces: Arc<AtomicUsize>,
}

/// Greatest number of build pieces that wait for one peer, which asks for one at a time of each
/// build it lacks.
const PIECES: usize = 16;

impl Peer {
    /// Sends without waiting. If the queue is full, the session ends, so no message is lost
    /// silently.
    pub fn send(&self, down: ToPeer) {
        let Some(queue) = self.down.upgrade() else {
            return;
        };
        if let Err(TrySendError::Full(_)) = queue.try_send(down) {
            self.full.notify_one();
        }
    }

    /// Whether the peer may get another build piece. A peer that asks for more than it reads gets
    /// no more.
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

    /// How the peer's clock relates to ours.
    #[must_use]
    pub fn clock(&self) -> Option<Estimate> {
        self.clock
            .lock()
            .expect("no one panics while holding the filter")
            .estimate()
    }
}
