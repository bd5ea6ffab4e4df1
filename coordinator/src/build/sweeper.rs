//! A shell that outlives this process by a moment: it removes a worktree when the process is gone,
//! however it ended (Ctrl-C, a kill, a crash). Owns that shell; must not know what is built.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};

use super::git;
use super::lock::Lock;

/// Nobody writes to it: what it waits for is the end of whoever could.
const SCRIPT: &str = r#"read -r _; rm -rf -- "$1"; git worktree remove --force --force "$2""#;

/// Waits while this lives. At a regular end it finds nothing left to do.
#[derive(Debug)]
pub(super) struct Sweeper(Child);

impl Sweeper {
    /// In a process group of its own, which no Ctrl-C reaches. It holds the lock of the build as its
    /// output, so that the next build does not begin before everything is swept.
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
        // It ends of itself.
        drop(self.0.wait());
    }
}
