//! The kinds of engine by their names. Must not know their options.

use contract::spec::Protocol;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Which engine, without its options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineKind {
    /// The engine linked into the worker.
    #[default]
    Native,
    /// A seeded model of an engine.
    Sim,
    /// An engine that the measured program links.
    Linked,
    /// A separate program.
    Server(Protocol),
}

impl EngineKind {
    /// All.
    pub const ALL: [Self; 3 + Protocol::ALL.len()] = {
        let mut all = [Self::Native; 3 + Protocol::ALL.len()];
        (all[1], all[2]) = (Self::Sim, Self::Linked);
        let mut at = 0;
        while at < Protocol::ALL.len() {
            all[3 + at] = Self::Server(Protocol::ALL[at]);
            at += 1;
        }
        all
    };

    const NAMES: [&'static str; Self::ALL.len()] = {
        let mut names = [""; Self::ALL.len()];
        let mut at = 0;
        while at < names.len() {
            names[at] = Self::ALL[at].name();
            at += 1;
        }
        names
    };

    /// The name in plans and flags.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Sim => "sim",
            Self::Linked => "linked",
            Self::Server(protocol) => protocol.name(),
        }
    }

    /// A description for lists of engines.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::Native => "The inference engine of this project",
            Self::Linked => "An engine of your own, linked into the program that was built",
            Self::Sim => {
                "A simulation of an engine: nothing needs to be built, variants are labels"
            }
            Self::Server(protocol) => protocol.help(),
        }
    }

    /// Flags that apply to this kind but not to all, by the names of their keys.
    pub(super) const fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Native => &["model", "threads", "handicap", "verify-model"],
            Self::Linked | Self::Server(_) => &["model", "threads"],
            Self::Sim => &[],
        }
    }
}

impl Serialize for EngineKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for EngineKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| serde::de::Error::unknown_variant(&name, &Self::NAMES))
    }
}
