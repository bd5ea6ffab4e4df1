//! Files of prompts: lines of text, JSON lines, or an array of conversations. They are handed over
//! one by one, so that a file of any size takes the memory of its longest prompt. Must not know how
//! prompts become tokens.

use std::cell::Cell;
use std::io::{self, BufReader, Read};
use std::path::Path;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};

use super::{ListedError, Wrong, only};
use crate::source::{self, MOST_LINE, SourceError};
use crate::spec::PromptSet;

/// One prompt in so many of a file is for training, by the hash of its text.
const TRAINING_OF: u64 = 5;

const PROMPT: &str = "a prompt is a line of text, {\"prompt\": \"…\"}, or ShareGPT's {\"conversations\": [{\"from\": …, \"value\": …}]}";

/// One prompt of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Which set it belongs to: all turns of a conversation to one.
    pub set: PromptSet,
    /// The prompt.
    pub text: String,
}

/// What a file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Prompts for measuring.
    pub evaluation: u64,
    /// Prompts for profiles and warming up.
    pub training: u64,
    /// Empty prompts, and conversations without a question: they are left out.
    pub left_out: u64,
}

/// How a file of prompts is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A prompt a line.
    Lines,
    /// An object a line.
    Objects,
    /// An array of objects.
    Array,
}

#[derive(Deserialize)]
struct Prompt {
    prompt: Option<String>,
    text: Option<String>,
    conversations: Option<Vec<Turn>>,
}

#[derive(Deserialize)]
struct Turn {
    from: String,
    value: String,
}

enum Said {
    Plain(String),
    Conversation(Vec<Turn>),
}

impl Form {
    /// By a file's name and how it begins. What is called JSON is JSON. Anything else is JSON if it
    /// begins as only JSON does: with an object that has a key, or an array of objects; a line that
    /// begins with `[INST]` is text.
    #[must_use]
    pub fn of(path: &Path, begins: &[u8]) -> Self {
        let named = path
            .extension()
            .and_then(|extension| extension.to_str())
            .is_some_and(|extension| {
                ["json", "jsonl", "ndjson"]
                    .iter()
                    .any(|known| extension.eq_ignore_ascii_case(known))
            });
        let begins = begins.trim_ascii_start();
        let second = begins
            .get(1..)
            .unwrap_or_default()
            .trim_ascii_start()
            .first();
        match (begins.first(), second) {
            (Some(b'['), Some(b'{') | None) => Self::Array,
            (Some(b'['), _) if named => Self::Array,
            (Some(b'{'), Some(b'"')) => Self::Objects,
            _ if named => Self::Objects,
            _ => Self::Lines,
        }
    }
}

impl Prompt {
    fn said(self) -> Result<Said, Wrong> {
        let plain = |text: Option<String>| text.map(Said::Plain);
        let (_, said) = only([
            ("prompt", plain(self.prompt)),
            ("text", plain(self.text)),
            ("conversations", self.conversations.map(Said::Conversation)),
        ])?;
        Ok(said)
    }
}

impl Survey {
    /// All prompts.
    #[must_use]
    pub fn prompts(&self) -> u64 {
        self.evaluation + self.training
    }

    /// Whether both sets have a prompt.
    ///
    /// # Errors
    /// When one has none: then nothing could be warmed up, or nothing measured.
    pub fn both(self) -> Result<Self, ListedError> {
        let one = |set| {
            Err(ListedError::OneSet {
                prompts: self.prompts(),
                set,
            })
        };
        match (self.evaluation, self.training) {
            (0, _) => one("training"),
            (_, 0) => one("evaluation"),
            _ => Ok(self),
        }
    }
}

/// Hands over the prompts of a file in its order. Of a conversation every one of the first `turns`
/// questions is a prompt, with all that was said before it.
///
/// # Errors
/// What is not understood, and what a prompt may be.
pub fn prompts<R: Read>(
    path: &Path,
    text: &mut source::Text<R>,
    turns: u32,
    take: &mut dyn FnMut(Text),
) -> Result<Survey, ListedError> {
    let mut asker = Asker {
        turns,
        take,
        survey: Survey::default(),
    };
    match Form::of(path, text.ready()?) {
        Form::Array => array(text, &mut asker)?,
        form => {
            let mut buffer = String::new();
            while let Some((line, content)) = text.line(&mut buffer)? {
                if content.trim().is_empty() {
                    continue;
                }
                asker.ask(match form {
                    Form::Lines => Said::Plain(content.to_owned()),
                    Form::Objects | Form::Array => object(line, content)?,
                });
            }
        }
    }
    let survey = asker.survey;
    if survey.prompts() == 0 {
        Err(ListedError::Empty { what: "prompt" })
    } else {
        Ok(survey)
    }
}

fn object(line: usize, content: &str) -> Result<Said, ListedError> {
    let read: Prompt = serde_json::from_str(content).map_err(|source| ListedError::Line {
        line,
        source,
        wanted: PROMPT,
    })?;
    read.said().map_err(|wrong| ListedError::Entry {
        line,
        wrong,
        wanted: PROMPT,
    })
}

