//! Values from flags. Owns which flag applies to which engine; must not know the spelling of flags.

use std::time::Duration;

use super::kind::EngineKind;
use super::{OnLoss, Until, Verify};

/// What flags say. Unset leaves the plan's own value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// Repetitions of every block.
    pub rounds: Option<u32>,
    /// The planned interim analysis, after how many rounds.
    pub look: Option<u32>,
    /// When the run ends before its last round.
    pub until: Option<Until>,
    /// Time for all rounds, if the run ends when it is decided.
    pub budget: Option<Duration>,
    /// Runs a fixed number of rounds even if the plan ends when it is decided: runs that stop early
    /// are a selection.
    pub to_the_end: bool,
    /// The root of every random draw.
    pub seed: Option<u64>,
    /// Whether comparisons carry arm A2.
    pub control: Option<bool>,
    /// Workers side by side on each host.
    pub slots: Option<u32>,
    /// Windows of a round.
    pub windows: Option<u32>,
    /// Keep workers over all trials.
    pub resident: Option<bool>,
    /// Run A and B at the same time.
    pub duet: Option<bool>,
    /// What to do when a worker is lost.
    pub on_loss: Option<OnLoss>,
    /// Which engine.
    pub engine: Option<EngineKind>,
    /// Directory or file of the model; concerns the native engine.
    pub model: Option<String>,
    /// Engine threads; concerns the native engine.
    pub threads: Option<u32>,
    /// Slowing of arm B, a share; concerns the native engine.
    pub handicap: Option<f64>,
    /// How much of the model hosts compare; concerns the native engine.
    pub verify: Option<Verify>,
}

impl Overrides {
    /// What was said and means nothing to this engine, by the names of its keys.
    pub(super) fn unused(&self, engine: EngineKind) -> Vec<&'static str> {
        let said = [
            ("model", self.model.is_some()),
            ("threads", self.threads.is_some()),
            ("handicap", self.handicap.is_some()),
            ("verify-model", self.verify.is_some()),
        ];
        said.into_iter()
            .filter(|(key, said)| *said && !engine.flags().contains(key))
            .map(|(key, _)| key)
            .collect()
    }
}
