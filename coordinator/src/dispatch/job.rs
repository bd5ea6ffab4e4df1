//! What a run is to do and on what: everything that dispatch is given but the fleet itself. Pure
//! data.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use contract::id::Attempt;
use contract::identity::{HostFacts, Sha256};
use contract::run::RunHeader;
use contract::spec::Planned;

use super::orders::Orders;
use crate::schedule::Block;

/// What the core is to carry out.
#[derive(Clone, Debug)]
pub struct Script {
    /// In order; resumed runs leave out what is done.
    pub blocks: Vec<Block>,
    /// Slots the plan asks for.
    pub slots: u32,
    /// Requests planned for a scenario, by index.
    pub requests: Vec<Planned>,
    /// Tries of a block before the run fails; 1 means that any loss ends it.
    pub max_attempts: u32,
    /// Go on without lost slots, as long as one is left.
    pub shrink: bool,
    /// The first attempt number: above those of an earlier, interrupted go.
    pub first_attempt: Attempt,
    /// Keep worker processes from trial to trial.
    pub resident: bool,
    /// Have every worker write its profile before it leaves.
    pub flush: bool,
    /// How long each step may take.
    pub limits: Limits,
}

/// How long each step may take before the worker counts as lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Until enough slots have registered.
    pub gather: Duration,
    /// From the order to start a process until it introduces itself.
    pub spawn: Duration,
    /// Loading the model.
    pub load: Duration,
    /// Warming up.
    pub warm_up: Duration,
    /// From the start instant until the part is here.
    pub run: Duration,
    /// From the order to leave until the process is gone.
    pub leave: Duration,
}

/// Everything a run needs but the fleet itself.
#[derive(Clone, Debug)]
pub struct Job {
    /// What to carry out.
    pub script: Script,
    /// Fills in what the plan says.
    pub orders: Orders,
    /// Written when the first engine is open; hosts are added then. `None` when the run was begun
    /// before.
    pub header: Option<RunHeader>,
    /// What a run that is taken up again began with.
    pub identity: Option<RunIdentity>,
    /// Binaries by variant.
    pub binaries: BTreeMap<String, Binary>,
    /// Environment for every worker.
    pub env: Vec<(String, String)>,
    /// Whether the builds carry profile counters.
    pub instrumented: bool,
}

/// What must not change within a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunIdentity {
    /// Digest of the model.
    pub model_digest: String,
    /// Digest over every byte of it, where that is asked for.
    pub model_sha256: Option<Sha256>,
    /// The agent on whose host it was seen, unless that was in an earlier go.
    pub first: Option<String>,
    /// The hosts on which slots are or were, by agent name.
    pub hosts: Vec<(String, HostFacts)>,
}

/// A variant's binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// Where it is, as the agents' hosts see it.
    pub path: PathBuf,
    /// What it must hash to.
    pub sha256: Sha256,
    /// Processor features without which it does not run.
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
