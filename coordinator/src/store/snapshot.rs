//! A consistent copy of a store that another process has open. sled's files can be copied like those
//! of a process that was killed, but only if none of them changes meanwhile: a copy that mixes two
//! moments would look damaged. Owns how a change is noticed; must not know the contents.
//!
//! ```text
//! look → wait → look: equal → copy → look: equal → the copy is that of one moment
//!          └── changed ──────────────────┴── changed: again
//! ```
//! The wait is longer than the resolution of the file system's clock. Without it, a write after the
//! second look could leave the same times as one just before it.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::error::StoreError;
use super::readonly::Scratch;
use super::{compact, rebuild, witness};

/// How long nothing may change before a copy begins. File systems that take the time of the
/// kernel's tick have a resolution of at most 10 ms.
const STILL: Duration = Duration::from_millis(25);
/// How long a still moment is waited for. A run writes between its trials and is still in them.
const PATIENCE: Duration = Duration::from_secs(20);

/// Of which moment a snapshot is, and beside whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Process that has the store open, if its number could be read.
    pub holder: Option<u32>,
    /// When it was taken: wall clock, milliseconds since 1970.
    pub unix_ms: u64,
}

/// A copy of one moment, and the moment.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) scratch: Scratch,
    pub(super) unix_ms: u64,
}

/// Copies a store in which another process writes.
///
/// # Errors
/// When a file cannot be read or the copy not be written, or when the files never stood still.
pub(super) fn take(dir: &Path, holder: Option<u32>) -> Result<Taken, StoreError> {
    let taken = steady(
        PATIENCE,
        || look(dir),
        || {
            let unix_ms = now();
            Ok(Taken {
                scratch: Scratch::copy_of(dir)?,
                unix_ms,
            })
        },
    )?;
    taken.ok_or_else(|| StoreError::Unsettled {
        dir: dir.to_owned(),
        holder,
    })
}

/// State of one file, by which a change of it is noticed.
#[derive(Debug, PartialEq, Eq)]
struct File {
    path: PathBuf,
    node: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl File {
    fn new(path: &Path, facts: &Metadata) -> Self {
        Self {
            path: path.to_owned(),
            node: facts.ino(),
            length: facts.len(),
            modified: (facts.mtime(), facts.mtime_nsec()),
            changed: (facts.ctime(), facts.ctime_nsec()),
        }
    }
}

/// Calls `copy` at a moment at which everything that `look` sees stands still before, during and
/// after; `None` if there was none in time. What `look` sees is `None` while it changes.
fn steady<L: PartialEq, T>(
    patience: Duration,
    look: impl Fn() -> Result<Option<L>, StoreError>,
    mut copy: impl FnMut() -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let deadline = Instant::now() + patience;
    loop {
        let earlier = look()?;
        std::thread::sleep(STILL);
        let before = look()?;
        if before.is_some() && before == earlier {
            // A file may vanish during the copy, so an error counts only if nothing has changed.
            let copied = copy();
            if look()? == before {
                return copied.map(Some);
            }
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
    }
}

/// Everything that is copied, and the signs of a compaction or rebuild; `None` if a file vanished
/// meanwhile.
fn look(dir: &Path) -> Result<Option<Vec<File>>, StoreError> {
    let mut files = Vec::new();
    let singles = [witness::FILE, rebuild::MARK].map(|name| dir.join(name));
    for path in singles {
        match std::fs::symlink_metadata(&path) {
            Ok(facts) => files.push(File::new(&path, &facts)),
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(source) => return Err(StoreError::io("read", &path, source)),
        }
    }
    match below(&compact::whole(dir), &mut files) {
        Ok(()) => {}
        Err((_, e)) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err((path, source)) => return Err(StoreError::io("read", &path, source)),
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Some(files))
}

/// Adds a directory and everything below it. A directory that does not exist has nothing.
fn below(dir: &Path, files: &mut Vec<File>) -> Result<(), (PathBuf, std::io::Error)> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| (path, source)
    };
    if !dir.exists() {
        return Ok(());
    }
    let facts = std::fs::symlink_metadata(dir).map_err(failed(dir))?;
    files.push(File::new(dir, &facts));
    for entry in std::fs::read_dir(dir).map_err(failed(dir))? {
        let path = entry.map_err(failed(dir))?.path();
        let facts = std::fs::symlink_metadata(&path).map_err(failed(&path))?;
        if facts.is_dir() {
            below(&path, files)?;
        } else {
            files.push(File::new(&path, &facts));
        }
    }
    Ok(())
}

fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;
    use crate::store::DB_DIR;

    /// A directory that looks like a store.
    fn store() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let db = dir.path().join(DB_DIR);
        std::fs::create_dir_all(db.join("blobs")).unwrap();
        std::fs::write(db.join("db"), [1; 4096]).unwrap();
        std::fs::write(dir.path().join(witness::FILE), "one").unwrap();
        dir
    }

    /// A write within the log that changes no length, as sled reuses its segments.
    fn overwrite(dir: &Path) {
        let log = std::fs::File::options()
            .write(true)
            .open(dir.join(DB_DIR).join("db"));
        log.unwrap().write_all_at(&[2; 16], 64).unwrap();
    }

    fn steady_in(dir: &Path, mut meanwhile: impl FnMut(u32)) -> (u32, bool) {
        let mut copies = 0;
        let copied = steady(
            STILL * 8,
            || look(dir),
            || {
                copies += 1;
                meanwhile(copies);
                Ok(())
            },
        );
        (copies, copied.unwrap().is_some())
    }

    #[test]
    fn a_copy_during_which_a_file_changes_is_made_again() {
        let changes: [&dyn Fn(&Path); 4] = [
            &overwrite,
            &|dir| std::fs::write(dir.join(witness::FILE), "two").unwrap(),
            &|dir| std::fs::write(dir.join(DB_DIR).join("snap.1"), "x").unwrap(),
            &|dir| std::fs::write(dir.join(rebuild::MARK), "x").unwrap(),
        ];
        for (number, change) in changes.iter().enumerate() {
            let dir = store();
            let result = steady_in(dir.path(), |copy| {
                if copy == 1 {
                    change(dir.path());
                }
            });
            assert_eq!(result, (2, true), "change {number}");
        }
        // Counter-check: where nothing changes, the first copy is taken.
        let dir = store();
        assert_eq!(steady_in(dir.path(), |_| ()), (1, true));
    }

    #[test]
    fn where_something_always_changes_there_is_no_copy() {
        let dir = store();
        let (copies, taken) = steady_in(dir.path(), |_| overwrite(dir.path()));
        assert!(copies >= 1 && !taken, "{copies}");
    }

    #[test]
    fn an_error_counts_only_if_nothing_changed() {
        let dir = store();
        let path = dir.path().join(DB_DIR).join("snap.1");
        std::fs::write(&path, "x").unwrap();
        let mut copies = 0;
        let vanishes = steady(
            PATIENCE,
            || look(dir.path()),
            || {
                copies += 1;
                if copies == 1 {
                    std::fs::remove_file(&path).unwrap();
                }
                std::fs::read(&path).map_err(|source| StoreError::io("read", &path, source))
            },
        );
        // It vanished during the first copy, so that error did not count; it lacks in the second.
        assert!(
            matches!(vanishes, Err(StoreError::Io { .. })),
            "{vanishes:?}"
        );
        assert_eq!(copies, 2);
    }
}
