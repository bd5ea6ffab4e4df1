//! Makes a checked plan of a preset or a file and of the flags. Owns the precedence (flag over
//! file); must not know the spelling of flags or the source of a seed.

use std::path::{Path, PathBuf};

use contract::source::{self, MOST_PLAN};

use super::file::PlanFile;
use super::files::Ahead;
use super::{InterimAnalysis, Overrides, Plan, PlanError, texts};

/// Source of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A built-in plan, by name.
    Preset(String),
    /// A TOML file.
    File(PathBuf),
}

/// The checked plan from `source` and `flags`. If neither gives a seed, it uses the lower 53 bits
/// of `fresh_seed`.
pub fn resolve(source: &Source, flags: &Overrides, fresh_seed: u64) -> Result<Plan, PlanError> {
    ahead(source, flags, fresh_seed).map(|(plan, _)| plan)
}

/// The same, with the contents of each scenario's files.
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
        let tables = self.take_tables().with(self.engine, flags);
        self.set_tables(tables);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{EngineKind, Verify};

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
