//! Calls git in a directory, whatever repository the environment names and without its hooks. Owns
//! how git is called; must not know what for.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{BuildError, tool};

/// The command that brings git.
const REMEDY: &str = "install git";
/// Variables by which a hook, such as that of a push, names its own repository.
const OF_A_HOOK: [&str; 6] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_COMMON_DIR",
    "GIT_PREFIX",
];

/// What git answers; `None` where it is not there or has no answer.
pub(super) fn said(dir: &Path, args: &[&str]) -> Option<String> {
    let out = command(dir, args).output().ok()?;
    out.status
        .success()
        .then(|| String::from_utf8_lossy(&out.stdout).into_owned())
}

/// What git answers.
///
/// # Errors
/// When it is not there or fails, with its own words.
pub(super) fn run(dir: &Path, args: &[&str]) -> Result<String, BuildError> {
    let mut command = command(dir, args);
    tool::stdout(&mut command, REMEDY).map_err(|error| match error {
        BuildError::ToolFailed { status, stderr, .. } => BuildError::ToolFailed {
            program: format!("git {}", args.first().unwrap_or(&"")),
            status,
            stderr,
        },
        other => other,
    })
}

/// The directory of the repository that `dir` lies in.
pub(super) fn top(dir: &Path) -> Option<PathBuf> {
    let top = said(dir, &["rev-parse", "--show-toplevel"])?;
    Some(PathBuf::from(top.trim_end_matches('\n')))
}

fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = unbound("git", dir);
    command
        .args(["-c", "core.hooksPath=/dev/null"])
        .args(args)
        .env("LC_ALL", "C");
    command
}

/// A program that calls git, or git itself, in a directory.
pub(super) fn unbound(program: &str, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(dir);
    for name in OF_A_HOOK {
        command.env_remove(name);
    }
    command
}
