//! Every figure of an answer can be followed: by hand from the rounds to the interval, and through
//! the decision table. Unusual workers, correlated rounds and a drifting host are reported.

use contract::run::RunState;
use coordinator::cli::Format;
use coordinator::compare::{self, Findings};
use coordinator::report::answers;
use serde_json::Value;

use super::sample::{Story, flat, print, says, silent};

fn explained(findings: &Findings, metric: &str, format: Format) -> String {
    let explanations = compare::explain(findings, metric).unwrap();
    print(format, |reporter| {
        reporter
            .say(&answers::Explained {
                findings,
                explanations: &explanations,
            })
            .unwrap();
    })
}

fn page(story: Story, metric: &str) -> String {
    let text = explained(&story.findings(), metric, Format::Human);
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    text
}

#[test]
fn the_page_has_rounds_formulas_and_the_way_through_the_table() {
    let text = page(
        Story {
            b: 0.95,
            ..Story::default()
        },
        "primary",
    );
    says(&text, "burst-100: E2E p50, pgo (B) against baseline (A)");
    says(
        &text,
        "the measure declared before the run; lower is better, cost = ln(value)",
    );
    says(&text, "round order A B A2 d_r x_r a_r");
    // Six rounds with the covariate: four degrees of freedom.
    says(&text, "95 % δ̂ ± 2.7764·0.0");
    says(&text, "90 % δ̂ ± 2.1318·0.0");
    says(&text, "of all 729 = 3^6 places of B's label");
    says(&text, "Control: A2 against A");
    says(&text, "Holm p = ");
    says(&text, "no the measurement is INVALID (0 reasons)");
    says(&text, "yes the upper bound -4.9");
    says(&text, "→ FASTER");
    let of_rounds = text
        .lines()
        .filter(|line| line.contains("B") && line.contains(" ms "))
        .count();
    assert_eq!(of_rounds, 2 * 6, "{text}");
}

/// Every row is a condition: for completed rounds it never reads as if some were missing, and the
/// number of rounds done is never given as the number needed.
#[test]
fn no_sentence_of_an_open_answer_contradicts_its_rounds() {
    for b in [1.0, 0.98, 1.02, 1.015] {
        for scatter in [0.001, 0.01, 0.02, 0.05] {
            let findings = Story {
                b,
                scatter,
                ..Story::default()
            }
            .findings();
            for metric in ["primary", "tokens-per-second", "ttft-p50"] {
                let text = flat(&explained(&findings, metric, Format::Human));
                for wrong in [
                    "; 6 rounds would be \
                               enough",
                    "; 6 rounds for an MDE",
                    "no 6 of 6 rounds are done",
                ] {
                    assert!(
                        !text.contains(wrong),
                        "{wrong:?} with b {b} and scatter {scatter} in\n{text}"
                    );
                }
                assert!(
                    text.contains("no rounds are missing (6 of 6 are done)"),
                    "{text}"
                );
                let json = explained(&findings, metric, Format::Json);
                assert!(
                    !json.contains("; 6 rounds would be enough")
                        && !json.contains("6 rounds are done: no"),
                    "{json}"
                );
            }
        }
    }
    // Counter-check: a shortened run says so.
    let text = page(
        Story {
            b: 1.0,
            blocks: Some(10),
            state: Some(RunState::Stopped),
            ..Story::default()
        },
        "primary",
    );
    says(&text, "yes rounds are missing (5 of 6 are done)");
}

/// A duet has no order; the side changes from round to round.
#[test]
fn a_duet_has_sides_in_place_of_an_order() {
    let text = page(
        Story {
            b: 0.95,
            duet: true,
            ..Story::default()
        },
        "primary",
    );
    says(&text, "round slots A B A2 d_r x_r a_r");
    says(
        &text,
        "x_r: side of B − side of A, −1 where B has the even slots",
    );
    says(&text, "a side");
    silent(&text, "position of B −");
    says(
        &page(
            Story {
                b: 0.95,
                ..Story::default()
            },
            "primary",
        ),
        "x_r: position of B − mean position of the baseline",
    );
}

