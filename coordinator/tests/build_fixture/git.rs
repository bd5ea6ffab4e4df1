//! The small workspace as a git repository: commits, clones, and builds of revisions.

use std::path::{Path, PathBuf};
use std::process::Command;

use coordinator::build::{BuildError, BuildProgress, BuiltSource, build_revisions};

use super::{DirectTrainer, Fixture};

/// Lock file of the initial workspace.
const LOCK: &str = "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\n\
                    dependencies = [\n \"engine\",\n]\n\n\
                    [[package]]\nname = \"engine\"\nversion = \"0.1.0\"\n";

/// Runs git in a directory with a neutral identity.
pub(crate) fn git(dir: &Path, arguments: &[&str]) -> String {
    let done = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
        .args(["-c", "init.defaultBranch=main"])
        // Some tests clone from a directory with submodules.
        .args(["-c", "protocol.file.allow=always"])
        .args(arguments)
        .current_dir(dir)
        .output()
        .expect("git starts");
    assert!(done.status.success(), "{done:?}");
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

impl Fixture {
    /// The workspace in a folder of a repository, with a first commit `one`.
    pub(crate) fn in_git() -> Self {
        let fixture = Self::below("repository/rust");
        git(&fixture.top(), &["init", "--quiet"]);
        super::write(&fixture.top().join(".gitignore"), "target\n");
        super::write(&fixture.root().join("Cargo.lock"), LOCK);
        fixture.commit("one");
        fixture
    }

    pub(crate) fn top(&self) -> PathBuf {
        self.root().parent().expect("a folder above").to_owned()
    }

    /// Commits everything under a tag.
    pub(crate) fn commit(&self, tag: &str) {
        git(&self.top(), &["add", "--all"]);
        git(
            &self.top(),
            &["commit", "--quiet", "--allow-empty", "--message", tag],
        );
        git(&self.top(), &["tag", "--force", tag]);
    }

    pub(crate) fn build_revisions(&self, names: &[&str]) -> Result<Vec<BuiltSource>, BuildError> {
        self.build_revisions_noting(names, &mut DirectTrainer::new())
            .0
    }

    pub(crate) fn build_revisions_noting(
        &self,
        names: &[&str],
        trainer: &mut DirectTrainer,
    ) -> (Result<Vec<BuiltSource>, BuildError>, Vec<BuildProgress>) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut progress = Vec::new();
        let outcomes = build_revisions(&self.options, &names, trainer, &mut |event| {
            progress.push(event);
        });
        (outcomes, progress)
    }

    /// The refusal of a build of these revisions.
    pub(crate) fn refused(&self, names: &[&str]) -> String {
        self.build_revisions(names)
            .expect_err("refused")
            .to_string()
    }
}
