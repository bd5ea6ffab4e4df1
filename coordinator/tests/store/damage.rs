//! Flipped bits, truncated files, swapped files: detected or harmless, never silently incomplete.

use std::path::{Path, PathBuf};

use contract::id::Arm;
use contract::record::Record;
use coordinator::store::{Damage, RunRecord, Store, StoreError};

use crate::sample::{part, place, run, store_with, write_run};

/// The user-visible contents of a store.
#[derive(Debug, PartialEq)]
struct Seen(Vec<RunRecord>);

fn see(dir: &Path) -> Result<Seen, StoreError> {
    let store = Store::open(dir)?;
    let runs = store.runs()?;
    let mut seen = Vec::new();
    for summary in runs {
        let record = store.read_run(summary.run)?;
        assert_eq!(record.parts.len() as u64, summary.parts);
        seen.push(record);
    }
    Ok(Seen(seen))
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A fixed pseudo-random sequence.
pub(crate) fn numbers(seed: u64) -> impl Iterator<Item = usize> {
    let mut state = seed;
    std::iter::from_fn(move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        Some((state >> 33) as usize)
    })
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(dir.join("db"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .chain([dir.join("manifest")])
        .collect();
    files.sort();
    files
}

/// Damages copies of a store this many times; each time everything is read or there is an error.
fn damaged_copies(original: &Path, times: usize, damage: impl Fn(&Path, usize)) -> (usize, usize) {
    // Checked in a copy, because opening a database changes its files.
    let looked_at = tempfile::tempdir().unwrap();
    copy(original, &looked_at.path().join("copy"));
    let whole = see(&looked_at.path().join("copy")).unwrap();
    let (mut harmless, mut found) = (0, 0);
    for time in 0..times {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("copy");
        copy(original, &dir);
        damage(&dir, time);
        match see(&dir) {
            Ok(seen) => {
                assert!(seen == whole, "damage {time} went unnoticed");
                harmless += 1;
            }
            Err(
                StoreError::Damaged { .. }
                | StoreError::RunDamaged { .. }
                | StoreError::Newer { .. },
            ) => {
                found += 1;
            }
            Err(error) => panic!("damage {time}: {error}"),
        }
    }
    (harmless, found)
}

pub(crate) fn flip(path: &Path, random: usize, bit: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    // Data are at the beginning and end of files, with long zeros between.
    let written: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    let at = written[random % written.len()];
    bytes[at] ^= 1 << (bit % 8);
    std::fs::write(path, bytes).unwrap();
}

fn flip_somewhere(dir: &Path, time: usize) {
    let random: Vec<_> = numbers(time as u64 * 7919 + 1).skip(3).take(3).collect();
    let files = files(dir);
    // Every other flip hits the data file.
    let path = if time.is_multiple_of(2) {
        dir.join("db/db")
    } else {
        files[random[0] % files.len()].clone()
    };
    flip(&path, random[1], random[2]);
}

#[test]
fn flipped_bits_in_a_young_database_are_found_or_harmless() {
    let dir = tempfile::tempdir().unwrap();
    store_with(dir.path(), 3, 1);
    let (harmless, found) = damaged_copies(dir.path(), 100, flip_somewhere);
    assert!(found > 50, "{found} found, {harmless} harmless");
}

#[test]
fn flipped_bits_in_a_database_that_was_opened_often_are_found_or_harmless() {
    let dir = tempfile::tempdir().unwrap();
    store_with(dir.path(), 2, 1);
    for number in 3..6 {
        let store = Store::open(dir.path()).unwrap();
        write_run(&store, run(number), 1).unwrap();
    }
    let (harmless, found) = damaged_copies(dir.path(), 100, flip_somewhere);
    assert!(found > 17, "{found} found, {harmless} harmless");
}

#[test]
fn a_cut_database_is_found() {
    let dir = tempfile::tempdir().unwrap();
    store_with(dir.path(), 3, 1);
    let length = std::fs::metadata(dir.path().join("db/db")).unwrap().len();
    let cut = |dir: &Path, time: usize| {
        let file = std::fs::File::options()
            .write(true)
            .open(dir.join("db/db"))
            .unwrap();
        file.set_len(length * time as u64 / 20).unwrap();
    };
    let (harmless, found) = damaged_copies(dir.path(), 20, cut);
    assert!(found >= 15, "{found} found, {harmless} harmless");
}

#[test]
fn an_older_database_under_a_newer_witness_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let old = tempfile::tempdir().unwrap();
    store_with(dir.path(), 1, 1);
    copy(dir.path(), &old.path().join("copy"));
    write_run(&Store::open(dir.path()).unwrap(), run(2), 1).unwrap();
    std::fs::copy(
        dir.path().join("manifest"),
        old.path().join("copy/manifest"),
    )
    .unwrap();
    let error = Store::open(&old.path().join("copy")).unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Damaged {
                damage: Damage::Behind { .. },
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_database_ahead_of_its_witness_is_taken_and_witnessed_anew() {
    let dir = tempfile::tempdir().unwrap();
    store_with(dir.path(), 1, 1);
    let manifest = dir.path().join("manifest");
    let old = std::fs::read(&manifest).unwrap();
    write_run(&Store::open(dir.path()).unwrap(), run(2), 1).unwrap();
    let new = std::fs::read(&manifest).unwrap();
    std::fs::write(&manifest, &old).unwrap();
    assert_eq!(see(dir.path()).unwrap().0.len(), 2);
    assert_eq!(std::fs::read(&manifest).unwrap(), new);
}

#[test]
fn a_missing_witness_and_one_of_another_store_are_found() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    store_with(one.path(), 1, 2);
    let store = Store::open(other.path()).unwrap();
    write_run(&store, run(7), 2).unwrap();
    store.close().unwrap();
    std::fs::copy(other.path().join("manifest"), one.path().join("manifest")).unwrap();
    let error = Store::open(one.path()).unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Damaged {
                damage: Damage::Content,
                ..
            }
        ),
        "{error}"
    );
    std::fs::remove_file(one.path().join("manifest")).unwrap();
    let error = Store::open(one.path()).unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Damaged {
                damage: Damage::ManifestMissing,
                ..
            }
        ),
        "{error}"
    );
}

