//! Helpers for tests of trials: scenarios, assignments, and a trial from opening to part in one
//! call.

use std::time::Duration;

use contract::id::{Arm, Attempt, RunId, TrialKey};
use contract::identity::Sha256;
use contract::metric::Metric;
use contract::part::vet::{self, Age, Assigned, Load, PartFault};
use contract::part::{Origin, Outcome, Part, PartKey, RequestRecord};
use contract::spec::{
    Assignment, Demand, EngineSpec, NativeSpec, Objectives, PromptSet, PromptSpec, Scenario, Shape,
    Share, SimSpec, StopSpec, Warmup,
};
use worker::measure::{Clock, ColdStart};
use worker::trial::{Control, OpenEngine, StartAt, TrialEnd};

pub(super) const MS: Duration = Duration::from_millis(1);

pub(super) fn scenario(shape: Shape) -> Scenario {
    Scenario {
        name: "test".to_owned(),
        shape,
        prompt: PromptSpec::of(PromptSet::Evaluation, 16),
        output_tokens: 8.into(),
        mix: Vec::new(),
        stop: StopSpec::default(),
        max_in_flight: None,
        objectives: Objectives::default(),
        warmup: Warmup::default(),
        timeout: Duration::from_secs(600),
    }
}

pub(super) fn burst(requests: u32) -> Scenario {
    scenario(Shape::Burst { requests })
}

pub(super) fn assignment(scenario: Scenario, arm: Arm, share: Share) -> Assignment {
    Assignment {
        run: RunId::new(1, [7; 10]),
        key: TrialKey {
            cell: 0,
            round: 0,
            arm,
        },
        variant: "baseline".to_owned(),
        slot: share.index,
        scenario,
        share,
        seed: 42,
    }
}

pub(super) fn whole(scenario: Scenario) -> Assignment {
    assignment(scenario, Arm::A, Share { index: 0, of: 1 })
}

pub(super) fn native(dir: &std::path::Path) -> EngineSpec {
    inference::synth::write(inference::synth::Preset::Tiny, 1, dir)
        .expect("the directory is writable");
    EngineSpec::Native(NativeSpec {
        model: dir.to_str().expect("the path is UTF-8").to_owned(),
        threads: 1,
        kv_bytes: 0,
        max_batch: 256,
        prefill_chunk: 64,
        kv_f32: false,
        weights: contract::spec::WeightForm::AsStored,
        handicap: 0.0,
        prefix_reuse: false,
        pin: false,
    })
}

pub(super) fn origin() -> Origin {
    Origin {
        variant: "baseline".to_owned(),
        exe_sha256: Sha256::default(),
        instrumented: false,
        hostname: "here".to_owned(),
    }
}

pub(super) fn open(spec: &EngineSpec, assignment: &Assignment, clock: &Clock) -> OpenEngine {
    let demand = Demand {
        concurrency: assignment.scenario.concurrency(),
        tokens_per_request: assignment.scenario.tokens_per_request(),
    };
    OpenEngine::open(spec, demand, 1, clock, ColdStart::begin(clock)).expect("it opens")
}

pub(super) fn run(
    engine: &mut OpenEngine,
    assignment: &Assignment,
    clock: &Clock,
    control: &Control,
) -> TrialEnd {
    let start = StartAt {
        at: clock.now() + 10 * MS,
        uncertainty: MS,
    };
    let mut started = 0;
    let end = engine.run(
        assignment,
        start,
        origin(),
        Attempt(3),
        control,
        &mut || started += 1,
    );
    if let TrialEnd::Part(part) = &end {
        assert_eq!(
            vetted(part, assignment),
            Ok(()),
            "what a worker measures is believed"
        );
    }
    if !control.is_cancelled() {
        assert_eq!(started, 1);
    }
    end
}

pub(super) fn part(end: TrialEnd) -> Part {
    match end {
        TrialEnd::Part(part) => *part,
        other => panic!("there is no part: {other:?}"),
    }
}

