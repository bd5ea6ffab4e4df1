//! The inference engine linked into this binary: checks that the demand fits before any large
//! allocation, loads the model, and translates between the engine interface and the batcher. Its
//! own stopwatch measures the scheduler's share of a step; it must not know the load, or the clock
//! for the times of requests.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use contract::message::{Failure, FailureKind, LoadReport};
use contract::spec::{self, Demand, NativeSpec};
use inference::batcher::{Batcher, kv_bytes_needed, memory_needed};
use inference::config::{Config, KvFormat};
use inference::error::LoadError;
use inference::files::{ModelFiles, WeightFacts};
use inference::model::{LoadOptions, LoadPhase, Model, WeightForm};
use inference::request::{BatchOptions, Event, Fault, Refusal, Request};
use inference::sampling::Sampling;
use inference::tokenizer::Tokenizer;

use super::affinity::CpuAffinity;
use super::memory::free_memory;
use super::native_fault::{broken, refused, unreadable};
use super::slowed::Slowed;
use super::threaded::{Mailbox, Stepper, Threaded};
use super::{
    Ending, EngineError, EngineEvent, EngineRequest, ErrorKind, Opened, StepLoad, StepSink,
    WindowStart, threads,
};

/// Least capacity of the queue; never below the demand.
const QUEUE: usize = 4096;

/// The batcher as a stepper.
struct Native {
    batcher: Batcher,
    events: Vec<Event>,
    page_bytes: u64,
}

/// Facts that are known before the weights are read.
struct LoadPlan {
    files: ModelFiles,
    facts: WeightFacts,
    options: BatchOptions,
    needed: u64,
}

