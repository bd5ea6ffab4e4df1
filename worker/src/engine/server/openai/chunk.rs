//! One event of a stream as a chunk of an answer: the text of every channel, the finish reason and
//! the usage. Reads both calls of the interface in the same way. Must not know earlier events.

use std::borrow::Cow;

use serde::Deserialize;

use super::fault::{Fault, Kind};
use super::sse::Event;

/// Marks the end of a stream.
const DONE: &str = "[DONE]";

/// A parsed event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A chunk of the answer.
    Chunk(Chunk),
    /// The stream is over.
    Done,
}

/// A chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// The text that it adds, over all channels; empty if it has only a role or nothing.
    pub text: String,
    /// Why the answer is over; only in the last chunk.
    pub finish: Option<String>,
    /// Usage so far, or of the whole answer.
    pub usage: Option<Usage>,
}

/// The server's counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Usage {
    /// Of the prompt.
    #[serde(default)]
    pub prompt_tokens: Option<u32>,
    /// Of the answer.
    #[serde(default)]
    pub completion_tokens: Option<u32>,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(default)]
    completion_tokens_details: Option<AnswerDetails>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
struct AnswerDetails {
    #[serde(default)]
    reasoning_tokens: Option<u32>,
    #[serde(default)]
    accepted_prediction_tokens: Option<u32>,
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    reasoning_content: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    reasoning: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    refusal: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<ToolCall<'a>>>,
}

#[derive(Deserialize)]
struct ToolCall<'a> {
    #[serde(borrow, default)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    arguments: Option<Cow<'a, str>>,
}

/// Parses an event.
///
/// # Errors
/// An error that the event reports, or an event that is not a chunk.
pub fn read(event: &Event) -> Result<Said, Fault> {
    let data = event.data.trim();
    if event.is_error {
        return Err(Kind::ErrorEvent.of(data));
    }
    if data == DONE {
        return Ok(Said::Done);
    }
    let raw: Raw<'_> =
        serde_json::from_str(data).map_err(|error| Kind::NotAChunk.of(error.to_string()))?;
    if let Some(error) = raw.error {
        return Err(Kind::ErrorEvent.of(error.to_string()));
    }
    if raw.choices.is_none() && raw.usage.is_none() {
        return Err(Kind::NotAChunk.of(data));
    }
    let mut chunk = Chunk {
        usage: raw.usage,
        ..Chunk::default()
    };
    let mut choices = raw.choices.unwrap_or_default().into_iter();
    if let Some(choice) = choices.next() {
        chunk.finish = choice.finish_reason.map(Cow::into_owned);
        chunk.text.extend(choice.text);
        choice.delta.into_iter().for_each(|delta| chunk.add(delta));
    }
    match choices.next() {
        Some(_) => Err(Kind::NotAChunk.of("it has several choices where one was asked for")),
        None => Ok(Said::Chunk(chunk)),
    }
}

impl Chunk {
    /// All channels in a fixed order, because servers differ in the channels that they use.
    fn add(&mut self, delta: Delta<'_>) {
        let channels = [
            delta.reasoning_content,
            delta.reasoning,
            delta.content,
            delta.refusal,
        ];
        self.text.extend(channels.into_iter().flatten());
        let calls = delta.tool_calls.into_iter().flatten();
        for function in calls.filter_map(|call| call.function) {
            self.text
                .extend([function.name, function.arguments].into_iter().flatten());
        }
    }
}

impl Usage {
    /// Prompt tokens reused from earlier requests.
    #[must_use]
    pub fn cached(&self) -> Option<u32> {
        self.prompt_tokens_details.and_then(|of| of.cached_tokens)
    }

    /// Tokens of reasoning.
    #[must_use]
    pub fn reasoning(&self) -> Option<u32> {
        self.completion_tokens_details
            .and_then(|of| of.reasoning_tokens)
    }

    /// Speculated tokens that were accepted.
    #[must_use]
    pub fn accepted(&self) -> Option<u32> {
        self.completion_tokens_details
            .and_then(|of| of.accepted_prediction_tokens)
    }
}
