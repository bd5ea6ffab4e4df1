//! What every form of a comparison includes besides its figures: the meaning of the signs, and the
//! origin of the numbers.

use contract::run::{Notice, NoticeKind};
use coordinator::cli::Format;
use coordinator::compare::Findings;
use coordinator::report::{answers, page};

use super::sample::{Story, flat, loss, print};

/// The terminal's full report, the Markdown comment and the HTML page.
fn forms(findings: &Findings) -> [String; 3] {
    let full = print(Format::Human, |reporter| {
        reporter.say(&answers::Full(findings)).unwrap();
    });
    let comment = print(Format::Markdown, |reporter| {
        reporter.say(&answers::Short(findings)).unwrap();
    });
    [full, comment, page(findings)].map(|text| flat(&text))
}

#[test]
fn signs_are_explained_in_every_form_that_has_them_and_in_no_other() {
    let signs = "− is faster for times, + is faster for rates";
    for form in forms(&Story::default().findings()) {
        assert_eq!(form.matches(signs).count(), 1, "{form}");
    }
    let alone = Story {
        candidates: Vec::new(),
        ..Story::default()
    };
    for form in forms(&alone.findings()) {
        assert!(!form.contains(signs), "nothing is compared: {form}");
    }
}

#[test]
fn a_slot_that_moved_to_another_host_is_told_where_hosts_are_listed() {
    let message = "slot 1 is on bench-2 from this block on, replacing bench-1";
    let moved = || Notice {
        kind: NoticeKind::HostPlaced,
        message: message.to_owned(),
        ..loss()
    };
    let told = Story {
        notices: vec![moved()],
        ..Story::default()
    };
    for form in forms(&told.findings()) {
        let (before, after) = form.split_once(message).expect("it is told");
        assert!(!after.contains(message), "once: {form}");
        assert!(before.contains("Example Processor 9000"), "{form}");
        assert!(before.ends_with("burst-100, round 3: "), "{form}");
    }
    for form in forms(&Story::default().findings()) {
        assert!(!form.contains("from this block on"), "{form}");
    }
}
