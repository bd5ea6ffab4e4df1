//! Planned analyses in virtual time: whether the run may end there follows only from its rounds; and
//! every output names the true level of its intervals.

use coordinator::compare::{self, Findings, FindingsBuilder};
use coordinator::store::{RunRecord, Store};
use serde_json::Value;
use stats::compare::Verdict;

use crate::lab::{QUIET, Truth, ended, keep, program, said};

const AT: u32 = 6;

const LOOKED: Truth = Truth {
    look: AT,
    scatter: 0.005,
    ..QUIET
};

/// A run of ten rounds, after the round of its interim analysis.
fn at_look(truth: Truth) -> RunRecord {
    after(AT, truth.record(3))
}

/// The run after so many rounds.
fn after(rounds: u32, mut record: RunRecord) -> RunRecord {
    record.blocks.retain(|block| block.round < rounds);
    record.parts.retain(|part| part.place.key.round < rounds);
    RunRecord {
        end: None,
        ..record
    }
}

fn findings(record: RunRecord) -> Findings {
    compare::findings(record).unwrap()
}

#[test]
fn a_clear_answer_ends_the_run_at_its_look() {
    let slower = findings(at_look(Truth {
        ratio: 1.5,
        ..LOOKED
    }));
    assert!(slower.settles(), "{:?}", slower.verdict());
    assert_eq!(
        (slower.verdict(), slower.settings.alpha),
        (Some(Verdict::Slower), 0.005)
    );
    // Counter-checks: an undecided run continues to the end, and after it there is no second
    // interim analysis.
    let open = findings(at_look(Truth {
        ratio: 1.02,
        scatter: 0.05,
        ..LOOKED
    }));
    assert!(!open.settles(), "{:?}", open.verdict());
    let end = findings(
        Truth {
            ratio: 1.5,
            ..LOOKED
        }
        .record(3),
    );
    assert_eq!((end.settles(), end.settings.alpha), (false, 0.048));
}

const DECIDED: Truth = Truth {
    until: Some(0),
    rounds: 20,
    scatter: 0.005,
    ..QUIET
};

/// The rounds after which the run ends by itself, with its findings there.
fn ends(truth: Truth, seed: u64) -> (u32, Findings) {
    let whole = truth.record(seed);
    let due = |rounds: &u32| {
        let outline = after(*rounds, whole.clone());
        FindingsBuilder::of(outline).unwrap().analysis_due()
    };
    let at = |rounds| (rounds, findings(after(rounds, whole.clone())));
    (1..=truth.rounds)
        .filter(due)
        .map(at)
        .find(|(_, found)| found.settles() || found.budget_spent())
        .unwrap_or_else(|| (truth.rounds, findings(whole.clone())))
}

/// A run until it is decided ends at its first clear analysis, whatever the answer; one that is
/// never clear goes on to its last round. Between two analyses nothing is decided.
#[test]
fn a_run_until_decided_ends_at_its_first_clear_analysis() {
    let cases = [
        (1.5, 0.005, Verdict::Slower, 6..=8),
        (0.7, 0.005, Verdict::Faster, 6..=8),
        (1.0, 0.005, Verdict::Same, 6..=8),
        (1.02, 0.05, Verdict::Undecided, 20..=20),
    ];
    for (ratio, scatter, verdict, rounds) in cases {
        let truth = Truth {
            ratio,
            scatter,
            ..DECIDED
        };
        let (at, found) = ends(truth, 3);
        assert!(rounds.contains(&at), "{ratio}: {at}");
        assert_eq!(found.verdict(), Some(verdict), "{ratio}");
        // Beside SAME stands the interval that lies inside the tolerance.
        let metric = found.cells[0].primary().unwrap();
        let (comparison, decision) = metric.compared().unwrap();
        let (error, shown) = metric.telling(comparison, verdict);
        let same = verdict == Verdict::Same;
        assert_eq!(same, shown.within(decision.limit), "{ratio}");
        let level = if same {
            2.0 * metric.alpha_same
        } else {
            metric.alpha
        };
        assert_eq!(error, level, "{ratio}");
        let between = findings(after(7, truth.record(3)));
        assert_eq!(between.verdict(), Some(Verdict::Undecided), "{ratio}");
        assert!(!between.settles() && !between.budget_spent());
    }
}

