//! The interface to the trainer: this module says where the instrumented program is and where its
//! profiles must be written; the caller runs it. Must not know plans, engines or the network.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::TrainingFailure;

/// Runs the instrumented program under a load that represents real use.
pub trait Trainer {
    /// Digest of everything that determines the training: plan, model, prompts. If it changes, the
    /// program is trained again.
    fn digest(&self) -> String;

    /// Trains. Every worker process must be started with `LLVM_PROFILE_FILE` set to
    /// [`profile_pattern`] of `profile_dir`, and must write its profile before it ends. With
    /// [`Counting::Inserted`] the program has no profile hook and knows its own output path; it
    /// must be allowed to run to its end.
    ///
    /// # Errors
    /// When the training could not complete, worded to follow "the training failed to"; a training
    /// with failed requests has not completed.
    fn train(
        &mut self,
        instrumented: &Path,
        profile_dir: &Path,
        counting: Counting,
    ) -> Result<TrainingReport, TrainingFailure>;
}

/// What counts executions during training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// The compiler's runtime. It writes when the profile hook is called and when the process ends.
    Runtime,
    /// Counters inserted into the finished program, written when the process ends.
    Inserted,
}

/// The training, as reported by the trainer. The trainer must ensure that the prompts are not those
/// of the evaluation: it refuses a plan that uses other prompts than the training set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainingReport {
    /// Worker processes started; the same number of raw profiles is expected.
    pub workers: u32,
    /// Name of the training plan.
    pub plan: String,
    /// Digest of the training plan, as [`Trainer::digest`].
    pub plan_digest: String,
}

/// Value of `LLVM_PROFILE_FILE` for workers of a training: one file for each program and process.
#[must_use]
pub fn profile_pattern(profile_dir: &Path) -> std::path::PathBuf {
    profile_dir.join("%m_%p.profraw")
}
