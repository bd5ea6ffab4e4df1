//! The messages between a worker and an engine that is a separate program, the same in JSON and on
//! gRPC. Owns the messages; must not know what follows from them.

use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

/// Version of the protocol.
pub const VERSION: u32 = 1;

/// A message to the engine.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// The first message.
    Open(Open),
    /// These requests, all at once.
    Submit(Vec<Asked>),
    /// Let go of this one.
    Cancel(u32),
    /// The measured window begins.
    Window {},
    /// The tokens of a text, please.
    Encode(String),
}

/// What will be asked of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Open {
    /// Equals [`VERSION`].
    pub protocol: u32,
    /// Greatest number of requests in flight.
    pub concurrency: u32,
    /// Prompt and output of the longest.
    pub tokens_per_request: u32,
    /// Location of the model, if the plan names it.
    pub model: String,
    /// Number of threads that it may use.
    pub threads: u32,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// Identifies the request.
    pub index: u32,
    /// What is asked.
    #[serde(serialize_with = "tokens")]
    pub prompt: Arc<[u32]>,
    /// Tokens to answer, exactly.
    pub max_new_tokens: u32,
}

/// A message of the engine: events that happened together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Heard {
    /// The engine is open.
    pub ready: Option<Ready>,
    /// Work on these requests begins.
    pub started: Vec<u32>,
    /// One more token for each: index and token.
    pub tokens: Vec<(u32, u32)>,
    /// Answered in full.
    pub finished: Vec<u32>,
    /// Let go as asked.
    pub cancelled: Vec<u32>,
    /// Refused without work.
    pub refused: Vec<(u32, Why)>,
    /// Given up.
    pub failed: Vec<(u32, Why)>,
    /// The tokens of a text.
    pub encoded: Option<Vec<u32>>,
}

/// What the engine says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ready {
    /// Equals [`VERSION`].
    pub protocol: u32,
    /// Its name.
    pub engine: String,
    /// Identifies the model by content.
    pub model_digest: String,
    /// Weights of the model; 0 if unknown.
    pub parameters: u64,
    /// Bytes of the weights; 0 if unknown.
    pub weight_bytes: u64,
    /// Tokens of the longest request that it accepts.
    pub max_context: u32,
    /// Number of threads that compute; 0 if unknown.
    pub threads: u32,
    /// Whether it turns texts into tokens.
    pub encodes: bool,
    /// If it does not, each word is one of this number of tokens.
    pub vocabulary: u32,
}

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// Its queue is full.
    Overloaded,
    /// The request can never fit.
    TooLong,
    /// The request is invalid for the model.
    Invalid,
    /// The model computed something that is no finite number.
    NotFinite,
    /// Something broke within.
    Internal,
}

impl Default for Ready {
    fn default() -> Self {
        Self {
            protocol: 0,
            engine: String::new(),
            model_digest: String::new(),
            parameters: 0,
            weight_bytes: 0,
            max_context: u32::MAX,
            threads: 0,
            encodes: false,
            vocabulary: 32_000,
        }
    }
}

fn tokens<S: Serializer>(tokens: &Arc<[u32]>, serializer: S) -> Result<S::Ok, S::Error> {
    tokens.as_ref().serialize(serializer)
}
