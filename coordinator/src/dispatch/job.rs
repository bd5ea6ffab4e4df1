//! What a run is to do and on what: everything that dispatch is given but the fleet itself. Pure
//! data.

use std::collections::BTreeMap;
use std::path::PathBuf;

use contract::identity::{HostFacts, Sha256};
use contract::run::RunHeader;

use super::core::Script;
use super::orders::Orders;

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
