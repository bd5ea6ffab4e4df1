//! The contents of the build cache: the most recently used builds, up to a size and an age. A
//! file's time is that of its last use. A build used within the last hour stays, because another
//! agent of this host may be about to start it. Must not know what a build is for.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use contract::files;

/// Limits of a cache.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Total size, bytes.
    pub size: u64,
    /// A build unused for this long is removed.
    pub age: Duration,
    /// A build used within this time stays.
    pub in_use: Duration,
}

pub(super) const BOUNDS: Bounds = Bounds {
    size: 8 << 30,
    age: Duration::from_secs(30 * 24 * 60 * 60),
    in_use: Duration::from_secs(60 * 60),
};

/// One file of the cache, possibly the draft of an interrupted download.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    /// Time since its last use.
    unused: Duration,
    size: u64,
    path: PathBuf,
}

#[expect(
    clippy::disallowed_methods,
    reason = "files bear times of this clock, and only their age is asked"
)]
fn file_clock() -> SystemTime {
    SystemTime::now()
}

/// Marks a build as used now.
pub(super) fn touch(path: &Path) {
    // A build that cannot be marked is removed earlier and fetched again.
    drop(files::open(path).and_then(|file: File| file.set_modified(file_clock())));
}

/// Removes builds that are too old or exceed the size, the longest unused first; returns what was
/// removed.
pub(super) fn evict(folder: &Path, bounds: Bounds) -> Vec<PathBuf> {
    let going = going(entries(folder, file_clock()), bounds);
    // Another agent may have removed it already.
    going
        .into_iter()
        .filter(|path| fs::remove_file(path).is_ok())
        .collect()
}

fn entries(folder: &Path, now: SystemTime) -> Vec<Entry> {
    let Ok(found) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let entry = |found: fs::DirEntry| {
        let facts = found.metadata().ok().filter(fs::Metadata::is_file)?;
        // A time in the future counts as used just now.
        let unused = now
            .duration_since(facts.modified().ok()?)
            .unwrap_or_default();
        Some(Entry {
            unused,
            size: facts.len(),
            path: found.path(),
        })
    };
    found.filter_map(|found| entry(found.ok()?)).collect()
}

fn going(mut entries: Vec<Entry>, bounds: Bounds) -> Vec<PathBuf> {
    entries.sort_by(|a, b| b.unused.cmp(&a.unused).then_with(|| a.path.cmp(&b.path)));
    let mut left: u64 = entries.iter().map(|entry| entry.size).sum();
    entries.retain(|entry| {
        let goes =
            entry.unused >= bounds.in_use && (entry.unused >= bounds.age || left > bounds.size);
        left -= if goes { entry.size } else { 0 };
        goes
    });
    entries.into_iter().map(|entry| entry.path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: Bounds = Bounds {
        size: 100,
        age: Duration::from_secs(1000),
        in_use: Duration::from_secs(10),
    };

    fn entry(name: &str, unused: u64, size: u64) -> Entry {
        Entry {
            unused: Duration::from_secs(unused),
            size,
            path: name.into(),
        }
    }

    fn gone(entries: &[Entry]) -> Vec<String> {
        going(entries.to_vec(), TEST)
            .iter()
            .map(|path| path.display().to_string())
            .collect()
    }

    #[test]
    fn the_longest_unused_go_until_the_rest_fits_and_what_is_in_use_stays() {
        assert!(
            gone(&[entry("a", 999, 60), entry("b", 500, 40)]).is_empty(),
            "it fits"
        );
        assert_eq!(
            gone(&[entry("b", 500, 40), entry("a", 999, 60), entry("c", 0, 10)]),
            ["a"]
        );
        assert_eq!(
            gone(&[entry("a", 1000, 1), entry("b", 999, 1)]),
            ["a"],
            "old"
        );
        assert!(
            gone(&[entry("a", 9, 500), entry("b", 0, 500)]).is_empty(),
            "both may be about to start"
        );
        assert_eq!(gone(&[entry("a", 10, 500), entry("b", 0, 500)]), ["a"]);
    }

    #[test]
    fn a_use_is_noted_and_what_was_broken_off_goes_too() {
        let dir = tempfile::tempdir().unwrap();
        let old = |name: &str| {
            let path = dir.path().join(name);
            fs::write(&path, "build").unwrap();
            let file = File::options().write(true).open(&path).unwrap();
            file.set_modified(file_clock() - Duration::from_secs(2000))
                .unwrap();
            path
        };
        let (kept, build, draft) = (old("kept"), old("build"), old("build.123"));
        fs::create_dir(dir.path().join("folder")).unwrap();
        touch(&kept);
        let mut gone = evict(dir.path(), TEST);
        gone.sort();
        assert_eq!(gone, [build, draft]);
        assert!(kept.exists());
        assert!(evict(&dir.path().join("none"), TEST).is_empty());
    }
}
