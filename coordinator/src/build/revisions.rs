//! Builds of revisions: each is checked out in turn at one place, built into a directory of its
//! commit, and found again by its name. Owns that order and the record of names; what a revision
//! is, is `repository`'s, how one source is built, `pipeline`'s.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::checkout::Checkout;
use super::ground::absolute;
use super::lock::Lock;
use super::locked::dependencies_that_differ;
use super::manifest::FILE_NAME;
use super::pipeline::{Tools, build_source};
use super::repository::{Repository, Revision, commit_of, short};
use super::workspace::Workspace;
use super::{
    BuildError, BuildOptions, BuildProgress, Outcome, RevisionError, Trainer, WorkspaceError,
};

/// Name of the record.
const RECORD: &str = "revisions.json";
/// Folder of the builds, one a commit.
const FOLDER: &str = "revisions";
const FORMAT: u32 = 1;

/// Which revisions are built in a directory, by the names under which they were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revisions {
    format: u32,
    /// Their repository.
    repository: PathBuf,
    /// Commits by name.
    commits: BTreeMap<String, String>,
}

/// Builds the wanted variants of each of these revisions. Blocks; the trainer is called on this
/// thread.
///
/// # Errors
/// Whatever keeps a wanted variant from being what its name says; see [`BuildError`].
pub fn build_revisions(
    options: &BuildOptions,
    names: &[String],
    trainer: &mut dyn Trainer,
    progress: &mut dyn FnMut(BuildProgress),
) -> Result<Vec<Outcome>, BuildError> {
    let options = &absolute(options)?;
    let _lock = Lock::take(&options.out)?;
    let tools = Tools::for_variants(options)?;
    let repository = Repository::of(&options.root)?;
    let revisions = repository.resolve(names)?;
    let home = options.cargo_home();
    repository.check_settings(&options.checkouts, home.as_deref())?;
    let Some(first) = revisions.first() else {
        return Ok(Vec::new());
    };
    warn_of_changes(&repository, &revisions, progress);
    let checkout = Checkout::open(&repository, first, &options.checkouts, &options.out)?;
    let mut record = Revisions::read(&options.out)?.unwrap_or_default();
    let (mut outcomes, mut locks): (Vec<Outcome>, Vec<String>) = (Vec::new(), Vec::new());
    for revision in &revisions {
        progress(BuildProgress::Revision {
            name: revision.name.clone(),
            commit: short(&revision.commit).to_owned(),
        });
        let source = BuildOptions {
            locked: checkout.put(revision)?,
            root: checkout.root(),
            out: options.out.join(FOLDER).join(&revision.commit),
            // The control is of the baseline of a run, which comes first.
            layouts: options.layouts.filter(|_| outcomes.is_empty()),
            ..options.clone()
        };
        let mut steps = |step: BuildProgress| progress(step);
        let built = build_source(
            &source,
            &options.out,
            &tools,
            &outcomes,
            trainer,
            &mut steps,
        )
        .map_err(|error| in_revision(error, revision, &repository, options))?;
        locks.push(lock_text(&source.root));
        warn_of_differences(&outcomes, &built, &locks, revision, progress);
        outcomes.push(Outcome {
            revision: Some(revision.name.clone()),
            ..built
        });
        record.take(revision, &repository.top);
        record.write(&options.out)?;
    }
    record.remove_others(&options.out)?;
    Ok(outcomes)
}

/// What is committed is built, and nothing else.
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

