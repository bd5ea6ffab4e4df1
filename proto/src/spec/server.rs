//! An engine that is a program of its own and is reached over a protocol: what to start or where it
//! is, and how to speak to it. Owns the protocols and what stands for what in a command; must not
//! know how a program is started.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{OpenAiSpec, seconds};
use crate::identity::Sha256;

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// JSON lines on standard input and output.
    Exec,
    /// HTTP as OpenAI's interface has it.
    #[serde(rename = "openai")]
    OpenAi,
}

/// A server that a worker is to start, or to find.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSpec {
    /// How it is spoken to.
    pub protocol: Protocol,
    /// The variant, for messages.
    pub variant: String,
    /// What to start, or where it is.
    pub reach: Reach,
    /// What `command::identify` must find.
    pub identity: Sha256,
    /// What [`MODEL`] stands for; empty where the plan names none.
    #[serde(default)]
    pub model: String,
    /// What [`THREADS`] stands for; zero means the cores the worker may use divided by the host's
    /// slots.
    #[serde(default)]
    pub threads: u32,
    /// How long it may take until it is ready.
    #[serde(with = "seconds")]
    pub start: Duration,
    /// Of [`Protocol::OpenAi`] alone.
    #[serde(default, skip_serializing_if = "OpenAiSpec::is_default")]
    pub openai: OpenAiSpec,
}

/// Where a server comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// The worker starts it.
    Command(Command),
    /// Somebody else runs it, at this address.
    Url(String),
}

/// A command as a plan gives it: [`MODEL`], [`PORT`] and [`THREADS`] stand for what each start has
/// of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// Program and arguments.
    pub line: Vec<String>,
    /// Environment on top of the worker's own.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Where it runs, and what relative paths count from.
    pub directory: String,
}

/// Stands for the model's place.
pub const MODEL: &str = "{model}";
/// Stands for a free port.
pub const PORT: &str = "{port}";
/// Stands for a number of threads.
pub const THREADS: &str = "{threads}";
/// Stands for the variant's program; replaced when a plan is read.
pub const PROGRAM: &str = "{program}";

impl Protocol {
    /// All.
    pub const ALL: [Self; 2] = [Self::Exec, Self::OpenAi];

    /// The name in plans and flags.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exec => "exec",
            Self::OpenAi => "openai",
        }
    }

    /// What it is, for lists of engines.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::Exec => "A program that speaks JSON lines on standard input and output",
            Self::OpenAi => "A server with the OpenAI HTTP interface",
        }
    }

    /// Whether it is reached at an address, rather than through its standard input and output.
    #[must_use]
    pub const fn has_address(self) -> bool {
        !matches!(self, Self::Exec)
    }
}

impl Command {
    /// Whether one of its words holds this.
    #[must_use]
    pub fn mentions(&self, what: &str) -> bool {
        let words = self.line.iter().chain(self.env.values());
        words.into_iter().any(|word| word.contains(what))
    }

    /// With every one of these replaced.
    #[must_use]
    pub fn filled(&self, values: &[(&str, &str)]) -> Self {
        let fill = |word: &String| {
            values.iter().fold(word.clone(), |word, (name, value)| {
                word.replace(name, value)
            })
        };
        Self {
            line: self.line.iter().map(fill).collect(),
            env: self
                .env
                .iter()
                .map(|(name, value)| (name.clone(), fill(value)))
                .collect(),
            directory: self.directory.clone(),
        }
    }

    /// As somebody would type it.
    #[must_use]
    pub fn shown(&self) -> String {
        let word = |word: &String| match word.contains('{') {
            true => word.clone(),
            false => crate::shell::word(word),
        };
        let set = |(name, value): (&String, &String)| format!("{name}={}", word(value));
        let words = self.env.iter().map(set).chain(self.line.iter().map(word));
        words.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_something_is_replaced_everywhere_and_shown_as_it_is() {
        let command = Command {
            line: ["serve", "-m", MODEL, "--threads={threads}", "a b"]
                .map(str::to_owned)
                .to_vec(),
            env: BTreeMap::from([("CACHE".to_owned(), "{model}/cache".to_owned())]),
            directory: "/".to_owned(),
        };
        assert!(command.mentions(MODEL) && command.mentions(THREADS) && !command.mentions(PORT));
        let filled = command.filled(&[(MODEL, "/m"), (THREADS, "2")]);
        assert_eq!(filled.line, ["serve", "-m", "/m", "--threads=2", "a b"]);
        assert_eq!(filled.env["CACHE"], "/m/cache");
        assert_eq!(
            command.shown(),
            "CACHE={model}/cache serve -m {model} --threads={threads} 'a b'"
        );
    }
}
