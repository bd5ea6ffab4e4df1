//! Runs that were never run: parts computed arithmetically, so that the correct report is known.

use std::time::Duration;

use contract::addendum::{NoiseFloor, NoiseFloors};
use contract::id::{Arm, Attempt, RunId, TrialKey};
use contract::identity::{HostFacts, Sha256};
use contract::part::{Part, ServerFacts};
use contract::run::{
    BlockDone, Notice, NoticeKind, Role, RunEnd, RunHeader, RunState, VariantRecord,
};
use coordinator::cli::Format;
use coordinator::compare::{self, Findings};
use coordinator::layout::Layout;
use coordinator::plan::{self, EngineKind, Overrides, Plan, Source};
use coordinator::report::{Reporter, Streams, answers};
use coordinator::schedule::{self, Block, Lineup};
use coordinator::store::{Addenda, RunRecord};

/// The run to construct.
pub(crate) struct Story {
    pub(crate) rounds: u32,
    /// Variants other than the baseline.
    pub(crate) candidates: Vec<&'static str>,
    /// Layouts of the baseline, each with its latency as a multiple of A's.
    pub(crate) layouts: Vec<f64>,
    /// Slots are assigned to these hosts in turn.
    pub(crate) hosts: Vec<&'static str>,
    /// Whether parts keep time slices of their windows.
    pub(crate) sliced: bool,
    /// Latency of B and of A2, relative to A's.
    pub(crate) b: f64,
    pub(crate) a2: f64,
    /// Scatter of ln latency between trials: uniform, this far to either side.
    pub(crate) scatter: f64,
    /// Lateness of requests.
    pub(crate) late: Duration,
    /// Number of failures in every trial of B.
    pub(crate) failures: u64,
    /// The only variants that fail; all by default.
    pub(crate) failing: Option<Vec<&'static str>>,
    /// Number of blocks done; all by default.
    pub(crate) blocks: Option<usize>,
    pub(crate) state: Option<RunState>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) simulated: bool,
    pub(crate) slots: u32,
    /// A slot in which B is slower by this factor than elsewhere.
    pub(crate) odd: Option<(u32, f64)>,
    /// Slowdown of every arm from the first round to the last.
    pub(crate) drift: f64,
    /// Height of a slow wave in B alone.
    pub(crate) wave: f64,
    /// A noise floor of E2E p50, as a share.
    pub(crate) floor: Option<f64>,
    /// Both arms at once, in alternate slots.
    pub(crate) duet: bool,
    /// Tokens of every prompt as asked and as sent; by default not counted, as in older parts.
    pub(crate) prompts: Option<(u32, u32)>,
    /// Time between the ends of two rounds.
    pub(crate) pace_ms: u64,
    /// Facts of a server, the same in every part. Only B has the failures.
    pub(crate) server: Option<ServerFacts>,
}

impl Default for Story {
    fn default() -> Self {
        Self {
            rounds: ROUNDS,
            candidates: vec!["pgo"],
            layouts: Vec::new(),
            hosts: vec!["bench-1"],
            sliced: false,
            b: 1.0,
            a2: 1.0,
            scatter: 0.0002,
            late: Duration::from_micros(3),
            failures: 0,
            failing: None,
            blocks: None,
            state: Some(RunState::Complete),
            notices: Vec::new(),
            simulated: false,
            slots: SLOTS,
            odd: None,
            drift: 0.0,
            wave: 0.0,
            floor: None,
            duet: false,
            prompts: None,
            pace_ms: 0,
            server: None,
        }
    }
}

pub(crate) const SLOTS: u32 = 2;

/// Fewest rounds for FASTER; longer runs take longer to construct.
pub(crate) const ROUNDS: u32 = 6;

pub(crate) fn run() -> RunId {
    RunId::new(1_700_000_000_000, [7; 10])
}

impl Story {
    /// The findings of this story.
    pub(crate) fn findings(self) -> Findings {
        compare::findings(self.record()).unwrap()
    }

    /// Output of `coordinator run`.
    pub(crate) fn printed(self, format: Format) -> String {
        let findings = self.findings();
        print(format, |reporter| {
            reporter.say(&answers::Short(&findings)).unwrap();
        })
    }

    /// Output of `coordinator report`.
    pub(crate) fn reported(self) -> String {
        let findings = self.findings();
        print(Format::Human, |reporter| {
            reporter.say(&answers::Full(&findings)).unwrap();
        })
    }

    pub(crate) fn record(self) -> RunRecord {
        let plan = self.plan();
        let lineup = Lineup::new(&self.variants(), false).unwrap();
        let mut blocks = schedule::blocks(&plan, &lineup);
        blocks.truncate(self.blocks.unwrap_or(usize::MAX));
        let mut parts: Vec<Part> = blocks
            .iter()
            .flat_map(|block| self.parts(&plan, block))
            .collect();
        parts.sort_by_key(|part| (part.place.key, part.place.slot));
        let done = |block: &Block| BlockDone {
            cell: block.cell,
            round: block.round,
            attempt: self.attempt(block),
            order: block.order.clone(),
            finished_unix_ms: 5 + self.pace_ms * u64::from(block.round),
            planned_requests: block.planned_requests(&plan),
            lost_requests: 0,
        };
        RunRecord {
            header: self.header(&plan),
            blocks: blocks.iter().map(done).collect(),
            parts,
            superseded: Vec::new(),
            end: self.state.map(end),
            notices: self.notices,
            addenda: Addenda {
                floors: self.floor.map(floors),
                ..Addenda::default()
            },
        }
    }

