//! Runs on simulated engines in virtual time: the coordinator's schedule, the worker's driver and
//! recorder, and only the assignments between them.

use std::time::Duration;

use contract::id::{Arm, Attempt, RunId};
use contract::identity::{HostFacts, Sha256};
use contract::part::{Origin, Part, Usage};
use contract::record::Record;
use contract::run::{BlockDone, Role, RunEnd, RunHeader, RunState, VariantRecord};
use contract::spec::{EngineSpec, SimSpec, Stall};
use coordinator::compare::{self, Findings};
use coordinator::plan::{EnginePlan, Plan};
use coordinator::schedule::{self, Block, Lineup};
use coordinator::store::{Addenda, RunRecord, Store};
use worker::measure::{Clock, ColdStart};
use worker::trial::{Control, OpenEngine, StartAt, TrialEnd};

/// The true properties of the host and the builds.
#[derive(Clone, Copy)]
pub(crate) struct Truth {
    /// Ratio of B to A.
    pub(crate) ratio: f64,
    /// Slowdown from the first trial to the last.
    pub(crate) drift: f64,
    /// Standard deviation of d_r; steps themselves have no noise.
    pub(crate) scatter: f64,
    /// Factor on all durations.
    pub(crate) speed: f64,
    /// Length of a stall in every trial of A2.
    pub(crate) stall: Duration,
    /// Whether the build is compared with itself.
    pub(crate) a_a: bool,
    /// Objective for the end-to-end latency, seconds; 0 means none.
    pub(crate) objective: f64,
    /// Rounds before the interim analysis; 0 means none is planned.
    pub(crate) look: u32,
    /// Whether the run ends when it is decided, and its budget in seconds; 0 means none.
    pub(crate) until: Option<u32>,
    /// The load, as in a plan.
    pub(crate) load: &'static str,
    /// Number of rounds.
    pub(crate) rounds: u32,
    /// Windows of a round.
    pub(crate) windows: u32,
    /// Cost of a prompt token, nanoseconds; it limits the engine's capacity.
    pub(crate) prefill_ns: u64,
}

const BURST: &str = r#""shape":{"kind":"burst","requests":24}"#;

pub(crate) const QUIET: Truth = Truth {
    ratio: 1.0,
    drift: 0.0,
    scatter: 0.02,
    speed: 1.0,
    stall: Duration::ZERO,
    a_a: false,
    objective: 0.0,
    look: 0,
    until: None,
    load: BURST,
    rounds: ROUNDS,
    windows: 1,
    prefill_ns: 4_000,
};

pub(crate) const ROUNDS: u32 = 10;

/// Time of a round, by the clock of its blocks' ends.
pub(crate) const ROUND_MS: u64 = 10_000;

