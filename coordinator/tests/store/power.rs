//! Power cuts at any sync. A program's calls on a store are traced; the disk at each moment is
//! reconstructed, with all, none or some of what was not synced; and the store on it is opened.
//! Everything acknowledged before that moment is there. Needs strace; says so if there is none.

#[path = "power/disk.rs"]
mod disk;
#[path = "power/trace.rs"]
mod trace;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use coordinator::store::{Store, StoreError};

use crate::faults::{DIR, WORK, has_strace};
use crate::sample::{run, store_with};
use disk::{Disk, Reached};
use trace::Call;

/// Number of each result.
#[derive(Debug, Default)]
struct Tally {
    cuts: usize,
    /// Opened, with everything there.
    sound: usize,
    /// Everything there after a rebuild, with the reason for it.
    rebuilt: Vec<String>,
    /// Something acknowledged is missing.
    lost: Vec<String>,
}

/// All calls of a task of [`crate::faults::child`] on a store.
fn traced(dir: &Path, work: &str) -> Vec<Call> {
    let log = dir.with_extension("strace");
    let status = Command::new("strace")
        .args([
            "-f",
            "-qq",
            "-y",
            "-xx",
            "-s",
            "16000000",
            "-e",
            trace::CALLS,
            "-o",
        ])
        .arg(&log)
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "faults::child",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(DIR, dir)
        .env(WORK, work)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    let mut calls = trace::read(&std::fs::read_to_string(log).unwrap());
    calls.retain(|call| trace::concerns(call, dir.parent().unwrap()));
    calls
}

/// The store after the power cut; `None` if there is none.
fn left(store: &Path, damage: &mut Option<StoreError>) -> Option<Store> {
    store.exists().then(|| match Store::open(store) {
        Err(error @ StoreError::Damaged { .. }) => {
            *damage = Some(error);
            Store::rebuild(store).unwrap().store
        }
        opened => opened.unwrap(),
    })
}

/// Runs 1 to `runs` and `blocks` blocks of run 3 were acknowledged; returns what is missing.
fn missing(store: Option<&Store>, runs: u64, blocks: usize) -> Option<String> {
    let Some(store) = store else {
        return (runs > 0 || blocks > 0).then(|| format!("no store; {blocks} blocks are missing"));
    };
    let verified = store.verify().unwrap();
    let sound = (1..=runs).all(|number| verified.sound.contains(&run(number)));
    let there = store
        .read_run(run(3))
        .map_or(0, |record| record.blocks.len());
    let whole = sound && verified.damaged.is_empty() && verified.files.is_empty();
    (!whole || there < blocks).then(|| format!("{there} of {blocks} blocks; {verified:?}"))
}

/// Cuts the power before and after every `step`th sync. `honest` is whether the disk syncs at all.
fn cuts(work: &str, runs: u64, step: usize, ways: u64, honest: bool) -> Tally {
    let home = tempfile::tempdir().unwrap();
    let home = home.path().canonicalize().unwrap();
    let dir = home.join("store");
    if runs > 0 {
        store_with(&dir, runs, 1);
    }
    let mut disk = Disk::holding(&home);
    let (mut tally, mut syncs, mut blocks) = (Tally::default(), 0, 0);
    for call in traced(&dir, work) {
        let ends = matches!(call, Call::SyncEnds { .. });
        if honest || !ends {
            disk.take_in(&call);
        }
        if let Call::Said(line) = &call {
            blocks += usize::from(line.contains("said: block"));
        }
        if !ends && !matches!(call, Call::SyncBegins { .. }) {
            continue;
        }
        syncs += 1;
        if syncs % step > 0 {
            continue;
        }
        let some = (0..ways).map(|way| Reached::Some(syncs as u64 * ways + way));
        for reached in [Reached::Nothing, Reached::Everything]
            .into_iter()
            .chain(some)
        {
            let after = tempfile::tempdir().unwrap();
            disk.cut(after.path(), reached);
            let mut damage = None;
            let store = left(&after.path().join("store"), &mut damage);
            tally.cuts += 1;
            let cut = format!("sync {syncs}, {reached:?}");
            match (missing(store.as_ref(), runs, blocks), damage) {
                (Some(what), _) => tally.lost.push(format!("{cut}: {what}")),
                (None, Some(damage)) => tally.rebuilt.push(format!("{cut}: {damage}")),
                (None, None) => tally.sound += 1,
            }
        }
    }
    tally
}

#[test]
fn power_that_goes_at_a_sync_costs_nothing_that_was_acknowledged() {
    if has_strace() {
        let tally = cuts("write", 0, 9, 1, true);
        assert!(tally.cuts >= 12 && tally.lost.is_empty(), "{tally:?}");
    }
}

/// Counter-check of both: a disk on which no sync has an effect loses blocks.
#[test]
fn a_disk_that_does_not_sync_loses_what_was_acknowledged() {
    if has_strace() {
        let tally = cuts("write", 0, 9, 1, false);
        assert!(!tally.lost.is_empty(), "{tally:?}");
    }
}

#[test]
#[ignore = "takes minutes"]
fn power_that_goes_at_every_sync_for_figures() {
    if !has_strace() {
        return;
    }
    for (work, runs) in [("write", 0), ("write", 2), ("compact", 2)] {
        let tally = cuts(work, runs, 1, 3, true);
        let said = &mut std::io::stdout();
        writeln!(said, "power cuts of {work}, {runs} runs before: {tally:?}").unwrap();
        assert!(tally.lost.is_empty(), "{tally:?}");
    }
}
