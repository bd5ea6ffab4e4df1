//! The record of revisions built in a directory, by name. Owns the record, the location of each
//! revision's builds, and which are removed; must not know how they are built.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::manifest::FILE_NAME;
use super::repository::{Revision, commit_of, short};
use super::{BuildError, RevisionError};

/// Name of the record.
const RECORD: &str = "revisions.json";
/// Directory of the builds, one for each commit.
const FOLDER: &str = "revisions";
const FORMAT: u32 = 1;

/// The revisions built in a directory, by the names that the user gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revisions {
    format: u32,
    /// Their repository.
    repository: PathBuf,
    /// Commits by name.
    commits: BTreeMap<String, String>,
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

    /// Directory of a revision's builds in `dir`; `None` if there are none.
    #[must_use]
    pub fn dir_of(&self, dir: &Path, name: &str) -> Option<PathBuf> {
        Some(folder_of(dir, self.commits.get(name)?))
    }

    /// Refuses a name that now means another commit. Without the repository this cannot be checked.
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

    pub(super) fn take(&mut self, revision: &Revision, top: &Path) {
        if self.repository != top {
            self.repository = top.to_owned();
            self.commits.clear();
        }
        self.commits
            .insert(revision.name.clone(), revision.commit.clone());
    }

    pub(super) fn write(&self, dir: &Path) -> Result<(), BuildError> {
        let text = serde_json::to_string_pretty(self).expect("a record is plain data");
        let (path, fresh) = (dir.join(RECORD), dir.join("revisions.json.new"));
        fs::write(&fresh, text).map_err(BuildError::io(&fresh))?;
        fs::rename(&fresh, &path).map_err(BuildError::io(&path))
    }

    /// Removes the builds of commits that no longer have a name.
    pub(super) fn remove_others(&self, dir: &Path) -> Result<(), BuildError> {
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

/// Directory of a commit's builds.
pub(super) fn folder_of(dir: &Path, commit: &str) -> PathBuf {
    dir.join(FOLDER).join(commit)
}

/// Whether anything was built in this directory.
pub(super) fn is_built(dir: &Path) -> bool {
    [FILE_NAME, RECORD]
        .iter()
        .any(|name| dir.join(name).is_file())
}
