//! Recorded traces: one request on each line. Must not know what happens to lengths beyond the
//! plan's limits.

use std::io::Read;
use std::time::Duration;

use serde::Deserialize;

use super::{PromptFileError, Wrong, only};
use crate::source;
use crate::spec::TraceFacts;

/// Tokens in a block identified by one of a trace's `hash_ids`.
pub const BLOCK_TOKENS: u32 = 512;

/// Greatest number of requests of a trace.
pub const MOST_ENTRIES: usize = 10_000_000;

/// A hundred years, seconds.
const LATEST: f64 = 3.2e9;

const REQUEST: &str = "a request is {\"at\": seconds, \"prompt_tokens\": n, \"output_tokens\": n}, or Mooncake's timestamp (ms), \
     input_length, output_length, hash_ids";

/// One request of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Time after the first request of the trace.
    pub at: Duration,
    /// Length of its prompt.
    pub prompt_tokens: u32,
    /// Length of its answer.
    pub output_tokens: u32,
    /// Leading blocks of its prompt, of [`BLOCK_TOKENS`] each: equal ids are equal tokens.
    pub blocks: Vec<u64>,
}

#[derive(Deserialize)]
struct Line {
    at: Option<f64>,
    timestamp: Option<f64>,
    prompt_tokens: Option<u32>,
    input_length: Option<u32>,
    output_tokens: Option<u32>,
    output_length: Option<u32>,
    hash_ids: Option<Vec<u64>>,
}

impl Line {
    fn entry(self) -> Result<Entry, Wrong> {
        let (key, at) = only([("at", self.at), ("timestamp", self.timestamp)])?;
        let (per_second, prompt, output) = match key {
            "at" => (
                1.0,
                ("prompt_tokens", self.prompt_tokens),
                ("output_tokens", self.output_tokens),
            ),
            _ => (
                1e3,
                ("input_length", self.input_length),
                ("output_length", self.output_length),
            ),
        };
        // A hundred years after 1970 is in range; anything else is not a recorded time.
        let seconds = at / per_second;
        if !(0.0..=LATEST).contains(&seconds) {
            return Err(Wrong::Time { key, at });
        }
        let length = |(key, given): (&'static str, Option<u32>)| match given {
            None => Err(Wrong::Missing(key)),
            Some(0) => Err(Wrong::Zero(key)),
            Some(tokens) => Ok(tokens),
        };
        let (prompt_tokens, output_tokens) = (length(prompt)?, length(output)?);
        let blocks = self.hash_ids.unwrap_or_default();
        Ok(Entry {
            at: Duration::from_secs_f64(seconds),
            prompt_tokens,
            output_tokens,
            blocks,
        })
    }
}

/// Passes on every request of a trace in order of lines, with the time in its line.
///
/// # Errors
/// The line that is not understood, and the allowed forms.
pub fn requests<R: Read>(
    text: &mut source::Text<R>,
    mut take: impl FnMut(Entry),
) -> Result<(), PromptFileError> {
    let (mut buffer, mut count) = (String::new(), 0);
    while let Some((line, content)) = text.line(&mut buffer)? {
        if content.trim().is_empty() {
            continue;
        }
        let read: Line = serde_json::from_str(content).map_err(|source| PromptFileError::Line {
            line,
            source,
            wanted: REQUEST,
        })?;
        take(read.entry().map_err(|wrong| PromptFileError::Entry {
            line,
            wrong,
            wanted: REQUEST,
        })?);
        count += 1;
        if count > MOST_ENTRIES {
            return Err(PromptFileError::TooMany);
        }
    }
    if count == 0 {
        Err(PromptFileError::Empty { what: "request" })
    } else {
        Ok(())
    }
}

/// The requests of a trace in order of time, and for equal times in order of lines; the first is at
/// zero.
///
/// # Errors
/// The line that is not understood, and the allowed forms.
pub fn trace<R: Read>(text: &mut source::Text<R>) -> Result<Vec<Entry>, PromptFileError> {
    let mut entries = Vec::new();
    requests(text, |entry| entries.push(entry))?;
    entries.sort_by_key(|entry| entry.at);
    let first = entries.first().map_or(Duration::ZERO, |entry| entry.at);
    entries.iter_mut().for_each(|entry| entry.at -= first);
    Ok(entries)
}

