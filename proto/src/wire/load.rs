//! Engines, scenarios and assignments to their messages and back.

use super::{WireError, pb, required};
use crate::id::{Arm, TrialKey};
use crate::spec::{
    Assignment, Demand, EngineSpec, NativeSpec, Scenario, Share, SimSpec, Stall, WeightForm,
};

pub(super) fn engine_to(engine: &EngineSpec) -> pb::EngineSpec {
    let kind = match engine.clone() {
        EngineSpec::Native(native) => pb::engine_spec::Kind::Native(native_to(native)),
        EngineSpec::Sim(sim) => pb::engine_spec::Kind::Sim(sim_to(sim)),
        EngineSpec::Linked(_) => unreachable!("until the wire carries JSON"),
    };
    pb::EngineSpec { kind: Some(kind) }
}

pub(super) fn engine_from(engine: Option<pb::EngineSpec>) -> Result<EngineSpec, WireError> {
    Ok(match required(engine.and_then(|e| e.kind), "engine")? {
        pb::engine_spec::Kind::Native(native) => EngineSpec::Native(native_from(native)),
        pb::engine_spec::Kind::Sim(sim) => EngineSpec::Sim(sim_from(sim)),
    })
}

fn native_to(native: NativeSpec) -> pb::NativeEngine {
    let NativeSpec {
        model,
        threads,
        kv_bytes,
        max_batch,
        prefill_chunk,
        kv_f32,
        weights,
        handicap,
        prefix_reuse,
        pin,
    } = native;
    let weights_int8 = weights == WeightForm::Int8;
    pb::NativeEngine {
        model,
        threads,
        kv_bytes,
        max_batch,
        prefill_chunk,
        kv_f32,
        weights_int8,
        handicap,
        prefix_reuse,
        pin,
    }
}

fn native_from(native: pb::NativeEngine) -> NativeSpec {
    let pb::NativeEngine {
        model,
        threads,
        kv_bytes,
        max_batch,
        prefill_chunk,
        kv_f32,
        weights_int8,
        handicap,
        prefix_reuse,
        pin,
    } = native;
    let weights = if weights_int8 {
        WeightForm::Int8
    } else {
        WeightForm::AsStored
    };
    NativeSpec {
        model,
        threads,
        kv_bytes,
        max_batch,
        prefill_chunk,
        kv_f32,
        weights,
        handicap,
        prefix_reuse,
        pin,
    }
}

fn sim_to(sim: SimSpec) -> pb::SimEngine {
    let SimSpec {
        load_ns,
        step_base_ns,
        decode_ns,
        prefill_ns,
        max_batch,
        jitter,
        scale,
        error_rate,
        disconnect_rate,
        stalls,
    } = sim;
    let stalls = stalls
        .iter()
        .map(|s| pb::SimStall {
            at_ns: s.at_ns,
            for_ns: s.for_ns,
        })
        .collect();
    pb::SimEngine {
        load_ns,
        step_base_ns,
        decode_ns,
        prefill_ns,
        max_batch,
        jitter,
        scale,
        error_rate,
        disconnect_rate,
        stalls,
    }
}

fn sim_from(sim: pb::SimEngine) -> SimSpec {
    let pb::SimEngine {
        load_ns,
        step_base_ns,
        decode_ns,
        prefill_ns,
        max_batch,
        jitter,
        scale,
        error_rate,
        disconnect_rate,
        stalls,
    } = sim;
    let stalls = stalls
        .iter()
        .map(|s| Stall {
            at_ns: s.at_ns,
            for_ns: s.for_ns,
        })
        .collect();
    SimSpec {
        load_ns,
        step_base_ns,
        decode_ns,
        prefill_ns,
        max_batch,
        jitter,
        scale,
        error_rate,
        disconnect_rate,
        stalls,
    }
}

pub(super) fn demand_to(demand: Demand) -> pb::Demand {
    pb::Demand {
        concurrency: demand.concurrency,
        tokens_per_request: demand.tokens_per_request,
    }
}

pub(super) fn demand_from(demand: Option<pb::Demand>) -> Result<Demand, WireError> {
    let demand = required(demand, "demand")?;
    Ok(Demand {
        concurrency: demand.concurrency,
        tokens_per_request: demand.tokens_per_request,
    })
}

pub(super) fn assignment_to(assignment: &Assignment) -> pb::Assignment {
    pb::Assignment {
        run: assignment.run.to_string(),
        scenario_index: assignment.key.cell,
        round: assignment.key.round,
        arm: assignment.key.arm.number(),
        variant: assignment.variant.clone(),
        slot: assignment.slot,
        scenario_json: scenario_to(&assignment.scenario),
        share: assignment.share.index,
        shares: assignment.share.of,
        seed: assignment.seed,
    }
}

pub(super) fn assignment_from(assignment: Option<pb::Assignment>) -> Result<Assignment, WireError> {
    let a = required(assignment, "assignment")?;
    let share = Share {
        index: a.share,
        of: a.shares,
    };
    if share.index >= share.of {
        return Err(WireError("share"));
    }
    Ok(Assignment {
        run: a.run.parse().map_err(|_| WireError("run"))?,
        key: TrialKey {
            cell: a.scenario_index,
            round: a.round,
            arm: Arm::from_number(a.arm).ok_or(WireError("arm"))?,
        },
        variant: a.variant,
        slot: a.slot,
        scenario: scenario_from(&a.scenario_json)?,
        share,
        seed: a.seed,
    })
}

/// A scenario travels in the plan's own format, so that there is one translation of it and not two.
fn scenario_to(scenario: &Scenario) -> String {
    serde_json::to_string(scenario).expect("a scenario holds finite numbers and string keys")
}

fn scenario_from(json: &str) -> Result<Scenario, WireError> {
    serde_json::from_str(json).map_err(|_| WireError("scenario"))
}
