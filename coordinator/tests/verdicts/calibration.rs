//! The noise floor of a host class: the result of A/A runs, and the runs it is used for.

use coordinator::history::{self, Calibration, RunHistory};
use coordinator::report::summary_json;
use coordinator::store::Store;

use crate::lab::{QUIET, Truth, each, end, keep};

const RUNS: u64 = 20;

/// Twenty A/A runs in a store.
fn calibrated(truth: Truth) -> (tempfile::TempDir, Store, Calibration) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let made = each(RUNS, |seed| {
        let record = truth.record(seed);
        let findings = truth.findings(seed);
        (record, summary_json(&findings), RunHistory::of(&findings))
    });
    for (record, summary, _) in &made {
        let mut record = record.clone();
        record.end = Some(end(summary.clone()));
        keep(&store, &record);
    }
    let digest = |run: &coordinator::store::RunSummary| {
        RunHistory::read(&store.end(run.run).unwrap().unwrap().summary_json)
    };
    let runs = store
        .runs()
        .unwrap()
        .into_iter()
        .map(|run| (digest(&run), run));
    let runs: Vec<_> = runs.map(|(digest, run)| (run, digest)).collect();
    let calibration = history::calibration(&runs, &made[0].2);
    (dir, store, calibration)
}

#[test]
fn twenty_runs_of_one_build_give_a_floor_for_runs_of_the_same_plan_and_hosts() {
    let a_a = Truth { a_a: true, ..QUIET };
    let (_dir, store, calibration) = calibrated(a_a);
    assert_eq!(
        (u64::from(calibration.runs), calibration.is_sound()),
        (RUNS, true),
        "{calibration:?}"
    );
    let primary = calibration.rows.iter().find(|row| row.primary).unwrap();
    assert_eq!((primary.comparisons, primary.allowed), (RUNS, 3));
    assert!((3..=17).contains(&primary.slower), "{primary:?}");
    // The SE of one comparison is 2 % ÷ √10: the 19th of 20 deviates by about two of them.
    assert!((0.006..0.025).contains(&primary.floor), "{primary:?}");

    let floors = calibration.floors(7);
    let other = Truth {
        ratio: 1.05,
        ..QUIET
    }
    .record(99);
    store
        .put_calibration(a_a.record(0).header.run, &floors)
        .unwrap();
    let kept = store.calibrations().unwrap();
    let plan = QUIET.plan(99);
    assert_eq!(
        history::floors_of(&other.header, &plan, &kept),
        Some(&floors)
    );
    // Counter-checks: an A/A run is judged without floors, and another host class or load has its
    // own.
    assert_eq!(
        history::floors_of(&a_a.record(98).header, &plan, &kept),
        None
    );
    let mut elsewhere = other.header.clone();
    elsewhere.hosts[0].1.cores = 64;
    assert_eq!(history::floors_of(&elsewhere, &plan, &kept), None);
    let mut longer = QUIET.plan(99);
    longer.slots = 2;
    assert_eq!(history::floors_of(&other.header, &longer, &kept), None);
}

/// Counter-check: if B really differs, chance does not explain the findings.
#[test]
fn a_host_that_favours_one_arm_does_not_pass() {
    let stall = std::time::Duration::from_millis(3);
    let (_dir, _store, calibration) = calibrated(Truth {
        a_a: true,
        stall,
        ..QUIET
    });
    assert!(!calibration.is_sound(), "{:?}", calibration.rows[0]);
}
