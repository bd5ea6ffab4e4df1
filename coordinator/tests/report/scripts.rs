//! Quiet output: what a shell reads line by line.

use coordinator::cli::Format;
use coordinator::report::answers;

use super::listings::summary;
use super::sample::{Story, print, run};

#[test]
fn one_id_and_one_verdict_a_scenario() {
    let text = Story {
        b: 0.95,
        ..Story::default()
    }
    .printed(Format::Quiet);
    assert_eq!(
        text,
        format!("{}\nburst-100 FASTER pgo\nburst-200 FASTER pgo\n", run())
    );
    let text = Story {
        b: 1.08,
        ..Story::default()
    }
    .printed(Format::Quiet);
    assert_eq!(text.lines().nth(1), Some("burst-100 SLOWER pgo"));
}

#[test]
fn lists_are_ids_alone() {
    assert_eq!(
        print(Format::Quiet, |reporter| reporter
            .say(&answers::Runs(&[]))
            .unwrap()),
        ""
    );
    let record = Story::default().record();
    assert_eq!(
        print(Format::Quiet, |reporter| reporter
            .say(&answers::Shown(&record, &summary(None)))
            .unwrap()),
        format!("{}\n", run())
    );
}
