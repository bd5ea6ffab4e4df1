//! Rebuilding: after any single fault in any file of a store, everything committed is restored; if
//! several faults hit one run, the loss is named.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use contract::addendum::{Annotation, AnnotationKind};
use contract::id::RunId;
use contract::run::RunState;
use coordinator::store::{Rebuilt, RunRecord, Source, Store, StoreError};

use crate::damage::{copy, flip, numbers};
use crate::sample::{ORDER, block, end, header, notice, place, put, run, write_block, write_run};

fn remark(text: &str) -> Annotation {
    Annotation {
        unix_ms: 1,
        kind: AnnotationKind::Note,
        text: text.to_owned(),
    }
}

/// A store with a run in every state: complete with its export file, complete without, stopped,
/// resumed, interrupted in a block, and annotated.
fn full_store(dir: &Path) {
    let store = Store::open(dir).unwrap();
    write_run(&store, run(1), 2).unwrap();
    store.export(run(1)).unwrap();
    write_run(&store, run(2), 2).unwrap();
    for number in 3..6 {
        store.begin_run(&header(run(number))).unwrap();
        write_block(&store, run(number), 0, 0).unwrap();
        store.put_notice(run(number), &notice("lost")).unwrap();
    }
    store.end_run(run(3), &end(RunState::Stopped)).unwrap();
    store.end_run(run(4), &end(RunState::Stopped)).unwrap();
    store.resume_run(run(4)).unwrap();
    write_block(&store, run(4), 1, 0).unwrap();
    put(&store, place(run(5), 0, 1, ORDER[0], 0), 10).unwrap();
    for number in [1, 3, 5] {
        store.annotate(run(number), &remark("quiet host")).unwrap();
    }
    store.close().unwrap();
}

/// The committed contents, without keys of parts that belong to no block.
fn committed(store: &Store) -> Result<Vec<RunRecord>, StoreError> {
    let read = |summary: coordinator::store::RunSummary| {
        let record = store.read_run(summary.run)?;
        Ok(RunRecord {
            superseded: Vec::new(),
            ..record
        })
    };
    store.runs()?.into_iter().map(read).collect()
}

#[test]
fn every_run_in_every_state_comes_back_without_the_database() {
    let dir = tempfile::tempdir().unwrap();
    full_store(dir.path());
    let store = Store::open(dir.path()).unwrap();
    let before = (committed(&store).unwrap(), store.runs().unwrap());
    store.close().unwrap();
    std::fs::remove_dir_all(dir.path().join("db")).unwrap();
    let rebuilt = Store::rebuild(dir.path()).unwrap();
    assert!(
        rebuilt.is_whole() && rebuilt.refused.is_empty(),
        "{rebuilt:?}"
    );
    let from: Vec<_> = rebuilt
        .brought
        .iter()
        .map(|brought| &brought.from[..])
        .collect();
    let journal = &[Source::Journal][..];
    assert_eq!(
        from,
        [
            &[Source::Export, Source::Journal][..],
            journal,
            journal,
            journal,
            journal
        ]
    );
    assert_eq!(
        (
            committed(&rebuilt.store).unwrap(),
            rebuilt.store.runs().unwrap()
        ),
        before
    );
    assert!(rebuilt.store.verify().unwrap().is_sound());
    // It continues where it was.
    write_block(&rebuilt.store, run(5), 1, 0).unwrap();
}

#[test]
fn what_two_faults_take_is_named() {
    let dir = tempfile::tempdir().unwrap();
    full_store(dir.path());
    std::fs::remove_dir_all(dir.path().join("db")).unwrap();
    let journal = |number| {
        dir.path()
            .join("runs")
            .join(format!("{}.journal", run(number)))
    };
    // One run without a copy, one that lost its beginning, one that lost its second block.
    std::fs::remove_file(journal(2)).unwrap();
    let spoil = |number, share: f64| {
        let mut bytes = std::fs::read(journal(number)).unwrap();
        let at = (bytes.len() as f64 * share) as usize;
        bytes[at] ^= 1;
        std::fs::write(journal(number), bytes).unwrap();
    };
    spoil(3, 0.02);
    spoil(4, 0.9);
    let rebuilt = Store::rebuild(dir.path()).unwrap();
    assert!(!rebuilt.is_whole());
    assert_eq!(
        rebuilt.lost.iter().map(|lost| lost.run).collect::<Vec<_>>(),
        [run(3)]
    );
    assert_eq!(
        (rebuilt.nameless, rebuilt.runs().collect::<Vec<_>>()),
        (1, [1, 4, 5].map(run).to_vec())
    );
    let four = rebuilt.store.read_run(run(4)).unwrap();
    assert_eq!((four.blocks.len(), four.end), (1, None));
}