    fn variants(&self) -> Vec<String> {
        let layouts = Layout::all().take(self.layouts.len()).map(Layout::name);
        let names = std::iter::once("baseline")
            .chain(self.candidates.iter().copied())
            .chain(layouts);
        names.map(str::to_owned).collect()
    }

    pub(crate) fn host(&self, slot: u32) -> String {
        self.hosts[slot as usize % self.hosts.len()].to_owned()
    }

    fn plan(&self) -> Plan {
        let overrides = Overrides {
            rounds: Some(self.rounds),
            slots: Some(self.slots),
            duet: Some(self.duet),
            control: self.duet.then_some(false),
            engine: Some(EngineKind::Sim),
            ..Overrides::default()
        };
        plan::resolve(&Source::Preset("high".to_owned()), &overrides, 42).unwrap()
    }

    fn header(&self, plan: &Plan) -> RunHeader {
        let variant = |name: &str, salt: u8| VariantRecord {
            name: name.to_owned(),
            sha256: Sha256([salt; 32]),
            text_sha256: Sha256([salt + 1; 32]),
            git_sha: "0123456789abcdef".to_owned(),
            flags: "-Ctarget-cpu=x86-64-v3 -Cprofile-use=merged.profdata".to_owned(),
            profile_sha256: Sha256([salt / 2; 32]),
            ..VariantRecord::default()
        };
        let host = |name: &&str| HostFacts {
            hostname: (*name).to_owned(),
            cpu_model: "Example Processor 9000 @ 3.00GHz".to_owned(),
            cores: 8,
            memory_bytes: 16 << 30,
            ..HostFacts::default()
        };
        RunHeader {
            run: run(),
            tool_version: "0.1.0".to_owned(),
            tool_git_sha: "abcdef".to_owned(),
            plan_json: plan.to_json(),
            plan_digest: Sha256([3; 32]),
            seed: plan.seed,
            variants: (1_u8..)
                .zip(self.variants())
                .map(|(at, name)| variant(&name, 0x10 * at))
                .collect(),
            hosts: self
                .hosts
                .iter()
                .map(|name| ("local".to_owned(), host(name)))
                .collect(),
            slots: self.slots,
            simulated: self.simulated,
            model_digest: "tiny-llama-test".to_owned(),
            model_sha256: None,
            labels: self
                .duet
                .then(|| Role::AtOnce.label().to_owned())
                .into_iter()
                .collect(),
            sequence: None,
        }
    }

    /// A block with a notice was completed in the next attempt.
    pub(crate) fn attempt(&self, block: &Block) -> Attempt {
        let here =
            |notice: &&Notice| (notice.key.cell, notice.key.round) == (block.cell, block.round);
        let last = self
            .notices
            .iter()
            .filter(here)
            .map(|notice| notice.attempt.0)
            .max();
        Attempt(last.map_or(1, |attempt| attempt + 1))
    }
}

pub(crate) fn end(state: RunState) -> RunEnd {
    let reason = if state == RunState::Complete {
        ""
    } else {
        "interrupted by the user"
    };
    RunEnd {
        unix_ms: 1_700_000_600_000,
        state,
        validity: "VALID".to_owned(),
        summary_json: "{}".to_owned(),
        reason: reason.to_owned(),
    }
}

/// A worker of burst-100, round 3, arm B was lost in the first attempt.
pub(crate) fn loss() -> Notice {
    Notice {
        unix_ms: 9,
        key: TrialKey {
            cell: 0,
            round: 2,
            arm: Arm::B,
        },
        attempt: Attempt(1),
        kind: NoticeKind::WorkerLost,
        message: "the worker of slot 1 ended by signal 9".to_owned(),
        workers: Some(1),
        host: None,
    }
}

fn floors(share: f64) -> NoiseFloors {
    let floor = |scenario: &str| NoiseFloor {
        scenario: scenario.to_owned(),
        measure: "e2e-p50".to_owned(),
        share,
    };
    NoiseFloors {
        unix_ms: 1,
        series: "s".to_owned(),
        host_class: "c".to_owned(),
        baseline: Sha256([0x10; 32]),
        runs: 20,
        floors: ["burst-100", "burst-200"].map(floor).to_vec(),
    }
}

/// Output of a reporter in this format, without colour.
pub(crate) fn print(format: Format, show: impl FnOnce(&mut Reporter<'_>)) -> String {
    painted(format, false, show)
}

/// Output of a reporter in this format.
pub(crate) fn painted(
    format: Format,
    colour: bool,
    show: impl FnOnce(&mut Reporter<'_>),
) -> String {
    let mut out = Vec::new();
    {
        let mut reporter = Reporter::new(
            format,
            Streams {
                out: &mut out,
                colour,
                terminal: false,
                quiet: false,
            },
        );
        show(&mut reporter);
    }
    String::from_utf8(out).unwrap()
}

/// The text on one line.
pub(crate) fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Checks that a text contains `wanted`, wherever its lines break.
pub(crate) fn says(text: &str, wanted: &str) {
    assert!(flat(text).contains(wanted), "no {wanted:?} in\n{text}");
}

/// Checks that it does not.
pub(crate) fn silent(text: &str, unwanted: &str) {
    assert!(!flat(text).contains(unwanted), "{unwanted:?} in\n{text}");
}
