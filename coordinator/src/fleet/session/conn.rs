//! What is known of one connection: whether its session is admitted, and who waits for that. Must
//! not know what a hello says.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

use tokio::sync::OwnedSemaphorePermit;

/// One connection's standing.
#[derive(Debug)]
pub(super) struct ConnState {
    pub from: SocketAddr,
    pub admitted: AtomicBool,
    /// A hello is awaited on one of its streams.
    pub greeting: AtomicBool,
    /// Who reads on once it is admitted.
    pub reader: Mutex<Option<Waker>>,
    pub _permit: OwnedSemaphorePermit,
}

/// A stream on which a hello is awaited.
pub(super) struct Greeting(Option<Arc<ConnState>>);

/// The desk's hold on the connection that a session came over.
#[derive(Clone, Debug)]
pub struct Admission(pub(super) Arc<ConnState>);

impl Drop for Greeting {
    fn drop(&mut self) {
        if let Some(pass) = &self.0 {
            pass.greeting.store(false, Ordering::Relaxed);
        }
    }
}

impl ConnState {
    /// Lets a stream introduce itself: of a connection that has not one at a time, or each would
    /// cost a message's room.
    pub(super) fn greet(self: &Arc<Self>) -> Option<Greeting> {
        if self.is_admitted() {
            return Some(Greeting(None));
        }
        let first = !self.greeting.swap(true, Ordering::Relaxed);
        first.then(|| Greeting(Some(Arc::clone(self))))
    }

    pub(super) fn admit(&self) {
        self.admitted.store(true, Ordering::SeqCst);
        let reader = self
            .reader
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        reader.into_iter().for_each(Waker::wake);
    }

    /// Whether it is admitted; who asks is woken when it is.
    pub(super) fn is_admitted_or_wakes(&self, reader: &Waker) -> bool {
        *self.reader.lock().unwrap_or_else(PoisonError::into_inner) = Some(reader.clone());
        // After the reader is known: an admission in between would wake nobody.
        self.admitted.load(Ordering::SeqCst)
    }

    pub(super) fn is_admitted(&self) -> bool {
        self.admitted.load(Ordering::Relaxed)
    }
}
