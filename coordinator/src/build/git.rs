//! Calls git in a directory, ignoring any repository that the environment names and without hooks.
//! Owns how git is called; must not know why.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{BuildError, tool};

/// The command that installs git.
const REMEDY: &str = "install git";
/// Variables by which a hook, such as a push hook, names its own repository.
const OF_A_HOOK: [&str; 6] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_COMMON_DIR",
    "GIT_PREFIX",
];

/// Git's output; `None` if git is missing or fails.
pub(super) fn said(dir: &Path, args: &[&str]) -> Option<String> {
    let out = command(dir, args).output().ok()?;
    out.status
        .success()
        .then(|| String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Git's output.
///
/// # Errors
/// When git is missing or fails; the message has git's own.
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

/// The top directory of the repository that contains `dir`.
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

/// A command that runs git, or a program that calls git, in `dir`, without the variables of a
/// surrounding hook.
pub(super) fn unbound(program: &str, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(dir);
    for name in OF_A_HOOK {
        command.env_remove(name);
    }
    command
}
