//! The state of one connection: whether its session is admitted, and which reader waits for that.
//! Must not know what a hello says.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

use tokio::sync::OwnedSemaphorePermit;

/// State of one connection.
#[derive(Debug)]
pub(super) struct ConnState {
    pub from: SocketAddr,
    pub admitted: AtomicBool,
    /// Whether a hello is awaited on one of its streams.
    pub greeting: AtomicBool,
    /// The reader that continues once the connection is admitted.
    pub reader: Mutex<Option<Waker>>,
    pub _permit: OwnedSemaphorePermit,
}

/// A stream on which a hello is awaited.
pub(super) struct Greeting(Option<Arc<ConnState>>);

/// The service's handle on the connection that a session came over.
#[derive(Clone, Debug)]
pub struct Admission(pub(super) Arc<ConnState>);

impl Admission {
    /// The peer has introduced itself: the limits on strangers end.
    pub fn admit(&self) {
        self.0.admit();
    }

    /// Its address.
    #[must_use]
    pub fn from(&self) -> IpAddr {
        self.0.from.ip()
    }
}

impl Drop for Greeting {
    fn drop(&mut self) {
        if let Some(pass) = &self.0 {
            pass.greeting.store(false, Ordering::Relaxed);
        }
    }
}

impl ConnState {
    /// Lets a stream introduce itself. A connection that is not admitted may have one such stream
    /// at a time, because each costs a message buffer.
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

    /// Whether the connection is admitted; if not, the reader is woken when it is.
    pub(super) fn is_admitted_or_wakes(&self, reader: &Waker) -> bool {
        *self.reader.lock().unwrap_or_else(PoisonError::into_inner) = Some(reader.clone());
        // Checked again after the reader is registered: an admission in between would have woken
        // nobody.
        self.admitted.load(Ordering::SeqCst)
    }

    pub(super) fn is_admitted(&self) -> bool {
        self.admitted.load(Ordering::Relaxed)
    }
}
