//! Which runs measured the same thing: the plan without the keys that may differ, the content of
//! its files, and the model. Owns the list of these keys, and the sentences about differences; must
//! not know what was measured.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::plan::Plan;

/// Plan keys that change how often something is measured or how it is judged, but not what; and the
/// parameters of a simulated engine, which stand for the code under test.
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
/// Keys of a plan's servers that identify them, and do not change the load.
const SERVER: [&str; 7] = [
    "command",
    "url",
    "directory",
    "model",
    "start",
    "env",
    "variant",
];
/// Length of a key, digits.
const DIGITS: usize = 16;

/// The key of a plan without its model. Files count by content, not by path.
pub(super) fn plan_key(plan: &Plan) -> String {
    short(&canonical(&measured(&plan.without_places())))
}

/// The key that older programs gave a plan, with the absolute paths of its files. Old calibrations
/// have it.
fn placed_key(plan: &Plan) -> String {
    short(&canonical(&measured(plan)))
}

/// The key of a series.
pub(super) fn series_key(plan: &Plan, model_digest: &str) -> String {
    of_series(&plan_key(plan), model_digest)
}

/// Every key that a series has had, newest first.
pub(super) fn series_keys(plan: &Plan, model_digest: &str) -> [String; 2] {
    [plan_key(plan), placed_key(plan)].map(|key| of_series(&key, model_digest))
}

/// Differences between the loads of two plans, as sentences with both values.
pub(super) fn differences(then: &Plan, now: &Plan) -> Vec<String> {
    let (then, now) = (leaves(then), leaves(now));
    let keys: BTreeSet<_> = then.keys().chain(now.keys()).collect();
    let differs = |key: &String| {
        let (then, now) = (then.get(key), now.get(key));
        (then.map(|leaf| &leaf.identity) != now.map(|leaf| &leaf.identity)).then(|| {
            let text = |leaf: Option<&Leaf>| leaf.map_or("not set", |leaf| &leaf.text).to_owned();
            format!("{key}: {} then, {} now", text(then), text(now))
        })
    };
    keys.into_iter().filter_map(differs).collect()
}

/// The plan without the keys that change only repetition or judgement.
fn measured(plan: &Plan) -> Value {
    let plan = plan.clone().without_rungs();
    let mut value: Value =
        serde_json::from_str(&plan.to_json()).expect("a plan is written as JSON");
    if let Value::Object(plan) = &mut value {
        FREE.iter().for_each(|key| drop(plan.remove(*key)));
        // The model's digest replaces its path; how thoroughly it was verified does not matter.
        if let Some(native) = plan.get_mut("native").and_then(Value::as_object_mut) {
            native.retain(|key, _| !matches!(key.as_str(), "model" | "verify"));
        }
        // Servers represent the code under test.
        if let Some(server) = plan.get_mut("server").and_then(Value::as_object_mut) {
            server.retain(|key, _| !SERVER.contains(&key.as_str()));
        }
        let scenarios = plan.get_mut("scenario").and_then(Value::as_array_mut);
        for scenario in scenarios
            .into_iter()
            .flatten()
            .filter_map(Value::as_object_mut)
        {
            scenario.retain(|key, _| !key.starts_with("timeout"));
        }
    }
    value
}

/// Path and hash of a file whose content is known.
fn as_file(value: &Value) -> Option<(&str, &str)> {
    Some((value.get("path")?.as_str()?, value.get("sha256")?.as_str()?))
}

/// One value of a plan: its identity, and its text.
struct Leaf {
    identity: String,
    text: String,
}

/// Every value of a plan by path; scenarios are identified by name.
fn leaves(plan: &Plan) -> BTreeMap<String, Leaf> {
    let mut all = BTreeMap::new();
    gather(&mut all, "", &measured(plan));
    // Reported separately.
    all.remove("engine");
    all
}

