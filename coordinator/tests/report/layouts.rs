//! The layout control: what is labelled and where, and that it affects no decision.

use coordinator::cli::Format;
use coordinator::compare::{Findings, LayoutLabel, explain};
use coordinator::history::RunHistory;
use coordinator::report::{answers, page, run_document};
use serde_json::Value;
use stats::compare::Verdict;
use stats::validity::Validity;

use super::sample::{Story, flat, print};

/// Two layouts at 2 % on either side and one in the middle: an SD of 2 %.
const LAYOUTS: [f64; 3] = [1.02, 0.98, 1.0];
const LABEL: &str = "within code-layout noise (±2.0 % over 3 shuffled baselines)";

fn story(b: f64) -> Story {
    Story {
        b,
        layouts: LAYOUTS.to_vec(),
        ..Story::default()
    }
}

/// A comparison in every form.
fn forms(findings: &Findings) -> Vec<String> {
    let shown = [Format::Human, Format::Markdown, Format::Junit].map(|format| {
        print(format, |reporter| {
            reporter.say(&answers::Short(findings)).unwrap();
        })
    });
    let explanations = explain(findings, "primary").unwrap();
    let explained = print(Format::Human, |reporter| {
        reporter
            .say(&answers::Explained {
                findings,
                explanations: &explanations,
            })
            .unwrap();
    });
    let page = page(findings).replace('\u{a0}', " ");
    shown
        .into_iter()
        .chain([explained, page])
        .map(|text| flat(&text))
        .collect()
}

fn document(findings: &Findings) -> Value {
    serde_json::to_value(run_document(findings).unwrap()).unwrap()
}