/// Open, warm up, run.
pub(super) fn trial(spec: &EngineSpec, assignment: &Assignment, clock: &Clock) -> Part {
    let mut engine = open(spec, assignment, clock);
    let control = Control::new();
    assert_eq!(engine.warm_up(assignment, &control), Ok(true));
    part(run(&mut engine, assignment, clock, &control))
}

pub(super) fn simulated(spec: SimSpec, assignment: &Assignment) -> Part {
    trial(&EngineSpec::Sim(spec), assignment, &Clock::simulated())
}

/// The coordinator's check of a part.
pub(super) fn vetted(part: &Part, of: &Assignment) -> Result<(), PartFault> {
    let place = PartKey {
        run: of.run,
        key: of.key,
        slot: of.slot,
        attempt: Attempt(3),
    };
    let to = Assigned {
        place: &place,
        variant: &of.variant,
        exe_sha256: Some(Sha256::default()),
        instrumented: false,
        load: Some(Load {
            scenario: &of.scenario,
            share: of.share,
        }),
        model_digest: None,
        threads: None,
        processors: std::thread::available_parallelism()
            .ok()
            .and_then(|count| u32::try_from(count.get()).ok()),
        age: Age::Today,
    };
    vet::assigned(part, &to)
}

/// Checks that hold for every part.
pub(super) fn check(part: &Part, planned: u64) {
    assert_eq!(part.outcomes.planned, planned);
    assert_eq!(part.outcomes.ended(), planned);
    assert_eq!(part.requests.len() as u64 + part.requests_not_kept, planned);
    for metric in [
        Metric::E2e,
        Metric::Ttft,
        Metric::Queue,
        Metric::Prefill,
        Metric::Decode,
        Metric::Service,
    ] {
        assert_eq!(
            part.histograms.get(metric).exact().count,
            part.outcomes.ok,
            "{}",
            metric.name()
        );
    }
    assert_eq!(part.histograms.get(Metric::Lateness).exact().count, planned);
    assert_eq!(
        part.histograms.get(Metric::Itl).exact().count,
        part.output_tokens - part.outcomes.ok
    );
    if part.requests_not_kept == 0 {
        recompute(part);
    }
}

/// Every metric except ITL follows from the single requests too, and must be the same to the
/// nanosecond.
pub(super) fn recompute(part: &Part) {
    let mut again = contract::part::Histograms::default();
    for request in &part.requests {
        again
            .get_mut(Metric::Lateness)
            .record_ns(request.sent_ns - request.intended_ns);
        if request.outcome == Outcome::Ok {
            record(&mut again, request);
        }
    }
    for metric in Metric::ALL
        .into_iter()
        .filter(|metric| *metric != Metric::Itl)
    {
        assert_eq!(
            again.get(metric),
            part.histograms.get(metric),
            "{}",
            metric.name()
        );
    }
    let sum = |metric| part.histograms.get(metric).exact().sum;
    assert!(
        sum(Metric::Itl) >= sum(Metric::Decode),
        "gaps of zero count as one nanosecond"
    );
}

fn record(into: &mut contract::part::Histograms, request: &RequestRecord) {
    let RequestRecord {
        intended_ns,
        sent_ns,
        started_ns,
        first_token_ns,
        done_ns,
        ..
    } = *request;
    let mut record = |metric, from: u64, to: u64| into.get_mut(metric).record_ns(to - from);
    record(Metric::E2e, intended_ns, done_ns);
    record(Metric::Ttft, intended_ns, first_token_ns);
    record(Metric::Queue, sent_ns, started_ns);
    record(Metric::Prefill, started_ns, first_token_ns);
    record(Metric::Decode, first_token_ns, done_ns);
    record(Metric::Service, sent_ns, done_ns);
    if request.output_tokens >= 2 {
        let tpot = (done_ns - first_token_ns) / u64::from(request.output_tokens - 1);
        record(Metric::Tpot, 0, tpot);
    }
}
