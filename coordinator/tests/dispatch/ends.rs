//! How a run ends: on request, at its interim analysis, or because of its store; and what is
//! recorded by then.

use super::*;

#[test]
fn ctrl_c_once_stops_cleanly_with_what_is_done() {
    let mut fleet = started(2, 1);
    while fleet.committed.is_empty() {
        let event = fleet.answers.remove(0);
        fleet.feed(event);
    }
    fleet.until(is_part);
    fleet.feed(Event::Interrupt);
    assert!(fleet.ending.is_none(), "the worker is given time to end");
    fleet.settle();
    assert_eq!(
        (fleet.ended(), fleet.committed.len()),
        (RunState::Stopped, 1)
    );
    assert!(fleet.spawned.is_empty());
}

#[test]
fn a_run_whose_look_found_the_answer_ends_complete_before_its_last_block() {
    for resident in [false, true] {
        let mut fleet = Fleet::new(Script {
            resident,
            ..script(3, 2)
        });
        fleet.feed(joined(HOST, 2));
        fleet.until(|e| matches!(e, Event::Committed));
        fleet.answers.clear();
        fleet.feed(Event::Settled("clear after 1 of 3 rounds".into()));
        fleet.settle();
        assert_eq!(
            (fleet.ended(), fleet.committed.len()),
            (RunState::Complete, 1)
        );
        assert_eq!(
            fleet.ending.as_ref().expect("ended").reason,
            "clear after 1 of 3 rounds"
        );
        assert!(fleet.spawned.is_empty(), "no worker is left running");
    }
}

/// A search chooses its blocks as results arrive: after the script's only block another one follows.
#[test]
fn a_block_that_follows_is_carried_out_like_one_of_the_script() {
    let of_one = script(1, 2);
    let next = next_visit(&of_one);
    let mut fleet = Fleet::new(of_one);
    fleet.feed(joined(HOST, 2));
    fleet.until(|e| matches!(e, Event::Committed));
    fleet.answers.clear();
    fleet.feed(Event::Extended(Box::new(next)));
    assert!(fleet.ending.is_none(), "the run goes on");
    fleet.settle();
    assert_eq!(
        (fleet.ended(), fleet.committed.len()),
        (RunState::Complete, 2)
    );
    assert_eq!(fleet.committed[1].round, 7);
}

/// The script's first block in another round.
fn next_visit(script: &Script) -> coordinator::schedule::Block {
    coordinator::schedule::Block {
        round: 7,
        ..script.blocks[0].clone()
    }
}

#[test]
fn ctrl_c_during_a_commit_lets_it_finish() {
    let mut fleet = started(2, 1);
    fleet.until(|e| matches!(e, Event::Committed));
    fleet.feed(Event::Interrupt);
    fleet.settle();
    assert_eq!(
        (fleet.ended(), fleet.committed.len()),
        (RunState::Stopped, 1)
    );
}

#[test]
fn ctrl_c_twice_kills_and_ends_at_once() {
    let mut fleet = started(1, 2);
    fleet.until(is_part);
    fleet.feed(Event::Interrupt);
    fleet.feed(Event::Interrupt);
    assert_eq!(fleet.ended(), RunState::Stopped);
    assert!(fleet.stops.iter().any(|(_, grace)| grace.is_zero()));
}

#[test]
fn ctrl_c_does_not_replace_an_end_that_is_decided() {
    let mut fleet = started(1, 2);
    fleet.until(is_loaded);
    fleet.answers.clear();
    let failure = Failure {
        kind: FailureKind::NotEnoughMemory,
        message: "no room".into(),
    };
    fleet.feed(said(
        Ticket(1),
        FromPeer::Failed {
            attempt: Attempt(1),
            failure: failure.clone(),
        },
    ));
    fleet.feed(Event::Interrupt);
    fleet.feed(Event::Interrupt);
    assert_eq!(
        fleet.ending.expect("the second ends it at once").cause,
        Cause::Worker(failure)
    );
}

#[test]
fn a_store_that_fails_ends_the_run_and_says_why() {
    let mut fleet = started(1, 1);
    fleet.until(|e| matches!(e, Event::Committed));
    fleet.answers.clear();
    fleet.feed(Event::StoreFailed("the disk is full".into()));
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Failed);
    assert_eq!(fleet.ending.expect("ended").reason, "the disk is full");
}

#[test]
fn training_has_every_profile_written_before_a_worker_leaves() {
    let mut fleet = Fleet::new(Script {
        flush: true,
        ..script(1, 2)
    });
    fleet.feed(joined(HOST, 2));
    let mut flushed = 0;
    while let Some(event) = (!fleet.answers.is_empty()).then(|| fleet.answers.remove(0)) {
        flushed += u32::from(matches!(
            event,
            Event::PeerSaid {
                message: FromPeer::Flushed(_),
                ..
            }
        ));
        fleet.feed(event);
    }
    assert_eq!((fleet.ended(), flushed), (RunState::Complete, 4));
}

