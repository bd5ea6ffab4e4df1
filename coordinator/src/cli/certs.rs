//! `certs`. Owns its flags; must not know what a certificate is.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// The verbs of `certs`.
#[derive(Debug, Subcommand)]
pub enum CertsCommand {
    /// Make an authority, a token, and the directories of the coordinator and of agents
    Init(CertsInit),
    /// Write the directory of a party, replacing an older one
    Issue(CertsIssue),
    /// Replace authority, token and certificates; agents with the old ones may still join until the
    /// next rotation
    Rotate(CertsRotate),
}

/// Arguments of `certs init`.
#[derive(Debug, Args)]
pub struct CertsInit {
    /// The directory to create
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Names and addresses under which agents reach the coordinator; loopback is always included
    #[arg(long = "name", value_delimiter = ',', value_name = "NAMES")]
    pub names: Vec<String>,
}

/// Arguments of `certs issue`.
#[derive(Debug, Args)]
pub struct CertsIssue {
    /// The directory that `certs init` made
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// The party: `coordinator`, or any name for agents
    #[arg(value_name = "PARTY")]
    pub party: String,
    /// Names and addresses under which it is reached
    #[arg(long = "name", value_delimiter = ',', value_name = "NAMES")]
    pub names: Vec<String>,
}

/// Arguments of `certs rotate`.
#[derive(Debug, Args)]
pub struct CertsRotate {
    /// The directory that `certs init` made
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Names and addresses under which agents reach the coordinator [default: unchanged]
    #[arg(long = "name", value_delimiter = ',', value_name = "NAMES")]
    pub names: Vec<String>,
}
