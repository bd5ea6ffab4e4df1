//! `deploy`. Owns its flags; must not know the content of the manifests.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::deploy::kubernetes::Endpoint;

/// The schedulers.
#[derive(Debug, Subcommand)]
pub enum DeployCommand {
    /// Print the manifests of a Job of agents, for `kubectl apply -f -`
    ///
    /// For example: coordinator deploy kubernetes --image my/agent:1 --coordinator
    /// https://10.0.0.5:4100 --agents 4 --credentials certs/agent --model-claim models | kubectl
    /// apply -f -
    Kubernetes(KubernetesArgs),
}

/// Arguments of `deploy kubernetes`.
#[derive(Debug, Args)]
pub struct KubernetesArgs {
    /// Image with the worker as its entry point; deploy/Dockerfile builds one
    #[arg(long, value_name = "IMAGE")]
    pub image: String,
    /// Address of the coordinator, as the nodes reach it
    #[arg(long, value_name = "https://HOST:PORT")]
    pub coordinator: Endpoint,
    /// Number of agents, one on a node
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub agents: u32,
    /// The agents' directory with ca.pem, cert.pem, key.pem and token, as `certs init` writes it
    #[arg(long, value_name = "DIR")]
    pub credentials: PathBuf,
    /// Volume claim with models; plans find them below /models
    #[arg(long, value_name = "NAME")]
    pub model_claim: String,
    /// Namespace
    #[arg(long, value_name = "NAME", default_value = "pgo-benchmarks")]
    pub namespace: String,
    /// Workers that an agent may run at a time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub slots: u32,
    /// Whole processors for each agent
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    pub cpus: u32,
    /// Memory for each agent
    #[arg(long, value_name = "QUANTITY", default_value = "8Gi")]
    pub memory: String,
}
