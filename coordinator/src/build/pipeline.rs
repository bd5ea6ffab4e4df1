//! The order of a build: baseline and its layouts, then instrument → train → merge → optimise, then
//! controls. A step is skipped if its result is recorded and still fits. The manifest is written
//! after each step, so a failure keeps what is done. Owns that order and how one step is compiled;
//! `pgo` owns the source of profiles.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use super::artifact::Artifact;
use super::bolt::Bolt;
use super::cargo::{Built, Job};
use super::config::check_below;
use super::diagnostics::Findings;
use super::directories::{absolute, carried_over, empty, settings};
use super::flags::Recipe;
use super::inherited::Inherited;
use super::lock::Lock;
use super::manifest::{Manifest, VariantRecord};
use super::sources::{GitState, Sources};
use super::toolchain::Toolchain;
use super::training::Trainer;
use super::variant::VariantName;
use super::workspace::Workspace;
use super::wrapper::Wrapper;
use super::{
    BuildError, BuildOptions, BuildProgress, BuiltSource, RevisionError, WorkspaceError, git, probe,
};
use crate::layout::Layout;

/// Builds the wanted variants of the working tree, unless everything is up to date. Blocks; the
/// trainer is called on this thread.
///
/// # Errors
/// When a wanted variant cannot be built as its name says; see [`BuildError`].
pub fn build(
    options: &BuildOptions,
    trainer: &mut dyn Trainer,
    progress: &mut dyn FnMut(BuildProgress),
) -> Result<BuiltSource, BuildError> {
    let options = &absolute(options)?;
    let _lock = Lock::take(&options.out)?;
    let tools = Tools::for_variants(options)?;
    let working_tree = Source {
        options,
        shared: &options.out,
        revision: None,
        others: &[],
    };
    build_source(&working_tree, &tools, trainer, progress)
}

/// One source to build.
pub(super) struct Source<'a> {
    /// Options with this source's own directories for sources and builds.
    pub(super) options: &'a BuildOptions,
    /// Cargo's target directory and the wrapper, the same for all sources.
    pub(super) shared: &'a Path,
    /// The revision, as the user named it, if it is one.
    pub(super) revision: Option<&'a str>,
    /// Sources built in the same call; a source with the same content is refused.
    pub(super) others: &'a [BuiltSource],
}

/// Programs that only some variants need.
pub(super) struct Tools {
    bolt: Option<Bolt>,
}

impl Tools {
    /// Searched before anything is built, so that a missing program is reported at once and not
    /// after minutes.
    pub(super) fn for_variants(options: &BuildOptions) -> Result<Self, BuildError> {
        let wants = |variant| options.variants.contains(&variant);
        if wants(VariantName::PgoCrates) == options.profile_crates.is_empty() {
            return Err(WorkspaceError::CratesApart.into());
        }
        let bolt = wants(VariantName::PgoBolt)
            .then(Bolt::discover)
            .transpose()?;
        Ok(Self { bolt })
    }
}

/// Builds the wanted variants of one source.
pub(super) fn build_source(
    source: &Source<'_>,
    tools: &Tools,
    trainer: &mut dyn Trainer,
    progress: &mut dyn FnMut(BuildProgress),
) -> Result<BuiltSource, BuildError> {
    let options = source.options;
    fs::create_dir_all(&options.out).map_err(BuildError::io(&options.out))?;
    let mut pipeline = Pipeline::start(source, progress)?;
    pipeline.check_other_than(source)?;
    pipeline.baseline()?;
    // Before any training, so that a linker that cannot shuffle is reported at once and not after
    // minutes.
    pipeline.layouts()?;
    for variant in VariantName::ALL
        .into_iter()
        .filter(|variant| options.variants.contains(variant))
    {
        let Some(scope) = variant.scope() else {
            continue;
        };
        let profile = pipeline.profile(scope, trainer)?;
        match tools
            .bolt
            .as_ref()
            .filter(|_| variant == VariantName::PgoBolt)
        {
            Some(bolt) => pipeline.bolted(bolt, profile, trainer)?,
            None => pipeline.optimised(variant, scope, profile)?,
        }
    }
    if options.controls {
        pipeline.controls()?;
    }
    pipeline.check_controls()?;
    // As later readers see it: decimal text does not keep the last bit of each number.
    Ok(BuiltSource {
        revision: source.revision.map(str::to_owned),
        manifest: Manifest::read(&options.out)?,
        done: pipeline.done,
    })
}

