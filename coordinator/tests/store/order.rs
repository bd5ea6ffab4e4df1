//! The order of runs is the order of storing: a wrong wall clock does not change it, and imports
//! and exports keep it.

use contract::id::RunId;
use contract::run::RunState;
use coordinator::store::Store;

use crate::sample::{end, header, run, write_block};

/// Stores a run that began at that time, by a clock that may be wrong.
fn begun(store: &Store, number: u64) -> RunId {
    let id = run(number);
    store.begin_run(&header(id)).unwrap();
    write_block(store, id, 0, 1).unwrap();
    store.end_run(id, &end(RunState::Complete)).unwrap();
    store.export(id).unwrap();
    id
}

fn order(store: &Store) -> Vec<RunId> {
    store.runs().unwrap().iter().map(|run| run.run).collect()
}

/// Two hours ahead once, then correct again.
const AHEAD: u64 = 7_200_000;

#[test]
fn a_clock_that_was_ahead_once_does_not_make_its_run_the_latest() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let stored = [1, AHEAD + 2, 3, 4].map(|number| begun(&store, number));
    assert_eq!(
        (order(&store), store.find("latest").unwrap()),
        (stored.to_vec(), stored[3])
    );
    store.close().unwrap();

    let store = Store::open(dir.path()).unwrap();
    assert_eq!(order(&store), stored, "opened again");
    store.remove_run(stored[3]).unwrap();
    assert_eq!(store.find("latest").unwrap(), stored[2]);
    let next = begun(&store, 5);
    assert_eq!(
        store.find("latest").unwrap(),
        next,
        "the number of a removed run is not what decides"
    );
    store.close().unwrap();

    Store::compact(dir.path()).unwrap();
    let expected = [stored[0], stored[1], stored[2], next];
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(order(&store), expected, "compacted");
    store.close().unwrap();

    let rebuilt = Store::rebuild(dir.path()).unwrap();
    assert_eq!(
        order(&rebuilt.store),
        expected,
        "rebuilt from the export files"
    );
    rebuilt.store.close().unwrap();
    for file in std::fs::read_dir(dir.path().join("runs")).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    let rebuilt = Store::rebuild(dir.path()).unwrap();
    assert_eq!(
        order(&rebuilt.store),
        expected,
        "rebuilt from the old database alone"
    );
}

#[test]
fn an_imported_run_stands_where_its_own_clock_puts_it() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (from, to) = (
        Store::open(here.path()).unwrap(),
        Store::open(there.path()).unwrap(),
    );
    // In their own store they have much higher positions than those of the other.
    for number in 10..20 {
        begun(&from, number);
    }
    let [old, between, new] = [1, 4, 50].map(|number| begun(&from, number));
    let own = [2, AHEAD, 6].map(|number| begun(&to, number));
    for id in [new, old, between] {
        to.import(&from.archive_path(id)).unwrap();
    }
    assert_eq!(order(&to), [old, own[0], between, own[1], own[2], new]);
    let next = begun(&to, 7);
    assert_eq!(
        to.find("latest").unwrap(),
        next,
        "what is stored next is the latest all the same"
    );
    assert_eq!(
        to.import(&from.archive_path(old))
            .map(|_| order(&to)[0])
            .unwrap(),
        old,
        "and again"
    );
}

#[test]
fn runs_of_before_there_was_a_place_come_first_and_by_their_ids() {
    let dir = tempfile::tempdir().unwrap();
    let fixture =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store/layout-1-store.tar.gz");
    let unpacked = std::process::Command::new("tar")
        .arg("-xzf")
        .arg(fixture)
        .arg("-C")
        .arg(dir.path())
        .status();
    assert!(unpacked.unwrap().success());
    std::fs::create_dir(dir.path().join("runs")).unwrap();
    let store = Store::open(dir.path()).unwrap();
    let earlier = begun(&store, 0);
    assert_eq!(
        order(&store),
        [run(1), earlier],
        "though its id is the earlier one"
    );
    assert_eq!(store.find("latest").unwrap(), earlier);
    store.close().unwrap();
    // An old test made up the older run's parts, and `verify` names it; the new run is intact.
    assert_eq!(
        Store::open(dir.path()).unwrap().verify().unwrap().sound,
        [earlier]
    );
}