impl Truth {
    pub(crate) fn plan(&self, seed: u64) -> Plan {
        // d = b − ½(a + a2) has 1.5 times the variance of one trial.
        let sd = self.scatter / 1.5_f64.sqrt();
        let Self {
            load,
            prefill_ns,
            rounds,
            windows,
            ..
        } = *self;
        let (drift, all, pgo) = (self.drift, self.speed, self.speed * self.ratio);
        let objectives = match self.objective {
            0.0 => String::new(),
            seconds => format!(r#","objectives":{{"e2e":{seconds}}}"#),
        };
        let look = if self.look > 0 {
            format!(r#""look":{{"at":{}}},"#, self.look)
        } else {
            match self.until {
                None => String::new(),
                Some(0) => r#""until":"decided","#.to_owned(),
                Some(seconds) => format!(r#""until":"decided","budget":{seconds},"#),
            }
        };
        let text = format!(
            r#"{{"name":"virtual",{look}"rounds":{rounds},"windows":{windows},"seed":{seed},"engine":"sim",
            "sim":{{"all":{{"step_base_ns":10000000,"prefill_ns":{prefill_ns},"jitter":0.0,"scale":{all},"drift":{drift},"round_sd":{sd}}},"pgo":{{"scale":{pgo}}}}},
            "scenario":[{{"name":"burst-24",{load},"prompt":{{"tokens":4}},
            "output_tokens":4{objectives}}}]}}"#
        );
        Plan::from_json(&text).unwrap()
    }

    fn lineup(&self) -> Lineup {
        let names: &[&str] = if self.a_a {
            &["baseline"]
        } else {
            &["baseline", "pgo"]
        };
        Lineup::new(
            &names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>(),
            self.a_a,
        )
        .unwrap()
    }

    pub(crate) fn findings(&self, seed: u64) -> Findings {
        compare::findings(self.record(seed)).unwrap()
    }

    pub(crate) fn record(&self, seed: u64) -> RunRecord {
        let (plan, lineup) = (self.plan(seed), self.lineup());
        let run = RunId::new(1_700_000_000_000 + seed, [7; 10]);
        let blocks = schedule::blocks(&plan, &lineup);
        let part = |block: &Block, arm: Arm| self.part(&plan, block, arm, run);
        let of_block = |block: &Block| {
            block
                .order
                .iter()
                .map(|arm| part(block, *arm))
                .collect::<Vec<_>>()
        };
        let mut parts: Vec<Part> = blocks.iter().flat_map(of_block).collect();
        parts.sort_by_key(|part| part.place.key);
        RunRecord {
            header: header(&plan, &lineup, run),
            blocks: blocks.iter().map(|block| done(block, &plan)).collect(),
            parts,
            superseded: Vec::new(),
            notices: Vec::new(),
            end: Some(end("{}".to_owned())),
            addenda: Addenda::default(),
        }
    }

    pub(crate) fn part(&self, plan: &Plan, block: &Block, arm: Arm, run: RunId) -> Part {
        let EnginePlan::Sim(sim) = &plan.engine else {
            panic!("a simulated engine")
        };
        let spec = schedule::sim_spec(plan, sim, block, arm);
        let stall = Stall {
            at_ns: 15_000_000,
            for_ns: self.stall.as_nanos() as u64,
        };
        let stalls = if arm == Arm::A2 && !self.stall.is_zero() {
            vec![stall]
        } else {
            Vec::new()
        };
        let spec = SimSpec { stalls, ..spec };
        let assignment = block.assignment(plan, run, arm, 0, 1);
        let clock = Clock::simulated();
        let cold = ColdStart::begin(&clock);
        let mut engine =
            OpenEngine::open(&EngineSpec::Sim(spec), plan.demand(1), 1, &clock, cold).unwrap();
        let start = StartAt {
            at: clock.now() + Duration::from_millis(10),
            uncertainty: Duration::ZERO,
        };
        let origin = Origin {
            variant: block.variant(arm).to_owned(),
            exe_sha256: Sha256([7; 32]),
            instrumented: false,
            hostname: "virtual".to_owned(),
        };
        match engine.run(
            &assignment,
            start,
            origin,
            Attempt(1),
            &Control::new(),
            &mut || (),
        ) {
            // The real host's counters are not used in virtual time.
            TrialEnd::Part(part) => Part {
                usage: Usage {
                    wall: part.usage.wall,
                    ..Usage::default()
                },
                ..*part
            },
            other => panic!("there is no part: {other:?}"),
        }
    }
}

pub(crate) fn header(plan: &Plan, lineup: &Lineup, run: RunId) -> RunHeader {
    let variant = |name: &str| VariantRecord {
        name: name.to_owned(),
        sha256: Sha256([7; 32]),
        ..VariantRecord::default()
    };
    let host = HostFacts {
        hostname: "virtual".to_owned(),
        cores: 2,
        ..HostFacts::default()
    };
    RunHeader {
        run,
        tool_version: "0.1.0".to_owned(),
        tool_git_sha: "unknown".to_owned(),
        plan_json: plan.to_json(),
        plan_digest: Sha256([3; 32]),
        seed: plan.seed,
        variants: lineup.variants().into_iter().map(variant).collect(),
        hosts: vec![("local".to_owned(), host)],
        slots: 1,
        simulated: true,
        model_digest: "simulated".to_owned(),
        model_sha256: None,
        labels: lineup
            .is_a_a()
            .then(|| Role::SameBuild.label().to_owned())
            .into_iter()
            .collect(),
        sequence: None,
    }
}

pub(crate) fn done(block: &Block, plan: &Plan) -> BlockDone {
    BlockDone {
        cell: block.cell,
        round: block.round,
        attempt: Attempt(1),
        order: block.order.clone(),
        finished_unix_ms: ROUND_MS * u64::from(block.round + 1),
        planned_requests: block.planned_requests(plan),
        lost_requests: 0,
    }
}

pub(crate) fn end(summary_json: String) -> RunEnd {
    RunEnd {
        unix_ms: 1_700_000_600_000,
        state: RunState::Complete,
        validity: "VALID".to_owned(),
        summary_json,
        reason: String::new(),
    }
}

/// The record of a run with this ending, and the summary from which its history is read.
pub(crate) fn ended(mut record: RunRecord) -> RunRecord {
    record.end = Some(end("{}".to_owned()));
    let summary = coordinator::report::summary_json(&compare::findings(record.clone()).unwrap());
    record.end = Some(end(summary));
    record
}

/// Runs the real program on a store.
pub(crate) fn program(dir: &std::path::Path, arguments: &[&str]) -> std::process::Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_coordinator"));
    command
        .arg("--store")
        .arg(dir)
        .args(arguments)
        .output()
        .unwrap()
}

/// Its standard output on one line.
pub(crate) fn said(dir: &std::path::Path, arguments: &[&str]) -> String {
    let output = program(dir, arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        !text.is_empty(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Stores a run as the coordinator would.
pub(crate) fn keep(store: &Store, record: &RunRecord) {
    let run = record.header.run;
    store.begin_run(&record.header).unwrap();
    record
        .parts
        .iter()
        .for_each(|part| store.put_part(&part.place, &part.seal().unwrap()).unwrap());
    record
        .blocks
        .iter()
        .for_each(|block| store.commit_block(run, block, &[]).unwrap());
    store.end_run(run, record.end.as_ref().unwrap()).unwrap();
}

/// The result for each of this many seeds, on two threads.
pub(crate) fn each<T: Send>(seeds: u64, find: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let of = |first: u64| (first..seeds).step_by(2).map(&find).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| of(1));
        let mut all = of(0);
        all.extend(other.join().unwrap());
        all
    })
}