/// One running build.
pub(super) struct Pipeline<'a> {
    pub(super) options: &'a BuildOptions,
    shared: &'a Path,
    workspace: Workspace,
    /// The directory of the repository, if there is one.
    top: Option<PathBuf>,
    pub(super) tools: Toolchain,
    pub(super) manifest: Manifest,
    pub(super) progress: &'a mut dyn FnMut(BuildProgress),
    wrapper: Wrapper,
    /// The user's variables, which every cargo process gets.
    variables: Vec<(String, String)>,
    done: Vec<&'static str>,
}

/// A compiled step in Cargo's directory; it is judged before it is installed.
pub(super) struct Compiled {
    pub(super) findings: Findings,
    pub(super) executable: PathBuf,
    place: PathBuf,
    pub(super) flags: Vec<String>,
    pub(super) build_seconds: f64,
}

impl<'a> Pipeline<'a> {
    fn start(
        source: &Source<'a>,
        progress: &'a mut dyn FnMut(BuildProgress),
    ) -> Result<Self, BuildError> {
        let Source {
            options, shared, ..
        } = *source;
        let tools = Toolchain::discover(&options.root)?;
        let workspace = Workspace::find(options, &tools.rustc.host)?;
        let root = &workspace.root;
        check_below(&options.root, root)?;
        let inherited = Inherited::of(root, &options.environment, &tools.rustc.host)?;
        let settings = settings(options, &workspace, &tools, &inherited)?;
        let manifest = match Manifest::read(&options.out) {
            Ok(manifest) => carried_over(manifest, settings, root, options.force)?,
            // Nothing to carry over, or an unreadable manifest: both mean building from the start.
            Err(BuildError::NoManifest { .. } | BuildError::BadManifest { .. }) => empty(settings),
            Err(other) => return Err(other),
        };
        let wrapper = Wrapper::install(shared)?;
        for name in &inherited.left_out {
            progress(BuildProgress::Warning(format!(
                "{name} is left out of the builds of variants"
            )));
        }
        let variables = inherited.variables;
        Ok(Self {
            options,
            shared,
            top: git::top(root),
            workspace,
            tools,
            manifest,
            progress,
            wrapper,
            variables,
            done: Vec::new(),
        })
    }

    /// Refuses a source whose files all equal those of another build.
    fn check_other_than(&self, source: &Source<'_>) -> Result<(), BuildError> {
        for other in source.others {
            let manifest = &other.manifest;
            if manifest.settings == self.manifest.settings
                && manifest.changed_sources(&self.workspace.root)?.is_empty()
            {
                return Err(RevisionError::SameSources {
                    one: other.revision.clone().unwrap_or_default(),
                    other: source.revision.unwrap_or_default().to_owned(),
                    package: self.workspace.package.clone(),
                }
                .into());
            }
        }
        Ok(())
    }

    fn baseline(&mut self) -> Result<(), BuildError> {
        let name = VariantName::Baseline.as_str();
        if self.fits(self.manifest.variants.get(name), &Recipe::Baseline) {
            return self.reused(name);
        }
        // A new baseline means new sources or settings, so no earlier build belongs to it.
        self.manifest = Manifest {
            accepted_totals: std::mem::take(&mut self.manifest.accepted_totals),
            ..empty(self.manifest.settings.clone())
        };
        let compiled = self.compile(&Recipe::Baseline, None)?;
        if self.options.must_join {
            probe::check(&compiled.executable, &self.workspace.binary)?;
        }
        let record = self.install(compiled)?;
        self.manifest.variants.insert(name.to_owned(), record);
        let others = VariantName::ALL
            .into_iter()
            .filter(|other| *other != VariantName::Baseline);
        let mut others = others.chain(Layout::all().map(VariantName::Layout));
        others.try_for_each(|other| self.withdraw(other))
    }

    /// Builds one recipe. Its binary stays in Cargo's directory until [`Pipeline::install`].
    pub(super) fn compile(
        &mut self,
        recipe: &Recipe,
        profile: Option<&Path>,
    ) -> Result<Compiled, BuildError> {
        let options = self.options;
        let step = recipe.name();
        let flags = recipe.flags(&self.manifest.settings.rustflags);
        let (begin, since) = (self.started(step), SystemTime::now());
        let job = Job {
            root: &self.workspace.root,
            package: &self.workspace.package,
            binary: &self.workspace.binary,
            cargo_profile: &self.workspace.cargo_profile,
            triple: &self.manifest.settings.target,
            target_dir: &self.shared.join("cargo"),
            features: &options.features,
            crates: &self.workspace.crates,
            offline: options.offline,
            locked: options.locked,
            variables: &self.variables,
        };
        let built = job.run(step, &flags, profile, &self.wrapper, self.progress)?;
        self.note_sources(&built.executable, since)?;
        // Warnings about the baseline are not repeated for its layouts.
        if !matches!(recipe, Recipe::Layout(_)) {
            self.note_native_libraries(step, &built);
        }
        Ok(Compiled {
            findings: built.findings,
            executable: built.executable,
            place: place_of(recipe),
            flags: self.portable(flags.all()),
            build_seconds: self.finished(step, begin),
        })
    }

