//! Compares what the client measures with what the referee really sent. Counts and order are exact;
//! times depend on the load of the machine, so their limits are loose.

use std::time::Duration;

use contract::id::{Arm, RunId, TrialKey};
use contract::metric::Metric;
use contract::part::Itl;
use contract::spec::{
    Assignment, Endpoint, Objectives, OpenAiSpec, PromptSet, PromptSpec, Scenario, Shape, Share,
    StopSpec, Warmup,
};
use worker::load::control::Control;
use worker::load::driver::{Bench, DriveEnd, Driver};
use worker::load::files::Files;
use worker::load::inbox::Inbox;
use worker::load::phase::Phase;
use worker::measure::{Clock, Measured};
use worker::referee::{Entry, Referee, Script, Settings, Stall, UsageAt};

use super::rig::open;

const MS: Duration = Duration::from_millis(1);

fn burst(requests: u32, output_tokens: u32) -> Assignment {
    Assignment {
        run: RunId::new(1, [7; 10]),
        key: TrialKey {
            cell: 0,
            round: 0,
            arm: Arm::A,
        },
        variant: "baseline".to_owned(),
        slot: 0,
        scenario: Scenario {
            name: "test".to_owned(),
            shape: Shape::Burst { requests },
            prompt: PromptSpec::of(PromptSet::Evaluation, 16),
            output_tokens: output_tokens.into(),
            mix: Vec::new(),
            stop: StopSpec::default(),
            max_in_flight: None,
            objectives: Objectives::default(),
            warmup: Warmup::default(),
            timeout: Duration::from_secs(60),
        },
        share: Share { index: 0, of: 1 },
        seed: 42,
    }
}

struct Outcome {
    measured: Measured,
    truth: Vec<Entry>,
}

/// A burst against a referee; returns both accounts of it.
fn both(settings: Settings, spec: &OpenAiSpec, work: &Assignment) -> Outcome {
    let referee = Referee::start(settings).expect("it listens");
    let (clock, inbox, control) = (Clock::monotonic(), Inbox::default(), Control::new());
    let mut engine = open(spec, referee.address(), &clock, inbox.sink(&clock)).expect("it opens");
    let files = Files::open(work).expect("there are none");
    let phase = Phase::measured(work, &*engine, &files).expect("it can be prepared");
    let bench = Bench {
        engine: &mut *engine,
        inbox: &inbox,
        clock: &clock,
        control: &control,
    };
    let mut driver = Driver::new(bench, phase, clock.now());
    assert_eq!(driver.run(&mut |_, _| ()), DriveEnd::Done);
    assert!(driver.settle());
    let measured = driver.into_recorder().finish();
    drop(engine);
    Outcome {
        measured,
        truth: referee.stop(),
    }
}

/// The quantile p of some nanoseconds, in milliseconds.
fn quantile(mut values: Vec<u64>, p: f64) -> f64 {
    values.sort_unstable();
    values[((values.len() - 1) as f64 * p).round() as usize] as f64 / 1e6
}

#[test]
fn measured_times_are_those_that_the_referee_wrote_down() {
    let settings = Settings {
        script: Script {
            ttft: 80 * MS,
            itl: 12 * MS,
            spread: 0.3,
            stalls: vec![Stall {
                at: 150 * MS,
                lasts: 100 * MS,
            }],
            ..Script::default()
        },
        ..Settings::default()
    };
    let work = burst(60, 16);
    let Outcome { measured, truth } = both(settings, &OpenAiSpec::default(), &work);
    assert_eq!((measured.outcomes.ok, truth.len()), (60, 60));
    assert!(
        truth
            .iter()
            .all(|entry| entry.whole && entry.sent.len() == 16)
    );
    // As many chunks with text as tokens: each chunk is one token.
    assert_eq!(
        (measured.moments.count, measured.moments.itl),
        (60 * 16, Itl::Exact)
    );
    assert_eq!(measured.histograms.get(Metric::Itl).exact().count, 60 * 15);

    let began = truth
        .iter()
        .map(|entry| entry.received_ns)
        .min()
        .expect("there are some");
    let ttft = |entry: &Entry| entry.sent[0].0 - began;
    let e2e = |entry: &Entry| entry.sent[15].0 - began;
    let gaps = |entry: &Entry| -> Vec<u64> {
        entry
            .sent
            .windows(2)
            .map(|pair| pair[1].0 - pair[0].0)
            .collect()
    };
    let each = [
        (Metric::Ttft, truth.iter().map(ttft).collect::<Vec<u64>>()),
        (Metric::E2e, truth.iter().map(e2e).collect()),
        (Metric::Itl, truth.iter().flat_map(gaps).collect()),
    ];
    for (metric, truth) in each {
        for p in [0.5, 0.9] {
            let found = measured
                .histograms
                .get(metric)
                .buckets()
                .value_at_quantile(p) as f64
                / 1e6;
            let true_one = quantile(truth.clone(), p);
            // A busy machine is late; a client that measures something else is far off.
            assert!(
                (found - true_one).abs() < 40.0,
                "{} p{}: {found} ms measured, {true_one} ms sent",
                metric.name(),
                100.0 * p
            );
        }
    }
}

#[test]
fn chunks_are_no_tokens_and_usage_tells_how_many_there_are() {
    let script = Script {
        ttft: 5 * MS,
        itl: MS,
        ..Script::default()
    };
    let work = burst(20, 12);
    let of = |usage, chunk| {
        let settings = Settings {
            script: script.clone(),
            usage,
            chunk,
            ..Settings::default()
        };
        let chat = OpenAiSpec {
            endpoint: Endpoint::Chat,
            ..OpenAiSpec::default()
        };
        let Outcome { measured, truth } = both(settings, &chat, &work);
        assert_eq!((measured.outcomes.ok, measured.output_tokens), (20, 240));
        assert!(
            truth
                .iter()
                .all(|entry| entry.sent.len() == 12 / chunk as usize)
        );
        let count = |metric| measured.histograms.get(metric).exact().count;
        (
            measured.moments.itl,
            count(Metric::Itl),
            count(Metric::Tpot),
            measured.token_digest,
        )
    };
    let (itl, gaps, tpot, digest) = of(UsageAt::End, 4);
    assert_eq!((itl, gaps, tpot), (Itl::PerChunk, 20 * 2, 20));
    let (itl, gaps, tpot, same) = of(UsageAt::EachChunk, 4);
    assert_eq!((itl, gaps, tpot), (Itl::Exact, 20 * 11, 20));
    // If the whole answer is in the first chunk, no time follows it.
    let (_, _, tpot, again) = of(UsageAt::EachChunk, 12);
    assert_eq!(tpot, 0);
    // The text is the same for all divisions into chunks and all ways of counting.
    assert_eq!((digest, digest), (same, again));
}

#[test]
fn failures_of_the_script_are_counted_as_what_they_are() {
    let settings = Settings {
        script: Script {
            errors: 0.3,
            cuts: 0.3,
            ttft: 2 * MS,
            itl: MS,
            ..Script::default()
        },
        ..Settings::default()
    };
    let Outcome { measured, truth } = both(settings, &OpenAiSpec::default(), &burst(100, 8));
    let whole = truth.iter().filter(|entry| entry.whole).count() as u64;
    let errors = truth.iter().filter(|entry| entry.sent.is_empty()).count() as u64;
    let outcomes = measured.outcomes;
    assert_eq!((outcomes.ok, outcomes.failed), (whole, errors));
    assert_eq!(outcomes.disconnected, 100 - whole - errors);
    assert!(errors > 10 && outcomes.disconnected > 10, "{outcomes:?}");
}
