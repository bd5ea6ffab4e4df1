//! The order of a build: baseline, then instrument → train → merge → optimise, then controls. Each step is skipped
//! when its result is recorded and still fits; the manifest is written after each, so a failure keeps what is done.
//! Owns that order; knows neither the compiler's words nor the profile's format.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use super::artifact::Artifact;
use super::cargo::{Built, Job};
use super::diagnostics::Findings;
use super::flags::{Recipe, VariantName};
use super::lock::Lock;
use super::manifest::{FORMAT, Manifest, ProfileRecord, Settings, VariantRecord};
use super::profile::{Demands, Profile};
use super::sources::{GitState, Sources};
use super::toolchain::Toolchain;
use super::training::{Trainer, TrainingReport};
use super::wrapper::Wrapper;
use super::{BuildError, BuildOptions, BuildProgress, Outcome, ProfileOrigin, digest};

/// Builds the wanted variants, or finds that nothing has to be done. Blocks; the trainer is called on this thread.
///
/// # Errors
/// Whatever keeps a wanted variant from being what its name says; see [`BuildError`].
pub fn build(
    options: &BuildOptions,
    trainer: &mut dyn Trainer,
    progress: &mut dyn FnMut(BuildProgress),
) -> Result<Outcome, BuildError> {
    let options = &absolute(options)?;
    let _lock = Lock::take(&options.out)?;
    let mut pipeline = Pipeline::start(options, progress)?;
    pipeline.baseline()?;
    if options.variants.contains(&VariantName::Pgo) {
        let profile = pipeline.profile(trainer)?;
        pipeline.optimised(profile)?;
    }
    if options.controls {
        pipeline.controls()?;
    }
    pipeline.check_controls()?;
    Ok(Outcome { manifest: pipeline.manifest, done: pipeline.done })
}

/// One build under way.
pub(super) struct Pipeline<'a> {
    pub(super) options: &'a BuildOptions,
    pub(super) tools: Toolchain,
    pub(super) manifest: Manifest,
    wrapper: Wrapper,
    target_dir: PathBuf,
    progress: &'a mut dyn FnMut(BuildProgress),
    done: Vec<&'static str>,
}

/// What one compiled step left besides its record.
pub(super) struct Compiled {
    pub(super) record: VariantRecord,
    pub(super) findings: Findings,
}

impl<'a> Pipeline<'a> {
    fn start(
        options: &'a BuildOptions,
        progress: &'a mut dyn FnMut(BuildProgress),
    ) -> Result<Self, BuildError> {
        let tools = Toolchain::discover(&options.root)?;
        let settings = settings(options, &tools)?;
        let manifest = match Manifest::read(&options.out) {
            Ok(manifest) => carried_over(manifest, settings, options)?,
            // Nothing to carry over, or nothing that could be: both mean building from the start.
            Err(BuildError::NoManifest { .. } | BuildError::BadManifest { .. }) => empty(settings),
            Err(other) => return Err(other),
        };
        let wrapper = Wrapper::install(&options.out)?;
        let target_dir = options.target_dir();
        Ok(Self { options, tools, manifest, wrapper, target_dir, progress, done: Vec::new() })
    }

    fn baseline(&mut self) -> Result<(), BuildError> {
        let name = VariantName::Baseline.as_str();
        if self.fits(self.manifest.variants.get(name), &Recipe::Baseline) {
            return self.reused(name);
        }
        // A new baseline means new sources or settings: nothing built before belongs to it.
        self.manifest = Manifest {
            accepted_totals: std::mem::take(&mut self.manifest.accepted_totals),
            ..empty(self.manifest.settings.clone())
        };
        let compiled = self.compile(&Recipe::Baseline, None)?;
        self.manifest.variants.insert(name.to_owned(), compiled.record);
        self.manifest.write(&self.options.out)
    }

    /// The profile to optimise with; `None` when the variant is asked for without one.
    fn profile(&mut self, trainer: &mut dyn Trainer) -> Result<Option<Profile>, BuildError> {
        match &self.options.profile {
            ProfileOrigin::Nothing => {
                self.manifest.profile = None;
                Ok(None)
            }
            ProfileOrigin::File(path) => self.given(&path.clone()).map(Some),
            ProfileOrigin::Training => match self.recorded(&trainer.digest())? {
                Some(profile) => Ok(Some(profile)),
                None => self.trained(trainer).map(Some),
            },
        }
    }

