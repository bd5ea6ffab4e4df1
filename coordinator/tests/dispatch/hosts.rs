//! A host whose agent is lost, and which host is named.

use contract::id::{Attempt, Ticket};
use contract::message::Exit;
use contract::run::{NoticeKind, RunState};
use coordinator::dispatch::event::{Event, PeerId};

use super::fleet::{HOST, ended, exited, gone, joined};
use super::{is_part, started};

#[test]
fn a_lost_host_takes_its_workers_along_and_the_block_waits_for_slots() {
    let mut fleet = started(1, 2);
    fleet.until(is_part);
    fleet.answers.clear();
    fleet.spawned.clear();
    fleet.feed(gone(HOST));
    assert_eq!(fleet.notes, [NoticeKind::AgentLost]);
    assert!(fleet.spawned.is_empty());
    fleet.feed(joined(PeerId(2), 2));
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Complete);
    assert!(fleet.committed.iter().all(|b| b.attempt == Attempt(2)));
}

/// The cause that ends a host's agent often ends its workers slightly earlier.
#[test]
fn a_worker_that_ends_before_its_agent_names_the_host_and_the_agent_is_noted_too() {
    let mut fleet = started(1, 2);
    fleet.until(is_part);
    fleet.answers.clear();
    let exit = Exit {
        code: Some(0),
        ..Exit::default()
    };
    fleet.feed(exited(HOST, Ticket(1), exit));
    assert_eq!(
        fleet.said,
        ["the worker in slot 0 on host-0001 ended before its part came (exit code 0)"]
    );
    fleet.feed(gone(HOST));
    assert_eq!(fleet.notes, [NoticeKind::WorkerLost, NoticeKind::AgentLost]);
    assert_eq!(fleet.said[1], "the agent of host-0001 was lost");
}

#[test]
fn an_agent_that_nobody_starts_again_ends_the_run_and_is_named() {
    for session_first in [true, false] {
        let mut fleet = started(1, 2);
        fleet.until(is_part);
        fleet.answers.clear();
        fleet.spawned.clear();
        if session_first {
            fleet.feed(gone(HOST));
        }
        fleet.feed(ended(Exit {
            code: None,
            signal: Some(9),
            tail: String::new(),
        }));
        if !session_first {
            fleet.feed(gone(HOST));
        }
        assert_eq!(
            (fleet.ended(), &fleet.notes[..]),
            (RunState::Failed, &[NoticeKind::AgentLost][..])
        );
        let reason = fleet.ending.expect("the run has ended").reason;
        assert_eq!(reason, "the agent of this host ended (killed by signal 9)");
    }
}

#[test]
fn an_agent_that_ends_while_the_run_is_stopped_changes_nothing() {
    let mut fleet = started(1, 1);
    fleet.until(is_part);
    fleet.feed(Event::Interrupt);
    fleet.feed(ended(Exit::default()));
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Stopped);
}
