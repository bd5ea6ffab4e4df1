//! The dispatch core, event by event: every hard order of losses, late messages and Ctrl-C, and a seeded random fleet
//! that holds the invariants — no trial lost, none counted twice, a run always ends.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::id::{Arm, Attempt, RunId, Ticket, TrialKey};
use contract::identity::Sha256;
use contract::message::{Exit, Failure, FailureKind, LoadReport};
use contract::part::{EngineFacts, Histograms, Origin, Outcomes, Part, Place, Usage, Window};
use contract::run::{BlockDone, NoticeKind, RunState};
use coordinator::dispatch::core::{Core, Limits, Script};
use coordinator::dispatch::event::{AgentId, Delivery, Effect, Ending, Event, Order, Word};
use coordinator::schedule::Block;
use stats::rng::Seed;

const HOST: AgentId = AgentId(1);

fn limits() -> Limits {
    let seconds = Duration::from_secs;
    Limits {
        gather: seconds(30),
        spawn: seconds(10),
        load: seconds(20),
        warm_up: seconds(20),
        run: seconds(60),
        leave: seconds(10),
    }
}

fn script(blocks: u32, slots: u32) -> Script {
    let block = |round| Block {
        cell: 0,
        scenario: 0,
        round,
        order: vec![Arm::B, Arm::A],
        seed: 1,
        baseline: "baseline".into(),
        candidate: Some("pgo".into()),
        trials_before: 2 * round,
        trials: 2 * blocks,
    };
    Script {
        blocks: (0..blocks).map(block).collect(),
        slots,
        requests: vec![10],
        max_attempts: 3,
        first_attempt: Attempt(1),
        resident: false,
        flush: false,
        limits: limits(),
    }
}

/// Plays the fleet: remembers what the core asked for and answers as hosts and workers would.
struct Fleet {
    core: Core,
    now: Duration,
    spawned: BTreeMap<Ticket, AgentId>,
    /// What a well-behaved fleet says next, in order.
    answers: Vec<Event>,
    /// Where each worker was last armed.
    places: BTreeMap<Ticket, (TrialKey, u32)>,
    kept: Vec<Place>,
    committed: Vec<BlockDone>,
    notes: Vec<NoticeKind>,
    stops: Vec<(Ticket, Duration)>,
    ending: Option<Ending>,
}

impl Fleet {
    fn new(script: Script) -> Self {
        Self {
            core: Core::new(script, Duration::ZERO),
            now: Duration::ZERO,
            spawned: BTreeMap::new(),
            answers: Vec::new(),
            places: BTreeMap::new(),
            kept: Vec::new(),
            committed: Vec::new(),
            notes: Vec::new(),
            stops: Vec::new(),
            ending: None,
        }
    }

    fn feed(&mut self, event: Event) {
        for effect in self.core.on_event(self.now, event) {
            self.react(effect);
        }
    }

    fn react(&mut self, effect: Effect) {
        match effect {
            Effect::Spawn(order) => {
                self.spawned.insert(order.ticket, order.agent);
                self.answers.push(Event::WorkerJoined(order.ticket));
            }
            Effect::Stop { ticket, grace, .. } => {
                self.stops.push((ticket, grace));
                self.exit(ticket);
            }
            Effect::Tell { ticket, order } => self.told(ticket, order),
            Effect::StartAll { attempt, tickets } => {
                for ticket in tickets {
                    self.answers.push(said(ticket, attempt, Word::Started));
                    let (key, slot) = self.places[&ticket];
                    self.answers.push(said(ticket, attempt, Word::Part(delivery(key, slot, attempt))));
                }
            }
            Effect::Keep(delivery) => self.kept.push(delivery.part.place),
            Effect::Commit(block) => {
                self.committed.push(block);
                self.answers.push(Event::Committed);
            }
            Effect::Note(noted) => self.notes.push(noted.kind),
            Effect::Show(_) => {}
            Effect::Finish(ending) => {
                assert!(self.ending.replace(ending).is_none(), "a run ends once");
            }
        }
    }

    fn told(&mut self, ticket: Ticket, order: Order) {
        let answer = match order {
            Order::Load { attempt, .. } => said(ticket, attempt, Word::Loaded(LoadReport::default())),
            Order::Arm { attempt, block, arm, slot } => {
                self.places.insert(ticket, (block.key(arm), slot));
                said(ticket, attempt, Word::Armed)
            }
            Order::PartStored(_) => return,
            Order::Flush => said(ticket, Attempt(0), Word::Flushed),
            Order::Drain => return self.exit(ticket),
        };
        self.answers.push(answer);
    }

    /// The process of a ticket ends, once.
    fn exit(&mut self, ticket: Ticket) {
        if self.spawned.remove(&ticket).is_some() {
            self.answers.push(exited(ticket));
        }
    }

