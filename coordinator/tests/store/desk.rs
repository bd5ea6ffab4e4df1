//! Records of a server: kept over restarts, compaction and rebuilds, beside runs that are written.

use coordinator::store::{Store, StoreError};

use crate::sample::{run, store_with, write_run};

fn put(store: &Store, key: &str, value: &str) {
    let value = Some(value.as_bytes().to_vec());
    store.write_desk(&[(key.to_owned(), value)]).unwrap();
}

fn all(store: &Store) -> Vec<(String, String)> {
    let records = store.read_desk("").unwrap().into_iter();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    records.map(|(key, value)| (key, text(value))).collect()
}

fn known() -> Vec<(String, String)> {
    [("job/1", "one"), ("schedule/a", "daily")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .to_vec()
}

/// A store with runs and these records.
fn store() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    store_with(dir.path(), 2, 1);
    let store = Store::open(dir.path()).unwrap();
    for (key, value) in known() {
        put(&store, &key, &value);
    }
    store.close().unwrap();
    dir
}

#[test]
fn records_are_written_all_or_none_and_found_by_their_prefix() {
    let dir = store();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(all(&store), known());
    let long = vec![7; 100_000];
    let changes = [
        ("job/1".to_owned(), None),
        ("job/2".to_owned(), Some(long.clone())),
    ];
    store.write_desk(&changes).unwrap();
    assert_eq!(
        store.read_desk("job/").unwrap(),
        [("job/2".to_owned(), long)]
    );
    write_run(&store, run(3), 1).unwrap();
    store.close().unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.read_desk("").unwrap().len(), 2);
    assert!(store.verify().unwrap().is_sound());
}

#[test]
fn a_snapshot_has_them_and_does_not_change_them() {
    let dir = store();
    let _open = Store::open(dir.path()).unwrap();
    let snapshot = Store::open_snapshot(dir.path()).unwrap();
    assert_eq!(all(&snapshot), known());
    let refused = snapshot.write_desk(&[("job/1".to_owned(), None)]);
    assert!(matches!(refused, Err(StoreError::InUse { .. })));
}

#[test]
fn compaction_and_a_rebuild_keep_them() {
    let dir = store();
    let compacted = Store::compact(dir.path()).unwrap().store;
    assert_eq!(all(&compacted), known());
    compacted.close().unwrap();
    let rebuilt = Store::rebuild(dir.path()).unwrap();
    assert!(rebuilt.is_whole());
    assert_eq!(all(&rebuilt.store), known());
    rebuilt.store.close().unwrap();
    // Counter-check: without the database they are gone, and the runs are not.
    std::fs::remove_dir_all(dir.path().join("db")).unwrap();
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.display().to_string().contains("corrupt") {
            std::fs::remove_dir_all(path).unwrap();
        }
    }
    let rebuilt = Store::rebuild(dir.path()).unwrap();
    assert_eq!(
        (rebuilt.brought.len(), all(&rebuilt.store)),
        (2, Vec::new())
    );
}

/// An older program has no such tree, and its stores have no such records.
#[test]
fn a_store_without_a_server_has_none() {
    let dir = tempfile::tempdir().unwrap();
    store_with(dir.path(), 1, 1);
    let store = Store::open(dir.path()).unwrap();
    assert!(all(&store).is_empty());
}
