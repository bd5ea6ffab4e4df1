//! The git repository of a workspace and the revisions that the user names. Owns how a name becomes
//! a commit, and which settings of the working tree no revision has; must not know checkouts or
//! builds.

use std::path::{Path, PathBuf};

use super::{BuildError, RevisionError, git};

/// Settings files that Cargo and rustup search in a directory and all above it.
const SETTINGS: [&str; 4] = [
    ".cargo/config.toml",
    ".cargo/config",
    "rust-toolchain.toml",
    "rust-toolchain",
];

/// The repository of a directory.
#[derive(Debug, Clone)]
pub(super) struct Repository {
    /// Top directory.
    pub(super) top: PathBuf,
    /// The directory to build, relative to the top.
    pub(super) prefix: PathBuf,
}

/// A commit with the name that the user gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Revision {
    pub(super) name: String,
    pub(super) commit: String,
}

impl Repository {
    pub(super) fn of(root: &Path) -> Result<Self, BuildError> {
        let asked = git::run(root, &["rev-parse", "--show-toplevel"]);
        let top = asked.map_err(|error| match &error {
            BuildError::ToolFailed { stderr, .. } if stderr.contains("not a git repository") => {
                let path = root.to_owned();
                RevisionError::NoRepository { path }.into()
            }
            _ => error,
        })?;
        let top = PathBuf::from(top.trim_end_matches('\n'));
        let prefix = root.strip_prefix(&top).unwrap_or(Path::new("")).to_owned();
        Ok(Self { top, prefix })
    }

    /// The commits of these names, which must be different.
    pub(super) fn resolve(&self, names: &[String]) -> Result<Vec<Revision>, BuildError> {
        let mut revisions: Vec<Revision> = Vec::new();
        for name in names {
            let revision = self.revision(name)?;
            let same = |one: &&Revision| one.commit == revision.commit;
            if let Some(one) = revisions.iter().find(same) {
                return Err(RevisionError::SameCommit {
                    one: one.name.clone(),
                    other: name.clone(),
                    commit: short(&revision.commit).to_owned(),
                }
                .into());
            }
            revisions.push(revision);
        }
        Ok(revisions)
    }

    fn revision(&self, name: &str) -> Result<Revision, BuildError> {
        let is_plain = |letter: char| !letter.is_whitespace() && !letter.is_control();
        if name.is_empty() || name.contains(',') || !name.chars().all(is_plain) {
            return Err(RevisionError::Misnamed {
                name: name.to_owned(),
            }
            .into());
        }
        if let Some(commit) = commit_of(&self.top, name) {
            return Ok(Revision {
                name: name.to_owned(),
                commit,
            });
        }
        let shallow = git::said(&self.top, &["rev-parse", "--is-shallow-repository"]);
        if shallow.is_some_and(|answer| answer.trim() == "true") {
            return Err(RevisionError::Shallow {
                name: name.to_owned(),
            }
            .into());
        }
        Err(RevisionError::Unknown {
            name: name.to_owned(),
            top: self.top.clone(),
            nearest: self.nearest(name),
        }
        .into())
    }

    /// The branch or tag with the most similar name; a remote branch is compared by its last
    /// component.
    fn nearest(&self, name: &str) -> Option<String> {
        let all = git::said(&self.top, &["for-each-ref", "--format=%(refname:short)"])?;
        let last = |one: &str| one.rsplit('/').next().unwrap_or(one).to_owned();
        let likeness = |one: &str| {
            let whole = strsim::jaro_winkler(name, one);
            whole.max(strsim::jaro_winkler(name, &last(one)))
        };
        let nearest = all
            .lines()
            .max_by(|one, other| likeness(one).total_cmp(&likeness(other)))?;
        (likeness(nearest) > 0.8).then(|| nearest.to_owned())
    }

    /// Refuses a working tree built with settings that no revision would get.
    pub(super) fn check_settings(
        &self,
        checkouts: &Path,
        cargo_home: Option<&Path>,
    ) -> Result<(), BuildError> {
        let root = self.top.join(&self.prefix);
        for folder in root.ancestors() {
            // Settings above both directories apply to both; those in CARGO_HOME apply to
            // everything.
            if checkouts.starts_with(folder) {
                break;
            }
            let files = SETTINGS.iter().map(|name| folder.join(name));
            let unknown = files
                .filter(|file| file.is_file())
                .filter(|file| cargo_home.is_none_or(|home| !file.starts_with(home)))
                .find(|file| !self.has(file));
            if let Some(path) = unknown {
                return Err(RevisionError::SettingsNotInGit { path }.into());
            }
        }
        Ok(())
    }

    fn has(&self, file: &Path) -> bool {
        let file = file.display().to_string();
        git::said(&self.top, &["ls-files", "--error-unmatch", "--", &file]).is_some()
    }

    /// The commit that is checked out, if tracked files differ from it.
    pub(super) fn dirty_head(&self) -> Option<String> {
        let status = ["status", "--porcelain", "--untracked-files=no"];
        let status = git::said(&self.top, &status)?;
        commit_of(&self.top, "HEAD").filter(|_| !status.trim().is_empty())
    }
}

/// The commit of a name.
pub(super) fn commit_of(dir: &Path, name: &str) -> Option<String> {
    let name = format!("{name}^{{commit}}");
    let args = [
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        &name,
    ];
    git::said(dir, &args).map(|commit| commit.trim().to_owned())
}

/// The abbreviated commit hash.
pub(super) fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}
