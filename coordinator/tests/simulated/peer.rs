//! A session service without sockets, and peers that call it.

use std::time::Duration;

use contract::id::Ticket;
use contract::identity::{BuildInfo, HostFacts, Sha256};
use contract::message::{FromPeer, Hello, Role, ToPeer};
use contract::wire::{BenchClient, BenchServer, FromPeerItem, MESSAGE_LIMIT, ToPeerItem};
use coordinator::fleet::session::{Incoming, SessionLimits, SessionService};
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Endpoint, Server};
use tonic::{Status, Streaming};

pub(crate) const TOKEN: &str = "secret of the test";
pub(crate) const HELLO: Duration = Duration::from_secs(10);
pub(crate) const LEASE: Duration = Duration::from_secs(15);
pub(crate) const BEAT: Duration = Duration::from_secs(3);
/// Capacity of the pipe between two ends, bytes.
const PIPE: usize = 16 * 1024;

/// The hash of every binary in these tests.
pub(crate) const SHA: Sha256 = Sha256([7; 32]);

/// The service to which peers connect.
#[derive(Clone)]
pub(crate) struct Door {
    pipes: mpsc::Sender<Result<DuplexStream, std::io::Error>>,
}

/// A peer's end of a session.
pub(crate) struct Caller {
    pub(crate) up: mpsc::Sender<FromPeerItem>,
    pub(crate) down: Streaming<ToPeerItem>,
}

/// Serves sessions; their events come through the receiver, which holds at most `queue`.
pub(crate) fn served(queue: usize) -> (Door, mpsc::Receiver<Incoming>, Instant) {
    let epoch = Instant::now();
    let (events, incoming) = mpsc::channel(queue);
    let limits = SessionLimits {
        hello: HELLO,
        lease: LEASE,
        beat: BEAT,
    };
    let sessions = SessionService::new(TOKEN.into(), limits, epoch, events);
    let (pipes, incoming_pipes) = mpsc::channel(4);
    let service = BenchServer::new(sessions).max_decoding_message_size(MESSAGE_LIMIT);
    let server = Server::builder().add_service(service);
    tokio::spawn(server.serve_with_incoming(ReceiverStream::new(incoming_pipes)));
    (Door { pipes }, incoming, epoch)
}

pub(crate) fn hello(role: Role) -> Hello {
    Hello {
        protocol: contract::PROTOCOL,
        token: TOKEN.into(),
        pid: 1,
        build: BuildInfo {
            exe_sha256: SHA,
            ..BuildInfo::default()
        },
        host: HostFacts {
            cores: 2,
            ..HostFacts::default()
        },
        role,
    }
}

pub(crate) fn worker() -> Hello {
    hello(Role::Worker { ticket: Ticket(7) })
}

impl Door {
    /// Connects and sends `first`; without it, sends nothing.
    pub(crate) async fn call(&self, first: Option<FromPeer>) -> Result<Caller, Status> {
        let (near, far) = tokio::io::duplex(PIPE);
        self.pipes.send(Ok(far)).await.unwrap();
        let mut near = Some(TokioIo::new(near));
        let pipe = tower::service_fn(move |_| {
            let near = near
                .take()
                .ok_or_else(|| std::io::Error::other("one connection a pipe"));
            async move { near }
        });
        let channel = Endpoint::from_static("http://pipe")
            .connect_with_connector(pipe)
            .await
            .unwrap();
        let (up, outgoing) = mpsc::channel(64);
        if let Some(first) = first {
            up.send(first.into()).await.unwrap();
        }
        let mut client = BenchClient::new(channel).max_decoding_message_size(MESSAGE_LIMIT);
        let down = client
            .session(ReceiverStream::new(outgoing))
            .await?
            .into_inner();
        Ok(Caller { up, down })
    }

    pub(crate) async fn join(&self, hello: Hello) -> Caller {
        let mut caller = self
            .call(Some(FromPeer::Hello(Box::new(hello))))
            .await
            .unwrap();
        assert!(matches!(caller.hear().await, Some(ToPeer::Welcome(_))));
        caller
    }
}

impl Caller {
    pub(crate) async fn say(&self, up: FromPeer) {
        // If the receiver is gone, the peer will soon hear it.
        let _ = self.up.send(up.into()).await;
    }

    /// The next message; `None` when the session has ended.
    pub(crate) async fn hear(&mut self) -> Option<ToPeer> {
        let item = self.down.message().await.ok().flatten()?;
        Some(ToPeer::try_from(item).unwrap())
    }

    /// Receives until the session ends, and answers nothing.
    pub(crate) async fn rest(&mut self) -> Vec<ToPeer> {
        let mut heard = Vec::new();
        while let Some(down) = self.hear().await {
            heard.push(down);
        }
        heard
    }
}
