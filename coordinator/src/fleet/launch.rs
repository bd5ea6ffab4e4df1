//! Starts and stops host agents, and nothing else: sessions carry everything that agents are told.
//! All launchers implement one trait, and their differences end here.

mod attach;
mod child;
mod local;
mod slurm;
mod ssh;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use contract::credentials::Secrets;
use contract::message::Exit;

pub use slurm::Slurm;
pub use ssh::Ssh;

/// A future of a launcher.
pub type Task<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Agents that a launcher started.
pub trait Launched: Send {
    /// Waits until an agent has ended that will not be started again. May be dropped and called
    /// again.
    fn lost(&mut self) -> Task<'_, Lost>;

    /// Waits for the grace period until every agent has ended, then kills the rest.
    fn stop(self: Box<Self>, grace: Duration) -> Task<'static, ()>;
}

/// How agents are started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Launcher {
    /// One agent, as a child process on this host.
    Local,
    /// Others start the agents; the coordinator waits for this many.
    Attach {
        /// Agents to wait for.
        agents: u32,
    },
    /// One agent on each host, over ssh.
    Ssh(Ssh),
    /// Agents placed by Slurm.
    Slurm(Slurm),
}

/// Settings that all agents share.
#[derive(Clone, Debug)]
pub struct AgentSettings {
    /// Path of the worker program on the hosts.
    pub program: PathBuf,
    /// The coordinator's address, as seen from the hosts.
    pub coordinator: String,
    /// The agents' secrets.
    pub secrets: Secrets,
    /// Workers that run at the same time on each host.
    pub slots: u32,
    /// Allow unencrypted connections between hosts.
    pub insecure: bool,
}

/// An agent that ended unasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Its host.
    pub host: String,
    /// How the launcher's process ended.
    pub exit: Exit,
}

/// Why an agent could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The program does not exist.
    #[error(
        "find the host agent's program at {path}: build it with `cargo build --release -p worker`"
    )]
    NoProgram {
        /// Path that was tried.
        path: PathBuf,
    },
    /// A batch system refused the job.
    #[error("submit the agents to Slurm: {message}")]
    Batch {
        /// Its error output.
        message: String,
    },
    /// The system could not start the program.
    #[error("start {path}: {source}")]
    Spawn {
        /// The program.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
}

impl AgentSettings {
    /// Arguments of an agent that ends with its standard input. Without a name it uses its host's.
    fn arguments(&self, name: Option<&str>) -> Vec<String> {
        let named = name.into_iter().flat_map(|name| ["--name", name]);
        let on_leash = ["--until-stdin-closes", "--secrets-from-stdin"];
        self.words()
            .into_iter()
            .chain(named.chain(on_leash).map(str::to_owned))
            .collect()
    }

    /// Arguments of every agent.
    fn words(&self) -> Vec<String> {
        let slots = self.slots.to_string();
        let words = [
            "agent",
            "--coordinator",
            &self.coordinator,
            "--slots",
            &slots,
        ];
        let insecure = self.insecure.then_some("--insecure");
        words
            .into_iter()
            .chain(insecure)
            .map(str::to_owned)
            .collect()
    }
}

impl Launcher {
    /// Number of agents that there will be.
    #[must_use]
    pub fn agents(&self) -> u32 {
        match self {
            Self::Local => 1,
            Self::Attach { agents } => *agents,
            Self::Slurm(slurm) => slurm.agents,
            Self::Ssh(ssh) => u32::try_from(ssh.hosts.len()).unwrap_or(u32::MAX),
        }
    }

    /// Starts the agents.
    ///
    /// # Errors
    /// When a program does not exist or cannot be started. Failures on other hosts are reported
    /// later.
    pub fn launch(&self, settings: &AgentSettings) -> Result<Box<dyn Launched>, LaunchError> {
        Ok(match self {
            Self::Local => Box::new(local::Local::start(settings)?),
            Self::Attach { .. } => Box::new(attach::Attach),
            Self::Ssh(ssh) => Box::new(ssh.start(settings)?),
            Self::Slurm(slurm) => slurm.start(settings)?,
        })
    }
}