#[test]
fn resident_workers_are_started_once_a_variant_and_slot() {
    let mut fleet = Fleet::new(Script {
        resident: true,
        ..script(3, 2)
    });
    fleet.feed(joined(HOST, 2));
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Complete);
    assert_eq!(fleet.places.len(), 4, "two variants in two slots");
    assert_eq!(fleet.kept.len(), 3 * 2 * 2);
    assert!(fleet.spawned.is_empty());
}

/// Three blocks are one and a half rounds of two windows.
fn of_two_windows() -> Script {
    let mut script = script(3, 2);
    script.blocks.iter_mut().for_each(|block| block.windows = 2);
    script
}

#[test]
fn the_processes_of_a_round_measure_all_its_windows_and_then_leave() {
    let mut fleet = Fleet::new(of_two_windows());
    fleet.feed(joined(HOST, 2));
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Complete);
    assert_eq!(fleet.committed.len(), 3);
    assert_eq!(
        fleet.places.len(),
        2 * 4,
        "each round starts two arms in two slots"
    );
    assert_eq!(fleet.kept.len(), 3 * 2 * 2);
    assert!(fleet.spawned.is_empty(), "nobody is left behind");
}

/// A worker that waits has no part to lose, so the block goes on; the loss is told all the same.
/// Its session may end before its process is known to have ended.
#[test]
fn a_worker_that_dies_while_it_waits_is_told_and_replaced() {
    for session_first in [false, true] {
        let mut fleet = Fleet::new(of_two_windows());
        fleet.feed(joined(HOST, 2));
        fleet.until(is_part);
        let waits = *fleet.spawned.keys().next().expect("the first arm runs");
        // The second arm of the first window is measuring.
        while fleet.trials < 2 {
            let event = fleet.answers.remove(0);
            fleet.feed(event);
        }
        fleet.until(is_part);
        let killed = fleet.killed(waits);
        fleet.forget(waits);
        if session_first {
            fleet.feed(silent(waits));
        }
        fleet.feed(killed);
        fleet.settle();
        assert_eq!(
            (fleet.ended(), fleet.committed.len(), &fleet.notes[..]),
            (RunState::Complete, 3, &[NoticeKind::WorkerLost][..])
        );
        assert_eq!(fleet.places.len(), 2 * 4 + 1);
        assert!(
            fleet.said[0].contains("waited for its next window"),
            "{:?}",
            fleet.said
        );
        assert_eq!(
            fleet.stops.iter().any(|(one, _)| *one == waits),
            session_first
        );
    }
}

#[test]
fn arms_of_one_build_have_a_process_each_within_a_round() {
    let mut script = of_two_windows();
    for block in &mut script.blocks {
        block.candidate = Some(block.baseline.clone());
    }
    let mut fleet = Fleet::new(script);
    fleet.feed(joined(HOST, 2));
    fleet.settle();
    assert_eq!(
        (fleet.ended(), fleet.places.len()),
        (RunState::Complete, 2 * 4)
    );
}

#[test]
fn what_happened_is_durable_before_the_next_block_and_a_loss_at_once() {
    let mut fleet = started(2, 1);
    fleet.until(is_part);
    // Nothing is lost by it, and a trial is running, so it waits.
    let stale = said(Ticket(1), FromPeer::Armed(Attempt(0)));
    fleet.feed(stale);
    assert_eq!(
        (&fleet.notes[..], fleet.unwritten),
        (&[NoticeKind::Late][..], 1)
    );
    fleet.feed(silent(Ticket(1)));
    assert_eq!(
        (fleet.notes.len(), fleet.unwritten),
        (2, 0),
        "a loss takes along what waited"
    );
    // The fleet checks at every trial that nothing is waiting.
    fleet.settle();
    assert_eq!(
        (fleet.ended(), fleet.committed.len(), fleet.trials),
        (RunState::Complete, 2, 5)
    );
}

#[test]
fn messages_of_given_up_attempts_are_counted_and_do_not_flood_the_record() {
    let mut fleet = started(1, 1);
    fleet.until(is_part);
    for _ in 0..100 {
        fleet.feed(said(Ticket(1), FromPeer::Armed(Attempt(0))));
    }
    assert_eq!(fleet.notes, [NoticeKind::Late; 7], "1, 2, 4, … 64");
    assert!(fleet.said[6].ends_with("(64 so far)"), "{:?}", fleet.said);
}
