//! A job: one measurement that was asked for, and what has become of it. Data that the store keeps;
//! must not know when a job is started.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Number of a job, in the order of submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub u64);

/// What kind of measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A comparison of variants.
    Run,
    /// A search for a capacity; the plan has its table.
    Capacity,
    /// Comparisons of a build with itself.
    Calibration {
        /// Number of comparisons that the host class has in the end, stored ones included.
        comparisons: u32,
    },
}

/// A measurement, as a client asks for it: everything that does not depend on the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What kind.
    pub kind: Kind,
    /// The checked plan, as in a run's header.
    pub plan_json: String,
    /// Name of the plan.
    pub plan: String,
    /// Names of the variants, baseline first.
    pub variants: Vec<String>,
    /// Whether the baseline is compared with itself.
    pub a_a: bool,
    /// Whether the seed of the plan was asked for. Otherwise each measurement draws its own.
    pub fixed_seed: bool,
}

/// Who asked for a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A client.
    Client,
    /// A schedule.
    Schedule {
        /// Its name.
        name: String,
        /// When it was due, milliseconds since 1970.
        due_ms: u64,
        /// Whether it was missed then and is made up for now.
        made_up: bool,
    },
}

/// State of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// Waits for the fleet, or for its next attempt.
    Queued,
    /// Has the fleet, which is being prepared. The lease ends with the server that gave it.
    Leased {
        /// Which start of the server gave the lease.
        boot: u64,
    },
    /// Is measured; its run is stored.
    Running {
        /// Which start of the server gave the lease.
        boot: u64,
    },
    /// Is complete. Whether its result can be trusted is in [`Job::validity`].
    Done,
    /// Was given up.
    Failed,
    /// Was cancelled.
    Cancelled,
}

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// Plan, builds, model or engine are refused; the next attempt would be too.
    Refused,
    /// More losses than the plan allows, or no host came.
    Lost,
    /// The store could not keep the measurement.
    Store,
    /// The server died during the attempt.
    Died,
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its number.
    pub id: JobId,
    /// What is measured.
    pub order: Order,
    /// Who asked for it.
    pub origin: Origin,
    /// When, milliseconds since 1970.
    pub submitted_ms: u64,
    /// Its state.
    pub state: JobState,
    /// Whether a client has asked to end it while it is measured.
    #[serde(default)]
    pub cancelling: bool,
    /// The run, once it has an id. Further attempts resume it if it is stored.
    #[serde(default)]
    pub run: Option<String>,
    /// Runs of this job before that one: a calibration makes several.
    #[serde(default)]
    pub earlier_runs: u64,
    /// Failures by kind since the last progress.
    #[serde(default)]
    pub failures: BTreeMap<Failure, u32>,
    /// The next attempt begins no earlier, milliseconds since 1970.
    #[serde(default)]
    pub not_before_ms: u64,
    /// When it reached its last state, milliseconds since 1970.
    #[serde(default)]
    pub ended_ms: Option<u64>,
    /// Why the last attempt ended early, or why it waits.
    #[serde(default)]
    pub reason: String,
    /// VALID, INCONCLUSIVE or INVALID, once it is done.
    #[serde(default)]
    pub validity: String,
}

impl Kind {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Capacity => "capacity",
            Self::Calibration { .. } => "calibration",
        }
    }
}

impl JobState {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Leased { .. } => "leased",
            Self::Running { .. } => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether it never changes again.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }

    /// Whether it has the fleet.
    #[must_use]
    pub const fn holds_fleet(self) -> bool {
        matches!(self, Self::Leased { .. } | Self::Running { .. })
    }
}

impl Failure {
    /// All.
    pub const ALL: [Self; 4] = [Self::Refused, Self::Lost, Self::Store, Self::Died];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Lost => "lost",
            Self::Store => "store",
            Self::Died => "died",
        }
    }

    /// Number of failures of this kind, without a block in between, after which a job is given up.
    #[must_use]
    pub const fn limit(self) -> u32 {
        match self {
            Self::Refused => 1,
            Self::Lost | Self::Store => 3,
            // Enough for a machine that is restarted a few times, and an end for a job that takes
            // the server down with it.
            Self::Died => 5,
        }
    }

    /// Pause before the next attempt after this many failures of this kind.
    #[must_use]
    pub fn pause(self, failures: u32) -> Duration {
        match self {
            Self::Refused | Self::Died => Duration::ZERO,
            Self::Lost | Self::Store => Duration::from_secs(60 * u64::from(failures)),
        }
    }
}
