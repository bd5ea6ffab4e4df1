//! Accepts connections, does the TLS handshake, and limits how many callers may be connected
//! without having introduced themselves, and for how long. Must not know what a hello says.
//!
//! ```text
//! connected ─(TLS handshake)→ inside ─(the service has accepted a hello)→ admitted: no limit any more
//!     └──────────┴─(too long | evicted for newer callers)→ refused
//! ```
//! If too many wait, the *oldest* is evicted: an honest peer introduces itself within milliseconds,
//! so a crowd that only waits cannot keep it out.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;

use super::conn::ConnState;
use super::guarded::{GuardedConn, Wire};
use super::refusal::{Refusal, Refusals};

/// Accepted connections that may wait for the server to take them.
const READY: usize = 64;
/// Pause before the next accept when the system refuses: it is out of descriptors or memory, and
/// both may recover.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Limits on callers.
#[derive(Clone, Copy, Debug)]
pub struct AcceptLimits {
    /// Time from the connection until an accepted hello.
    pub introduce: Duration,
    /// Callers that may be connected without an accepted hello.
    pub waiting: usize,
    /// Connections in all.
    pub connections: usize,
}

struct Acceptor {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    limits: AcceptLimits,
    refusals: Refusals,
    /// Callers that have not introduced themselves, oldest first, with the channel that evicts
    /// each.
    waiting: VecDeque<(Weak<ConnState>, oneshot::Sender<()>)>,
    seats: Arc<Semaphore>,
    ready: mpsc::Sender<std::io::Result<GuardedConn>>,
}

/// Starts to accept connections. They come through the stream when they are ready; dropping the
/// stream stops accepting.
#[must_use]
pub fn open(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    limits: AcceptLimits,
    refusals: Refusals,
) -> ReceiverStream<std::io::Result<GuardedConn>> {
    let (ready, connections) = mpsc::channel(READY);
    let seats = Arc::new(Semaphore::new(limits.connections));
    let gate = Acceptor {
        listener,
        tls,
        limits,
        refusals,
        waiting: VecDeque::new(),
        seats,
        ready,
    };
    tokio::spawn(gate.keep());
    ReceiverStream::new(connections)
}

impl Acceptor {
    async fn keep(mut self) {
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, from)) => self.welcome(stream, from),
                    Err(_) => sleep(ACCEPT_RETRY).await,
                },
                () = self.ready.closed() => return,
            }
        }
    }

    fn welcome(&mut self, stream: TcpStream, from: SocketAddr) {
        let Ok(permit) = Arc::clone(&self.seats).try_acquire_owned() else {
            return self.refusals.count(Refusal::Crowded, Some(from.ip()));
        };
        let pass = Arc::new(ConnState {
            from,
            admitted: AtomicBool::new(false),
            greeting: AtomicBool::new(false),
            reader: Mutex::default(),
            _permit: permit,
        });
        let (evict, evicted) = oneshot::channel();
        self.make_room();
        self.waiting.push_back((Arc::downgrade(&pass), evict));
        // Messages are small in both directions, and a peer waits for each.
        drop(stream.set_nodelay(true));
        tokio::spawn(handshake(Caller {
            stream,
            pass,
            evicted,
            tls: self.tls.clone(),
            limit: self.limits.introduce,
            refusals: self.refusals.clone(),
            ready: self.ready.clone(),
        }));
    }

    /// Forgets callers that are admitted or gone, and evicts the oldest of the others if there are
    /// too many.
    fn make_room(&mut self) {
        if self.waiting.len() < self.limits.waiting {
            return;
        }
        self.waiting
            .retain(|(pass, _)| pass.upgrade().is_some_and(|pass| !pass.is_admitted()));
        while self.waiting.len() >= self.limits.waiting {
            let Some((_, evict)) = self.waiting.pop_front() else {
                return;
            };
            // A caller that has just left needs no eviction.
            let _ = evict.send(());
        }
    }
}

/// A connection that is being accepted.
struct Caller {
    stream: TcpStream,
    pass: Arc<ConnState>,
    evicted: oneshot::Receiver<()>,
    tls: Option<TlsAcceptor>,
    limit: Duration,
    refusals: Refusals,
    ready: mpsc::Sender<std::io::Result<GuardedConn>>,
}