#[test]
fn every_metric_can_be_asked_for_and_a_wrong_name_gets_the_nearest() {
    let findings = Story {
        b: 1.08,
        ..Story::default()
    }
    .findings();
    let rates = explained(&findings, "tokens-per-second", Format::Human);
    says(
        &rates,
        "a secondary measure; higher is better, cost = −ln(value): more is worse",
    );
    says(&rates, "→ SLOWER");
    says(
        &explained(&findings, "e2e-p99", Format::Human),
        "lie beyond the quantile, too few",
    );
    let wrong = compare::explain(&findings, "e2e-p5")
        .unwrap_err()
        .to_string();
    assert!(
        wrong.contains("did you mean `e2e-p50`?") && wrong.contains("tokens-per-second"),
        "{wrong}"
    );
    let quiet = explained(&findings, "e2e-p50", Format::Quiet);
    assert_eq!(
        quiet,
        "burst-100 e2e-p50 SLOWER\nburst-200 e2e-p50 SLOWER\n"
    );
}

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect()
}

fn near(one: f64, other: &Value) {
    let other = other.as_f64().unwrap();
    assert!(
        (one - other).abs() <= 1e-12 + 1e-9 * one.abs(),
        "{one} {other}"
    );
}

/// By hand, without the program's code: differences, means, slope, residuals, standard error,
/// interval, p hits.
#[test]
fn the_document_can_be_followed_by_hand() {
    let findings = Story {
        b: 0.97,
        scatter: 0.02,
        ..Story::default()
    }
    .findings();
    let document: Value =
        serde_json::from_str(&explained(&findings, "e2e-p90", Format::Json)).unwrap();
    let answer = &document["explanation"]["metrics"][1];
    let derivation = &answer["derivation"];
    let mut d = Vec::new();
    let mut x = Vec::new();
    for round in answer["metric"]["rounds"].as_array().unwrap() {
        let of = |arm: &str| {
            let value = round["values"]
                .as_array()
                .unwrap()
                .iter()
                .find(|v| v["arm"] == arm)
                .unwrap();
            (
                value["value"].as_f64().unwrap().ln(),
                value["position"].as_f64().unwrap(),
            )
        };
        let (a, b, a2) = (of("A"), of("B"), of("A2"));
        d.push(b.0 - (a.0 + a2.0) / 2.0);
        x.push(b.1 - (a.1 + a2.1) / 2.0);
    }
    let effect = &derivation["effect"];
    numbers(&effect["differences"])
        .iter()
        .zip(&d)
        .for_each(|(found, d)| near(*d, &(*found).into()));
    assert_eq!(numbers(&effect["covariate"]), x);
    let n = d.len() as f64;
    let mean = |v: &[f64]| v.iter().sum::<f64>() / n;
    let (d_mean, x_mean) = (mean(&d), mean(&x));
    let sxx: f64 = x.iter().map(|x| (x - x_mean).powi(2)).sum();
    let gamma = x
        .iter()
        .zip(&d)
        .map(|(x, d)| (x - x_mean) * (d - d_mean))
        .sum::<f64>()
        / sxx;
    let delta = d_mean - gamma * x_mean;
    let squares: f64 = x
        .iter()
        .zip(&d)
        .map(|(x, d)| (d - delta - gamma * x).powi(2))
        .sum();
    let se = (squares / (n - 2.0)).sqrt() * (1.0 / n + x_mean * x_mean / sxx).sqrt();
    let estimate = &answer["metric"]["effect"];
    near(delta, &estimate["delta"]);
    near(gamma, &estimate["gamma"]);
    near(se, &effect["plain_se"]);
    let se = se * effect["inflation"].as_f64().unwrap();
    near(
        delta + 2.776_445_105_197_793 * se,
        &estimate["ci95"]["high"],
    );
    near(
        (2.776_445_105_197_793 + 0.940_964_577_0) * se,
        &estimate["mde"],
    );
    let hits = derivation["exact_hits"].as_f64().unwrap();
    near(hits / 729.0, &answer["metric"]["exact"]["p"]);
}