/// The pace of the first three rounds says how many fit into the budget; the last of these is the
/// last analysis and has the error that is left. More than the plan's rounds are never run.
#[test]
fn a_budget_is_turned_into_rounds() {
    let undecided = |budget, rounds| Truth {
        ratio: 1.02,
        scatter: 0.05,
        until: Some(budget),
        rounds,
        ..DECIDED
    };
    for (budget, rounds, fit) in [(95, 20, 9), (20, 20, 6), (1000, 12, 12)] {
        let (at, found) = ends(undecided(budget, rounds), 3);
        assert_eq!((at, found.planned.rounds()), (fit, fit), "{budget} s");
        assert_eq!(found.budget_spent(), fit < rounds, "{budget} s");
        assert!(found.settings.alpha > 0.035, "{:?}", found.settings);
    }
    // Before the third round the pace is not known, so the plan's rounds count.
    let early = findings(after(2, undecided(95, 20).record(3)));
    assert_eq!(early.planned.rounds(), 20);
}

/// A complete run whose budget ended it is complete: no block is missed.
#[test]
fn a_spent_budget_is_an_end_and_not_an_interruption() {
    let truth = Truth {
        until: Some(95),
        ..DECIDED
    };
    let truth = Truth {
        ratio: 1.02,
        scatter: 0.05,
        ..truth
    };
    let found = findings(ended(after(9, truth.record(3))));
    assert!(found.reasons.is_empty(), "{:?}", found.reasons);
    let cut = findings(ended(after(7, truth.record(3))));
    assert!(
        !cut.reasons.is_empty(),
        "the counter-check: one round is missing"
    );
}

/// Every interval has its level; the field named 95 % is filled only if that is the level.
#[test]
fn intervals_are_named_by_the_level_that_they_have() {
    let truth = Truth {
        ratio: 1.5,
        ..LOOKED
    };
    let cases = [
        (ended(at_look(truth)), "99.5 %", 0.995, "0.995"),
        (ended(truth.record(3)), "95.2 %", 0.952, "0.952"),
        (
            ended(Truth { look: 0, ..truth }.record(3)),
            "95 %",
            0.95,
            "0.95",
        ),
    ];
    for (record, percent, level, label) in cases {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        keep(&store, &record);
        store.close().unwrap();
        let document: Value =
            serde_json::from_str(&said(dir.path(), &["compare", "-o", "json"])).unwrap();
        let metric = &document["cells"][0]["metrics"][0];
        let near = |value: &Value| (value.as_f64().unwrap() - level).abs() < 1e-12;
        let intervals = [
            "/effect/ci",
            "/control/ci",
            "/pooled/ci",
            "/bootstrap/mean_ci",
            "/bootstrap/pooled_ci",
        ];
        for path in intervals {
            let found = metric.pointer(path).unwrap();
            assert!(near(&found["level"]), "{path}: {found}");
            let promised = metric.pointer(&format!("{path}95")).unwrap();
            assert_eq!(promised.is_null(), level != 0.95, "{path}95: {promised}");
        }
        assert_eq!(metric["effect"]["ci90"].is_null(), level != 0.95);
        let open = said(dir.path(), &["report", "latest", "-o", "openmetrics"]);
        assert!(
            open.contains(&format!("bound=\"low\",level=\"{label}\"")),
            "{label}: {open}"
        );
        assert!(level == 0.95 || !open.contains("95 %"), "{open}");
        let page = dir.path().join("page.html");
        let text = page.to_str().unwrap();
        assert!(
            program(dir.path(), &["report", "latest", "--html", text])
                .status
                .success()
        );
        let page = std::fs::read_to_string(&page)
            .unwrap()
            .replace('\u{a0}', " ");
        for shown in [
            page,
            said(dir.path(), &["compare"]),
            said(dir.path(), &["compare", "-o", "markdown"]),
        ] {
            assert!(shown.contains(&format!("{percent} interval")), "{percent}");
            assert!(
                level == 0.95 || !shown.contains("95 % interval"),
                "{percent}"
            );
        }
    }
}