#[test]
fn a_commit_that_the_database_never_took_is_written_over() {
    let dir = tempfile::tempdir().unwrap();
    full_store(dir.path());
    let before = tempfile::tempdir().unwrap();
    copy(dir.path(), &before.path().join("copy"));
    // Another attempt of the block is only in the journal, as after a crash between the two.
    let store = Store::open(dir.path()).unwrap();
    put(&store, place(run(5), 0, 1, ORDER[1], 0), 10).unwrap();
    put(&store, place(run(5), 0, 1, ORDER[2], 0), 10).unwrap();
    store.commit_block(run(5), &block(0, 1, 0), &[]).unwrap();
    store.close().unwrap();
    let name = format!("runs/{}.journal", run(5));
    std::fs::copy(
        dir.path().join(&name),
        before.path().join("copy").join(&name),
    )
    .unwrap();
    let dir = before.path().join("copy");
    let store = Store::open(&dir).unwrap();
    write_block(&store, run(5), 1, 1).unwrap();
    let blocks = store.read_run(run(5)).unwrap().blocks;
    store.close().unwrap();
    std::fs::remove_dir_all(dir.join("db")).unwrap();
    let rebuilt = Store::rebuild(&dir).unwrap();
    assert!(rebuilt.is_whole());
    assert_eq!(rebuilt.store.read_run(run(5)).unwrap().blocks, blocks);
}

#[test]
fn a_rebuild_that_was_cut_off_is_found_and_done_again() {
    let dir = tempfile::tempdir().unwrap();
    full_store(dir.path());
    let store = Store::open(dir.path()).unwrap();
    let before = committed(&store).unwrap();
    store.close().unwrap();
    // One run is only in the old database; the mark exists, the database is set aside, nothing is
    // restored yet.
    std::fs::remove_file(dir.path().join("runs").join(format!("{}.journal", run(2)))).unwrap();
    std::fs::create_dir(dir.path().join("db.corrupt-1")).unwrap();
    for name in ["db", "manifest"] {
        std::fs::rename(
            dir.path().join(name),
            dir.path().join("db.corrupt-1").join(name),
        )
        .unwrap();
    }
    std::fs::write(dir.path().join("rebuilding"), "db.corrupt-1\n").unwrap();
    let error = Store::open(dir.path()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("a rebuild of it was interrupted"),
        "{error}"
    );
    let rebuilt = Store::rebuild(dir.path()).unwrap();
    assert!(rebuilt.is_whole(), "{rebuilt:?}");
    assert_eq!(committed(&rebuilt.store).unwrap(), before);
    rebuilt.store.close().unwrap();
    Store::open(dir.path()).unwrap();
}

/// Effect of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// Not visible.
    Harmless,
    /// Detected, and everything is there after a rebuild.
    Rebuilt,
    /// Detected only by `verify`, because a copy was damaged.
    CopySpoilt,
    /// Something is lost, and named.
    Named,
}

/// All files with contents.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match std::fs::metadata(&path).unwrap() {
            meta if meta.is_dir() => found.extend(files(&path)),
            meta if meta.len() > 0 && !path.ends_with("lock") => found.push(path),
            _ => {}
        }
    }
    found.sort();
    found
}