    /// The recorded profile, when it is of this training and whole.
    fn recorded(&mut self, plan_digest: &str) -> Result<Option<Profile>, BuildError> {
        let Some(record) = self.manifest.profile.clone().filter(|_| !self.options.retrain) else {
            return Ok(None);
        };
        let same_plan = record.training.as_ref().is_some_and(|training| training.plan_digest == plan_digest);
        if !same_plan || record.settings_digest != self.manifest.settings.digest() {
            return Ok(None);
        }
        let path = record.verify(&self.options.out)?;
        self.reused("training")?;
        Ok(Some(Profile { path, sha256: record.sha256, report: record.report }))
    }

    fn trained(&mut self, trainer: &mut dyn Trainer) -> Result<Profile, BuildError> {
        let recipe = Recipe::Instrumented { atomic_counters: self.options.atomic_counters };
        if self.fits(self.manifest.instrumented.as_ref(), &recipe) {
            self.reused(recipe.name())?;
        } else {
            self.manifest.instrumented = Some(self.compile(&recipe, None)?.record);
            self.manifest.write(&self.options.out)?;
        }
        let instrumented = self.manifest.instrumented.as_ref().expect("compiled or reused just above");
        let program = self.options.out.join(&instrumented.artifact.path);
        let (training, profile) = self.train(trainer, &program)?;
        self.manifest.accepted_totals.insert(self.training_key(&training), profile.report.total_count);
        self.record_profile(&profile, Some(training))?;
        Ok(profile)
    }

    fn train(
        &mut self,
        trainer: &mut dyn Trainer,
        program: &Path,
    ) -> Result<(TrainingReport, Profile), BuildError> {
        let raw_dir = self.options.out.join("training");
        if raw_dir.exists() {
            fs::remove_dir_all(&raw_dir).map_err(BuildError::io(&raw_dir))?;
        }
        fs::create_dir_all(&raw_dir).map_err(BuildError::io(&raw_dir))?;
        let begin = self.started("training");
        let training = trainer.train(program, &raw_dir).map_err(|source| BuildError::Training { source })?;
        let demands = Demands {
            workers: training.workers,
            tolerate_damaged: self.options.tolerate_damaged,
            previous_total: self.previous_total(&training),
        };
        let profiles = self.options.out.join("profiles");
        let profile = Profile::collect(&self.tools.profdata, &raw_dir, &profiles, demands)?;
        fs::remove_dir_all(&raw_dir).map_err(BuildError::io(&raw_dir))?;
        self.finished("training", begin);
        Ok((training, profile))
    }

    fn previous_total(&self, training: &TrainingReport) -> Option<u64> {
        let previous = self.manifest.accepted_totals.get(&self.training_key(training)).copied();
        previous.filter(|_| !self.options.accept_thin)
    }

    /// Totals are compared for the same plan over the same crates; anything else counts something else.
    fn training_key(&self, training: &TrainingReport) -> String {
        format!("{} {}", self.manifest.settings.scope, training.plan_digest)
    }

    /// A profile from elsewhere. Its settings are known only when it was recorded by a build like this one.
    fn given(&mut self, path: &Path) -> Result<Profile, BuildError> {
        let current = self.manifest.settings.digest();
        match sidecar(path).map(|record| record.settings_digest) {
            Some(recorded) if recorded != current => {
                return Err(BuildError::ProfileOfOtherSettings { path: path.to_owned(), recorded, current });
            }
            Some(_) => {}
            None => self.warn(format!("{}: the settings of this profile are unknown", path.display())),
        }
        let profile = Profile::keep(&self.tools.profdata, path, &self.options.out.join("profiles"))?;
        let known = self.manifest.profile.as_ref().is_some_and(|record| record.sha256 == profile.sha256);
        if !known {
            self.record_profile(&profile, None)?;
        }
        Ok(profile)
    }

