//! The human report: the right sentence for each result, and never a line wider than the page.

use std::time::Duration;

use contract::run::RunState;
use coordinator::cli::Format;

use super::sample::{Story, flat, loss, run, says, silent};

pub(crate) fn short(story: Story) -> String {
    let text = story.printed(Format::Human);
    fits(&text);
    text
}

pub(crate) fn fits(text: &str) {
    for line in text.lines() {
        assert!(
            line.chars().count() <= 80,
            "{} columns: {line}",
            line.chars().count()
        );
        assert!(!line.ends_with(' '), "{line:?}");
    }
}

#[test]
fn a_faster_build_is_said_to_be_faster_and_by_how_much() {
    let text = short(Story {
        b: 0.95,
        ..Story::default()
    });
    says(
        &text,
        "burst-100: pgo is FASTER than baseline: E2E p50 5.0 % lower (95 % interval ",
    );
    says(&text, "Measurement: VALID");
    silent(&text, "SLOWER");
    silent(&text, "UNDECIDED");
    silent(&text, "Lost during the run");
}

#[test]
fn a_slower_build_is_said_to_be_slower_and_its_rates_lower() {
    let text = short(Story {
        b: 1.08,
        ..Story::default()
    });
    says(
        &text,
        "burst-200: pgo is SLOWER than baseline: E2E p50 8.0 % higher",
    );
    let tokens = text.lines().find(|line| line.contains("tokens/s")).unwrap();
    assert!(
        tokens.contains(" −") && tokens.ends_with("SLOWER"),
        "{tokens}"
    );
}

#[test]
fn an_equal_build_is_said_to_be_the_same_within_the_tolerance() {
    let text = short(Story {
        b: 1.001,
        ..Story::default()
    });
    says(
        &text,
        "burst-100: pgo is the SAME as baseline (within ±2 %)",
    );
    silent(&text, "FASTER");
}

#[test]
fn a_small_but_real_difference_is_told_as_such() {
    says(
        &short(Story {
            b: 1.01,
            ..Story::default()
        }),
        "the difference is small but real",
    );
    silent(
        &short(Story {
            b: 1.0,
            ..Story::default()
        }),
        "the difference is small but real",
    );
}

#[test]
fn noise_leaves_it_undecided_and_says_what_would_settle_it() {
    let text = short(Story {
        b: 0.99,
        scatter: 0.08,
        ..Story::default()
    });
    says(
        &text,
        "burst-100: UNDECIDED whether pgo is faster than baseline",
    );
    says(&text, "minimum detectable effect");
    says(&text, "; SAME within ±");
    says(&text, "rounds would settle it");
    says(&text, "run it again with --rounds");
    // Every undecided measure says so, the primary above all tables.
    let line = flat(&text)
        .split(
            "UNDECIDED, with the minimum detectable \
                                  effect: ",
        )
        .nth(1)
        .unwrap()
        .to_owned();
    assert!(
        line.starts_with("E2E p90 ") && line.contains(" rounds would be enough), "),
        "{line}"
    );
}

#[test]
fn a_noisy_host_with_the_cores_for_it_is_told_of_duets() {
    let noisy = |slots| Story {
        b: 0.99,
        scatter: 0.2,
        slots,
        ..Story::default()
    };
    says(
        &short(noisy(1)),
        "run it with --duet --slots 2 --no-aa both at once: noise affects both equally",
    );
    silent(&short(noisy(12)), "--duet");
    silent(
        &short(Story {
            b: 0.95,
            ..Story::default()
        }),
        "--duet",
    );
}

