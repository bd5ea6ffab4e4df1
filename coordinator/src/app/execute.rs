//! One job on this host: bind, start the agent, drive, let everything go. The same path serves runs and training.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use contract::wire::{BenchServer, DESCRIPTORS, MESSAGE_LIMIT};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;

use super::entropy::entropy;
use super::signals::{self, interrupts};
use crate::dispatch::driver::{Job, Sources, drive};
use crate::dispatch::event::{Ending, Sight};
use crate::dispatch::journal::{Journal, JournalError};
use crate::fleet::launch::local::{LaunchError, LocalAgent};
use crate::fleet::session::{Desk, DeskLimits};

/// Events that may wait for the driver. Sessions wait when it is full; nothing is lost.
const EVENT_QUEUE: usize = 1024;
const HELLO_LIMIT: Duration = Duration::from_secs(10);
const AGENT_GRACE: Duration = Duration::from_secs(15);

/// Why a job could not be carried out at all.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// No address to listen on.
    #[error("listen on the loopback address: {0}")]
    Bind(std::io::Error),
    /// The service could not be set up.
    #[error("serve sessions: {0}")]
    Serve(String),
    /// No agent.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// Nothing can be kept.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// No runtime.
    #[error("start the runtime: {0}")]
    Runtime(std::io::Error),
}

/// Where a job runs.
pub(super) struct Ground {
    /// The program of the host's agent.
    pub agent: PathBuf,
    /// Slots on this host.
    pub slots: u32,
    /// A peer silent for so long is lost.
    pub lease: Duration,
}

/// Carries out a job on this host and gives its ending. Blocks.
///
/// # Errors
/// When it could not begin, or the store failed.
pub(super) fn on_this_host(
    job: Job,
    ground: &Ground,
    journal: Arc<dyn Journal>,
    show: &mut (dyn FnMut(Sight) + Send),
) -> Result<Ending, ExecuteError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ExecuteError::Runtime)?;
    let ending = runtime.block_on(execute(job, ground, journal, show));
    drop(runtime);
    signals::restore();
    ending
}

async fn execute(
    job: Job,
    ground: &Ground,
    journal: Arc<dyn Journal>,
    show: &mut (dyn FnMut(Sight) + Send),
) -> Result<Ending, ExecuteError> {
    let token = token();
    let epoch = Instant::now();
    let (events, incoming) = mpsc::channel(EVENT_QUEUE);
    let limits = DeskLimits { hello: HELLO_LIMIT, lease: ground.lease, beat: ground.lease / 5 };
    let desk = Desk::new(&token, limits, epoch, events);
    let (address, service) = serve(desk).await?;
    let mut agent = LocalAgent::start(&ground.agent, address, &token, ground.slots)?;
    let (lost, agents) = mpsc::channel(1);
    let sources = Sources { incoming, interrupts: interrupts(), agents, epoch };
    let mut driving = std::pin::pin!(drive(job, sources, journal, show));
    let ending = tokio::select! {
        ending = &mut driving => ending,
        exit = agent.ended() => {
            lost.try_send(exit).expect("the queue has room for the only message");
            driving.await
        }
    };
    agent.stop(AGENT_GRACE).await;
    drop(service);
    Ok(ending?)
}

/// Serves until the returned guard is dropped.
async fn serve(desk: Desk) -> Result<(SocketAddr, oneshot::Sender<()>), ExecuteError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(ExecuteError::Bind)?;
    let address = listener.local_addr().map_err(ExecuteError::Bind)?;
    let (health, health_service) = tonic_health::server::health_reporter();
    let bench = BenchServer::new(desk).max_decoding_message_size(MESSAGE_LIMIT);
    health.set_serving::<BenchServer<Desk>>().await;
    let reflect =
        || tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(DESCRIPTORS);
    let refused = |error: tonic_reflection::server::Error| ExecuteError::Serve(error.to_string());
    // Clients of either age: the older protocol is the same under another name.
    let (reflection, older) =
        (reflect().build_v1().map_err(refused)?, reflect().build_v1alpha().map_err(refused)?);
    let (guard, ended) = oneshot::channel::<()>();
    let server = Server::builder()
        .tcp_nodelay(true)
        .add_service(bench)
        .add_service(health_service)
        .add_service(reflection)
        .add_service(older)
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), async {
            // Resolves when the guard is dropped; the message itself is never sent.
            drop(ended.await);
        });
    tokio::spawn(server);
    Ok((address, guard))
}

/// A secret of this run, for its agent and workers alone.
fn token() -> String {
    entropy::<32>().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The worker program beside this one: the plain build that agents run.
#[must_use]
pub(super) fn sibling_worker() -> PathBuf {
    let here = std::env::current_exe().unwrap_or_default();
    here.parent().unwrap_or(Path::new(".")).join("worker")
}
