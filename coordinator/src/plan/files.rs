//! The files that a plan names: found beside the plan, understood, and held to their hash from then on. Must not know
//! when anything of them is sent.

use std::path::{Path, PathBuf};

use contract::identity::Sha256;
use contract::listed::{self, ListedError};
use contract::spec::{FileSpec, PromptSpec, Scenario, Shape};
use sha2::Digest;

use super::{EnginePlan, Plan, PlanError};

impl Plan {
    /// Reads every file the plan names, whose relative paths count from `place`.
    pub(super) fn with_files(mut self, place: &Path) -> Result<Self, PlanError> {
        for scenario in &mut self.scenarios {
            scenario_files(scenario, place)?;
        }
        Ok(self)
    }
}

impl Plan {
    /// The plan by what it asks for, wherever its files and its model lie: files are known by their hashes.
    #[must_use]
    pub fn without_places(&self) -> Self {
        let mut plan = self.clone();
        for scenario in &mut plan.scenarios {
            if let Shape::Trace { file, .. } = &mut scenario.shape {
                forget_place(file);
            }
            let mixed = scenario.mix.iter_mut().filter_map(|part| part.prompt.as_mut());
            let prompts = mixed.chain([&mut scenario.prompt]);
            prompts.filter_map(|prompt| prompt.file.as_mut()).for_each(forget_place);
        }
        if let EnginePlan::Native(native) = &mut plan.engine {
            native.model = None;
        }
        plan
    }
}

fn forget_place(file: &mut FileSpec) {
    if file.sha256.is_some() {
        file.path.clear();
    }
}

fn scenario_files(scenario: &mut Scenario, place: &Path) -> Result<(), PlanError> {
    if let Shape::Trace { file, facts, .. } = &mut scenario.shape {
        let (path, text) = read(file, place)?;
        let entries = listed::trace(&text).map_err(|source| PlanError::Listed { path, source })?;
        *facts = Some(listed::facts(&entries));
    }
    let mixed = scenario.mix.iter_mut().filter_map(|part| part.prompt.as_mut());
    mixed.chain([&mut scenario.prompt]).try_for_each(|prompt| prompt_file(prompt, place))
}

fn prompt_file(prompt: &mut PromptSpec, place: &Path) -> Result<(), PlanError> {
    let Some(file) = &mut prompt.file else { return Ok(()) };
    let (path, text) = read(file, place)?;
    let wrong = |source| PlanError::Listed { path: path.clone(), source };
    let texts = listed::texts(&text, prompt.turns).map_err(wrong)?;
    let both = [contract::spec::PromptSet::Training, contract::spec::PromptSet::Evaluation];
    if both.iter().all(|set| texts.iter().any(|text| text.set == *set)) {
        return Ok(());
    }
    Err(wrong(ListedError::Empty {
        what: "prompt for training and one for evaluation (a fifth is for training)",
    }))
}

/// Reads a file and fills in where and what it is.
fn read(file: &mut FileSpec, place: &Path) -> Result<(PathBuf, String), PlanError> {
    let path = place.join(&file.path);
    let failed = |source| PlanError::ReadListed { path: path.clone(), source };
    let path = std::path::absolute(&path).map_err(failed)?;
    let bytes = std::fs::read(&path).map_err(failed)?;
    file.path = path.display().to_string();
    file.sha256 = Some(Sha256(sha2::Sha256::digest(&bytes).into()));
    Ok((path, String::from_utf8_lossy(&bytes).into_owned()))
}
