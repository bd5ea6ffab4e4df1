//! Which server answers, by its own account: a line that stays the same as long as the same program
//! serves the same model with the same settings. Every trial records it, so that a server that was
//! replaced during a run is noticed. Pure.

use contract::identity::Sha256;
use contract::text;
use serde_json::Value;
use sha2::Digest;

/// The account of a server without any of the documents below.
const UNTOLD: &str = "of the server";

/// Maximum number of characters of the names.
const NAMES: usize = 200;

/// Keys of the document at `/props`, which llama.cpp's server has.
const PROPS: [&str; 3] = ["build_info", "model_path", "total_slots"];

/// Keys of an entry of `/v1/models`. Others, such as the time of the request, differ every time.
const MODEL: [&str; 6] = ["id", "owned_by", "root", "parent", "max_model_len", "meta"];

/// What a server says of itself.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// The header `server` of an answer.
    pub(super) header: Option<String>,
    /// The entry of the model at `/v1/models`.
    pub(super) model: Value,
    /// The document at `/version`, as vLLM has it.
    pub(super) version: Option<Value>,
    /// The document at `/props`.
    pub(super) props: Option<Value>,
}

impl Account {
    /// One line: names of program and model, and a digest over all facts.
    pub(super) fn line(&self) -> String {
        let facts = self.facts();
        if facts.is_empty() {
            return UNTOLD.to_owned();
        }
        let named = |name: &str| {
            let found = facts.iter().find(|(key, _)| *key == name);
            found.and_then(|(_, value)| value.as_str())
        };
        let program = ["server", "build_info", "version"].map(named);
        let program: Vec<&str> = program.into_iter().flatten().collect();
        let model = named("id").map(|id| format!("model {id}"));
        let names = [Some(program.join(" ")), model].into_iter().flatten();
        let names: Vec<String> = names.filter(|name| !name.is_empty()).collect();
        let digest = sha2::Sha256::digest(serde_json::json!(facts).to_string().as_bytes());
        let (names, digest) = (names.join(", "), Sha256(digest.into()).short());
        format!("{} ({digest})", text::line(&names, NAMES))
    }

    /// Every fact that it tells and that stays the same.
    fn facts(&self) -> Vec<(&'static str, Value)> {
        let of = |document: &Option<Value>, key: &str| {
            let document = document.as_ref();
            document.map_or(Value::Null, |document| document[key].clone())
        };
        let props = PROPS.map(|key| (key, of(&self.props, key)));
        let model = MODEL.map(|key| (key, self.model[key].clone()));
        let context = of(&self.props, "default_generation_settings")["n_ctx"].clone();
        let more = [
            ("server", self.header.clone().into()),
            ("version", of(&self.version, "version")),
            ("n_ctx", context),
        ];
        let all = props.into_iter().chain(model).chain(more);
        all.filter(|(_, value)| !value.is_null()).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// As llama.cpp's server tells it.
    fn llama() -> Account {
        Account {
            header: Some("llama.cpp".to_owned()),
            model: json!({"id": "small.gguf", "created": 1, "meta": {"n_params": 7, "size": 9}}),
            version: None,
            props: Some(json!({
                "build_info": "b11434-a1b2", "total_slots": 100, "model_path": "/m/small.gguf",
                "default_generation_settings": {"n_ctx": 128, "seed": 5},
            })),
        }
    }

    #[test]
    fn it_names_program_and_model_and_the_time_of_day_changes_nothing() {
        let line = llama().line();
        assert!(
            line.starts_with("llama.cpp b11434-a1b2, model small.gguf ("),
            "{line}"
        );
        let mut later = llama();
        later.model["created"] = json!(2);
        assert_eq!(later.line(), line);
    }

    #[test]
    fn each_fact_of_another_server_changes_it() {
        let change = |change: fn(&mut Account)| {
            let mut other = llama();
            change(&mut other);
            other.line()
        };
        let others = [
            change(|of| of.header = None),
            change(|of| of.model["meta"]["size"] = json!(8)),
            change(|of| of.model["id"] = json!("other.gguf")),
            change(|of| of.version = Some(json!({"version": "0.9"}))),
            change(|of| of.props = None),
            change(|of| of.props.as_mut().unwrap()["build_info"] = json!("b11435")),
            change(|of| of.props.as_mut().unwrap()["total_slots"] = json!(10)),
            change(|of| {
                of.props.as_mut().unwrap()["default_generation_settings"]["n_ctx"] = json!(64);
            }),
        ];
        assert!(others.iter().all(|other| *other != llama().line()));
    }

    #[test]
    fn a_server_that_says_nothing_has_an_account_too() {
        assert_eq!(Account::default().line(), UNTOLD);
        let long = Account {
            header: Some("x".repeat(10_000)),
            ..Account::default()
        };
        let line = long.line();
        assert!(line.len() < text::NAME && line.ends_with(')'), "{line}");
    }
}
