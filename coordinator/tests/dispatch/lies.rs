//! Implausible parts: the worker is told why and is lost, the block is repeated, and nothing is
//! kept.

use std::time::Duration;

use contract::id::{Attempt, Ticket};
use contract::message::{FromPeer, PartChunk};
use contract::part::Part;
use contract::record::Record;
use contract::run::{NoticeKind, RunState};
use coordinator::dispatch::event::Event;

use super::fleet::{Fleet, HOST, joined, said, script, whole};
use super::honest;
use super::{is_loaded, is_part};

/// One worker is about to send its part.
fn measuring() -> Fleet {
    let mut fleet = Fleet::new(script(1, 1));
    fleet.feed(joined(HOST, 1));
    fleet.until(is_part);
    fleet
}

/// The next part, modified and sent this long after the start.
fn deliver(fleet: &mut Fleet, after: Duration, change: impl FnOnce(&mut Part)) {
    let Event::PeerSaid {
        peer,
        message: FromPeer::Part(PartChunk { bytes, .. }),
    } = fleet.answers.remove(0)
    else {
        panic!("a part comes next");
    };
    let mut part = Part::open(&bytes).unwrap();
    change(&mut part);
    fleet.now += after;
    fleet.feed(Event::PeerSaid {
        peer,
        message: whole(&part),
    });
}

/// Sets the window's length everywhere in the part.
fn lasting(part: &mut Part, window: Duration) {
    let end = u64::try_from(window.as_nanos()).unwrap();
    part.requests
        .iter_mut()
        .for_each(|request| request.done_ns = end);
    let requests = std::mem::take(&mut part.requests);
    *part = honest::part(part.place.clone(), part.origin.clone(), requests);
}

fn is_refused(fleet: &mut Fleet, why: &str) {
    assert_eq!((fleet.notes[0], fleet.kept.len()), (NoticeKind::BadPart, 0));
    assert_eq!(fleet.disbelieved[0].0, Ticket(1));
    for text in [&fleet.disbelieved[0].1, &fleet.said[0]] {
        assert!(text.contains(why), "{text}");
    }
    assert!(
        fleet.said[0].starts_with("the worker in slot 0 on host-0001 sent"),
        "{}",
        fleet.said[0]
    );
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Complete);
    assert_eq!(
        fleet.committed[0].attempt,
        Attempt(2),
        "the block was repeated"
    );
}

#[test]
fn a_window_longer_than_the_time_since_its_start_is_refused_and_a_shorter_one_is_not() {
    let second = Duration::from_secs(1);
    let mut fleet = measuring();
    deliver(&mut fleet, 10 * second, |part| lasting(part, 11 * second));
    is_refused(&mut fleet, "range: usage.wall is 11000000000");
    let mut fleet = measuring();
    deliver(&mut fleet, 10 * second, |part| lasting(part, 10 * second));
    assert_eq!((fleet.notes.len(), fleet.kept.len()), (0, 1));
}

#[test]
fn a_part_that_comes_before_the_start_is_refused() {
    let is_armed = |event: &Event| {
        matches!(
            event,
            Event::PeerSaid {
                message: FromPeer::Armed(_),
                ..
            }
        )
    };
    for stage in [is_loaded as fn(&Event) -> bool, is_armed] {
        let mut fleet = Fleet::new(script(1, 1));
        fleet.feed(joined(HOST, 1));
        fleet.until(stage);
        let early = PartChunk {
            attempt: Attempt(1),
            seq: 0,
            last: true,
            bytes: Vec::new(),
        };
        fleet.feed(said(Ticket(1), FromPeer::Part(early)));
        is_refused(&mut fleet, "early: ");
    }
}

#[test]
fn a_part_of_another_place_is_refused() {
    let mut fleet = measuring();
    deliver(&mut fleet, Duration::ZERO, |part| part.place.key.round = 7);
    is_refused(&mut fleet, "place: it is of ");
}
