//! Files of prompts: lines of text, JSON lines, or an array of conversations. Prompts are passed on
//! one by one, so that a file of any size needs memory only for its longest prompt. Must not know
//! how prompts become tokens.

use std::cell::Cell;
use std::io::{self, BufReader, Read};
use std::path::Path;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};

use super::{PromptFileError, Wrong, only};
use crate::source::{self, MOST_LINE, SourceError};
use crate::spec::PromptSet;

/// One prompt of this many is for training, chosen by the hash of its text.
const TRAINING_OF: u64 = 5;

const PROMPT: &str = "a prompt is a line of text, {\"prompt\": \"…\"}, or ShareGPT's {\"conversations\": [{\"from\": …, \"value\": …}]}";

/// One prompt of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Its set; all turns of a conversation are in one.
    pub set: PromptSet,
    /// The prompt.
    pub text: String,
}

/// Statistics of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Prompts for measuring.
    pub evaluation: u64,
    /// Prompts for profiles and warming up.
    pub training: u64,
    /// Empty prompts, and conversations without a question; they are left out.
    pub left_out: u64,
}

/// Format of a prompt file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One prompt on each line.
    Lines,
    /// One object on each line.
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
    /// Derived from a file's name and beginning. A file with a JSON extension must be JSON. Any
    /// other file is JSON if it begins with an object that has a key, or with an array of objects;
    /// a line that begins with `[INST]` is text.
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

    /// Checks that both sets have a prompt.
    ///
    /// # Errors
    /// When a set is empty, so that nothing could be warmed up, or nothing measured.
    pub fn both(self) -> Result<Self, PromptFileError> {
        let one = |set| {
            Err(PromptFileError::OneSet {
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

/// Passes on the prompts of a file in order. In a conversation, each of the first `turns` questions
/// is a prompt, together with everything said before it.
///
/// # Errors
/// What is not understood, and the allowed forms.
pub fn prompts<R: Read>(
    path: &Path,
    text: &mut source::Text<R>,
    turns: u32,
    take: &mut dyn FnMut(Text),
) -> Result<Survey, PromptFileError> {
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
        Err(PromptFileError::Empty { what: "prompt" })
    } else {
        Ok(survey)
    }
}

fn object(line: usize, content: &str) -> Result<Said, PromptFileError> {
    let read: Prompt = serde_json::from_str(content).map_err(|source| PromptFileError::Line {
        line,
        source,
        wanted: PROMPT,
    })?;
    read.said().map_err(|wrong| PromptFileError::Entry {
        line,
        wrong,
        wanted: PROMPT,
    })
}

fn array<R: Read>(
    text: &mut source::Text<R>,
    asker: &mut Asker<'_>,
) -> Result<(), PromptFileError> {
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
            return PromptFileError::Array {
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

/// A reader that stops if one element of an array would fill the memory.
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

/// Reads the elements of an array one by one.
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

/// Makes prompts from a conversation.
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
                // The set is chosen by its first question and what precedes it, because a system
                // turn may be the same in all conversations.
                set = self.prompt(set, &before).or(set);
                asked += u32::from(set.is_some());
            }
            before.push('\n');
        }
        asked
    }

    /// The set of the prompt; none if it is empty.
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
mod tests;
