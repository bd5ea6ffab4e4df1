//! One interim analysis planned before the run, so that a clear answer need not wait for the last
//! round (docs/method.md). Owns how the error is split between the interim and the final analysis:
//! stopping at the first of many analyses at 5 % would err far more often. It must not know what is
//! analysed.

use super::settings::Settings;

/// Where in a run of fixed length an answer is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// No interim analysis was planned: the final analysis has all of the error.
    Only,
    /// The planned interim analysis.
    Interim,
    /// The final analysis, after an interim analysis without a clear answer.
    Final,
}

impl Stage {
    /// The two-sided error that may be spent here: .05, or .005 and .048 after O'Brien and Fleming,
    /// which together keep 5 % when the interim analysis is half-way.
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
