//! The formats of traces and prompt files: text to entries, the same for whoever plans and whoever sends. Must not open
//! files, nor know when anything is sent.

use std::time::Duration;

use serde::Deserialize;

use crate::spec::{PromptSet, TraceFacts};

/// Tokens that one of a trace's `hash_ids` stands for.
pub const BLOCK_TOKENS: u32 = 512;

/// One prompt in so many of a file is for training, by the hash of its text.
const TRAINING_OF: u64 = 5;

/// One request of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// After the first of the trace.
    pub at: Duration,
    /// Length of its prompt.
    pub prompt_tokens: u32,
    /// Length of its answer.
    pub output_tokens: u32,
    /// What its prompt begins with, in blocks of [`BLOCK_TOKENS`]: equal numbers are equal tokens.
    pub blocks: Vec<u64>,
}

/// One prompt of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Which set it belongs to: all turns of a conversation to one.
    pub set: PromptSet,
    /// The prompt.
    pub text: String,
}

/// Why a file is not understood. Messages complete "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum ListedError {
    /// One line of it.
    #[error("read line {line}: {source}; {wanted}")]
    Line {
        /// From one.
        line: usize,
        /// What the parser says.
        source: serde_json::Error,
        /// What a line may be.
        wanted: &'static str,
    },
    /// The whole of it.
    #[error("read it as a JSON array: {source}; {PROMPT}")]
    Array {
        /// What the parser says.
        source: serde_json::Error,
    },
    /// A time that is none.
    #[error("use the time {at} in line {line}: it must be a number of seconds from zero on")]
    Time {
        /// From one.
        line: usize,
        /// What was given, seconds.
        at: f64,
    },
    /// There is nothing in it.
    #[error("find a {what} in it")]
    Empty {
        /// What was looked for.
        what: &'static str,
    },
}

const REQUEST: &str = "a request is {\"at\": seconds, \"prompt_tokens\": n, \"output_tokens\": n}, or Mooncake's timestamp (ms), \
     input_length, output_length, hash_ids";

const PROMPT: &str = "a prompt is a line of text, {\"prompt\": \"…\"}, or ShareGPT's {\"conversations\": [{\"from\": …, \"value\": …}]}";

#[derive(Deserialize)]
#[serde(untagged)]
enum Request {
    Own {
        at: f64,
        prompt_tokens: u32,
        output_tokens: u32,
    },
    Mooncake {
        timestamp: f64,
        input_length: u32,
        output_length: u32,
        #[serde(default)]
        hash_ids: Vec<u64>,
    },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Prompt {
    Plain {
        #[serde(alias = "text")]
        prompt: String,
    },
    Conversation {
        conversations: Vec<Turn>,
    },
}

#[derive(Deserialize)]
struct Turn {
    from: String,
    value: String,
}

/// The requests of a trace in order of time, the first at zero.
///
/// # Errors
/// Which line is not understood, and what one may be.
pub fn trace(text: &str) -> Result<Vec<Entry>, ListedError> {
    let mut entries = Vec::new();
    for (line, content) in lines(text) {
        let read = |source| ListedError::Line { line, source, wanted: REQUEST };
        let (at, entry) = match serde_json::from_str(content).map_err(read)? {
            Request::Own { at, prompt_tokens, output_tokens } => {
                (at, Entry { at: Duration::ZERO, prompt_tokens, output_tokens, blocks: Vec::new() })
            }
            Request::Mooncake { timestamp, input_length, output_length, hash_ids } => {
                let (prompt_tokens, output_tokens) = (input_length, output_length);
                (
                    timestamp / 1e3,
                    Entry { at: Duration::ZERO, prompt_tokens, output_tokens, blocks: hash_ids },
                )
            }
        };
        let at = Duration::try_from_secs_f64(at).map_err(|_| ListedError::Time { line, at })?;
        entries.push(Entry { at, ..entry });
    }
    entries.sort_by_key(|entry| entry.at);
    let first = entries.first().ok_or(ListedError::Empty { what: "request" })?.at;
    entries.iter_mut().for_each(|entry| entry.at -= first);
    Ok(entries)
}

/// What must be known of a trace before a run.
#[must_use]
pub fn facts(entries: &[Entry]) -> TraceFacts {
    TraceFacts {
        requests: u32::try_from(entries.len()).unwrap_or(u32::MAX),
        over: entries.last().map_or(Duration::ZERO, |entry| entry.at),
    }
}

/// The prompts of a file in its order. Of a conversation every one of the first `turns` questions is a prompt, with all
/// that was said before it.
///
/// # Errors
/// What is not understood, and what a prompt may be.
pub fn texts(text: &str, turns: u32) -> Result<Vec<Text>, ListedError> {
    let prompts: Vec<Prompt> = match text.trim_start().chars().next() {
        Some('[') => serde_json::from_str(text).map_err(|source| ListedError::Array { source })?,
        Some('{') => lines(text)
            .map(|(line, content)| {
                let read = |source| ListedError::Line { line, source, wanted: PROMPT };
                serde_json::from_str(content).map_err(read)
            })
            .collect::<Result<_, _>>()?,
        _ => lines(text).map(|(_, line)| Prompt::Plain { prompt: line.to_owned() }).collect(),
    };
    let mut texts: Vec<Text> = prompts.iter().flat_map(|prompt| asked(prompt, turns)).collect();
    texts.retain(|one| !one.text.trim().is_empty());
    if texts.is_empty() { Err(ListedError::Empty { what: "prompt" }) } else { Ok(texts) }
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty())
}

