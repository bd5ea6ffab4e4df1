//! The lock on a store's directory: one process at a time, with the holder's process id for the
//! others. sled has its own lock, but releases it late after a close and cannot name the holder.
//! Must not know the store.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use super::error::StoreError;

/// How long an open waits for another process to finish.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// Name of the file.
const FILE: &str = "lock";
/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(20);

/// Held until dropped; the operating system releases it when the process dies in any way.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held for its lock")] File);

/// Takes the lock, retrying for a while, because listings take only a moment.
pub(super) fn take(dir: &Path, patience: Duration) -> Result<Lock, StoreError> {
    let path = dir.join(FILE);
    let error = |source| StoreError::io("lock", &path, source);
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(error)?;
    let deadline = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::InUse {
                    dir: dir.to_owned(),
                    holder: read_holder(&mut file),
                });
            }
            Err(TryLockError::Error(source)) => return Err(error(source)),
        }
    }
    // The holder's name is optional: a full device must not prevent reading.
    let _ = write_holder(&mut file);
    Ok(Lock(file))
}

/// Whether a process has the lock.
pub(super) fn is_held(dir: &Path) -> bool {
    let file = File::open(dir.join(FILE));
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// The process that has the lock, or had it last, if it can be read.
pub(super) fn holder(dir: &Path) -> Option<u32> {
    read_holder(&mut File::open(dir.join(FILE)).ok()?)
}

/// Locks out writers of a read-only store, if there is a lock file.
pub(super) fn share(dir: &Path) -> Result<Option<Lock>, StoreError> {
    let path = dir.join(FILE);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(StoreError::io("lock", &path, source)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(Some(Lock(file))),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse {
            dir: dir.to_owned(),
            holder: read_holder(&mut file),
        }),
        Err(TryLockError::Error(source)) => Err(StoreError::io("lock", &path, source)),
    }
}

fn write_holder(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())
}

fn read_holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// The error of a write operation: it says so if the location is read-only.
pub(super) fn refused(dir: &Path, error: StoreError) -> StoreError {
    if forbids(&error) {
        StoreError::ReadOnly {
            dir: dir.to_owned(),
        }
    } else {
        error
    }
}

/// Whether an error means that a location cannot be written.
pub(super) fn forbids(error: &StoreError) -> bool {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    let StoreError::Io { source, .. } = error else {
        return false;
    };
    matches!(source.kind(), PermissionDenied | ReadOnlyFilesystem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_the_first_is_and_comes_in_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let first = take(dir.path(), Duration::ZERO).unwrap();
        let error = take(dir.path(), Duration::ZERO).unwrap_err();
        let StoreError::InUse { holder, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(holder, Some(std::process::id()));
        drop(first);
        take(dir.path(), Duration::ZERO).unwrap();
    }
}
