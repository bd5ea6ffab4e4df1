//! An engine's own options: checked against the engine's schema, so that a misspelt key is refused
//! with the nearest known one and never ignored.

use schemars::{JsonSchema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Names that are at least this similar count as a misspelling.
const ALIKE: f64 = 0.6;

/// The JSON schema of an options type.
pub(super) fn schema<O: JsonSchema>() -> Value {
    SchemaGenerator::default()
        .into_root_schema_for::<O>()
        .into()
}

/// Options in the engine's type.
///
/// # Errors
/// Names the first key that is unknown, missing or of another type.
pub(super) fn read<O: DeserializeOwned + JsonSchema>(
    engine: &str,
    options: &Value,
) -> Result<O, String> {
    let schema = schema::<O>();
    let known: Vec<&str> = schema["properties"]
        .as_object()
        .map(|properties| properties.keys().map(String::as_str).collect())
        .unwrap_or_default();
    let given = options.as_object().into_iter().flatten();
    for (key, _) in given {
        if !known.contains(&key.as_str()) {
            return Err(unknown(engine, key, &known));
        }
    }
    serde_path_to_error::deserialize(options).map_err(|error| {
        format!("[linked] of the engine {engine}: {error}: correct it in the plan")
    })
}

fn unknown(engine: &str, key: &str, known: &[&str]) -> String {
    let near = known
        .iter()
        .map(|name| (strsim::jaro_winkler(name, key), name))
        .filter(|(likeness, _)| *likeness > ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = match (near, known) {
        (Some((_, name)), _) => format!("did you mean `{name}`?"),
        (None, []) => "it has no options".to_owned(),
        (None, known) => format!("it has {}", known.join(", ")),
    };
    format!("[linked]: the engine {engine} has no option `{key}`; {hint}")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
    struct Options {
        model: String,
        #[serde(default)]
        threads: u32,
    }

    #[test]
    fn options_are_read_and_what_is_not_one_is_refused_by_name() {
        let read = |options| read::<Options>("mine", &options);
        let (model, threads) = ("m".to_owned(), 0);
        assert_eq!(
            read(json!({ "model": "m" })),
            Ok(Options { model, threads })
        );
        for (options, said) in [
            (
                json!({ "model": "m", "thread": 2 }),
                "did you mean `threads`?",
            ),
            (json!({ "model": "m", "zzz": 2 }), "it has model, threads"),
            (json!({ "threads": 2 }), "missing field `model`"),
            (
                json!({ "model": "m", "threads": "two" }),
                "threads: invalid type",
            ),
        ] {
            let error = read(options).expect_err("it is refused");
            assert!(error.contains(said) && error.contains("mine"), "{error}");
        }
    }
}
