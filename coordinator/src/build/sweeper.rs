//! A shell that outlives this process briefly: it removes a worktree once the process has ended for
//! any reason (Ctrl-C, a kill, a crash). Owns that shell; must not know what is built.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};

use super::git;
use super::lock::Lock;

/// Nothing is ever written to its standard input. `read` returns when the last writer has closed
/// the pipe, which is when this process has ended.
const SCRIPT: &str = r#"read -r _; rm -rf -- "$1"; git worktree remove --force --force "$2""#;

/// The shell waits until this value is dropped. After a regular end, nothing is left to remove.
#[derive(Debug)]
pub(super) struct Sweeper(Child);

impl Sweeper {
    /// Starts the shell in its own process group, so that Ctrl-C does not reach it. Its standard
    /// output is the build's lock, so that the next build begins only after the shell is done.
    pub(super) fn start(top: &Path, tree: &Path, folder: &Path, lock: &Lock) -> io::Result<Self> {
        let child = git::unbound("sh", top)
            .args(["-c", SCRIPT, "sh"])
            .args([folder, tree])
            .stdin(Stdio::piped())
            .stdout(lock.shared()?)
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self(child))
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // The shell exits by itself, because its standard input is closed.
        drop(self.0.wait());
    }
}