#[test]
fn a_difference_that_placement_alone_could_make_is_labelled_in_every_form() {
    let findings = story(1.005).findings();
    for form in forms(&findings) {
        assert!(form.contains(LABEL), "{form}");
    }
    let document = document(&findings);
    let label = &document["cells"][0]["metrics"][0]["layout"];
    assert_eq!(
        (label["noise"].as_str(), label["layouts"].as_u64()),
        (Some("within"), Some(3))
    );
    let logs = LAYOUTS.map(f64::ln);
    let mean = logs.iter().sum::<f64>() / 3.0;
    let sd = (logs.iter().map(|ln| (ln - mean).powi(2)).sum::<f64>() / 2.0).sqrt();
    assert!(
        (label["sd"].as_f64().unwrap() - sd).abs() < 2e-4,
        "{label} {sd}"
    );
    assert_eq!(
        document["layout"]["noise"][0]["counted"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    assert_eq!(document["layout"]["arms"].as_array().unwrap().len(), 2 * 3);
}

/// Layouts run with the baseline as candidates do, so a duet's SD is that of simultaneous runs.
#[test]
fn a_duet_has_its_layout_control_too() {
    let findings = Story {
        duet: true,
        ..story(1.005)
    }
    .findings();
    for form in forms(&findings) {
        assert!(form.contains(LABEL), "{form}");
    }
    let control = findings.layout.as_ref().unwrap();
    assert!(
        control
            .noises
            .iter()
            .filter(|n| n.primary)
            .all(|noise| noise.counted.len() == 3)
    );
    let greater = Story {
        duet: true,
        ..story(1.10)
    }
    .findings();
    assert_eq!(greater.verdict(), Some(Verdict::Slower));
    forms(&greater)
        .iter()
        .for_each(|form| assert!(!form.contains("within code-layout noise"), "{form}"));
}

/// Counter-check: a difference of 10 % exceeds that of layouts of 2 %.
#[test]
fn a_greater_difference_is_not() {
    let findings = story(1.10).findings();
    assert_eq!(findings.verdict(), Some(Verdict::Slower));
    for form in forms(&findings) {
        assert!(!form.contains("within code-layout noise"), "{form}");
    }
    assert_eq!(
        document(&findings)["cells"][0]["metrics"][0]["layout"]["noise"],
        "beyond"
    );
}

/// Every answer about the candidate equals that of the same run without layouts, figure for figure.
#[test]
fn no_answer_about_a_candidate_depends_on_its_layouts() {
    let answers = |story: Story| {
        let mut cells = document(&story.findings())["cells"].take();
        for metric in cells
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .flat_map(|c| c["metrics"].as_array_mut().unwrap())
        {
            metric.as_object_mut().unwrap().remove("layout");
        }
        cells
    };
    for b in [1.005, 1.10] {
        let without = answers(Story {
            b,
            ..Story::default()
        });
        assert_eq!(answers(story(b)), without);
        assert_ne!(
            answers(story(b * 1.01)),
            without,
            "another candidate would be seen"
        );
    }
}

#[test]
fn a_slower_layout_is_no_regression_and_a_slower_candidate_is() {
    let layouts = vec![1.10, 1.0];
    let findings = Story {
        layouts: layouts.clone(),
        ..Story::default()
    }
    .findings();
    assert_eq!(
        findings.verdict(),
        Some(Verdict::Same),
        "one layout is 10 % slower"
    );
    assert!(matches!(findings.validity, Validity::Valid));
    let comment = print(Format::Markdown, |reporter| {
        reporter.say(&answers::Short(&findings)).unwrap();
    });
    assert!(
        comment.contains("Layout control: 2 shuffled baselines"),
        "{comment}"
    );
    assert_eq!(
        comment.matches("#### ").count(),
        2,
        "no table of a layout as a candidate: {comment}"
    );
    assert!(
        !comment.contains("baseline-layout1 is"),
        "no verdict of a layout: {comment}"
    );
    let xml = print(Format::Junit, |reporter| {
        reporter.say(&answers::Short(&findings)).unwrap();
    });
    assert!(!xml.contains("layout1"), "{xml}");
    let twin = Story {
        b: 1.10,
        layouts,
        ..Story::default()
    }
    .findings();
    assert_eq!(twin.verdict(), Some(Verdict::Slower));
}

#[test]
fn a_layout_that_cannot_be_believed_is_left_out_and_that_is_said() {
    let broken = |failing: Vec<&'static str>| {
        Story {
            failures: 30,
            failing: Some(failing),
            ..story(1.005)
        }
        .findings()
    };
    let findings = broken(vec!["baseline-layout1"]);
    assert!(
        matches!(findings.validity, Validity::Valid),
        "the candidate was measured as it should be"
    );
    let human = flat(&print(Format::Human, |reporter| {
        reporter.say(&answers::Short(&findings)).unwrap();
    }));
    assert!(
        human.contains("burst-100: baseline-layout1 is left out of the SD"),
        "{human}"
    );
    assert!(human.contains("over 2 shuffled baselines"), "{human}");

    let findings = broken(vec!["baseline-layout1", "baseline-layout2"]);
    assert!(matches!(findings.validity, Validity::Valid));
    let label = findings.cells[0].metrics[0].layout;
    assert_eq!(label, Some(LayoutLabel::Unknown { layouts: 3 }));
    for form in forms(&findings) {
        assert!(
            form.contains("code-layout noise unknown") || form.contains("fewer than two layouts"),
            "{form}"
        );
    }
}

#[test]
fn layouts_alone_are_measured_and_nothing_is_compared() {
    let alone = |failures| {
        Story {
            candidates: Vec::new(),
            failures,
            ..story(1.0)
        }
        .findings()
    };
    let findings = alone(0);
    assert!(findings.cells.is_empty() && findings.verdict().is_none());
    assert!(matches!(findings.validity, Validity::Valid));
    for form in forms(&findings) {
        assert!(
            form.contains("SD 2.0 %") || form.contains("testsuites"),
            "{form}"
        );
    }
    // Counter-check: if no layout has a VALID measurement, the run does not count as a measurement.
    let findings = alone(30);
    assert!(!matches!(findings.validity, Validity::Valid));
    let human = flat(&print(Format::Human, |reporter| {
        reporter.say(&answers::Short(&findings)).unwrap();
    }));
    assert!(
        human.contains("the code-layout noise is unknown"),
        "{human}"
    );
    assert!(
        human.contains("burst-100, baseline-layout1: ") && human.contains("→"),
        "with what to do: {human}"
    );
}

#[test]
fn histories_know_the_baseline_and_no_layout() {
    for candidates in [vec!["pgo"], Vec::new()] {
        let count = candidates.len();
        let digest = RunHistory::of(
            &Story {
                candidates,
                ..story(1.0)
            }
            .findings(),
        );
        let variants: Vec<&String> = digest.values["burst-100"].keys().collect();
        assert_eq!(variants.len(), 1 + count, "{variants:?}");
        assert!(
            variants.iter().all(|name| !name.contains("layout")),
            "{variants:?}"
        );
    }
}

#[test]
fn histories_hold_no_quantile_that_their_run_hides() {
    let digest = RunHistory::of(&story(1.0).findings());
    let kept = |name: &str| digest.values["burst-100"]["baseline"].contains_key(name);
    assert!(kept("e2e-p90"), "ten requests of a round lie beyond it");
    assert!(!kept("e2e-p99"), "one does");
}