    fn record_profile(
        &mut self,
        profile: &Profile,
        training: Option<TrainingReport>,
    ) -> Result<(), BuildError> {
        let record = ProfileRecord {
            path: profile.path.strip_prefix(&self.options.out).unwrap_or(&profile.path).to_owned(),
            sha256: profile.sha256.clone(),
            settings_digest: self.manifest.settings.digest(),
            llvm_profdata: self.tools.profdata.major,
            training,
            report: profile.report.clone(),
        };
        let beside = profile.path.with_extension("json");
        let text = serde_json::to_string_pretty(&record).expect("a record is plain data");
        fs::write(&beside, text).map_err(BuildError::io(&beside))?;
        self.manifest.profile = Some(record);
        self.manifest.write(&self.options.out)
    }

    fn optimised(&mut self, profile: Option<Profile>) -> Result<(), BuildError> {
        let name = VariantName::Pgo.as_str();
        let recipe = Recipe::Optimised { profile: profile.as_ref().map(|profile| profile.path.clone()) };
        if self.fits(self.manifest.variants.get(name), &recipe) {
            return self.reused(name);
        }
        self.manifest.variants.remove(name);
        self.manifest.write(&self.options.out)?;
        let mut compiled = self.compile(&recipe, profile.as_ref().map(|profile| profile.path.as_path()))?;
        if let Some(mut profile) = profile {
            profile.judge(&self.tools.profdata, &compiled.findings)?;
            profile.warnings().into_iter().for_each(|warning| self.warn(warning));
            let training = self.manifest.profile.take().and_then(|record| record.training);
            self.record_profile(&profile, training)?;
            (self.progress)(BuildProgress::Profile(Box::new(profile.report)));
        }
        compiled.record.identical_to = self.same_code_as(&compiled.record.artifact);
        if let Some(other) = &compiled.record.identical_to {
            self.warn(format!("`{name}` is the same code as `{other}`"));
        }
        self.manifest.variants.insert(name.to_owned(), compiled.record);
        self.manifest.write(&self.options.out)
    }

    fn same_code_as(&self, artifact: &Artifact) -> Option<String> {
        let same = |record: &VariantRecord| record.artifact.text_sha256 == artifact.text_sha256;
        self.manifest.variants.iter().find(|(_, record)| same(record)).map(|(name, _)| name.clone())
    }

    /// Builds one recipe and installs its binary.
    pub(super) fn compile(
        &mut self,
        recipe: &Recipe,
        profile: Option<&Path>,
    ) -> Result<Compiled, BuildError> {
        let options = self.options;
        let step = recipe.name();
        let flags = recipe.flags(options.scope, &options.rustflags);
        let triple = self.manifest.settings.target.clone();
        let (begin, since) = (self.started(step), SystemTime::now());
        let job = Job {
            root: &options.root,
            package: &options.package,
            binary: &options.binary,
            cargo_profile: &options.cargo_profile,
            triple: &triple,
            target_dir: &self.target_dir,
            offline: options.offline,
        };
        let built = job.run(step, &flags, profile, &self.wrapper, self.progress)?;
        self.note_sources(&built.executable, since)?;
        self.note_native_libraries(&built);
        let artifact = Artifact::install(&built.executable, &options.out, &place_of(recipe))?;
        let record = VariantRecord {
            artifact,
            flags: flags.all(),
            build_seconds: self.finished(step, begin),
            identical_to: None,
        };
        Ok(Compiled { record, findings: built.findings })
    }

    /// Takes the list of sources from the first build and holds every later one to it.
    fn note_sources(&mut self, executable: &Path, since: SystemTime) -> Result<(), BuildError> {
        let root = &self.options.root;
        let seen = Sources::of_build(root, &executable.with_extension("d"), &self.options.out)?;
        if let Some(path) = seen.modified_since(root, since) {
            return Err(BuildError::SourceChanged { path });
        }
        if self.manifest.sources.files.is_empty() {
            self.manifest.git = GitState::of(root, &seen);
            self.manifest.sources = seen;
        } else if let Some(path) = seen.changed_from(&self.manifest.sources).into_iter().next() {
            return Err(BuildError::SourceChanged { path });
        }
        Ok(())
    }

    fn note_native_libraries(&mut self, built: &Built) {
        if built.native_libraries.is_empty() {
            return;
        }
        let libraries = built.native_libraries.join(", ");
        self.warn(format!("native libraries are linked, which no profile reaches: {libraries}"));
    }

