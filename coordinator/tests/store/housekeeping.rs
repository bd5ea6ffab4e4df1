//! Removing runs and reclaiming their space, including when interrupted.

use std::path::Path;

use coordinator::store::{Store, StoreError};

use crate::damage::{copy, tamper};
use crate::sample::{run, store_with};

fn ids(store: &Store) -> Vec<contract::id::RunId> {
    store
        .runs()
        .unwrap()
        .iter()
        .map(|summary| summary.run)
        .collect()
}

#[test]
fn a_removed_run_is_gone_for_good_and_the_others_are_sound() {
    let dir = tempfile::tempdir().unwrap();
    store_with(dir.path(), 3, 2);
    let store = Store::open(dir.path()).unwrap();
    let archive = store.export(run(2)).unwrap();
    store.remove_run(run(2)).unwrap();
    assert!(!archive.exists());
    assert!(matches!(
        store.remove_run(run(2)),
        Err(StoreError::NoSuchRun { .. })
    ));
    store.close().unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(ids(&store), [run(1), run(3)]);
    assert_eq!(store.verify().unwrap().sound, [run(1), run(3)]);
    drop(store);
    // A rebuild does not restore it.
    assert!(
        Store::rebuild(dir.path())
            .unwrap()
            .runs()
            .eq([run(1), run(3)])
    );
}

#[test]
fn a_damaged_run_can_be_removed() {
    let dir = tempfile::tempdir().unwrap();
    store_with(dir.path(), 2, 1);
    tamper(dir.path(), "parts", |parts| {
        let (key, _) = parts.scan_prefix(run(1).as_str()).next().unwrap().unwrap();
        parts.remove(key).unwrap();
    });
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.verify().unwrap().damaged.len(), 1);
    store.remove_run(run(1)).unwrap();
    assert!(store.verify().unwrap().damaged.is_empty());
    assert_eq!(ids(&store), [run(2)]);
}

#[test]
fn a_damaged_export_file_is_found_while_its_run_can_still_be_written_again() {
    let dir = tempfile::tempdir().unwrap();
    store_with(dir.path(), 1, 1);
    let store = Store::open(dir.path()).unwrap();
    let path = store.export(run(1)).unwrap();
    assert!(store.verify().unwrap().files.is_empty());
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let verified = store.verify().unwrap();
    assert_eq!((verified.sound, verified.files.len()), (vec![run(1)], 1));
    store.export(run(1)).unwrap();
    assert!(store.verify().unwrap().files.is_empty());
}

#[test]
fn compacting_changes_nothing_but_the_size() {
    let dir = tempfile::tempdir().unwrap();
    store_with(dir.path(), 12, 4);
    let store = Store::open(dir.path()).unwrap();
    (1..=10).for_each(|number| store.remove_run(run(number)).unwrap());
    let before = [11, 12].map(|number| store.read_run(run(number)).unwrap());
    store.close().unwrap();
    let compacted = Store::compact(dir.path()).unwrap();
    assert!(compacted.after < compacted.before, "{compacted:?}");
    assert_eq!(
        [11, 12].map(|number| compacted.store.read_run(run(number)).unwrap()),
        before
    );
    compacted.store.close().unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(
        (ids(&store), store.verify().unwrap().sound),
        (vec![run(11), run(12)], vec![run(11), run(12)])
    );
    assert!(!dir.path().join("db.old").exists() && !dir.path().join("compact").exists());
}

/// The states in which a compaction can be interrupted.
#[test]
fn a_compaction_that_was_cut_off_leaves_one_whole_database() {
    let rename =
        |dir: &Path, from: &str, to: &str| std::fs::rename(dir.join(from), dir.join(to)).unwrap();
    type Cut<'a> = (&'a str, &'a dyn Fn(&Path));
    let cuts: [Cut<'_>; 4] = [
        ("half a copy", &|dir| {
            std::fs::create_dir_all(dir.join("compact/db")).unwrap();
        }),
        ("the old one stepped aside", &|dir| {
            copy(&dir.join("db"), &dir.join("compact/db"));
            rename(dir, "db", "db.old");
        }),
        ("the new one is in its place", &|dir| {
            copy(&dir.join("db"), &dir.join("db.old"));
            std::fs::create_dir(dir.join("compact")).unwrap();
        }),
        ("there never was a new one", &|dir| {
            rename(dir, "db", "db.old");
        }),
    ];
    for (name, cut) in cuts {
        let dir = tempfile::tempdir().unwrap();
        store_with(dir.path(), 2, 1);
        cut(dir.path());
        let store = Store::open(dir.path()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(store.verify().unwrap().sound, [run(1), run(2)], "{name}");
        assert!(
            !dir.path().join("db.old").exists() && !dir.path().join("compact").exists(),
            "{name}"
        );
    }
}
