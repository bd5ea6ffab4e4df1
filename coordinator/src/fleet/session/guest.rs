//! A connection that is inside: a stream that breaks off by itself unless its session is admitted in time. Must not
//! know what is said over it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::gate::{Admission, Pass};
use super::refusal::{Refusal, Refusals};

/// What the bytes go over.
pub(super) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection for the server.
pub struct Guest {
    wire: Wire,
    pass: Arc<Pass>,
    /// `None` once admitted.
    watch: Option<Watch>,
}

/// What may end a connection that is not admitted.
struct Watch {
    deadline: Pin<Box<Sleep>>,
    thrown_out: oneshot::Receiver<()>,
    refusals: Refusals,
    /// Bytes of the preface that have come.
    begun: usize,
}

/// What every HTTP/2 connection begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

impl Guest {
    pub(super) fn new(
        wire: Wire,
        pass: Arc<Pass>,
        thrown_out: oneshot::Receiver<()>,
        limit: Duration,
        refusals: Refusals,
    ) -> Self {
        let watch = Watch { deadline: Box::pin(sleep(limit)), thrown_out, refusals, begun: 0 };
        Self { wire, pass, watch: Some(watch) }
    }

    /// Tells of a caller that begins with something else than HTTP/2; the server hangs up on it in its own way.
    fn listen(&mut self, bytes: &[u8]) {
        let Some(watch) = &mut self.watch else { return };
        let due = &PREFACE[watch.begun..];
        let all = due.len().min(bytes.len());
        watch.begun += all;
        if bytes[..all] != due[..all] {
            watch.begun = PREFACE.len();
            watch.refusals.count(Refusal::NoHttp2, Some(self.pass.from.ip()));
        }
    }

    /// Why the connection must end now, if it must. Wakes the task when that may change.
    fn overdue(&mut self, context: &mut Context<'_>) -> Option<Refusal> {
        let watch = self.watch.as_mut()?;
        if self.pass.is_admitted() {
            self.watch = None;
            return None;
        }
        let why = if watch.deadline.as_mut().poll(context).is_ready() {
            Refusal::Silent
        } else if matches!(Pin::new(&mut watch.thrown_out).poll(context), Poll::Ready(Ok(()))) {
            Refusal::Crowded
        } else {
            return None;
        };
        watch.refusals.count(why, Some(self.pass.from.ip()));
        self.watch = None;
        Some(why)
    }
}

impl Connected for Guest {
    type ConnectInfo = Admission;

    fn connect_info(&self) -> Admission {
        Admission(Arc::clone(&self.pass))
    }
}

impl AsyncRead for Guest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(why) = self.overdue(context) {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)));
        }
        let before = buffer.filled().len();
        let read = match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Wire::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        };
        self.listen(&buffer.filled()[before..]);
        read
    }
}

impl AsyncWrite for Guest {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Wire::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
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
