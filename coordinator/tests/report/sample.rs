//! Runs that never ran: parts made by arithmetic, so that what a report must say about them is
//! known.

use std::time::Duration;

use contract::addendum::{NoiseFloor, NoiseFloors};
use contract::id::{Arm, Attempt, RunId, TrialKey};
use contract::identity::{HostFacts, Sha256};
use contract::metric::Metric;
use contract::part::{
    Bucket, ColdPhase, EngineFacts, Histograms, Length, Origin, Outcomes, Part, Place, Sent,
    Series, StopCause, Usage, Window,
};
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
use stats::rng::Seed;

/// What is to have happened.
pub(crate) struct Story {
    pub(crate) rounds: u32,
    /// Variants beside the baseline.
    pub(crate) candidates: Vec<&'static str>,
    /// Layouts of the baseline, each with its latency as a multiple of A's.
    pub(crate) layouts: Vec<f64>,
    /// Workers side by side are in turn on each of these hosts.
    pub(crate) hosts: Vec<&'static str>,
    /// Whether parts keep their windows in slices.
    pub(crate) sliced: bool,
    /// Latency of B and of A2, as multiples of A's.
    pub(crate) b: f64,
    pub(crate) a2: f64,
    /// Scatter of ln latency between trials: uniform, this far to either side.
    pub(crate) scatter: f64,
    /// How late requests were sent.
    pub(crate) late: Duration,
    /// Failures of every trial of B.
    pub(crate) failures: u64,
    /// The only variants that fail; all when unset.
    pub(crate) failing: Option<Vec<&'static str>>,
    /// Blocks done; all when unset.
    pub(crate) blocks: Option<usize>,
    pub(crate) state: Option<RunState>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) simulated: bool,
    pub(crate) slots: u32,
    /// A slot where B is so many times slower than elsewhere.
    pub(crate) odd: Option<(u32, f64)>,
    /// Slowing of every arm from the first round to the last.
    pub(crate) drift: f64,
    /// A slow wave in B alone, this high.
    pub(crate) wave: f64,
    /// A noise floor of E2E p50, as a share.
    pub(crate) floor: Option<f64>,
    /// Both arms at once, each in every other slot.
    pub(crate) duet: bool,
    /// Tokens of every prompt as asked and as sent; not counted when unset, as in parts of old.
    pub(crate) prompts: Option<(u32, u32)>,
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
        }
    }
}

pub(crate) const SLOTS: u32 = 2;

/// The fewest that can say FASTER: runs of more are slow to make up.
pub(crate) const ROUNDS: u32 = 6;

fn sent((asked, sent): (u32, u32), requests: u64) -> Sent {
    let mut all = Sent::default();
    (0..requests).for_each(|_| all.count(Length { asked, sent }, 8.into()));
    all
}

pub(crate) fn run() -> RunId {
    RunId::new(1_700_000_000_000, [7; 10])
}

impl Story {
    /// The findings of this story.
    pub(crate) fn findings(self) -> Findings {
        compare::findings(self.record()).unwrap()
    }

    /// What `coordinator run` would print.
    pub(crate) fn printed(self, format: Format) -> String {
        let findings = self.findings();
        print(format, |reporter| {
            reporter.say(&answers::Short(&findings)).unwrap()
        })
    }

