//! The plan's format, the same in TOML files and in the run header's JSON. Owns the keys and the
//! messages about misspelt ones; must not know which values are valid ([`super::check`]).

use std::time::Duration;

use contract::spec::Scenario;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::engine::Tables;
use super::{
    CapacityPlan, DEFAULT_ROUNDS, EngineKind, InterimAnalysis, Limits, LinkedPlan, MOST_ROUNDS,
    NativePlan, OnLoss, Plan, PlanError, Primary, Problem, ServerPlan, SimPlan, Stop, Timeouts,
    Tolerances, Unknown, Until, nearest,
};

/// Shortest and longest budget, seconds.
const BUDGET: (f64, f64) = (1.0, 604_800.0);

/// A plan as written, not yet checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanFile {
    /// Without it, a plan has the name of its file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    /// Without it, [`DEFAULT_ROUNDS`], or [`MOST_ROUNDS`] if the run ends when it is decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rounds: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) seed: Option<u64>,
    #[serde(default = "default_control")]
    pub(super) control: bool,
    #[serde(default = "default_slots")]
    pub(super) slots: u32,
    // Not written if it is one, because the text of a plan identifies its history.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub(super) windows: u32,
    #[serde(default)]
    pub(super) resident: bool,
    // Not written if it is off, because the text of a plan identifies its history.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) duet: bool,
    #[serde(default)]
    pub(super) primary: Primary,
    #[serde(default)]
    pub(super) on_loss: OnLoss,
    #[serde(default = "default_max_attempts")]
    pub(super) max_attempts: u32,
    #[serde(default)]
    pub(super) engine: EngineKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) look: Option<InterimAnalysis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<Until>,
    /// Seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) budget: Option<f64>,
    #[serde(default)]
    pub(super) tolerance: Tolerances,
    #[serde(default)]
    pub(super) validity: Limits,
    #[serde(default)]
    pub(super) timeouts: Timeouts,
    // Written by `coordinator capacity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) capacity: Option<CapacityPlan>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) native: Option<NativePlan>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) linked: Option<LinkedPlan>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) server: Option<ServerPlan>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sim: Option<SimPlan>,
    #[serde(rename = "scenario", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) scenarios: Vec<Scenario>,
}

fn default_control() -> bool {
    true
}

fn default_slots() -> u32 {
    1
}

fn one() -> u32 {
    1
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_one(windows: &u32) -> bool {
    *windows == 1
}

fn default_max_attempts() -> u32 {
    3
}

impl PlanFile {
    /// Reads TOML. `origin` names the source in errors.
    pub(super) fn from_toml(text: &str, origin: &str) -> Result<Self, PlanError> {
        let parsed = toml::Deserializer::parse(text).map_err(|error| {
            PlanError::syntax(origin, line_of(text, error.span()), error.message())
        })?;
        read(parsed, origin, |error: &toml::de::Error| {
            (line_of(text, error.span()), error.message().to_owned())
        })
    }

    pub(super) fn from_json(text: &str, origin: &str) -> Result<Self, PlanError> {
        read(
            &mut serde_json::Deserializer::from_str(text),
            origin,
            |error: &serde_json::Error| (Some(error.line()), error.to_string()),
        )
    }

    /// The checked plan in this format, with the options of its own engine only.
    pub(super) fn of(plan: &Plan) -> Self {
        let mut file = Self {
            name: Some(plan.name.clone()),
            rounds: Some(plan.rounds),
            seed: Some(plan.seed),
            control: plan.control,
            slots: plan.slots,
            windows: plan.windows,
            resident: plan.resident,
            duet: plan.duet,
            primary: plan.primary,
            on_loss: plan.on_loss,
            max_attempts: plan.max_attempts,
            engine: plan.engine_kind(),
            look: match plan.stop {
                Stop::Once { at } => Some(InterimAnalysis { at }),
                Stop::AtEnd | Stop::Decided { .. } => None,
            },
            until: matches!(plan.stop, Stop::Decided { .. }).then_some(Until::Decided),
            budget: plan.stop.budget().map(|budget| budget.as_secs_f64()),
            tolerance: plan.tolerance,
            validity: plan.validity,
            timeouts: plan.timeouts,
            capacity: plan.capacity.clone(),
            native: None,
            linked: None,
            server: None,
            sim: None,
            scenarios: plan.scenarios.clone(),
        };
        file.set_tables(Tables::of(&plan.engine));
        file
    }

    /// Takes the engines' tables out of the file.
    pub(super) fn take_tables(&mut self) -> Tables {
        Tables {
            native: self.native.take(),
            sim: self.sim.take(),
            linked: self.linked.take(),
            server: self.server.take(),
        }
    }

    /// Sets the engines' tables.
    pub(super) fn set_tables(&mut self, tables: Tables) {
        let Tables {
            native,
            sim,
            linked,
            server,
        } = tables;
        (self.native, self.sim, self.linked, self.server) = (native, sim, linked, server);
    }

    /// Keys about the end of the run that exclude each other.
    fn contradiction(&self) -> Option<Problem> {
        if self.look.is_some() && self.until.is_some() {
            return Some(Problem::LookAndUntil);
        }
        let seconds = self.budget?;
        if self.until.is_none() {
            return Some(Problem::BudgetAlone);
        }
        // Negated, so that NaN is out of range.
        let (low, high) = BUDGET;
        (!(low..=high).contains(&seconds)).then(|| Problem::OutOfRange {
            key: "budget".to_owned(),
            value: seconds,
            low,
            high,
        })
    }

    /// Refuses keys that exclude each other.
    pub(super) fn consistent(self, origin: &str) -> Result<Self, PlanError> {
        match self.contradiction() {
            None => Ok(self),
            Some(problem) => Err(PlanError::Invalid {
                origin: origin.to_owned(),
                problems: vec![problem],
            }),
        }
    }

    /// When the run ends, if its keys do not contradict each other.
    fn stop(&self) -> Stop {
        let budget = self.budget.map(Duration::from_secs_f64);
        match (self.look, self.until) {
            (Some(InterimAnalysis { at }), _) => Stop::Once { at },
            (None, Some(Until::Decided)) => Stop::Decided { budget },
            (None, None) => Stop::AtEnd,
        }
    }

    /// The plan in this file, not yet checked.
    pub(super) fn into_plan(mut self, fresh_seed: u64) -> Plan {
        let engine = self.take_tables().engine(self.engine);
        let stop = self.stop();
        Plan {
            name: self.name.unwrap_or_default(),
            rounds: self.rounds.unwrap_or(match stop {
                Stop::Decided { .. } => MOST_ROUNDS,
                Stop::AtEnd | Stop::Once { .. } => DEFAULT_ROUNDS,
            }),
            stop,
            seed: self.seed.unwrap_or(fresh_seed & Plan::SEED_MAX),
            control: self.control,
            slots: self.slots,
            windows: self.windows,
            resident: self.resident,
            duet: self.duet,
            scenarios: self.scenarios,
            engine,
            primary: self.primary,
            tolerance: self.tolerance,
            validity: self.validity,
            on_loss: self.on_loss,
            max_attempts: self.max_attempts,
            timeouts: self.timeouts,
            capacity: self.capacity,
        }
    }
}

impl Plan {
    /// The greatest seed that a double represents exactly.
    pub const SEED_MAX: u64 = (1 << 53) - 1;

    /// The plan as one line of JSON, including all defaults. Equal plans give equal text.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(&PlanFile::of(self))
            .expect("a plan holds finite numbers and string keys")
    }

    /// The plan as TOML, including all defaults.
    #[must_use]
    pub fn to_toml(&self) -> String {
        #[derive(Serialize)]
        struct One<'a> {
            scenario: [&'a Scenario; 1],
        }
        // One by one, because the serialiser goes over all tables of an array for each of them.
        let mut file = PlanFile::of(self);
        let scenarios = std::mem::take(&mut file.scenarios);
        let each = scenarios.iter().map(|scenario| {
            toml::to_string(&One {
                scenario: [scenario],
            })
        });
        let all: Result<Vec<String>, _> = std::iter::once(toml::to_string(&file))
            .chain(each)
            .collect();
        all.expect("a plan holds what TOML can").join("\n")
    }

    /// Reads the output of [`Plan::to_json`], and checks the plan again.
    pub fn from_json(text: &str) -> Result<Self, PlanError> {
        let origin = "the recorded plan";
        PlanFile::from_json(text, origin)?
            .consistent(origin)?
            .into_plan(0)
            .checked(origin)
    }
}

