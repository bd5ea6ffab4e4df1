//! Options of an engine that the worker program links, as a plan gives them. Only the worker knows
//! which options the engine has. They are passed on unchanged, and the worker checks them before
//! anything is measured.

use contract::spec::LinkedSpec;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::overrides::Overrides;

/// A linked engine's options. All have defaults.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinkedPlan {
    /// Name of the engine; may be unset if the program links only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// Threads that compute in each worker; zero means the cores that it may use, divided by the
    /// slots of its host.
    pub threads: u32,
    /// The engine's own options.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub options: Map<String, Value>,
}

impl LinkedPlan {
    /// Location of its model, from the option's usual name.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.options.get("model")?.as_str()
    }

    /// The form that is sent to a worker.
    #[must_use]
    pub fn spec(&self) -> LinkedSpec {
        LinkedSpec {
            engine: self.engine.clone(),
            options: self.options.clone(),
            threads: self.threads,
        }
    }

    /// `--model` sets the option of that name.
    pub(super) fn with(mut self, flags: &Overrides) -> Self {
        if let Some(model) = &flags.model {
            let model = std::path::absolute(model)
                .map_or_else(|_| model.to_owned(), |path| path.display().to_string());
            self.options.insert("model".to_owned(), model.into());
        }
        self.threads = flags.threads.unwrap_or(self.threads);
        self
    }
}
