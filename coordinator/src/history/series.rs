//! Which runs measured the same thing: the plan without what may differ from run to run, and the model. Owns the list of
//! what may differ; must not know what was measured.

use serde_json::Value;

use crate::plan::Plan;

/// Keys of a plan that change how often is measured or how it is judged, but not what; and what a simulated engine
/// is told, which stands for the code under test.
const FREE: [&str; 10] = [
    "seed",
    "rounds",
    "control",
    "tolerance",
    "validity",
    "timeouts",
    "primary",
    "on_loss",
    "max_attempts",
    "sim",
];
/// Digits of a key.
const DIGITS: usize = 16;

/// The key of a plan, whatever the model.
pub(super) fn plan_key(plan: &Plan) -> String {
    let mut value: Value = serde_json::from_str(&plan.to_json()).expect("a plan is written as JSON");
    if let Value::Object(plan) = &mut value {
        FREE.iter().for_each(|key| drop(plan.remove(*key)));
        // The model's digest stands for the place it lies in; how well it was looked at changes nothing of it.
        if let Some(native) = plan.get_mut("native").and_then(Value::as_object_mut) {
            native.retain(|key, _| !matches!(key.as_str(), "model" | "verify"));
        }
        let scenarios = plan.get_mut("scenario").and_then(Value::as_array_mut);
        for scenario in scenarios.into_iter().flatten().filter_map(Value::as_object_mut) {
            scenario.retain(|key, _| !key.starts_with("timeout"));
        }
    }
    short(&canonical(&value))
}

/// The key of a series.
pub(super) fn series_key(plan: &Plan, model_digest: &str) -> String {
    short(&format!("{} {model_digest}", plan_key(plan)))
}

fn short(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..DIGITS].to_owned()
}

/// JSON with sorted keys, so that the order of a program's fields plays no part.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<_> = map.iter().collect();
            keys.sort_by_key(|(key, _)| key.as_str());
            let pairs = keys.into_iter().map(|(key, value)| format!("{key:?}:{}", canonical(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        plain => plain.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{EngineKind, Overrides, Source, resolve};

    fn plan(change: impl FnOnce(&mut Overrides)) -> Plan {
        let mut overrides = Overrides { engine: Some(EngineKind::Sim), ..Overrides::default() };
        change(&mut overrides);
        resolve(&Source::Preset("high".into()), &overrides, 1).expect("it is a plan")
    }

    #[test]
    fn how_often_and_how_strictly_makes_no_other_series() {
        let key = plan_key(&plan(|_| {}));
        assert_eq!(
            key,
            plan_key(&plan(|o| (o.seed, o.rounds, o.control) = (Some(9), Some(30), Some(false))))
        );
        let mut strict = plan(|_| {});
        strict.tolerance.latency = 0.5;
        strict.scenarios[0].timeout *= 2;
        strict.timeouts = strict.timeouts.scaled(3);
        assert_eq!(key, plan_key(&strict));
    }

    #[test]
    fn what_is_measured_does() {
        let key = plan_key(&plan(|_| {}));
        assert_ne!(key, plan_key(&plan(|o| o.slots = Some(2))));
        let mut longer = plan(|_| {});
        longer.scenarios[0].output_tokens = (longer.scenarios[0].longest_answer() + 1).into();
        assert_ne!(key, plan_key(&longer));
        assert_ne!(series_key(&longer, "a"), series_key(&longer, "b"));
    }
}
