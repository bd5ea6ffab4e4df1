//! Rounds of several windows: the round is the replicate, and only whole rounds count.

use contract::id::Arm;
use coordinator::compare;
use coordinator::store::RunRecord;
use stats::compare::Verdict;

use crate::lab::{QUIET, Truth};

const OF_THREE: Truth = Truth {
    ratio: 1.1,
    scatter: 0.005,
    rounds: 6,
    windows: 3,
    ..QUIET
};

#[test]
fn a_round_of_windows_is_one_replicate_with_their_mean() {
    let found = OF_THREE.findings(3);
    let cell = &found.cells[0];
    assert_eq!(
        (cell.rounds, found.verdict()),
        ((6, 6), Some(Verdict::Slower))
    );
    let metric = cell.primary().unwrap();
    let (comparison, _) = metric.compared().unwrap();
    assert_eq!((comparison.effect.rounds, metric.rounds.len()), (6, 6));
    let windows = found.trials.rounds(cell.index);
    assert_eq!(windows.len(), 18);
    for (round, windows) in metric.rounds.iter().zip(windows.chunks(3)) {
        for arm in Arm::ALL {
            let logs = windows
                .iter()
                .map(|window| metric.measure.value(&window.arms[&arm]).unwrap().ln());
            let mean = (logs.sum::<f64>() / 3.0).exp();
            let (_, _, value) = round.values.iter().find(|(one, ..)| *one == arm).unwrap();
            assert!((value / mean - 1.0).abs() < 1e-12, "{value} {mean}");
        }
        let places: f64 = round.values.iter().map(|(_, place, _)| place).sum();
        assert!((places - 3.0).abs() < 1e-9, "0, 1 and 2 in every window");
    }
    // The counter-check: the same windows as rounds are three times as many replicates.
    let apart = Truth {
        rounds: 18,
        windows: 1,
        ..OF_THREE
    };
    let apart = apart.findings(3);
    let (comparison, _) = apart.cells[0].primary().unwrap().compared().unwrap();
    assert_eq!(comparison.effect.rounds, 18);
}

#[test]
fn a_round_that_lacks_a_window_does_not_count() {
    let mut record = OF_THREE.record(3);
    record.blocks.retain(|block| block.round < 17);
    record.parts.retain(|part| part.place.key.round < 17);
    let found = compare::findings(RunRecord {
        end: None,
        ..record
    });
    let found = found.unwrap();
    assert_eq!(found.cells[0].rounds, (5, 6));
    assert_eq!(found.verdict(), Some(Verdict::Undecided));
    assert!(
        found.reasons[0].contains("17 of 18 blocks"),
        "{:?}",
        found.reasons
    );
}
