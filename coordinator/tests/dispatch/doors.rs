//! Which peers are admitted and when a run can begin: slots, clocks, names.

use super::*;

#[test]
fn an_agent_that_claims_more_slots_than_there_are_numbers_gives_those_that_the_run_has() {
    let mut fleet = Fleet::new(script(1, 3));
    fleet.feed(joined(PeerId(5), 1));
    fleet.feed(joined(PeerId(6), u32::MAX));
    fleet.feed(joined(PeerId(7), u32::MAX));
    fleet.feed(gone(PeerId(6)));
    fleet.settle();
    assert_eq!((fleet.ended(), fleet.kept.len()), (RunState::Complete, 6));
    let mut two = Fleet::new(script(2, 3));
    two.feed(joined(PeerId(1), u32::MAX));
    two.until(is_part);
    two.feed(gone(PeerId(1)));
    two.feed(joined(PeerId(2), u32::MAX));
    two.answers
        .retain(|event| !matches!(event, Event::PeerSaid { .. }));
    two.settle();
    assert_eq!(
        two.ended(),
        RunState::Complete,
        "many slots of a lost host are skipped at once"
    );
}

/// A worker whose first pong is late delays the start, but not for ever.
#[test]
fn a_start_waits_for_every_clock_and_names_who_has_none() {
    let mut fleet = started(1, 1);
    fleet.until(|event| matches!(event, Event::PeerOpened { .. }));
    fleet.answers.clear();
    let mut effects = Vec::new();
    let armed = |attempt| said(Ticket(1), FromPeer::Armed(attempt));
    for event in [
        came(Ticket(1)),
        said(Ticket(1), loaded()),
        armed(Attempt(1)),
    ] {
        effects.extend(fleet.core.on_event(fleet.now, event));
    }
    let starts = |effects: &[Effect]| effects.iter().any(|e| matches!(e, Effect::StartAt { .. }));
    assert!(!starts(&effects), "no instant can be told");
    let deadline = fleet.core.deadline().expect("it waits");
    assert!(
        deadline <= fleet.now + Duration::from_secs(5),
        "{deadline:?}"
    );
    for late in [false, true] {
        let mut twin = started(1, 1);
        twin.until(|event| matches!(event, Event::PeerOpened { .. }));
        twin.answers.clear();
        for event in [
            came(Ticket(1)),
            said(Ticket(1), loaded()),
            armed(Attempt(1)),
        ] {
            twin.core.on_event(twin.now, event);
        }
        if late {
            twin.now = deadline;
            twin.feed(Event::Tick);
            assert_eq!(twin.notes, [NoticeKind::WorkerSilent]);
            assert!(twin.said[0].contains("answered no ping"), "{:?}", twin.said);
        } else {
            let known = twin
                .core
                .on_event(twin.now, Event::ClockKnown(session(Ticket(1))));
            assert!(starts(&known));
        }
    }
}

#[test]
fn a_name_that_is_taken_and_a_worker_that_nobody_ordered_are_turned_away() {
    let mut fleet = started(1, 1);
    let Event::PeerOpened { hello, .. } = joined(HOST, 1) else {
        panic!("a hello")
    };
    fleet.feed(Event::PeerOpened {
        peer: PeerId(2),
        hello,
    });
    fleet.feed(came(Ticket(77)));
    assert_eq!(fleet.refused, [PeerId(2), session(Ticket(77))]);
    fleet.settle();
    assert_eq!((fleet.ended(), fleet.notes.len()), (RunState::Complete, 0));
}
