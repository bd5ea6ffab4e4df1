//! Stores in read-only places, such as a mounted snapshot or another user's directory, and stores
//! that another process has open. sled writes whenever it opens, so a copy in the temporary
//! directory is opened for reading. Owns the copy and its removal.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::error::StoreError;
use super::{DB_DIR, compact, witness};

/// A copy that is removed when dropped.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// Its directory.
    pub(super) fn dir(&self) -> &Path {
        &self.0
    }

    /// Copies database and witness of a store.
    pub(super) fn copy_of(store: &Path) -> Result<Self, StoreError> {
        let scratch = Self::empty()?;
        for file in [witness::FILE, super::rebuild::MARK] {
            if store.join(file).exists() {
                copy(&store.join(file), &scratch.0.join(file))?;
            }
        }
        copy_dir(&compact::whole(store), &scratch.0.join(DB_DIR))?;
        Ok(scratch)
    }

    fn empty() -> Result<Self, StoreError> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("pgo-benchmarks-{}-{number}", std::process::id()));
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|source| StoreError::io("create", &path, source))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It is in the temporary directory; leftovers are removed with that.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn copy_dir(from: &Path, to: &Path) -> Result<(), StoreError> {
    let listed = |source| StoreError::io("list", from, source);
    std::fs::create_dir(to).map_err(|source| StoreError::io("create", to, source))?;
    if !from.exists() {
        return Ok(());
    }
    for entry in std::fs::read_dir(from).map_err(listed)? {
        let entry = entry.map_err(listed)?;
        let target = to.join(entry.file_name());
        match entry.file_type().map_err(listed)? {
            kind if kind.is_dir() => copy_dir(&entry.path(), &target)?,
            kind if kind.is_file() => copy(&entry.path(), &target)?,
            _ => {}
        }
    }
    Ok(())
}

/// Copies only the bytes, so that read-only files give writable copies.
fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let unreadable = |source| StoreError::Unreadable {
        path: from.to_owned(),
        at: 0,
        source,
    };
    let mut source = File::open(from).map_err(unreadable)?;
    let mut target = File::create_new(to).map_err(|source| StoreError::io("create", to, source))?;
    std::io::copy(&mut source, &mut target)
        .map_err(|source| StoreError::io("copy", from, source))?;
    Ok(())
}
