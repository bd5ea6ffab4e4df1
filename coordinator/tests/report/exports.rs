//! Export files, read by the readers of their own tools.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use contract::id::{Arm, TrialKey};
use contract::metric::Metric;
use contract::part::{Outcome, Part, RequestRecord, Step, StepLog};
use coordinator::compare::{self, Findings};
use coordinator::report::export::{ExportError, Kind, Selection, render};
use coordinator::report::run_document;
use coordinator::store::RunRecord;
use serde_json::Value;

use super::elsewhere::ask_file;
use super::interpreter::python;
use super::sample::Story;

const KINDS: [(Kind, &str); 5] = [
    (Kind::Hlog, "hlog"),
    (Kind::Hgrm, "hgrm"),
    (Kind::Csv, "csv"),
    (Kind::OpenMetrics, "openmetrics"),
    (Kind::Trace, "trace"),
];

/// Enough for every file, and quick to make.
const ROUNDS: u32 = 2;

/// A run whose parts also keep requests and steps.
fn record() -> RunRecord {
    let mut record = Story {
        b: 0.97,
        scatter: 0.02,
        failures: 1,
        rounds: ROUNDS,
        ..Story::default()
    }
    .record();
    record.parts.iter_mut().for_each(keep_requests);
    record
}

fn findings() -> Findings {
    compare::findings(record()).unwrap()
}

fn rendered(
    kind: Kind,
    findings: &Findings,
    selection: &Selection,
) -> Result<Vec<u8>, ExportError> {
    let whole = |trial: TrialKey| {
        Ok(record()
            .parts
            .into_iter()
            .filter(|part| part.place.key == trial)
            .collect())
    };
    render(kind, findings, selection, &whole)
}

fn keep_requests(part: &mut Part) {
    let of = |index: u32| {
        let failed = u64::from(index) >= part.outcomes.ok;
        let sent_ns = 1_000 + u64::from(index);
        RequestRecord {
            index,
            outcome: if failed { Outcome::Failed } else { Outcome::Ok },
            intended_ns: u64::from(index),
            sent_ns,
            started_ns: sent_ns + 5_000_000,
            first_token_ns: if failed { 0 } else { sent_ns + 9_000_000 },
            done_ns: sent_ns + 40_000_000,
            prompt_tokens: 32,
            output_tokens: if failed { 0 } else { 32 },
        }
    };
    part.requests = (0..part.outcomes.planned as u32).map(of).collect();
    let step = |n: u64| Step {
        at_ns: 9_000_000 + n * 1_000_000,
        tokens: 50,
    };
    part.steps = StepLog {
        kept: (0..32).map(step).collect(),
        not_kept: 0,
    };
}

fn text(kind: Kind, selection: &Selection) -> String {
    String::from_utf8(rendered(kind, &findings(), selection).unwrap()).unwrap()
}

fn write_all(findings: &Findings, dir: &Path) {
    let document = serde_json::to_string(&run_document(findings).unwrap()).unwrap();
    std::fs::write(dir.join("run.json"), document).unwrap();
    for (kind, name) in KINDS {
        let bytes = rendered(kind, findings, &Selection::default()).unwrap();
        std::fs::write(dir.join("run").with_extension(name), bytes).unwrap();
    }
}

fn check(python: &str, dir: &Path) -> Output {
    ask_file(python, "check_exports.py", &dir.join("run"))
}

#[test]
fn other_tools_readers_find_the_same_in_every_file() {
    let Some(python) = python("hdrh, prometheus_client") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    write_all(&findings(), dir.path());
    let whole = check(&python, dir.path());
    assert!(
        whole.status.success(),
        "{}",
        String::from_utf8_lossy(&whole.stderr)
    );
    assert_eq!(
        String::from_utf8_lossy(&whole.stdout).lines().count(),
        KINDS.len()
    );
    // Counter-check: a lost line of the log, a misspelt metric.
    for (name, from, to) in [
        ("run.hlog", "Tag=burst-200/B", "Tag=burst-20/B"),
        ("run.openmetrics", "# EOF\n", "# END\n"),
    ] {
        let path = dir.path().join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        assert!(!check(&python, dir.path()).status.success(), "{name}");
        std::fs::write(&path, text).unwrap();
    }
}

#[test]
fn the_table_has_one_shape_and_a_selection_takes_rows_away() {
    let all = text(Kind::Csv, &Selection::default());
    let columns = all.lines().next().unwrap().split(',').count();
    assert!(all.lines().all(|line| line.split(',').count() == columns));
    let selection = Selection {
        scenario: Some("burst-200".into()),
        arm: Some(Arm::A2),
        round: Some(1),
        metric: Some(Metric::Ttft),
        ..Selection::default()
    };
    let some = text(Kind::Csv, &selection);
    assert!(
        some.lines()
            .skip(1)
            .all(|row| row.contains(",burst-200,1,1,") && row.contains(",A2,baseline,"))
    );
    assert!(
        some.lines()
            .skip(1)
            .all(|row| row.contains(",latency,ttft,"))
    );
    // Two slots of a hundred requests: seven of eleven statistics; p95 and above have too few
    // values.
    assert_eq!(some.lines().count(), 1 + 2 * 7);
    assert!(some.contains(",p90,") && !some.contains(",p95,"), "{some}");
}

