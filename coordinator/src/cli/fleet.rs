//! Where a run takes place. Owns the flags; must not know how agents are started.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Flags that say who starts the agents, and where they dial.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Fleet")]
pub struct FleetArgs {
    /// Who starts an agent on each host
    #[arg(long, value_enum, default_value_t = LauncherName::Local, value_name = "HOW")]
    pub launcher: LauncherName,
    /// The hosts, as ssh knows them
    #[arg(long, value_delimiter = ',', value_name = "HOSTS", required_if_eq("launcher", "ssh"))]
    pub hosts: Vec<String>,
    /// How many agents to wait for, or to have Slurm start
    #[arg(long, value_name = "N", required_if_eq_any([("launcher", "attach"), ("launcher", "slurm")]), value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub agents: Option<u32>,
    /// Where agents and workers dial in; anything but loopback needs --credentials or --insecure
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Name or address of this host, as the others know it [default: the address of --listen]
    #[arg(long, value_name = "HOST")]
    pub advertise: Option<String>,
    /// This coordinator's directory with ca.pem, cert.pem, key.pem and token, as `certs init` writes it
    #[arg(long, env = "PGO_BENCH_CREDENTIALS", value_name = "DIR")]
    pub credentials: Option<PathBuf>,
    /// Listen on a network without TLS: everybody on the way can read the token
    #[arg(long, conflicts_with = "credentials")]
    pub insecure: bool,
    /// The worker program on the hosts [default: the path of the one beside this program]
    #[arg(long, value_name = "PATH")]
    pub worker_path: Option<PathBuf>,
    /// Another configuration file for ssh than the user's own
    #[arg(long, value_name = "FILE")]
    pub ssh_config: Option<PathBuf>,
    /// A further argument for sbatch or srun, such as a partition; may be given again
    #[arg(long = "slurm-arg", value_name = "ARG", allow_hyphen_values = true)]
    pub slurm_args: Vec<String>,
}

impl FleetArgs {
    /// Flags that were given and that this launcher has no use for.
    #[must_use]
    pub fn unused(&self) -> Vec<&'static str> {
        use LauncherName::{Attach, Local, Slurm, Ssh};
        let given = [
            ("--hosts", !self.hosts.is_empty(), &[Ssh][..]),
            ("--ssh-config", self.ssh_config.is_some(), &[Ssh]),
            ("--agents", self.agents.is_some(), &[Slurm, Attach]),
            ("--slurm-arg", !self.slurm_args.is_empty(), &[Slurm]),
            ("--worker-path", self.worker_path.is_some(), &[Local, Ssh, Slurm]),
        ];
        let unused = given.into_iter().filter(|(_, given, by)| *given && !by.contains(&self.launcher));
        unused.map(|(flag, ..)| flag).collect()
    }
}

impl LauncherName {
    /// As it is written after `--launcher`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Ssh => "ssh",
            Self::Slurm => "slurm",
            Self::Attach => "attach",
        }
    }
}

/// Who starts agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LauncherName {
    /// This program, on this host alone
    Local,
    /// This program, over ssh
    Ssh,
    /// Slurm, by an array job, or by a step of the allocation this program runs in
    Slurm,
    /// Somebody else: they run already, or will
    Attach,
}
