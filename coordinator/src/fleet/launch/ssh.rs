//! One agent on each of several hosts, over the user's own ssh, which handles keys, jump hosts and
//! certificates. An agent ends with its standard input, or when its lease expires because the
//! connection is cut. If the coordinator listens on loopback only, each connection forwards a port
//! back to it (`-R`), so no port need be open.
//!
//! ```text
//! started ─(ended within FIRST, or refused)→ lost: it never worked here
//!    ↑  └──(ended later)→ pause ─┐        a cut link, a host that is restarted: it is tried until the run ends
//!    └───────────────────────────┘
//! ```

use std::path::PathBuf;
use std::time::Duration;

use contract::message::Exit;
use contract::shell;
use tokio::process::Command;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::child::Leashed;
use super::{AgentSettings, LaunchError, Launched, Lost, Task};

/// An agent that ends sooner than this has never worked.
const FIRST: Duration = Duration::from_secs(8);
/// Pause before an agent that has worked is started again.
const PAUSE: Duration = Duration::from_secs(1);
/// The agent's exit code if the coordinator refused it.
const REFUSED: i32 = 3;

/// The hosts, and how to reach them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ssh {
    /// Host names for ssh; also the agents' names.
    pub hosts: Vec<String>,
    /// An ssh configuration file other than the user's.
    pub config: Option<PathBuf>,
    /// The coordinator's port on loopback that is forwarded from each host; `None` if hosts reach
    /// it directly.
    pub dial_back: Option<u16>,
}

/// Agents that are restarted when they end.
struct Kept {
    stop: watch::Sender<Option<Duration>>,
    lost: mpsc::Receiver<Lost>,
    keepers: JoinSet<()>,
}

impl Ssh {
    /// Starts all agents.
    pub(super) fn start(
        &self,
        settings: &AgentSettings,
    ) -> Result<impl Launched + use<>, LaunchError> {
        let (stop, stopped) = watch::channel(None);
        let (tell, lost) = mpsc::channel(self.hosts.len().max(1));
        let mut keepers = JoinSet::new();
        for host in &self.hosts {
            let keeper = Keeper {
                ssh: self.clone(),
                host: host.clone(),
                settings: settings.clone(),
            };
            let first = keeper.agent()?;
            keepers.spawn(keeper.keep(first, stopped.clone(), tell.clone()));
        }
        Ok(Kept {
            stop,
            lost,
            keepers,
        })
    }
}

/// Restarts one host's agent when it ends.
struct Keeper {
    ssh: Ssh,
    host: String,
    settings: AgentSettings,
}

impl Keeper {
    fn agent(&self) -> Result<Leashed, LaunchError> {
        let mut command = Command::new("ssh");
        if let Some(config) = &self.ssh.config {
            command.arg("-F").arg(config);
        }
        // No questions, no terminal; a dead connection must be noticed.
        for option in [
            "BatchMode=yes",
            "ServerAliveInterval=5",
            "ServerAliveCountMax=3",
            "LogLevel=ERROR",
        ] {
            command.args(["-o", option]);
        }
        if let Some(port) = self.ssh.dial_back {
            command.args(["-o", "ExitOnForwardFailure=yes"]);
            command
                .arg("-R")
                .arg(format!("127.0.0.1:{port}:127.0.0.1:{port}"));
        }
        command.args(["-T", "--", &self.host]);
        // The remote shell parses this.
        let program = self.settings.program.display().to_string();
        let words = std::iter::once(program).chain(self.settings.arguments(Some(&self.host)));
        command.arg(
            "exec ".to_owned()
                + &words
                    .map(|word| shell::quoted(&word))
                    .collect::<Vec<_>>()
                    .join(" "),
        );
        Leashed::start(command, &self.settings.secrets, true)
    }

    async fn keep(
        self,
        first: Leashed,
        mut stopped: watch::Receiver<Option<Duration>>,
        lost: mpsc::Sender<Lost>,
    ) {
        let mut agent = first;
        let since = Instant::now();
        loop {
            let exit = tokio::select! {
                exit = agent.ended() => exit,
                grace = asked(&mut stopped) => return agent.stop(grace).await,
            };
            if since.elapsed() < FIRST || exit.code == Some(REFUSED) {
                return self.give_up(exit, &lost).await;
            }
            if timeout(PAUSE, asked(&mut stopped)).await.is_ok() {
                return;
            }
            agent = match self.agent() {
                Ok(agent) => agent,
                Err(error) => {
                    let exit = Exit {
                        tail: error.to_string(),
                        ..exit
                    };
                    return self.give_up(exit, &lost).await;
                }
            };
        }
    }

    async fn give_up(self, exit: Exit, lost: &mpsc::Sender<Lost>) {
        // Without a receiver the run is over.
        drop(
            lost.send(Lost {
                host: self.host,
                exit,
            })
            .await,
        );
    }
}

/// Waits until agents are to stop, and returns the grace period. It is zero if the coordinator is
/// gone.
async fn asked(stopped: &mut watch::Receiver<Option<Duration>>) -> Duration {
    let grace = stopped
        .wait_for(Option::is_some)
        .await
        .ok()
        .and_then(|grace| *grace);
    grace.unwrap_or_default()
}

impl Launched for Kept {
    fn lost(&mut self) -> Task<'_, Lost> {
        Box::pin(async {
            match self.lost.recv().await {
                Some(lost) => lost,
                // Every keeper has given up, and each was reported.
                None => std::future::pending().await,
            }
        })
    }

    fn stop(self: Box<Self>, grace: Duration) -> Task<'static, ()> {
        let Self {
            stop, mut keepers, ..
        } = *self;
        Box::pin(async move {
            // Without a receiver every keeper has given up.
            let _ = stop.send(Some(grace));
            let all = async { while keepers.join_next().await.is_some() {} };
            tokio::select! {
                () = all => {}
                // Each keeper kills its agent after the grace period; this limit covers a keeper
                // that hangs.
                () = sleep(grace + PAUSE) => {}
            }
        })
    }
}
