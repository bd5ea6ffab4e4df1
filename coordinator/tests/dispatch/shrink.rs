//! Runs that may shrink: losses are counted, no other worker sends the lost requests, and the next
//! block is complete again.

use contract::id::{Attempt, Ticket};
use contract::run::{NoticeKind, RunState};
use coordinator::dispatch::event::{Event, PeerId};
use coordinator::dispatch::job::Script;
use stats::rng::Seed;

use super::fleet::{Fleet, gone, joined, script};
use super::{is_loaded, is_part};

const OTHER: PeerId = PeerId(2);

/// Two hosts with one slot each; ten requests for each arm, two arms in a block.
fn started(blocks: u32) -> Fleet {
    let mut fleet = Fleet::new(Script {
        shrink: true,
        ..script(blocks, 2)
    });
    fleet.feed(joined(PeerId(1), 1));
    fleet.feed(joined(OTHER, 1));
    fleet
}

fn kill(fleet: &mut Fleet, ticket: Ticket) {
    fleet.forget(ticket);
    fleet.feed(fleet.killed(ticket));
}

fn counts(fleet: &Fleet) -> Vec<(u64, u64)> {
    fleet
        .committed
        .iter()
        .map(|block| (block.planned_requests, block.lost_requests))
        .collect()
}

#[test]
fn a_lost_slot_is_out_until_the_blocks_end_and_what_it_had_to_send_is_counted() {
    let mut fleet = started(2);
    fleet.until(is_part);
    kill(&mut fleet, Ticket(2));
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Complete);
    assert_eq!(counts(&fleet), [(10, 10), (20, 0)]);
    assert_eq!(fleet.notes, [NoticeKind::WorkerLost, NoticeKind::Shrunk]);
    let first: Vec<_> = fleet
        .kept
        .iter()
        .filter(|place| place.key.round == 0)
        .collect();
    assert!(
        first.len() == 2 && first.iter().all(|place| place.slot == 0),
        "{first:?}"
    );
    assert!(
        fleet
            .committed
            .iter()
            .all(|block| block.attempt == Attempt(1))
    );
}

#[test]
fn a_lost_host_is_not_waited_for_and_has_its_place_when_it_comes_back() {
    let mut fleet = started(3);
    fleet.until(is_part);
    fleet.forget(Ticket(2));
    fleet.feed(gone(OTHER));
    while fleet.committed.len() < 2 {
        let event = fleet.answers.remove(0);
        fleet.feed(event);
        if fleet.committed.len() == 1 && fleet.answers.iter().any(is_part) {
            fleet.until(|event| matches!(event, Event::Committed));
        }
    }
    fleet.feed(joined(PeerId(9), 1));
    fleet.settle();
    // By name it is still the second: agent 9 sorts after agent 1.
    assert_eq!(fleet.ended(), RunState::Complete);
    assert_eq!(
        counts(&fleet)[..2],
        [(10, 10), (10, 10)],
        "{:?}",
        fleet.notes
    );
    assert_eq!(counts(&fleet)[2], (20, 0), "{:?}", fleet.notes);
}

#[test]
fn an_agent_that_goes_after_its_worker_is_named_too() {
    let mut fleet = started(1);
    fleet.until(is_part);
    kill(&mut fleet, Ticket(2));
    fleet.feed(gone(OTHER));
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Complete);
    assert_eq!(
        fleet.notes,
        [
            NoticeKind::WorkerLost,
            NoticeKind::Shrunk,
            NoticeKind::AgentLost
        ]
    );
}

#[test]
fn when_the_last_slot_is_lost_the_block_is_run_again() {
    let mut fleet = started(1);
    fleet.until(is_loaded);
    kill(&mut fleet, Ticket(1));
    kill(&mut fleet, Ticket(2));
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Complete);
    assert_eq!(counts(&fleet), [(20, 0)]);
    assert_eq!(fleet.committed[0].attempt, Attempt(2));
}

#[test]
fn whatever_is_lost_parts_and_losses_add_up() {
    let mut lost = 0;
    for seed in 0..100 {
        let mut rng = Seed(seed).rng();
        let mut fleet = started(4);
        while fleet.ending.is_none() {
            if fleet.answers.is_empty() {
                fleet.now = fleet.core.deadline().unwrap_or(fleet.now);
                fleet.feed(Event::Tick);
                continue;
            }
            let victim = fleet.spawned.keys().next_back().copied();
            if let Some(ticket) = victim.filter(|_| rng.below(12) == 0) {
                kill(&mut fleet, ticket);
            } else {
                let at = rng.below(fleet.answers.len());
                let event = fleet.answers.remove(at);
                fleet.feed(event);
            }
        }
        for block in &fleet.committed {
            let here = |place: &&contract::part::PartKey| {
                place.key.round == block.round && place.attempt == block.attempt
            };
            // Each part has five requests.
            let sent = 5 * fleet.kept.iter().filter(here).count() as u64;
            assert_eq!(
                (sent, sent + block.lost_requests),
                (block.planned_requests, 20),
                "seed {seed}: {block:?}"
            );
            lost += block.lost_requests;
        }
    }
    assert!(lost > 500, "the draws are hostile enough: {lost}");
}