fn gather(all: &mut BTreeMap<String, Leaf>, at: &str, value: &Value) {
    let below = |key: &str| {
        if at.is_empty() {
            key.to_owned()
        } else {
            format!("{at}.{key}")
        }
    };
    if let Some((path, sha256)) = as_file(value) {
        let text = format!("`{path}` (SHA-256 {})", sha256.get(..12).unwrap_or(sha256));
        all.insert(
            at.to_owned(),
            Leaf {
                identity: sha256.to_owned(),
                text,
            },
        );
        return;
    }
    match value {
        Value::Object(map) => map
            .iter()
            .for_each(|(key, value)| gather(all, &below(key), value)),
        Value::Array(items) if items.iter().all(Value::is_object) => {
            for (index, item) in items.iter().enumerate() {
                let name = item.get("name").and_then(Value::as_str);
                gather(all, &below(name.unwrap_or(&index.to_string())), item);
            }
        }
        plain => {
            let text = plain.to_string();
            all.insert(
                at.to_owned(),
                Leaf {
                    identity: text.clone(),
                    text,
                },
            );
        }
    }
}

fn of_series(plan_key: &str, model_digest: &str) -> String {
    short(&format!("{plan_key} {model_digest}"))
}

fn short(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..DIGITS].to_owned()
}

/// JSON with sorted keys, so that the order of fields in the program does not matter.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<_> = map.iter().collect();
            keys.sort_by_key(|(key, _)| key.as_str());
            let pairs = keys
                .into_iter()
                .map(|(key, value)| format!("{key:?}:{}", canonical(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => format!(
            "[{}]",
            items.iter().map(canonical).collect::<Vec<_>>().join(",")
        ),
        plain => plain.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{EngineKind, Overrides, Source, resolve};

    fn plan(change: impl FnOnce(&mut Overrides)) -> Plan {
        let mut overrides = Overrides {
            engine: Some(EngineKind::Sim),
            ..Overrides::default()
        };
        change(&mut overrides);
        resolve(&Source::Preset("high".into()), &overrides, 1).expect("it is a plan")
    }

    #[test]
    fn how_often_and_how_strictly_makes_no_other_series() {
        let key = plan_key(&plan(|_| {}));
        assert_eq!(
            key,
            plan_key(&plan(
                |o| (o.seed, o.rounds, o.control) = (Some(9), Some(30), Some(false))
            ))
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

    /// A plan `text` with a file of prompts.
    fn with_file(prompts: &str, tokens: u32) -> (tempfile::TempDir, Plan) {
        let dir = tempfile::tempdir().expect("temporary directory");
        let text = format!(
            "name = 'p'\nengine = 'sim'\n[[scenario]]\nname = 'chat'\nshape = {{ kind = 'burst', requests = 20 }}\n\
             prompt = {{ file = {{ path = 'chats.txt' }}, tokens = {tokens} }}\noutput_tokens = 4\n"
        );
        std::fs::write(dir.path().join("plan.toml"), text).expect("file");
        std::fs::write(dir.path().join("chats.txt"), prompts).expect("file");
        let plan = resolve(
            &Source::File(dir.path().join("plan.toml")),
            &Overrides::default(),
            1,
        );
        (dir, plan.expect("it is a plan"))
    }

    #[test]
    fn the_same_bytes_elsewhere_are_the_same_load_and_other_bytes_are_told_by_their_file() {
        let lines = |word: &str| (0..40).map(|n| format!("{word} {n}\n")).collect::<String>();
        let ((_a, one), (_b, two)) = (
            with_file(&lines("question"), 64),
            with_file(&lines("question"), 64),
        );
        assert_eq!(
            (plan_key(&one), differences(&one, &two)),
            (plan_key(&two), vec![])
        );
        assert_ne!(
            placed_key(&one),
            placed_key(&two),
            "as older programs had it"
        );
        assert_eq!(series_keys(&one, "m")[0], series_key(&one, "m"));
        let (_c, other) = with_file(&lines("answer"), 32);
        assert_ne!(plan_key(&one), plan_key(&other));
        let told = differences(&one, &other);
        assert!(
            told.len() == 2 && told[0].starts_with("scenario.chat.prompt.file: `"),
            "{told:?}"
        );
        assert!(
            told[0].matches("chats.txt` (SHA-256 ").count() == 2,
            "{told:?}"
        );
        assert_eq!(told[1], "scenario.chat.prompt.tokens: 64 then, 32 now");
    }

    /// Stored keys of plans without files must not change.
    #[test]
    fn without_files_old_keys_and_new_ones_are_equal() {
        let plan = plan(|_| {});
        assert_eq!(plan_key(&plan), placed_key(&plan));
    }
}
