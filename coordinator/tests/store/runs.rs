//! Writing, reading, finding and resuming runs.

use contract::id::{Arm, Attempt};
use contract::identity::HostFacts;
use contract::record::Record;
use contract::run::{Notice, NoticeKind, RunHeader, RunState};
use coordinator::store::{RunSummary, Store, StoreError};

use crate::sample::{
    ORDER, block, end, header, notice, part, place, put, run, store_with, write_block, write_run,
};

#[test]
fn a_run_comes_back_as_it_was_written_also_after_a_reopen() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    store.begin_run(&header(run(1))).unwrap();
    let parts: Vec<_> = [Arm::A, Arm::B, Arm::A2]
        .map(|arm| put(&store, place(run(1), 2, 3, arm, 0), 10).unwrap())
        .to_vec();
    store
        .commit_block(run(1), &block(2, 3, 0), &[notice("first")])
        .unwrap();
    store.put_notice(run(1), &notice("second")).unwrap();
    store.end_run(run(1), &end(RunState::Complete)).unwrap();
    let before = store.read_run(run(1)).unwrap();
    store.close().unwrap();

    let store = Store::open(dir.path()).unwrap();
    let after = store.read_run(run(1)).unwrap();
    assert_eq!(after, before);
    assert_eq!(
        after.header,
        RunHeader {
            sequence: Some(1),
            ..header(run(1))
        }
    );
    assert_eq!(after.blocks, [block(2, 3, 0)]);
    assert_eq!(after.parts, parts);
    assert_eq!(after.notices, [notice("first"), notice("second")]);
    assert_eq!(after.end, Some(end(RunState::Complete)));
    assert_eq!(after.superseded, []);
    let mut visited = Vec::new();
    store
        .visit_parts(run(1), |part| visited.push(part))
        .unwrap();
    assert_eq!(visited, parts);
}

#[test]
fn a_listing_tells_a_run_without_reading_it() {
    let dir = tempfile::tempdir().unwrap();
    store_with(dir.path(), 2, 2);
    let store = Store::open(dir.path()).unwrap();
    let runs = store.runs().unwrap();
    assert_eq!(
        runs.iter().map(|r| r.run).collect::<Vec<_>>(),
        [run(1), run(2)]
    );
    assert_eq!(runs[0].plan, "high");
    assert_eq!(runs[0].variants, ["baseline", "pgo"]);
    assert_eq!(
        (runs[0].blocks, runs[0].parts, runs[0].requests),
        (2, 6, 60)
    );
    assert_eq!(runs[0].state(), Some(RunState::Complete));
    assert_eq!(store.summary(run(2)).unwrap(), runs[1]);
    let one = store.read_run(run(1)).unwrap();
    assert_eq!((one.blocks.len(), one.parts.len()), (2, 6));
}

#[test]
fn long_parts_are_split_and_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    store.begin_run(&header(run(1))).unwrap();
    for arm in ORDER {
        put(&store, place(run(1), 0, 0, arm, 0), 4096).unwrap();
    }
    assert!(
        part(place(run(1), 0, 0, Arm::A, 0), 4096)
            .seal()
            .unwrap()
            .len()
            > 100_000
    );
    store.commit_block(run(1), &block(0, 0, 0), &[]).unwrap();
    store.close().unwrap();
    let read = Store::open(dir.path()).unwrap().read_run(run(1)).unwrap();
    assert_eq!(read.parts[1], part(place(run(1), 0, 0, Arm::B, 0), 4096));
    // sled would have put longer values into files that it never syncs.
    let blobs = dir.path().join("db/blobs");
    assert_eq!(std::fs::read_dir(blobs).unwrap().count(), 0);
}

#[test]
fn runs_are_found_by_prefix_and_as_latest() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert!(matches!(
        store.find("latest"),
        Err(StoreError::NoRuns { .. })
    ));
    store_runs(&store, &[1, 2]);
    let id = run(1).to_string();
    assert_eq!(store.find("latest").unwrap(), run(2));
    assert_eq!(store.find(&id).unwrap(), run(1));
    assert_eq!(store.find(&id[..12].to_lowercase()).unwrap(), run(1));
    let error = store.find(&id[..9]).unwrap_err();
    let StoreError::Ambiguous { candidates, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(candidates, &[run(1), run(2)]);
    assert!(error.to_string().contains(&id), "{error}");
    assert!(matches!(
        store.find("ZZ"),
        Err(StoreError::NoSuchRun { .. })
    ));
    assert!(matches!(store.find(""), Err(StoreError::Ambiguous { .. })));
    assert!(matches!(
        store.read_run(run(9)),
        Err(StoreError::NoSuchRun { .. })
    ));
}