#[test]
fn few_rounds_are_undecided_for_that_reason() {
    let text = short(Story {
        b: 0.9,
        rounds: 5,
        ..Story::default()
    });
    says(
        &text,
        "5 rounds can never give FASTER or SLOWER; at least 6 are needed; minimum detectable effect",
    );
    // A difference of ten times the tolerance is far from it, and needs only the least number of
    // rounds.
    silent(&text, "too close to the tolerance");
    says(&text, "about 6 rounds would settle it");
    // If the time of a round is known, rounds are also given in minutes.
    let paced = short(Story {
        b: 0.9,
        rounds: 5,
        pace_ms: 33_000,
        ..Story::default()
    });
    says(&paced, "about 6 rounds (3 min) would settle it");
    says(&paced, "settles what is UNDECIDED in about 3 min");
    says(&text, "run it again with --rounds 6");
    says(&text, "tokens/s 0.07 % (6 rounds would be enough)");
    silent(
        &short(Story {
            b: 0.9,
            rounds: 6,
            ..Story::default()
        }),
        "can never give",
    );
}

#[test]
fn an_invalid_measurement_says_why_and_what_to_do_in_place_of_a_verdict() {
    let text = short(Story {
        b: 0.9,
        late: Duration::from_millis(30),
        ..Story::default()
    });
    says(
        &text,
        "burst-100: INVALID: the measurement cannot be trusted: requests sent late: p99 30.0ms",
    );
    says(&text, "→ give the load generator its own core");
    says(&text, "Measurement: INVALID");
    silent(&text, "FASTER");
}

#[test]
fn a_control_that_differs_from_itself_forbids_an_answer() {
    let text = short(Story {
        b: 0.9,
        a2: 1.05,
        ..Story::default()
    });
    says(
        &text,
        "INVALID: the baseline differs from itself: E2E p50 of the control is 5.0 % higher",
    );
    says(&text, "DIFFERS");
    silent(
        &short(Story {
            b: 0.9,
            ..Story::default()
        }),
        "DIFFERS",
    );
}

#[test]
fn failures_are_told_by_kind_and_keep_a_fast_build_from_winning() {
    let story = || Story {
        b: 0.5,
        failures: 10,
        ..Story::default()
    };
    says(&short(story()), "requests failed, limit 1.00 %");
    silent(&short(story()), "FASTER");
    let report = story().reported();
    // 2 slots × 6 rounds × 10 requests of arm B alone.
    says(&report, "failed 0 120 0");
    silent(&report, "timed out");
}

#[test]
fn nothing_answered_is_invalid_for_that_reason() {
    let text = short(Story {
        failures: 1000,
        ..Story::default()
    });
    says(
        &text,
        "INVALID: the measurement cannot be trusted: none of 600 requests succeeded",
    );
    silent(&text, "INVALID whether");
    says(&text, "requests/s: an arm has no value in some round");
}

#[test]
fn a_stopped_run_says_how_to_go_on() {
    let story = || Story {
        b: 0.9,
        blocks: Some(7),
        state: Some(RunState::Stopped),
        ..Story::default()
    };
    let text = short(story());
    says(&text, "7 of 12 blocks are done (interrupted by the user)");
    says(&text, &format!("coordinator run --resume {}", run()));
    silent(
        &short(Story {
            b: 0.9,
            ..Story::default()
        }),
        "--resume",
    );
}

/// The number of rounds is fixed beforehand: a user who stops a run once it looks clear must not
/// get a verdict.
#[test]
fn a_run_that_is_not_finished_answers_nothing() {
    let story = |blocks| Story {
        b: 0.9,
        rounds: 8,
        blocks,
        state: Some(RunState::Stopped),
        ..Story::default()
    };
    let text = short(story(Some(14)));
    says(
        &text,
        "7 of 8 rounds are done, and an answer now would be an unplanned interim analysis",
    );
    silent(&text, "FASTER than");
    let whole = Story {
        state: Some(RunState::Complete),
        ..story(None)
    };
    says(&short(whole), "burst-100: pgo is FASTER than baseline");
}

#[test]
fn a_loss_is_told_with_what_became_of_its_block() {
    let text = short(Story {
        b: 0.9,
        notices: vec![loss()],
        ..Story::default()
    });
    says(
        &text,
        "burst-100, round 3, arm B, attempt 1: the worker of slot 1 ended by signal 9",
    );
    says(&text, "→ the block was repeated; attempt 2 counts");
    let text = short(Story {
        blocks: Some(2),
        state: None,
        notices: vec![loss()],
        ..Story::default()
    });
    says(&text, "→ the block is not done");
}
