//! Outcomes of requests, and counts of them. Must not know their causes.

use serde::{Deserialize, Serialize};

/// Outcomes of the requests of a share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Outcomes {
    /// Issued by the load's shape.
    pub planned: u64,
    /// Answered in full.
    pub ok: u64,
    /// Refused by the engine before any work.
    pub refused: u64,
    /// Failed within the engine.
    pub failed: u64,
    /// Cancelled because the trial was cancelled.
    pub cancelled: u64,
    /// Not done within the scenario's timeout.
    pub timed_out: u64,
    /// Cut off half-way.
    pub disconnected: u64,
}

/// How one request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Answered in full.
    Ok,
    /// Refused before any work.
    Refused,
    /// Failed within the engine.
    Failed,
    /// Cancelled with its trial.
    Cancelled,
    /// Not done within the timeout.
    TimedOut,
    /// Cut off half-way.
    Disconnected,
}

impl Outcomes {
    /// Requests whose outcome is known. Equals `planned` in every complete part.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.ok.saturating_add(self.not_ok())
    }

    /// Requests that were not answered.
    #[must_use]
    pub fn not_ok(&self) -> u64 {
        let others = [
            self.refused,
            self.failed,
            self.cancelled,
            self.timed_out,
            self.disconnected,
        ];
        others.into_iter().fold(0, u64::saturating_add)
    }

    /// Counts one outcome.
    pub fn count(&mut self, outcome: Outcome) {
        *match outcome {
            Outcome::Ok => &mut self.ok,
            Outcome::Refused => &mut self.refused,
            Outcome::Failed => &mut self.failed,
            Outcome::Cancelled => &mut self.cancelled,
            Outcome::TimedOut => &mut self.timed_out,
            Outcome::Disconnected => &mut self.disconnected,
        } += 1;
    }

    /// Adds the counts of another share.
    pub fn add(&mut self, other: &Self) {
        self.planned += other.planned;
        self.ok += other.ok;
        self.refused += other.refused;
        self.failed += other.failed;
        self.cancelled += other.cancelled;
        self.timed_out += other.timed_out;
        self.disconnected += other.disconnected;
    }
}

impl Outcome {
    /// Every outcome, in the order of their stored numbers.
    pub const ALL: [Self; 6] = [
        Self::Ok,
        Self::Refused,
        Self::Failed,
        Self::Cancelled,
        Self::TimedOut,
        Self::Disconnected,
    ];

    /// The stable number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The outcome of a stable number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }
}
