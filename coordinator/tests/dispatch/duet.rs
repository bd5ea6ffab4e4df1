//! Duets: both arms at once, each in its own slots, a pair always on one host.

use contract::id::{Arm, Attempt, Ticket};
use contract::run::RunState;
use coordinator::dispatch::event::PeerId;

use crate::fleet::{Fleet, HOST, joined, script};
use crate::is_part;

/// A duet over two agents that offer these numbers of slots.
fn over_two_hosts(slots: u32, each: [u32; 2]) -> Fleet {
    let mut script = script(1, slots);
    script.blocks[0].duet = true;
    let mut fleet = Fleet::new(script);
    fleet.feed(joined(PeerId(1), each[0]));
    fleet.feed(joined(PeerId(2), each[1]));
    fleet.settle();
    fleet
}

#[test]
fn a_pair_on_two_hosts_is_refused_before_anything_starts() {
    let fleet = over_two_hosts(4, [3, 3]);
    assert_eq!(fleet.ended(), RunState::Failed);
    let reason = &fleet.ending.as_ref().expect("ended").reason;
    assert!(
        reason.contains("slot 2 would be on host-0001 and slot 3 on host-0002"),
        "{reason}"
    );
    assert!(
        reason.contains("worker agent --slots"),
        "the way out: {reason}"
    );
    assert_eq!((fleet.kept.len(), fleet.spawned.len()), (0, 0));
}

/// Counter-check: extra slots of agents do no harm as long as every pair is on one host, and
/// alternating arms may be on any host.
#[test]
fn pairs_on_one_host_each_run_whatever_their_agents_offer() {
    for each in [[2, 2], [4, 1], [2, 3]] {
        assert_eq!(
            over_two_hosts(4, each).ended(),
            RunState::Complete,
            "{each:?}"
        );
    }
    let mut in_turns = Fleet::new(script(1, 4));
    in_turns.feed(joined(PeerId(1), 3));
    in_turns.feed(joined(PeerId(2), 3));
    in_turns.settle();
    assert_eq!(in_turns.ended(), RunState::Complete);
}

/// Both builds at once, different arms in neighbouring slots, and one turn for each block.
#[test]
fn a_duet_runs_both_arms_at_once_in_slots_of_their_own() {
    let mut script = script(2, 4);
    script
        .blocks
        .iter_mut()
        .for_each(|block| (block.duet, block.trials) = (true, 2));
    script.blocks[1].order.reverse();
    let mut fleet = Fleet::new(script);
    fleet.feed(joined(HOST, 4));
    assert_eq!(fleet.spawned.len(), 4, "no slot waits for the other arm");
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Complete);
    let mut kept: Vec<_> = fleet
        .kept
        .iter()
        .map(|p| (p.key.round, p.slot, p.key.arm))
        .collect();
    kept.sort_unstable();
    let arms = [
        [Arm::B, Arm::A, Arm::B, Arm::A],
        [Arm::A, Arm::B, Arm::A, Arm::B],
    ];
    let expected: Vec<_> = (0..2)
        .flat_map(|round| {
            (0..4).map(move |slot| (round, slot, arms[round as usize][slot as usize]))
        })
        .collect();
    assert_eq!(kept, expected);
    assert_eq!(
        fleet
            .committed
            .iter()
            .map(|b| b.planned_requests)
            .sum::<u64>(),
        2 * 2 * 10
    );
    assert_eq!(fleet.notes, []);
}

#[test]
fn a_loss_in_a_duet_repeats_both_arms_and_names_the_one_that_lost_it() {
    let mut script = script(1, 2);
    script.blocks[0].duet = true;
    let mut fleet = Fleet::new(script);
    fleet.feed(joined(HOST, 2));
    fleet.until(is_part);
    fleet.forget(Ticket(2));
    fleet.feed(fleet.killed(Ticket(2)));
    fleet.settle();
    assert_eq!(
        (fleet.ended(), fleet.committed[0].attempt),
        (RunState::Complete, Attempt(2))
    );
    let accepted: Vec<_> = fleet
        .kept
        .iter()
        .filter(|p| p.attempt == Attempt(2))
        .collect();
    assert_eq!(accepted.len(), 2, "both arms again");
    assert_eq!(fleet.noted[0].key.arm, Arm::A, "slot 1 had arm A");
}
