//! A hundred experiments of each kind, R = 10.

use std::process::Command;
use std::time::Duration;

use coordinator::store::Store;
use stats::compare::Verdict;
use stats::validity::Validity;

use crate::lab::{QUIET, Truth, each, keep};

const RUNS: u64 = 100;

/// The verdict for each of a hundred seeds.
fn verdicts(truth: Truth) -> Vec<Verdict> {
    each(RUNS, |seed| {
        let findings = truth.findings(seed);
        assert!(
            matches!(findings.validity, Validity::Valid),
            "{:?}",
            findings.validity
        );
        findings.verdict().unwrap()
    })
}

fn count(found: &[Verdict], wanted: &[Verdict]) -> usize {
    found
        .iter()
        .filter(|verdict| wanted.contains(verdict))
        .count()
}

#[test]
fn no_difference_on_a_drifting_host_is_seldom_taken_for_one() {
    let found = verdicts(Truth {
        drift: 0.2,
        ..QUIET
    });
    let wrong = count(&found, &[Verdict::Faster, Verdict::Slower]);
    assert!(wrong <= 9, "{wrong} of {RUNS}");
    let refused = count(&found, &[Verdict::Invalid]);
    assert!(
        refused <= 5,
        "counter-check: the quiet host: {refused} of {RUNS}"
    );
}

#[test]
fn a_build_five_per_cent_slower_is_found() {
    let found = count(
        &verdicts(Truth {
            ratio: 1.05,
            ..QUIET
        }),
        &[Verdict::Slower],
    );
    assert!(found >= 95, "{found} of {RUNS}");
}

/// A trial lasts about 45 ms.
#[test]
fn a_host_disturbed_during_one_arm_only_is_refused() {
    let stall = Duration::from_millis(5);
    let refused = count(
        &verdicts(Truth {
            stall,
            ratio: 1.05,
            ..QUIET
        }),
        &[Verdict::Invalid],
    );
    assert!(refused >= 95, "{refused} of {RUNS}");
}

/// As in a pipeline: a stored run, the real program, its exit code.
#[test]
fn the_gate_closes_on_a_slower_build_and_opens_for_an_equal_one() {
    for (ratio, codes) in [(1.10, &[1][..]), (1.0, &[0, 3]), (0.9, &[0])] {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        keep(&store, &Truth { ratio, ..QUIET }.record(1));
        store.close().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_coordinator"));
        let output = command
            .arg("--store")
            .arg(dir.path())
            .args(["compare", "--gate"])
            .output()
            .unwrap();
        let code = output.status.code().unwrap();
        assert!(
            codes.contains(&code),
            "{ratio}: {code}\n{}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
}
