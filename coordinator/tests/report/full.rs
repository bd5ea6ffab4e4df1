//! The human report: hidden figures, the contents of the full report, labels and colours.

use std::time::Duration;

use coordinator::cli::Format;
use coordinator::report::answers;

use super::people::{fits, short};
use super::sample::{Story, flat, loss, painted, says, silent};

#[test]
fn hidden_quantiles_are_dashes_with_the_reason_once() {
    let text = short(Story::default());
    let line = text.lines().find(|line| line.contains("E2E p99 ")).unwrap();
    assert_eq!(line.matches('–').count(), 5, "{line}");
    assert_eq!(
        text.matches("hidden, fewer than").count(),
        1,
        "once in the scenario that has too few: {text}"
    );
    // Six bursts of 200 have twelve requests beyond p99 together, but no single burst has ten.
    says(
        &text,
        "(pooled) E2E p99: fewer than 10 requests of a round lie beyond it",
    );
    let line = text
        .lines()
        .filter(|line| line.contains("E2E p99 "))
        .nth(1)
        .unwrap();
    assert!(line.ends_with("(pooled)"), "{line}");
    assert_eq!(text.matches("(pooled)").count(), 2, "{text}");
}

#[test]
fn the_full_report_has_the_seeds_views_and_the_provenance() {
    let text = Story {
        b: 0.95,
        notices: vec![loss()],
        ..Story::default()
    }
    .reported();
    fits(&text);
    let wanted = [
        "first completion after",
        "queue wait, share of service 5.0 %",
        "parallel efficiency",
        "peak resident memory 300.0 MiB",
        "peak key/value cache 30.00 MiB",
        "limit of that cache 40.00 MiB",
        "scheduler, share of a step 1.0 %",
        "cold start, median over worker processes",
        "first token 40.00 ms",
        "SHA-256 101010101010",
        "profile 101010101010",
        "flags -Ctarget-cpu=x86-64-v3",
        "Example Processor 9000",
        "tiny-llama-test",
        "seed 42",
    ];
    wanted.iter().for_each(|wanted| says(&text, wanted));
}

#[test]
fn simulated_runs_say_so_above_everything() {
    let text = short(Story {
        simulated: true,
        ..Story::default()
    });
    assert!(
        text.lines().next().unwrap().ends_with("SIMULATED"),
        "{text}"
    );
    silent(&short(Story::default()), "SIMULATED");
}

#[test]
fn colour_changes_no_letter() {
    let findings = Story {
        b: 0.9,
        ..Story::default()
    }
    .findings();
    let show = |colour| {
        painted(Format::Human, colour, |reporter| {
            reporter.say(&answers::Short(&findings)).unwrap();
        })
    };
    let (plain, coloured) = (show(false), show(true));
    assert!(!plain.contains('\u{1b}') && coloured.contains("\u{1b}[1;32mFASTER\u{1b}[0m"));
    let stripped = ["31", "32", "33", "35", "36"]
        .iter()
        .fold(coloured, |text, code| {
            text.replace(&format!("\u{1b}[1;{code}m"), "")
        });
    assert_eq!(stripped.replace("\u{1b}[0m", ""), plain);
}

#[test]
fn one_reason_in_every_arm_is_one_line_and_of_several_candidates_each_is_named() {
    let late = Duration::from_millis(40);
    let text = short(Story {
        candidates: vec!["pgo", "other"],
        late,
        ..Story::default()
    });
    for who in ["pgo", "other"] {
        says(
            &text,
            &format!(
                "burst-100, {who}: INVALID: the measurement cannot be trusted: requests sent late"
            ),
        );
        says(
            &text,
            &format!("- burst-100, {who}: requests sent late: p99 40.0ms, limit"),
        );
    }
    assert_eq!(
        flat(&text)
            .matches("- burst-100, pgo: requests sent late")
            .count(),
        1
    );
    says(&text, "(worst in arm A; also in B and A2)");
    let single = short(Story {
        late,
        ..Story::default()
    });
    says(&single, "burst-100: INVALID");
    silent(&single, "burst-100, pgo");
}
