//! The border to whoever trains: this module says where the instrumented program is and where its
//! profiles belong, the caller runs it. Knows nothing of plans, engines or the network.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::TrainingFailure;

/// Runs the instrumented program under a load that stands for real use.
pub trait Trainer {
    /// Digest of everything that decides what the training does: plan, model, prompts. A changed
    /// digest trains anew.
    fn digest(&self) -> String;

    /// Trains. Every worker process has to be started with `LLVM_PROFILE_FILE` set to
    /// [`profile_pattern`] of `profile_dir` and to write its profile before it ends. With
    /// [`Counting::Inserted`] the program has no profile hook and knows its place by itself; it
    /// must be let go to its end.
    ///
    /// # Errors
    /// Whatever kept the training from completing, worded to follow "the training failed to"; a
    /// training with failed requests has not completed.
    fn train(
        &mut self,
        instrumented: &Path,
        profile_dir: &Path,
        counting: Counting,
    ) -> Result<TrainingReport, TrainingFailure>;
}

/// Who counts while a program is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// The compiler's runtime, which writes when the profile hook is told to and when the process
    /// ends.
    Runtime,
    /// Counters put into the finished program, written when the process ends.
    Inserted,
}

/// What was trained, as the trainer says. That the prompts were not those of the evaluation is the
/// trainer's duty: it refuses a plan that asks for others than the training set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainingReport {
    /// Worker processes started; as many raw profiles are expected.
    pub workers: u32,
    /// Name of the training plan.
    pub plan: String,
    /// Digest of the training plan, as [`Trainer::digest`].
    pub plan_digest: String,
}

/// Value of `LLVM_PROFILE_FILE` for workers of a training: one file per program and process.
#[must_use]
pub fn profile_pattern(profile_dir: &Path) -> std::path::PathBuf {
    profile_dir.join("%m_%p.profraw")
}
