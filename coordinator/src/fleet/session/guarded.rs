//! An accepted connection: a stream that closes itself unless its session is admitted in time, and
//! when the client floods it. Until the session is admitted, no more is read than a hello can need;
//! the rest waits in the system's buffers and costs nothing here. Must not know the messages.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::conn::{Admission, ConnState};
use super::frames::Frames;
use super::refusal::{Refusal, Refusals, UNKNOWN_LIMIT};

/// The transport of a connection: plain or TLS.
pub(super) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection for the server.
pub struct GuardedConn {
    wire: Wire,
    pass: Arc<ConnState>,
    refusals: Refusals,
    began: Instant,
    frames: Frames,
    /// `None` once admitted.
    watch: Option<Watch>,
}

/// The conditions that may end a connection before it is admitted.
struct Watch {
    deadline: Pin<Box<Sleep>>,
    /// `None` once nothing can evict the connection any more: the acceptor is closed.
    evicted: Option<oneshot::Receiver<()>>,
    /// Bytes of the preface received.
    begun: usize,
    /// Bytes received.
    heard: usize,
}

/// The preface of every HTTP/2 connection.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

impl GuardedConn {
    pub(super) fn new(
        wire: Wire,
        pass: Arc<ConnState>,
        evicted: oneshot::Receiver<()>,
        limit: Duration,
        refusals: Refusals,
    ) -> Self {
        let (deadline, evicted) = (Box::pin(sleep(limit)), Some(evicted));
        let watch = Watch {
            deadline,
            evicted,
            begun: 0,
            heard: 0,
        };
        let (began, frames) = (Instant::now(), Frames::default());
        Self {
            wire,
            pass,
            refusals,
            began,
            frames,
            watch: Some(watch),
        }
    }

    /// Reports a caller that begins with something other than HTTP/2. The server then closes the
    /// connection in its own way.
    fn listen(&mut self, bytes: &[u8]) {
        let Some(watch) = &mut self.watch else { return };
        let due = &PREFACE[watch.begun..];
        let all = due.len().min(bytes.len());
        watch.begun += all;
        if bytes[..all] != due[..all] {
            watch.begun = PREFACE.len();
            self.refusals
                .count(Refusal::NoHttp2, Some(self.pass.from.ip()));
        }
    }

    /// Why the connection must end now, if it must. Registers the task to be woken when that may
    /// change.
    fn overdue(&mut self, context: &mut Context<'_>) -> Option<Refusal> {
        let watch = self.watch.as_mut()?;
        if self.pass.is_admitted() {
            self.watch = None;
            return None;
        }
        let why = if watch.deadline.as_mut().poll(context).is_ready() {
            if watch.heard > UNKNOWN_LIMIT {
                Refusal::TooMuch
            } else {
                Refusal::Silent
            }
        } else if watch.is_evicted(context) {
            Refusal::Crowded
        } else {
            return None;
        };
        self.watch = None;
        Some(why)
    }

    /// Why these bytes exceed a limit, if they do.
    fn too_many(&mut self, bytes: &[u8]) -> Option<Refusal> {
        if !self.frames.came(bytes, self.began.elapsed()) {
            return Some(Refusal::Flood);
        }
        if let Some(watch) = &mut self.watch {
            watch.heard = watch.heard.saturating_add(bytes.len());
        }
        None
    }

    /// Whether reading pauses until the session is admitted. Registers the task to be woken then.
    fn is_held(&self, context: &Context<'_>) -> bool {
        let held = self
            .watch
            .as_ref()
            .is_some_and(|watch| watch.heard > UNKNOWN_LIMIT);
        held && !self.pass.is_admitted_or_wakes(context.waker())
    }

    /// Ends the connection: the reader gets an error, and the refusal is counted.
    fn broken(&self, why: Refusal) -> Poll<io::Result<()>> {
        self.refusals.count(why, Some(self.pass.from.ip()));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, why)))
    }
}

impl Watch {
    fn is_evicted(&mut self, context: &mut Context<'_>) -> bool {
        let Some(order) = &mut self.evicted else {
            return false;
        };
        let Poll::Ready(order) = Pin::new(order).poll(context) else {
            return false;
        };
        // A completed receiver must not be polled again.
        self.evicted = None;
        order.is_ok()
    }
}

impl Connected for GuardedConn {
    type ConnectInfo = Admission;

    fn connect_info(&self) -> Admission {
        Admission(Arc::clone(&self.pass))
    }
}

impl AsyncRead for GuardedConn {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(why) = self.overdue(context) {
            return self.broken(why);
        }
        if self.is_held(context) {
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let read = match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Wire::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        };
        self.listen(&buffer.filled()[before..]);
        match self.too_many(&buffer.filled()[before..]) {
            Some(why) => self.broken(why),
            None => read,
        }
    }
}

impl AsyncWrite for GuardedConn {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Wire::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        };
        if let Poll::Ready(Ok(count)) = written {
            self.frames.sent(count);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_flush(context),
            Wire::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Wire::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
