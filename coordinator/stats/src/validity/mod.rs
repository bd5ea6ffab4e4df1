//! Decides whether a measurement can be trusted: VALID, INCONCLUSIVE or INVALID with reasons,
//! before any number is shown. Owns the closed list of reasons, their thresholds and the shapes
//! each check applies to (docs/validity.md); must not know how the facts were gathered.

mod alike;
mod facts;
mod pairing;
mod reason;
mod sample;
mod sentence;
mod thresholds;
mod trial;

pub use alike::{Alike, alike};
pub use facts::{CodeIdentity, LoadKind, PairingFacts, Pressure, TrialFacts};
pub use pairing::check_pairing;
pub use reason::{Finding, Location, Reason, Severity};
pub use sample::{Claim, claim};
pub use thresholds::Thresholds;
pub use trial::{CheckResult, Checked, Quantity, check_trial, checked_trial};

/// The validity of a measurement.
#[derive(Debug, Clone, PartialEq)]
pub enum Validity {
    /// No reason to doubt it.
    Valid,
    /// It may be right, but the facts do not show it.
    Inconclusive(Vec<Finding>),
    /// It must not be trusted. Contains only the reasons of this severity.
    Invalid(Vec<Finding>),
}

/// The validity with warnings.
#[derive(Debug, Clone, PartialEq)]
pub struct Assessment {
    /// The validity.
    pub validity: Validity,
    /// Findings of a lower severity than the validity.
    pub warnings: Vec<Finding>,
}

impl Assessment {
    /// The worst severity among the findings decides; the others become warnings.
    #[must_use]
    pub fn of(findings: Vec<Finding>) -> Self {
        let worst = findings
            .iter()
            .map(|f| f.reason.severity())
            .max()
            .unwrap_or(Severity::Warning);
        let (reasons, rest): (Vec<_>, Vec<_>) = findings
            .into_iter()
            .partition(|f| f.reason.severity() == worst);
        match worst {
            Severity::Warning => Self {
                validity: Validity::Valid,
                warnings: reasons,
            },
            Severity::Inconclusive => Self {
                validity: Validity::Inconclusive(reasons),
                warnings: rest,
            },
            Severity::Invalid => Self {
                validity: Validity::Invalid(reasons),
                warnings: rest,
            },
        }
    }
}

/// A validity without its reasons, as recorded at the end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The measurement can be trusted.
    Valid,
    /// It is unknown whether the measurement can be trusted.
    Inconclusive,
    /// It cannot be trusted.
    Invalid,
}

impl Standing {
    /// All of them, best first.
    pub const ALL: [Self; 3] = [Self::Valid, Self::Inconclusive, Self::Invalid];

    /// The name in reports and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "VALID",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Invalid => "INVALID",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|standing| standing.name() == name)
    }
}

impl Validity {
    /// The same without reasons.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        match self {
            Self::Valid => Standing::Valid,
            Self::Inconclusive(_) => Standing::Inconclusive,
            Self::Invalid(_) => Standing::Invalid,
        }
    }

    /// The name in reports and records.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.standing().name()
    }
}