fn read<'de, T, D>(
    input: D,
    origin: &str,
    explain: impl Fn(&D::Error) -> (Option<usize>, String),
) -> Result<T, PlanError>
where
    T: DeserializeOwned,
    D: serde::Deserializer<'de>,
{
    serde_path_to_error::deserialize(input).map_err(|error| {
        let path = error.path().to_string();
        let (line, message) = explain(error.inner());
        unknown_name(&message, &path, origin, line).unwrap_or_else(|| PlanError::Value {
            origin: origin.to_owned(),
            key: path,
            line,
            message: first_line(&message),
        })
    })
}

/// Parses serde's "unknown field `a`, expected one of `b`, `c`", and the same for a variant. The
/// text is the only source: serde calls `Error::unknown_field(name, expected)` of the format's
/// error, and the error types of TOML and JSON turn it into this sentence. A custom error type
/// would need a custom deserializer around theirs, without their line numbers. If serde changes the
/// wording, the sentence is shown unchanged, and tests/cli fails because the nearest name is
/// missing.
fn unknown_name(message: &str, path: &str, origin: &str, line: Option<usize>) -> Option<PlanError> {
    let (is_key, rest) = match message.strip_prefix("unknown field ") {
        Some(rest) => (true, rest),
        None => (false, message.strip_prefix("unknown variant ")?),
    };
    let mut names = rest.split('`').skip(1).step_by(2).map(str::to_owned);
    let name = names.next()?;
    let valid: Vec<String> = names.collect();
    let near = nearest(&name, valid.iter().map(String::as_str)).map(str::to_owned);
    let key = if is_key {
        key_path(path, &name)
    } else {
        path.to_owned()
    };
    let unknown = Box::new(Unknown {
        origin: origin.to_owned(),
        line,
        key,
        name,
        nearest: near,
        valid,
    });
    Some(if is_key {
        PlanError::UnknownKey(unknown)
    } else {
        PlanError::UnknownName(unknown)
    })
}

/// Serde's path may or may not include the unknown key itself, depending on its depth.
fn key_path(path: &str, key: &str) -> String {
    match path {
        "." => key.to_owned(),
        _ if path == key || path.ends_with(&format!(".{key}")) => path.to_owned(),
        _ => format!("{path}.{key}"),
    }
}

fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().to_owned()
}

fn line_of(text: &str, span: Option<std::ops::Range<usize>>) -> Option<usize> {
    let start = span?.start.min(text.len());
    Some(
        text.as_bytes()[..start]
            .iter()
            .filter(|b| **b == b'\n')
            .count()
            + 1,
    )
}
