//! Instrument → train → merge → optimise: the steps of a build with a profile. A step is skipped if
//! its result is recorded and still fits. Owns the source and acceptance of profiles; must not know
//! the compiler's messages or the profile's format.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::artifact::Artifact;
use super::flags::Recipe;
use super::manifest::{ProfileRecord, VariantRecord};
use super::pipeline::{Compiled, Pipeline};
use super::profile::{Demands, Profile};
use super::training::{Counting, Trainer, TrainingReport};
use super::variant::{Scope, VariantName};
use super::{BuildError, BuildProgress, ProfileOrigin};

impl Pipeline<'_> {
    /// The profile to optimise with; `None` if the variant is built without one.
    pub(super) fn profile(
        &mut self,
        scope: Scope,
        trainer: &mut dyn Trainer,
    ) -> Result<Option<Profile>, BuildError> {
        match &self.options.profile {
            ProfileOrigin::Nothing => {
                self.manifest.profiles.remove(&scope);
                Ok(None)
            }
            ProfileOrigin::File(path) => self.given(scope, &path.clone()).map(Some),
            ProfileOrigin::Training => match self.recorded(scope, &trainer.digest())? {
                Some(profile) => Ok(Some(profile)),
                None => self.trained(scope, trainer).map(Some),
            },
        }
    }

    /// The recorded profile, if it is intact and of this training.
    fn recorded(&mut self, scope: Scope, plan_digest: &str) -> Result<Option<Profile>, BuildError> {
        let Some(record) = self
            .manifest
            .profiles
            .get(&scope)
            .cloned()
            .filter(|_| !self.options.retrain)
        else {
            return Ok(None);
        };
        let same_plan = record
            .training
            .as_ref()
            .is_some_and(|training| training.plan_digest == plan_digest);
        if !same_plan || record.settings_digest != self.manifest.settings.digest(scope) {
            return Ok(None);
        }
        let path = match record.verify(&self.options.out) {
            Ok(path) => path,
            // The file was deleted: nothing to distrust, only to build again.
            Err(BuildError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(other) => return Err(other),
        };
        self.reused(scope.training())?;
        Ok(Some(Profile {
            path,
            sha256: record.sha256,
            report: record.report,
        }))
    }

    fn trained(&mut self, scope: Scope, trainer: &mut dyn Trainer) -> Result<Profile, BuildError> {
        let recipe = Recipe::Instrumented {
            scope,
            atomic_counters: self.options.atomic_counters,
        };
        if self.fits(self.manifest.instrumented.get(&scope), &recipe) {
            self.reused(recipe.name())?;
        } else {
            let compiled = self.compile(&recipe, None)?;
            let record = self.install(compiled)?;
            self.manifest.instrumented.insert(scope, record);
            self.manifest.write(&self.options.out)?;
        }
        let instrumented = &self.manifest.instrumented[&scope];
        let program = self.options.out.join(&instrumented.artifact.path);
        let (training, profile) = self.train(scope, trainer, &program)?;
        self.record_profile(scope, &profile, Some(training))?;
        Ok(profile)
    }

    fn train(
        &mut self,
        scope: Scope,
        trainer: &mut dyn Trainer,
        program: &Path,
    ) -> Result<(TrainingReport, Profile), BuildError> {
        let raw_dir = self.options.out.join("training");
        if raw_dir.exists() {
            fs::remove_dir_all(&raw_dir).map_err(BuildError::io(&raw_dir))?;
        }
        fs::create_dir_all(&raw_dir).map_err(BuildError::io(&raw_dir))?;
        let begin = self.started(scope.training());
        let training = trainer
            .train(program, &raw_dir, Counting::Runtime)
            .map_err(|source| BuildError::Training { source })?;
        let demands = Demands {
            workers: training.workers,
            tolerate_damaged: self.options.tolerate_damaged,
            previous_total: self.previous_total(scope, &training),
        };
        let profiles = self.options.out.join("profiles");
        let profile = Profile::collect(&self.tools.profdata, &raw_dir, &profiles, demands)?;
        fs::remove_dir_all(&raw_dir).map_err(BuildError::io(&raw_dir))?;
        self.finished(scope.training(), begin);
        Ok((training, profile))
    }

    fn previous_total(&self, scope: Scope, training: &TrainingReport) -> Option<u64> {
        let previous = self
            .manifest
            .accepted_totals
            .get(&training_key(scope, training))
            .copied();
        previous.filter(|_| !self.options.accept_thin)
    }

    /// A profile from elsewhere. Its settings are known only if a build like this one recorded it.
    fn given(&mut self, scope: Scope, path: &Path) -> Result<Profile, BuildError> {
        let current = self.manifest.settings.digest(scope);
        let recorded = sidecar(path).map(|record| record.settings_digest);
        if let Some(recorded) = recorded.clone().filter(|recorded| *recorded != current) {
            return Err(BuildError::ProfileOfOtherSettings {
                path: path.to_owned(),
                recorded,
                current,
            });
        }
        let profile = Profile::keep(
            &self.tools.profdata,
            path,
            &self.options.out.join("profiles"),
        )?;
        if self
            .manifest
            .profiles
            .get(&scope)
            .is_some_and(|known| known.sha256 == profile.sha256)
        {
            return Ok(profile);
        }
        if recorded.is_none() {
            self.warn(
                "profile",
                format!(
                    "{}: the settings of this profile are unknown",
                    path.display()
                ),
            );
        }
        self.record_profile(scope, &profile, None)?;
        Ok(profile)
    }

    fn record_profile(
        &mut self,
        scope: Scope,
        profile: &Profile,
        training: Option<TrainingReport>,
    ) -> Result<(), BuildError> {
        let record = ProfileRecord {
            path: profile
                .path
                .strip_prefix(&self.options.out)
                .unwrap_or(&profile.path)
                .to_owned(),
            sha256: profile.sha256.clone(),
            settings_digest: self.manifest.settings.digest(scope),
            llvm_profdata: self.tools.profdata.major,
            training,
            report: profile.report.clone(),
        };
        let beside = profile.path.with_extension("json");
        let text = serde_json::to_string_pretty(&record).expect("a record is plain data");
        fs::write(&beside, text).map_err(BuildError::io(&beside))?;
        self.manifest.profiles.insert(scope, record);
        self.manifest.write(&self.options.out)
    }

    pub(super) fn optimised(
        &mut self,
        variant: VariantName,
        scope: Scope,
        profile: Option<Profile>,
    ) -> Result<(), BuildError> {
        let name = variant.as_str();
        let recipe = Recipe::Optimised {
            variant,
            profile: profile.as_ref().map(|profile| profile.path.clone()),
        };
        if self.fits(self.manifest.variants.get(name), &recipe) {
            self.accept_total(scope);
            self.manifest.write(&self.options.out)?;
            return self.reused(name);
        }
        self.withdraw(variant)?;
        let compiled = self.compile(
            &recipe,
            profile.as_ref().map(|profile| profile.path.as_path()),
        )?;
        if let Some(profile) = profile {
            self.judge(variant, scope, profile, &compiled)?;
        }
        let record = self.install(compiled)?;
        self.record_variant(variant, record)
    }

    /// Judges a profile by the compiler's warnings, and records it.
    pub(super) fn judge(
        &mut self,
        variant: VariantName,
        scope: Scope,
        mut profile: Profile,
        compiled: &Compiled,
    ) -> Result<(), BuildError> {
        profile.judge(&self.tools.profdata, &compiled.findings)?;
        profile
            .warning()
            .into_iter()
            .for_each(|warning| self.warn(variant.as_str(), warning));
        let training = self
            .manifest
            .profiles
            .remove(&scope)
            .and_then(|record| record.training);
        self.record_profile(scope, &profile, training)?;
        self.accept_total(scope);
        self.warn_of_scope(variant);
        (self.progress)(BuildProgress::Profile(Box::new(profile.report)));
        Ok(())
    }

    /// Adds an installed binary to the manifest.
    pub(super) fn record_variant(
        &mut self,
        variant: VariantName,
        mut record: VariantRecord,
    ) -> Result<(), BuildError> {
        let name = variant.as_str();
        record.identical_to = self.same_code_as(&record.artifact);
        if let Some(other) = &record.identical_to {
            let same = format!("the same code as `{other}`");
            self.warn(name, same);
        }
        self.manifest.variants.insert(name.to_owned(), record);
        self.manifest.write(&self.options.out)
    }

    /// Later trainings are compared with this total, now that the compiler has accepted the
    /// profile.
    fn accept_total(&mut self, scope: Scope) {
        let Some(record) = self.manifest.profiles.get(&scope) else {
            return;
        };
        let Some(training) = &record.training else {
            return;
        };
        let (key, total) = (training_key(scope, training), record.report.total_count);
        self.manifest.accepted_totals.insert(key, total);
    }

    fn warn_of_scope(&mut self, variant: VariantName) {
        if matches!(variant.scope(), Some(Scope::Crates | Scope::Program)) {
            self.warn(
                variant.as_str(),
                "Cargo hides the compiler's warnings about dependencies, so their functions that do not fit \
                 the profile are not counted as missing or changed"
                    .to_owned(),
            );
        }
    }

    fn same_code_as(&self, artifact: &Artifact) -> Option<String> {
        let same = |record: &VariantRecord| record.artifact.text_sha256 == artifact.text_sha256;
        self.manifest
            .variants
            .iter()
            .find(|(_, record)| same(record))
            .map(|(name, _)| name.clone())
    }
}

/// Totals are compared only for the same plan and crates; other totals count other things.
fn training_key(scope: Scope, training: &TrainingReport) -> String {
    format!("{scope} {}", training.plan_digest)
}

/// The record that an earlier build stored next to a profile.
fn sidecar(profile: &Path) -> Option<ProfileRecord> {
    let text =
        contract::files::read_text(&profile.with_extension("json"), contract::files::TEXT).ok()?;
    serde_json::from_str(&text).ok()
}