    /// Lets everything that is under way happen in order, until nothing is.
    fn settle(&mut self) {
        while !self.answers.is_empty() {
            let event = self.answers.remove(0);
            self.feed(event);
        }
    }

    /// Lets things happen until the next answer is of a kind.
    fn until(&mut self, wanted: impl Fn(&Event) -> bool) {
        while !self.answers.first().is_some_and(&wanted) {
            assert!(!self.answers.is_empty(), "the awaited answer never came");
            let event = self.answers.remove(0);
            self.feed(event);
        }
    }

    fn ended(&self) -> RunState {
        self.ending.as_ref().expect("the run has ended").state
    }
}

fn said(ticket: Ticket, attempt: Attempt, word: Word) -> Event {
    Event::Said { ticket, attempt, word }
}

fn exited(ticket: Ticket) -> Event {
    Event::Exited { ticket, exit: Exit { code: Some(0), signal: None, tail: String::new() } }
}

fn killed(ticket: Ticket) -> Event {
    Event::Exited { ticket, exit: Exit { code: None, signal: Some(9), tail: String::new() } }
}

fn delivery(key: TrialKey, slot: u32, attempt: Attempt) -> Delivery {
    let part = Part {
        place: Place { run: RunId::new(1, [0; 10]), key, slot, attempt },
        origin: Origin {
            variant: "pgo".into(),
            exe_sha256: Sha256::default(),
            instrumented: false,
            hostname: "h".into(),
        },
        histograms: Histograms::default(),
        outcomes: Outcomes::default(),
        requests: Vec::new(),
        requests_not_kept: 0,
        token_digest: Sha256::default(),
        prompt_tokens: 0,
        output_tokens: 0,
        window: Window::default(),
        cold: Vec::new(),
        usage: Usage::default(),
        engine: EngineFacts::default(),
    };
    Delivery { part: Box::new(part), sealed: Vec::new() }
}

fn is_loaded(event: &Event) -> bool {
    matches!(event, Event::Said { word: Word::Loaded(_), .. })
}

fn is_part(event: &Event) -> bool {
    matches!(event, Event::Said { word: Word::Part(_), .. })
}

fn started(blocks: u32, slots: u32) -> Fleet {
    let mut fleet = Fleet::new(script(blocks, slots));
    fleet.feed(Event::AgentJoined { agent: HOST, slots });
    fleet
}

#[test]
fn a_quiet_run_does_every_trial_once_in_the_planned_order() {
    let mut fleet = started(2, 3);
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Complete);
    let arms: Vec<_> = fleet.kept.iter().map(|p| (p.key.round, p.key.arm, p.slot)).collect();
    let expected: Vec<_> = [(0, Arm::B), (0, Arm::A), (1, Arm::B), (1, Arm::A)]
        .into_iter()
        .flat_map(|(round, arm)| (0..3).map(move |slot| (round, arm, slot)))
        .collect();
    assert_eq!(arms, expected);
    assert_eq!(fleet.committed.iter().map(|b| b.planned_requests).sum::<u64>(), 2 * 2 * 10);
    assert_eq!(fleet.notes, []);
    assert!(fleet.spawned.is_empty(), "no process outlives the run");
}

#[test]
fn nothing_starts_before_enough_slots_are_there_and_nobody_waits_for_ever() {
    let mut fleet = Fleet::new(script(1, 4));
    fleet.feed(Event::AgentJoined { agent: HOST, slots: 2 });
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
    fleet.spawned.remove(&Ticket(2));
    fleet.answers.retain(|e| !matches!(e, Event::Said { ticket: Ticket(2), .. }));
    fleet.feed(killed(Ticket(2)));
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Complete);
    assert_eq!(fleet.notes, [NoticeKind::WorkerLost, NoticeKind::Late], "the other part came too late");
    assert_eq!(fleet.committed.len(), 1);
    assert_eq!(fleet.committed[0].attempt, Attempt(2));
    let accepted: Vec<_> = fleet.kept.iter().filter(|p| p.attempt == Attempt(2)).collect();
    assert_eq!(accepted.len(), 4, "both arms in both slots again");
}

#[test]
fn a_worker_that_dies_while_loading_or_arming_repeats_its_block() {
    for stage in [is_loaded as fn(&Event) -> bool, |e| matches!(e, Event::Said { word: Word::Armed, .. })] {
        let mut fleet = started(1, 1);
        fleet.until(stage);
        fleet.answers.clear();
        fleet.spawned.clear();
        fleet.feed(killed(Ticket(1)));
        fleet.settle();
        assert_eq!(fleet.ended(), RunState::Complete);
        assert_eq!(fleet.committed[0].attempt, Attempt(2));
    }
}

