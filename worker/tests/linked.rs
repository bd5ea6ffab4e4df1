//! Linked foreign engines: one of each kind conforms, one that breaks each rule does not, and wrong
//! options in a plan are refused with a sentence that says what to do.
#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(
    clippy::duplicate_mod,
    reason = "the two kinds of a new project have the same model"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::message::FailureKind;
use contract::spec::{Demand, EngineSpec, LinkedSpec};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use worker::conformance;
use worker::engine::linked::{
    self, Answer, BlockingEngine, Engines, Facts, LinkedEngine, OpenError, Registered, Setting,
    StepEngine, Tokenize,
};
use worker::engine::{self, Ending, EngineEvent, EngineRequest, ErrorKind, StepLoad};
use worker::measure::Clock;

/// The output of `coordinator init engine`, compiled unchanged.
#[path = "../../coordinator/templates/engine/blocking.rs"]
pub mod new_blocking;
#[path = "../../coordinator/templates/engine/step.rs"]
pub mod new_step;

/// The nth token of an answer depends only on the prompt.
fn token(request: &EngineRequest, nth: u32) -> u32 {
    request.prompt.iter().sum::<u32>() % 900 + nth
}

#[derive(Deserialize, JsonSchema)]
struct Options {
    /// Its fault.
    #[serde(default)]
    fault: Option<String>,
}

fn facts() -> Facts {
    Facts {
        model_digest: "echo".to_owned(),
        max_context: 1024,
        threads: 1,
        kernels: "none".to_owned(),
        ..Facts::default()
    }
}

fn words() -> Tokenize {
    Box::new(|text| {
        Ok(text
            .split_whitespace()
            .map(|word| word.len() as u32)
            .collect())
    })
}

/// Advances all its requests by one token in each step.
struct Together {
    held: BTreeMap<u32, (EngineRequest, u32)>,
    fault: Option<String>,
}

impl LinkedEngine for Together {
    const NAME: &'static str = "together";
    type Options = Options;

    fn open(
        options: Options,
        setting: &Setting,
        phase: &mut dyn FnMut(&'static str),
    ) -> Result<Self, OpenError> {
        assert!(setting.threads > 0);
        phase("weights");
        if options.fault.as_deref() == Some("no model") {
            return Err("there is no model; name one with --model".into());
        }
        Ok(Self {
            held: BTreeMap::new(),
            fault: options.fault,
        })
    }

    fn facts(&self) -> Facts {
        facts()
    }

    fn tokenizer(&self) -> Result<Tokenize, OpenError> {
        Ok(words())
    }
}

impl StepEngine for Together {
    fn submit(&mut self, request: EngineRequest) -> Result<(), ErrorKind> {
        self.held.insert(request.index, (request, 0));
        Ok(())
    }

    fn cancel(&mut self, index: u32) -> bool {
        self.held.remove(&index).is_some() && self.fault.as_deref() != Some("cancel")
    }

    fn is_idle(&self) -> bool {
        self.held.is_empty()
    }

    fn step(&mut self, events: &mut Vec<EngineEvent>) -> StepLoad {
        let running = self.held.len() as u32;
        let company = u32::from(running > 1 && self.fault.as_deref() == Some("company"));
        for (&index, (request, made)) in &mut self.held {
            if *made == 0 {
                events.push(EngineEvent::Started { index });
            }
            let token = token(request, *made) + company;
            events.push(EngineEvent::Token { index, token });
            *made += 1;
            if *made == request.max_new_tokens {
                let ending = Ending::Finished;
                events.push(EngineEvent::Ended { index, ending });
            }
        }
        self.held
            .retain(|_, (request, made)| *made < request.max_new_tokens);
        StepLoad {
            running,
            ..StepLoad::default()
        }
    }
}

/// Answers each request separately, on as many threads as there are requests.
struct Alone {
    fault: Option<String>,
}

impl LinkedEngine for Alone {
    const NAME: &'static str = "alone";
    type Options = Options;

