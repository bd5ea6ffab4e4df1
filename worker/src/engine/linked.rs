//! Support for foreign engines: a program that links this crate registers its engine and becomes a
//! worker. There are two traits: [`StepEngine`] advances all its requests together, step by step;
//! [`BlockingEngine`] answers one request in one call. An engine reports *what* happened, never
//! when: every time stamp is taken here. Owns the traits, the check of an engine's own options and
//! the registry; must not know loads or sessions.

mod blocking;
mod options;
mod step;

use std::error::Error;

use contract::message::{Failure, FailureKind, LoadReport};
use contract::spec::{Demand, LinkedSpec};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use blocking::{Answer, BlockingEngine};
pub use step::StepEngine;

use super::{EngineError, Opened, StepSink};

/// Why an engine could not be opened: one sentence that says what to do.
pub type OpenError = Box<dyn Error + Send + Sync>;

/// Turns a text into tokens, as the model reads it.
pub type Tokenize = Box<dyn Fn(&str) -> Result<Vec<u32>, OpenError> + Send>;

/// The demand and the resources for which an engine is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Maximum number of requests in flight, and the tokens of the longest, prompt and output.
    pub demand: Demand,
    /// Threads for which this worker's share of the host's processors is enough; at least one.
    pub threads: usize,
}

/// What an engine reports about itself once it is open. Every part that it measures contains this.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Identifies the model by content: equal models have equal digests. All workers of a run must
    /// agree.
    pub model_digest: String,
    /// Number of weights of the model; 0 if unknown.
    pub parameters: u64,
    /// Bytes of the weights; 0 if unknown.
    pub weight_bytes: u64,
    /// Maximum number of prompt and output tokens of one request.
    pub max_context: u32,
    /// Number of threads that compute.
    pub threads: u32,
    /// The kernels that compute, in a text of the engine's choice.
    pub kernels: String,
}

/// The common part of both kinds of engine.
pub trait LinkedEngine: Sized + Send + 'static {
    /// The engine's name in messages and records.
    const NAME: &'static str;

    /// Its table in a plan: `[linked]`. Unknown keys are refused with the nearest known one.
    type Options: DeserializeOwned + JsonSchema;

    /// Loads the model. Calls `phase` with the name of each loading phase as it ends.
    ///
    /// # Errors
    /// One sentence that says what to do; it ends the run.
    fn open(
        options: Self::Options,
        setting: &Setting,
        phase: &mut dyn FnMut(&'static str),
    ) -> Result<Self, OpenError>;

    /// Facts about what was opened.
    fn facts(&self) -> Facts;

    /// The model's tokenizer; it is called on another thread than the engine.
    ///
    /// # Errors
    /// When the tokenizer is not available.
    fn tokenizer(&self) -> Result<Tokenize, OpenError>;
}

/// An engine with its name. See [`step_wise`] and [`blocking`].
#[derive(Clone, Copy, Debug)]
pub struct Registered {
    name: &'static str,
    schema: fn() -> Value,
    open: Open,
}