/// Of 1,200 requests, twelve are beyond p99 and one beyond p99.9: quantiles that the report hides
/// are not exported.
#[test]
fn quantiles_that_the_report_hides_are_no_samples() {
    let selection = Selection {
        scenario: Some("burst-200".into()),
        ..Selection::default()
    };
    let samples = text(Kind::OpenMetrics, &selection);
    let of = |q: &str| {
        samples
            .matches(&format!("metric=\"e2e\",quantile=\"{q}\""))
            .count()
    };
    assert_eq!([of("0.9"), of("0.99"), of("0.999")], [3, 0, 0], "{samples}");
    let findings = findings();
    let cell = findings
        .cells
        .iter()
        .find(|cell| cell.scenario == "burst-200")
        .unwrap();
    let e2e = cell.arms[0]
        .latencies
        .iter()
        .find(|latency| latency.metric == Metric::E2e)
        .unwrap();
    let shown: Vec<bool> = e2e
        .quantiles
        .iter()
        .map(|(_, value)| value.is_some())
        .collect();
    assert_eq!(
        shown,
        [true, true, false, false],
        "the report's p50, p90, p99 and p99.9"
    );
}

#[test]
fn what_no_trial_is_like_is_refused_with_what_there_is() {
    let selection = Selection {
        scenario: Some("burst-300".into()),
        ..Selection::default()
    };
    let error = rendered(Kind::Csv, &findings(), &selection).unwrap_err();
    assert!(matches!(error, ExportError::NoTrial { .. }));
    let known = format!(
        "burst-100, burst-200, rounds 0 to {}, arms A, A2, B",
        ROUNDS - 1
    );
    assert!(
        error.to_string().contains("scenario burst-300") && error.to_string().contains(&known),
        "{error}"
    );
}

#[test]
fn a_trace_has_every_phase_of_every_request_and_the_steps() {
    let trace: Value = serde_json::from_str(&text(Kind::Trace, &Selection::default())).unwrap();
    let mut slices: BTreeMap<&str, usize> = BTreeMap::new();
    for event in trace["traceEvents"].as_array().unwrap() {
        if event["ph"] == "X" {
            let name = event["name"].as_str().unwrap();
            *slices.entry(name.split(' ').next().unwrap()).or_default() += 1;
        }
    }
    // 200 requests over two slots, the last of each slot failed before its first token.
    let expected = BTreeMap::from([
        ("request", 200),
        ("late", 200),
        ("queue", 200),
        ("prefill", 200),
        ("decode", 198),
        ("step", 64),
    ]);
    assert_eq!(slices, expected);
    assert!(
        trace["otherData"]["trial"]
            .as_str()
            .unwrap()
            .starts_with("burst-200, round 1, arm B (pgo)")
    );
}

#[test]
fn an_interval_log_names_each_trial_once() {
    let log = text(
        Kind::Hlog,
        &Selection {
            metric: Some(Metric::E2e),
            ..Selection::default()
        },
    );
    assert!(log.starts_with("#[pgo-benchmarks 0.1.0 run "), "{log}");
    let tags = log.lines().filter(|line| line.starts_with("Tag=")).count();
    assert_eq!(tags, (2 * 3 * ROUNDS) as usize);
    let distribution = text(Kind::Hgrm, &Selection::default());
    assert!(
        distribution.ends_with("SubBuckets     =         2048]\n"),
        "{distribution}"
    );
}

/// Every candidate, and every layout, has its own trials of the baseline: no two samples may have
/// the same labels.
#[test]
fn no_two_samples_of_a_run_of_several_variants_are_of_the_same_series() {
    let story = Story {
        candidates: vec!["pgo", "other"],
        layouts: vec![1.01, 0.99],
        rounds: ROUNDS,
        ..Story::default()
    };
    let findings = story.findings();
    let text = rendered(Kind::OpenMetrics, &findings, &Selection::default()).unwrap();
    let text = String::from_utf8(text).unwrap();
    let series = |text: &str| {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| line.rsplit_once(' ').unwrap().0.to_owned())
            .collect::<Vec<_>>()
    };
    let all = series(&text);
    assert_eq!(
        all.iter().collect::<std::collections::BTreeSet<_>>().len(),
        all.len()
    );
    assert!(
        text.contains("candidate=\"baseline-layout2\"")
            && !text.contains(
                "verdict{scenario=\"burst-100\",baseline=\"baseline\",candidate=\"baseline-layout"
            )
    );
    // Counter-check: without the label the candidates' baselines could not be told apart.
    let bare = series(
        &text
            .replace(",candidate=\"pgo\"", "")
            .replace(",candidate=\"other\"", ""),
    );
    assert!(bare.iter().collect::<std::collections::BTreeSet<_>>().len() < bare.len());
}
