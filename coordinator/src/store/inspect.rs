//! Checks everything that sled needs before sled opens the directory. sled takes one of its own
//! temporary snapshots for its newest state, takes a torn settings file for damage, takes a failed
//! read for the end of its log and then overwrites the rest, and waits for ever for threads that it
//! could not start. Owns these checks and the repair of what is not damage; must not know what is
//! stored.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, SystemTime};

use super::error::StoreError;
use super::{DB_DIR, durable};

/// sled's settings file.
const CONF: &str = "conf";
/// sled's log file.
const LOG: &str = "db";
/// Prefix of sled's snapshot names.
const SNAPSHOT: &str = "snap.";
/// Suffix of the name of an unfinished snapshot.
const UNFINISHED: &str = "generating";
/// The settings this program has always used, as sled writes them.
const SETTINGS: &str = "segment_size: 524288\nuse_compression: false\nversion: 0.34\n";
/// Size of a log segment, bytes.
const SEGMENT: u64 = 512 * 1024;
/// Bytes of a segment's header that are used: checksum, then the inverted sequence number.
const SEGMENT_HEADER: usize = 20;
/// Number of threads that sled starts.
const THREADS: usize = 8;

/// What was repaired before the database was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mended {
    /// Number of unfinished snapshots that were removed.
    pub(super) leftovers: usize,
    /// Whether the settings file was missing or torn, and was rewritten.
    pub(super) settings: bool,
}

/// Checks that the wall clock is in the range of everything that uses it: ids begin at 1970, and
/// HTTP dates end with the year 9999.
fn clock(now: SystemTime) -> Result<(), StoreError> {
    const YEAR_9999: Duration = Duration::from_secs(253_370_764_800);
    match now.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) if since < YEAR_9999 => Ok(()),
        _ => Err(StoreError::Clock),
    }
}

/// Checks the process and its environment for conditions that sled would take for damage or wait
/// for.
pub(super) fn surroundings() -> Result<(), StoreError> {
    clock(SystemTime::now())?;
    // All at once: each thread lives until the last sender is dropped.
    let (gates, started): (Vec<Sender<()>>, Vec<_>) = (0..THREADS)
        .map(|_| {
            let (gate, closed) = channel();
            let thread = std::thread::Builder::new()
                .name("store".into())
                .spawn(move || closed.recv());
            (gate, thread)
        })
        .unzip();
    drop(gates);
    for thread in started {
        drop(
            thread
                .map_err(|source| StoreError::Threads { source })?
                .join(),
        );
    }
    Ok(())
}

/// Checks the files of a database, and repairs what does not affect its contents.
pub(super) fn files(dir: &Path) -> Result<Mended, StoreError> {
    let db = dir.join(DB_DIR);
    if !db.exists() {
        return Ok(Mended::default());
    }
    let mut mended = Mended::default();
    let mut newest = None;
    for path in snapshots(&db)? {
        if path.extension().is_some_and(|ending| ending == UNFINISHED) {
            std::fs::remove_file(&path)
                .map_err(|source| StoreError::io("remove", &path, source))?;
            mended.leftovers += 1;
        } else {
            newest = newest.max(Some(path));
        }
    }
    let log = db.join(LOG);
    if log.exists() {
        let since = newest.map_or(Ok(0), |path| snapshot_end(&path))?;
        readable(&log, since)?;
        mended.settings = mend_settings(&db.join(CONF))?;
    }
    if mended != Mended::default() {
        durable::sync_dir(&db)?;
    }
    Ok(mended)
}

/// Makes durable what sled writes once and never syncs: its settings, and the names of its files.
pub(super) fn make_names_durable(dir: &Path) -> Result<(), StoreError> {
    let db = dir.join(DB_DIR);
    durable::sync(&db.join(CONF))?;
    durable::sync(&db.join("blobs"))?;
    durable::sync_dir(&db)
}

/// Rewrites settings that are missing, truncated, zeroed or fail their checksum, because only one
/// set has ever been used. sled refuses other intact settings itself.
fn mend_settings(path: &Path) -> Result<bool, StoreError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == ErrorKind::NotFound => Vec::new(),
        Err(source) => return Err(unreadable(path, 0, source)),
    };
    let sound = bytes.split_last_chunk::<4>().is_some_and(|(body, crc)| {
        body.starts_with(b"segment_size: ") && crc32fast::hash(body).to_le_bytes() == *crc
    });
    if sound {
        return Ok(false);
    }
    let crc = crc32fast::hash(SETTINGS.as_bytes()).to_le_bytes();
    durable::replace(path, &[SETTINGS.as_bytes(), &crc].concat())?;
    Ok(true)
}

/// Offset up to which a snapshot makes reading the log unnecessary; 0 if it does not say. sled
/// itself detects a damaged snapshot.
fn snapshot_end(path: &Path) -> Result<u64, StoreError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|mut file| file.read_to_end(&mut bytes));
    read.map_err(|source| unreadable(path, 0, source))?;
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let end = name
        .strip_prefix(SNAPSHOT)
        .and_then(|hex| u64::from_str_radix(hex, 16).ok());
    Ok(end.unwrap_or(0))
}

