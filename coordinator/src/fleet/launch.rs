//! Starting host agents. A launcher starts and stops agents and nothing else: what they do is said
//! over their sessions. All stand behind one trait, and what differs between them ends here.

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

/// Agents that were started.
pub trait Launched: Send {
    /// Waits until an agent has ended that nobody starts again. May be dropped and called again.
    fn lost(&mut self) -> Task<'_, Lost>;

    /// Lets every agent end by itself, then insists.
    fn stop(self: Box<Self>, grace: Duration) -> Task<'static, ()>;
}

/// How agents come to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Launcher {
    /// One, as a child on this host.
    Local,
    /// They are started by others; so many are waited for.
    Attach {
        /// Agents to wait for.
        agents: u32,
    },
    /// One on each host, over ssh.
    Ssh(Ssh),
    /// Wherever Slurm places them.
    Slurm(Slurm),
}

/// What every agent must know.
#[derive(Clone, Debug)]
pub struct AgentSettings {
    /// The worker program, as the hosts see it.
    pub program: PathBuf,
    /// The coordinator's address, as the hosts see it.
    pub coordinator: String,
    /// The agents' own.
    pub secrets: Secrets,
    /// Workers side by side on each host.
    pub slots: u32,
    /// Speak to another host in the clear.
    pub insecure: bool,
}

/// An agent that ended by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// On which host.
    pub host: String,
    /// How the launcher's process ended.
    pub exit: Exit,
}

/// Why an agent could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// There is no program to start.
    #[error(
        "find the host agent's program at {path}: build it with `cargo build --release -p worker`"
    )]
    NoProgram {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A batch system did not take the job.
    #[error("submit the agents to Slurm: {message}")]
    Batch {
        /// Its words.
        message: String,
    },
    /// The system refused.
    #[error("start {path}: {source}")]
    Spawn {
        /// The program.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
}

impl AgentSettings {
    /// What an agent is called with that hangs on a pipe; without a name it takes its host's.
    fn arguments(&self, name: Option<&str>) -> Vec<String> {
        let named = name.into_iter().flat_map(|name| ["--name", name]);
        let on_leash = ["--until-stdin-closes", "--secrets-from-stdin"];
        self.words()
            .into_iter()
            .chain(named.chain(on_leash).map(str::to_owned))
            .collect()
    }

    /// What every agent is called with.
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
    /// Agents that there will be.
    #[must_use]
    pub fn agents(&self) -> u32 {
        match self {
            Self::Local => 1,
            Self::Attach { agents } => *agents,
            Self::Slurm(slurm) => slurm.agents,
            Self::Ssh(ssh) => u32::try_from(ssh.hosts.len()).unwrap_or(u32::MAX),
        }
    }

    /// Starts them.
    ///
    /// # Errors
    /// When a program is not there or cannot be started. What happens on other hosts is told later.
    pub fn launch(&self, settings: &AgentSettings) -> Result<Box<dyn Launched>, LaunchError> {
        Ok(match self {
            Self::Local => Box::new(local::Local::start(settings)?),
            Self::Attach { .. } => Box::new(attach::Attach),
            Self::Ssh(ssh) => Box::new(ssh.start(settings)?),
            Self::Slurm(slurm) => slurm.start(settings)?,
        })
    }
}
