//! Builds revisions: each is checked out in turn at one path, built into a directory named by its
//! commit, and recorded by its name. Owns that order and its messages; `repository` resolves
//! revisions, `pipeline` builds one source.

use std::fs;
use std::path::Path;

use super::checkout::Checkout;
use super::directories::absolute;
use super::lock::Lock;
use super::locked::dependencies_that_differ;
use super::pipeline::{Source, Tools, build_source};
use super::repository::{Repository, Revision, short};
use super::revision_record::{Revisions, folder_of};
use super::workspace::dependencies_outside;
use super::{
    BuildError, BuildOptions, BuildProgress, BuiltSource, RevisionError, Trainer, WorkspaceError,
};

/// Builds the wanted variants of each of these revisions. Blocks; the trainer is called on this
/// thread.
///
/// # Errors
/// When a wanted variant cannot be built as its name says; see [`BuildError`].
pub fn build_revisions(
    options: &BuildOptions,
    names: &[String],
    trainer: &mut dyn Trainer,
    progress: &mut dyn FnMut(BuildProgress),
) -> Result<Vec<BuiltSource>, BuildError> {
    let options = &absolute(options)?;
    let (wanted, shared) = (options, options.out.as_path());
    let lock = Lock::take(shared)?;
    let tools = Tools::for_variants(options)?;
    let repository = Repository::of(&options.root)?;
    let revisions = repository.resolve(names)?;
    let home = options.cargo_home();
    repository.check_settings(&options.checkouts, home.as_deref())?;
    let Some(first) = revisions.first() else {
        return Ok(Vec::new());
    };
    warn_of_changes(&repository, &revisions, progress);
    let checkout = Checkout::open(&repository, first, &options.checkouts, &options.out, &lock)?;
    let mut record = Revisions::read(&options.out)?.unwrap_or_default();
    let (mut outcomes, mut locks): (Vec<BuiltSource>, Vec<String>) = (Vec::new(), Vec::new());
    for revision in &revisions {
        progress(BuildProgress::Revision {
            name: revision.name.clone(),
            commit: short(&revision.commit).to_owned(),
        });
        let options = BuildOptions {
            locked: checkout.put(revision)?,
            root: checkout.root(),
            out: folder_of(&options.out, &revision.commit),
            // The layout control belongs to the baseline of a run, which is the first revision.
            layouts: options.layouts.filter(|_| outcomes.is_empty()),
            ..options.clone()
        };
        let source = Source {
            options: &options,
            shared,
            revision: Some(&revision.name),
            others: &outcomes,
        };
        let built = build_source(&source, &tools, trainer, &mut |step| progress(step))
            .map_err(|error| in_revision(error, revision, &repository, wanted))?;
        locks.push(lock_text(&options.root));
        warn_of_differences(&outcomes, &built, &locks, revision, progress);
        outcomes.push(built);
        record.take(revision, &repository.top);
        record.write(shared)?;
    }
    record.remove_others(shared)?;
    Ok(outcomes)
}

/// Warns that uncommitted changes are not built.
fn warn_of_changes(
    repository: &Repository,
    revisions: &[Revision],
    progress: &mut dyn FnMut(BuildProgress),
) {
    let Some(head) = repository.dirty_head() else {
        return;
    };
    if let Some(revision) = revisions.iter().find(|revision| revision.commit == head) {
        progress(BuildProgress::Warning(format!(
            "changes that are not committed are not in `{}`; without --ref the working tree is built",
            revision.name
        )));
    }
}

/// Warns of differences other than the sources, because a comparison includes their effect.
fn warn_of_differences(
    earlier: &[BuiltSource],
    built: &BuiltSource,
    locks: &[String],
    revision: &Revision,
    progress: &mut dyn FnMut(BuildProgress),
) {
    let (Some(first), [one, .., other]) = (earlier.first(), locks) else {
        return;
    };
    let reference = first.revision.as_deref().unwrap_or_default();
    let settings = first
        .manifest
        .settings
        .differences_from(&built.manifest.settings);
    let mut differences = dependencies_that_differ(one, other);
    differences.extend(settings);
    if differences.is_empty() {
        return;
    }
    const SHOWN: usize = 5;
    let more = differences.len().saturating_sub(SHOWN);
    differences.truncate(SHOWN);
    if more > 0 {
        differences.push(format!("{more} more"));
    }
    progress(BuildProgress::Warning(format!(
        "besides the sources, `{}` differs from `{reference}` in {}; a comparison measures all of it",
        revision.name,
        differences.join(", ")
    )));
}

fn lock_text(root: &Path) -> String {
    let mut locks = root.ancestors().map(|folder| folder.join("Cargo.lock"));
    let lock = locks.find(|lock| lock.is_file());
    lock.and_then(|lock| fs::read_to_string(lock).ok())
        .unwrap_or_default()
}

/// Adds the revision's name to an error and, if that is the cause, says that it needs something
/// that no checkout has.
fn in_revision(
    error: BuildError,
    revision: &Revision,
    repository: &Repository,
    options: &BuildOptions,
) -> BuildError {
    let name = revision.name.clone();
    let outside = match &error {
        // The error names the revision already.
        BuildError::Revision(_) => return error,
        BuildError::Workspace(WorkspaceError::Unreadable { .. }) => {
            dependencies_outside(options, &repository.top)
        }
        _ => Vec::new(),
    };
    match outside.into_iter().next() {
        Some(path) => RevisionError::DependencyOutside { name, path }.into(),
        None => BuildError::InRevision {
            name,
            source: Box::new(error),
        },
    }
}