    /// Copies the binary of an accepted step to the directory of variants.
    pub(super) fn install(&self, compiled: Compiled) -> Result<VariantRecord, BuildError> {
        let artifact = Artifact::install(&compiled.executable, &self.options.out, &compiled.place)?;
        let Compiled {
            flags,
            build_seconds,
            ..
        } = compiled;
        Ok(VariantRecord {
            artifact,
            flags,
            build_seconds,
            identical_to: None,
            layout_seed: None,
            bolt: None,
        })
    }

    /// Removes a variant from the manifest and its binary from disk, so that neither exists without
    /// the other.
    pub(super) fn withdraw(&mut self, name: VariantName) -> Result<(), BuildError> {
        self.manifest.variants.remove(name.as_str());
        self.manifest.warnings.remove(name.as_str());
        self.manifest.write(&self.options.out)?;
        let binary = self.options.out.join("bin").join(name.as_str());
        match fs::remove_file(&binary) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(BuildError::io(&binary)(error))
            }
            _ => Ok(()),
        }
    }

    /// Takes the list of sources from the first build; later builds must have the same.
    fn note_sources(&mut self, executable: &Path, since: SystemTime) -> Result<(), BuildError> {
        let (root, top) = (&self.workspace.root, self.top.as_deref());
        let seen = Sources::of_build(root, top, &executable.with_extension("d"), self.shared)?;
        if let Some(path) = seen.modified_since(root, since) {
            return Err(BuildError::SourceChanged { path });
        }
        if self.manifest.sources.files.is_empty() {
            self.manifest.git = GitState::of(root, top, &seen);
            self.manifest.sources = seen;
        } else if let Some(path) = seen.changed_from(&self.manifest.sources).into_iter().next() {
            return Err(BuildError::SourceChanged { path });
        }
        Ok(())
    }

    fn note_native_libraries(&mut self, step: &str, built: &Built) {
        if built.native_libraries.is_empty() {
            return;
        }
        let libraries = built.native_libraries.join(", ");
        self.warn(
            step,
            format!("native libraries are linked, which no profile reaches: {libraries}"),
        );
    }

    /// Whether `record` was built as `recipe` says and its binary is intact.
    pub(super) fn fits(&self, record: Option<&VariantRecord>, recipe: &Recipe) -> bool {
        let flags = self.portable(recipe.flags(&self.manifest.settings.rustflags).all());
        record.is_some_and(|record| {
            self.portable(record.flags.clone()) == flags
                && record.verify(&self.options.out, recipe.name()).is_ok()
        })
    }

    /// The flags with paths relative to the manifest's directory, so that they stay the same if the
    /// checkout is moved.
    pub(super) fn portable(&self, flags: Vec<String>) -> Vec<String> {
        let out = format!("{}/", self.options.out.display());
        flags
            .into_iter()
            .map(|flag| flag.replace(&out, ""))
            .collect()
    }

    /// Reports and records a warning about the variant or step `about`.
    pub(super) fn warn(&mut self, about: &str, warning: String) {
        (self.progress)(BuildProgress::Warning(format!("{about}: {warning}")));
        let known = self.manifest.warnings.entry(about.to_owned()).or_default();
        if !known.contains(&warning) {
            known.push(warning);
        }
    }

    pub(super) fn started(&mut self, step: &'static str) -> Instant {
        (self.progress)(BuildProgress::Started { step });
        Instant::now()
    }

    pub(super) fn finished(&mut self, step: &'static str, begin: Instant) -> f64 {
        let seconds = begin.elapsed().as_secs_f64();
        self.done.push(step);
        (self.progress)(BuildProgress::Finished { step, seconds });
        seconds
    }

    /// Infallible, but shaped like the steps it stands for.
    #[expect(
        clippy::unnecessary_wraps,
        reason = "stands in for a step in tail position"
    )]
    pub(super) fn reused(&mut self, step: &'static str) -> Result<(), BuildError> {
        (self.progress)(BuildProgress::Reused { step });
        Ok(())
    }
}

/// Variants are in `bin/`; other binaries must not be measured and are elsewhere.
fn place_of(recipe: &Recipe) -> PathBuf {
    let folder = match recipe {
        Recipe::Baseline | Recipe::Layout(_) | Recipe::Optimised { .. } => "bin",
        Recipe::Instrumented { .. } | Recipe::Control { .. } => "not-variants",
    };
    Path::new(folder).join(recipe.name())
}
