//! Soaks in virtual time: a planted slowdown, leak and burst of errors are found, and none without
//! them. The leak is written into the parts, because a simulated engine holds no memory.

use std::time::Duration;

use contract::id::{Arm, RunId};
use contract::part::{Part, Usage};
use contract::run::BlockDone;
use coordinator::plan::{Plan, WindowTimes};
use coordinator::schedule::{self, Lineup};
use coordinator::soak::{SoakAnswer, SoakReader};
use coordinator::store::{Addenda, RunRecord, Store};

use crate::lab::{QUIET, done, each, end, header, keep, program};

/// What is planted.
#[derive(Clone, Copy, Default)]
struct Planted {
    /// Relative slowdown from the first interval to the last.
    drift: f64,
    /// Bytes that are not given back after an interval.
    leak: u64,
    /// Share of requests that fail in the interval in the middle.
    burst: f64,
}

const INTERVALS: u32 = 40;
const NOTHING: Planted = Planted {
    drift: 0.0,
    leak: 0,
    burst: 0.0,
};

fn plan(seed: u64, drift: f64, error_rate: f64) -> Plan {
    let text = format!(
        r#"{{"name":"virtual","seed":{seed},"engine":"sim","sim":{{
        "all":{{"step_base_ns":10000000,"decode_ns":1000,"prefill_ns":1000,"jitter":0.05,"round_sd":0.01,
        "drift":{drift},"error_rate":{error_rate}}}}},
        "scenario":[{{"name":"chat","shape":{{"kind":"poisson","rate":1.0}},"stop":{{"duration":1.0}},
        "prompt":{{"tokens":4}},"output_tokens":2}}]}}"#
    );
    let plan = Plan::from_json(&text).unwrap();
    let times = WindowTimes {
        run_in: Duration::from_secs(1),
        window: Duration::from_secs(10),
    };
    let scenario = plan.scenarios[0].clone();
    plan.soaking(&scenario, 20.0, INTERVALS, times).unwrap()
}

fn record(seed: u64, planted: Planted) -> RunRecord {
    let plan = plan(seed, planted.drift, 0.001);
    let failing = self::plan(seed, planted.drift, planted.burst.max(0.001));
    let lineup = Lineup::new(&["baseline".to_owned()], false).unwrap();
    let run = RunId::new(1_700_000_000_000 + seed, [7; 10]);
    let blocks = schedule::blocks(&plan, &lineup);
    assert_eq!(blocks.len(), INTERVALS as usize, "an interval is a block");
    let (mut peak, mut levels) = (0, stats::rng::Seed(seed).child("memory").rng());
    let parts = blocks.iter().map(|block| {
        let bursts = block.round == INTERVALS / 2;
        let part = QUIET.part(if bursts { &failing } else { &plan }, block, Arm::A, run);
        // A level of 100 MB with some noise, and what has leaked.
        let noise = levels.below(1_000_000) as u64;
        peak = peak.max(100_000_000 + noise + planted.leak * u64::from(block.round));
        Part {
            usage: Usage {
                peak_rss_bytes: peak,
                ..part.usage
            },
            ..part
        }
    });
    let parts: Vec<Part> = parts.collect();
    RunRecord {
        header: header(&plan, &lineup, run),
        blocks: blocks.iter().map(|block| done(block, &plan)).collect(),
        parts,
        superseded: Vec::new(),
        notices: Vec::new(),
        end: Some(end("{}".to_owned())),
        addenda: Addenda::default(),
    }
}

fn answered(record: &RunRecord, parts: usize) -> SoakAnswer {
    let plan = Plan::from_json(&record.header.plan_json).unwrap();
    let blocks: &[BlockDone] = &record.blocks[..parts];
    let mut reader = SoakReader::default();
    record.parts[..parts]
        .iter()
        .for_each(|part| reader.take(part));
    let (run, variant) = (record.header.run.to_string(), "baseline".to_owned());
    reader
        .answer(run, Vec::new(), variant, &plan, blocks)
        .unwrap()
}

#[test]
fn what_is_planted_is_found_and_nothing_else() {
    let found = |planted: Planted| {
        let answers = each(16, |seed| {
            answered(&record(seed, planted), INTERVALS as usize)
        });
        let count = |of: fn(&SoakAnswer) -> bool| answers.iter().filter(|a| of(a)).count();
        [
            count(|a| a.found.drift.as_ref().unwrap().is_found()),
            count(|a| a.found.growth.unwrap().is_found()),
            count(|a| !a.found.bursts.is_empty()),
        ]
    };
    let quiet = found(NOTHING);
    assert!(quiet.iter().all(|count| *count <= 1), "without: {quiet:?}");
    let slower = found(Planted {
        drift: 0.1,
        ..NOTHING
    });
    assert!(
        slower[0] == 16 && slower[1] <= 1 && slower[2] <= 1,
        "{slower:?}"
    );
    let leaks = found(Planted {
        leak: 1_000_000,
        ..NOTHING
    });
    assert!(
        leaks[1] == 16 && leaks[0] <= 1 && leaks[2] <= 1,
        "{leaks:?}"
    );
    let bursts = found(Planted {
        burst: 0.1,
        ..NOTHING
    });
    assert!(
        bursts[2] == 16 && bursts[0] <= 1 && bursts[1] <= 1,
        "{bursts:?}"
    );
}

#[test]
fn the_program_says_what_changed_and_what_is_missing() {
    let shown = |record: &RunRecord, kept: usize, more: &[&str]| {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let part = RunRecord {
            blocks: record.blocks[..kept].to_vec(),
            parts: record.parts[..kept].to_vec(),
            ..record.clone()
        };
        keep(&store, &part);
        drop(store);
        let output = program(dir.path(), &[&["soak", "--show", "latest"], more].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        (output.status.code(), text)
    };
    let whole = INTERVALS as usize;
    let (code, text) = shown(&record(1, NOTHING), whole, &[]);
    assert!(
        code == Some(0) && text.contains("STEADY"),
        "{code:?} {text}"
    );
    let both = Planted {
        drift: 0.2,
        leak: 1_000_000,
        ..NOTHING
    };
    let record = record(1, both);
    let (code, text) = shown(&record, whole, &[]);
    assert_eq!(code, Some(1), "{text}");
    for words in ["CHANGED", "E2E p50 DRIFTS", "memory GROWS", "no burst"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let (code, text) = shown(&record, 8, &["-o", "quiet"]);
    assert!(
        code == Some(3) && text.ends_with("UNFINISHED"),
        "{code:?} {text}"
    );
    let (_, text) = shown(&record, whole, &["-o", "json"]);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["soak"]["verdict"], "CHANGED");
    assert_eq!(
        document["soak"]["intervals"].as_array().unwrap().len(),
        whole
    );
    assert_eq!(document["soak"]["memory"]["found"], true);
}