fn array<R: Read>(text: &mut source::Text<R>, asker: &mut Asker<'_>) -> Result<(), ListedError> {
    let left = Cell::new(0);
    let metered = Metered {
        inner: text,
        left: &left,
    };
    let mut json = serde_json::Deserializer::from_reader(BufReader::new(metered));
    let read = Elements { asker, left: &left }
        .deserialize(&mut json)
        .and_then(|()| json.end());
    read.map_err(|source| {
        if !source.is_io() {
            return ListedError::Array {
                source,
                wanted: PROMPT,
            };
        }
        let source = io::Error::from(source);
        match source.downcast::<SourceError>() {
            Ok(source) => source.into(),
            Err(source) => SourceError::Read(source).into(),
        }
    })
}

/// A reader that stops where one element of an array would fill the memory.
struct Metered<'a, R> {
    inner: R,
    left: &'a Cell<usize>,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        let left = self.left.get().checked_sub(read);
        self.left
            .set(left.ok_or_else(|| io::Error::other(SourceError::LongElement))?);
        Ok(read)
    }
}

/// The elements of an array, asked one by one.
struct Elements<'a, 'b> {
    asker: &'a mut Asker<'b>,
    left: &'a Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Elements<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        self.left.set(MOST_LINE);
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of prompts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(prompt) = elements.next_element::<Prompt>()? {
            self.asker.ask(prompt.said().map_err(A::Error::custom)?);
            self.left.set(MOST_LINE);
        }
        Ok(())
    }
}

/// Makes prompts of what was said.
struct Asker<'a> {
    turns: u32,
    take: &'a mut dyn FnMut(Text),
    survey: Survey,
}

impl Asker<'_> {
    fn ask(&mut self, said: Said) {
        let asked = match said {
            Said::Plain(text) => u32::from(self.prompt(None, &text).is_some()),
            Said::Conversation(turns) => self.conversation(&turns),
        };
        self.survey.left_out += u64::from(asked == 0);
    }

    fn conversation(&mut self, said: &[Turn]) -> u32 {
        let (mut before, mut asked, mut set) = (String::new(), 0, None);
        for turn in said {
            before.push_str(&turn.value);
            if matches!(turn.from.as_str(), "human" | "user") && asked < self.turns {
                // By its first question and what came before it: a system turn may be the same in
                // all conversations.
                set = self.prompt(set, &before).or(set);
                asked += u32::from(set.is_some());
            }
            before.push('\n');
        }
        asked
    }

    /// The set it went to; none where it is empty.
    fn prompt(&mut self, set: Option<PromptSet>, text: &str) -> Option<PromptSet> {
        if text.trim().is_empty() {
            return None;
        }
        let set = set.unwrap_or_else(|| set_of(text));
        match set {
            PromptSet::Evaluation => self.survey.evaluation += 1,
            PromptSet::Training => self.survey.training += 1,
        }
        (self.take)(Text {
            set,
            text: text.to_owned(),
        });
        Some(set)
    }
}

