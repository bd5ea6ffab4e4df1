//! Runs one job on a fleet: listen, start the agents, drive the job, stop everything. Runs and
//! training use the same path.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use contract::descriptors;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::serve::{HELLO_LIMIT, ListenConfig, serve};
use super::signals::{self, interrupts};
use crate::dispatch::driver::{Sources, drive};
use crate::dispatch::event::{Ending, LostAgent, ProgressEvent};
use crate::dispatch::job::Job;
use crate::dispatch::journal::Journal;
use crate::error::ExecuteError;
use crate::fleet::launch::{AgentSettings, Launched, Launcher};
use crate::fleet::session::{SessionLimits, SessionService};

/// Events that may wait for the driver. If it is full, sessions wait; no event is lost.
const EVENT_QUEUE: usize = 1024;
/// Files that are open besides the sessions: the store, the launchers' pipes, the terminal.
const FILES_BESIDE: u64 = 128;
const AGENT_GRACE: Duration = Duration::from_secs(15);
/// Time for agents that others started to receive the order to leave.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Where a job runs.
pub(super) struct FleetTarget {
    /// How agents are started.
    pub launcher: Launcher,
    /// Address that agents connect to.
    pub door: ListenConfig,
    /// Path of the agents' program on the hosts.
    pub program: PathBuf,
    /// Slots on each host.
    pub slots: u32,
    /// A peer that is silent for this long is lost.
    pub lease: Duration,
}

impl FleetTarget {
    /// One agent on this host, and no other.
    pub(super) fn this_host(slots: u32, lease: Duration) -> Self {
        let (launcher, door) = (Launcher::Local, ListenConfig::of_this_host());
        Self {
            launcher,
            door,
            program: sibling_worker(),
            slots,
            lease,
        }
    }

    /// Slots over all hosts.
    pub(super) fn all_slots(&self) -> u32 {
        self.slots.saturating_mul(self.launcher.agents())
    }

    /// The agents' settings, once the port is known.
    fn settings(&self, port: u16) -> AgentSettings {
        AgentSettings {
            program: self.program.clone(),
            coordinator: self.door.url(port),
            secrets: self.door.agents.clone(),
            slots: self.slots,
            insecure: self.door.insecure,
        }
    }

    /// The launcher, with the port if it needs one.
    fn launcher(&self, port: u16) -> Launcher {
        match self.launcher.clone() {
            Launcher::Ssh(mut ssh) => {
                ssh.dial_back = self.door.listen.ip().is_loopback().then_some(port);
                Launcher::Ssh(ssh)
            }
            other => other,
        }
    }
}

/// Runs a job and returns its ending. Blocks. Ctrl-C, SIGTERM and SIGHUP stop it.
///
/// # Errors
/// When it could not begin, or the store failed.
pub(super) fn on_fleet(
    job: Job,
    target: &FleetTarget,
    journal: Arc<dyn Journal>,
    show: &mut (dyn FnMut(ProgressEvent) + Send),
) -> Result<Ending, ExecuteError> {
    let ending = on_fleet_until(job, target, journal, interrupts, show);
    signals::restore();
    ending
}

/// The same, stopped by messages instead of signals. `interrupts` is called within the runtime.
///
/// # Errors
/// As [`on_fleet`].
pub(super) fn on_fleet_until(
    job: Job,
    target: &FleetTarget,
    journal: Arc<dyn Journal>,
    interrupts: impl FnOnce() -> mpsc::Receiver<()>,
    show: &mut (dyn FnMut(ProgressEvent) + Send),
) -> Result<Ending, ExecuteError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ExecuteError::Runtime)?;
    runtime.block_on(async { execute(job, target, journal, interrupts(), show).await })
}

async fn execute(
    job: Job,
    target: &FleetTarget,
    journal: Arc<dyn Journal>,
    interrupts: mpsc::Receiver<()>,
    show: &mut (dyn FnMut(ProgressEvent) + Send),
) -> Result<Ending, ExecuteError> {
    // One for each agent and each worker.
    let sessions = target.all_slots().saturating_add(target.launcher.agents());
    let allowed = descriptors::allow(u64::from(sessions) + FILES_BESIDE);
    allowed.map_err(|few| ExecuteError::Descriptors { sessions, few })?;
    let epoch = Instant::now();
    let (events, incoming) = mpsc::channel(EVENT_QUEUE);
    let limits = SessionLimits {
        hello: HELLO_LIMIT,
        lease: target.lease,
        beat: target.lease / 5,
    };
    let door = &target.door;
    let service = SessionService::new(door.secrets.token.clone(), limits, epoch, events)
        .and_also(door.previous.clone());
    let (port, served) = serve(service, door, sessions as usize).await?;
    let mut launched = target.launcher(port).launch(&target.settings(port))?;
    let (lost, agents) = mpsc::channel(1);
    let sources = Sources {
        incoming,
        interrupts,
        agents,
        epoch,
    };
    let mut driving = std::pin::pin!(drive(job, sources, journal, show));
    let ending = tokio::select! {
        ending = &mut driving => ending,
        () = tell_of_losses(&mut *launched, lost) => driving.await,
    };
    launched.stop(AGENT_GRACE).await;
    // Agents that others started have been told that the run is over; wait until they have received
    // it before closing the connections.
    served.close(CLOSE_TIMEOUT).await;
    Ok(ending?)
}

/// Passes on which agents ended, until the receiver is dropped.
async fn tell_of_losses(launched: &mut dyn Launched, tell: mpsc::Sender<LostAgent>) {
    loop {
        let lost = launched.lost().await;
        if tell
            .send(LostAgent {
                host: lost.host,
                exit: lost.exit,
            })
            .await
            .is_err()
        {
            return;
        }
    }
}

/// The worker program in the same directory as this one: the plain build that agents run.
#[must_use]
pub(super) fn sibling_worker() -> PathBuf {
    let here = std::env::current_exe().unwrap_or_default();
    here.parent().unwrap_or(Path::new(".")).join("worker")
}