async fn handshake(caller: Caller) {
    let Caller {
        stream,
        pass,
        mut evicted,
        tls,
        limit,
        refusals,
        ready,
    } = caller;
    let wire = match tls {
        None => Wire::Plain(stream),
        Some(acceptor) => {
            let shaken = timeout(limit, acceptor.accept(stream));
            let outcome = tokio::select! {
                done = shaken => match done {
                    Ok(Ok(stream)) => Ok(Wire::Tls(Box::new(stream))),
                    Ok(Err(error)) => Err(Refusal::of_handshake(&error)),
                    Err(_) => Err(Refusal::Silent),
                },
                Ok(()) = &mut evicted => Err(Refusal::Crowded),
            };
            match outcome {
                Ok(wire) => wire,
                Err(why) => return refusals.count(why, Some(pass.from.ip())),
            }
        }
    };
    let guest = GuardedConn::new(wire, pass, evicted, limit, refusals);
    // If this fails, the run is over, and no connection is needed.
    drop(ready.send(Ok(guest)).await);
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_stream::StreamExt;

    use tonic::transport::server::Connected;

    use super::super::refusal::UNKNOWN_LIMIT;
    use super::*;
    use crate::fleet::session::{Incoming, SessionEvent};

    /// What is reported of a caller that begins with these bytes, piece by piece; every caller
    /// completes a good start in the end.
    async fn told_of(words: &[&[u8]]) -> Vec<String> {
        let (events, mut told) = mpsc::channel(8);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let limits = AcceptLimits {
            introduce: Duration::from_secs(60),
            waiting: 8,
            connections: 8,
        };
        let mut connections = open(listener, None, limits, Refusals::new(events));
        let mut caller = TcpStream::connect(address).await.expect("it is open");
        let mut guest = connections
            .next()
            .await
            .expect("one comes")
            .expect("one comes");
        for word in words {
            caller.write_all(word).await.expect("sent");
            guest
                .read_exact(&mut vec![0; word.len()])
                .await
                .expect("it comes");
        }
        let mut lines = Vec::new();
        while let Ok(Incoming {
            what: SessionEvent::Refused(line),
            ..
        }) = told.try_recv()
        {
            lines.push(line);
        }
        lines
    }

    #[tokio::test]
    async fn who_speaks_something_else_than_http2_is_told_of_once() {
        assert!(
            told_of(&[b"PRI * HT", b"TP/2.0\r\n\r\nSM\r\n\r\n", b"anything"])
                .await
                .is_empty()
        );
        for words in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\x16\x03\x01\x02\x00"] {
            let lines = told_of(&[b"PRI", words, words]).await;
            assert!(
                matches!(&lines[..], [line] if line.contains("HTTP/2")),
                "{lines:?}"
            );
        }
    }

    #[tokio::test]
    async fn who_is_still_unknown_when_the_gate_closes_breaks_nothing() {
        let (mut caller, mut guest) = met().await;
        // The stream of connections and its acceptor are dropped by now, so nothing can evict this
        // one.
        tokio::task::yield_now().await;
        for word in [&b"PRI * HT"[..], b"TP/2.0\r\n"] {
            caller.write_all(word).await.expect("sent");
            guest
                .read_exact(&mut vec![0; word.len()])
                .await
                .expect("it comes");
        }
    }

    #[tokio::test]
    async fn of_a_caller_who_is_not_known_no_more_is_read_than_a_hello() {
        let (mut caller, mut guest) = met().await;
        let sent =
            tokio::spawn(async move { caller.write_all(&vec![0xff; 16 * UNKNOWN_LIMIT]).await });
        let (mut taken, mut buffer) = (0, vec![0; 0x1000]);
        // However slow the machine is, never more than this is read; that more could be read is
        // shown below.
        while let Ok(read) = timeout(Duration::from_millis(300), guest.read(&mut buffer)).await {
            taken += read.expect("it goes on");
        }
        assert!(taken <= UNKNOWN_LIMIT + buffer.len(), "{taken}");
        drop(guest);
        drop(sent.await.expect("it ended"));
    }

    #[tokio::test]
    async fn who_is_admitted_is_read_on() {
        let (mut caller, mut guest) = met().await;
        let sent =
            tokio::spawn(async move { caller.write_all(&vec![0xff; 4 * UNKNOWN_LIMIT]).await });
        let pass = guest.connect_info();
        let mut buffer = vec![0; UNKNOWN_LIMIT + 1];
        guest
            .read_exact(&mut buffer)
            .await
            .expect("so much is read of anybody");
        let admitted = tokio::spawn(async move {
            sleep(Duration::from_millis(20)).await;
            pass.0.admit();
        });
        let mut rest = vec![0; 4 * UNKNOWN_LIMIT - buffer.len()];
        guest
            .read_exact(&mut rest)
            .await
            .expect("it waits, and is woken");
        admitted.await.expect("it was admitted");
        sent.await.expect("it ended").expect("all was sent");
    }

    /// A caller and its guarded connection, whose acceptor is closed.
    async fn met() -> (TcpStream, GuardedConn) {
        let (events, _) = mpsc::channel(8);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let limits = AcceptLimits {
            introduce: Duration::from_secs(60),
            waiting: 8,
            connections: 8,
        };
        let mut connections = open(listener, None, limits, Refusals::new(events));
        let caller = TcpStream::connect(address).await.expect("it is open");
        let guest = connections
            .next()
            .await
            .expect("one comes")
            .expect("one comes");
        (caller, guest)
    }

    #[tokio::test]
    async fn a_connection_that_is_not_admitted_greets_on_one_stream_at_a_time() {
        let permit = Arc::new(Semaphore::new(1))
            .try_acquire_owned()
            .expect("one is free");
        let from = SocketAddr::from(([127, 0, 0, 1], 1));
        let no = || AtomicBool::new(false);
        let pass = Arc::new(ConnState {
            from,
            admitted: no(),
            greeting: no(),
            reader: Mutex::default(),
            _permit: permit,
        });
        let first = pass.greet();
        assert!(first.is_some() && pass.greet().is_none());
        drop(first);
        let again = pass.greet();
        assert!(again.is_some());
        pass.admit();
        assert!(
            pass.greet().is_some() && pass.greet().is_some(),
            "an admitted connection may open further streams"
        );
    }
}
