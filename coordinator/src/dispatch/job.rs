//! The input of dispatch apart from the fleet: what to run and on what. Pure data.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use contract::id::Attempt;
use contract::identity::{HostFacts, Sha256};
use contract::run::RunHeader;
use contract::spec::Planned;

use super::orders::Orders;
use crate::schedule::Block;

/// The blocks that the core carries out, with their limits.
#[derive(Clone, Debug)]
pub struct Script {
    /// Blocks in order. A resumed run leaves out those that are done.
    pub blocks: Vec<Block>,
    /// Slots that the plan asks for.
    pub slots: u32,
    /// Requests planned for each scenario, by index.
    pub requests: Vec<Planned>,
    /// Attempts of a block before the run fails; with 1, any loss ends the run.
    pub max_attempts: u32,
    /// Continue without lost slots, as long as one is left.
    pub shrink: bool,
    /// First attempt number, above those of an earlier, interrupted session of the run.
    pub first_attempt: Attempt,
    /// Keep worker processes between trials.
    pub resident: bool,
    /// Have every worker write its profile before it leaves.
    pub flush: bool,
    /// Time limit of each step.
    pub limits: Limits,
}

/// Time limits of the steps of a worker. A worker that exceeds one is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Until enough slots have registered.
    pub gather: Duration,
    /// From the start order until the process introduces itself.
    pub spawn: Duration,
    /// Loading the model.
    pub load: Duration,
    /// Warming up.
    pub warm_up: Duration,
    /// From the start instant until the part arrives.
    pub run: Duration,
    /// From the order to leave until the process has ended.
    pub leave: Duration,
}

/// Everything a run needs apart from the fleet.
#[derive(Clone, Debug)]
pub struct Job {
    /// The blocks to carry out.
    pub script: Script,
    /// Builds the workers' orders from the plan.
    pub orders: Orders,
    /// Written when the first engine is open, with the hosts added. `None` if the run was begun
    /// before.
    pub header: Option<RunHeader>,
    /// The facts that a resumed run began with.
    pub identity: Option<RunIdentity>,
    /// Binaries by variant.
    pub binaries: BTreeMap<String, Binary>,
    /// Environment for every worker.
    pub env: Vec<(String, String)>,
    /// Whether the builds are instrumented for profiling.
    pub instrumented: bool,
}

/// Facts that must not change within a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunIdentity {
    /// Digest of the model.
    pub model_digest: String,
    /// Digest over every byte of the model, if requested.
    pub model_sha256: Option<Sha256>,
    /// The agent that reported the digests first; `None` if that was in an earlier session of the
    /// run.
    pub first: Option<String>,
    /// The hosts that slots are or were on, by agent name.
    pub hosts: Vec<(String, HostFacts)>,
}

/// A variant's binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// Its path on the agents' hosts.
    pub path: PathBuf,
    /// SHA-256 that the file must have.
    pub sha256: Sha256,
    /// Processor features it requires.
    pub needs: Vec<String>,
}

impl RunIdentity {
    /// Whether the host of an agent is on record.
    pub(super) fn knows(&self, name: &str, facts: &HostFacts) -> bool {
        self.hosts
            .iter()
            .any(|(known, host)| known == name && host.hostname == facts.hostname)
    }
}
