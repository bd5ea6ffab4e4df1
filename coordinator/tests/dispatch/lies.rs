//! Parts that cannot be true: their worker is told why and lost, the block is repeated, and nothing is kept.

use std::time::Duration;

use contract::id::{Attempt, Ticket};
use contract::run::{NoticeKind, RunState};
use coordinator::dispatch::event::{Event, Word};

use super::fleet::{Fleet, HOST, delivery, joined, said, script};
use super::{is_loaded, is_part};

/// One worker is about to hand over its part.
fn measuring() -> Fleet {
    let mut fleet = Fleet::new(script(1, 1));
    fleet.feed(joined(HOST, 1));
    fleet.until(is_part);
    fleet
}

/// The next part, of a window of this length, so long after the start.
fn deliver(fleet: &mut Fleet, window: Duration, after: Duration) {
    let Event::Said { ticket, attempt, word: Word::Part(mut delivery) } = fleet.answers.remove(0) else {
        panic!("a part comes next");
    };
    fleet.now += after;
    delivery.part.usage.wall = window;
    fleet.feed(said(ticket, attempt, Word::Part(delivery)));
}

fn is_refused(fleet: &mut Fleet, why: &str) {
    assert_eq!((fleet.notes[0], fleet.kept.len()), (NoticeKind::BadPart, 0));
    assert_eq!(fleet.refused[0].0, Ticket(1));
    for text in [&fleet.refused[0].1, &fleet.said[0]] {
        assert!(text.contains(why), "{text}");
    }
    assert!(fleet.said[0].starts_with("the worker in slot 0 on host-0001 sent"), "{}", fleet.said[0]);
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Complete);
    assert_eq!(fleet.committed[0].attempt, Attempt(2), "the block was repeated");
}

#[test]
fn a_window_longer_than_the_time_since_its_start_is_refused_and_a_shorter_one_is_not() {
    let second = Duration::from_secs(1);
    let mut fleet = measuring();
    deliver(&mut fleet, 11 * second, 10 * second);
    is_refused(&mut fleet, "range: usage.wall is 11000000000");
    let mut fleet = measuring();
    deliver(&mut fleet, 10 * second, 10 * second);
    assert_eq!((fleet.notes.len(), fleet.kept.len()), (0, 1));
}

#[test]
fn a_part_that_comes_before_the_start_is_refused() {
    let stages = [is_loaded as fn(&Event) -> bool, |e| matches!(e, Event::Said { word: Word::Armed, .. })];
    for stage in stages {
        let mut fleet = Fleet::new(script(1, 1));
        fleet.feed(joined(HOST, 1));
        fleet.until(stage);
        let key = script(1, 1).blocks[0].key(contract::id::Arm::B);
        fleet.feed(said(Ticket(1), Attempt(1), Word::Part(delivery(key, 0, Attempt(1)))));
        is_refused(&mut fleet, "early: ");
    }
}

#[test]
fn a_part_of_another_place_is_refused() {
    let mut fleet = measuring();
    let Event::Said { ticket, attempt, word: Word::Part(mut delivery) } = fleet.answers.remove(0) else {
        panic!("a part comes next");
    };
    delivery.part.place.key.round = 7;
    fleet.feed(said(ticket, attempt, Word::Part(delivery)));
    is_refused(&mut fleet, "place: it is of ");
}
