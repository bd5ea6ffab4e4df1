//! Agents that join late: slots keep their hosts within every block, a newcomer gets only free
//! slots, and every host that measured is recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contract::id::Attempt;
use contract::part::PartKey;
use contract::run::{NoticeKind, RunState};
use coordinator::dispatch::event::{Event, PeerId, Reason};
use coordinator::dispatch::job::Script;
use stats::rng::Seed;

use super::fleet::{Fleet, HOST, joined_as, script};
use super::is_part;

const LATE: PeerId = PeerId(2);

/// A recorded run on the host `m`, in the middle of its first block.
fn under_way(blocks: u32) -> Fleet {
    let mut fleet = Fleet::recorded(script(blocks, 1));
    fleet.feed(joined_as(HOST, "m", 1));
    fleet.until(is_part);
    fleet
}

fn on_record(fleet: &Fleet) -> Vec<String> {
    let begun = fleet
        .created
        .iter()
        .flat_map(|run| run.hosts.iter().map(|(name, _)| name.clone()));
    begun
        .chain(
            fleet
                .noted
                .iter()
                .filter_map(|noted| Some(noted.host.as_ref()?.0.clone())),
        )
        .collect()
}

#[test]
fn who_comes_late_waits_is_noted_and_changes_nothing() {
    // By its name it would be the first.
    let mut fleet = under_way(3);
    fleet.feed(joined_as(LATE, "a", 1));
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Complete);
    assert!(
        fleet.measured.iter().all(|(_, agent)| *agent == HOST),
        "{:?}",
        fleet.measured
    );
    assert_eq!(fleet.notes, [NoticeKind::HostWaits]);
    assert!(
        fleet.said[0].starts_with("the agent of a waits: all 1 slots"),
        "{:?}",
        fleet.said
    );
    assert_eq!(on_record(&fleet), ["m"]);
}

#[test]
fn a_surplus_host_that_dies_costs_nothing() {
    let mut fleet = under_way(3);
    fleet.feed(joined_as(LATE, "a", 1));
    fleet.die(LATE);
    fleet.settle();
    assert_eq!(
        (fleet.ended(), fleet.committed.len()),
        (RunState::Complete, 3)
    );
    assert!(fleet.committed.iter().all(|block| block.attempt.0 == 1));
    assert!(
        fleet.noted.iter().all(|noted| noted.workers == 0),
        "{:?}",
        fleet.said
    );
}

#[test]
fn a_host_that_died_is_replaced_by_one_that_waits_from_the_repeated_block_on() {
    let mut fleet = under_way(2);
    fleet.feed(joined_as(LATE, "a", 1));
    fleet.die(HOST);
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Complete);
    let placed = fleet
        .noted
        .iter()
        .find(|noted| noted.kind() == NoticeKind::HostPlaced)
        .expect("noted");
    let expected = Reason::HostPlaced {
        slots: vec![0],
        to: "a".into(),
        from: Some("m".into()),
    };
    assert_eq!((&placed.reason, placed.attempt.0), (&expected, 2));
    assert_eq!(
        placed.reason.to_string(),
        "slot 0 is on a from this block on, replacing m"
    );
    assert_eq!(on_record(&fleet), ["m", "a"]);
    assert!(
        fleet
            .measured
            .iter()
            .all(|(place, agent)| (place.attempt.0 == 2) == (*agent == LATE))
    );
    // Its old host returns too late and waits.
    let mut back = under_way(3);
    back.feed(joined_as(LATE, "a", 1));
    back.die(HOST);
    back.until(is_part);
    back.feed(joined_as(PeerId(3), "m", 1));
    back.settle();
    assert_eq!(
        back.notes.last(),
        Some(&NoticeKind::HostWaits),
        "{:?}",
        back.said
    );
    assert!(back.measured.iter().all(|(_, agent)| *agent == LATE));
}

/// Both arms of a block run before the loss of a host, or both after it.
#[test]
fn a_host_that_dies_between_two_arms_has_its_block_repeated_whole() {
    let mut fleet = under_way(1);
    // Its part has arrived; its worker is leaving.
    let part = fleet.answers.remove(0);
    fleet.feed(part);
    fleet.die(HOST);
    fleet.feed(joined_as(PeerId(3), "m", 1));
    fleet.settle();
    assert_eq!(
        (fleet.ended(), fleet.committed[0].attempt.0),
        (RunState::Complete, 2),
        "{:?}",
        fleet.said
    );
    // Counter-check: after the last arm nothing of the block is left to run.
    let mut last = under_way(1);
    let part = last.answers.remove(0);
    last.feed(part);
    last.until(is_part);
    let part = last.answers.remove(0);
    last.feed(part);
    last.die(HOST);
    last.settle();
    assert_eq!(
        (last.ended(), last.committed[0].attempt.0),
        (RunState::Complete, 1),
        "{:?}",
        last.said
    );
}

#[test]
fn a_machine_that_comes_under_another_s_name_is_on_record_too() {
    let mut fleet = under_way(2);
    fleet.die(HOST);
    let Event::PeerOpened { peer, mut hello } = joined_as(PeerId(3), "m", 1) else {
        panic!("a hello")
    };
    hello.host.hostname = "another".into();
    fleet.feed(Event::PeerOpened { peer, hello });
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Complete);
    let hosts = fleet.noted.iter().filter_map(|noted| noted.host.as_deref());
    assert_eq!(
        hosts
            .map(|(_, host)| host.hostname.as_str())
            .collect::<Vec<_>>(),
        ["another"]
    );
}

