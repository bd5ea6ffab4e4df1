//! Snapshots of a store in which another one writes.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use coordinator::store::{Store, StoreError};

use crate::sample::{header, run, store_with, write_block};

/// As between two trials.
const PAUSE: Duration = Duration::from_millis(150);
const SNAPSHOTS: u32 = 8;

#[test]
fn a_snapshot_has_everything_committed_by_then_while_the_writer_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    store_with(dir.path(), 3, 2);
    let store = Store::open(dir.path()).unwrap();
    let writing = run(4);
    store.begin_run(&header(writing)).unwrap();
    let (blocks, over) = (AtomicU32::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0.. {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                write_block(&store, writing, round, 0).unwrap();
                blocks.store(round + 1, Ordering::SeqCst);
                std::thread::sleep(PAUSE);
            }
        });
        for _ in 0..SNAPSHOTS {
            let before = blocks.load(Ordering::SeqCst);
            let snapshot = Store::open_snapshot(dir.path()).unwrap();
            let after = blocks.load(Ordering::SeqCst) + 1;
            let read = snapshot.read_run(writing).unwrap();
            let seen = read.blocks.len() as u32;
            assert!((before..=after).contains(&seen), "{before} {seen} {after}");
            assert_eq!(read.parts.len(), read.blocks.len() * 3);
            for number in 1..=3 {
                snapshot.prove(run(number)).unwrap();
            }
            assert_eq!(snapshot.runs().unwrap().len(), 4);
            assert_eq!(
                snapshot.snapshot().unwrap().holder,
                Some(std::process::id())
            );
        }
        over.store(true, Ordering::Relaxed);
    });
    store.close().unwrap();
}

#[test]
fn a_snapshot_cannot_be_written_to_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    store_with(dir.path(), 1, 1);
    let store = Store::open(dir.path()).unwrap();
    let snapshot = Store::open_snapshot(dir.path()).unwrap();
    let refused = snapshot.begin_run(&header(run(2))).unwrap_err();
    assert!(
        matches!(refused, StoreError::InUse { holder: Some(pid), .. } if pid == std::process::id()),
        "{refused}"
    );
    snapshot.close().unwrap();
    // Counter-check: the store itself is written to.
    store.begin_run(&header(run(2))).unwrap();
    assert!(store.snapshot().is_none());
    assert_eq!(
        Store::open_snapshot(dir.path())
            .unwrap()
            .runs()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn a_store_that_is_rebuilt_is_in_use_not_damaged() {
    let dir = tempfile::tempdir().unwrap();
    store_with(dir.path(), 1, 1);
    std::fs::write(dir.path().join("rebuilding"), "").unwrap();
    let error = Store::open_snapshot(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    std::fs::remove_file(dir.path().join("rebuilding")).unwrap();
    assert!(Store::open_snapshot(dir.path()).is_ok());
}

/// Files that do not become a store again: the copy is to blame, because the writer knows better.
#[test]
fn a_copy_that_does_not_open_is_not_shown_as_damage() {
    let dir = tempfile::tempdir().unwrap();
    store_with(dir.path(), 1, 1);
    std::fs::write(dir.path().join("manifest"), "torn").unwrap();
    let error = Store::open_snapshot(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::Unsettled { .. }), "{error}");
    assert!(error.to_string().contains("try again"), "{error}");
    // Counter-check: without a writer it is damage.
    let error = Store::open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
}
