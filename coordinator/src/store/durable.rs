//! Atomic files: written next to their destination, synced, renamed, and the directory synced. Owns
//! that sequence; must not know any content.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use super::error::StoreError;

/// Writes or replaces a file so that a crash at any moment leaves the old or the new one.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let temporary = path.with_added_extension("tmp");
    let written = write_synced(&temporary, bytes).and_then(|()| std::fs::rename(&temporary, path));
    if let Err(source) = written {
        // On a full device, a partial file would only take up space. It may not exist, which is
        // fine.
        let _ = std::fs::remove_file(&temporary);
        return Err(StoreError::io("write", path, source));
    }
    sync_dir(super::directory_of(path))
}

/// Makes new names in a directory durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    sync(dir)
}

/// Makes the contents of a file or directory durable.
pub(super) fn sync(path: &Path) -> Result<(), StoreError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|source| StoreError::io("sync", path, source))
}

fn write_synced(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_stays_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.bench");
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_bare_name_lies_in_the_working_directory() {
        for (path, dir) in [
            ("run.bench", "."),
            ("./run.bench", "."),
            ("a/run.bench", "a"),
            ("/x", "/"),
        ] {
            assert_eq!(super::super::directory_of(Path::new(path)), Path::new(dir));
        }
        assert!(sync_dir(super::super::directory_of(Path::new("run.bench"))).is_ok());
        assert!(
            sync_dir(Path::new("")).is_err(),
            "counter-check: the empty path is not a directory"
        );
    }

    #[test]
    fn where_no_file_can_be_the_old_state_stays() {
        let dir = tempfile::tempdir().unwrap();
        let error = replace(&dir.path().join("absent").join("x"), b"one").unwrap_err();
        assert!(
            matches!(
                error,
                StoreError::Io {
                    action: "write",
                    ..
                }
            ),
            "{error}"
        );
    }
}
