//! Whole searches for a capacity in virtual time, stored as the coordinator would.

use std::time::Duration;

use contract::id::RunId;
use coordinator::capacity::{CapacityAnswer, CapacitySearch};
use coordinator::history::RunHistory;
use coordinator::plan::{CapacityPlan, Plan, Varied, WindowTimes};
use coordinator::report::search_summary_json;
use coordinator::schedule::Lineup;
use coordinator::store::{Addenda, RunRecord, Store};

use crate::lab::{QUIET, done, end, header, keep, program};

/// A search and the engine that it measures: two sequences at most in steps of 10 ms, two tokens a
/// request.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    /// Factor on all durations.
    pub(crate) speed: f64,
    /// The same of the candidate, in addition; `None` without one.
    pub(crate) ratio: Option<f64>,
    pub(crate) varied: Varied,
    pub(crate) objectives: &'static [&'static str],
    pub(crate) precision: f64,
    pub(crate) windows: u32,
    pub(crate) seed: u64,
    /// Blocks after which the engine takes three times as long.
    pub(crate) slow_after: usize,
}

pub(crate) const RATES: Wanted = Wanted {
    speed: 1.0,
    ratio: None,
    varied: Varied::Rate,
    objectives: &["e2e.p90<60ms"],
    precision: 0.1,
    windows: 400,
    seed: 1,
    slow_after: usize::MAX,
};

impl Wanted {
    pub(crate) fn plan(&self) -> Plan {
        let (all, pgo) = (self.speed, self.speed * self.ratio.unwrap_or(1.0));
        let text = format!(
            r#"{{"name":"virtual","seed":{},"engine":"sim","sim":{{
            "all":{{"step_base_ns":10000000,"decode_ns":1000,"prefill_ns":1000,"max_batch":2,"jitter":0.05,"scale":{all},"round_sd":0.01}},
            "pgo":{{"scale":{pgo}}}}},
            "scenario":[{{"name":"chat","shape":{{"kind":"poisson","rate":40.0}},"stop":{{"duration":1.0}},
            "prompt":{{"tokens":4}},"output_tokens":2}}]}}"#,
            self.seed
        );
        let plan = Plan::from_json(&text).unwrap();
        let (lowest, highest) = match self.varied {
            Varied::Rate => (10.0, 400.0),
            Varied::Concurrency => (1.0, 64.0),
        };
        let capacity = CapacityPlan {
            method: stats::capacity::METHOD,
            varied: self.varied,
            objectives: self.objectives.iter().map(|o| o.parse().unwrap()).collect(),
            levels: vec![1, 2, 4],
            lowest,
            highest,
            ratio: 1.03,
            precision: self.precision,
            windows: self.windows,
        };
        let times = WindowTimes {
            run_in: Duration::from_secs(2),
            window: Duration::from_secs(10),
        };
        let scenario = plan.scenarios[0].clone();
        plan.searching(&scenario, capacity, times).unwrap()
    }

    pub(crate) fn lineup(&self) -> Lineup {
        let names = ["baseline".to_owned(), "pgo".to_owned()];
        let names = &names[..1 + usize::from(self.ratio.is_some())];
        Lineup::new(names, false).unwrap()
    }

    /// Searches, and stores it as the coordinator would.
    fn keep(&self, store: &Store) -> (RunId, CapacityAnswer) {
        let (plan, lineup) = (self.plan(), self.lineup());
        let run = RunId::new(1_700_000_000_000 + self.seed, [7; 10]);
        let slow = Wanted {
            speed: 3.0 * self.speed,
            ..*self
        };
        let slow = slow.plan();
        let mut search = CapacitySearch::new(&plan, &lineup).unwrap();
        let (mut parts, mut blocks) = (Vec::new(), Vec::new());
        while let Some(block) = search.next_block() {
            let slows = blocks.len() >= self.slow_after;
            let engine = if slows { &slow } else { &plan };
            for arm in &block.order {
                let part = QUIET.part(engine, &block, *arm, run);
                search.note(&part);
                parts.push(part);
            }
            let done = done(&block, &plan);
            search.done(&done).unwrap();
            blocks.push(done);
        }
        let header = header(&plan, &lineup, run);
        let answer = search.answer(run.to_string(), vec!["SIMULATED".to_owned()]);
        let history = RunHistory::of_search(&header, &plan, &answer);
        let record = RunRecord {
            header,
            blocks,
            parts,
            superseded: Vec::new(),
            notices: Vec::new(),
            end: Some(end(search_summary_json(&answer, history.as_ref()))),
            addenda: Addenda::default(),
        };
        keep(store, &record);
        (run, answer)
    }
}

/// A search over two hosts that take a load each; the second takes `slower` times as long.
pub(crate) fn on_two_hosts(slower: f64, seed: u64) -> CapacityAnswer {
    let wanted = Wanted { seed, ..RATES };
    let (plan, lineup) = (wanted.plan(), wanted.lineup());
    let slow = Wanted {
        speed: slower,
        ..wanted
    };
    let slow = slow.plan();
    let run = RunId::new(1_700_000_000_000 + seed, [7; 10]);
    let mut search = CapacitySearch::new(&plan, &lineup).unwrap();
    while let Some(block) = search.next_block() {
        for arm in &block.order {
            let mut part = QUIET.part(&plan, &block, *arm, run);
            search.note(&part);
            part = QUIET.part(&slow, &block, *arm, run);
            part.origin.hostname = "second".to_owned();
            search.note(&part);
        }
        search.done(&done(&block, &plan)).unwrap();
    }
    search.answer(run.to_string(), Vec::new())
}

/// Stores these searches, one after the other, in a directory of their own.
pub(crate) fn stored(searches: &[Wanted]) -> (tempfile::TempDir, Vec<(RunId, CapacityAnswer)>) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let kept = searches.iter().map(|wanted| wanted.keep(&store)).collect();
    (dir, kept)
}

pub(crate) fn code(dir: &tempfile::TempDir, arguments: &[&str]) -> Option<i32> {
    program(dir.path(), arguments).status.code()
}

/// Standard error of a command that is refused.
pub(crate) fn refusal(dir: &tempfile::TempDir, arguments: &[&str]) -> String {
    let output = program(dir.path(), arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?} {output:?}");
    String::from_utf8(output.stderr).unwrap()
}
