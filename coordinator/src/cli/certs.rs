//! `certs`. Owns its flags; must not know what a certificate is.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// The verbs of `certs`.
#[derive(Debug, Subcommand)]
pub enum CertsCommand {
    /// Make an authority, a token, and the directories of the coordinator and of agents
    Init(CertsInit),
    /// Give a party its directory; one that it had is replaced
    Issue(CertsIssue),
    /// Replace authority, token and certificates; agents with the old ones may still join until the next time
    Rotate(CertsRotate),
}

/// Arguments of `certs init`.
#[derive(Debug, Args)]
pub struct CertsInit {
    /// The directory to be made
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Names and addresses under which agents dial the coordinator; this host's loopback is always among them
    #[arg(long = "name", value_delimiter = ',', value_name = "NAMES")]
    pub names: Vec<String>,
}

/// Arguments of `certs issue`.
#[derive(Debug, Args)]
pub struct CertsIssue {
    /// The directory that `certs init` made
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// For whom: `coordinator`, or any name for agents
    #[arg(value_name = "PARTY")]
    pub party: String,
    /// Names and addresses under which it is dialled
    #[arg(long = "name", value_delimiter = ',', value_name = "NAMES")]
    pub names: Vec<String>,
}

/// Arguments of `certs rotate`.
#[derive(Debug, Args)]
pub struct CertsRotate {
    /// The directory that `certs init` made
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Names and addresses under which agents dial the coordinator [default: those it has]
    #[arg(long = "name", value_delimiter = ',', value_name = "NAMES")]
    pub names: Vec<String>,
}
