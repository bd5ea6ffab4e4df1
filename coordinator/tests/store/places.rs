//! What is not damage: leftovers, torn settings, directories that cannot be written or read. Each
//! is reported as what it is.

use std::path::Path;
use std::process::Command;

use coordinator::store::{Store, StoreError};

use crate::sample::{run, store_with, write_block};

fn sound(dir: &Path) {
    assert_eq!(
        Store::open(dir).unwrap().verify().unwrap().sound,
        [run(1), run(2)]
    );
}

#[test]
fn half_a_snapshot_is_no_damage() {
    for contents in [&b""[..], &[0; 40], b"half of it"] {
        let dir = tempfile::tempdir().unwrap();
        store_with(dir.path(), 2, 1);
        let half = dir.path().join("db/snap.00000000FFFFFFFF.generating");
        std::fs::write(&half, contents).unwrap();
        sound(dir.path());
        assert!(!half.exists());
    }
}

#[test]
fn torn_settings_are_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    store_with(dir.path(), 2, 1);
    let conf = dir.path().join("db/conf");
    let whole = std::fs::read(&conf).unwrap();
    for torn in [vec![0; whole.len()], whole[..20].to_vec(), Vec::new()] {
        std::fs::write(&conf, torn).unwrap();
        sound(dir.path());
        assert_eq!(std::fs::read(&conf).unwrap(), whole);
    }
}

/// A first open that was interrupted while sled wrote its first pages.
#[test]
fn what_a_first_open_left_is_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("db/blobs")).unwrap();
    std::fs::write(dir.path().join("db/db"), vec![7; 3000]).unwrap();
    std::fs::write(dir.path().join("db/snap.0000000000000040"), b"torn").unwrap();
    Store::open(dir.path()).unwrap().close().unwrap();
    // Counter-check: the same files are damage if something was committed.
    let dir = tempfile::tempdir().unwrap();
    store_with(dir.path(), 2, 1);
    std::fs::write(dir.path().join("db/snap.FFFFFFFFFFFFFF40"), b"torn").unwrap();
    assert!(matches!(
        Store::open(dir.path()),
        Err(StoreError::Damaged { .. })
    ));
}

/// A read-only mount, removed when dropped.
struct ReadOnly<'a>(&'a Path);

impl<'a> ReadOnly<'a> {
    fn new(dir: &'a Path) -> Option<Self> {
        let mount = |arguments: &[&str]| {
            let status = Command::new("mount")
                .args(arguments)
                .arg(dir)
                .stderr(std::process::Stdio::null())
                .status();
            status.is_ok_and(|status| status.success())
        };
        let itself = dir.to_str().unwrap();
        (mount(&["--bind", itself]) && mount(&["-o", "remount,ro,bind"])).then_some(Self(dir))
    }
}

impl Drop for ReadOnly<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn a_store_on_a_read_only_place_is_read_and_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("store");
    store_with(&at, 2, 1);
    std::fs::write(at.join("db/snap.00000000FFFFFFFF.generating"), b"half").unwrap();
    std::fs::write(at.join("db/conf"), [0; 61]).unwrap();
    let Some(mount) = ReadOnly::new(&at) else {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "skipped: a read-only mount needs root");
        return;
    };
    let store = Store::open(&at).unwrap();
    assert_eq!(store.verify().unwrap().sound, [run(1), run(2)]);
    assert_eq!(store.read_run(run(2)).unwrap().parts.len(), 3);
    let error = write_block(&store, run(2), 1, 0).unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
    assert!(error.to_string().contains("it is read-only"), "{error}");
    store.close().unwrap();
    for error in [
        Store::compact(&at).unwrap_err(),
        Store::rebuild(&at).unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
    }
    drop(mount);
    sound(&at);
}
