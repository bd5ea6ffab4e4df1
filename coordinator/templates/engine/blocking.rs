//! My engine under test: one call answers one request. Calls come from several threads at a time,
//! one for each request in flight.

mod model;

use schemars::JsonSchema;
use serde::Deserialize;
use worker::engine::linked::{
    self, Answer, BlockingEngine, Facts, LinkedEngine, OpenError, Registered, Setting, Tokenize,
};
use worker::engine::{EngineRequest, ErrorKind};

use model::{Sequence, token_of};

/// The engine that the worker program links.
pub const ENGINE: Registered = linked::blocking::<MyEngine>();

/// `[linked.options]` of a plan.
#[derive(Deserialize, JsonSchema)]
pub struct Options {
    /// Turns that each token costs.
    #[serde(default = "usual_work")]
    work: u32,
}

fn usual_work() -> u32 {
    20_000
}

/// What is loaded once and shared by all requests.
pub struct MyEngine {
    work: u32,
}

impl LinkedEngine for MyEngine {
    const NAME: &'static str = "my-engine";
    type Options = Options;

    fn open(
        options: Options,
        _: &Setting,
        phase: &mut dyn FnMut(&'static str),
    ) -> Result<Self, OpenError> {
        // Load the weights here.
        phase("weights");
        Ok(Self { work: options.work })
    }

    fn facts(&self) -> Facts {
        Facts {
            // `worker::measure::model_digest` computes the digest of files.
            model_digest: format!("stand-in-{}", self.work),
            max_context: 4096,
            threads: 1,
            kernels: "scalar".to_owned(),
            ..Facts::default()
        }
    }

    fn tokenizer(&self) -> Result<Tokenize, OpenError> {
        Ok(Box::new(|text| {
            Ok(text.split_whitespace().map(token_of).collect())
        }))
    }
}

impl BlockingEngine for MyEngine {
    fn answer(&self, request: &EngineRequest, answer: &mut Answer<'_>) -> Result<(), ErrorKind> {
        let mut sequence = Sequence::read(&request.prompt, self.work);
        while answer.token(sequence.next()) {}
        Ok(())
    }
}
