//! Connections to a server: HTTP/1.1, kept alive, one request at a time on each. Nothing is tried
//! twice and no proxy is asked. Owns when bytes came: the clock is read as they leave the kernel.
//! Must not know what is asked.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::fault::{Fault, Kind};
use crate::engine::Time;

/// Bytes that the head of an answer may have, and that are read at once.
const BUFFER: usize = 64 << 10;
/// Lines that the head of an answer may have.
const HEADERS: usize = 100;
/// How long a connection may rest and be used again: servers close theirs after five seconds.
const REST: Duration = Duration::from_secs(4);

/// How long a connection may take to see that it is free.
const SETTLING: Duration = Duration::from_millis(5);

/// Connections to one server.
pub(super) struct Links {
    addresses: Vec<SocketAddr>,
    time: Arc<dyn Time>,
    /// The one that rested shortest is last.
    idle: RefCell<Vec<Link>>,
    close: bool,
}

/// A connection that is free for a request.
pub(super) struct Link {
    /// Sends one.
    pub(super) sender: SendRequest<Full<Bytes>>,
    arrived: Rc<Cell<Duration>>,
    used: Duration,
    /// What opening it took; unset where it was used before.
    pub(super) opened: Option<Duration>,
}

impl Links {
    /// None yet.
    pub(super) fn new(addresses: Vec<SocketAddr>, time: Arc<dyn Time>, close: bool) -> Self {
        Self {
            addresses,
            time,
            idle: RefCell::default(),
            close,
        }
    }

    /// A connection that rested, or a new one.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub(super) async fn get(&self) -> Result<Link, Fault> {
        while let Some(mut link) = self.rested() {
            if self.time.now().saturating_sub(link.used) >= REST {
                continue;
            }
            // It may not have noticed yet that its last answer is over; one that is closed has.
            if let Ok(Ok(())) = timeout(SETTLING, link.sender.ready()).await {
                return Ok(link);
            }
        }
        self.open().await
    }

    /// Keeps a connection whose answer was read to its end.
    pub(super) fn put(&self, link: Link) {
        if !self.close {
            let used = self.time.now();
            let opened = None;
            self.idle.borrow_mut().push(Link {
                used,
                opened,
                ..link
            });
        }
    }

    /// Whether nobody listens any more. It is asked where a connection broke, and sends nothing.
    pub(super) async fn is_gone(&self) -> bool {
        let refused = self.connect().await.err();
        refused.is_some_and(|fault| fault.kind == Kind::Gone)
    }

    async fn connect(&self) -> Result<TcpStream, Fault> {
        let stream = TcpStream::connect(&self.addresses[..]).await;
        stream.map_err(|error| {
            let kind = match error.kind() {
                io::ErrorKind::ConnectionRefused => Kind::Gone,
                _ => Kind::NoConnection,
            };
            kind.of(error.to_string())
        })
    }

    fn rested(&self) -> Option<Link> {
        self.idle.borrow_mut().pop()
    }

    async fn open(&self) -> Result<Link, Fault> {
        let began = self.time.now();
        let failed = |error: &dyn std::error::Error| Kind::NoConnection.of(error.to_string());
        let stream = self.connect().await?;
        stream.set_nodelay(true).map_err(|error| failed(&error))?;
        let arrived = Rc::new(Cell::new(began));
        let io = TokioIo::new(Stamped {
            stream,
            time: self.time.clone(),
            arrived: arrived.clone(),
        });
        let (sender, connection) = Builder::new()
            .max_buf_size(BUFFER)
            .max_headers(HEADERS)
            .handshake(io)
            .await
            .map_err(|error| failed(&error))?;
        // What becomes of it is told to whoever waits for the answer.
        tokio::task::spawn_local(async { drop(connection.await) });
        let now = self.time.now();
        Ok(Link {
            sender,
            arrived,
            used: now,
            opened: Some(now.saturating_sub(began)),
        })
    }
}

impl Link {
    /// When the last bytes came.
    pub(super) fn arrived(&self) -> Duration {
        self.arrived.get()
    }
}

/// A stream that remembers when bytes came.
struct Stamped {
    stream: TcpStream,
    time: Arc<dyn Time>,
    arrived: Rc<Cell<Duration>>,
}

impl AsyncRead for Stamped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.arrived.set(self.time.now());
        }
        read
    }
}

impl AsyncWrite for Stamped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
