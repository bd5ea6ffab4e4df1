//! The file that exists while an agent has a session, for the probes of a scheduler. Must not know
//! sessions, nor who checks.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::WorkerError;

/// The file; it is removed when this is dropped. An agent that is killed leaves it behind, and
/// removes it at its next start.
#[derive(Debug)]
pub(super) struct Joined(PathBuf);

impl Joined {
    /// Removes a file that a killed agent may have left.
    pub(super) fn forget(path: Option<&Path>) {
        if let Some(path) = path {
            // Usually it does not exist; if it cannot be removed it cannot be written either, and
            // that is reported.
            let _ = fs::remove_file(path);
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// When it cannot be written, because a probe would wait in vain.
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
