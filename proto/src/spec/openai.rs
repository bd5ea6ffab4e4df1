//! How a server with the OpenAI HTTP interface is asked: a plan's table `[server.openai]`. Knows
//! nothing of how the server is started.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Options of the protocol.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OpenAiSpec {
    /// Which of the interface's two calls.
    #[serde(skip_serializing_if = "is_default")]
    pub endpoint: Endpoint,
    /// Path that answers with status 200 once the server is ready; empty means `/health`. A server
    /// that has no such path is ready when it lists its models.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub health: String,
    /// The field `model` of every request; empty means the first that `/v1/models` lists.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// In which form prompts are sent.
    #[serde(skip_serializing_if = "is_default")]
    pub prompt: PromptForm,
    /// Directory with the `tokenizer.json` that counts and cuts prompts; empty means the server's
    /// `/tokenize`, and words where it has none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tokenizer: String,
    /// Further keys of every request's body, such as `ignore_eos`; they replace ours.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub body: Map<String, Value>,
    /// Keys of ours that the server does not take: they are left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub omit: Vec<String>,
    /// Environment variable of the worker that holds the key; the key itself is in no plan.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key_variable: String,
    /// File on the worker's host that holds the key.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key_file: String,
    /// Whether every request has a connection of its own.
    #[serde(skip_serializing_if = "is_default")]
    pub close: bool,
    /// Prompt and output tokens that one request may have; zero means what the server says.
    #[serde(skip_serializing_if = "is_default")]
    pub max_context: u32,
}

impl OpenAiSpec {
    /// Whether nothing is set.
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
    /// Token ids where the endpoint takes them and the tokenizer is the model's, else text.
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