/// By the text alone (FNV-1a), so that a prompt is in the same set in every file and order.
fn set_of(text: &str) -> PromptSet {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3);
    let hash = text.bytes().fold(0xCBF2_9CE4_8422_2325, step);
    if (hash >> 32) % TRAINING_OF == 0 {
        PromptSet::Training
    } else {
        PromptSet::Evaluation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str, turns: u32) -> Result<(Vec<Text>, Survey), String> {
        let mut all = Vec::new();
        let mut source = source::Text::of(text.as_bytes());
        prompts(Path::new(name), &mut source, turns, &mut |one| {
            all.push(one)
        })
        .map(|survey| (all, survey))
        .map_err(|error| error.to_string())
    }

    fn only(name: &str, text: &str, turns: u32) -> Vec<String> {
        read(name, text, turns)
            .expect(text)
            .0
            .into_iter()
            .map(|one| one.text)
            .collect()
    }

    #[test]
    fn prompts_come_as_lines_objects_and_conversations() {
        assert_eq!(only("p.txt", "one\n\ntwo words\n", 1), ["one", "two words"]);
        let objects = "{\"prompt\": \"one\"}\n{\"text\": \"two\", \"id\": 3}\n";
        assert_eq!(only("p.jsonl", objects, 1), ["one", "two"]);
        let talk = r#"[{"id": "x", "conversations": [{"from": "human", "value": "Hi?"},
            {"from": "gpt", "value": "Yes."}, {"from": "human", "value": "Why?"}]}]"#;
        assert_eq!(only("p.json", talk, 1), ["Hi?"]);
        assert_eq!(only("p.json", talk, 9), ["Hi?", "Hi?\nYes.\nWhy?"]);
        // By its structure, whatever it is called, and with a mark and other line ends.
        for (name, text) in [
            ("p", talk),
            ("p.txt", &format!("\u{feff}{talk}")),
            ("P.JSON", &talk.replace('\n', "\r\n")),
        ] {
            assert_eq!(only(name, text, 1), ["Hi?"], "{name}");
        }
        assert_eq!(
            only(
                "p",
                &format!("\u{feff}{}", objects.replace('\n', "\r\n")),
                1
            ),
            ["one", "two"]
        );
    }

    #[test]
    fn text_that_begins_with_a_bracket_is_text() {
        for line in [
            "[INST] Say it. [/INST]",
            "[1] First",
            "{name}, say it",
            "{ {x} }",
            "[[nested]]",
        ] {
            assert_eq!(only("p.txt", &format!("{line}\n{line}"), 1), [line, line]);
        }
    }

    #[test]
    fn what_is_called_json_is_never_taken_for_text() {
        for (name, text, wanted) in [
            (
                "p.jsonl",
                "{\"prompt\": \"one\"}\nnot json",
                "read line 2: expected ident in column 2",
            ),
            ("p.json", "one\ntwo", "read line 1: expected value"),
            (
                "p.json",
                "[INST] Say it.",
                "read it as a JSON array: expected value at line 1 column 2",
            ),
            (
                "p.json",
                "[{\"prompt\": \"one\"},\n{\"prompt\": 3}]",
                "invalid type: integer `3`, expected a string at line 2",
            ),
            (
                "p.json",
                "[{\"prompt\": \"one\"},\n{\"messages\": []}]",
                "`prompt` is missing at line 2",
            ),
            (
                "p.json",
                "[{\"prompt\": \"one\"}]\nrest",
                "trailing characters at line 2",
            ),
            ("p.json", "[{\"prompt\": \"one\"},\n", "EOF while parsing"),
            (
                "p.jsonl",
                "{\"messages\": []}",
                "use line 1: `prompt` is missing",
            ),
            (
                "p.jsonl",
                "{\"prompt\": \"a\", \"text\": \"b\"}",
                "both `prompt` and `text`",
            ),
            ("p.txt", "{\"prompt\": \"one\"}\n[INST]", "read line 2: "),
            (
                "p.json",
                "[{\"conversations\": [{\"from\": \"human\", \"value\": null}]}]",
                "invalid type: null",
            ),
            ("p.json", "[]", "find a prompt in it"),
            ("p.txt", " \n\n", "find a prompt in it"),
            (
                "p.json",
                "[{\"prompt\": \"a\0b\"}]",
                "read line 1 as text: it has a zero byte",
            ),
        ] {
            let error = read(name, text, 1).expect_err(text);
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }

    #[test]
    fn a_fifth_of_the_prompts_is_for_training_and_a_conversation_stays_whole() {
        let many: String = (0..2000)
            .map(|n| format!("question number {n}\n"))
            .collect();
        let (_, survey) = read("p.txt", &many, 1).expect("they are lines");
        assert!(
            (300..500).contains(&survey.training) && survey.prompts() == 2000,
            "{survey:?}"
        );
        let talk = |n: u32| {
            let turn = |n: u32| format!("{{\"from\": \"user\", \"value\": \"q {n}\"}}");
            let system = "{\"from\": \"system\", \"value\": \"Be kind.\"}";
            format!(
                "{{\"conversations\": [{system}, {}, {}]}}\n",
                turn(n),
                turn(n + 1)
            )
        };
        // All of them begin with the same turn.
        let talks: String = (0..300).map(|n| talk(3 * n)).collect();
        let (all, survey) = read("p.jsonl", &talks, 2).expect("they are conversations");
        assert!(
            (60..180).contains(&survey.training) && survey.both().is_ok(),
            "{survey:?}"
        );
        assert!(
            all.chunks(2)
                .all(|pair| pair[0].set == pair[1].set && pair[1].text.starts_with(&pair[0].text))
        );
    }

    #[test]
    fn what_asks_nothing_is_counted_and_one_set_alone_is_refused() {
        let talks = "[{\"conversations\": []}, {\"conversations\": [{\"from\": \"gpt\", \"value\": \"I\"}]}, \
                     {\"prompt\": \" \"}, {\"prompt\": \"one\"}]";
        let (_, survey) = read("p.json", talks, 1).expect("it has a prompt");
        assert_eq!((survey.prompts(), survey.left_out), (1, 3));
        let said = survey.both().expect_err("a single prompt").to_string();
        assert!(
            said.contains("all 1 fall into the") && said.contains("such that differ"),
            "{said}"
        );
    }

    #[test]
    fn one_element_of_an_array_has_a_limit_and_the_array_has_none() {
        let long = |bytes: usize| format!("{{\"prompt\": \"{}\"}}", "x".repeat(bytes));
        // The reader is ahead of the parser by a buffer.
        let (half, whole) = (long(MOST_LINE / 2), long(MOST_LINE + (64 << 10)));
        assert_eq!(
            only("p.json", &format!("[{half},{half},{half}]"), 1).len(),
            3
        );
        let Err(error) = read("p.json", &format!("[{half},{whole}]"), 1) else {
            panic!("it is too long")
        };
        assert!(error.contains("longer than"), "{error}");
    }
}
