//! Many hosts and foreign callers: real processes over TLS, ssh and batch systems, in network
//! namespaces if this machine allows it. What is not available is skipped, with the reason.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "honest/mod.rs"]
mod honest;
#[path = "processes/native.rs"]
mod native;
#[path = "processes/programs.rs"]
mod programs;
#[path = "processes/sandbox.rs"]
#[expect(
    dead_code,
    reason = "shared with the process tests, each of which uses its part"
)]
mod sandbox;
#[path = "processes/tally.rs"]
#[expect(
    dead_code,
    reason = "shared with the process tests, each of which uses its part"
)]
mod tally;

#[path = "fleet/security.rs"]
mod security;
#[path = "fleet/strangers.rs"]
mod strangers;

#[path = "fleet/full.rs"]
mod full;
#[path = "fleet/high.rs"]
mod high;
#[path = "fleet/hosts.rs"]
mod hosts;
#[path = "fleet/kills.rs"]
mod kills;
#[path = "fleet/late.rs"]
mod late;
#[path = "fleet/models.rs"]
mod models;
#[path = "fleet/scale.rs"]
mod scale;
#[path = "fleet/shared.rs"]
mod shared;
#[path = "fleet/slurm.rs"]
mod slurm;
#[path = "fleet/ssh.rs"]
mod ssh;
#[path = "fleet/unlike.rs"]
mod unlike;