/// The facts of a trace that must be known before a run, from the times of its requests in any
/// order.
#[must_use]
pub fn facts(mut times: Vec<Duration>, stop: Option<u32>) -> TraceFacts {
    times.sort_unstable();
    let all = u32::try_from(times.len()).unwrap_or(u32::MAX);
    let last = (all.min(stop.unwrap_or(all)) as usize)
        .checked_sub(1)
        .and_then(|last| times.get(last));
    let over = last
        .zip(times.first())
        .map_or(Duration::ZERO, |(last, first)| *last - *first);
    TraceFacts {
        requests: all,
        over,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Entry>, String> {
        trace(&mut source::Text::of(text.as_bytes())).map_err(|error| error.to_string())
    }

    fn facts_of(entries: &[Entry], stop: Option<u32>) -> TraceFacts {
        facts(entries.iter().map(|entry| entry.at).collect(), stop)
    }

    #[test]
    fn both_kinds_of_trace_are_read_and_begin_at_zero() {
        let own = "{\"at\": 3.5, \"prompt_tokens\": 7, \"output_tokens\": 2}\n\n\
                   {\"at\": 2.0, \"prompt_tokens\": 5, \"output_tokens\": 1}\n";
        let entries = read(own).expect("it is sound");
        assert_eq!(
            entries.iter().map(|e| e.prompt_tokens).collect::<Vec<_>>(),
            [5, 7]
        );
        let all = TraceFacts {
            requests: 2,
            over: Duration::from_millis(1500),
        };
        assert_eq!(facts_of(&entries, None), all);
        assert_eq!(
            facts_of(&entries, Some(1)),
            TraceFacts {
                over: Duration::ZERO,
                ..all
            }
        );
        let mooncake = "{\"timestamp\": 27482, \"input_length\": 6955, \"output_length\": 52, \"hash_ids\": [46, 47]}";
        let entries = read(mooncake).expect("it is sound");
        assert_eq!(
            (entries[0].at, &entries[0].blocks[..]),
            (Duration::ZERO, &[46, 47][..])
        );
        assert_eq!(
            read(&format!("\u{feff}{mooncake}\r\n")),
            Ok(entries),
            "a mark and another line end"
        );
    }

    #[test]
    fn what_is_not_understood_is_named_with_its_line() {
        let sound = "{\"at\": 1.0, \"prompt_tokens\": 7, \"output_tokens\": 2}";
        for (line, wanted) in [
            ("{\"when\": 2}", "use line 3: `at` is missing"),
            (
                "{\"at\": NaN, \"prompt_tokens\": 7, \"output_tokens\": 2}",
                "read line 3: expected value in column 8",
            ),
            (
                "{\"at\": 1e999, \"prompt_tokens\": 7, \"output_tokens\": 2}",
                "read line 3: number out of range",
            ),
            (
                "{\"at\": -1.0, \"prompt_tokens\": 7, \"output_tokens\": 2}",
                "use line 3: `at` is -1, a time is",
            ),
            (
                "{\"at\": \"1\", \"prompt_tokens\": 7, \"output_tokens\": 2}",
                "read line 3: invalid type: string",
            ),
            (
                "{\"timestamp\": -100, \"input_length\": 7, \"output_length\": 2}",
                "use line 3: `timestamp` is -100",
            ),
            (
                "{\"at\": 1, \"timestamp\": 2, \"output_length\": 2}",
                "both `at` and `timestamp`",
            ),
            (
                "{\"at\": 1, \"prompt_tokens\": 7}",
                "use line 3: `output_tokens` is missing",
            ),
            (
                "{\"at\": 1, \"prompt_tokens\": null, \"output_tokens\": 2}",
                "`prompt_tokens` is missing",
            ),
            (
                "{\"timestamp\": 1, \"output_length\": 2}",
                "use line 3: `input_length` is missing",
            ),
            (
                "{\"at\": 1, \"prompt_tokens\": 0, \"output_tokens\": 2}",
                "use line 3: `prompt_tokens` is 0",
            ),
            (
                "{\"timestamp\": 1, \"input_length\": 1, \"output_length\": 0}",
                "use line 3: `output_length` is 0",
            ),
            (
                "{\"at\": 1, \"prompt_tokens\": 7.5, \"output_tokens\": 2}",
                "read line 3: invalid type: floating point",
            ),
            (
                "{\"at\": 1, \"prompt_tokens\": -7, \"output_tokens\": 2}",
                "read line 3: invalid value: integer `-7`",
            ),
            (
                "{\"timestamp\": 1, \"input_length\": 1, \"output_length\": 1, \"hash_ids\": [-1]}",
                "read line 3: invalid value: integer `-1`",
            ),
        ] {
            let error = read(&format!("{sound}\n\n{line}\n")).expect_err(line);
            assert!(
                error.contains(wanted) && error.contains("a request is"),
                "{line}: {error}"
            );
        }
        assert_eq!(read(" \n"), Err("find a request in it".to_owned()));
        assert!(read(&format!("{sound}\n\n{sound}")).is_ok());
    }
}