type Open = fn(
    &'static str,
    &Value,
    &Setting,
    Box<dyn StepSink>,
    &mut dyn FnMut(&'static str),
) -> Result<Opened, Failure>;

/// The engines that a program links, besides those of this crate.
#[derive(Clone, Copy, Debug, Default)]
pub struct Engines(pub &'static [Registered]);

/// Registers an engine that advances all its requests together.
#[must_use]
pub const fn step_wise<E: StepEngine>() -> Registered {
    Registered {
        name: E::NAME,
        schema: options::schema::<E::Options>,
        open: opened::<E>,
    }
}

/// Registers an engine that answers one request in one call.
#[must_use]
pub const fn blocking<E: BlockingEngine>() -> Registered {
    Registered {
        name: E::NAME,
        schema: options::schema::<E::Options>,
        open: opened::<blocking::Pool<E>>,
    }
}

impl Registered {
    /// Opens it with options as a plan gives them.
    pub(crate) fn opened(
        &self,
        options: &Value,
        setting: &Setting,
        sink: Box<dyn StepSink>,
        phase: &mut dyn FnMut(&'static str),
    ) -> Result<Opened, Failure> {
        (self.open)(self.name, options, setting, sink, phase)
    }
}

impl Engines {
    /// Names of the engines and the JSON schemas of their options, as one JSON document.
    #[must_use]
    pub fn described(self) -> Value {
        self.0
            .iter()
            .map(|engine| (engine.name.to_owned(), (engine.schema)()))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    /// Opens the requested engine: by name, or the only one.
    pub(super) fn open(
        self,
        spec: &LinkedSpec,
        setting: &Setting,
        sink: Box<dyn StepSink>,
        phase: &mut dyn FnMut(&'static str),
    ) -> Result<Opened, Failure> {
        let engine = self.find(spec.engine.as_deref())?;
        let options = Value::Object(spec.options.clone());
        engine.opened(&options, setting, sink, phase)
    }

    /// The error if the native engine is requested but this program was built without it.
    #[cfg(not(feature = "native"))]
    pub(super) fn no_native(self) -> Failure {
        let names: Vec<&str> = self.0.iter().map(|engine| engine.name).collect();
        bad_options(&format!(
            "this worker was built without the native engine and links {}: set engine = \"linked\" in the plan",
            names.join(", ")
        ))
    }

    fn find(self, name: Option<&str>) -> Result<&'static Registered, Failure> {
        let names: Vec<&str> = self.0.iter().map(|engine| engine.name).collect();
        let found = match (name, self.0) {
            (None, [only]) => Some(only),
            (name, all) => all.iter().find(|engine| name == Some(engine.name)),
        };
        found.ok_or_else(|| bad_options(&no_such(name, &names)))
    }
}

fn no_such(name: Option<&str>, names: &[&str]) -> String {
    match (name, names) {
        (_, []) => "this worker links no engine: build the package that does with \
                    `coordinator build --manifest-path … --package …`, or set engine = \"native\""
            .to_owned(),
        (None, names) => format!(
            "this worker links several engines: set [linked] engine to one of {}",
            names.join(", ")
        ),
        (Some(name), names) => format!(
            "this worker links no engine {name}: set [linked] engine to one of {}",
            names.join(", ")
        ),
    }
}

/// What the registry opens: an engine of either kind, with its own thread or threads.
trait Start: LinkedEngine {
    /// Starts the threads that serve requests.
    fn start(
        self,
        tokenize: Tokenize,
        sink: Box<dyn StepSink>,
        demand: Demand,
    ) -> std::io::Result<Box<dyn super::Engine>>;
}

fn opened<E: Start>(
    name: &'static str,
    options: &Value,
    setting: &Setting,
    sink: Box<dyn StepSink>,
    phase: &mut dyn FnMut(&'static str),
) -> Result<Opened, Failure> {
    let options =
        options::read::<E::Options>(name, options).map_err(|error| bad_options(&error))?;
    let refused = |error: OpenError| Failure {
        kind: FailureKind::ModelInvalid,
        message: format!("the engine {name} cannot be opened: {error}"),
    };
    let engine = E::open(options, setting, phase).map_err(refused)?;
    let (facts, tokenize) = (engine.facts(), engine.tokenizer().map_err(refused)?);
    let engine = engine
        .start(tokenize, sink, setting.demand)
        .map_err(|error| Failure {
            kind: FailureKind::Engine,
            message: format!("the engine's threads could not be started: {error}"),
        })?;
    phase("engine");
    Ok(Opened {
        engine,
        report: LoadReport {
            model_digest: facts.model_digest,
            parameters: facts.parameters,
            weight_bytes: facts.weight_bytes,
            max_context: facts.max_context,
            threads: facts.threads,
            ..LoadReport::default()
        },
        kernels: facts.kernels,
        processors: Vec::new(),
        family: None,
    })
}

fn bad_options(message: &str) -> Failure {
    Failure {
        kind: FailureKind::BadAssignment,
        message: message.to_owned(),
    }
}

fn encoder(tokenize: Tokenize) -> impl Fn(&str) -> Result<Vec<u32>, EngineError> + Send {
    move |text| {
        tokenize(text).map_err(|error| EngineError::Encode {
            reason: error.to_string(),
        })
    }
}
