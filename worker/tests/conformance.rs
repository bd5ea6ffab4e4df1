//! One suite for every engine: the simulated one in virtual and in real time, and the native one on
//! a small synthetic model. A check returns what is wrong, so that engines broken on purpose can
//! show that each of them bites.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use contract::spec::{Demand, EngineSpec, NativeSpec, SimSpec};
use worker::engine::{
    self, Ending, Engine, EngineEvent, EngineRequest, ErrorKind, StepSink, Time, WindowStart,
};
use worker::load::inbox::{Inbox, Stamped};
use worker::measure::{Clock, Pacer, Wake};

type Verdict = Result<(), String>;

/// An engine with all it has said.
struct Rig {
    engine: Box<dyn Engine>,
    gate: Arc<AtomicBool>,
    inbox: Inbox,
    clock: Clock,
    heard: Vec<Stamped>,
}

/// What can be wrong with an engine's story.
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

/// Holds the engine's thread at the first token of one request while it is shut, so that a test can
/// act in the middle.
struct Gate {
    sink: Box<dyn StepSink>,
    shut: Arc<AtomicBool>,
}

/// The request a gate waits for.
const HELD: u32 = 7;

impl StepSink for Gate {
    fn begins(&mut self) {
        self.sink.begins();
    }

    fn happened(&mut self, events: &[EngineEvent]) {
        self.sink.happened(events);
        let held = |event: &EngineEvent| matches!(event, EngineEvent::Token { index: HELD, .. });
        while events.iter().any(held) && self.shut.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
    }
}

/// Lies to the sink behind it.
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
        let crowd = events
            .iter()
            .filter(|e| matches!(e, EngineEvent::Token { .. }))
            .count();
        let told: Vec<_> = events
            .iter()
            .flat_map(|event| self.lie(*event, crowd))
            .collect();
        self.sink.happened(&told);
    }
}

impl Liar {
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

impl Rig {
    fn open(spec: &EngineSpec, clock: &Clock, fault: Option<Fault>) -> Self {
        let inbox = Inbox::default();
        inbox.attach(1 << 14);
        let mut sink = inbox.sink(clock);
        if let Some(fault) = fault {
            sink = Box::new(Liar {
                sink,
                fault,
                told: BTreeMap::new(),
            });
        }
        let gate = Arc::new(AtomicBool::new(false));
        let sink = Box::new(Gate {
            sink,
            shut: gate.clone(),
        });
        let demand = Demand {
            concurrency: 40,
            tokens_per_request: 64,
        };
        let opened = engine::open(spec, demand, 1, Arc::new(clock.clone()), sink, &mut |_| ())
            .expect("it opens");
        Self {
            engine: opened.engine,
            gate,
            inbox,
            clock: clock.clone(),
            heard: Vec::new(),
        }
    }

    fn submit(&mut self, requests: impl IntoIterator<Item = EngineRequest>) {
        let mut batch = requests.into_iter().collect();
        self.engine.submit(&mut batch).expect("it runs");
        assert!(batch.is_empty());
    }

    /// Listens until it has heard enough, or for so long that nothing can be expected any more.
    fn listen(&mut self, enough: impl Fn(&[Stamped]) -> bool) -> Verdict {
        let patience = self.clock.now() + Duration::from_secs(20);
        let (mut pacer, mut news) = (Pacer::new(&self.clock), Vec::new());
        loop {
            self.inbox.take(&mut news);
            self.heard.append(&mut news);
            if enough(&self.heard) {
                return Ok(());
            }
            if self.clock.now() >= patience {
                return Err(format!("waited in vain; heard {} events", self.heard.len()));
            }
            pacer.wait(Wake::After(patience), &mut *self.engine);
        }
    }

    fn listen_for_ends(&mut self, ends: usize) -> Verdict {
        self.listen(|heard| heard.iter().filter(|s| s.event.is_end()).count() >= ends)?;
        // One more request, so that whatever the engine still had to say about the others has been
        // said.
        self.submit([request(9999, 3, 1)]);
        let over = |s: &Stamped| matches!(s.event, EngineEvent::Ended { index: 9999, .. });
        self.listen(|heard| heard.iter().any(over))?;
        self.heard.retain(|s| index_of(s.event) != 9999);
        Ok(())
    }