/// What differs besides the sources is part of what a comparison finds.
fn warn_of_differences(
    earlier: &[Outcome],
    built: &Outcome,
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

/// Says of which revision an error is, and where that is the cause, that it needs what no checkout
/// has.
fn in_revision(
    error: BuildError,
    revision: &Revision,
    repository: &Repository,
    options: &BuildOptions,
) -> BuildError {
    let name = revision.name.clone();
    match error {
        BuildError::SameSources { one, package } => RevisionError::SameSources {
            one,
            other: name,
            package,
        }
        .into(),
        BuildError::Workspace(WorkspaceError::Unreadable { .. })
            if outside_of(repository, options).is_some() =>
        {
            let path = outside_of(repository, options).unwrap_or_default();
            RevisionError::DependencyOutside { name, path }.into()
        }
        other => BuildError::InRevision {
            name,
            source: Box::new(other),
        },
    }
}

/// The directory of a dependency of the working tree that lies outside of the repository.
fn outside_of(repository: &Repository, options: &BuildOptions) -> Option<PathBuf> {
    let workspace = Workspace::find(options, "").ok()?;
    let is_outside = |manifest: &&PathBuf| !manifest.starts_with(&repository.top);
    let manifest = workspace.outside.iter().find(is_outside)?;
    manifest.parent().map(Path::to_owned)
}

impl Default for Revisions {
    fn default() -> Self {
        Self {
            format: FORMAT,
            repository: PathBuf::new(),
            commits: BTreeMap::new(),
        }
    }
}

impl Revisions {
    /// The record in `dir`, if there is one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(dir: &Path) -> Result<Option<Self>, BuildError> {
        let path = dir.join(RECORD);
        let text = match contract::files::read_text(&path, contract::files::TEXT) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(BuildError::Io { path, source }),
        };
        let bad = |reason: String| BuildError::BadManifest {
            path: path.clone(),
            reason,
        };
        let record: Self = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
        if record.format == FORMAT {
            Ok(Some(record))
        } else {
            Err(bad(format!(
                "it has format {}, this program reads {FORMAT}",
                record.format
            )))
        }
    }

    /// The names, each with its commit.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.commits
            .iter()
            .map(|(name, commit)| (name.as_str(), commit.as_str()))
    }

    /// Where the builds of a revision lie in `dir`; `None` where there are none.
    #[must_use]
    pub fn dir_of(&self, dir: &Path, name: &str) -> Option<PathBuf> {
        let commit = self.commits.get(name)?;
        Some(dir.join(FOLDER).join(commit))
    }

    /// Fails when a name means another commit by now. Away from the repository nobody can tell.
    ///
    /// # Errors
    /// [`RevisionError::Moved`] with the command to run.
    pub fn check_current(&self, name: &str) -> Result<(), RevisionError> {
        let Some(built) = self.commits.get(name) else {
            return Ok(());
        };
        match commit_of(&self.repository, name) {
            Some(now) if now != *built => Err(RevisionError::Moved {
                name: name.to_owned(),
                built: short(built).to_owned(),
                now: short(&now).to_owned(),
            }),
            _ => Ok(()),
        }
    }

    fn take(&mut self, revision: &Revision, top: &Path) {
        if self.repository != top {
            self.repository = top.to_owned();
            self.commits.clear();
        }
        self.commits
            .insert(revision.name.clone(), revision.commit.clone());
    }

    fn write(&self, dir: &Path) -> Result<(), BuildError> {
        let text = serde_json::to_string_pretty(self).expect("a record is plain data");
        let (path, fresh) = (dir.join(RECORD), dir.join("revisions.json.new"));
        fs::write(&fresh, text).map_err(BuildError::io(&fresh))?;
        fs::rename(&fresh, &path).map_err(BuildError::io(&path))
    }

    /// Removes the builds of commits that have no name any more.
    fn remove_others(&self, dir: &Path) -> Result<(), BuildError> {
        let folder = dir.join(FOLDER);
        let entries = fs::read_dir(&folder).map_err(BuildError::io(&folder))?;
        for entry in entries.flatten() {
            let name = entry.file_name();
            if !self.commits.values().any(|commit| name == commit.as_str()) {
                fs::remove_dir_all(entry.path()).map_err(BuildError::io(entry.path()))?;
            }
        }
        Ok(())
    }
}

/// Whether anything was built in this directory.
pub(super) fn is_built(dir: &Path) -> bool {
    [FILE_NAME, RECORD]
        .iter()
        .any(|name| dir.join(name).is_file())
}
