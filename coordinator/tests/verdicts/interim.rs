//! One planned interim analysis in virtual time: whether the run may end there follows only from
//! its rounds; and every output names the true level of its intervals.

use coordinator::compare::{self, Findings};
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
    let mut record = truth.record(3);
    record.blocks.retain(|block| block.round < AT);
    record.parts.retain(|part| part.place.key.round < AT);
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
