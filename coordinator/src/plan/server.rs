//! Servers as a plan gives them: settings for all variants, and those of each. Owns the merging and
//! which combinations are valid; must not look for programs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use contract::spec::{
    Command, MODEL, OpenAiSpec, PORT, PROGRAM, Protocol, Reach, ServerSpec, THREADS,
};
use serde::{Deserialize, Serialize};

use super::ledger::Ledger;
use super::overrides::Overrides;
use super::problem::Problem;
use super::server_problem::ServerProblem;
use super::{Need, Plan, nearest};

/// All placeholders of commands.
const PLACEHOLDERS: [&str; 4] = [MODEL, PORT, THREADS, PROGRAM];

/// The table `[server]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerPlan {
    /// Program and arguments of every variant without its own command.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Its address, if it is started elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Working directory, to which relative paths refer; if unset, the plan's own directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// Replaces `{model}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Replaces `{threads}`; zero means the cores that a worker may use, divided by the slots of
    /// its host.
    pub threads: u32,
    /// Seconds until it must be ready.
    pub start: f64,
    /// Environment of every variant.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Options for a server with the OpenAI interface.
    #[serde(skip_serializing_if = "OpenAiSpec::is_default")]
    pub openai: Box<OpenAiSpec>,
    /// The variants, baseline first.
    #[serde(rename = "variant")]
    pub variants: Vec<ServerVariant>,
}

/// Settings of one variant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerVariant {
    /// Its name.
    pub name: String,
    /// Replaces `{program}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// Its own command.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Arguments after those of the command.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Its address, if it is started elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Environment in addition to that of all variants.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
}

impl Default for ServerPlan {
    fn default() -> Self {
        Self {
            command: Vec::new(),
            url: None,
            directory: None,
            model: None,
            threads: 0,
            start: 60.0,
            env: BTreeMap::new(),
            openai: Box::default(),
            variants: Vec::new(),
        }
    }
}