/// Changes one tree without the store.
pub(crate) fn tamper(dir: &Path, tree: &str, change: impl FnOnce(&sled::Tree)) {
    let config = sled::Config::new().path(dir.join("db"));
    // A closed database holds its lock slightly longer.
    let db = loop {
        match config.open() {
            Err(sled::Error::Io(e)) if e.to_string().contains("acquire lock") => {
                std::thread::yield_now();
            }
            result => break result.unwrap(),
        }
    };
    change(&db.open_tree(tree).unwrap());
    db.flush().unwrap();
}

#[test]
fn damage_to_one_run_leaves_the_others_readable() {
    let dir = tempfile::tempdir().unwrap();
    store_with(dir.path(), 3, 1);
    tamper(dir.path(), "parts", |parts| {
        let (key, _) = parts.scan_prefix(run(2).as_str()).next().unwrap().unwrap();
        parts.remove(key).unwrap();
    });
    let verified = Store::open(dir.path()).unwrap().verify().unwrap();
    assert_eq!(verified.sound, [run(1), run(3)]);
    let (damaged, error) = &verified.damaged[0];
    assert_eq!((*damaged, verified.damaged.len()), (run(2), 1));
    let lost = matches!(
        error,
        StoreError::RunDamaged {
            damage: Damage::Count { .. },
            ..
        }
    );
    assert!(lost, "{error}");
}

#[test]
fn another_part_in_the_place_of_an_accepted_one_is_found() {
    let dir = tempfile::tempdir().unwrap();
    store_with(dir.path(), 1, 1);
    let there = place(run(1), 0, 0, Arm::A, 0);
    // An intact part with that very key, but not the one that was measured.
    let sealed = part(there, 11).seal().unwrap();
    tamper(dir.path(), "parts", |parts| {
        let (key, _) = parts.scan_prefix(run(1).as_str()).next().unwrap().unwrap();
        parts.insert(key, sealed).unwrap();
    });
    let error = Store::open(dir.path())
        .unwrap()
        .read_run(run(1))
        .unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::RunDamaged {
                damage: Damage::Content,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_changed_row_of_the_index_is_found_at_open() {
    let dir = tempfile::tempdir().unwrap();
    store_with(dir.path(), 1, 1);
    tamper(dir.path(), "runs", |rows| {
        let (key, row) = rows.first().unwrap().unwrap();
        let row = String::from_utf8(row.to_vec())
            .unwrap()
            .replace("VALID", "INVALID");
        rows.insert(key, row.as_bytes()).unwrap();
    });
    let error = Store::open(dir.path()).unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Damaged {
                damage: Damage::Content,
                ..
            }
        ),
        "{error}"
    );
}
