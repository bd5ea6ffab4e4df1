//! The conformance suite on the engines of this crate: the simulated one in virtual and in real
//! time, and the native one on a small synthetic model. Deliberately broken engines show that each
//! check can fail.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use contract::spec::{EngineSpec, NativeSpec, SimSpec};
use worker::conformance::{self, PATIENCE};
use worker::engine::linked::Engines;
use worker::engine::{self, Ending, EngineEvent, EngineRequest, StepSink, WindowStart};
use worker::load::inbox::Inbox;
use worker::measure::Clock;

/// Faults in an engine's events.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    EndsTwice,
    NeverStarts,
    SpeaksAfterTheEnd,
    SwallowsCancellations,
    LosesTokens,
    OtherTokensInCompany,
    AcceptsAnything,
}

/// Passes false events to the sink behind it.
struct Liar {
    sink: Box<dyn StepSink>,
    fault: Fault,
    told: BTreeMap<u32, u32>,
}

impl StepSink for Liar {
    fn begins(&mut self) {
        self.sink.begins();
    }

    fn happened(&mut self, events: &[EngineEvent]) {
        let told = self.lies(events);
        self.sink.happened(&told);
    }

    fn arrived(&mut self, at: Duration, events: &[EngineEvent]) {
        let told = self.lies(events);
        self.sink.arrived(at, &told);
    }
}

impl Liar {
    fn lies(&mut self, events: &[EngineEvent]) -> Vec<EngineEvent> {
        let is_token = |event: &&EngineEvent| matches!(event, EngineEvent::Token { .. });
        let crowd = events.iter().filter(is_token).count();
        let told = events.iter().flat_map(|event| self.lie(*event, crowd));
        told.collect()
    }

    fn lie(&mut self, event: EngineEvent, crowd: usize) -> Vec<EngineEvent> {
        match (self.fault, event) {
            (Fault::EndsTwice, EngineEvent::Ended { .. }) => vec![event, event],
            (Fault::NeverStarts, EngineEvent::Started { .. }) => vec![],
            (Fault::SpeaksAfterTheEnd, EngineEvent::Ended { index, .. }) => {
                vec![event, EngineEvent::Token { index, token: 1 }]
            }
            (
                Fault::SwallowsCancellations,
                EngineEvent::Ended {
                    ending: Ending::Cancelled,
                    ..
                },
            ) => vec![],
            (Fault::LosesTokens, EngineEvent::Token { index, .. }) => {
                let nth = self.told.entry(index).or_default();
                *nth += 1;
                if *nth == 2 { vec![] } else { vec![event] }
            }
            (Fault::OtherTokensInCompany, EngineEvent::Token { index, token }) if crowd > 1 => {
                vec![EngineEvent::Token {
                    index,
                    token: token + 1,
                }]
            }
            (
                Fault::AcceptsAnything,
                EngineEvent::Ended {
                    index,
                    ending: Ending::Refused(_),
                },
            ) => {
                vec![
                    EngineEvent::Started { index },
                    EngineEvent::Ended {
                        index,
                        ending: Ending::Finished,
                    },
                ]
            }
            _ => vec![event],
        }
    }
}

/// Names of the checks an engine fails, with the reasons.
fn failures(spec: &EngineSpec, clock: &Clock, fault: Option<Fault>) -> Vec<(&'static str, String)> {
    let open = |demand, mut sink: Box<dyn StepSink>| {
        if let Some(fault) = fault {
            sink = Box::new(Liar {
                sink,
                fault,
                told: BTreeMap::new(),
            });
        }
        let (time, engines) = (Arc::new(clock.clone()), Engines::default());
        engine::open(engines, spec, demand, 1, time, sink, &mut |_| ()).map(|opened| opened.engine)
    };
    conformance::failures(&open, clock, PATIENCE)
}

fn sim() -> EngineSpec {
    EngineSpec::Sim(SimSpec {
        load_ns: 0,
        step_base_ns: 100_000,
        decode_ns: 100,
        ..SimSpec::default()
    })
}

#[test]
fn the_simulated_engine_conforms_in_virtual_time() {
    assert_eq!(failures(&sim(), &Clock::simulated(), None), []);
}

#[test]
fn the_simulated_engine_conforms_in_real_time() {
    assert_eq!(failures(&sim(), &Clock::monotonic(), None), []);
}

#[test]
fn the_native_engine_conforms() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("model");
    inference::synth::write(inference::synth::Preset::Tiny, 1, &place).unwrap();
    let model = place.to_str().unwrap().to_owned();
    let spec = NativeSpec {
        model,
        threads: 1,
        kv_bytes: 0,
        max_batch: 256,
        prefill_chunk: 64,
        kv_f32: false,
        weights: contract::spec::WeightForm::AsStored,
        handicap: 0.0,
        prefix_reuse: false,
        pin: false,
    };
    assert_eq!(
        failures(&EngineSpec::Native(spec), &Clock::monotonic(), None),
        []
    );
}

#[test]
fn each_broken_engine_fails_the_check_made_for_it() {
    let caught = [
        (Fault::EndsTwice, "answered"),
        (Fault::NeverStarts, "answered"),
        (Fault::SpeaksAfterTheEnd, "answered"),
        (Fault::SwallowsCancellations, "cancel"),
        (Fault::LosesTokens, "answered"),
        (Fault::OtherTokensInCompany, "company"),
        (Fault::AcceptsAnything, "refuse"),
    ];
    for (fault, check) in caught {
        let failed = failures(&sim(), &Clock::simulated(), Some(fault));
        assert!(
            failed.iter().any(|(name, _)| *name == check),
            "{fault:?} was not caught: {failed:?}"
        );
    }
}

#[test]
fn a_simulated_stall_does_not_keep_a_dropped_engine() {
    let hour = contract::spec::Stall {
        at_ns: 0,
        for_ns: 3_600_000_000_000,
    };
    let spec = EngineSpec::Sim(SimSpec {
        load_ns: 0,
        stalls: vec![hour],
        ..SimSpec::default()
    });
    let clock = Clock::monotonic();
    let (time, sink) = (Arc::new(clock.clone()), Inbox::default().sink(&clock));
    let demand = contract::spec::Demand {
        concurrency: 1,
        tokens_per_request: 8,
    };
    let opened = engine::open(
        Engines::default(),
        &spec,
        demand,
        1,
        time,
        sink,
        &mut |_| (),
    );
    let mut engine = opened.unwrap().engine;
    engine.begin_window(WindowStart {
        at: clock.now(),
        requests_seed: 1,
        noise_seed: 1,
    });
    let request = EngineRequest {
        index: 1,
        prompt: [1, 2, 3, 4].into(),
        max_new_tokens: 4,
    };
    engine.submit(&mut vec![request]).unwrap();
}