fn outcome(dir: &Path, before: &[RunRecord]) -> Outcome {
    let opened = Store::open(dir).and_then(|store| {
        let seen = committed(&store)?;
        Ok((store.verify()?.is_sound(), seen))
    });
    match opened {
        Ok((sound, seen)) => {
            assert!(seen == before, "something went missing in silence");
            return if sound {
                Outcome::Harmless
            } else {
                Outcome::CopySpoilt
            };
        }
        Err(
            StoreError::Damaged { .. } | StoreError::RunDamaged { .. } | StoreError::Newer { .. },
        ) => {}
        Err(error) => panic!("{error}"),
    }
    let rebuilt = Store::rebuild(dir).unwrap();
    if rebuilt.is_whole() {
        assert!(committed(&rebuilt.store).unwrap() == before, "{rebuilt:?}");
        return Outcome::Rebuilt;
    }
    let named = |id: RunId, rebuilt: &Rebuilt| {
        rebuilt.lost.iter().any(|lost| lost.run == id)
            || rebuilt
                .brought
                .iter()
                .any(|brought| brought.run == id && brought.lacks > 0)
    };
    for record in before {
        let id = record.header.run;
        let there = rebuilt.store.read_run(id);
        let same = there.is_ok_and(|there| {
            RunRecord {
                superseded: Vec::new(),
                ..there
            } == *record
        });
        assert!(
            same || named(id, &rebuilt) || rebuilt.nameless + rebuilt.unaccounted > 0,
            "{id}: {rebuilt:?}"
        );
    }
    Outcome::Named
}

/// Damages this many copies of a store, each in one place of one file; every other time in the log.
fn faults(
    times: usize,
    spoil: impl Fn(&Path, &mut dyn Iterator<Item = usize>),
) -> BTreeMap<Outcome, usize> {
    let original = tempfile::tempdir().unwrap();
    full_store(original.path());
    let store = Store::open(original.path()).unwrap();
    let before = committed(&store).unwrap();
    store.close().unwrap();
    let mut outcomes = BTreeMap::new();
    for time in 0..times {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("copy");
        copy(original.path(), &dir);
        let mut random = numbers(time as u64 * 7919 + 1).skip(3);
        let all = files(&dir);
        let any = all[random.next().unwrap() % all.len()].clone();
        let path = if time.is_multiple_of(2) {
            dir.join("db/db")
        } else {
            any
        };
        spoil(&path, &mut random);
        *outcomes.entry(outcome(&dir, &before)).or_default() += 1;
    }
    outcomes
}

/// Length of a file's written part; sled's log continues with zeros.
fn written(path: &Path) -> u64 {
    let bytes = std::fs::read(path).unwrap();
    bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(1, |last| last as u64 + 1)
}

fn flip_one(path: &Path, random: &mut dyn Iterator<Item = usize>) {
    flip(path, random.next().unwrap(), random.next().unwrap());
}

fn cut(path: &Path, random: &mut dyn Iterator<Item = usize>) {
    let length = written(path);
    let file = File::options().write(true).open(path).unwrap();
    file.set_len(random.next().unwrap() as u64 % length)
        .unwrap();
}

fn zero_a_page(path: &Path, random: &mut dyn Iterator<Item = usize>) {
    let length = written(path);
    let at = random.next().unwrap() as u64 % length / 4096 * 4096;
    let zeros = vec![0; 4096.min(length - at) as usize];
    File::options()
        .write(true)
        .open(path)
        .unwrap()
        .write_all_at(&zeros, at)
        .unwrap();
}

fn hold(name: &str, outcomes: &BTreeMap<Outcome, usize>) {
    // Two places of one run are never hit at once here, so nothing is lost.
    assert!(
        !outcomes.contains_key(&Outcome::Named),
        "{name}: {outcomes:?}"
    );
    assert!(
        outcomes
            .get(&Outcome::Rebuilt)
            .is_some_and(|times| *times > 0),
        "{name}: {outcomes:?}"
    );
}

#[test]
fn no_flip_cut_or_zeroed_page_loses_what_was_committed() {
    hold("flips", &faults(24, flip_one));
    hold("cuts", &faults(14, cut));
    hold("pages", &faults(14, zero_a_page));
}

/// The same, often enough for statistics: `cargo test -p coordinator --test store -- --ignored
/// --nocapture many`.
#[test]
#[ignore = "takes minutes"]
fn no_damage_of_many_loses_what_was_committed() {
    use std::io::Write;
    let said = &mut std::io::stdout();
    let wanted = std::env::var("STORE_FAULTS").unwrap_or_default();
    for (name, times, spoil) in [
        (
            "bit flips",
            200,
            flip_one as fn(&Path, &mut dyn Iterator<Item = usize>),
        ),
        ("truncations", 100, cut),
        ("zeroed pages", 100, zero_a_page),
    ] {
        if !name.contains(&wanted) {
            continue;
        }
        let outcomes = faults(times, spoil);
        writeln!(said, "{times} {name}: {outcomes:?}").unwrap();
        hold(name, &outcomes);
    }
}
