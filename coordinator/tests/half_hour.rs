//! Half an hour of a rising load over sixteen workers, in virtual time, from the plan to the
//! verdict: real workers' trials, their parts sealed as they are stored, and the whole report.
//! Twice, equal to the bit. Its duration is not asserted.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use contract::id::{Arm, Attempt, RunId};
use contract::identity::Sha256;
use contract::metric::Metric;
use contract::part::{Origin, Part};
use contract::record::Record;
use contract::run::{BlockDone, RunEnd, RunHeader, RunState, VariantRecord};
use contract::spec::{Assignment, EngineSpec, SimSpec};
use coordinator::compare::{self, Findings};
use coordinator::plan::Plan;
use coordinator::schedule::{self, Block, Lineup};
use coordinator::store::{Addenda, RunRecord};
use worker::measure::{Clock, ColdStart};
use worker::trial::{Control, OpenEngine, StartAt, TrialEnd};

const WORKERS: u32 = 16;

/// Half an hour at the mean of 1 and 500 requests per second.
const REQUESTS: u64 = 450_900;

const PLAN: &str = r#"{"name":"half-hour","rounds":1,"control":false,"seed":7,"slots":16,"engine":"sim",
    "scenario":[{"name":"ramp","shape":{"kind":"ramp","from":1.0,"to":500.0,"over":1800.0},
    "prompt":{"tokens":4},"output_tokens":1}]}"#;

fn run() -> RunId {
    RunId::new(1_700_000_000_000, [7; 10])
}

fn plan(seed: u64) -> Plan {
    Plan::from_json(&PLAN.replace("\"seed\":7", &format!("\"seed\":{seed}"))).unwrap()
}

/// One worker's trial, sealed.
fn trial(plan: &Plan, work: &Assignment) -> Vec<u8> {
    let clock = Clock::simulated();
    let spec = EngineSpec::Sim(SimSpec::default());
    let demand = plan.demand(WORKERS);
    let mut engine =
        OpenEngine::open(&spec, demand, WORKERS, &clock, ColdStart::begin(&clock)).unwrap();
    let control = Control::new();
    assert!(engine.warm_up(work, &control).unwrap());
    let start = StartAt {
        at: clock.now() + Duration::from_millis(10),
        uncertainty: Duration::ZERO,
    };
    let origin = Origin {
        variant: work.variant.clone(),
        exe_sha256: Sha256::default(),
        instrumented: false,
        hostname: "here".to_owned(),
    };
    match engine.run(work, start, origin, Attempt(1), &control, &mut || ()) {
        TrialEnd::Part(part) => part.seal().unwrap(),
        other => panic!("there is no part: {other:?}"),
    }
}

/// Every part as it is stored.
fn fleet(plan: &Plan, block: &Block, arms: &[Arm]) -> Vec<Vec<u8>> {
    let places = arms
        .iter()
        .flat_map(|arm| (0..WORKERS).map(move |slot| (*arm, slot)));
    places
        .map(|(arm, slot)| trial(plan, &block.assignment(plan, run(), arm, slot, WORKERS)))
        .collect()
}

fn findings(plan: &Plan, block: &Block, sealed: &[Vec<u8>]) -> Findings {
    let mut parts: Vec<Part> = sealed
        .iter()
        .map(|bytes| Part::open(bytes).unwrap())
        .collect();
    parts.sort_by_key(|part| (part.place.key, part.place.slot));
    let variant = |name: &str, salt: u8| VariantRecord {
        name: name.to_owned(),
        sha256: Sha256([salt; 32]),
        text_sha256: Sha256([salt; 32]),
        git_sha: String::new(),
        flags: String::new(),
        profile_sha256: Sha256::default(),
        ..VariantRecord::default()
    };
    let header = RunHeader {
        run: run(),
        tool_version: String::new(),
        tool_git_sha: String::new(),
        plan_json: plan.to_json(),
        plan_digest: Sha256::default(),
        seed: plan.seed,
        variants: vec![variant("baseline", 1), variant("pgo", 2)],
        hosts: Vec::new(),
        slots: WORKERS,
        simulated: true,
        model_digest: "simulated".to_owned(),
        model_sha256: None,
        labels: Vec::new(),
        sequence: None,
    };
    let done = BlockDone {
        cell: block.cell,
        round: block.round,
        attempt: Attempt(1),
        order: block.order.clone(),
        finished_unix_ms: 1,
        planned_requests: block.planned_requests(plan),
        lost_requests: 0,
    };
    let end = RunEnd {
        unix_ms: 1,
        state: RunState::Complete,
        validity: String::new(),
        summary_json: String::new(),
        reason: String::new(),
    };
    let record = RunRecord {
        header,
        blocks: vec![done],
        parts,
        superseded: Vec::new(),
        end: Some(end),
        notices: Vec::new(),
        addenda: Addenda::default(),
    };
    compare::findings(record).unwrap()
}

fn block(plan: &Plan) -> Block {
    let lineup = Lineup::new(&["baseline".to_owned(), "pgo".to_owned()], false).unwrap();
    schedule::blocks(plan, &lineup).remove(0)
}

#[test]
fn half_an_hour_of_sixteen_workers_is_the_same_twice_from_plan_to_verdict() {
    let plan = plan(7);
    let block = block(&plan);
    let arms = block.order.clone();
    let once = fleet(&plan, &block, &arms);
    // Only the noise of a simulated engine depends on the arm, so one arm is enough for the second
    // time.
    let twice = fleet(&plan, &block, &arms[..1]);
    assert!(
        once[..WORKERS as usize] == twice[..],
        "sealed parts are the same to the bit"
    );

    let found = findings(&plan, &block, &once);
    let again = findings(
        &plan,
        &block,
        &[&twice[..], &once[WORKERS as usize..]].concat(),
    );
    let said = |findings: &Findings| format!("{:?} {:?}", findings.validity, findings.cells);
    assert_eq!(
        said(&found),
        said(&again),
        "verdicts, checks and figures too"
    );
    for arm in &found.cells[0].arms {
        assert_eq!(
            (arm.outcomes.planned, arm.outcomes.ok),
            (REQUESTS, REQUESTS)
        );
        let lateness = arm
            .latencies
            .iter()
            .find(|latency| latency.metric == Metric::Lateness)
            .unwrap();
        assert_eq!(
            (lateness.count, lateness.max),
            (REQUESTS, 1),
            "in virtual time nobody is late"
        );
        assert_eq!(arm.views.achieved, Some(1.0));
    }
    let doubts: Vec<_> = found.cells[0]
        .checks
        .iter()
        .filter_map(|(_, checked)| checked.finding.as_ref())
        .collect();
    assert!(doubts.is_empty(), "{doubts:?}");
}

#[test]
fn another_seed_would_be_seen() {
    let sealed = |seed| {
        let plan = plan(seed);
        trial(
            &plan,
            &block(&plan).assignment(&plan, run(), Arm::A, 0, WORKERS),
        )
    };
    assert!(sealed(8) != sealed(9));
}
