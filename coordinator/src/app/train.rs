//! Training: a normal plan on the instrumented build, driven like any run, whose latencies nobody keeps.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use contract::id::{Attempt, RunId};
use contract::run::RunState;
use contract::spec::PromptSet;

use super::entropy::entropy;
use super::execute::{Ground, on_this_host, sibling_worker};
use super::prepare::{self, unix_ms};
use crate::build::{self, Trainer, TrainingFailure, TrainingReport, profile_pattern};
use crate::dispatch::core::Script;
use crate::dispatch::driver::{Binary, Job};
use crate::dispatch::event::Sight;
use crate::dispatch::journal::Discard;
use crate::plan::Plan;
use crate::schedule::{self, Lineup};

/// Instrumented builds are slow: everything may last this many times longer.
const PATIENCE: u32 = 10;

/// The name under which the instrumented build takes its turns.
const INSTRUMENTED: &str = "instrumented";

/// Drives the training plan.
pub(super) struct PlanTrainer<'a> {
    plan: Plan,
    model: String,
    model_digest: String,
    show: &'a mut (dyn FnMut(Sight) + Send),
}

/// Why a training does not count.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A build that is trained on the prompts it is judged by proves nothing.
    #[error("train on evaluation prompts: scenario `{scenario}` must say prompt.set = \"training\"")]
    EvaluationPrompts {
        /// Which.
        scenario: String,
    },
    /// It did not come to its end.
    #[error("complete the training: {reason}")]
    Unfinished {
        /// Why.
        reason: String,
    },
    /// A profile of failures is not a profile of the work.
    #[error("complete the training: {requests} of its requests failed")]
    FailedRequests {
        /// How many.
        requests: u64,
    },
}

impl<'a> PlanTrainer<'a> {
    /// A trainer for this plan on this model.
    pub(super) fn new(
        plan: Plan,
        model: String,
        show: &'a mut (dyn FnMut(Sight) + Send),
    ) -> Result<Self, TrainError> {
        if let Some(wrong) = plan.scenarios.iter().find(|s| s.prompt.set != PromptSet::Training) {
            return Err(TrainError::EvaluationPrompts { scenario: wrong.name.clone() });
        }
        let model_digest = model_identity(&model);
        Ok(Self { plan: plan.with_patience(PATIENCE), model, model_digest, show })
    }

    fn job(&self, instrumented: &Path, profile_dir: &Path) -> Result<Job, TrainingFailure> {
        let lineup = Lineup::new(&[INSTRUMENTED.to_owned()], false)?;
        let path = instrumented.canonicalize()?;
        let sha256 = build::file_sha256(&path)?;
        let binaries = BTreeMap::from([(INSTRUMENTED.to_owned(), Binary { path, sha256 })]);
        let run = RunId::new(unix_ms(), entropy());
        let blocks = schedule::blocks(&self.plan, &lineup);
        let job = prepare::job(run, self.plan.clone(), blocks, binaries, self.model.clone(), Attempt(1));
        let profile_dir = profile_dir.canonicalize()?;
        let pattern = profile_pattern(&profile_dir).display().to_string();
        Ok(Job {
            // A lost worker would be a lost profile: the training is begun anew instead.
            script: Script { flush: true, max_attempts: 1, ..job.script },
            env: vec![("LLVM_PROFILE_FILE".to_owned(), pattern)],
            instrumented: true,
            ..job
        })
    }
}

impl Trainer for PlanTrainer<'_> {
    fn digest(&self) -> String {
        let text = format!("{}\n{}", self.plan.to_json(), self.model_digest);
        build::sha256(text.as_bytes()).to_string()
    }

    fn train(&mut self, instrumented: &Path, profile_dir: &Path) -> Result<TrainingReport, TrainingFailure> {
        let job = self.job(instrumented, profile_dir)?;
        let trials: usize = job.script.blocks.iter().map(|block| block.order.len()).sum();
        let workers = u32::try_from(trials).unwrap_or(u32::MAX) * self.plan.slots;
        let lease = self.plan.timeouts.lease;
        let ground = Ground { agent: sibling_worker(), slots: self.plan.slots, lease };
        let journal = Arc::new(Discard::default());
        let ending = on_this_host(job, &ground, journal.clone(), self.show)?;
        if ending.state != RunState::Complete {
            return Err(TrainError::Unfinished { reason: ending.reason }.into());
        }
        let requests = journal.failures();
        if requests > 0 {
            return Err(TrainError::FailedRequests { requests }.into());
        }
        let prompts = build::sha256(format!("{:?}", prompt_specs(&self.plan)).as_bytes());
        Ok(TrainingReport {
            workers,
            plan: self.plan.name.clone(),
            plan_digest: self.digest(),
            prompts_digest: prompts.to_string(),
        })
    }
}

/// Cheap identity of a model: names, sizes and times of its files. A changed model trains anew.
fn model_identity(model: &str) -> String {
    let path = Path::new(model);
    let entries = std::fs::read_dir(path).map(|dir| dir.flatten().map(|e| e.path()).collect());
    let mut files: Vec<std::path::PathBuf> = entries.unwrap_or_else(|_| vec![path.to_owned()]);
    files.sort();
    let describe = |file: &std::path::PathBuf| {
        let size = std::fs::metadata(file).map_or(0, |meta| meta.len());
        format!("{}:{size}", file.file_name().unwrap_or_default().display())
    };
    files.iter().map(describe).collect::<Vec<_>>().join(",")
}

fn prompt_specs(plan: &Plan) -> Vec<(PromptSet, u32)> {
    plan.scenarios.iter().map(|scenario| (scenario.prompt.set, scenario.prompt.tokens)).collect()
}
