//! A minimal coordinator: accepts sessions, passes every message to the test, and sends what the
//! test says. Decides only the answer to a hello.

use std::collections::VecDeque;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use contract::id::Ticket;
use contract::message::{FromPeer, Hello, ToPeer, Welcome};
use contract::wire::{Bench, BenchServer, FromPeerItem, MESSAGE_LIMIT, ToPeerItem};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_stream::Stream;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};

/// Longest wait for anything that must happen: far longer than on a busy machine, so that only a
/// defect reaches it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
pub(crate) const TOKEN: &str = "secret of the test";

/// The answer to a hello.
pub(crate) type Greeter = dyn Fn(&Hello) -> ToPeer + Send + Sync;

/// The server and the sessions that wait to be taken.
pub(crate) struct Coordinator {
    pub(crate) address: String,
    sessions: UnboundedReceiver<Session>,
}

/// One session from the coordinator's side.
pub(crate) struct Session {
    pub(crate) hello: Hello,
    down: UnboundedSender<Result<ToPeerItem, Status>>,
    up: Streaming<FromPeerItem>,
    beats: VecDeque<FromPeer>,
}

struct Service {
    greet: Arc<Greeter>,
    arrived: UnboundedSender<Session>,
}

pub(crate) fn welcome(lease: Duration) -> ToPeer {
    ToPeer::Welcome(Welcome {
        session: 1,
        lease,
        beat: Duration::from_millis(50),
    })
}

impl Coordinator {
    /// Accepts every peer with the token, with a lease that no test outlives.
    pub(crate) fn start() -> Self {
        Self::greeting(|hello| {
            if hello.token.expose() == TOKEN {
                return welcome(DEADLINE * 2);
            }
            ToPeer::Refused {
                message: "the token is not that of this run".into(),
                last: true,
            }
        })
    }

    pub(crate) fn greeting(greet: impl Fn(&Hello) -> ToPeer + Send + Sync + 'static) -> Self {
        let incoming =
            TcpIncoming::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        let address = format!("http://{}", incoming.local_addr().expect("it is bound"));
        let (arrived, sessions) = unbounded_channel();
        let service = BenchServer::new(Service {
            greet: Arc::new(greet),
            arrived,
        })
        .max_decoding_message_size(MESSAGE_LIMIT);
        tokio::spawn(
            Server::builder()
                .add_service(service)
                .serve_with_incoming(incoming),
        );
        Self { address, sessions }
    }

    /// The next peer that sends a hello.
    pub(crate) async fn session(&mut self) -> Session {
        within(self.sessions.recv()).await.expect("the server runs")
    }
}

impl Session {
    pub(crate) fn say(&self, down: ToPeer) {
        self.down
            .send(Ok(down.into()))
            .expect("the session is open");
    }

    /// Repeatedly tells an agent to stop a process that does not exist, until aborted.
    pub(crate) fn words_for_nothing(&self) -> JoinHandle<()> {
        let down = self.down.clone();
        tokio::spawn(async move {
            let word = ToPeer::Stop {
                ticket: Ticket(u64::MAX),
                grace: Duration::ZERO,
            };
            while down.send(Ok(word.clone().into())).is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
    }

    /// The next message; `None` when the peer has ended the session. Keep-alives are kept
    /// separately.
    pub(crate) async fn hear(&mut self) -> Option<FromPeer> {
        loop {
            let item = within(self.up.message()).await.ok().flatten()?;
            match FromPeer::try_from(item).expect("a message that means something") {
                beat @ FromPeer::Beat(_) => self.beats.push_back(beat),
                up => return Some(up),
            }
        }
    }

    /// The next keep-alive.
    pub(crate) async fn beat(&mut self) -> FromPeer {
        if let Some(beat) = self.beats.pop_front() {
            return beat;
        }
        let item = within(self.up.message())
            .await
            .expect("the session is open")
            .expect("a message");
        FromPeer::try_from(item).expect("a message that means something")
    }

    /// Receives until the peer ends the session.
    pub(crate) async fn rest(mut self) -> Vec<FromPeer> {
        let mut heard = Vec::new();
        while let Some(up) = self.hear().await {
            heard.push(up);
        }
        heard
    }
}

#[tonic::async_trait]
impl Bench for Service {
    type SessionStream = Pin<Box<dyn Stream<Item = Result<ToPeerItem, Status>> + Send>>;

    async fn session(
        &self,
        request: Request<Streaming<FromPeerItem>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let mut up = request.into_inner();
        let first = up
            .message()
            .await?
            .ok_or_else(|| Status::invalid_argument("no hello"))?;
        let Ok(FromPeer::Hello(hello)) = FromPeer::try_from(first) else {
            return Err(Status::invalid_argument("the first message is no hello"));
        };
        let (down, stream) = unbounded_channel();
        let answer = (self.greet)(&hello);
        let welcomed = matches!(answer, ToPeer::Welcome(_));
        down.send(Ok(answer.into()))
            .expect("the receiver is held here");
        if welcomed {
            let session = Session {
                hello: *hello,
                down,
                up,
                beats: VecDeque::new(),
            };
            // A test that has ended takes no more sessions.
            let _ = self.arrived.send(session);
        }
        Ok(Response::new(Box::pin(UnboundedReceiverStream::new(
            stream,
        ))))
    }
}

/// Fails the test if something that must happen does not.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future)
        .await
        .expect("it happens long before the deadline")
}
