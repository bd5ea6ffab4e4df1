//! Export files: exported, imported, damaged, from a newer program, and as sources of a rebuild.

use std::path::Path;

use contract::id::Arm;
use contract::metric::Metric;
use contract::run::RunState;
use coordinator::store::{Damage, Imported, RunSummary, Source, Store, StoreError, read_archive};

use crate::damage::tamper;
use crate::sample::{end, header, notice, place, put, run, store_with, write_block};

/// A run with every kind of record.
fn rich(store: &Store) {
    store.begin_run(&header(run(1))).unwrap();
    put(store, place(run(1), 0, 0, Arm::A, 0), 400).unwrap();
    write_block(store, run(1), 0, 1).unwrap();
    store.put_notice(run(1), &notice("lost")).unwrap();
    store.end_run(run(1), &end(RunState::Complete)).unwrap();
}

#[test]
fn a_run_goes_out_and_into_another_store_unchanged() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (from, to) = (
        Store::open(here.path()).unwrap(),
        Store::open(there.path()).unwrap(),
    );
    rich(&from);
    let path = from.export(run(1)).unwrap();
    assert_eq!(
        path,
        here.path().join("runs").join(format!("{}.bench", run(1)))
    );

    assert_eq!(to.import(&path).unwrap(), Imported::New(run(1)));
    assert_eq!(to.import(&path).unwrap(), Imported::Known(run(1)));
    let original = from.read_run(run(1)).unwrap();
    assert_eq!(to.read_run(run(1)).unwrap(), original);
    let told = |store: &Store| {
        store.runs().unwrap().into_iter().map(|run| RunSummary {
            sequence: None,
            ..run
        })
    };
    assert_eq!(
        told(&to).collect::<Vec<_>>(),
        told(&from).collect::<Vec<_>>(),
        "but for the place it has there"
    );
    assert_eq!(read_archive(&path).unwrap(), original);
    let again = to.export(run(1)).unwrap();
    assert_eq!(std::fs::read(again).unwrap(), std::fs::read(&path).unwrap());
    to.close().unwrap();
    assert_eq!(
        Store::open(there.path()).unwrap().verify().unwrap().sound,
        [run(1)]
    );
}

#[test]
fn a_run_of_very_many_notices_is_read_in_their_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    store.begin_run(&header(run(1))).unwrap();
    write_block(&store, run(1), 0, 1).unwrap();
    // Checking each notice once takes a second; comparing each with those before it takes minutes.
    let notices: Vec<_> = (0..30_000)
        .map(|number| notice(&number.to_string()))
        .collect();
    store.put_notices(run(1), &notices).unwrap();
    let path = store.export(run(1)).unwrap();
    assert_eq!(read_archive(&path).unwrap().notices, notices);
}

#[test]
fn what_is_no_regular_file_is_not_imported_nor_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("store")).unwrap();
    let pipe = dir.path().join("pipe");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    for (path, kind) in [
        (pipe.as_path(), "pipe"),
        (Path::new("/dev/zero"), "device"),
        (dir.path(), "directory"),
    ] {
        let error = store.import(path).unwrap_err().to_string();
        assert!(error.contains(&format!("it is a {kind}")), "{error}");
    }
}

#[test]
fn another_state_of_a_stored_run_is_not_mixed_in() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    rich(&store);
    let path = store.export(run(1)).unwrap();
    store.put_notice(run(1), &notice("later")).unwrap();
    let before = store.read_run(run(1)).unwrap();
    assert!(matches!(
        store.import(&path),
        Err(StoreError::Differs { .. })
    ));
    assert_eq!(store.read_run(run(1)).unwrap(), before);
}

#[test]
fn every_cut_and_every_flip_of_an_export_file_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    rich(&store);
    let whole = std::fs::read(store.export(run(1)).unwrap()).unwrap();
    let other = tempfile::tempdir().unwrap();
    let into = Store::open(other.path()).unwrap();
    let path = other.path().join("damaged.bench");
    for at in (0..whole.len())
        .step_by(whole.len() / 60)
        .chain(whole.len() - 40..whole.len())
    {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        for bytes in [&flipped[..], &whole[..at]] {
            std::fs::write(&path, bytes).unwrap();
            let error = into.import(&path).unwrap_err();
            let found = matches!(
                error,
                StoreError::ArchiveDamaged { .. } | StoreError::Newer { .. }
            );
            assert!(found, "byte {at}: {error}");
        }
    }
    assert_eq!(into.runs().unwrap(), []);
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(into.import(&path).unwrap(), Imported::New(run(1)));
}

#[test]
fn an_export_file_of_a_newer_program_is_refused_as_such() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let path = dir.path().join("newer.bench");
    std::fs::write(
        &path,
        [
            b"PGOBRUN\n",
            &3_u32.to_be_bytes()[..],
            b"whatever comes then",
        ]
        .concat(),
    )
    .unwrap();
    let error = store.import(&path).unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Newer {
                found: 3,
                known: 2,
                ..
            }
        ),
        "{error}"
    );
    std::fs::write(
        &path,
        b"no such thing at all, but long enough to have a hash",
    )
    .unwrap();
    let error = store.import(&path).unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::ArchiveDamaged {
                damage: Damage::NotAnArchive,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_file_of_every_layout_ever_written_is_still_read() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store");
    let record = read_archive(&fixtures.join("layout-1.bench")).unwrap();
    assert_eq!(record.header.run, run(1));
    assert_eq!(
        (record.blocks[0].planned_requests, record.blocks.len()),
        (30, 1)
    );
    assert_eq!(record.notices, [notice("lost")]);
    assert_eq!(record.end, Some(end(RunState::Complete)));
    let [a, b, a2] = &record.parts[..] else {
        panic!("{} parts", record.parts.len())
    };
    assert_eq!([a, b, a2].map(|part| part.outcomes.ok), [10; 3]);
    assert_eq!(b.histograms.get(Metric::ALL[0]).exact().count, 10);
    assert_eq!(record.superseded, [place(run(1), 0, 0, Arm::A, 0)]);
}