/// Reads what sled will read: the header of every segment, and the whole of those that the newest
/// snapshot does not cover.
fn readable(log: &Path, since: u64) -> Result<(), StoreError> {
    let file = File::open(log).map_err(|source| unreadable(log, 0, source))?;
    let length = file
        .metadata()
        .map_err(|source| unreadable(log, 0, source))?
        .len();
    let mut segment = vec![0; SEGMENT as usize];
    for at in (0..length).step_by(SEGMENT as usize) {
        let head = read_some(log, &file, &mut segment[..SEGMENT_HEADER], at)?;
        let covered = head == SEGMENT_HEADER && sequence(&segment) + SEGMENT <= since;
        if !covered {
            read_some(log, &file, &mut segment, at)?;
        }
    }
    Ok(())
}

fn read_some(log: &Path, file: &File, buffer: &mut [u8], at: u64) -> Result<usize, StoreError> {
    let mut filled = 0;
    while filled < buffer.len() {
        let place = at + filled as u64;
        match file.read_at(&mut buffer[filled..], place) {
            Ok(0) => break,
            Ok(bytes) => filled += bytes,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(source) => return Err(unreadable(log, place, source)),
        }
    }
    Ok(filled)
}

/// The sequence number in a segment's header; the greatest one if it is invalid, so that the
/// segment is read.
fn sequence(header: &[u8]) -> u64 {
    let inverted = u64::from_le_bytes(*header[4..].first_chunk().expect("eight bytes"));
    (inverted ^ 0x7FFF_FFFF_FFFF_FFFF).min(u64::MAX - SEGMENT)
}

/// Distinguishes failures of the device from those of the process, such as permissions or too many
/// open files.
fn unreadable(path: &Path, at: u64, source: std::io::Error) -> StoreError {
    match source.raw_os_error() {
        Some(
            libc::EIO
            | libc::ENXIO
            | libc::EBADMSG
            | libc::EUCLEAN
            | libc::ESTALE
            | libc::EREMOTEIO,
        ) => StoreError::Unreadable {
            path: path.to_owned(),
            at,
            source,
        },
        _ => StoreError::io("read", path, source),
    }
}

/// The snapshots of a database.
pub(super) fn snapshots(db: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut found = list(db)?;
    found.retain(|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(SNAPSHOT))
    });
    Ok(found)
}

fn list(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries =
        std::fs::read_dir(dir).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    entries.map_err(|source| StoreError::io("list", dir, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// sled's own files, with some content.
    fn database(dir: &Path) {
        let db = sled::Config::new().path(dir.join(DB_DIR)).open().unwrap();
        db.insert("key", "value").unwrap();
        db.flush().unwrap();
    }

    #[test]
    fn the_settings_are_those_that_sled_writes() {
        let dir = tempfile::tempdir().unwrap();
        database(dir.path());
        let conf = dir.path().join("db/conf");
        let written = std::fs::read(&conf).unwrap();
        assert_eq!(files(dir.path()).unwrap(), Mended::default());
        let spoilt = [
            vec![0; written.len()],
            written[..written.len() - 1].to_vec(),
            Vec::new(),
        ];
        for spoilt in spoilt {
            std::fs::write(&conf, spoilt).unwrap();
            assert!(files(dir.path()).unwrap().settings);
            assert_eq!(std::fs::read(&conf).unwrap(), written);
        }
        // Counter-check: other intact settings are not repaired.
        let other = b"segment_size: 1024\nuse_compression: false\nversion: 0.34\n";
        let other = [&other[..], &crc32fast::hash(other).to_le_bytes()].concat();
        std::fs::write(&conf, &other).unwrap();
        assert!(!files(dir.path()).unwrap().settings);
        assert_eq!(std::fs::read(&conf).unwrap(), other);
    }

    #[test]
    fn unfinished_snapshots_go_and_finished_ones_stay() {
        let dir = tempfile::tempdir().unwrap();
        database(dir.path());
        let [half, whole] = ["snap.00000000000000FF.generating", "snap.00000000000000FF"];
        [half, whole]
            .iter()
            .for_each(|name| std::fs::write(dir.path().join("db").join(name), b"x").unwrap());
        assert_eq!(
            files(dir.path()).unwrap(),
            Mended {
                leftovers: 1,
                settings: false
            }
        );
        assert!(
            !dir.path().join("db").join(half).exists()
                && dir.path().join("db").join(whole).exists()
        );
    }

    #[test]
    fn the_surroundings_of_a_test_are_fit() {
        surroundings().unwrap();
    }

    #[test]
    fn a_clock_before_1970_or_after_9998_is_refused() {
        let epoch = SystemTime::UNIX_EPOCH;
        let last = epoch + Duration::from_secs(253_370_764_799);
        for fit in [epoch, SystemTime::now(), last] {
            assert!(clock(fit).is_ok(), "{fit:?}");
        }
        let (second, year) = (Duration::from_secs(1), Duration::from_secs(31_557_600));
        for unfit in [epoch - second, last + second, last + 900_000 * year] {
            let error = clock(unfit).unwrap_err();
            assert!(error.to_string().contains("the system clock"), "{error}");
        }
    }
}
