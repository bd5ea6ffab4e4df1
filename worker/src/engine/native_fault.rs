//! Why a native engine cannot be opened, and what to do.

use std::path::Path;

use contract::message::{Failure, FailureKind};
use inference::error::{LoadError, LoadFault};
use inference::tokenizer::TokenizerError;

use crate::causes::with_causes;

pub(super) fn refused(path: &Path, error: &LoadError) -> Failure {
    let (kind, way_out) = judged(error);
    Failure {
        kind,
        message: format!(
            "the model {} cannot be loaded: {error}; {way_out}",
            path.display()
        ),
    }
}

/// What to do about a model that cannot be loaded.
#[must_use]
pub fn way_out(error: &LoadError) -> &'static str {
    judged(error).1
}

pub(super) fn judged(error: &LoadError) -> (FailureKind, &'static str) {
    match (error.fault(), error) {
        (LoadFault::Missing, _) => (
            FailureKind::ModelNotFound,
            "name a model with --model or BENCH_MODEL_PATH, or fetch one with scripts/fetch-model.sh",
        ),
        (LoadFault::Damaged, _) => (
            FailureKind::ModelInvalid,
            "fetch or import the model again, or name another with --model",
        ),
        (LoadFault::Unsupported, _) => (
            FailureKind::ModelInvalid,
            "use --model with a model that this engine supports (docs/engine.md lists them)",
        ),
        (LoadFault::Inconsistent, _) => (
            FailureKind::ModelInvalid,
            "correct the model's files, or name another with --model",
        ),
        (LoadFault::Machine, LoadError::Threads { .. }) => {
            (FailureKind::Engine, "allow this process more threads")
        }
        (LoadFault::Machine, LoadError::Memory { .. }) => (
            FailureKind::NotEnoughMemory,
            "free memory, or name a smaller model with --model",
        ),
        (LoadFault::Machine, _) => (FailureKind::Engine, "let the engine choose the kernels"),
    }
}

pub(super) fn unreadable(error: &TokenizerError) -> Failure {
    let message = format!(
        "failed to {}; correct the model's tokenizer, or name another model with --model",
        with_causes(error)
    );
    Failure {
        kind: FailureKind::ModelInvalid,
        message,
    }
}

pub(super) fn broken(message: &str) -> Failure {
    Failure {
        kind: FailureKind::Engine,
        message: message.to_owned(),
    }
}
