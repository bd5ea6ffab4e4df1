//! The agent of a host: registers its slots with the coordinator, and starts and stops worker
//! processes on command. It never loads a model nor measures anything: it is always the plain
//! worker, whatever variants it starts.
//!
//! ```text
//! dialling → serving ─Drain | signal | end of stdin→ ending → gone (no error)
//!    ▲          └─lease over | session broken→ ending ─(keep)→ dialling, else gone (error)
//!    └──────────────────────────────────────────────────┘
//! ending: every process gets SIGTERM and, after a grace period, SIGKILL; the agent ends only when all have been reaped.
//! An agent that ends by a signal or the end of its input closes its session first, so that it is lost as a whole, under
//! its own name, and not through the loss of one worker after the other.
//! ```

mod builds;
mod cache;
mod child;
mod environment;
mod fetch;
mod process;
mod ready;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use contract::PROTOCOL;
use contract::descriptors;
use contract::id::Ticket;
use contract::message::{FromPeer, Hello, Role, Spawn, ToPeer};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::sleep;

use crate::engine::server::NO_COMMANDS;
use crate::error::WorkerError;
use crate::measure;
use crate::profile;
use crate::session::access::Access;
use crate::session::join;
use crate::session::link::{Event, Link, LinkError};
use crate::signals::Signals;
pub use builds::Builds;
use child::Hold;
use fetch::{Fetching, Next, Searched};
use ready::Joined;

/// Grace period for the processes when the agent ends; enough to write a profile.
const GRACE: Duration = Duration::from_secs(3);
/// Pause between the end of one session and the next attempt to connect.
const REDIAL: Duration = Duration::from_millis(200);
/// The same after a refusal.
const REFUSED: Duration = Duration::from_secs(5);

/// Open files for each slot: its worker's standard error and pidfd and, while it is being started,
/// its binary and its model.
const FILES_PER_SLOT: u64 = 4;
/// Open files besides those: the session, pipes of a process that is being started.
const FILES_BESIDE: u64 = 128;

/// Settings of an agent.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The coordinator's address, and the secrets to connect.
    pub access: Access,
    /// Name, unique in the fleet; by default the host's name.
    pub name: Option<String>,
    /// Number of workers that it can run at a time.
    pub slots: u32,
    /// Sources of the binaries that it starts.
    pub builds: Builds,
    /// How long to keep trying to reach the coordinator.
    pub patience: Duration,
    /// Reconnect without limit when a session is lost.
    pub keep: bool,
    /// End when standard input ends, so that the agent never outlives a launcher that holds the
    /// other end.
    pub until_stdin_closes: bool,
    /// File that exists while a session is open, for programs that check whether this agent has
    /// joined.
    pub ready_file: Option<PathBuf>,
}

/// Everything except the session that can end an agent.
struct Leave {
    signals: Signals,
    stdin: Option<UnboundedReceiver<()>>,
}

/// An agent during one session.
struct Agent<'a> {
    settings: &'a Settings,
    link: Link,
    joined: Option<Joined>,
    processes: BTreeMap<Ticket, Hold>,
    fetching: Fetching,
    searched: UnboundedReceiver<Searched>,
    told: UnboundedSender<FromPeer>,
    events: UnboundedReceiver<FromPeer>,
}

/// Runs an agent until it is told to leave. Must run on the process's main thread, because the
/// workers die with the thread that started them.
///
/// # Errors
/// When it is refused, cannot reach the coordinator, loses the session and is not to keep trying,
/// or may not open as many files as its slots need.
pub async fn run(settings: &Settings) -> Result<(), WorkerError> {
    let slots = settings.slots;
    let allowed = descriptors::allow(u64::from(slots) * FILES_PER_SLOT + FILES_BESIDE);
    allowed.map_err(|few| WorkerError::Descriptors { slots, few })?;
    let mut leave = Leave::watch(settings.until_stdin_closes).map_err(WorkerError::Signals)?;
    Joined::forget(settings.ready_file.as_deref());
    let patience = (!settings.keep).then_some(settings.patience);
    loop {
        // Read again for every session, because the host's load changes.
        let dial = async {
            let asked = settings.clone();
            let hello = join::introduce(move || hello(&asked)).await?;
            Ok::<_, WorkerError>(Link::dial(&settings.access, &hello, patience).await?)
        };
        let link = tokio::select! {
            link = dial => link?,
            () = leave.asked() => return Ok(()),
        };
        let joined = settings
            .ready_file
            .as_deref()
            .map(Joined::mark)
            .transpose()?;
        match Agent::new(settings, link, joined).serve(&mut leave).await {
            Err(error) if settings.keep => tokio::select! {
                () = sleep(pause(&error)) => {}
                () = leave.asked() => return Ok(()),
            },
            ended => return Ok(ended?),
        }
    }
}

/// Pause before the next attempt. An agent that is refused now may be needed in another run.
fn pause(error: &LinkError) -> Duration {
    if matches!(error, LinkError::Refused { .. }) {
        REFUSED
    } else {
        REDIAL
    }
}

fn hello(settings: &Settings) -> Hello {
    let host = measure::host_facts();
    let name = settings
        .name
        .clone()
        .unwrap_or_else(|| host.hostname.clone());
    Hello {
        protocol: PROTOCOL,
        token: settings.access.secrets.token.clone(),
        pid: std::process::id(),
        build: measure::build_info(profile::is_instrumented()),
        host,
        role: Role::Agent {
            name,
            slots: settings.slots,
        },
    }
}

