//! One interim analysis planned before the run, so that a clear answer need not wait for the last
//! round (docs/method.md). Owns how the error is divided between the interim and the final
//! analysis: stopping at the first of many analyses at 5 % would err far more often. Must not know
//! what is analysed.

use super::settings::Settings;

/// Analysis of a run of fixed length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// No interim analysis was planned; the final analysis gets the whole error.
    Only,
    /// The planned interim analysis.
    Interim,
    /// The final analysis, after an interim analysis that was not decisive.
    Final,
}

impl Stage {
    /// The two-sided error of this analysis: .05, or .005 and .048 (O'Brien and Fleming), which
    /// together keep 5 % if the interim analysis is half-way.
    #[must_use]
    pub const fn alpha(self) -> f64 {
        match self {
            Self::Only => 0.05,
            Self::Interim => 0.005,
            Self::Final => 0.048,
        }
    }

    /// The estimate's settings at this stage.
    #[must_use]
    pub fn settings(self) -> Settings {
        Settings {
            alpha: self.alpha(),
            ..Settings::default()
        }
    }
}
