//! Allows one build at a time in a directory: a lock that ends with the process, however the
//! process ends. Must not know builds.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::process::Stdio;

use super::BuildError;

/// Held while a build runs.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Takes the lock of `dir`, or fails at once if another build holds it.
    pub(super) fn take(dir: &Path) -> Result<Self, BuildError> {
        let path = dir.join("lock");
        let file = File::create(&path).map_err(BuildError::io(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(BuildError::Locked { path }),
            Err(TryLockError::Error(source)) => Err(BuildError::Io { path, source }),
        }
    }

    /// For a child process: unless the handle is dropped before, the lock lasts until the child has
    /// ended too.
    pub(super) fn shared(&self) -> std::io::Result<Stdio> {
        self.0.try_clone().map(Stdio::from)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a child that another thread is just starting also has the file
        // open.
        drop(self.0.unlock());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_build_is_refused_until_the_first_ends() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let first = Lock::take(dir.path()).expect("free");
        assert!(matches!(
            Lock::take(dir.path()),
            Err(BuildError::Locked { .. })
        ));
        drop(first);
        assert!(Lock::take(dir.path()).is_ok());
    }
}
