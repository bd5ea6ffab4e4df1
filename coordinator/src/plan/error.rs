//! Why a plan could not be read or used; each error says what to do. Owns [`PlanError`]; must not
//! know exit codes.

use std::path::PathBuf;

use contract::source::SourceError;

use super::EngineKind;
use super::problem::Problem;

/// Completes "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file does not exist or cannot be read.
    #[error("read the plan `{path}`: {}", unread(.path, .source))]
    Read {
        /// The requested file.
        path: PathBuf,
        /// The cause.
        source: SourceError,
    },
    /// A setting applies only to another engine.
    #[error(
        "use {} with the {} engine, which would ignore it: leave it out, or use the engine `native`{}",
        .unused.join(", "), engine_name(*engine), instead(*engine)
    )]
    OtherEngine {
        /// The engine of the plan.
        engine: EngineKind,
        /// Names of the settings.
        unused: Vec<&'static str>,
    },
    /// A trace or prompt file does not exist or cannot be read.
    #[error("use {path}, which the plan names: failed to {source}{}", from_where(.source))]
    ReadListed {
        /// The requested file.
        path: PathBuf,
        /// The cause.
        source: SourceError,
    },
    /// A trace or prompt file is invalid.
    #[error("use {path}, which the plan names: failed to {source}")]
    Listed {
        /// The prompt or trace file.
        path: PathBuf,
        /// What is wrong.
        source: contract::prompt_files::PromptFileError,
    },
    /// No built-in plan has this name.
    #[error("find the preset `{name}`{}: the presets are {}", did_you_mean(.nearest.as_deref()), .known.join(", "))]
    UnknownPreset {
        /// The requested name.
        name: String,
        /// The most similar name.
        nearest: Option<String>,
        /// All names.
        known: Vec<&'static str>,
    },
    /// The file is not TOML.
    #[error("read {origin}{}: {message}", at(*.line))]
    Syntax {
        /// File or preset.
        origin: String,
        /// Line number, from one.
        line: Option<usize>,
        /// The parser's message.
        message: String,
    },
    /// A key that no plan has.
    #[error("read {}: there is no key `{}`{}; valid here: {}", .0.place(), .0.key, .0.hint(), .0.valid())]
    UnknownKey(Box<Unknown>),
    /// A name that the key does not allow.
    #[error("read {}: `{}` cannot be `{}`{}; it can be {}", .0.place(), .0.key, .0.name, .0.hint(), .0.valid())]
    UnknownName(Box<Unknown>),
    /// A value of the wrong type, or a missing one.
    #[error("read {origin}{}{}: {message}", at(*.line), of_key(.key))]
    Value {
        /// File or preset.
        origin: String,
        /// The key with its tables.
        key: String,
        /// Line number, from one.
        line: Option<usize>,
        /// What is wrong.
        message: String,
    },
    /// The plan can be parsed, but is inconsistent.
    #[error("accept {origin}: {}", sentences(.problems))]
    Invalid {
        /// File or preset.
        origin: String,
        /// All problems.
        problems: Vec<Problem>,
    },
}

/// A name that is not valid at its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// File or preset.
    pub origin: String,
    /// Line number, from one.
    pub line: Option<usize>,
    /// The key with its tables.
    pub key: String,
    /// The given name.
    pub name: String,
    /// The most similar valid name.
    pub nearest: Option<String>,
    /// Every valid name.
    pub valid: Vec<String>,
}

impl Unknown {
    fn place(&self) -> String {
        format!("{}{}", self.origin, at(self.line))
    }

    fn hint(&self) -> String {
        did_you_mean(self.nearest.as_deref())
    }

    fn valid(&self) -> String {
        self.valid.join(", ")
    }
}

impl PlanError {
    pub(super) fn syntax(origin: &str, line: Option<usize>, message: &str) -> Self {
        Self::Syntax {
            origin: origin.to_owned(),
            line,
            message: message.to_owned(),
        }
    }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!(", did you mean `{name}`?"))
}

fn at(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(", line {line}"))
}

fn of_key(key: &str) -> String {
    if key == "." {
        String::new()
    } else {
        format!(", `{key}`")
    }
}

fn sentences(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

fn unread(path: &std::path::Path, source: &SourceError) -> String {
    match source {
        SourceError::Read(source) => format!("{source}{}", preset_hint(path)),
        _ => format!("failed to {source}"),
    }
}

fn from_where(source: &SourceError) -> &'static str {
    match source {
        SourceError::Read(_) => "; paths are relative to the plan",
        _ => "",
    }
}

fn preset_hint(path: &std::path::Path) -> String {
    let name = path.to_str().unwrap_or_default();
    match super::names::NAMES.contains(&name) {
        true => format!("; for the built-in plan of that name give --preset {name}"),
        false => "; `plan show high > my.toml` writes a plan to start from".to_owned(),
    }
}

fn engine_name(engine: EngineKind) -> &'static str {
    match engine {
        EngineKind::Sim => "simulated",
        engine => engine.name(),
    }
}

fn instead(engine: EngineKind) -> &'static str {
    match engine {
        EngineKind::Sim => "; `scale` in the plan's [sim.pgo] slows a simulated candidate",
        _ => "",
    }
}