impl ServerPlan {
    /// The names of the variants, baseline first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variants.iter().map(|variant| variant.name.as_str())
    }

    /// Command or address of a variant; `None` if the plan does not name it.
    #[must_use]
    pub fn reach(&self, variant: &str) -> Option<Reach> {
        let variant = self.variants.iter().find(|known| known.name == variant)?;
        let own = variant.url.as_ref();
        let url = own.or(self.url.as_ref().filter(|_| variant.command.is_empty()));
        Some(match url {
            Some(url) => Reach::Url(url.clone()),
            None => Reach::Command(self.command(variant)),
        })
    }

    fn command(&self, variant: &ServerVariant) -> Command {
        let line = match variant.command.is_empty() {
            true => &self.command,
            false => &variant.command,
        };
        let env = self.env.iter().chain(&variant.env);
        let command = Command {
            line: line.iter().chain(&variant.args).cloned().collect(),
            env: env
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            directory: self.directory.clone().unwrap_or_default(),
        };
        match &variant.program {
            Some(program) => command.filled(&[(PROGRAM, program)]),
            None => command,
        }
    }

    /// The form that is sent to a worker for a variant that the plan names. Its identity is filled
    /// in on the host.
    pub(super) fn spec(&self, protocol: Protocol, model: &str, variant: &str) -> ServerSpec {
        let reach = self.reach(variant);
        let reach = reach.unwrap_or_else(|| Reach::Command(Command::default()));
        ServerSpec {
            model: model.to_owned(),
            threads: self.threads,
            start: Duration::try_from_secs_f64(self.start).unwrap_or_default(),
            openai: self.openai.clone(),
            ..ServerSpec::new(protocol, variant, reach)
        }
    }

    /// If a server is started elsewhere, its program is unknown.
    pub(super) fn label(&self) -> Option<String> {
        let names = self.names().filter_map(|name| self.reach(name));
        let found = |reach| matches!(reach, Reach::Url(_));
        names.into_iter().any(found).then(|| {
            "servers are started elsewhere: their programs are not identified, and arms differ in place and time"
                .to_owned()
        })
    }

    pub(super) fn with(mut self, flags: &Overrides) -> Self {
        if let Some(model) = &flags.model {
            self.model = Some(absolute(Path::new(model)));
        }
        self.threads = flags.threads.unwrap_or(self.threads);
        self
    }

    pub(super) fn place(&mut self, place: &Path) {
        let directory = self.directory.as_deref().unwrap_or_default();
        let directory = place.join(directory);
        self.directory = Some(match directory.as_os_str().is_empty() {
            true => absolute(Path::new(".")),
            false => absolute(&directory),
        });
        if let Some(model) = &mut self.model {
            *model = absolute(&place.join(&model));
        }
        for path in [&mut self.openai.tokenizer, &mut self.openai.key_file] {
            if !path.is_empty() {
                *path = absolute(&place.join(&path));
            }
        }
    }

    /// What must exist on a worker's host besides the programs.
    pub(super) fn needs(&self) -> Vec<Need> {
        let set = |path: &Option<String>| path.clone().unwrap_or_default();
        let paths = [
            ("server.directory", set(&self.directory)),
            ("server.model", set(&self.model)),
            ("server.openai.tokenizer", self.openai.tokenizer.clone()),
            ("server.openai.key_file", self.openai.key_file.clone()),
        ];
        let paths = paths
            .into_iter()
            .filter(|(_, path)| !path.is_empty())
            .map(|(key, path)| Need::Path { key, path });
        let name = self.openai.key_variable.clone();
        let key = "server.openai.key_variable";
        let variable = (!name.is_empty()).then_some(Need::Variable { key, name });
        paths.chain(variable).collect()
    }

    pub(super) fn forget_places(&mut self) {
        (self.directory, self.model) = (None, None);
    }

    pub(super) fn check(&self, protocol: Protocol, plan: &Plan, ledger: &mut Ledger) {
        ledger.range("server.threads", self.threads, 0, 1024);
        ledger.real("server.start", self.start, 0.1, 86_400.0);
        let mut problems = Vec::new();
        if self.start > plan.timeouts.load.as_secs_f64() {
            let start = self.start as u64;
            problems.push(ServerProblem::Start { start });
        }
        // The options of each protocol that has some, and whether the plan sets any.
        let options = [(Protocol::OpenAi, !self.openai.is_default())];
        let unused = options
            .into_iter()
            .filter(|(of, set)| *set && *of != protocol);
        problems.extend(unused.map(|(of, _)| ServerProblem::Options {
            table: of.name(),
            engine: protocol.name(),
        }));
        if self.variants.is_empty() {
            problems.push(ServerProblem::NoVariant);
        }
        let mut names = BTreeSet::new();
        for variant in &self.variants {
            ledger.name("server.variant.name", &variant.name);
            if !names.insert(&variant.name) {
                problems.push(ServerProblem::Twice(variant.name.clone()));
            }
            problems.extend(self.problem(protocol, variant));
        }
        ledger
            .problems
            .extend(problems.into_iter().map(Problem::Server));
    }

    fn problem(&self, protocol: Protocol, variant: &ServerVariant) -> Option<ServerProblem> {
        let name = variant.name.clone();
        let command = self.command(variant);
        let own_both = !variant.command.is_empty() && variant.url.is_some();
        if own_both || (!self.command.is_empty() && self.url.is_some()) {
            return Some(ServerProblem::Both(name));
        }
        if matches!(self.reach(&name), Some(Reach::Url(_))) {
            return (!protocol.has_address()).then_some(ServerProblem::Address(name));
        }
        if command.line.is_empty() {
            return Some(ServerProblem::Nothing(name));
        }
        // Before what is missing: a misspelt placeholder is the reason that it is missing.
        if let Some(found) = unknown_placeholder(&command) {
            return Some(ServerProblem::Placeholder {
                variant: name,
                found: found.to_owned(),
                near: meant(found).map(str::to_owned),
            });
        }
        if command.mentions(PROGRAM) {
            return Some(ServerProblem::NoProgram(name));
        }
        let bare = ServerVariant {
            program: None,
            ..variant.clone()
        };
        if variant.program.is_some() && !self.command(&bare).mentions(PROGRAM) {
            return Some(ServerProblem::UnusedProgram(name));
        }
        match (protocol.has_address(), command.mentions(PORT)) {
            (true, false) => Some(ServerProblem::NoPort(name)),
            (false, true) => Some(ServerProblem::Port(name)),
            _ => None,
        }
    }
}

/// The first text in braces that looks like a placeholder and is none.
fn unknown_placeholder(command: &Command) -> Option<&str> {
    let words = command.line.iter().chain(command.env.values());
    let mut found = words.flat_map(|word| placeholders(word));
    found.find(|found| !PLACEHOLDERS.contains(found))
}

/// Texts in braces that are placeholders, or look like one: a lower-case word, or anything with a
/// similar name. Shell variables such as `${HOME}` do not.
fn placeholders(word: &str) -> impl Iterator<Item = &str> {
    word.match_indices('{').filter_map(|(begin, _)| {
        let length = word[begin..].find('}')? + 1;
        let found = &word[begin..begin + length];
        let inner = &found[1..length - 1];
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_- ".contains(c);
        let plain = inner.chars().all(|c| c.is_ascii_lowercase());
        let similar = inner.chars().all(is_name) && meant(found).is_some();
        let is_shell = inner.is_empty() || word[..begin].ends_with('$');
        ((plain || similar) && !is_shell).then_some(found)
    })
}

/// The placeholder that was probably meant.
fn meant(found: &str) -> Option<&'static str> {
    fn name(of: &str) -> &str {
        of.trim_matches(['{', '}', ' '])
    }
    let near = nearest(name(found), PLACEHOLDERS.map(name))?;
    PLACEHOLDERS.into_iter().find(|of| name(of) == near)
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path)
        .as_deref()
        .unwrap_or(path)
        .display()
        .to_string()
}
