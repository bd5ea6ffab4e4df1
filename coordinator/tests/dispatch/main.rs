//! The dispatch core, event by event: every difficult order of losses, late messages and Ctrl-C.
#![expect(clippy::unwrap_used, reason = "tests")]

mod doors;
mod duet;
mod ends;
mod fleet;
#[path = "../honest/mod.rs"]
mod honest;
mod hosts;
mod late;
mod lies;
mod random;
mod shrink;

use std::time::Duration;

use contract::id::{Arm, Attempt, Ticket, TrialKey};
use contract::message::{Failure, FailureKind, FromPeer, LoadReport};
use contract::run::{NoticeKind, RunState};
use coordinator::dispatch::event::{Cause, Effect, Event, PeerEnd, PeerId};
use coordinator::dispatch::job::Script;

use self::fleet::{
    Fleet, HOST, came, gone, joined, limits, piece_of, said, script, session, silent,
};

fn is_loaded(event: &Event) -> bool {
    matches!(
        event,
        Event::PeerSaid {
            message: FromPeer::Loaded { .. },
            ..
        }
    )
}

fn is_part(event: &Event) -> bool {
    matches!(
        event,
        Event::PeerSaid {
            message: FromPeer::Part(_),
            ..
        }
    )
}

fn started(blocks: u32, slots: u32) -> Fleet {
    let mut fleet = Fleet::new(script(blocks, slots));
    fleet.feed(joined(HOST, slots));
    fleet
}

#[test]
fn a_quiet_run_does_every_trial_once_in_the_planned_order() {
    let mut fleet = started(2, 3);
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Complete);
    let arms: Vec<_> = fleet
        .kept
        .iter()
        .map(|p| (p.key.round, p.key.arm, p.slot))
        .collect();
    let expected: Vec<_> = [(0, Arm::B), (0, Arm::A), (1, Arm::B), (1, Arm::A)]
        .into_iter()
        .flat_map(|(round, arm)| (0..3).map(move |slot| (round, arm, slot)))
        .collect();
    assert_eq!(arms, expected);
    assert_eq!(
        fleet
            .committed
            .iter()
            .map(|b| b.planned_requests)
            .sum::<u64>(),
        2 * 2 * 10
    );
    assert_eq!(fleet.notes, []);
    assert!(fleet.spawned.is_empty(), "no process outlives the run");
}

#[test]
fn nothing_starts_before_enough_slots_are_there_and_nobody_waits_for_ever() {
    let mut fleet = Fleet::new(script(1, 4));
    fleet.feed(joined(HOST, 2));
    assert!(fleet.spawned.is_empty());
    fleet.now = limits().gather;
    fleet.feed(Event::Tick);
    assert_eq!(fleet.ended(), RunState::Failed);
    let reason = &fleet.ending.as_ref().expect("ended").reason;
    assert!(reason.starts_with("2 of 4 slots registered"), "{reason}");
}

#[test]
fn a_worker_killed_mid_trial_repeats_its_whole_block_under_a_new_attempt() {
    let mut fleet = started(1, 2);
    fleet.until(is_part);
    fleet.forget(Ticket(2));
    fleet.feed(fleet.killed(Ticket(2)));
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Complete);
    assert_eq!(
        fleet.notes,
        [NoticeKind::WorkerLost, NoticeKind::Late],
        "the other part came too late"
    );
    assert_eq!(fleet.committed.len(), 1);
    assert_eq!(fleet.committed[0].attempt, Attempt(2));
    let accepted: Vec<_> = fleet
        .kept
        .iter()
        .filter(|p| p.attempt == Attempt(2))
        .collect();
    assert_eq!(accepted.len(), 4, "both arms in both slots again");
}

#[test]
fn a_worker_that_dies_while_loading_or_arming_repeats_its_block() {
    for stage in [is_loaded as fn(&Event) -> bool, |e| {
        matches!(
            e,
            Event::PeerSaid {
                message: FromPeer::Armed(_),
                ..
            }
        )
    }] {
        let mut fleet = started(1, 1);
        fleet.until(stage);
        fleet.answers.clear();
        fleet.spawned.clear();
        fleet.feed(fleet.killed(Ticket(1)));
        fleet.settle();
        assert_eq!(fleet.ended(), RunState::Complete);
        assert_eq!(fleet.committed[0].attempt, Attempt(2));
    }
}

#[test]
fn who_joins_while_all_are_let_go_is_not_waited_for_longer() {
    let mut fleet = started(1, 2);
    let before = fleet.core.deadline();
    fleet.answers.clear();
    fleet.feed(fleet.killed(Ticket(1)));
    // Its process neither ends nor reports why: only time can continue the run.
    fleet.answers.clear();
    let clearing = fleet.core.deadline().expect("letting go has a deadline");
    assert_eq!(clearing, fleet.now + limits().leave);
    fleet.feed(came(Ticket(2)));
    assert_eq!(fleet.core.deadline(), Some(clearing), "{before:?}");
    assert!(fleet.answers.is_empty(), "it is told nothing but to leave");
    fleet.now = clearing;
    fleet.feed(Event::Tick);
    fleet.settle();
    assert_eq!(
        (fleet.ended(), fleet.committed[0].attempt),
        (RunState::Complete, Attempt(2))
    );
}