fn asked(prompt: &Prompt, turns: u32) -> Vec<Text> {
    let said = match prompt {
        Prompt::Plain { prompt } => return vec![Text { set: set(prompt), text: prompt.clone() }],
        Prompt::Conversation { conversations } => conversations,
    };
    let own = said.first().map_or(PromptSet::Evaluation, |turn| set(&turn.value));
    let (mut before, mut asked) = (String::new(), Vec::new());
    for turn in said {
        before.push_str(&turn.value);
        if matches!(turn.from.as_str(), "human" | "user") && asked.len() < turns as usize {
            asked.push(Text { set: own, text: before.clone() });
        }
        before.push('\n');
    }
    asked
}

/// By the text alone (FNV-1a), so that a prompt is in the same set in every file and order.
fn set(text: &str) -> PromptSet {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3);
    let hash = text.bytes().fold(0xCBF2_9CE4_8422_2325, step);
    if (hash >> 32) % TRAINING_OF == 0 { PromptSet::Training } else { PromptSet::Evaluation }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_trace_are_read_and_begin_at_zero() {
        let own = "{\"at\": 3.5, \"prompt_tokens\": 7, \"output_tokens\": 2}\n\n\
                   {\"at\": 2.0, \"prompt_tokens\": 5, \"output_tokens\": 1}\n";
        let entries = trace(own).expect("it is sound");
        assert_eq!(entries.iter().map(|e| e.prompt_tokens).collect::<Vec<_>>(), [5, 7]);
        assert_eq!(facts(&entries), TraceFacts { requests: 2, over: Duration::from_millis(1500) });
        let mooncake =
            "{\"timestamp\": 27482, \"input_length\": 6955, \"output_length\": 52, \"hash_ids\": [46, 47]}";
        let entries = trace(mooncake).expect("it is sound");
        assert_eq!((entries[0].at, &entries[0].blocks[..]), (Duration::ZERO, &[46, 47][..]));
    }

    #[test]
    fn prompts_come_as_lines_objects_and_conversations() {
        let only = |text: &str, turns| {
            texts(text, turns).expect(text).into_iter().map(|one| one.text).collect::<Vec<_>>()
        };
        assert_eq!(only("one\n\ntwo words\n", 1), ["one", "two words"]);
        assert_eq!(only("{\"prompt\": \"one\"}\n{\"text\": \"two\", \"id\": 3}\n", 1), ["one", "two"]);
        let talk = r#"[{"id": "x", "conversations": [{"from": "human", "value": "Hi?"},
            {"from": "gpt", "value": "Yes."}, {"from": "human", "value": "Why?"}]}]"#;
        assert_eq!(only(talk, 1), ["Hi?"]);
        assert_eq!(only(talk, 9), ["Hi?", "Hi?\nYes.\nWhy?"]);
    }

    #[test]
    fn a_fifth_of_the_prompts_is_for_training_and_a_conversation_stays_whole() {
        let many: String = (0..2000).map(|n| format!("question number {n}\n")).collect();
        let all = texts(&many, 1).expect("they are lines");
        let training = all.iter().filter(|one| one.set == PromptSet::Training).count();
        assert!((300..500).contains(&training), "{training}");
        let talk = |n: u32| {
            let turn = |n: u32| format!("{{\"from\": \"user\", \"value\": \"q {n}\"}}");
            format!("{{\"conversations\": [{}, {}]}}\n", turn(n), turn(n + 1))
        };
        let talks: String = (0..100).map(|n| talk(3 * n)).collect();
        let all = texts(&talks, 2).expect("they are conversations");
        assert!(
            all.chunks(2).all(|pair| pair[0].set == pair[1].set && pair[1].text.starts_with(&pair[0].text))
        );
    }

    #[test]
    fn what_is_not_understood_is_named_with_its_line() {
        let error = trace("{\"at\": 1.0, \"prompt_tokens\": 7, \"output_tokens\": 2}\n{\"when\": 2}")
            .expect_err("no");
        assert!(error.to_string().starts_with("read line 2: "), "{error}");
        assert!(trace("{\"at\": -1.0, \"prompt_tokens\": 7, \"output_tokens\": 2}").is_err());
        assert!(trace("").is_err() && texts(" \n", 1).is_err() && texts("[{]", 1).is_err());
    }
}