    /// What `coordinator report` would print.
    pub(crate) fn reported(self) -> String {
        let findings = self.findings();
        print(Format::Human, |reporter| {
            reporter.say(&answers::Full(&findings)).unwrap()
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
            finished_unix_ms: 5,
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

    fn host(&self, slot: u32) -> String {
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

    /// A block with a notice was done in the attempt after it.
    fn attempt(&self, block: &Block) -> Attempt {
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

    fn parts(&self, plan: &Plan, block: &Block) -> Vec<Part> {
        let requests =
            plan.scenarios[block.scenario as usize].requests() / plan.slots_of_an_arm(self.slots);
        let one = |arm: Arm, slot| self.part(block, arm, slot, u64::from(requests));
        let takes_part = |arm: Arm, slot: &u32| !block.duet || block.arm(0, *slot) == arm;
        block
            .order
            .iter()
            .flat_map(|arm| {
                let slots = (0..self.slots).filter(|slot| takes_part(*arm, slot));
                slots.map(|slot| one(*arm, slot)).collect::<Vec<_>>()
            })
            .collect()
    }

    fn part(&self, block: &Block, arm: Arm, slot: u32, requests: u64) -> Part {
        let key = block.key(arm);
        let factor = match arm {
            Arm::A => 1.0,
            Arm::B => block
                .layout()
                .map_or(self.b, |layout| self.layouts[layout.seed() as usize - 1]),
            Arm::A2 => self.a2,
        };
        let draw = Seed(u64::from(key.cell))
            .nth(key.round.into())
            .nth(arm.number().into())
            .rng()
            .unit();
        let wave = if arm == Arm::B {
            self.wave * (f64::from(key.round) / 2.5).sin()
        } else {
            0.0
        };
        let odd = self
            .odd
            .filter(|(odd, _)| arm == Arm::B && *odd == slot)
            .map_or(1.0, |(_, factor)| factor);
        let drift = 1.0 + self.drift * f64::from(key.round) / f64::from(self.rounds);
        let factor = factor * odd * drift * (wave + self.scatter * (2.0 * draw - 1.0)).exp();
        let failing = self
            .failing
            .as_ref()
            .is_none_or(|names| names.contains(&block.variant(arm)));
        let failed = if arm == Arm::B && failing {
            self.failures.min(requests)
        } else {
            0
        };
        let ok = requests - failed;
        let histograms = self.histograms(ok, 400e6 * factor);
        let last = Duration::from_nanos(histograms.get(Metric::E2e).exact().max);
        Part {
            place: Place {
                run: run(),
                key,
                slot,
                attempt: self.attempt(block),
            },
            origin: Origin {
                variant: block.variant(arm).to_owned(),
                exe_sha256: Sha256([7; 32]),
                instrumented: false,
                hostname: self.host(slot),
            },
            histograms,
            outcomes: Outcomes {
                planned: requests,
                ok,
                failed,
                ..Outcomes::default()
            },
            requests: Vec::new(),
            requests_not_kept: 0,
            steps: contract::part::StepLog::default(),
            token_digest: Sha256([8; 32]),
            prompt_tokens: 32 * ok,
            output_tokens: 32 * ok,
            offered: requests,
            in_time: None,
            stopped: StopCause::AsPlanned,
            good: None,
            run_in: 0,
            sent: self.prompts.map(|prompts| sent(prompts, requests)),
            series: if self.sliced {
                series(ok, 400e6 * factor)
            } else {
                Series::default()
            },
            window: Window {
                first_completion: last / 2,
                last_completion: last,
                ..Window::default()
            },
            cold: cold(),
            usage: Usage {
                wall: last,
                cpu_user: last,
                peak_rss_bytes: 300 << 20,
                ..Usage::default()
            },
            engine: EngineFacts {
                threads: 4,
                peak_running: 50,
                peak_kv_bytes: 30 << 20,
                kv_bytes_total: Some(40 << 20),
                stepping: Some(last / 2),
                scheduling: Some(last / 200),
                ..EngineFacts::default()
            },
        }
    }

    /// Latencies from the middle to twice it, evenly.
    fn histograms(&self, requests: u64, middle_ns: f64) -> Histograms {
        let mut histograms = Histograms::default();
        for i in 0..requests {
            let e2e = middle_ns * (1.0 + i as f64 / requests as f64);
            let share = |share: f64| (e2e * share) as u64;
            let spans = [
                (Metric::E2e, 1.0),
                (Metric::Ttft, 0.2),
                (Metric::Itl, 0.8 / 31.0),
                (Metric::Tpot, 0.8 / 31.0),
                (Metric::Queue, 0.05),
                (Metric::Prefill, 0.15),
                (Metric::Decode, 0.8),
                (Metric::Service, 1.0),
            ];
            spans
                .iter()
                .for_each(|(metric, part)| histograms.get_mut(*metric).record_ns(share(*part)));
            histograms.get_mut(Metric::Lateness).record(self.late);
        }
        histograms
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

/// The requests of [`Story::histograms`] as an open loop would have them: one due after the other.
fn series(requests: u64, middle_ns: f64) -> Series {
    let width = Series::FINEST.as_nanos() as u64;
    let mut buckets = vec![Bucket::default(); 130];
    for i in 0..requests {
        let share = i as f64 / requests as f64;
        let (due, took) = ((share * 200e6) as u64, (middle_ns * (1.0 + share)) as u64);
        let due_in = &mut buckets[(due / width) as usize];
        due_in.offered += 1;
        due_in.intended_ok += 1;
        due_in.ttft_sum_ns += took / 5;
        let done = (due + took) / width;
        buckets[done as usize].tokens += 32;
        (due / width..done).for_each(|at| buckets[at as usize].in_flight_ns += width);
    }
    Series {
        width: Series::FINEST,
        buckets,
    }
}

fn cold() -> Vec<ColdPhase> {
    let phase = |(name, ms): (&str, u64)| ColdPhase {
        name: name.to_owned(),
        took: Duration::from_millis(ms),
    };
    [("process", 9), ("weights", 120), ("first_token", 40)]
        .map(phase)
        .to_vec()
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

/// What a reporter of this format prints, without colour.
pub(crate) fn print(format: Format, show: impl FnOnce(&mut Reporter<'_>)) -> String {
    painted(format, false, show)
}

/// What a reporter of this format prints.
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

/// The text as one line, as a reader takes it in.
pub(crate) fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
