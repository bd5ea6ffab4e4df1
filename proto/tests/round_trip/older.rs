//! Builds of an older revision speak the same protocol and refuse unknown keys. Therefore a
//! specification with default values may only contain the keys that existed when the protocol
//! number was assigned.

use contract::spec::{EngineSpec, Scenario};
use serde_json::{Value, json};

/// Keys of protocol 3. A new key needs `skip_serializing_if` for its default, or a new protocol
/// number.
const SCENARIO: &[&str] = &[
    "name",
    "output_tokens",
    "prompt.set",
    "prompt.tokens",
    "shape.kind",
    "shape.requests",
    "timeout",
    "warmup.output_tokens",
    "warmup.requests",
];
const NATIVE: &[&str] = &[
    "handicap",
    "kind",
    "kv_bytes",
    "kv_f32",
    "max_batch",
    "model",
    "pin",
    "prefill_chunk",
    "prefix_reuse",
    "threads",
    "weights",
];
const LINKED: &[&str] = &["engine", "kind", "options", "threads"];
const SIM: &[&str] = &[
    "decode_ns",
    "disconnect_rate",
    "error_rate",
    "jitter",
    "kind",
    "load_ns",
    "max_batch",
    "prefill_ns",
    "scale",
    "stalls",
    "step_base_ns",
];

/// Keys that a build of this protocol's first revision would refuse.
fn unknown(known: &[&str], value: &Value) -> Vec<String> {
    let mut found = keys("", value);
    found.retain(|key| !known.contains(&key.as_str()));
    found
}

/// The path of every value that is not a table.
fn keys(above: &str, value: &Value) -> Vec<String> {
    let Value::Object(table) = value else {
        return vec![above.trim_end_matches('.').to_owned()];
    };
    let empty = table
        .is_empty()
        .then(|| above.trim_end_matches('.').to_owned());
    let below = table
        .iter()
        .flat_map(|(key, value)| keys(&format!("{above}{key}."), value));
    below.chain(empty).collect()
}

/// Parses `text` and serialises it as it would be sent.
fn sent<T: serde::de::DeserializeOwned + serde::Serialize>(text: Value) -> Value {
    let read: T = serde_json::from_value(text).expect("a specification");
    serde_json::to_value(read).expect("it can be written")
}

#[test]
fn a_specification_at_its_defaults_has_only_keys_that_older_builds_know() {
    let scenario = sent::<Scenario>(json!({
        "name": "burst",
        "shape": { "kind": "burst", "requests": 1 },
        "prompt": { "tokens": 8 },
        "output_tokens": 4,
    }));
    assert_eq!(unknown(SCENARIO, &scenario), Vec::<String>::new());
    let native = json!({
        "kind": "native", "model": "m", "threads": 0, "kv_bytes": 0, "max_batch": 1, "prefill_chunk": 1,
    });
    for (known, spec) in [
        (NATIVE, native),
        (LINKED, json!({ "kind": "linked" })),
        (SIM, json!({ "kind": "sim" })),
    ] {
        let spec = sent::<EngineSpec>(spec);
        assert_eq!(unknown(known, &spec), Vec::<String>::new(), "{spec}");
    }
}

#[test]
fn a_key_too_many_is_seen() {
    assert_eq!(
        unknown(
            SCENARIO,
            &json!({ "name": "n", "prompt": { "set": "training", "pages": 1 } })
        ),
        ["prompt.pages"]
    );
}
