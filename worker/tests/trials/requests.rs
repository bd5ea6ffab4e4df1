//! Request lists: the same for every arm and number of slots, of exact length, and never shared
//! with the warm-up.

use std::sync::Arc;

use contract::id::Arm;
use contract::spec::{Assignment, Demand, EngineSpec, PromptSet, Share, SimSpec};
use worker::engine::linked::Engines;
use worker::engine::{self, Engine, EngineRequest};
use worker::load::files::Files;
use worker::load::inbox::Inbox;
use worker::load::phase::Phase;
use worker::load::prompt;
use worker::measure::Clock;
use worker::stream::{Purpose, Stream};

use super::rig::{assignment, burst, native, whole};

fn open(spec: &EngineSpec) -> Box<dyn Engine> {
    let (clock, demand) = (
        Clock::simulated(),
        Demand {
            concurrency: 4,
            tokens_per_request: 32,
        },
    );
    let sink = Inbox::default().sink(&clock);
    engine::open(
        Engines::default(),
        spec,
        demand,
        1,
        Arc::new(clock),
        sink,
        &mut |_| (),
    )
    .expect("it opens")
    .engine
}

fn files(work: &Assignment) -> Files {
    Files::open(work).expect("they can be used")
}

/// The prompts of the window's requests.
pub(super) fn prompts(work: &Assignment, spec: &EngineSpec, clock: &Clock) -> Vec<Vec<u32>> {
    let demand = Demand {
        concurrency: 4,
        tokens_per_request: 32,
    };
    let sink = Inbox::default().sink(clock);
    let opened = engine::open(
        Engines::default(),
        spec,
        demand,
        1,
        Arc::new(clock.clone()),
        sink,
        &mut |_| (),
    )
    .expect("it opens");
    let phase = Phase::measured(work, &*opened.engine, &files(work)).expect("it can be prepared");
    phase
        .requests
        .map(|request| request.prompt.to_vec())
        .collect()
}

fn requests(work: &Assignment) -> Vec<EngineRequest> {
    let engine = open(&EngineSpec::Sim(SimSpec::default()));
    Phase::measured(work, &*engine, &files(work))
        .expect("it can be prepared")
        .requests
        .collect()
}

#[test]
fn a_request_depends_on_seed_and_index_only() {
    let all = requests(&whole(burst(30)));
    for index in 0..3 {
        let part = requests(&assignment(burst(30), Arm::B, Share { index, of: 3 }));
        assert!(part.iter().eq(all.iter().filter(|r| r.index % 3 == index)));
    }
    let other = requests(&Assignment {
        seed: 43,
        ..whole(burst(30))
    });
    assert_ne!(all, other);
    assert_ne!(all[0].prompt, all[1].prompt);
}

#[test]
fn warming_up_asks_other_things_than_the_window() {
    let (work, engine) = (whole(burst(30)), open(&EngineSpec::Sim(SimSpec::default())));
    let warm_up = Phase::warm_up(&work, &*engine, &files(&work)).expect("it can be prepared");
    let warm_up: Vec<_> = warm_up.requests.collect();
    assert_eq!((warm_up.len(), warm_up[0].max_new_tokens), (30, 2));
    let window = requests(&work);
    assert!(
        warm_up
            .iter()
            .all(|warm| window.iter().all(|r| r.prompt != warm.prompt))
    );
}

#[test]
fn prompts_have_the_length_asked_for_in_the_tokens_of_each_engine() {
    let dir = tempfile::tempdir().expect("a directory");
    for spec in [
        EngineSpec::Sim(SimSpec::default()),
        native(&dir.path().join("m")),
    ] {
        let engine = open(&spec);
        for tokens in [1, 2, 16, 128, 512, 1500] {
            let mut stream = Stream::new(1, Purpose::Prompt, 0);
            let made = prompt::compose(PromptSet::Evaluation, tokens, &mut stream, &*engine)
                .expect("it encodes");
            assert_eq!(made.len(), tokens as usize);
        }
    }
}
