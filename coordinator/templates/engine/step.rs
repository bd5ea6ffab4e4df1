//! My engine under test: each step advances all requests that it holds by one token (continuous
//! batching). All calls come from one thread.

mod model;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use worker::engine::linked::{
    self, Facts, LinkedEngine, OpenError, Registered, Setting, StepEngine, Tokenize,
};
use worker::engine::{Ending, EngineEvent, EngineRequest, ErrorKind, StepLoad};

use model::{Sequence, token_of};

/// The engine that the worker program links.
pub const ENGINE: Registered = linked::step_wise::<MyEngine>();

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

/// What is loaded once, and the requests in flight.
pub struct MyEngine {
    work: u32,
    held: BTreeMap<u32, Held>,
}

struct Held {
    request: EngineRequest,
    /// `None` until the prompt has been read.
    sequence: Option<Sequence>,
    left: u32,
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
        Ok(Self {
            work: options.work,
            held: BTreeMap::new(),
        })
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

impl StepEngine for MyEngine {
    fn submit(&mut self, request: EngineRequest) -> Result<(), ErrorKind> {
        let left = request.max_new_tokens;
        let (index, sequence) = (request.index, None);
        self.held.insert(
            index,
            Held {
                request,
                sequence,
                left,
            },
        );
        Ok(())
    }

    fn cancel(&mut self, index: u32) -> bool {
        self.held.remove(&index).is_some()
    }

    fn is_idle(&self) -> bool {
        self.held.is_empty()
    }

    fn step(&mut self, events: &mut Vec<EngineEvent>) -> StepLoad {
        let running = self.held.len() as u32;
        for (&index, held) in &mut self.held {
            let sequence = held.sequence.get_or_insert_with(|| {
                events.push(EngineEvent::Started { index });
                Sequence::read(&held.request.prompt, self.work)
            });
            let token = sequence.next();
            events.push(EngineEvent::Token { index, token });
            held.left -= 1;
            if held.left == 0 {
                let ending = Ending::Finished;
                events.push(EngineEvent::Ended { index, ending });
            }
        }
        self.held.retain(|_, held| held.left > 0);
        StepLoad {
            running,
            ..StepLoad::default()
        }
    }
}
