//! One test suite for every engine: what a load relies on, checked through the engine trait. A
//! user's test of their engine is one line: `worker::conformance::check(&ENGINE, json!({ …
//! })).unwrap()`. A check returns what is wrong. Must not know any engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use contract::message::Failure;
use contract::spec::Demand;
use serde_json::Value;

use crate::engine::linked::{Registered, Setting};
use crate::engine::{
    Ending, Engine, EngineEvent, EngineRequest, ErrorKind, StepSink, Time, WindowStart,
};
use crate::load::inbox::{Inbox, Stamped};
use crate::measure::{Clock, Pacer, Wake};

/// How long an engine may go without a useful event.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The demand for which engines are opened here.
const DEMAND: Demand = Demand {
    concurrency: 40,
    tokens_per_request: 64,
};

/// Opens the engine to be checked.
pub type Open<'a> = dyn Fn(Demand, Box<dyn StepSink>) -> Result<Box<dyn Engine>, Failure> + 'a;

type Verdict = Result<(), String>;

/// An engine with all events received from it.
struct Rig {
    engine: Box<dyn Engine>,
    gate: Arc<AtomicBool>,
    inbox: Inbox,
    clock: Clock,
    heard: Vec<Stamped>,
    patience: Duration,
}

/// While closed, holds the engine at its first token, so that a check can act in between.
struct Gate {
    sink: Box<dyn StepSink>,
    shut: Arc<AtomicBool>,
}

impl StepSink for Gate {
    fn begins(&mut self) {
        self.sink.begins();
    }

    fn happened(&mut self, events: &[EngineEvent]) {
        self.sink.happened(events);
        self.hold(events);
    }

    fn arrived(&mut self, at: Duration, events: &[EngineEvent]) {
        self.sink.arrived(at, events);
        self.hold(events);
    }
}

impl Gate {
    fn hold(&self, events: &[EngineEvent]) {
        while events.iter().any(brings_token) && self.shut.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
    }
}

/// For engines that do not show tokens, chunks count.
fn brings_token(event: &EngineEvent) -> bool {
    matches!(event, EngineEvent::Token { .. } | EngineEvent::Chunk { .. })
}

impl Rig {
    fn open(open: &Open<'_>, clock: &Clock, patience: Duration) -> Result<Self, Failure> {
        let inbox = Inbox::default();
        inbox.attach(1 << 14);
        let gate = Arc::new(AtomicBool::new(false));
        let sink = Box::new(Gate {
            sink: inbox.sink(clock),
            shut: gate.clone(),
        });
        Ok(Self {
            engine: open(DEMAND, sink)?,
            gate,
            inbox,
            clock: clock.clone(),
            heard: Vec::new(),
            patience,
        })
    }

    fn submit(&mut self, requests: impl IntoIterator<Item = EngineRequest>) -> Verdict {
        let mut batch = requests.into_iter().collect();
        let taken = self.engine.submit(&mut batch);
        ensure(taken.is_ok() && batch.is_empty(), || {
            format!("it takes no requests: {taken:?}")
        })
    }

