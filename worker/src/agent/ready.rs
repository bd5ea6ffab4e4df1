//! The file that is there while an agent has a session: what the probes of a scheduler look at.
//! Must not know what a session is, nor who looks.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::WorkerError;

/// The file; it goes when this does. Who is killed leaves it behind, and forgets it when started
/// again.
#[derive(Debug)]
pub(super) struct Joined(PathBuf);

impl Joined {
    /// Removes what an agent that was killed may have left.
    pub(super) fn forget(path: Option<&Path>) {
        if let Some(path) = path {
            // Mostly it is not there; one that cannot be removed cannot be written either, and that
            // is told.
            let _ = fs::remove_file(path);
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// When that is impossible: who waits for the file would wait in vain.
    pub(super) fn mark(path: &Path) -> Result<Self, WorkerError> {
        let failed = |source| WorkerError::ReadyFile {
            path: path.to_owned(),
            source,
        };
        fs::write(path, "joined\n").map_err(failed)?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