    fn open(
        options: Options,
        _: &Setting,
        _: &mut dyn FnMut(&'static str),
    ) -> Result<Self, OpenError> {
        Ok(Self {
            fault: options.fault,
        })
    }

    fn facts(&self) -> Facts {
        facts()
    }

    fn tokenizer(&self) -> Result<Tokenize, OpenError> {
        Ok(words())
    }
}

impl BlockingEngine for Alone {
    fn answer(&self, request: &EngineRequest, answer: &mut Answer<'_>) -> Result<(), ErrorKind> {
        if self.fault.as_deref() == Some("panic") {
            // Not a panic, which would print a message: only unwinding is needed here.
            std::panic::resume_unwind(Box::new("broken on purpose"));
        }
        let short = u32::from(self.fault.as_deref() == Some("short"));
        (0..request.max_new_tokens - short)
            .map(|nth| token(request, nth))
            .all(|token| answer.token(token));
        Ok(())
    }
}

static TOGETHER: Registered = linked::step_wise::<Together>();
static ALONE: Registered = linked::blocking::<Alone>();
const ONE: Engines = Engines(&[linked::step_wise::<Together>()]);
const BOTH: Engines = Engines(&[linked::step_wise::<Together>(), linked::blocking::<Alone>()]);

#[test]
fn an_engine_of_each_kind_conforms() {
    assert_eq!(conformance::check(&TOGETHER, &json!({})), Ok(()));
    assert_eq!(conformance::check(&ALONE, &json!({})), Ok(()));
}

#[test]
fn the_engines_of_a_new_project_conform() {
    let options = json!({ "work": 10 });
    for engine in [new_blocking::ENGINE, new_step::ENGINE] {
        assert_eq!(conformance::check(&engine, &options), Ok(()));
    }
    let described = Engines(&[new_blocking::ENGINE]).described();
    assert!(
        described["my-engine"]["properties"]["work"].is_object(),
        "{described}"
    );
}

#[test]
fn an_engine_that_breaks_a_rule_fails_the_check_made_for_it() {
    for (engine, fault, check) in [
        (&TOGETHER, "company", "company: "),
        (&TOGETHER, "no model", "there is no model"),
        (&ALONE, "short", "answered: "),
        (&ALONE, "panic", "answered: "),
    ] {
        let failed = conformance::check_within(
            engine,
            &json!({ "fault": fault }),
            std::time::Duration::from_secs(2),
        );
        let said = failed.expect_err(fault);
        assert!(said.contains(check), "{fault}: {said}");
    }
}

fn refused(engines: Engines, engine: Option<&str>, options: &Value) -> (FailureKind, String) {
    let spec = EngineSpec::Linked(LinkedSpec {
        engine: engine.map(str::to_owned),
        options: options.as_object().unwrap().clone(),
        threads: 0,
    });
    let demand = Demand {
        concurrency: 2,
        tokens_per_request: 8,
    };
    let clock = Clock::monotonic();
    let sink = worker::load::inbox::Inbox::default().sink(&clock);
    let opened = engine::open(
        engines,
        &spec,
        demand,
        1,
        Arc::new(clock),
        sink,
        &mut |_| (),
    );
    let failure = opened.err().expect("it is refused");
    (failure.kind, failure.message)
}

#[test]
fn what_a_plan_asks_wrongly_is_refused_with_the_way_out() {
    let none = json!({});
    for (engines, engine, options, kind, said) in [
        (
            BOTH,
            None,
            &none,
            FailureKind::BadAssignment,
            "one of together, alone",
        ),
        (
            ONE,
            Some("other"),
            &none,
            FailureKind::BadAssignment,
            "no engine other",
        ),
        (
            Engines(&[]),
            None,
            &none,
            FailureKind::BadAssignment,
            "engine = \"native\"",
        ),
        (
            ONE,
            None,
            &json!({ "falut": "x" }),
            FailureKind::BadAssignment,
            "did you mean `fault`?",
        ),
        (
            ONE,
            None,
            &json!({ "fault": "no model" }),
            FailureKind::ModelInvalid,
            "the engine together cannot be opened: there is no model; name one with --model",
        ),
    ] {
        let (found, message) = refused(engines, engine, options);
        assert!(
            found == kind && message.contains(said),
            "{found:?}: {message}"
        );
    }
}

#[test]
fn a_program_describes_its_engines_with_their_options() {
    let described = BOTH.described();
    assert_eq!(
        described["together"]["properties"]["fault"]["description"],
        "Its fault."
    );
    assert!(described["alone"].is_object());
}
