//! Turns flags into an engine that can take requests, with the time of each phase of the cold
//! start, or a reason and a remedy. Must not send requests.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use inference::batcher::{Batcher, kv_bytes_needed, memory_needed};
use inference::config::KvFormat;
use inference::error::LoadError;
use inference::model::{LoadOptions, Model};
use inference::request::BatchOptions;
use inference::tokenizer::{Tokenizer, TokenizerError};

use super::args::Args;
use super::machine;
use super::place::{self, ModelNotFound};

/// Greatest number of sequences in one step; more requests wait. This and the next value are those
/// of the coordinator's plans.
const MAX_BATCH: usize = 256;
/// Greatest number of prompt tokens in one step.
const PREFILL_CHUNK: usize = 512;

/// An engine and the times of its cold start.
pub(crate) struct Opened {
    pub(crate) engine: Engine,
    pub(crate) cold: ColdStart,
}

/// Everything a burst needs.
pub(crate) struct Engine {
    pub(crate) batcher: Batcher,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) prompt: Vec<u32>,
}

/// The phases of a cold start.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ColdStart {
    /// Time from the start of the process to its own first line, in the kernel's steps of 10 ms.
    pub(crate) runtime: Duration,
    /// The model: found, mapped, read.
    pub(crate) model: Duration,
    /// The engine: tokenizer, cache, threads.
    pub(crate) engine: Duration,
}

/// Why nothing can be measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("{0}")]
    NotFound(#[from] ModelNotFound),
    #[error(
        "❌ The model cannot be loaded: {0}\nSolution: fetch it again (scripts/fetch-model.sh) or name another."
    )]
    Load(#[from] LoadError),
    #[error(
        "❌ The tokenizer fails to {0}\nSolution: fetch the model again (scripts/fetch-model.sh)."
    )]
    Tokenizer(#[from] TokenizerError),
    #[error("❌ The prompt is empty in this model's tokens\nSolution: give another with --prompt.")]
    EmptyPrompt,
    #[error(
        "❌ Not enough memory: {concurrent} requests of {tokens} tokens need {needed_mib} MiB, {free_mib} MiB are free\n\
         Solution: reduce --concurrent or --max-tokens, or take a smaller model."
    )]
    Memory {
        concurrent: usize,
        tokens: usize,
        needed_mib: u64,
        free_mib: u64,
    },
}

impl ColdStart {
    /// All phases.
    pub(crate) fn total(&self) -> Duration {
        self.runtime + self.model + self.engine
    }
}

/// Loads the model; `age` is the age of the process at its first line.
pub(crate) fn open(args: &Args, age: Option<Duration>) -> Result<Opened, Trouble> {
    let begun = Instant::now();
    let path = place::locate(args.model_path.as_deref())?;
    let threads = args
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    let model = load(&path, threads)?;
    let loaded = begun.elapsed();
    let tokenizer = Tokenizer::read(folder(&path))?;
    let prompt = fitted(tokenizer.encode(&args.prompt)?, args.prompt_tokens);
    if prompt.is_empty() {
        return Err(Trouble::EmptyPrompt);
    }
    let options = budget(
        &model,
        args.concurrent,
        prompt.len() + args.max_tokens,
        machine::free_memory(),
    )?;
    let batcher = Batcher::new(Arc::new(model), options)?;
    let engine = begun.elapsed() - loaded;
    let cold = ColdStart {
        runtime: age.unwrap_or_default(),
        model: loaded,
        engine,
    };
    Ok(Opened {
        engine: Engine {
            batcher,
            tokenizer,
            prompt,
        },
        cold,
    })
}

/// A path that exists but contains no model is reported as a missing model too.
fn load(path: &Path, threads: usize) -> Result<Model, Trouble> {
    let options = LoadOptions {
        threads,
        ..LoadOptions::default()
    };
    Model::load(path, &options, &mut |_| {}).map_err(|error| match error {
        LoadError::PathMissing { path } => ModelNotFound { tried: path }.into(),
        LoadError::FileMissing { folder, file } => ModelNotFound {
            tried: folder.join(file),
        }
        .into(),
        other => other.into(),
    })
}

fn folder(model: &Path) -> &Path {
    if model.is_dir() {
        model
    } else {
        model.parent().unwrap_or(Path::new("."))
    }
}

/// The prompt, repeated or cut to `wanted` tokens.
fn fitted(prompt: Vec<u32>, wanted: Option<usize>) -> Vec<u32> {
    match wanted {
        Some(wanted) => prompt.iter().copied().cycle().take(wanted).collect(),
        None => prompt,
    }
}

/// Limits that allow every request to be served, if there is enough memory.
fn budget(
    model: &Model,
    concurrent: usize,
    tokens: usize,
    free: Option<u64>,
) -> Result<BatchOptions, Trouble> {
    let (kv_format, max_batch) = (KvFormat::default(), concurrent.min(MAX_BATCH));
    let kv_bytes = kv_bytes_needed(model.config(), kv_format, max_batch, tokens);
    let options = BatchOptions {
        kv_bytes,
        kv_format,
        max_batch,
        max_queue: concurrent,
        prefill_chunk: PREFILL_CHUNK,
        prefix_reuse: false,
    };
    // The weights are in memory already.
    let needed = memory_needed(model.config(), 0, concurrent, tokens, &options);
    match free.filter(|free| *free < needed) {
        None => Ok(options),
        Some(free) => Err(Trouble::Memory {
            concurrent,
            tokens,
            needed_mib: needed >> 20,
            free_mib: free >> 20,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_repeated_or_cut() {
        assert_eq!(fitted(vec![1, 2, 3], Some(5)), [1, 2, 3, 1, 2]);
        assert_eq!(fitted(vec![1, 2, 3], Some(2)), [1, 2]);
        assert_eq!(fitted(vec![1, 2, 3], None), [1, 2, 3]);
        assert!(fitted(vec![], Some(3)).is_empty());
    }

    #[test]
    fn memory_is_asked_for_before_it_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m");
        inference::synth::write(inference::synth::Preset::Tiny, 1, &path).unwrap();
        let model = load(&path, 1).unwrap();
        assert!(budget(&model, 100, 64, Some(1 << 40)).is_ok());
        assert!(budget(&model, 100, 64, None).is_ok());
        let error = budget(&model, 100, 64, Some(1 << 10))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("100 requests of 64 tokens") && error.contains("--concurrent"),
            "{error}"
        );
    }
}
