//! Live progress on stderr: plain lines.

use std::io::Write;
use std::time::Instant;

use super::{BuildSteps, Progress};
use crate::build::BuildProgress;
use crate::dispatch::event::Sight;
use crate::plan::Plan;

/// One line a trial.
pub(super) struct Lines {
    scenarios: Vec<String>,
    begun: Instant,
}

impl Lines {
    pub(super) fn new(plan: &Plan) -> Self {
        Self { scenarios: plan.scenarios.iter().map(|s| s.name.clone()).collect(), begun: Instant::now() }
    }
}

impl Progress for Lines {
    fn sight(&mut self, sight: &Sight) {
        let text = match sight {
            Sight::Trial { key, variant, done, total, attempt } => {
                let scenario = &self.scenarios[key.scenario as usize % self.scenarios.len()];
                format!(
                    "[{:>5.0}s] trial {}/{total} {scenario} round {} arm {} {variant} attempt {}",
                    self.begun.elapsed().as_secs_f64(),
                    done + 1,
                    key.round + 1,
                    key.arm,
                    attempt.0
                )
            }
            Sight::Note(noted) => noted.message.clone(),
            Sight::Stopping => "stopping".to_owned(),
            _ => return,
        };
        drop(writeln!(std::io::stderr(), "{text}"));
    }

    fn finish(&mut self) {}
}

/// One line a step.
pub(super) struct Steps;

impl BuildSteps for Steps {
    fn step(&mut self, step: &BuildProgress) {
        let text = match step {
            BuildProgress::Compiled { .. } => return,
            other => format!("{other:?}"),
        };
        drop(writeln!(std::io::stderr(), "{text}"));
    }
}
