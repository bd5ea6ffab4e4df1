//! Both arms at once.

use contract::id::{Arm, Attempt, Ticket};
use contract::run::RunState;

use super::fleet::{Fleet, HOST, joined, killed, script};
use super::is_part;

#[test]
fn a_duet_runs_both_arms_at_once_in_slots_of_their_own() {
    let mut script = script(2, 4);
    script.blocks.iter_mut().for_each(|block| (block.duet, block.trials) = (true, 2));
    script.blocks[1].order.reverse();
    let mut fleet = Fleet::new(script);
    fleet.feed(joined(HOST, 4));
    assert_eq!(fleet.spawned.len(), 4, "nobody waits for the other arm");
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Complete);
    let mut kept: Vec<_> = fleet.kept.iter().map(|p| (p.key.round, p.slot, p.key.arm)).collect();
    kept.sort_unstable();
    let arms = [[Arm::B, Arm::A, Arm::B, Arm::A], [Arm::A, Arm::B, Arm::A, Arm::B]];
    let expected: Vec<_> = (0..2)
        .flat_map(|round| (0..4).map(move |slot| (round, slot, arms[round as usize][slot as usize])))
        .collect();
    assert_eq!(kept, expected);
    assert_eq!(fleet.committed.iter().map(|b| b.planned_requests).sum::<u64>(), 2 * 2 * 10);
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
    fleet.feed(killed(Ticket(2)));
    fleet.settle();
    assert_eq!((fleet.ended(), fleet.committed[0].attempt), (RunState::Complete, Attempt(2)));
    let accepted: Vec<_> = fleet.kept.iter().filter(|p| p.attempt == Attempt(2)).collect();
    assert_eq!(accepted.len(), 2, "both arms again");
    assert_eq!(fleet.noted[0], Arm::A, "slot 1 had arm A");
}
