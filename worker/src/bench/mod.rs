//! `worker bench`: measures the engine in this process together with the limits of the machine, so
//! that its speed can be judged. Owns what is measured, in which order and how often; must not know
//! load shapes, sessions or variants, and prints nothing.
//!
//! Each repetition measures everything once and begins one figure later than the one before, so
//! that a temporary disturbance affects all figures alike.

mod accuracy;
mod engine;
mod floors;
mod invariance;
mod place;
mod report;
mod shares;

use std::path::PathBuf;
use std::sync::Arc;

use inference::error::LoadError;
use inference::kernels::Isa;
use inference::model::{LoadOptions, Model, WeightForm};
use inference::request::Refusal;

use crate::engine::way_out;
use crate::measure::Clock;
use crate::os::process_usage;
use accuracy::Accuracy;
use engine::Bench;
use floors::Floors;
pub use floors::beyond_caches;
pub use invariance::{Invariance, invariance};
pub use place::locate;
pub use report::Report;
use report::{Decode, Machine, Prefill};
use shares::{Spread, Work};

/// What to measure.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A model directory or file.
    pub model: PathBuf,
    /// Threads of the engine and of the machine limits.
    pub threads: usize,
    /// Kernels to use; `None` takes the widest.
    pub isa: Option<Isa>,
    /// Format in which the matrices are held.
    pub form: WeightForm,
    /// Length of the prompt for measuring prefill, tokens.
    pub prompt: usize,
    /// Batch sizes for measuring decode.
    pub batches: Vec<usize>,
    /// Length of the prompt before decode is measured, tokens.
    pub decode_prompt: usize,
    /// Decode steps that are timed together.
    pub decode_steps: usize,
    /// Repetitions, at least one.
    pub repeats: usize,
    /// Size of the buffer for measuring memory bandwidth, bytes; see [`beyond_caches`].
    pub memory_bytes: usize,
}

/// Why nothing could be measured. Messages complete "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// There is no model at the path.
    #[error(
        "find a model at {}: name one with --model or BENCH_MODEL_PATH, or fetch one with scripts/fetch-model.sh",
        tried.display()
    )]
    NoModel {
        /// The first path tried.
        tried: PathBuf,
    },
    /// The model or its threads cannot be loaded.
    #[error("load the model {}: {source}; {}", path.display(), way_out(source))]
    Load {
        /// The model.
        path: PathBuf,
        /// The loader's error.
        source: LoadError,
    },
    /// The model's tokenizer, which accuracy needs, cannot be read or used.
    #[error("compare accuracy: {reason}")]
    Tokenizer {
        /// The reader's error.
        reason: String,
    },
    /// The model cannot serve what is to be measured.
    #[error("measure: {0}")]
    Refused(#[from] Refusal),
    /// The model computed a value that is not finite.
    #[error(
        "measure: the model computed a logit that is NaN or infinite although every weight is finite; its \
         activations overflow F32, so no figure of it is meaningful"
    )]
    NotFinite,
    /// A pass did not advance every sequence, so its time is not that of the batch.
    #[error("measure: a step advanced {advanced} of {batch} sequences")]
    Uneven {
        /// Sequences of the batch.
        batch: usize,
        /// Number of these that got a token.
        advanced: usize,
    },
}

/// One figure of a repetition.
#[derive(Clone, Copy, Debug)]
enum Figure {
    ReadWeights,
    ReadMemory,
    MultiplyAdd,
    Prefill,
    Decode(usize),
}

/// A figure's samples: rates, and for decode the scheduler's shares of the time.
#[derive(Debug, Default)]
struct Samples {
    rates: Vec<f64>,
    scheduling: Vec<f64>,
}

