//! An engine that is a separate program, reached over a protocol: its command or address, and its
//! protocol. Owns the protocols and the placeholders in commands; must not know how a program is
//! started.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{OpenAiSpec, seconds};
use crate::identity::Sha256;

/// Protocol of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// JSON lines on standard input and output.
    Exec,
    /// The service `bench.engine.v1`.
    Grpc,
    /// OpenAI's HTTP interface.
    #[serde(rename = "openai")]
    OpenAi,
}

/// A server that a worker starts, or connects to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSpec {
    /// Its protocol.
    pub protocol: Protocol,
    /// Name of the variant, for messages.
    pub variant: String,
    /// Its command or address.
    pub reach: Reach,
    /// The identity that `command::identify` must compute.
    pub identity: Sha256,
    /// Replaces [`MODEL`]; empty if the plan names none.
    #[serde(default)]
    pub model: String,
    /// Replaces [`THREADS`]; zero means the cores that the worker may use, divided by the host's
    /// slots.
    #[serde(default)]
    pub threads: u32,
    /// Time within which it must be ready.
    #[serde(with = "seconds")]
    pub start: Duration,
    /// Only for [`Protocol::OpenAi`].
    #[serde(default, skip_serializing_if = "OpenAiSpec::is_default")]
    pub openai: Box<OpenAiSpec>,
}

/// Command or address of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// The worker starts it.
    Command(Command),
    /// It is started elsewhere, at this address.
    Url(String),
}

/// A command as a plan gives it. Each start replaces the placeholders [`MODEL`], [`PORT`] and
/// [`THREADS`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// Program and arguments.
    pub line: Vec<String>,
    /// Environment in addition to the worker's own.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Working directory, to which relative paths refer.
    pub directory: String,
}

/// Placeholder for the model's location.
pub const MODEL: &str = "{model}";
/// Placeholder for a free port.
pub const PORT: &str = "{port}";
/// Placeholder for a number of threads.
pub const THREADS: &str = "{threads}";
/// Placeholder for the variant's program; replaced when a plan is read.
pub const PROGRAM: &str = "{program}";

impl Protocol {
    /// All.
    pub const ALL: [Self; 3] = [Self::Exec, Self::Grpc, Self::OpenAi];

    /// The name in plans and flags.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exec => "exec",
            Self::Grpc => "grpc",
            Self::OpenAi => "openai",
        }
    }

    /// A description for lists of engines.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::Exec => "A program that speaks JSON lines on standard input and output",
            Self::Grpc => "A program that serves the gRPC service bench.engine.v1",
            Self::OpenAi => "A server with the OpenAI HTTP interface",
        }
    }

    /// Whether it is reached at an address instead of through its standard input and output.
    #[must_use]
    pub const fn has_address(self) -> bool {
        !matches!(self, Self::Exec)
    }
}

impl ServerSpec {
    /// A server with the defaults of all else: no model, any threads, a minute to become ready, and
    /// no options of its protocol. Its identity is still to be set.
    #[must_use]
    pub fn new(protocol: Protocol, variant: impl Into<String>, reach: Reach) -> Self {
        Self {
            protocol,
            variant: variant.into(),
            reach,
            identity: Sha256::default(),
            model: String::new(),
            threads: 0,
            start: Duration::from_secs(60),
            openai: Box::default(),
        }
    }
}

impl Command {
    /// Whether one of its words contains this text.
    #[must_use]
    pub fn mentions(&self, what: &str) -> bool {
        let words = self.line.iter().chain(self.env.values());
        words.into_iter().any(|word| word.contains(what))
    }

    /// The command with these texts replaced.
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

    /// The command as a user would type it.
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
