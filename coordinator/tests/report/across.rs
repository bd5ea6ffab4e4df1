//! Runs of different times in every form: the answer, its derivation, and what an undecided one
//! lacks.

use contract::id::RunId;
use coordinator::cli::Format;
use coordinator::compare::Findings;
use coordinator::history::{Across, RunMeans, across};
use coordinator::report::answers;
use serde_json::Value;

use super::gate::judged;
use super::sample::{Story, print, says};

/// Runs with equal figures that began at different times from `from` on.
fn sketches(from: u64, count: u64, b: f64) -> Vec<RunMeans> {
    let findings: Findings = Story {
        b,
        scatter: 0.002,
        ..Story::default()
    }
    .findings();
    let one = RunMeans::of(&findings);
    let begun_at = |at| {
        let mut sketch = one.clone();
        sketch.run = RunId::new(at, [1; 10]);
        sketch
    };
    (from..from + count).map(begun_at).collect()
}

fn found(count: u64, b: f64) -> Across {
    across(&sketches(0, count, 1.0), &sketches(10, count, b), false).unwrap()
}

fn shown(across: &Across, format: Format) -> String {
    print(format, |reporter| reporter.say(across).unwrap())
}

fn explained(across: &Across, metric: &str, format: Format) -> String {
    let lines = across.explain(metric).unwrap();
    print(format, |reporter| {
        reporter
            .say(&answers::AcrossExplained {
                across,
                lines: &lines,
            })
            .unwrap();
    })
}

#[test]
fn a_change_over_runs_is_said_in_words_and_laid_open() {
    let found = found(3, 1.08);
    let page = shown(&found, Format::Human);
    says(
        &page,
        "burst-100: pgo is SLOWER than it was: E2E p50 8.0 % higher",
    );
    says(
        &page,
        "burst-100: baseline is the SAME as it was (within ±2 %): E2E p50 no change",
    );
    let text = explained(&found, "primary", Format::Human);
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    says(&text, "burst-100: E2E p50 of pgo, new runs against old");
    says(&text, "run rounds value m SE of m");
    says(&text, "Holm p = ");
    says(&text, "no a measurement is INVALID (0 reasons)");
    says(&text, "yes the lower bound +7.");
    says(&text, "→ SLOWER");
    let wrong = found.explain("e2e-p5").unwrap_err().to_string();
    assert!(wrong.contains("did you mean `e2e-p50`?"), "{wrong}");
    says(&explained(&found, "e2e-p99", Format::Human), "not compared");
    let quiet = explained(&found, "ttft-p50", Format::Quiet);
    assert!(
        quiet.starts_with("burst-100 ttft-p50 SAME baseline\nburst-100 ttft-p50 "),
        "{quiet}"
    );
}

/// From the document alone: δ̂ and SE follow from the run means beside them.
#[test]
fn every_figure_over_runs_follows_from_the_runs_beside_it() {
    let old = [sketches(0, 2, 1.0), sketches(2, 1, 1.03)].concat();
    let document = explained(
        &across(&old, &sketches(10, 3, 1.08), false).unwrap(),
        "primary",
        Format::Json,
    );
    let document: Value = serde_json::from_str(&document).unwrap();
    let lines = document["across"]["lines"].as_array().unwrap();
    assert_eq!(lines.len(), 4, "two scenarios, two variants, one measure");
    let line = lines.iter().find(|line| line["variant"] == "pgo").unwrap();
    let means = |side: &str| -> Vec<f64> {
        line[side]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| run["mean"].as_f64().unwrap())
            .collect()
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let squares = |values: &[f64]| {
        values
            .iter()
            .map(|v| (v - mean(values)).powi(2))
            .sum::<f64>()
    };
    let (old, new) = (means("old_runs"), means("new_runs"));
    let se = ((squares(&old) + squares(&new)) / 4.0 * (2.0 / 3.0)).sqrt();
    let close = |key: &str, value: f64| (line[key].as_f64().unwrap() - value).abs() < 1e-12;
    assert!(
        close("delta", mean(&new) - mean(&old)) && close("se", se),
        "{line}"
    );
    assert!(
        line["path"]
            .as_array()
            .unwrap()
            .iter()
            .any(|step| step.as_str().unwrap().ends_with(": yes"))
    );
}

#[test]
fn a_run_counts_once() {
    let (old, new) = (sketches(0, 3, 1.0), sketches(2, 3, 1.0));
    let refused = across(&old, &new, false).unwrap_err().to_string();
    assert!(
        refused.contains(&format!("use run {} twice", new[0].run)),
        "{refused}"
    );
    assert!(across(&old, &sketches(3, 3, 1.0), false).is_ok());
}

#[test]
fn what_two_runs_a_side_leave_open_says_what_it_takes() {
    let two = found(2, 1.08);
    says(
        &shown(&two, Format::Human),
        "minimum detectable effect 0.06 %; FASTER and SLOWER need 3 runs a \
                                       side",
    );
    let one = found(1, 1.08);
    says(
        &shown(&one, Format::Human),
        "give 3 runs of each, separated by commas",
    );
    says(
        &explained(&one, "primary", Format::Human),
        "yes one run a side",
    );
}

#[test]
fn pull_requests_and_build_servers_see_runs_of_different_times_too() {
    let (three, one) = (found(3, 1.08), found(1, 1.08));
    let text = shown(&three, Format::Markdown);
    let first = text.lines().next().unwrap();
    assert!(
        first.starts_with("**burst-100: baseline is the SAME as it was"),
        "{first}"
    );
    let heading = text
        .lines()
        .find(|line| line.starts_with("| measure"))
        .unwrap();
    for row in text.lines().filter(|line| line.starts_with("| ")) {
        assert_eq!(
            row.matches(" |").count(),
            heading.matches(" |").count(),
            "{row}"
        );
    }
    assert!(text.contains("| SLOWER |"), "{text}");
    let endings = |across: &Across| {
        let xml = shown(across, Format::Junit);
        let output = judged(&xml);
        assert!(
            output.status.success(),
            "{}\n{xml}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    let slower = |text: &str| {
        text.lines()
            .filter(|line| line.ends_with("failure"))
            .count()
    };
    assert!(slower(&endings(&three)) > 0);
    let open = endings(&one);
    assert!(slower(&open) == 0 && open.contains("skipped"), "{open}");
}