/// Measures everything, and calls `progress` at the beginning of each repetition, counted from 1.
///
/// # Errors
/// Any [`BenchError`].
pub fn run(settings: &Settings, progress: &mut dyn FnMut(usize)) -> Result<Report, BenchError> {
    let refused = |source| BenchError::Load {
        path: settings.model.clone(),
        source,
    };
    let options = LoadOptions {
        threads: settings.threads,
        isa: settings.isa,
        form: settings.form,
    };
    let model = Arc::new(Model::load(&settings.model, &options, &mut |_| ()).map_err(refused)?);
    let work = Work::of(model.config(), model.step_bytes());
    let accuracy = Accuracy::of(&model, settings)?;
    let clock = Clock::monotonic();
    let mut engine = Bench::new(Arc::clone(&model), settings, clock.clone()).map_err(refused)?;
    let floors = Floors::new(
        model.isa(),
        settings.threads,
        work.step_bytes(),
        settings.memory_bytes,
        clock,
    )
    .map_err(|source| refused(LoadError::Memory { source }))?;
    let mut machine = Machine::before(process_usage().involuntary_switches);
    let samples = repeat(settings, &mut engine, &floors, progress)?;
    machine.after(process_usage().involuntary_switches);
    let report = summarise(settings, &model, &work, &floors, machine, samples);
    Ok(Report { accuracy, ..report })
}

fn figures(settings: &Settings) -> Vec<Figure> {
    let floors = [
        Figure::ReadWeights,
        Figure::ReadMemory,
        Figure::MultiplyAdd,
        Figure::Prefill,
    ];
    floors
        .into_iter()
        .chain(settings.batches.iter().map(|&batch| Figure::Decode(batch)))
        .collect()
}

/// The samples in the order of [`figures`].
fn repeat(
    settings: &Settings,
    engine: &mut Bench,
    floors: &Floors,
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<Samples>, BenchError> {
    let figures = figures(settings);
    let mut samples: Vec<Samples> = figures.iter().map(|_| Samples::default()).collect();
    // First use of buffers and pages, outside any timed interval.
    engine.prefill(settings.prompt)?;
    for repetition in 0..settings.repeats.max(1) {
        progress(repetition + 1);
        for place in 0..figures.len() {
            let index = (repetition + place) % figures.len();
            measure(
                figures[index],
                settings,
                engine,
                floors,
                &mut samples[index],
            )?;
        }
    }
    Ok(samples)
}

fn measure(
    figure: Figure,
    settings: &Settings,
    engine: &mut Bench,
    floors: &Floors,
    samples: &mut Samples,
) -> Result<(), BenchError> {
    let rate = match figure {
        Figure::ReadWeights => floors.read_weights(),
        Figure::ReadMemory => floors.read_memory(),
        Figure::MultiplyAdd => floors.multiply_add(),
        Figure::Prefill => settings.prompt as f64 / engine.prefill(settings.prompt)?.as_secs_f64(),
        Figure::Decode(batch) => {
            let decoded = engine.decode(batch)?;
            samples
                .scheduling
                .push(decoded.scheduling.as_secs_f64() / decoded.total.as_secs_f64());
            (batch * settings.decode_steps) as f64 / decoded.total.as_secs_f64()
        }
    };
    samples.rates.push(rate);
    Ok(())
}

fn summarise(
    settings: &Settings,
    model: &Model,
    work: &Work,
    floors: &Floors,
    machine: Machine,
    samples: Vec<Samples>,
) -> Report {
    let mut spreads = samples
        .into_iter()
        .map(|s| (Spread::of(s.rates), Spread::of(s.scheduling)));
    let mut next = || spreads.next().expect("a figure has samples");
    let (read_weights, read_memory, multiply_add) = (next().0, next().0, next().0);
    let rate = next().0;
    let prefill_share = work.prefill_share(settings.prompt, rate.median, multiply_add.median);
    let prefill = Prefill {
        tokens: settings.prompt,
        rate,
        multiply_add_share: prefill_share,
    };
    let decode = settings.batches.iter().map(|&batch| {
        let (rate, scheduling) = next();
        Decode {
            batch,
            read_share: work.read_share(
                batch,
                rate.median,
                read_weights.median.max(read_memory.median),
            ),
            multiply_add_share: work.decode_share(rate.median, multiply_add.median),
            scheduling_share: scheduling.median,
            rate,
        }
    });
    Report {
        decode: decode.collect(),
        settings: settings.clone(),
        kernels: model.isa().name(),
        facts: model.facts().clone(),
        accuracy: None,
        step_bytes: work.step_bytes(),
        memory_bytes: floors.memory_bytes(),
        machine,
        read_weights,
        read_memory,
        multiply_add,
        prefill,
    }
}
