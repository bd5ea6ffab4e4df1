//! `build` and `doctor`.

use std::path::Path;

use super::train::PlanTrainer;
use super::{App, Verdict, prepare};
use crate::build::{self, BuildError, BuildOptions, VariantName};
use crate::cli::BuildArgs;
use crate::doctor;
use crate::error::{AppError, exit};
use crate::plan::{self, Overrides, Source};
use crate::report::answers;

/// The plan that trains where none is given.
const TRAINING: &str = "training";

/// Training needs no fresh draw: the same sources and plan give the same profile's work.
const TRAINING_SEED: u64 = 1;

pub(super) fn build(app: &mut App<'_>, args: &BuildArgs) -> Result<Verdict, AppError> {
    let variants = args
        .variants
        .iter()
        .map(|name| name.parse())
        .collect::<Result<Vec<VariantName>, _>>()?;
    if let Some(VariantName::Layout(layout)) = variants
        .iter()
        .find(|v| matches!(v, VariantName::Layout(_)))
    {
        return Err(BuildError::LayoutByName {
            name: layout.name(),
        }
        .into());
    }
    let source = args
        .training
        .clone()
        .map_or_else(|| Source::Preset(TRAINING.to_owned()), Source::File);
    let overrides = Overrides {
        model: args.model.clone(),
        ..Overrides::default()
    };
    let plan = plan::resolve(&source, &overrides, TRAINING_SEED)?;
    // Without a training there is no need for a model.
    let trains = variants.iter().any(|variant| variant.scope().is_some()) && args.profile.is_none();
    super::all_used(&args.of_training(trains), || {
        "a build without a training".to_owned()
    })?;
    let model = if trains {
        prepare::model(&plan)?
    } else {
        String::new()
    };
    let options = BuildOptions {
        variants,
        layouts: args.layout_arms,
        controls: args.controls,
        profile: args.profile_origin(),
        retrain: args.retrain,
        force: args.force,
        tolerate_damaged: args.tolerate_damaged_profiles,
        accept_thin: args.accept_thin_profile,
        ..BuildOptions::new(Path::new("."))
    };
    let mut progress = app.reporter.build_progress();
    let mut shown = app.reporter.progress(&plan);
    let mut show = |event| shown.show(&event);
    let mut trainer = PlanTrainer::new(plan, model, &mut show)?;
    let outcome = build::build(&options, &mut trainer, &mut |step| progress.step(&step))?;
    app.reporter.say(&outcome)?;
    Ok(exit::OK)
}

pub(super) fn doctor(app: &mut App<'_>) -> Result<Verdict, AppError> {
    let checks = doctor::examine(&app.store_dir()?);
    app.reporter.say(&answers::Checks(&checks))?;
    let missing = checks
        .iter()
        .any(|check| check.state == doctor::State::Missing);
    Ok(if missing { exit::USAGE } else { exit::OK })
}