impl<'a> Agent<'a> {
    fn new(settings: &'a Settings, link: Link, joined: Option<Joined>) -> Self {
        let (told, events) = unbounded_channel();
        let (searching, searched) = unbounded_channel();
        let fetching = Fetching::new(settings.builds.clone(), searching);
        Self {
            settings,
            link,
            joined,
            processes: BTreeMap::new(),
            fetching,
            searched,
            told,
            events,
        }
    }

    async fn serve(mut self, leave: &mut Leave) -> Result<(), LinkError> {
        let ended = loop {
            tokio::select! {
                biased;
                // First: the signal may have reached its workers too, and the agent must be
                // reported as lost before them.
                () = leave.asked() => return self.leave().await,
                event = self.link.next() => match event {
                    Ok(Event::Said(ToPeer::Drain)) => break Ok(()),
                    Ok(Event::Said(down)) => self.on(down),
                    Ok(Event::BeatDue) => self.link.send(FromPeer::Beat(None)),
                    Err(error) => break Err(error),
                },
                Some(up) = self.events.recv() => self.report(up),
                Some(searched) = self.searched.recv() => {
                    let next = self.fetching.searched(searched);
                    self.carry_out(next);
                }
            }
        };
        self.joined = None;
        self.processes
            .values()
            .for_each(|process| process.stop(GRACE));
        while !self.processes.is_empty() {
            let up = self.events.recv().await.expect("one sender is held here");
            self.report(up);
        }
        self.link.close().await;
        ended
    }

    /// Leaves at once, whatever is in progress.
    async fn leave(self) -> Result<(), LinkError> {
        let Self {
            link,
            joined,
            mut processes,
            mut events,
            ..
        } = self;
        drop(joined);
        link.close().await;
        processes.values().for_each(|process| process.stop(GRACE));
        while !processes.is_empty() {
            let up = events.recv().await.expect("one sender is held here");
            let (FromPeer::SpawnFailed { ticket, .. } | FromPeer::Exited { ticket, .. }) = up
            else {
                continue;
            };
            processes.remove(&ticket);
        }
        Ok(())
    }

    fn on(&mut self, down: ToPeer) {
        match down {
            ToPeer::Spawn(order) => self.spawn(order),
            ToPeer::Stop { ticket, grace } => {
                // A missing process has ended, and that was reported.
                if let Some(process) = self.processes.get(&ticket) {
                    process.stop(grace);
                } else if let Some(stopped) = self.fetching.stop(ticket) {
                    self.link.send(stopped);
                }
            }
            ToPeer::BuildChunk(chunk) => {
                let next = self.fetching.chunk(&chunk);
                self.carry_out(next);
            }
            // Messages for workers do not concern an agent.
            _ => {}
        }
    }

    fn spawn(&mut self, mut order: Spawn) {
        let ticket = order.ticket;
        let slots = self.settings.slots;
        if order.slot >= slots {
            let why = format!(
                "use slot {}: this host offers {slots}, counted from zero",
                order.slot
            );
            return self.link.send(child::failed(ticket, &why));
        }
        if self.processes.contains_key(&ticket) || self.fetching.is_waiting(ticket) {
            let why = format!("start a second process for ticket {}", ticket.0);
            return self.link.send(child::failed(ticket, &why));
        }
        if let Err(refused) = environment::check(&order.env) {
            return self.link.send(child::failed(ticket, &refused.to_string()));
        }
        order.env.extend(join::environment(
            &self.settings.access,
            ticket,
            order.slot,
            slots,
        ));
        if self.settings.builds.cache.is_none() {
            // An agent that fetches no programs from the coordinator must not start any on its
            // command either.
            order.env.push((NO_COMMANDS.to_owned(), "1".to_owned()));
        }
        self.fetching.take(order);
    }

    fn carry_out(&mut self, next: Vec<Next>) {
        for next in next {
            match next {
                Next::Say(up) => self.link.send(up),
                Next::Start(order) => {
                    self.processes
                        .insert(order.ticket, Hold::spawn(order, self.told.clone()));
                }
            }
        }
    }

    fn report(&mut self, up: FromPeer) {
        if let FromPeer::SpawnFailed { ticket, .. } | FromPeer::Exited { ticket, .. } = &up {
            self.processes.remove(ticket);
        }
        self.link.send(up);
    }
}

impl Leave {
    fn watch(until_stdin_closes: bool) -> std::io::Result<Self> {
        Ok(Self {
            signals: Signals::catch()?,
            stdin: until_stdin_closes.then(stdin_end),
        })
    }

    /// Returns once the agent is to leave. May be dropped and called again.
    async fn asked(&mut self) {
        let stdin = async {
            match &mut self.stdin {
                Some(end) => end.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.signals.next() => {}
            _ = stdin => {}
        }
    }
}

/// Yields, or ends, when standard input does. On a separate thread: a read of standard input cannot
/// be cancelled, and the runtime would wait for it.
fn stdin_end() -> UnboundedReceiver<()> {
    let (ended, end) = unbounded_channel();
    std::thread::spawn(move || {
        let mut ignored = [0; 256];
        while let Ok(1..) = std::io::stdin().read(&mut ignored) {}
        let _ = ended.send(());
    });
    end
}
