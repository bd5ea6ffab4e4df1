//! From what was asked for to a plan: preset or file, changed by flags, checked. Owns the
//! precedence (flag over file); must not know how flags are spelt or where a seed comes from.

use std::path::{Path, PathBuf};

use contract::source::{self, MOST_PLAN};

use super::file::PlanFile;
use super::files::Ahead;
use super::{EngineKind, InterimAnalysis, NativePlan, OnLoss, Plan, PlanError, Verify, texts};

/// Where a plan comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A built-in plan, by name.
    Preset(String),
    /// A TOML file.
    File(PathBuf),
}

/// What flags say. Unset leaves the plan's own value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// Repetitions of every block.
    pub rounds: Option<u32>,
    /// The planned interim analysis, after how many rounds.
    pub look: Option<u32>,
    /// The root of every random draw.
    pub seed: Option<u64>,
    /// Whether comparisons carry arm A2.
    pub control: Option<bool>,
    /// Workers side by side on each host.
    pub slots: Option<u32>,
    /// Keep workers over all trials.
    pub resident: Option<bool>,
    /// Run A and B at the same time.
    pub duet: Option<bool>,
    /// What to do when a worker is lost.
    pub on_loss: Option<OnLoss>,
    /// Which engine.
    pub engine: Option<EngineKind>,
    /// Directory or file of the model; concerns the native engine.
    pub model: Option<String>,
    /// Engine threads; concerns the native engine.
    pub threads: Option<u32>,
    /// Slowing of arm B, a share; concerns the native engine.
    pub handicap: Option<f64>,
    /// How much of the model hosts compare; concerns the native engine.
    pub verify: Option<Verify>,
}

impl Overrides {
    /// What was said and means nothing to this engine, by the names of its keys.
    fn unused(&self, engine: EngineKind) -> Vec<&'static str> {
        use EngineKind::{Linked, Native};
        let said = [
            ("model", self.model.is_some(), &[Native, Linked][..]),
            ("threads", self.threads.is_some(), &[Native, Linked]),
            ("handicap", self.handicap.is_some(), &[Native]),
            ("verify-model", self.verify.is_some(), &[Native]),
        ];
        said.into_iter()
            .filter(|(_, said, of)| *said && !of.contains(&engine))
            .map(|(key, ..)| key)
            .collect()
    }
}

/// The checked plan of `source` under `flags`. `fresh_seed` (its lower 53 bits) is used where
/// neither gives a seed.
pub fn resolve(source: &Source, flags: &Overrides, fresh_seed: u64) -> Result<Plan, PlanError> {
    ahead(source, flags, fresh_seed).map(|(plan, _)| plan)
}

/// The same, and what the files of each scenario come to.
pub fn ahead(
    source: &Source,
    flags: &Overrides,
    fresh_seed: u64,
) -> Result<(Plan, Vec<Ahead>), PlanError> {
    let mut place = Path::new("");
    let (file, origin) = match source {
        Source::Preset(name) => texts::file(name)?,
        Source::File(path) => {
            place = path.parent().unwrap_or(place);
            let origin = format!("the plan `{}`", path.display());
            let (text, _) = source::whole(path, MOST_PLAN).map_err(|source| PlanError::Read {
                path: path.clone(),
                source,
            })?;
            let mut file = PlanFile::from_toml(&text, &origin)?;
            let stem = path
                .file_stem()
                .map(|stem| stem.to_string_lossy().into_owned());
            file.name = file.name.or(stem);
            (file, origin)
        }
    };
    let file = file.with(flags);
    let (engine, unused) = (file.engine, flags.unused(file.engine));
    if !unused.is_empty() {
        return Err(PlanError::OtherEngine { engine, unused });
    }
    let (plan, ahead) = file.into_plan(fresh_seed).with_files(place)?;
    Ok((plan.checked_anew(&origin)?, ahead))
}

impl PlanFile {
    fn with(mut self, flags: &Overrides) -> Self {
        self.rounds = flags.rounds.unwrap_or(self.rounds);
        self.look = flags.look.map(|at| InterimAnalysis { at }).or(self.look);
        self.seed = flags.seed.or(self.seed);
        self.control = flags.control.unwrap_or(self.control);
        self.slots = flags.slots.unwrap_or(self.slots);
        self.resident = flags.resident.unwrap_or(self.resident);
        self.duet = flags.duet.unwrap_or(self.duet);
        self.on_loss = flags.on_loss.unwrap_or(self.on_loss);
        self.engine = flags.engine.unwrap_or(self.engine);
        let native = self.native.clone().unwrap_or_default();
        let changed = native.clone().with(flags);
        if changed != native {
            self.native = Some(changed);
        }
        if self.engine == EngineKind::Linked {
            self.linked = Some(
                self.linked
                    .unwrap_or_default()
                    .with(flags.model.as_deref(), flags.threads),
            );
        }
        self
    }
}

impl NativePlan {
    fn with(self, flags: &Overrides) -> Self {
        Self {
            model: flags.model.clone().or(self.model),
            threads: flags.threads.unwrap_or(self.threads),
            handicap: flags.handicap.unwrap_or(self.handicap),
            verify: flags.verify.unwrap_or(self.verify),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(
        change: impl FnOnce(&mut Overrides),
        engine: EngineKind,
    ) -> Result<Plan, PlanError> {
        let mut flags = Overrides {
            engine: Some(engine),
            ..Overrides::default()
        };
        change(&mut flags);
        resolve(&Source::Preset("high".to_owned()), &flags, 1)
    }

    #[test]
    fn what_concerns_the_native_engine_alone_is_refused_with_the_simulated_one() {
        type Case = (fn(&mut Overrides), &'static str);
        let cases: [Case; 4] = [
            (|flags| flags.handicap = Some(0.03), "handicap"),
            (|flags| flags.threads = Some(2), "threads"),
            (|flags| flags.model = Some("/m".to_owned()), "model"),
            (|flags| flags.verify = Some(Verify::Full), "verify-model"),
        ];
        for (change, name) in cases {
            let refused = resolved(change, EngineKind::Sim)
                .expect_err(name)
                .to_string();
            assert!(
                refused.starts_with(&format!("use {name} with")) && refused.contains("scale"),
                "{refused}"
            );
            assert!(
                resolved(change, EngineKind::Native).is_ok(),
                "the twin: {name} of the native engine"
            );
        }
        assert!(
            resolved(|flags| flags.slots = Some(2), EngineKind::Sim).is_ok(),
            "what concerns both"
        );
    }
}