#[test]
fn losses_beyond_the_allowed_tries_end_the_run_by_name() {
    let mut fleet = started(1, 1);
    for _ in 0..3 {
        fleet.until(is_part);
        fleet.answers.clear();
        let ticket = *fleet.spawned.keys().next().expect("one lives");
        fleet.spawned.clear();
        fleet.feed(killed(ticket));
    }
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Failed);
    assert!(fleet.committed.is_empty());
    let reason = &fleet.ending.as_ref().expect("ended").reason;
    assert!(reason.contains("killed by signal 9") && reason.ends_with("3 of 3 tries were made"), "{reason}");
}

#[test]
fn what_trying_again_cannot_mend_ends_the_run_at_once() {
    let mut fleet = started(1, 1);
    fleet.until(is_loaded);
    fleet.answers.clear();
    let failure = Failure { kind: FailureKind::ModelNotFound, message: "no model at /x".into() };
    fleet.feed(said(Ticket(1), Attempt(1), Word::Failed(failure.clone())));
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Failed);
    assert_eq!(fleet.ending.expect("ended").failure, Some(failure));
}

#[test]
fn a_transient_engine_failure_is_tried_again() {
    let mut fleet = started(1, 1);
    fleet.until(is_part);
    fleet.answers.clear();
    let failure = Failure { kind: FailureKind::Engine, message: "broke".into() };
    fleet.feed(said(Ticket(1), Attempt(1), Word::Failed(failure)));
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Complete);
    assert_eq!(fleet.notes, [NoticeKind::WorkerFailed]);
}

#[test]
fn a_part_of_an_older_attempt_is_dropped_and_counted() {
    let mut fleet = started(1, 1);
    fleet.until(is_part);
    let late = fleet.answers.remove(0);
    fleet.feed(Event::WorkerSilent(Ticket(1)));
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
    let key = TrialKey { scenario: 0, round: 7, arm: Arm::A };
    fleet.feed(said(Ticket(1), Attempt(1), Word::Part(delivery(key, 0, Attempt(1)))));
    assert_eq!(fleet.notes, [NoticeKind::BadPart]);
    assert!(fleet.kept.is_empty());
}

#[test]
fn a_hung_worker_is_overdue_and_stopped() {
    let mut fleet = started(1, 2);
    fleet.until(is_part);
    fleet.answers.retain(|e| !matches!(e, Event::Said { ticket: Ticket(2), .. }));
    let first = fleet.answers.remove(0);
    fleet.feed(first);
    fleet.now = fleet.core.deadline().expect("a trial has a deadline");
    fleet.feed(Event::Tick);
    assert_eq!(fleet.notes, [NoticeKind::Overdue]);
    assert!(fleet.stops.iter().any(|(t, grace)| *t == Ticket(2) && *grace > Duration::ZERO));
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Complete);
}

#[test]
fn a_worker_that_will_not_leave_is_killed_and_its_part_stays() {
    let mut fleet = started(1, 1);
    fleet.until(is_part);
    let part = fleet.answers.remove(0);
    fleet.feed(part);
    // It was told to leave; its exit never comes.
    fleet.answers.clear();
    fleet.now = fleet.core.deadline().expect("leaving has a deadline");
    fleet.feed(Event::Tick);
    assert_eq!(fleet.stops, [(Ticket(1), Duration::ZERO)]);
    fleet.settle();
    assert_eq!((fleet.ended(), fleet.notes.len()), (RunState::Complete, 0));
}

#[test]
fn a_lost_host_takes_its_workers_along_and_the_block_waits_for_slots() {
    let mut fleet = started(1, 2);
    fleet.until(is_part);
    fleet.answers.clear();
    fleet.spawned.clear();
    fleet.feed(Event::AgentLost(HOST));
    assert_eq!(fleet.notes, [NoticeKind::AgentLost]);
    assert!(fleet.spawned.is_empty());
    fleet.feed(Event::AgentJoined { agent: AgentId(2), slots: 2 });
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Complete);
    assert!(fleet.committed.iter().all(|b| b.attempt == Attempt(2)));
}

#[test]
fn an_agent_that_nobody_starts_again_ends_the_run_and_is_named() {
    for session_first in [true, false] {
        let mut fleet = started(1, 2);
        fleet.until(is_part);
        fleet.answers.clear();
        fleet.spawned.clear();
        if session_first {
            fleet.feed(Event::AgentLost(HOST));
        }
        fleet.feed(Event::AgentEnded(Exit { code: None, signal: Some(9), tail: String::new() }));
        if !session_first {
            fleet.feed(Event::AgentLost(HOST));
        }
        assert_eq!((fleet.ended(), &fleet.notes[..]), (RunState::Failed, &[NoticeKind::AgentLost][..]));
        let reason = fleet.ending.expect("the run has ended").reason;
        assert_eq!(reason, "the agent of this host ended (killed by signal 9)");
    }
}

