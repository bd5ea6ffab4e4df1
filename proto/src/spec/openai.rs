//! Options for a server with the OpenAI HTTP interface: a plan's table `[server.openai]`. Must not
//! know how the server is started.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Options of the protocol.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OpenAiSpec {
    /// Which of the interface's two calls is used.
    #[serde(skip_serializing_if = "is_default")]
    pub endpoint: Endpoint,
    /// Path that returns status 200 once the server is ready; empty means `/health`. A server
    /// without this path is ready when it lists its models.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub health: String,
    /// The field `model` of every request; empty means the first model that `/v1/models` lists.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// The form in which prompts are sent.
    #[serde(skip_serializing_if = "is_default")]
    pub prompt: PromptForm,
    /// Directory with the `tokenizer.json` that counts and cuts prompts; empty means the server's
    /// `/tokenize`, or words if it has none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tokenizer: String,
    /// Additional keys of every request's body, such as `ignore_eos`; they override the default
    /// keys.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub body: Map<String, Value>,
    /// Default keys that the server does not accept: they are left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub omit: Vec<String>,
    /// Environment variable of the worker that contains the key; the key itself is in no plan.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key_variable: String,
    /// File on the worker's host that contains the key.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key_file: String,
    /// Whether every request uses its own connection.
    #[serde(skip_serializing_if = "is_default")]
    pub close: bool,
    /// Maximum number of prompt and output tokens of one request; zero means the server's limit.
    #[serde(skip_serializing_if = "is_default")]
    pub max_context: u32,
}

impl OpenAiSpec {
    /// Whether all options have their defaults.
    #[must_use]
    pub fn is_default(&self) -> bool {
        is_default(self)
    }
}

/// The calls of the interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Endpoint {
    /// `/v1/completions`.
    #[default]
    Completions,
    /// `/v1/chat/completions`.
    Chat,
}

/// Forms of a prompt in a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PromptForm {
    /// Token ids if the endpoint accepts them and the tokenizer is the model's, else text.
    #[default]
    Auto,
    /// A list of token ids.
    Ids,
    /// A text.
    Text,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_table_is_the_default_and_an_unknown_key_is_refused() {
        let empty: OpenAiSpec = serde_json::from_str("{}").expect("nothing is required");
        assert_eq!(empty, OpenAiSpec::default());
        assert_eq!(serde_json::to_string(&empty).expect("it is JSON"), "{}");
        assert!(serde_json::from_str::<OpenAiSpec>(r#"{"endpoints":"chat"}"#).is_err());
    }
}
