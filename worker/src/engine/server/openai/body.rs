//! The body of a request: the keys of the interface, those that the plan adds, and those that it
//! leaves out. Must not know connections.

use contract::spec::{Endpoint, OpenAiSpec};
use serde_json::{Map, Value, json};

use super::prompts::Prompts;
use crate::engine::{EngineError, EngineRequest};

/// Makes bodies.
pub(super) struct Bodies {
    endpoint: Endpoint,
    /// Everything except prompt and length.
    fixed: Map<String, Value>,
    omit: Vec<String>,
}

impl Bodies {
    /// Bodies according to the plan, for a model of this name.
    pub(super) fn new(spec: &OpenAiSpec, model: &str) -> Self {
        let ours = json!({
            "model": model,
            "stream": true,
            "stream_options": {"include_usage": true},
            "temperature": 0,
            "seed": 0,
        });
        let mut fixed = match ours {
            Value::Object(fixed) => fixed,
            _ => Map::new(),
        };
        fixed.extend(spec.body.clone());
        Self {
            endpoint: spec.endpoint,
            fixed,
            omit: spec.omit.clone(),
        }
    }

    /// The path of the call.
    pub(super) fn path(&self) -> &'static str {
        match self.endpoint {
            Endpoint::Completions => "/v1/completions",
            Endpoint::Chat => "/v1/chat/completions",
        }
    }

    /// The body of a request.
    ///
    /// # Errors
    /// When its prompt cannot be written as text.
    pub(super) fn of(
        &self,
        request: &EngineRequest,
        prompts: &Prompts,
    ) -> Result<Vec<u8>, EngineError> {
        let mut body = Map::new();
        let prompt = prompts.sent(&request.prompt)?;
        match self.endpoint {
            Endpoint::Completions => body.insert("prompt".to_owned(), prompt),
            Endpoint::Chat => {
                let messages = json!([{"role": "user", "content": prompt}]);
                body.insert("messages".to_owned(), messages)
            }
        };
        body.insert("max_tokens".to_owned(), request.max_new_tokens.into());
        body.extend(self.fixed.clone());
        // Servers that know this key end no answer before its length.
        self.omit.iter().for_each(|key| drop(body.remove(key)));
        serde_json::to_vec(&body).map_err(|error| EngineError::Encode {
            reason: error.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(spec: &OpenAiSpec) -> Value {
        let request = EngineRequest {
            index: 0,
            prompt: [5, 6].into(),
            max_new_tokens: 3,
        };
        let body = Bodies::new(spec, "m").of(&request, &Prompts::ids_of_nobody());
        serde_json::from_slice(&body.expect("it is made")).expect("it is JSON")
    }

    #[test]
    fn the_plan_adds_replaces_and_leaves_out_keys() {
        let spec: OpenAiSpec = serde_json::from_str(
            r#"{"body": {"ignore_eos": true, "seed": 7}, "omit": ["temperature"]}"#,
        )
        .expect("it is a table");
        assert_eq!(
            made(&spec),
            json!({
                "model": "m", "prompt": [5, 6], "max_tokens": 3, "stream": true,
                "stream_options": {"include_usage": true}, "seed": 7, "ignore_eos": true,
            })
        );
    }
}