    fn story(&self, index: u32) -> Vec<EngineEvent> {
        self.heard
            .iter()
            .map(|s| s.event)
            .filter(|event| index_of(*event) == index)
            .collect()
    }
}

fn index_of(event: EngineEvent) -> u32 {
    match event {
        EngineEvent::Started { index }
        | EngineEvent::Token { index, .. }
        | EngineEvent::Ended { index, .. } => index,
        EngineEvent::Down => u32::MAX,
    }
}

fn request(index: u32, prompt: u32, max_new_tokens: u32) -> EngineRequest {
    EngineRequest {
        index,
        prompt: (0..prompt).map(|i| (index * 7 + i * 3) % 500).collect(),
        max_new_tokens,
    }
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(what()) }
}

fn tokens(story: &[EngineEvent]) -> Vec<u32> {
    story
        .iter()
        .filter_map(|e| {
            if let EngineEvent::Token { token, .. } = e {
                Some(*token)
            } else {
                None
            }
        })
        .collect()
}

/// Started, so many tokens, finished; and nothing else.
fn answered(story: &[EngineEvent], expected: u32) -> Verdict {
    let started = matches!(story.first(), Some(EngineEvent::Started { .. }));
    let finished = matches!(
        story.last(),
        Some(EngineEvent::Ended {
            ending: Ending::Finished,
            ..
        })
    );
    let told = tokens(story).len();
    let whole = started && finished && told == expected as usize && story.len() == told + 2;
    ensure(whole, || {
        format!("expected {expected} tokens between a start and an end: {story:?}")
    })
}

fn every_request_is_answered_in_full_once(rig: &mut Rig) -> Verdict {
    rig.submit((0..40).map(|i| request(i, 1 + i, 1 + i % 9)));
    rig.listen_for_ends(40)?;
    (0..40).try_for_each(|i| answered(&rig.story(i), 1 + i % 9))
}

fn instants_never_go_back(rig: &mut Rig) -> Verdict {
    let before = rig.clock.now();
    rig.submit((0..10).map(|i| request(i, 5, 5)));
    rig.listen_for_ends(10)?;
    for index in 0..10 {
        let times: Vec<_> = rig
            .heard
            .iter()
            .filter(|s| index_of(s.event) == index)
            .map(|s| s.at)
            .collect();
        ensure(times[0] >= before && times.is_sorted(), || {
            format!("{times:?}")
        })?;
    }
    Ok(())
}

fn company_changes_no_token(rig: &mut Rig) -> Verdict {
    let company = || (0..12).map(|i| request(i, 3 + i, 6));
    rig.submit(company());
    rig.listen_for_ends(12)?;
    let together: Vec<_> = (0..12).map(|i| tokens(&rig.story(i))).collect();
    for (alone, together) in company().zip(together) {
        rig.heard.clear();
        let index = alone.index;
        rig.submit([alone]);
        rig.listen_for_ends(1)?;
        let alone = tokens(&rig.story(index));
        ensure(alone == together, || {
            format!("request {index}: {alone:?} alone, {together:?} in company")
        })?;
    }
    Ok(())
}

