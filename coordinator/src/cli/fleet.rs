//! The hosts of a run. Owns the flags; must not know how agents are started.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Flags for how agents are started, and the address they connect to.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Fleet")]
pub struct FleetArgs {
    /// What starts an agent on each host
    #[arg(long, value_enum, default_value_t = LauncherName::Local, value_name = "HOW")]
    pub launcher: LauncherName,
    /// The hosts, by their ssh names
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "HOSTS",
        required_if_eq("launcher", "ssh")
    )]
    pub hosts: Vec<String>,
    /// Number of agents to wait for, or to start through Slurm
    #[arg(long, value_name = "N", required_if_eq_any([("launcher", "attach"), ("launcher", "slurm")]), value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub agents: Option<u32>,
    /// Address on which to listen for agents and workers; any address except loopback needs
    /// --credentials or --insecure
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Name or address under which other hosts reach this one [default: the address of --listen]
    #[arg(long, value_name = "HOST")]
    pub advertise: Option<String>,
    /// This coordinator's directory with ca.pem, cert.pem, key.pem and token, as `certs init`
    /// writes it
    #[arg(long, env = "PGO_BENCH_CREDENTIALS", value_name = "DIR")]
    pub credentials: Option<PathBuf>,
    /// Listen on a network without TLS: anyone on the network path can read the token
    #[arg(long, conflicts_with = "credentials")]
    pub insecure: bool,
    /// Path of the worker program on the hosts [default: the path beside this program]
    #[arg(long, value_name = "PATH")]
    pub worker_path: Option<PathBuf>,
    /// Configuration file for ssh [default: the user's]
    #[arg(long, value_name = "FILE")]
    pub ssh_config: Option<PathBuf>,
    /// Additional argument for sbatch or srun, such as a partition; may be repeated
    #[arg(long = "slurm-arg", value_name = "ARG", allow_hyphen_values = true)]
    pub slurm_args: Vec<String>,
}

impl FleetArgs {
    /// The given flags that this launcher does not use.
    #[must_use]
    pub fn unused(&self) -> Vec<&'static str> {
        use LauncherName::{Attach, Local, Slurm, Ssh};
        let given = [
            ("--hosts", !self.hosts.is_empty(), &[Ssh][..]),
            ("--ssh-config", self.ssh_config.is_some(), &[Ssh]),
            ("--agents", self.agents.is_some(), &[Slurm, Attach]),
            ("--slurm-arg", !self.slurm_args.is_empty(), &[Slurm]),
            (
                "--worker-path",
                self.worker_path.is_some(),
                &[Local, Ssh, Slurm],
            ),
        ];
        let unused = given
            .into_iter()
            .filter(|(_, given, by)| *given && !by.contains(&self.launcher));
        unused.map(|(flag, ..)| flag).collect()
    }
}

impl LauncherName {
    /// The value of `--launcher`.
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

/// How agents are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LauncherName {
    /// This program, only on this host
    Local,
    /// This program, over ssh
    Ssh,
    /// Slurm: an array job, or a step of the allocation in which this program runs
    Slurm,
    /// Something else: the agents run already or are started separately
    Attach,
}