#[test]
fn an_agent_that_ends_while_the_run_is_stopped_changes_nothing() {
    let mut fleet = started(1, 1);
    fleet.until(is_part);
    fleet.feed(Event::Interrupt);
    fleet.feed(Event::AgentEnded(Exit::default()));
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Stopped);
}

#[test]
fn a_worker_that_says_it_stopped_as_asked_is_not_late() {
    let mut fleet = started(1, 2);
    fleet.until(is_part);
    fleet.feed(killed(Ticket(1)));
    fleet.answers.retain(|event| !is_part(event));
    fleet.feed(said(Ticket(2), Attempt(1), Word::Stopped));
    assert_eq!(fleet.notes, [NoticeKind::WorkerLost]);
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Complete);
}

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
    assert_eq!((fleet.ended(), fleet.committed.len()), (RunState::Stopped, 1));
    assert!(fleet.spawned.is_empty());
}

#[test]
fn ctrl_c_during_a_commit_lets_it_finish() {
    let mut fleet = started(2, 1);
    fleet.until(|e| matches!(e, Event::Committed));
    fleet.feed(Event::Interrupt);
    fleet.settle();
    assert_eq!((fleet.ended(), fleet.committed.len()), (RunState::Stopped, 1));
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
    let mut fleet = Fleet::new(Script { flush: true, ..script(1, 2) });
    fleet.feed(Event::AgentJoined { agent: HOST, slots: 2 });
    let mut flushed = 0;
    while let Some(event) = (!fleet.answers.is_empty()).then(|| fleet.answers.remove(0)) {
        flushed += u32::from(matches!(event, Event::Said { word: Word::Flushed, .. }));
        fleet.feed(event);
    }
    assert_eq!((fleet.ended(), flushed), (RunState::Complete, 4));
}

#[test]
fn resident_workers_are_started_once_a_variant_and_slot() {
    let mut fleet = Fleet::new(Script { resident: true, ..script(3, 2) });
    fleet.feed(Event::AgentJoined { agent: HOST, slots: 2 });
    fleet.settle();
    assert_eq!(fleet.ended(), RunState::Complete);
    assert_eq!(fleet.places.len(), 4, "two variants in two slots");
    assert_eq!(fleet.kept.len(), 3 * 2 * 2);
    assert!(fleet.spawned.is_empty());
}

/// A fleet that answers in random order, loses workers and hosts, repeats old messages and hangs.
fn random_run(seed: u64) -> Fleet {
    let mut rng = Seed(seed).rng();
    let slots = 1 + rng.below(3) as u32;
    let resident = rng.below(4) == 0;
    let mut fleet = Fleet::new(Script { resident, flush: rng.flip(), max_attempts: 4, ..script(3, slots) });
    fleet.feed(Event::AgentJoined { agent: HOST, slots });
    let mut hosts = 1;
    for step in 0..10_000 {
        if fleet.ending.is_some() {
            return fleet;
        }
        fleet.now += Duration::from_millis(10);
        match rng.below(60) {
            0 => {
                if let Some(ticket) = fleet.spawned.keys().next().copied() {
                    fleet.spawned.remove(&ticket);
                    fleet.answers.retain(|e| !matches!(e, Event::Said { ticket: t, .. } if *t == ticket));
                    fleet.feed(killed(ticket));
                }
            }
            1 => {
                if let Some(ticket) = fleet.spawned.keys().next_back().copied() {
                    fleet.feed(Event::WorkerSilent(ticket));
                }
            }
            2 if rng.below(8) == 0 => {
                let host = AgentId(hosts);
                hosts += 1;
                fleet.spawned.clear();
                fleet.answers.clear();
                fleet.feed(Event::AgentLost(host));
                fleet.feed(Event::AgentJoined { agent: AgentId(hosts), slots });
            }
            3 => fleet.feed(said(Ticket(1), Attempt(1), Word::Armed)),
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
        assert_eq!(rounds.len(), fleet.committed.len(), "seed {seed}: a block was committed twice");
        if fleet.ended() == RunState::Complete {
            assert_eq!(rounds, [0, 1, 2], "seed {seed}");
        }
        for block in &fleet.committed {
            let slots = fleet.kept.iter().map(|p| p.slot).max().expect("parts were kept") + 1;
            for arm in &block.order {
                for slot in 0..slots {
                    let key = TrialKey { scenario: 0, round: block.round, arm: *arm };
                    let n = fleet
                        .kept
                        .iter()
                        .filter(|p| p.key == key && p.slot == slot && p.attempt == block.attempt)
                        .count();
                    assert_eq!(n, 1, "seed {seed}: {key} slot {slot} attempt {:?}", block.attempt);
                }
            }
        }
    }
    // The fleet is hostile enough for every ending to occur, and kind enough for most runs to complete.
    assert!(states.len() == 3 && states["complete"] > 40, "{states:?}");
}
