//! The coordinator's end of every session: the gRPC service that agents and workers dial. It checks who knocks, keeps
//! three limits on every stream (first message, silence, size), measures the peer's clock, and hands messages on. It
//! starts nothing and decides nothing.

mod desk;
mod pump;

pub use desk::{Desk, DeskLimits};

use std::sync::{Arc, Mutex};

use contract::message::{Down, Hello, Up};
use tokio::sync::mpsc;

use super::clock::{ClockFilter, Estimate};

/// Something happened on a session.
#[derive(Debug)]
pub struct Incoming {
    /// Which.
    pub session: u64,
    /// What.
    pub what: SessionEvent,
}

/// What can happen on a session.
#[derive(Debug)]
pub enum SessionEvent {
    /// A peer introduced itself and was accepted.
    Opened(Box<Hello>, Peer),
    /// It said something.
    Said(Up),
    /// The stream ended, or nothing came for too long. Its own end of the stream is closed by then.
    Closed,
}

/// The way to a peer. Whoever holds one keeps no session open: that is the pump's alone.
#[derive(Clone, Debug)]
pub struct Peer {
    down: mpsc::WeakSender<Down>,
    clock: Arc<Mutex<ClockFilter>>,
}

impl Peer {
    /// Sends without waiting. A peer that does not take its few messages is as good as gone, and its silence will say
    /// so; nothing waits for it here.
    pub fn send(&self, down: Down) {
        if let Some(queue) = self.down.upgrade() {
            drop(queue.try_send(down));
        }
    }

    /// How its clock relates to ours.
    #[must_use]
    pub fn clock(&self) -> Option<Estimate> {
        self.clock.lock().expect("no one panics while holding the filter").estimate()
    }
}