/// The agent of each slot in each attempt of a block, or the first slot that two agents had.
fn places(measured: &[(PartKey, PeerId)]) -> Result<BTreeMap<(u32, Attempt, u32), PeerId>, u32> {
    let mut places = BTreeMap::new();
    for (place, agent) in measured {
        let held = places
            .entry((place.key.round, place.attempt, place.slot))
            .or_insert(*agent);
        if held != agent {
            return Err(place.slot);
        }
    }
    Ok(places)
}

#[test]
fn a_slot_that_moves_within_a_block_would_be_seen() {
    let mut fleet = under_way(1);
    fleet.settle();
    assert_eq!(places(&fleet.measured).map(|places| places.len()), Ok(1));
    fleet.measured[1].1 = LATE;
    assert_eq!(places(&fleet.measured), Err(0));
}

/// State of a random fleet during a run.
struct Crowd {
    fleet: Fleet,
    names: BTreeMap<PeerId, String>,
    here: BTreeSet<PeerId>,
    joins: u32,
    deaths: u32,
}

impl Crowd {
    fn join(&mut self, name: &str, slots: u32) {
        if self.here.iter().any(|agent| self.names[agent] == name) {
            return;
        }
        self.joins += 1;
        let agent = PeerId(u64::from(self.joins));
        self.names.insert(agent, name.to_owned());
        self.here.insert(agent);
        self.fleet.feed(joined_as(agent, name, slots));
    }

    fn die(&mut self, at: usize) {
        let Some(agent) = self.here.iter().nth(at).copied() else {
            return;
        };
        self.deaths += 1;
        self.here.remove(&agent);
        self.fleet.die(agent);
    }
}

/// Agents with names that sort before and after join and die at random.
fn random_crowd(seed: u64) -> Crowd {
    let mut rng = Seed(seed).child("late").rng();
    let slots = 1 + rng.below(3) as u32;
    let resident = rng.below(4) == 0;
    let script = Script {
        resident,
        flush: rng.flip(),
        max_attempts: 1000,
        ..script(2, slots)
    };
    let fleet = Fleet::recorded(script);
    let mut crowd = Crowd {
        fleet,
        names: BTreeMap::new(),
        here: BTreeSet::new(),
        joins: 0,
        deaths: 0,
    };
    for at in 0..slots {
        crowd.join(&format!("m{at}"), 1);
    }
    for _ in 0..20_000 {
        if crowd.fleet.ending.is_some() {
            return crowd;
        }
        crowd.fleet.now += Duration::from_millis(10);
        match rng.below(20) {
            0 => {
                let name = format!("{}{}", ["a", "m", "z"][rng.below(3)], rng.below(3));
                crowd.join(&name, 1 + rng.below(2) as u32);
            }
            1 if rng.below(4) == 0 && !crowd.here.is_empty() => {
                crowd.die(rng.below(crowd.here.len()));
            }
            _ if crowd.fleet.answers.is_empty() => {
                // No agent is left: time passes, but not enough for the run to give its hosts up.
                crowd.join(&format!("z{}", rng.below(9)), 1);
                if crowd.fleet.answers.is_empty() && rng.below(3) == 0 {
                    crowd.fleet.feed(Event::Tick);
                }
            }
            _ => {
                let at = rng.below(crowd.fleet.answers.len());
                let event = crowd.fleet.answers.remove(at);
                crowd.fleet.feed(event);
            }
        }
    }
    panic!("seed {seed}: the run never ends");
}

#[test]
fn in_a_thousand_random_orders_places_are_kept_within_blocks_and_hosts_are_complete() {
    random_orders(1000);
}

#[test]
#[ignore = "takes minutes"]
fn in_ten_thousand_random_orders_places_are_kept_within_blocks_and_hosts_are_complete() {
    random_orders(10_000);
}

fn random_orders(seeds: u64) {
    let (mut deaths, mut moves, mut waits) = (0, 0, 0);
    for seed in 0..seeds {
        let Crowd {
            fleet,
            names,
            deaths: died,
            ..
        } = random_crowd(seed);
        assert_eq!(
            fleet.ended(),
            RunState::Complete,
            "seed {seed}: {:?}",
            fleet.ending
        );
        let mut rounds: Vec<_> = fleet.committed.iter().map(|block| block.round).collect();
        rounds.sort_unstable();
        assert_eq!(rounds, [0, 1], "seed {seed}");
        let known: BTreeSet<String> = on_record(&fleet).into_iter().collect();
        let places =
            places(&fleet.measured).unwrap_or_else(|slot| panic!("seed {seed}: slot {slot} moved"));
        for agent in places.values() {
            assert!(
                known.contains(&names[agent]),
                "seed {seed}: {} measured",
                names[agent]
            );
        }
        // Exactly the slots that change host are reported.
        let told = fleet
            .noted
            .iter()
            .filter(|noted| noted.kind() == NoticeKind::HostPlaced)
            .count();
        let moved = |slot: u32| {
            let of_slot = places.iter().filter(|((.., other), _)| *other == slot);
            let mut hosts: Vec<&str> = of_slot.map(|(_, agent)| names[agent].as_str()).collect();
            hosts.dedup();
            hosts.len() > 1
        };
        assert!(
            told > 0 || !(0..3).any(moved),
            "seed {seed}: a slot moved without a notice"
        );
        deaths += died;
        moves += told;
        waits += fleet
            .noted
            .iter()
            .filter(|noted| noted.kind() == NoticeKind::HostWaits)
            .count();
    }
    // The random events are hostile enough.
    assert!(
        deaths > 250 && moves > 100 && waits > 250,
        "{deaths} deaths, {moves} moves, {waits} waits"
    );
}
