//! Fills the document of a search. Its shape is [`crate::report::document::CapacityDocument`].

use stats::capacity::{Confirmation, Count, Estimate, Gain, Interval, Model, Outcome, Scaling};

use crate::capacity::{CapacityAnswer, HostSeen, OfObjective, ProbeSeen};
use crate::plan::{Objective, Varied};
use crate::report::document::{
    Capacity, CapacityCheck, CapacityDocument, CapacityEstimate, CapacityGain, CapacityHost,
    CapacityInterval, CapacityLevel, CapacityOfObjective, CapacityProbe, CapacityScaling,
    CapacityStepLaw, CapacityWindow, SCHEMA_VERSION,
};
use crate::report::phrases::capacity::{advice, headline, purpose};

/// The document of a search.
pub(crate) fn document(answer: &CapacityAnswer) -> CapacityDocument {
    CapacityDocument {
        schema_version: SCHEMA_VERSION,
        kind: "capacity".to_owned(),
        capacity: capacity(answer),
    }
}

fn capacity(answer: &CapacityAnswer) -> Capacity {
    let wanted = &answer.capacity;
    let (passing_load, failing_load) = ends(answer);
    let confirmation = match &answer.outcome {
        Some(Outcome::Found { confirmation, .. }) => Some(*confirmation),
        _ => None,
    };
    let levels = answer.levels.iter().map(|level| CapacityLevel {
        in_flight: level.in_flight,
        requests_per_second: level.requests_per_second,
        tokens_per_second: level.tokens_per_second,
    });
    Capacity {
        run: answer.run.clone(),
        plan: answer.plan.clone(),
        labels: answer.labels.clone(),
        baseline: answer.baseline.clone(),
        candidate: answer.candidate.clone(),
        varied: match wanted.varied {
            Varied::Rate => "rate".to_owned(),
            Varied::Concurrency => "concurrency".to_owned(),
        },
        method: wanted.method,
        objectives: wanted.objectives.iter().map(Objective::to_string).collect(),
        precision: wanted.precision,
        outcome: answer.outcome.as_ref().map(|o| o.name().to_owned()),
        says: headline(answer),
        advice: advice(answer),
        passing_load,
        failing_load,
        estimate: answer.estimate().map(|e| {
            let binding = wanted.objectives.get(e.binding);
            estimate(e, binding)
        }),
        confirmation: confirmation.map(|held| check(answer, held)),
        gain: answer.gain.as_ref().map(gain),
        by_objective: answer.by_objective.iter().map(of_objective).collect(),
        hosts: answer.hosts.iter().map(host).collect(),
        levels: levels.collect(),
        step_law: answer.step_law.map(|law| CapacityStepLaw {
            base_ms: 1e3 * law.base,
            each_ms: 1e3 * law.each,
            standard_errors_ms: law
                .errors
                .0
                .is_finite()
                .then_some([1e3 * law.errors.0, 1e3 * law.errors.1]),
        }),
        scaling: answer.scaling.as_ref().ok().map(scaling),
        probes: answer.probes.iter().map(probe).collect(),
        windows: answer.windows,
        windows_at_most: wanted.windows,
    }
}

/// The loads that pass and fail, where the outcome names them.
fn ends(answer: &CapacityAnswer) -> (Option<f64>, Option<f64>) {
    let load = |rung: &u32| answer.rate(*rung);
    match &answer.outcome {
        Some(Outcome::AtLeast { rung, .. }) => (rung.as_ref().map(load), None),
        Some(Outcome::AtMost { rung }) => (None, Some(load(rung))),
        Some(Outcome::Cliff { pass, fail }) => (Some(load(pass)), Some(load(fail))),
        Some(Outcome::NotMonotone { pass, fail }) => (pass.as_ref().map(load), Some(load(fail))),
        _ => (None, None),
    }
}

fn estimate(estimate: &Estimate, binding: Option<&Objective>) -> CapacityEstimate {
    CapacityEstimate {
        baseline: interval(estimate.baseline),
        candidate: estimate.candidate.map(interval),
        ratio: estimate.ratio.map(interval),
        control: estimate.control.map(interval),
        binding: binding.map(Objective::to_string),
        slope: estimate.slope,
        groups: estimate.groups,
        df: estimate.freedom,
    }
}

fn interval(interval: Interval) -> CapacityInterval {
    let ended = interval.half.is_finite();
    CapacityInterval {
        value: interval.centre.exp(),
        low: ended.then(|| interval.low().exp()),
        high: ended.then(|| interval.high().exp()),
        ln: interval.centre,
        ln_half_width: ended.then_some(interval.half),
    }
}

fn check(answer: &CapacityAnswer, held: Confirmation) -> CapacityCheck {
    CapacityCheck {
        holds: held.holds(),
        load: answer.rate(held.rung),
        windows: held.windows,
        used: held.used,
        design: held.design,
        p: held.p,
    }
}

fn gain(gain: &Gain) -> CapacityGain {
    let row = |step: &stats::capacity::GainStep| {
        format!("{step}: {}", if step.applies { "yes" } else { "no" })
    };
    CapacityGain {
        verdict: gain.verdict.name().to_owned(),
        tolerance: gain.limit.exp_m1(),
        p: gain.p,
        adjusted_p: gain.adjusted_p,
        mde: gain.mde.exp_m1(),
        path: gain.path.iter().map(row).collect(),
    }
}

fn host(host: &HostSeen) -> CapacityHost {
    CapacityHost {
        name: host.name.clone(),
        baseline: interval(host.estimate),
        over_others: interval(host.over_others),
        adjusted_p: host.p,
        odd: host.odd,
    }
}

fn scaling(law: &Scaling) -> CapacityScaling {
    let (sigma, kappa) = law.sigma_kappa();
    let twice = law.at(2.0 * law.greatest);
    let model = match law.model {
        Model::Linear => "linear",
        Model::Amdahl => "amdahl",
        Model::Universal => "universal",
    };
    CapacityScaling {
        model: model.to_owned(),
        theta: law.theta[0],
        sigma,
        kappa,
        peak: law.peak(),
        greatest: law.greatest,
        at_twice: twice.map(|at| at.centre),
        at_twice_band: twice.map(|at| [at.band.0, at.band.1]),
    }
}

fn of_objective(of: &OfObjective) -> CapacityOfObjective {
    CapacityOfObjective {
        objective: of.objective.to_string(),
        estimate: estimate(&of.estimate, Some(&of.objective)),
        gain: of.gain.as_ref().map(gain),
    }
}

fn probe(probe: &ProbeSeen) -> CapacityProbe {
    let window = |(arm, counts): &(&str, Vec<Count>)| CapacityWindow {
        arm: (*arm).to_owned(),
        requests: counts.first().map_or(0, |count| count.of),
        violated: counts.iter().map(|count| count.violated).collect(),
    };
    CapacityProbe {
        load: probe.rate,
        purpose: purpose(probe.purpose).to_owned(),
        windows: probe.arms.iter().map(window).collect(),
        margin: probe.margin.is_finite().then_some(probe.margin),
        requests_per_second: probe.requests_per_second,
        generator_late: probe.limited,
    }
}