#[test]
fn losses_beyond_the_allowed_tries_end_the_run_by_name() {
    let mut fleet = started(1, 1);
    for _ in 0..3 {
        fleet.until(is_part);
        fleet.answers.clear();
        let ticket = *fleet.spawned.keys().next().expect("one lives");
        fleet.spawned.clear();
        fleet.feed(fleet.killed(ticket));
    }
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Failed);
    assert!(fleet.committed.is_empty());
    let reason = &fleet.ending.as_ref().expect("ended").reason;
    assert!(
        reason.contains("killed by signal 9")
            && reason.ends_with(
                "3 of 3 attempts were \
                                                                       made"
            ),
        "{reason}"
    );
}

#[test]
fn what_trying_again_cannot_mend_ends_the_run_at_once() {
    let mut fleet = started(1, 1);
    fleet.until(is_loaded);
    fleet.answers.clear();
    let failure = Failure {
        kind: FailureKind::ModelNotFound,
        message: "no model at /x".into(),
    };
    fleet.feed(said(
        Ticket(1),
        FromPeer::Failed {
            attempt: Attempt(1),
            failure: failure.clone(),
        },
    ));
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Failed);
    assert_eq!(fleet.ending.expect("ended").cause, Cause::Worker(failure));
}

#[test]
fn a_transient_engine_failure_is_tried_again() {
    let mut fleet = started(1, 1);
    fleet.until(is_part);
    fleet.answers.clear();
    let failure = Failure {
        kind: FailureKind::Engine,
        message: "broke".into(),
    };
    fleet.feed(said(
        Ticket(1),
        FromPeer::Failed {
            attempt: Attempt(1),
            failure,
        },
    ));
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Complete);
    assert_eq!(fleet.notes, [NoticeKind::WorkerFailed]);
}

#[test]
fn a_part_of_an_older_attempt_is_dropped_and_counted() {
    let mut fleet = started(1, 2);
    fleet.until(is_part);
    let late = fleet.answers.remove(0);
    fleet.feed(silent(Ticket(2)));
    fleet.until(is_part);
    fleet.feed(late);
    assert_eq!(fleet.notes, [NoticeKind::WorkerSilent, NoticeKind::Late]);
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Complete);
    assert!(fleet.kept.iter().all(|p| p.attempt == Attempt(2)));
}

#[test]
fn a_part_of_another_place_is_never_kept() {
    let mut fleet = started(1, 1);
    fleet.until(is_part);
    fleet.answers.clear();
    let key = TrialKey {
        cell: 0,
        round: 7,
        arm: Arm::A,
    };
    let share = fleet.places[&Ticket(1)].clone();
    fleet.feed(said(Ticket(1), piece_of(key, &share, Attempt(1))));
    assert_eq!(fleet.notes, [NoticeKind::BadPart]);
    assert!(fleet.kept.is_empty());
}

#[test]
fn a_hung_worker_is_overdue_and_stopped() {
    let mut fleet = started(1, 2);
    fleet.until(is_part);
    fleet.silence(session(Ticket(2)));
    let first = fleet.answers.remove(0);
    fleet.feed(first);
    fleet.now = fleet.core.deadline().expect("a trial has a deadline");
    fleet.feed(Event::Tick);
    assert_eq!(fleet.notes, [NoticeKind::Overdue]);
    assert!(
        fleet
            .stops
            .iter()
            .any(|(t, grace)| *t == Ticket(2) && *grace > Duration::ZERO)
    );
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Complete);
}

#[test]
fn a_worker_that_will_not_leave_is_killed_and_its_part_stays() {
    let mut fleet = started(1, 1);
    fleet.until(is_part);
    let part = fleet.answers.remove(0);
    fleet.feed(part);
    // It was told to leave, and its exit never arrives.
    fleet.answers.clear();
    fleet.now = fleet.core.deadline().expect("leaving has a deadline");
    fleet.feed(Event::Tick);
    assert_eq!(fleet.stops, [(Ticket(1), Duration::ZERO)]);
    fleet.settle();
    assert_eq!((fleet.ended(), fleet.notes.len()), (RunState::Complete, 0));
}

#[test]
fn a_variant_that_was_not_built_ends_the_run_before_anything_waits() {
    let mut fleet = Fleet::without(script(1, 2), "pgo");
    fleet.feed(joined(HOST, 2));
    fleet.settle();
    assert_eq!(
        (fleet.ended(), fleet.now),
        (RunState::Failed, Duration::ZERO)
    );
    let ending = fleet.ending.expect("ended");
    let Cause::Worker(failure) = &ending.cause else {
        panic!("{ending:?}")
    };
    assert_eq!(failure.kind, FailureKind::BadAssignment);
    assert!(
        ending.reason.contains("no build of the variant `pgo`"),
        "{}",
        ending.reason
    );
}

#[test]
fn who_does_not_take_its_orders_is_lost_by_that_name() {
    let mut fleet = started(1, 2);
    fleet.until(is_part);
    fleet.feed(Event::PeerLeft {
        peer: session(Ticket(2)),
        end: PeerEnd::Unread,
    });
    assert_eq!(fleet.notes, [NoticeKind::WorkerUnread]);
    assert!(
        fleet.said[0].contains("did not read its messages"),
        "{:?}",
        fleet.said
    );
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Complete);
}

fn loaded() -> FromPeer {
    let report = LoadReport {
        max_context: 4096,
        ..LoadReport::default()
    };
    FromPeer::Loaded {
        attempt: Attempt(1),
        report,
    }
}
