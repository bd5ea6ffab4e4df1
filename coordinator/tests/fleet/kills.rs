//! Random kills of everything that runs (workers, their agent, the coordinator) during one long run
//! that is resumed again and again: nothing is lost, nothing is counted twice. Times and victims
//! are drawn from one seed; the exact instant of a kill depends on the machine.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::Duration;

use contract::run::RunState;
use serde_json::Value;
use stats::rng::{Rng, Seed};

use crate::sandbox::{Running, Sandbox, eventually};
use crate::scale::over;
use crate::tally::{Blocks, blocks, plan, requests, state};

/// Number of kills in every test run, and in a long one.
const FEW: u32 = 12;
const MANY: u32 = 200;
const SEED: u64 = 6;
/// Requests of each block, in three arms of two slots.
const REQUESTS: u32 = 4;
/// Order of the victims.
const ORDER: [Victim; 5] = [
    Victim::Worker,
    Victim::Worker,
    Victim::Agent,
    Victim::Worker,
    Victim::Coordinator,
];
/// Greatest number of workers that start between two kills; a block has six.
const BETWEEN: usize = 9;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Worker,
    Agent,
    Coordinator,
}

/// A run under attack.
struct Siege {
    sandbox: Sandbox,
    rng: Rng,
    kills: u32,
    struck: Vec<Victim>,
    /// Blocks that were committed at the last check.
    safe: Blocks,
}

impl Siege {
    /// Waits for a drawn number of new workers and then a moment; returns false if the run has
    /// ended meanwhile.
    fn bide(&mut self, running: &Running) -> bool {
        let wanted = 1 + self.rng.below(BETWEEN);
        let known: BTreeSet<u32> = self.sandbox.workers().into_iter().collect();
        let mut seen = BTreeSet::new();
        eventually("so many workers begin", || {
            seen.extend(
                self.sandbox
                    .workers()
                    .into_iter()
                    .filter(|pid| !known.contains(pid)),
            );
            (seen.len() >= wanted || over(running.pid())).then_some(())
        });
        std::thread::sleep(Duration::from_millis(self.rng.below(60) as u64));
        !over(running.pid())
    }

    /// Kills the next victim; `None` if there is none of that kind at the moment.
    fn strike(&mut self, running: &Running) -> Option<Victim> {
        let victim = ORDER[self.struck.len() % ORDER.len()];
        let living = match victim {
            Victim::Worker => self.sandbox.workers(),
            // A process that an agent has just forked looks like it until it becomes a worker.
            Victim::Agent => Some(self.sandbox.agents())
                .filter(|agents| agents.len() == 1)
                .unwrap_or_default(),
            Victim::Coordinator => vec![running.pid()],
        };
        let pid = living.get(self.rng.below(living.len().max(1)))?;
        // It may have ended by itself meanwhile.
        let kill = Command::new("kill")
            .args(["-s", "KILL", &pid.to_string()])
            .stderr(Stdio::null())
            .status();
        kill.is_ok_and(|status| status.success()).then_some(victim)
    }

    /// Kills until one kill ends the coordinator, or all kills are done.
    fn attack(&mut self, running: &Running) {
        while self.struck.len() < self.kills as usize && self.bide(running) {
            let Some(victim) = self.strike(running) else {
                continue;
            };
            self.struck.push(victim);
            if victim != Victim::Worker {
                return;
            }
        }
    }

    /// State of the stored run, if it has begun; checks that everything committed before is
    /// unchanged.
    fn state(&mut self) -> Option<RunState> {
        if !self.sandbox.path("store").exists() {
            return None;
        }
        let store = self.sandbox.store();
        let begun = store.find("latest").is_ok();
        store.close().unwrap();
        if !begun {
            return None;
        }
        let record = self.sandbox.latest();
        requests(&record);
        let now = blocks(&record);
        self.safe.iter().for_each(|(key, parts)| {
            assert_eq!(now.get(key), Some(parts), "{key:?} {:?}", self.struck);
        });
        self.safe = now;
        // A run whose coordinator was killed has no end; it can be resumed like a failed one.
        Some(state(&record).unwrap_or(RunState::Failed))
    }
}

/// The exported document, read without knowledge of the store: each key once, and its requests.
fn exported(sandbox: &Sandbox) -> (usize, u64) {
    let shown = sandbox.run(&["report", "latest", "--output", "json"]);
    let document: Value = serde_json::from_str(&shown.stdout).unwrap();
    let parts = document["parts"].as_array().unwrap();
    let place =
        |part: &Value| ["scenario", "round", "arm", "slot"].map(|key| part[key].to_string());
    let places: BTreeSet<_> = parts.iter().map(place).collect();
    assert_eq!(places.len(), parts.len(), "a part is there twice");
    (places.len(), parts.iter().map(ended).sum())
}

/// Requests of a part with any outcome.
fn ended(part: &Value) -> u64 {
    let kinds = part["outcomes"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(kind, _)| *kind != "planned");
    kinds.map(|(_, count)| count.as_u64().unwrap()).sum()
}

fn besiege(kills: u32) {
    // Between two kills at most one and a half blocks complete, and a few are left after the last
    // kill.
    let rounds = 2 + kills * 3 / 2;
    let sandbox = Sandbox::new();
    let text = format!("max_attempts = 100\n{}", plan(rounds, REQUESTS, 6, 4));
    let path = sandbox.plan(&text);
    let mut siege = Siege {
        sandbox,
        rng: Seed(SEED).rng(),
        kills,
        struck: Vec::new(),
        safe: Blocks::new(),
    };
    let first = ["run", &path, "--seed", "1"];
    let mut running = siege.sandbox.start(&first);
    loop {
        siege.attack(&running);
        // After the last kill the rest of the run must complete, which takes many seconds on a busy
        // machine.
        let ended = running.end_within(Duration::from_secs(60 + 5 * u64::from(rounds)));
        assert_ne!(ended.code, Some(2), "{ended:?}");
        siege.sandbox.deserted();
        running = match siege.state() {
            Some(RunState::Complete) => break,
            Some(_) => siege.sandbox.start(&["run", "--resume", "latest"]),
            None => siege.sandbox.start(&first),
        };
    }
    let (parts, sent) = (rounds as usize * 3 * 2, u64::from(rounds * 3 * REQUESTS));
    let record = siege.sandbox.latest();
    assert_eq!(
        (record.parts.len(), requests(&record)),
        (parts, sent),
        "{:?}",
        siege.struck
    );
    assert_eq!(
        exported(&siege.sandbox),
        (parts, sent),
        "{:?}",
        siege.struck
    );
    assert_eq!(
        siege.struck.len(),
        kills as usize,
        "the run ended before all blows had fallen"
    );
    siege.sandbox.deserted();
}

#[test]
fn a_dozen_random_kills_lose_nothing_and_double_nothing() {
    besiege(FEW);
}

#[test]
#[ignore = "takes minutes"]
fn two_hundred_random_kills_lose_nothing_and_double_nothing() {
    besiege(MANY);
}
