//! A hostile fleet, drawn by seed: no trial is lost, none is counted twice, and a run always ends.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::id::{Attempt, Ticket, TrialKey};
use contract::message::FromPeer;
use contract::run::RunState;
use coordinator::dispatch::event::{Event, PeerId};
use coordinator::dispatch::job::Script;
use stats::rng::Seed;

use super::fleet::{Fleet, HOST, gone, joined, said, script, silent};

/// A fleet that answers in random order, loses workers and hosts, repeats old messages and hangs.
fn random_run(seed: u64) -> Fleet {
    let mut rng = Seed(seed).rng();
    let slots = 1 + rng.below(3) as u32;
    let resident = rng.below(4) == 0;
    let mut fleet = Fleet::new(Script {
        resident,
        flush: rng.flip(),
        max_attempts: 4,
        ..script(3, slots)
    });
    fleet.feed(joined(HOST, slots));
    let mut hosts = 1;
    for step in 0..10_000 {
        if fleet.ending.is_some() {
            return fleet;
        }
        fleet.now += Duration::from_millis(10);
        match rng.below(60) {
            0 => {
                if let Some(ticket) = fleet.spawned.keys().next().copied() {
                    fleet.forget(ticket);
                    fleet.feed(fleet.killed(ticket));
                }
            }
            1 => {
                if let Some(ticket) = fleet.spawned.keys().next_back().copied() {
                    fleet.feed(silent(ticket));
                }
            }
            2 if rng.below(8) == 0 => {
                let host = PeerId(hosts);
                hosts += 1;
                fleet.spawned.clear();
                fleet.answers.clear();
                fleet.feed(gone(host));
                fleet.feed(joined(PeerId(hosts), slots));
            }
            3 => fleet.feed(said(Ticket(1), FromPeer::Armed(Attempt(1)))),
            4 if rng.below(20) == 0 => fleet.feed(Event::Interrupt),
            _ if fleet.answers.is_empty() => {
                fleet.now = fleet.core.deadline().unwrap_or(fleet.now);
                fleet.feed(Event::Tick);
            }
            _ => {
                let at = rng.below(fleet.answers.len());
                let event = fleet.answers.remove(at);
                fleet.feed(event);
            }
        }
        assert!(step < 9_999, "seed {seed}: the run never ends");
    }
    fleet
}

#[test]
fn a_random_fleet_loses_no_trial_and_counts_none_twice() {
    let mut states = BTreeMap::new();
    for seed in 0..200 {
        let fleet = random_run(seed);
        *states.entry(fleet.ended().name()).or_insert(0) += 1;
        let mut rounds: Vec<_> = fleet.committed.iter().map(|b| b.round).collect();
        assert!(rounds.is_sorted(), "seed {seed}: {rounds:?}");
        rounds.dedup();
        assert_eq!(
            rounds.len(),
            fleet.committed.len(),
            "seed {seed}: a block was committed twice"
        );
        if fleet.ended() == RunState::Complete {
            assert_eq!(rounds, [0, 1, 2], "seed {seed}");
        }
        for block in &fleet.committed {
            let slots = fleet
                .kept
                .iter()
                .map(|p| p.slot)
                .max()
                .expect("parts were kept")
                + 1;
            for arm in &block.order {
                for slot in 0..slots {
                    let key = TrialKey {
                        cell: 0,
                        round: block.round,
                        arm: *arm,
                    };
                    let n = fleet
                        .kept
                        .iter()
                        .filter(|p| p.key == key && p.slot == slot && p.attempt == block.attempt)
                        .count();
                    assert_eq!(
                        n, 1,
                        "seed {seed}: {key} slot {slot} attempt {:?}",
                        block.attempt
                    );
                }
            }
        }
    }
    // The fleet is hostile enough for every ending to occur, and benign enough for most runs to
    // complete.
    assert!(states.len() == 3 && states["complete"] > 40, "{states:?}");
}