    /// Whether `record` was built as `recipe` says and its binary is still there, whole.
    pub(super) fn fits(&self, record: Option<&VariantRecord>, recipe: &Recipe) -> bool {
        let flags = recipe.flags(self.options.scope, &self.options.rustflags).all();
        record.is_some_and(|record| {
            record.flags == flags && record.verify(&self.options.out, recipe.name()).is_ok()
        })
    }

    fn warn(&mut self, warning: String) {
        (self.progress)(BuildProgress::Warning(warning.clone()));
        if !self.manifest.warnings.contains(&warning) {
            self.manifest.warnings.push(warning);
        }
    }

    fn started(&mut self, step: &'static str) -> Instant {
        (self.progress)(BuildProgress::Started { step });
        Instant::now()
    }

    fn finished(&mut self, step: &'static str, begin: Instant) -> f64 {
        let seconds = begin.elapsed().as_secs_f64();
        self.done.push(step);
        (self.progress)(BuildProgress::Finished { step, seconds });
        seconds
    }

    /// Infallible, but shaped like the steps it stands for.
    #[expect(clippy::unnecessary_wraps, reason = "stands in for a step in tail position")]
    pub(super) fn reused(&mut self, step: &'static str) -> Result<(), BuildError> {
        (self.progress)(BuildProgress::Reused { step });
        Ok(())
    }
}

/// The options with both directories absolute: Cargo runs in another directory, and its dep-info has whole paths.
fn absolute(options: &BuildOptions) -> Result<BuildOptions, BuildError> {
    let whole = |path: &Path| path.canonicalize().map_err(BuildError::io(path));
    let root = whole(&options.root)?;
    let out = std::path::absolute(&options.out).map_err(BuildError::io(&options.out))?;
    fs::create_dir_all(&out).map_err(BuildError::io(&out))?;
    Ok(BuildOptions { root, out: whole(&out)?, ..options.clone() })
}

fn settings(options: &BuildOptions, tools: &Toolchain) -> Result<Settings, BuildError> {
    let manifest = options.root.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).map_err(BuildError::io(&manifest))?;
    let profiles =
        text.parse::<toml::Table>().ok().and_then(|table| table.get("profile").map(toml::Value::to_string));
    Ok(Settings {
        package: options.package.clone(),
        binary: options.binary.clone(),
        cargo_profile: options.cargo_profile.clone(),
        cargo_profiles_digest: digest::bytes(profiles.unwrap_or_default().as_bytes()),
        target: tools.rustc.host.clone(),
        rustc: tools.rustc.version.clone(),
        llvm: tools.rustc.llvm.clone(),
        cargo: tools.cargo.clone(),
        scope: options.scope,
        rustflags: options.rustflags.clone(),
    })
}

/// The manifest to go on with: the old one while settings and sources are the same, else an empty one that
/// remembers how much earlier trainings counted.
fn carried_over(old: Manifest, settings: Settings, options: &BuildOptions) -> Result<Manifest, BuildError> {
    let same = !options.force && old.settings == settings && old.changed_sources(&options.root)?.is_empty();
    Ok(if same { old } else { Manifest { accepted_totals: old.accepted_totals, ..empty(settings) } })
}

fn empty(settings: Settings) -> Manifest {
    Manifest {
        format: FORMAT,
        settings,
        git: None,
        sources: Sources::default(),
        variants: Default::default(),
        instrumented: None,
        controls: Default::default(),
        profile: None,
        accepted_totals: Default::default(),
        warnings: Vec::new(),
    }
}

/// Variants lie in `bin/`; what must not be measured lies elsewhere.
fn place_of(recipe: &Recipe) -> PathBuf {
    let folder = match recipe {
        Recipe::Baseline | Recipe::Optimised { .. } => "bin",
        Recipe::Instrumented { .. } | Recipe::Control { .. } => "not-variants",
    };
    Path::new(folder).join(recipe.name())
}

/// The record beside a profile that an earlier build left.
fn sidecar(profile: &Path) -> Option<ProfileRecord> {
    serde_json::from_str(&fs::read_to_string(profile.with_extension("json")).ok()?).ok()
}