fn a_cancelled_request_ends_once_in_any_state(rig: &mut Rig) -> Verdict {
    // In virtual time nothing happens between two calls anyway.
    rig.gate.store(!rig.clock.is_virtual(), Ordering::Release);
    rig.submit((0..20).map(|i| request(i, 20, 40)));
    // Waiting or just begun.
    (0..5).for_each(|i| rig.engine.cancel(i));
    // Under way.
    rig.listen(|heard| {
        heard
            .iter()
            .any(|s| matches!(s.event, EngineEvent::Token { index: HELD, .. }))
    })?;
    (5..10).for_each(|i| rig.engine.cancel(i));
    // Twice, and one nobody knows.
    rig.engine.cancel(5);
    rig.engine.cancel(12345);
    rig.gate.store(false, Ordering::Release);
    rig.listen_for_ends(20)?;
    // Over.
    rig.engine.cancel(15);
    rig.submit([request(50, 3, 1)]);
    rig.listen(|heard| heard.iter().filter(|s| s.event.is_end()).count() >= 21)?;
    for index in 0..20 {
        let story = rig.story(index);
        let ends = story.iter().filter(|event| event.is_end()).count();
        ensure(
            ends == 1 && story.last().is_some_and(|e| e.is_end()),
            || format!("{index}: {story:?}"),
        )?;
        let cancelled = matches!(
            story.last(),
            Some(EngineEvent::Ended {
                ending: Ending::Cancelled,
                ..
            })
        );
        ensure(cancelled == (index < 10), || {
            format!("request {index} ended wrongly: {story:?}")
        })?;
    }
    Ok(())
}

fn what_makes_no_sense_is_refused_without_work(rig: &mut Rig) -> Verdict {
    rig.submit([request(0, 0, 5), request(1, 5, 0), request(2, 5, 5)]);
    rig.listen_for_ends(3)?;
    for index in [0, 1] {
        let refused = EngineEvent::Ended {
            index,
            ending: Ending::Refused(ErrorKind::Invalid),
        };
        ensure(rig.story(index) == [refused], || {
            format!("{:?}", rig.story(index))
        })?;
    }
    answered(&rig.story(2), 5)
}

fn an_index_is_free_again_after_its_end(rig: &mut Rig) -> Verdict {
    for _ in 0..3 {
        rig.heard.clear();
        rig.submit([request(3, 4, 4)]);
        rig.listen_for_ends(1)?;
        answered(&rig.story(3), 4)?;
    }
    Ok(())
}

fn counters_are_of_the_window(rig: &mut Rig) -> Verdict {
    rig.submit((0..10).map(|i| request(i, 4, 3)));
    rig.listen_for_ends(10)?;
    let at = rig.clock.now();
    rig.engine.begin_window(WindowStart {
        at,
        requests_seed: 1,
        noise_seed: 1,
    });
    rig.submit([request(20, 4, 6)]);
    rig.listen(|heard| {
        heard
            .iter()
            .any(|s| matches!(s.event, EngineEvent::Ended { index: 20, .. }))
    })?;
    let counters = rig.engine.counters();
    let right = counters.peak_running == 1 && (6..=7).contains(&counters.steps);
    ensure(right, || format!("{counters:?}"))
}

fn dropping_a_busy_engine_returns(rig: &mut Rig) -> Verdict {
    rig.submit((0..40).map(|i| request(i, 20, 40)));
    Ok(())
}

/// A check and its name.
type Check = (&'static str, fn(&mut Rig) -> Verdict);

const CHECKS: [Check; 8] = [
    ("answered", every_request_is_answered_in_full_once),
    ("order", instants_never_go_back),
    ("company", company_changes_no_token),
    ("cancel", a_cancelled_request_ends_once_in_any_state),
    ("refuse", what_makes_no_sense_is_refused_without_work),
    ("again", an_index_is_free_again_after_its_end),
    ("counters", counters_are_of_the_window),
    ("drop", dropping_a_busy_engine_returns),
];

/// Names of the checks an engine fails, with the reasons.
fn failures(spec: &EngineSpec, clock: &Clock, fault: Option<Fault>) -> Vec<(&'static str, String)> {
    let fails = |(name, check): Check| {
        check(&mut Rig::open(spec, clock, fault))
            .err()
            .map(|reason| (name, reason))
    };
    CHECKS.into_iter().filter_map(fails).collect()
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
    let mut rig = Rig::open(&spec, &clock, None);
    rig.engine.begin_window(WindowStart {
        at: clock.now(),
        requests_seed: 1,
        noise_seed: 1,
    });
    rig.submit([request(1, 4, 4)]);
}
