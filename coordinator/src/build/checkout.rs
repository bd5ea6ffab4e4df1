//! One worktree of the repository, in which revisions are built one after the other at the same
//! path, so that equal sources make equal programs. Owns its lifetime and the requirements on a
//! checkout; must not know how it is built.

use std::fs;
use std::path::{Path, PathBuf};

use super::lock::Lock;
use super::repository::{Repository, Revision};
use super::sweeper::Sweeper;
use super::{BuildError, RevisionError, digest, git};

/// Removed when dropped, together with git's record of it.
#[derive(Debug)]
pub(super) struct Checkout<'a> {
    repository: &'a Repository,
    folder: PathBuf,
    tree: PathBuf,
    /// Removes the worktree if this process ends before it can.
    sweeper: Option<Sweeper>,
}

impl<'a> Checkout<'a> {
    /// Creates a worktree below `checkouts` for the builds in `out`, where only one build runs at a
    /// time. It contains the first revision.
    pub(super) fn open(
        repository: &'a Repository,
        first: &Revision,
        checkouts: &Path,
        out: &Path,
        lock: &Lock,
    ) -> Result<Self, BuildError> {
        let name = digest::bytes(out.display().to_string().as_bytes());
        let folder = checkouts.join(&name[..16]);
        fs::create_dir_all(&folder).map_err(BuildError::io(&folder))?;
        let folder = folder.canonicalize().map_err(BuildError::io(&folder))?;
        let mut checkout = Self {
            repository,
            tree: folder.join("tree"),
            folder,
            sweeper: None,
        };
        // Leftovers of a build that was killed.
        checkout.remove();
        fs::create_dir_all(&checkout.folder).map_err(BuildError::io(&checkout.folder))?;
        // Without a sweeper, the next build cleans up.
        checkout.sweeper =
            Sweeper::start(&repository.top, &checkout.tree, &checkout.folder, lock).ok();
        let tree = checkout.tree.display().to_string();
        let add = ["worktree", "add", "--quiet", "--force", "--detach"];
        git::run(
            &repository.top,
            &[&add[..], &[&tree, &first.commit]].concat(),
        )?;
        Ok(checkout)
    }

    /// Checks out a revision as if it had just been cloned. Returns whether it has a lock file.
    pub(super) fn put(&self, revision: &Revision) -> Result<bool, BuildError> {
        let force = [
            "checkout",
            "--quiet",
            "--force",
            "--detach",
            &revision.commit,
        ];
        git::run(&self.tree, &force)?;
        git::run(&self.tree, &["clean", "-ffdxq"])?;
        let name = || revision.name.clone();
        if self.tree.join(".gitmodules").is_file() {
            return Err(RevisionError::Submodules { name: name() }.into());
        }
        if !self.root().is_dir() {
            let path = self.repository.prefix.clone();
            return Err(RevisionError::NoDirectory { name: name(), path }.into());
        }
        if let Some(path) = self.missing_vendor() {
            return Err(RevisionError::VendorNotInGit { name: name(), path }.into());
        }
        self.lock_file()
    }

    /// The directory to build.
    pub(super) fn root(&self) -> PathBuf {
        self.tree.join(&self.repository.prefix)
    }

    /// If the lock file is not in git, the working tree's is used for every revision.
    fn lock_file(&self) -> Result<bool, BuildError> {
        const NAME: &str = "Cargo.lock";
        let folders: Vec<&Path> = self.repository.prefix.ancestors().collect();
        let has = |top: &Path, folder: &&Path| top.join(folder).join(NAME).is_file();
        if folders.iter().any(|folder| has(&self.tree, folder)) {
            return Ok(true);
        }
        let own = folders
            .iter()
            .find(|folder| has(&self.repository.top, folder));
        if let Some(folder) = own {
            let [from, to] =
                [&self.repository.top, &self.tree].map(|top| top.join(folder).join(NAME));
            fs::copy(&from, &to).map_err(BuildError::io(&from))?;
        }
        Ok(false)
    }

    /// A directory that replaces a registry but is not in git.
    fn missing_vendor(&self) -> Option<PathBuf> {
        let configs = self.repository.prefix.ancestors().flat_map(|folder| {
            [".cargo/config.toml", ".cargo/config"].map(|name| (folder, folder.join(name)))
        });
        for (folder, config) in configs {
            let Ok(text) = fs::read_to_string(self.tree.join(config)) else {
                continue;
            };
            let table: toml::Table = text.parse().unwrap_or_default();
            let sources = table.get("source").and_then(toml::Value::as_table);
            let directories = sources.into_iter().flat_map(toml::Table::values);
            let missing = directories
                .filter_map(|source| source.get("directory")?.as_str())
                .map(|directory| folder.join(directory))
                .find(|directory| !self.tree.join(directory).is_dir());
            if missing.is_some() {
                return missing;
            }
        }
        None
    }

    fn remove(&self) {
        let tree = self.tree.display().to_string();
        let remove = ["worktree", "remove", "--force", "--force", &tree];
        // If the removal fails, the next build replaces the worktree.
        drop(git::said(&self.repository.top, &remove));
        drop(fs::remove_dir_all(&self.folder));
    }
}

impl Drop for Checkout<'_> {
    fn drop(&mut self) {
        self.remove();
    }
}
