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
    if file.capacity.is_some() {
        return Err(PlanError::Value {
            origin,
            key: "capacity".to_owned(),
            line: None,
            message: "is written by `coordinator capacity`, which takes its values from flags; leave it out"
                .to_owned(),
        });
    }
    let file = file.with(flags);
    let (engine, unused) = (file.engine, flags.unused(file.engine));
    if !unused.is_empty() {
        return Err(PlanError::OtherEngine { engine, unused });
    }
    let (plan, ahead) = file
        .consistent(&origin)?
        .into_plan(fresh_seed)
        .with_files(place)?;
    Ok((plan.checked_anew(&origin)?, ahead))
}

impl PlanFile {
    fn with(mut self, flags: &Overrides) -> Self {
        // Rounds of a plan of fixed length are no limit to one that ends when it is decided.
        let rounds = self
            .rounds
            .filter(|_| flags.until.is_none() || self.until.is_some());
        self.rounds = flags.rounds.or(rounds);
        self.look = match (flags.look, flags.until) {
            (Some(at), _) => Some(InterimAnalysis { at }),
            (None, Some(_)) => None,
            (None, None) => self.look,
        };
        if flags.look.is_some() {
            (self.until, self.budget) = (None, None);
        }
        if flags.to_the_end && self.until.take().is_some() {
            self.budget = None;
            let least = u32::try_from(stats::compare::LEAST_ROUNDS).expect("a handful");
            self.rounds = self.rounds.or(Some(least));
        }
        self.until = flags.until.or(self.until);
        self.budget = flags.budget.map(|time| time.as_secs_f64()).or(self.budget);
        self.seed = flags.seed.or(self.seed);
        self.control = flags.control.unwrap_or(self.control);
        self.slots = flags.slots.unwrap_or(self.slots);
        self.windows = flags.windows.unwrap_or(self.windows);
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
    use crate::plan::{EngineKind, Stop, Verify};

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
    fn a_run_to_the_end_has_a_fixed_number_of_rounds() {
        let demo = |to_the_end, rounds| {
            let flags = Overrides {
                to_the_end,
                rounds,
                ..Overrides::default()
            };
            let plan = resolve(&Source::Preset("demo".to_owned()), &flags, 1).expect("a preset");
            (plan.stop, plan.rounds)
        };
        assert_eq!(demo(true, None), (Stop::AtEnd, 6));
        assert_eq!(demo(true, Some(9)), (Stop::AtEnd, 9));
        assert!(
            matches!(demo(false, Some(9)), (Stop::Decided { .. }, 9)),
            "the twin: the preset's own way"
        );
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