/// Loads a model for a demand, on a host that `slots` workers share.
///
/// # Errors
/// No model, an unusable one, or not enough memory: each says what to do.
pub(super) fn open(
    spec: &NativeSpec,
    demand: Demand,
    slots: u32,
    sink: Box<dyn StepSink>,
    phase: &mut dyn FnMut(&'static str),
) -> Result<Opened, Failure> {
    let path = Path::new(&spec.model);
    let plan = LoadPlan::make(spec, demand, path)?;
    fits(plan.facts.bytes, plan.needed, slots, free_memory(), demand)?;
    let threads = threads(spec.threads, slots);
    let options = LoadOptions {
        threads,
        isa: None,
        form: form(spec.weights),
    };
    let mut loaded = |border| {
        phase(match border {
            LoadPhase::Mapped => "map",
            LoadPhase::Weights => "weights",
        });
    };
    let model = Model::load(path, &options, &mut loaded).map_err(|error| refused(path, &error))?;
    let folder = plan
        .files
        .config
        .parent()
        .expect("a located file lies in a folder");
    let tokenizer = Tokenizer::read(folder).map_err(|error| unreadable(&error))?;
    phase("tokenizer");
    let (report, kernels) = (plan.report(&model), kernels(&model));
    // Threads that are started from here on, the engine's, stay on this thread's current
    // processors.
    let places = CpuAffinity::take(spec.pin, threads, slots)?;
    let native = Native::new(model, &plan, demand).map_err(|error| refused(path, &error))?;
    let encode = move |text: &str| {
        tokenizer.encode(text).map_err(|error| EngineError::Encode {
            reason: error.to_string(),
        })
    };
    let (slowed, in_flight) = (spec.handicap, demand.concurrency as usize);
    let engine = match slowed > 0.0 {
        true => Threaded::start(
            move || Slowed::new(native, slowed),
            Box::new(encode),
            sink,
            in_flight,
        ),
        false => Threaded::start(move || native, Box::new(encode), sink, in_flight),
    };
    let engine = engine.map_err(|error| {
        broken(&format!(
            "the engine's thread could not be started: {error}"
        ))
    })?;
    let processors = places.leave()?;
    phase("engine");
    Ok(Opened {
        engine: Box::new(engine),
        report,
        kernels,
        processors,
        family: None,
    })
}

impl LoadPlan {
    fn make(spec: &NativeSpec, demand: Demand, path: &Path) -> Result<Self, Failure> {
        let refuse = |error| refused(path, &error);
        let files = ModelFiles::locate(path).map_err(refuse)?;
        let config = Config::read(&files.config).map_err(refuse)?;
        let facts = files.facts().map_err(refuse)?;
        let (options, needed) = budget(spec, demand, &config, facts.bytes);
        holds_one(&options, demand, &config)?;
        Ok(Self {
            files,
            facts,
            options,
            needed,
        })
    }

    fn report(&self, model: &Model) -> LoadReport {
        LoadReport {
            model_digest: self.facts.digest.clone(),
            parameters: self.facts.parameters,
            weight_bytes: self.facts.bytes,
            max_context: saturated(model.config().context),
            threads: saturated(model.threads()),
            memory_needed: self.needed,
            model_sha256: None,
        }
    }
}

/// The batcher's limits for a demand, and the bytes of weights, cache and activations that it then
/// needs.
fn budget(
    spec: &NativeSpec,
    demand: Demand,
    config: &Config,
    weight_bytes: u64,
) -> (BatchOptions, u64) {
    let kv_format = if spec.kv_f32 {
        KvFormat::F32
    } else {
        KvFormat::Bf16
    };
    let (concurrency, tokens) = (
        demand.concurrency as usize,
        demand.tokens_per_request as usize,
    );
    let max_batch = (spec.max_batch as usize).min(concurrency).max(1);
    let all = kv_bytes_needed(config, kv_format, max_batch, tokens);
    let kv_bytes = usize::try_from(spec.kv_bytes).unwrap_or(usize::MAX);
    let kv_bytes = if kv_bytes == 0 { all } else { kv_bytes };
    let max_queue = concurrency.max(QUEUE);
    let options = BatchOptions {
        kv_bytes,
        kv_format,
        max_batch,
        max_queue,
        prefill_chunk: spec.prefill_chunk as usize,
        prefix_reuse: spec.prefix_reuse,
    };
    let needed = memory_needed(config, weight_bytes, concurrency, tokens, &options);
    let needed = needed + form(spec.weights).extra_bytes(config);
    // The cache is allocated as a whole, whatever its requests need.
    (
        options,
        (needed + kv_bytes as u64).saturating_sub(all as u64),
    )
}

fn form(form: spec::WeightForm) -> WeightForm {
    match form {
        spec::WeightForm::AsStored => WeightForm::AsStored,
        spec::WeightForm::Int8 => WeightForm::Int8,
    }
}

/// The kernels that compute, for the record; includes the form of the weights if it is not the
/// file's.
fn kernels(model: &Model) -> String {
    let isa = model.isa().name();
    match model.form() {
        WeightForm::AsStored => isa.to_owned(),
        form => format!("{isa}, {} weights", form.name()),
    }
}

/// Whether a bounded cache can hold at least one request; otherwise none would ever be answered.
fn holds_one(options: &BatchOptions, demand: Demand, config: &Config) -> Result<(), Failure> {
    // A request's last token is never stored.
    let kept = (demand.tokens_per_request as usize)
        .saturating_sub(1)
        .max(1);
    let one = kv_bytes_needed(config, options.kv_format, 1, kept);
    if options.kv_bytes >= one {
        return Ok(());
    }
    let message = format!(
        "a request of {} tokens needs {one} bytes of cache and kv_bytes allows {}: raise kv_bytes, leave it \
         out, or use shorter requests",
        demand.tokens_per_request, options.kv_bytes,
    );
    Err(Failure {
        kind: FailureKind::NotEnoughMemory,
        message,
    })
}

/// Whether there is enough memory for all slots of this host, which share the mapped weights. If
/// the kernel does not report it, there is.
fn fits(
    weights: u64,
    needed: u64,
    slots: u32,
    free: Option<u64>,
    demand: Demand,
) -> Result<(), Failure> {
    let slots = slots.max(1);
    let all = needed
        .saturating_sub(weights)
        .saturating_mul(slots.into())
        .saturating_add(weights);
    let Some(free) = free.filter(|free| *free < all) else {
        return Ok(());
    };
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    let message = format!(
        "out of memory: {} requests of {} tokens at once in each of {slots} slots need {:.2} GiB and {:.2} \
         GiB are free: use fewer or shorter requests at once, limit the cache with kv_bytes, use fewer \
         slots, or use a smaller model",
        demand.concurrency,
        demand.tokens_per_request,
        gib(all),
        gib(free),
    );
    Err(Failure {
        kind: FailureKind::NotEnoughMemory,
        message,
    })
}

fn saturated(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl Native {
    fn new(model: Model, plan: &LoadPlan, demand: Demand) -> Result<Self, LoadError> {
        let page_bytes = kv_bytes_needed(model.config(), plan.options.kv_format, 1, 1) as u64;
        let mut batcher = Batcher::new(Arc::new(model), plan.options)?;
        // During loading, so that no page of the cache is touched for the first time in the
        // measured window.
        batcher.touch_cache();
        Ok(Self {
            batcher,
            events: Vec::with_capacity(4 * demand.concurrency as usize + 8),
            page_bytes,
        })
    }
}

impl Stepper for Native {
    fn submit(&mut self, request: EngineRequest) -> Result<(), ErrorKind> {
        let request = Request {
            id: request.index.into(),
            prompt: request.prompt.to_vec(),
            max_new_tokens: request.max_new_tokens as usize,
            sampling: Sampling::Greedy,
            stop_on_eos: false,
        };
        self.batcher.submit(request).map_err(refusal)
    }

    fn cancel(&mut self, index: u32) -> bool {
        self.batcher.cancel(index.into())
    }

    fn begin_window(&mut self, _: WindowStart) {
        // The window must not depend on what the warm-up left.
        self.batcher.forget_prefixes();
    }

    fn is_idle(&self) -> bool {
        self.batcher.is_idle()
    }

    fn step(&mut self, events: &mut Vec<EngineEvent>, _: &Mailbox) -> StepLoad {
        let begin = Instant::now();
        self.batcher.begin_step(&mut self.events);
        let composed = Instant::now();
        self.batcher.compute();
        let computing = composed.elapsed();
        let report = self.batcher.finish_step(&mut self.events);
        events.extend(self.events.drain(..).map(translated));
        StepLoad {
            // The work of the step, not what is left: finished sequences were part of it too.
            running: saturated(report.held),
            waiting: saturated(report.waiting),
            kv_bytes: report.kv_pages_held as u64 * self.page_bytes,
            kv_bytes_total: report.kv_pages_total as u64 * self.page_bytes,
            stepping: begin.elapsed(),
            computing,
            prefix_hit_tokens: report.prefix_hit_tokens as u64,
        }
    }
}

fn translated(event: Event) -> EngineEvent {
    let ended = |id, ending| EngineEvent::Ended {
        index: index(id),
        ending,
    };
    match event {
        Event::Started { id } => EngineEvent::Started { index: index(id) },
        Event::Token { id, token } => EngineEvent::Token {
            index: index(id),
            token,
        },
        Event::Finished { id, .. } => ended(id, Ending::Finished),
        Event::Failed {
            id,
            fault: Fault::NonFiniteLogits,
        } => ended(id, Ending::Failed(ErrorKind::NotFinite)),
    }
}

fn index(id: u64) -> u32 {
    u32::try_from(id).expect("ids are made from indices")
}

fn refusal(refusal: Refusal) -> ErrorKind {
    match refusal {
        Refusal::QueueFull { .. } => ErrorKind::Overloaded,
        Refusal::ContextOverflow { .. } | Refusal::CannotEverFit { .. } => ErrorKind::TooLong,
        Refusal::EmptyPrompt
        | Refusal::NothingAsked
        | Refusal::TokenOutOfRange { .. }
        | Refusal::DuplicateId { .. }
        | Refusal::BadSampling => ErrorKind::Invalid,
    }
}

#[cfg(test)]
mod tests;
