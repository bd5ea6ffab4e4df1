//! `build` and `doctor`.

use std::path::{Path, PathBuf};

use super::train::PlanTrainer;
use super::{App, ExitCode, prepare, servers};
use crate::build::{
    self, BuildError, BuildOptions, RevisionError, Variant, VariantName, WorkspaceError,
};
use crate::cli::{BuildArgs, DoctorArgs};
use crate::doctor;
use crate::error::{AppError, exit};
use crate::plan::{self, Overrides, Source};
use crate::report::answers;

/// The plan used for training if none is given.
const TRAINING: &str = "training";

/// Training uses a fixed seed, so that the same sources and plan always train on the same work.
const TRAINING_SEED: u64 = 1;

pub(super) fn build(app: &mut App<'_>, args: &BuildArgs) -> Result<ExitCode, AppError> {
    let variants = recipes(args)?;
    let source = args
        .training
        .clone()
        .map_or_else(|| Source::Preset(TRAINING.to_owned()), Source::File);
    let overrides = Overrides {
        engine: args.engine,
        model: args.model.clone(),
        ..Overrides::default()
    };
    let plan = plan::resolve(&source, &overrides, TRAINING_SEED)?;
    // Without training no model is needed.
    let trains = variants.iter().any(|variant| variant.scope().is_some()) && args.profile.is_none();
    super::all_used(&args.of_training(trains), || {
        "a build without a training".to_owned()
    })?;
    let model = if trains {
        prepare::model(&plan)?
    } else {
        String::new()
    };
    let options = options(args, variants)?;
    let mut progress = app.reporter.build_progress();
    let mut shown = app.reporter.progress(&plan);
    let mut show = |event| shown.show(&event);
    let mut trainer = PlanTrainer::new(plan, model, &mut show)?;
    let steps = &mut |step| progress.step(&step);
    let outcomes = match args.refs.is_empty() {
        true => vec![build::build(&options, &mut trainer, steps)?],
        false => build::build_revisions(&options, &args.refs, &mut trainer, steps)?,
    };
    app.reporter.say(&answers::Built(&outcomes))?;
    Ok(exit::OK)
}

fn recipes(args: &BuildArgs) -> Result<Vec<VariantName>, BuildError> {
    let variants = args
        .recipes()
        .iter()
        .map(|name| name.parse())
        .collect::<Result<Vec<Variant>, _>>()?;
    variants.iter().map(recipe).collect()
}

/// Layouts are built by number, and revisions have their own flag.
fn recipe(variant: &Variant) -> Result<VariantName, BuildError> {
    match (variant.recipe, &variant.revision) {
        (VariantName::Layout(layout), _) => Err(BuildError::LayoutByName {
            name: layout.name(),
        }),
        (recipe, None) => Ok(recipe),
        (recipe, Some(revision)) => Err(RevisionError::InVariants {
            variant: variant.to_string(),
            recipe: recipe.to_string(),
            revision: revision.clone(),
        }
        .into()),
    }
}

fn options(args: &BuildArgs, variants: Vec<VariantName>) -> Result<BuildOptions, AppError> {
    let root = match &args.manifest_path {
        None => PathBuf::from("."),
        Some(path) => directory_of(path)?,
    };
    let usual = BuildOptions::new(Path::new("."));
    Ok(BuildOptions {
        root,
        checkouts: checkouts().unwrap_or(usual.checkouts),
        package: args.package.clone(),
        binary: args.bin.clone(),
        cargo_profile: args.cargo_profile.clone(),
        features: args.feature_arguments(),
        profile_crates: args.profile_crates.clone(),
        variants,
        layouts: args.layout_arms,
        controls: args.controls,
        profile: args.profile_origin(),
        retrain: args.retrain,
        force: args.force,
        tolerate_damaged: args.tolerate_damaged_profiles,
        accept_thin: args.accept_thin_profile,
        ..usual
    })
}

/// The directory of an existing manifest.
fn directory_of(manifest: &Path) -> Result<PathBuf, BuildError> {
    let folder = manifest.parent().filter(|_| manifest.is_file());
    let is_manifest = manifest
        .file_name()
        .is_some_and(|name| name == "Cargo.toml");
    match folder.filter(|_| is_manifest) {
        Some(folder) if folder.as_os_str().is_empty() => Ok(PathBuf::from(".")),
        Some(folder) => Ok(folder.to_owned()),
        None => Err(WorkspaceError::NoManifestFile {
            path: manifest.to_owned(),
        }
        .into()),
    }
}

/// A directory outside every workspace, because a workspace's settings would affect the builds in
/// it.
fn checkouts() -> Option<PathBuf> {
    use etcetera::BaseStrategy as _;
    let base = etcetera::choose_base_strategy().ok()?;
    Some(base.cache_dir().join("pgo-benchmarks/checkouts"))
}

pub(super) fn doctor(app: &mut App<'_>, args: &DoctorArgs) -> Result<ExitCode, AppError> {
    let plan = args.plan.as_ref().map(|path| {
        let source = Source::File(path.clone());
        plan::resolve(&source, &Overrides::default(), 0)
    });
    let checks = match plan.transpose()? {
        None => doctor::examine(&app.store_dir()?),
        Some(plan) => {
            let servers: Vec<_> = servers::here(&plan)
                .into_iter()
                .map(|server| server.map_err(|error| error.to_string()))
                .collect();
            doctor::examine_for(&plan, &servers, &app.store_dir()?)
        }
    };
    app.reporter.say(&answers::Checks(&checks))?;
    let missing = checks
        .iter()
        .any(|check| check.state == doctor::State::Missing);
    Ok(if missing { exit::USAGE } else { exit::OK })
}