    /// Collects events until `enough` holds, or for so long that nothing more can be expected.
    fn listen(&mut self, enough: impl Fn(&[Stamped]) -> bool) -> Verdict {
        let patience = self.clock.now() + self.patience;
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
        // One more request, so that every event about the others has arrived.
        self.submit([request(9999, 3, 1)])?;
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
        | EngineEvent::Chunk { index, .. }
        | EngineEvent::Told { index, .. }
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

/// The answer's tokens, or the digest of its text if the engine does not show tokens.
fn tokens(story: &[EngineEvent]) -> Vec<u32> {
    let told = |event: &EngineEvent| match event {
        EngineEvent::Token { token, .. } => vec![*token],
        EngineEvent::Told { text, .. } => text.to_vec(),
        _ => Vec::new(),
    };
    story.iter().flat_map(told).collect()
}

/// Number of tokens of the answer, and number of events that report them.
fn length(story: &[EngineEvent]) -> (u32, usize) {
    let told = story.iter().find_map(|event| match event {
        EngineEvent::Told { tokens, .. } => Some(*tokens),
        _ => None,
    });
    let events = story.iter().filter(|event| brings_token(event)).count();
    let shown = u32::try_from(events).unwrap_or(u32::MAX);
    (told.unwrap_or(shown), events + usize::from(told.is_some()))
}

/// Checks for exactly: started, this many tokens, finished.
fn answered(story: &[EngineEvent], expected: u32) -> Verdict {
    let started = matches!(story.first(), Some(EngineEvent::Started { .. }));
    let finished = matches!(
        story.last(),
        Some(EngineEvent::Ended {
            ending: Ending::Finished,
            ..
        })
    );
    let (tokens, events) = length(story);
    let whole = started && finished && tokens == expected && story.len() == events + 2;
    ensure(whole, || {
        format!("expected {expected} tokens between a start and an end: {story:?}")
    })
}

fn every_request_is_answered_in_full_once(rig: &mut Rig) -> Verdict {
    rig.submit((0..40).map(|i| request(i, 1 + i, 1 + i % 9)))?;
    rig.listen_for_ends(40)?;
    (0..40).try_for_each(|i| answered(&rig.story(i), 1 + i % 9))
}

fn instants_never_go_back(rig: &mut Rig) -> Verdict {
    let before = rig.clock.now();
    rig.submit((0..10).map(|i| request(i, 5, 5)))?;
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
    rig.submit(company())?;
    rig.listen_for_ends(12)?;
    let together: Vec<_> = (0..12).map(|i| tokens(&rig.story(i))).collect();
    for (alone, together) in company().zip(together) {
        rig.heard.clear();
        let index = alone.index;
        rig.submit([alone])?;
        rig.listen_for_ends(1)?;
        let alone = tokens(&rig.story(index));
        ensure(alone == together, || {
            format!("request {index}: {alone:?} alone, {together:?} in company")
        })?;
    }
    Ok(())
}

fn a_cancelled_request_ends_once_in_any_state(rig: &mut Rig) -> Verdict {
    // In virtual time nothing happens between two calls.
    rig.gate.store(!rig.clock.is_virtual(), Ordering::Release);
    rig.submit((0..20).map(|i| request(i, 20, 40)))?;
    // Waiting or just started.
    (0..5).for_each(|i| rig.engine.cancel(i));
    // In progress.
    rig.listen(|heard| heard.iter().any(|s| brings_token(&s.event)))?;
    (5..10).for_each(|i| rig.engine.cancel(i));
    // A repeated id, and an unknown one.
    rig.engine.cancel(5);
    rig.engine.cancel(12345);
    rig.gate.store(false, Ordering::Release);
    rig.listen_for_ends(20)?;
    // A finished one.
    rig.engine.cancel(15);
    rig.submit([request(50, 3, 1)])?;
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
    rig.submit([request(0, 0, 5), request(1, 5, 0), request(2, 5, 5)])?;
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
        rig.submit([request(3, 4, 4)])?;
        rig.listen_for_ends(1)?;
        answered(&rig.story(3), 4)?;
    }
    Ok(())
}

fn counters_are_of_the_window(rig: &mut Rig) -> Verdict {
    rig.submit((0..10).map(|i| request(i, 4, 3)))?;
    rig.listen_for_ends(10)?;
    let at = rig.clock.now();
    rig.engine.begin_window(WindowStart {
        at,
        requests_seed: 1,
        noise_seed: 1,
    });
    rig.submit([request(20, 4, 6)])?;
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
    rig.submit((0..40).map(|i| request(i, 20, 40)))
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

/// Checks an engine that a program links, with options as in a plan.
///
/// # Errors
/// Every check that it fails, one on each line.
pub fn check(engine: &Registered, options: &Value) -> Result<(), String> {
    check_within(engine, options, PATIENCE)
}

/// The same for an engine that may go `patience` without a useful event.
///
/// # Errors
/// As [`check`].
pub fn check_within(
    engine: &Registered,
    options: &Value,
    patience: Duration,
) -> Result<(), String> {
    let setting = |demand| Setting { demand, threads: 1 };
    let open = |demand, sink| {
        let opened = engine.opened(options, &setting(demand), sink, &mut |_| ())?;
        Ok(opened.engine)
    };
    let failed: Vec<String> = failures(&open, &Clock::monotonic(), patience)
        .into_iter()
        .map(|(name, reason)| format!("{name}: {reason}"))
        .collect();
    ensure(failed.is_empty(), || failed.join("\n"))
}

/// Names of the checks an engine fails, with the reasons.
#[must_use]
pub fn failures(open: &Open<'_>, clock: &Clock, patience: Duration) -> Vec<(&'static str, String)> {
    let fails = |(name, check): Check| {
        let outcome = match Rig::open(open, clock, patience) {
            Ok(mut rig) => check(&mut rig),
            Err(failure) => Err(failure.message),
        };
        outcome.err().map(|reason| (name, reason))
    };
    CHECKS.into_iter().filter_map(fails).collect()
}
