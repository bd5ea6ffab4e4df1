//! One worker process from the start order until it has been reaped: checked, started, watched,
//! stopped. Reports events through a channel; must not know the session or other processes.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use contract::id::Ticket;
use contract::identity::Sha256;
use contract::message::{Exit, FromPeer, Spawn};
use std::os::unix::process::ExitStatusExt;
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::process::{Signal, isolate, signal_group};
use crate::measure::file_sha256;
use crate::os;
use crate::os::family::left_by;
use crate::tail::Tail;

/// Longest wait for the end of standard error after a process has ended.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// Maximum number of checks for processes that a worker left.
const LOOKS: usize = 100;
/// Pause between two checks.
const NAP: Duration = Duration::from_millis(5);

/// The agent's handle on one process.
#[derive(Debug)]
pub(super) struct Hold(UnboundedSender<Duration>);

/// Why a process was not started. Messages complete "failed to …".
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(
        "read {binary}: {source}; build the variant, or copy it to this host under the same path"
    )]
    Read { binary: PathBuf, source: io::Error },
    #[error(
        "start {binary}: the file on this host is not the variant's binary, its SHA-256 is {found} instead of \
         {expected}; copy the right one there or build it again"
    )]
    Hash {
        binary: PathBuf,
        found: Sha256,
        expected: Sha256,
    },
    #[error("start {binary}: {source}")]
    Start { binary: PathBuf, source: io::Error },
    #[error("start {binary}: it was to be stopped before it was started")]
    Stopped { binary: PathBuf },
}

impl Hold {
    /// Starts a process with this environment in addition to the agent's own. Its events come
    /// through `events`, last `SpawnFailed` or `Exited`.
    pub(super) fn spawn(order: Spawn, events: UnboundedSender<FromPeer>) -> Self {
        let (stop, stopped) = unbounded_channel();
        tokio::spawn(live(order, stopped, events));
        Self(stop)
    }

    /// Asks the process to end, and kills it after the grace period; at once if that is zero.
    pub(super) fn stop(&self, grace: Duration) {
        // A process that has ended needs no stopping.
        let _ = self.0.send(grace);
    }
}

async fn live(
    order: Spawn,
    mut stop: UnboundedReceiver<Duration>,
    events: UnboundedSender<FromPeer>,
) {
    let ticket = order.ticket;
    let last = match start(order, &mut stop).await {
        Ok((child, pid)) => {
            let exit = attend(child, pid, stop).await;
            end_what_it_left(pid).await;
            FromPeer::Exited { ticket, exit }
        }
        Err(error) => failed(ticket, &error.to_string()),
    };
    // Without a receiver the agent is gone.
    let _ = events.send(last);
}

/// The answer to an order that cannot be performed.
pub(super) fn failed(ticket: Ticket, why: &str) -> FromPeer {
    FromPeer::SpawnFailed {
        ticket,
        message: format!("the agent failed to {why}"),
    }
}

/// Checks the file, then starts it. The running process hashes its own file again, so swapping the
/// file in between has no effect.
async fn start(
    order: Spawn,
    stop: &mut UnboundedReceiver<Duration>,
) -> Result<(Child, u32), StartError> {
    let binary = PathBuf::from(&order.binary);
    let path = binary.clone();
    let found = tokio::task::spawn_blocking(move || file_sha256(&path))
        .await
        .map_err(io::Error::other)
        .and_then(|hash| hash)
        .map_err(|source| StartError::Read {
            binary: binary.clone(),
            source,
        })?;
    if found != order.sha256 {
        return Err(StartError::Hash {
            binary,
            found,
            expected: order.sha256,
        });
    }
    if stop.try_recv().is_ok() {
        return Err(StartError::Stopped { binary });
    }
    let child = command(&binary, order.env)
        .spawn()
        .map_err(|source| StartError::Start { binary, source })?;
    let pid = child
        .id()
        .expect("a child that was not waited for has an id");
    Ok((child, pid))
}

fn command(binary: &Path, env: Vec<(String, String)>) -> Command {
    let mut command = Command::new(binary);
    command
        .arg("join")
        .envs(env)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    isolate(&mut command);
    command
}

/// Watches the process until it has been reaped.
async fn attend(mut child: Child, pid: u32, stop: UnboundedReceiver<Duration>) -> Exit {
    let mut tail = Tail::default();
    let stderr = child.stderr.take().expect("the standard error is piped");
    let status = {
        let mut follow = std::pin::pin!(tail.follow(stderr));
        let mut waiting = std::pin::pin!(until_exit(&mut child, pid, stop));
        let (status, closed) = tokio::select! {
            status = &mut waiting => (status, false),
            () = &mut follow => (waiting.await, true),
        };
        if !closed {
            // A process that inherited the pipe may hold it open.
            let _ = timeout(LAST_WORDS, follow).await;
        }
        status
    };
    let (code, signal) = status.map_or((None, None), |status| (status.code(), status.signal()));
    Exit {
        code,
        signal,
        tail: tail.text(),
    }
}

/// Ends the processes that a worker left. A worker ends what it has started, but a killed one
/// cannot. Nothing of a trial may run while the next one is measured.
async fn end_what_it_left(pid: u32) {
    for _ in 0..LOOKS {
        let left = tokio::task::spawn_blocking(move || {
            let left = left_by(pid);
            for member in &left {
                os::child::signal(member.pid, os::child::Signal::Kill);
            }
            left.len()
        });
        if matches!(left.await, Ok(0) | Err(_)) {
            return;
        }
        sleep(NAP).await;
    }
}

/// Waits for the end and passes on stop orders meanwhile; the strictest one applies.
async fn until_exit(
    child: &mut Child,
    pid: u32,
    mut stop: UnboundedReceiver<Duration>,
) -> io::Result<ExitStatus> {
    let mut kill_at: Option<Instant> = None;
    let mut listening = true;
    loop {
        tokio::select! {
            status = child.wait() => return status,
            order = stop.recv(), if listening => {
                listening = order.is_some();
                let grace = order.unwrap_or_default();
                if kill_at.is_none() && !grace.is_zero() {
                    signal_group(pid, Signal::Terminate);
                }
                let at = Instant::now() + grace;
                kill_at = Some(kill_at.map_or(at, |earlier| earlier.min(at)));
            }
            () = sleep_until(kill_at.unwrap_or_else(Instant::now)), if kill_at.is_some() => {
                signal_group(pid, Signal::Kill);
                return child.wait().await;
            }
        }
    }
}
