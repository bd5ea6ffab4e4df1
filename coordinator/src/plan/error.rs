//! Why there is no plan, each with the way out. Owns [`PlanError`] and the search for the nearest name; must not know
//! exit codes.

use std::path::PathBuf;

use super::check::Problem;

/// Completes "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// No such file, or it cannot be read.
    #[error("read the plan `{path}`: {source}{}", preset_hint(.path))]
    Read {
        /// What was asked for.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// No built-in plan has this name.
    #[error("find the preset `{name}`{}: the presets are {}", did_you_mean(.nearest.as_deref()), .known.join(", "))]
    UnknownPreset {
        /// What was asked for.
        name: String,
        /// The most similar one.
        nearest: Option<String>,
        /// All of them.
        known: Vec<&'static str>,
    },
    /// Not TOML at all.
    #[error("read {origin}{}: {message}", at(*.line))]
    Syntax {
        /// File or preset.
        origin: String,
        /// Line, from one.
        line: Option<usize>,
        /// What the parser says.
        message: String,
    },
    /// A key that no plan has.
    #[error(
        "read {origin}{}: there is no key `{path}`{}; valid here: {}",
        at(*.line), did_you_mean(.nearest.as_deref()), .valid.join(", ")
    )]
    UnknownKey {
        /// File or preset.
        origin: String,
        /// The key with its tables.
        path: String,
        /// Line, from one.
        line: Option<usize>,
        /// The most similar valid key.
        nearest: Option<String>,
        /// Every valid key of that table.
        valid: Vec<String>,
    },
    /// A word that a key does not know.
    #[error(
        "read {origin}{}: `{key}` cannot be `{name}`{}; it can be {}",
        at(*.line), did_you_mean(.nearest.as_deref()), .valid.join(", ")
    )]
    UnknownName {
        /// File or preset.
        origin: String,
        /// The key with its tables.
        key: String,
        /// Line, from one.
        line: Option<usize>,
        /// What was given.
        name: String,
        /// The most similar valid word.
        nearest: Option<String>,
        /// Every valid word.
        valid: Vec<String>,
    },
    /// A value of the wrong type, or a missing one.
    #[error("read {origin}{}{}: {message}", at(*.line), of_key(.key))]
    Value {
        /// File or preset.
        origin: String,
        /// The key with its tables.
        key: String,
        /// Line, from one.
        line: Option<usize>,
        /// What is wrong.
        message: String,
    },
    /// It can be read, but makes no sense.
    #[error("accept {origin}: {}", sentences(.problems))]
    Invalid {
        /// File or preset.
        origin: String,
        /// Everything that is wrong.
        problems: Vec<Problem>,
    },
}

/// The most similar of `names`, if any is similar enough to be meant.
#[must_use]
pub fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let similar = |other: &str| strsim::jaro_winkler(&name.to_lowercase(), other);
    names
        .into_iter()
        .map(|other| (similar(other), other))
        .filter(|(similarity, _)| *similarity >= 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| other)
}

impl PlanError {
    pub(super) fn syntax(origin: &str, line: Option<usize>, message: &str) -> Self {
        Self::Syntax { origin: origin.to_owned(), line, message: message.to_owned() }
    }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!(", did you mean `{name}`?"))
}

fn at(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(", line {line}"))
}

fn of_key(key: &str) -> String {
    if key == "." { String::new() } else { format!(", `{key}`") }
}

fn sentences(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn preset_hint(path: &std::path::Path) -> String {
    let name = path.to_str().unwrap_or_default();
    match super::preset::NAMES.contains(&name) {
        true => format!("; for the built-in plan of that name give --preset {name}"),
        false => "; `plan show high > my.toml` writes a plan to start from".to_owned(),
    }
}