#[test]
fn a_lost_database_is_rebuilt_from_export_files() {
    let dir = tempfile::tempdir().unwrap();
    store_with(dir.path(), 3, 1);
    let store = Store::open(dir.path()).unwrap();
    let before = store.runs().unwrap();
    before
        .iter()
        .for_each(|summary| drop(store.export(summary.run).unwrap()));
    store.close().unwrap();
    std::fs::write(dir.path().join("runs/broken.bench"), b"PGOBRUN\n").unwrap();
    std::fs::remove_dir_all(dir.path().join("db")).unwrap();
    let error = Store::open(dir.path()).unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Damaged {
                damage: Damage::Behind { found: 0, .. },
                ..
            }
        ),
        "{error}"
    );
    assert!(
        error.to_string().contains("runs import --rebuild --store"),
        "{error}"
    );

    let rebuilt = Store::rebuild(dir.path()).unwrap();
    assert!(rebuilt.runs().eq([run(1), run(2), run(3)]) && rebuilt.is_whole());
    assert!(
        rebuilt
            .brought
            .iter()
            .all(|brought| brought.from == [Source::Export]),
        "{:?}",
        rebuilt.brought
    );
    assert_eq!(rebuilt.refused.len(), 1);
    assert_eq!(rebuilt.store.runs().unwrap(), before);
    assert!(is_aside(&rebuilt.aside.unwrap(), dir.path()));
    rebuilt.store.close().unwrap();
    assert_eq!(Store::open(dir.path()).unwrap().runs().unwrap(), before);
}

#[test]
fn what_has_no_copy_is_brought_over_where_it_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    store_with(dir.path(), 4, 1);
    let store = Store::open(dir.path()).unwrap();
    let before = store.runs().unwrap();
    store.export(run(1)).unwrap();
    store.close().unwrap();
    for number in 2..5 {
        std::fs::remove_file(
            dir.path()
                .join("runs")
                .join(format!("{}.journal", run(number))),
        )
        .unwrap();
    }
    assert_eq!(
        Store::open(dir.path()).unwrap().verify().unwrap().uncopied,
        [run(2), run(3), run(4)]
    );
    // The index row of run 2 is wrong, and run 3 lacks a part.
    tamper(dir.path(), "runs", |rows| {
        let (key, row) = rows.scan_prefix(run(2).as_str()).next().unwrap().unwrap();
        let row = String::from_utf8(row.to_vec())
            .unwrap()
            .replace("VALID", "INVALID");
        rows.insert(key, row.as_bytes()).unwrap();
    });
    tamper(dir.path(), "parts", |parts| {
        let (key, _) = parts.scan_prefix(run(3).as_str()).next().unwrap().unwrap();
        parts.remove(key).unwrap();
    });
    assert!(matches!(
        Store::open(dir.path()),
        Err(StoreError::Damaged { .. })
    ));

    let rebuilt = Store::rebuild(dir.path()).unwrap();
    assert!(rebuilt.runs().eq([1, 2, 3, 4].map(run)) && !rebuilt.is_whole());
    let lacks: Vec<_> = rebuilt
        .brought
        .iter()
        .map(|brought| brought.lacks)
        .collect();
    // The block without one of its parts is dropped, with its record and its two other parts.
    assert_eq!(lacks, [0, 0, 4, 0]);
    let after = rebuilt.store.runs().unwrap();
    assert_eq!(
        [&after[0], &after[1], &after[3]],
        [&before[0], &before[1], &before[3]]
    );
    assert_eq!((after[2].blocks, after[2].end.is_none()), (0, true));
    let verified = rebuilt.store.verify().unwrap();
    assert_eq!((verified.sound.len(), verified.is_sound()), (4, true));
}

fn is_aside(path: &Path, dir: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    path.parent() == Some(dir) && name.starts_with("db.corrupt-") && path.join("manifest").exists()
}

/// As root, a rename replaces a device, and every program loses it.
#[test]
fn an_export_takes_the_place_of_regular_files_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("store")).unwrap();
    rich(&store);
    let [socket, folder, old] = ["socket", "folder", "old"].map(|name| dir.path().join(name));
    let _bound = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    std::fs::create_dir(&folder).unwrap();
    for (path, name) in [(&socket, "socket"), (&folder, "directory")] {
        let error = store.export_to(run(1), path).unwrap_err().to_string();
        assert!(
            error.contains(&format!("it is a {name}, and no file")),
            "{error}"
        );
        assert!(!path.is_file());
    }
    std::fs::write(&old, "old").unwrap();
    store.export_to(run(1), &old).unwrap();
    assert!(read_archive(&old).is_ok(), "counter-check");
}