#[test]
fn an_interrupted_run_resumes_where_it_stood_and_superseded_parts_stay_out() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    store.begin_run(&header(run(1))).unwrap();
    write_block(&store, run(1), 0, 0).unwrap();
    put(&store, place(run(1), 0, 1, Arm::A, 0), 10).unwrap();
    put(&store, place(run(1), 0, 1, Arm::B, 2), 10).unwrap();
    store.end_run(run(1), &end(RunState::Stopped)).unwrap();
    store.close().unwrap();

    let store = Store::open(dir.path()).unwrap();
    let resume = store.resume_run(run(1)).unwrap();
    assert_eq!(
        resume.header,
        RunHeader {
            sequence: Some(1),
            ..header(run(1))
        }
    );
    assert_eq!(resume.blocks, [block(0, 0, 0)]);
    assert_eq!(resume.next_attempts[&(0, 1)], Attempt(3));
    assert_eq!(store.summary(run(1)).unwrap().end, None);
    assert_eq!(store.read_outline(run(1)).unwrap().end, None);
    assert_eq!(store.resume_run(run(1)).unwrap(), resume);

    write_block(&store, run(1), 1, 3).unwrap();
    store.end_run(run(1), &end(RunState::Complete)).unwrap();
    let read = store.read_run(run(1)).unwrap();
    assert_eq!(read.parts.len(), 6);
    assert!(
        read.parts
            .iter()
            .filter(|p| p.place.key.round == 1)
            .all(|p| p.place.attempt == Attempt(3))
    );
    assert_eq!(
        read.superseded,
        [
            place(run(1), 0, 1, Arm::A, 0),
            place(run(1), 0, 1, Arm::B, 2)
        ]
    );
    assert_eq!(store.verify().unwrap().sound, [run(1)]);
}

#[test]
fn writing_twice_changes_nothing_and_writing_otherwise_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let there = place(run(1), 0, 0, Arm::A, 0);
    assert!(matches!(
        put(&store, there.clone(), 1),
        Err(StoreError::NoSuchRun { .. })
    ));
    store.begin_run(&header(run(1))).unwrap();
    assert!(matches!(
        store.begin_run(&header(run(1))),
        Err(StoreError::RunExists { .. })
    ));

    put(&store, there.clone(), 10).unwrap();
    put(&store, there.clone(), 10).unwrap();
    assert!(matches!(
        put(&store, there.clone(), 11),
        Err(StoreError::PlaceTaken(_))
    ));
    let elsewhere = place(run(1), 0, 0, Arm::B, 0);
    let sealed = part(there.clone(), 10).seal().unwrap();
    assert!(matches!(
        store.put_part(&elsewhere, &sealed),
        Err(StoreError::WrongPlace { .. })
    ));
    let mut flipped = sealed;
    flipped[40] ^= 1;
    assert!(matches!(
        store.put_part(&there, &flipped),
        Err(StoreError::Record(_))
    ));

    let missing = store
        .commit_block(run(1), &block(0, 0, 0), &[])
        .unwrap_err();
    assert!(
        matches!(missing, StoreError::ArmMissing { arm: Arm::B, .. }),
        "{missing}"
    );
    write_block(&store, run(1), 0, 0).unwrap();
    store.commit_block(run(1), &block(0, 0, 0), &[]).unwrap();
    let other = store
        .commit_block(run(1), &block(0, 0, 1), &[])
        .unwrap_err();
    assert!(matches!(other, StoreError::BlockExists { .. }), "{other}");
    let mut second_slot = there;
    second_slot.slot = 1;
    assert!(matches!(
        put(&store, second_slot, 10),
        Err(StoreError::BlockClosed(_))
    ));
    // A late part of another attempt is kept as superseded.
    put(&store, place(run(1), 0, 0, Arm::A, 5), 10).unwrap();
    let read = store.read_run(run(1)).unwrap();
    assert_eq!(
        (read.blocks.len(), read.parts.len(), read.superseded.len()),
        (1, 3, 1)
    );
}

#[test]
fn notices_that_come_together_are_kept_in_their_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    store.begin_run(&header(run(1))).unwrap();
    store.put_notices(run(1), &[]).unwrap();
    store
        .put_notices(run(1), &["one", "two"].map(notice))
        .unwrap();
    store.put_notice(run(1), &notice("three")).unwrap();
    assert_eq!(
        store.read_run(run(1)).unwrap().notices,
        ["one", "two", "three"].map(notice)
    );
    assert!(matches!(
        store.put_notices(run(9), &[notice("lost")]),
        Err(StoreError::NoSuchRun { .. })
    ));
}

fn store_runs(store: &Store, numbers: &[u64]) {
    numbers
        .iter()
        .for_each(|number| write_run(store, run(*number), 1).unwrap());
}

#[test]
fn a_host_that_took_a_place_later_is_among_the_runs_hosts_wherever_they_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    store.begin_run(&header(run(1))).unwrap();
    let began_on = store.read_outline(run(1)).unwrap().header.hosts;
    let facts = HostFacts {
        hostname: "late".into(),
        cpu_model: "another".into(),
        ..HostFacts::default()
    };
    let host = Some(("a".to_owned(), facts));
    let placed = Notice {
        kind: NoticeKind::HostPlaced,
        host: host.clone(),
        ..notice("slot 0 is on a")
    };
    store.put_notice(run(1), &placed).unwrap();
    let now = [began_on, host.into_iter().collect()].concat();
    assert_eq!(store.read_outline(run(1)).unwrap().header.hosts, now);
    assert_eq!(
        store.progress(run(1)).unwrap().header.hosts,
        now,
        "a run that is taken up again knows it"
    );
    let listed = store.summary(run(1)).unwrap();
    assert_eq!(listed.hosts.last().map(String::as_str), Some("late"));
    assert!(
        listed.cpu_models.contains(&"another".to_owned()),
        "{listed:?}"
    );
    let file = store.export(run(1)).unwrap();
    store.close().unwrap();
    // The summary of an export equals that of the index.
    let other = tempfile::tempdir().unwrap();
    let store = Store::open(other.path()).unwrap();
    store.import(&file).unwrap();
    // Its position is from another store; here it is placed by its clock.
    let there = store.summary(run(1)).unwrap();
    assert_eq!(
        RunSummary {
            sequence: listed.sequence,
            ..there
        },
        listed
    );
}