#[test]
fn an_odd_worker_is_named_with_the_answer_without_it() {
    let odd = Story {
        slots: 4,
        odd: Some((2, 1.3)),
        ..Story::default()
    };
    let findings = odd.findings();
    let shown = print(Format::Human, |reporter| {
        reporter.say(&answers::Full(&findings)).unwrap();
    });
    says(
        &shown,
        "one worker differs from the others: on bench-1, slot 2 E2E p50 is 30.",
    );
    says(&shown, "without it E2E p50 is");
    says(&shown, "bench-1, slot 3");
    let places = findings.cells[0].places.as_ref().unwrap();
    let without = places.odd.as_ref().unwrap().without.as_ref().unwrap();
    assert!(without.delta.abs() < 0.005, "{}", without.delta);
    let even = Story {
        slots: 4,
        ..Story::default()
    }
    .printed(Format::Human);
    silent(&even, "another story");
    let two = Story {
        odd: Some((1, 1.3)),
        ..Story::default()
    }
    .printed(Format::Human);
    says(
        &two,
        "the two workers disagree, and it is unknown which of them is the outlier",
    );
}

#[test]
fn a_host_that_drifts_is_told_and_a_steady_one_is_not() {
    let text = Story {
        drift: 0.2,
        rounds: 8,
        ..Story::default()
    }
    .printed(Format::Human);
    says(&text, "DRIFT: E2E p50 of the baseline moved during the run");
    says(&text, "the SAME as baseline");
    silent(
        &Story {
            rounds: 8,
            scatter: 0.01,
            ..Story::default()
        }
        .printed(Format::Human),
        "DRIFT",
    );
}

#[test]
fn rounds_that_resemble_their_neighbours_are_told() {
    let wave = |wave| Story {
        wave,
        rounds: 12,
        scatter: 0.004,
        ..Story::default()
    };
    says(
        &wave(0.06).printed(Format::Human),
        "neighbouring rounds are correlated in E2E p50",
    );
    silent(&wave(0.0).printed(Format::Human), "neighbouring rounds");
}

#[test]
fn primaries_of_several_scenarios_are_one_family() {
    let findings = Story {
        b: 0.99,
        scatter: 0.02,
        ..Story::default()
    }
    .findings();
    let document = coordinator::report::run_document(&findings).unwrap();
    let primary = |cell: usize| {
        let metric = &document.cells[cell].metrics[0];
        (metric.effect.unwrap().p, metric.adjusted_p.unwrap())
    };
    let ((p, adjusted), (q, corrected)) = (primary(0), primary(1));
    let (least, most) = (p.min(q), p.max(q));
    assert!((adjusted.min(corrected) - (2.0 * least).min(1.0)).abs() < 1e-12);
    assert!((adjusted.max(corrected) - (2.0 * least).max(most).min(1.0)).abs() < 1e-12);
}

#[test]
fn a_noise_floor_raises_the_tolerance_and_says_so() {
    let text = Story {
        b: 1.04,
        floor: Some(0.06),
        ..Story::default()
    }
    .printed(Format::Human);
    says(&text, "pgo is the SAME as baseline (within ±6 %)");
    says(
        &text,
        "tolerances raised to the noise floor of these hosts: E2E p50 ±6 %",
    );
    let strict = Story {
        b: 1.04,
        floor: Some(0.001),
        ..Story::default()
    }
    .printed(Format::Human);
    says(&strict, "pgo is SLOWER than baseline");
    silent(&strict, "tolerances raised");
}
