//! Other processes: killed while they write, or holding the lock.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use contract::id::Attempt;
use coordinator::store::{Store, StoreError};

use crate::sample::{ORDER, block, header, place, put, run};

const DIR: &str = "STORE_TEST_DIR";
const KILLS: u32 = 100;

/// Not a test itself: the process that the others start and kill. Writes blocks for ever and
/// reports each commit.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(DIR) else {
        return;
    };
    let store = Store::open(Path::new(&dir)).unwrap();
    if store.runs().unwrap().is_empty() {
        store.begin_run(&header(run(1))).unwrap();
    }
    let resume = store.resume_run(run(1)).unwrap();
    let mut said = std::io::stdout().lock();
    writeln!(said, "\nbegan").unwrap();
    for round in resume.blocks.len() as u32.. {
        let attempt = resume
            .next_attempts
            .get(&(0, round))
            .map_or(0, |attempt| attempt.0);
        for arm in ORDER {
            put(&store, place(run(1), 0, round, arm, attempt), 300).unwrap();
        }
        store
            .commit_block(run(1), &block(0, round, attempt), &[])
            .unwrap();
        writeln!(said, "done {round}").unwrap();
    }
}

fn start(dir: &Path) -> (Child, impl Iterator<Item = String>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child", "--nocapture", "--test-threads=1"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    (child, lines)
}

#[test]
fn a_killed_writer_loses_nothing_that_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for kill in 0..KILLS {
        let (mut child, mut lines) = start(dir.path());
        assert!(lines.any(|line| line == "began"));
        // Two blocks and then a moment that differs for each kill, without a clock: somewhere in
        // the next block.
        for _ in 0..2 {
            acknowledged = done(&lines.next().unwrap()) + 1;
        }
        for moment in 0..kill * 4_000 {
            std::hint::black_box(moment);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged = lines
            .filter(|line| line.starts_with("done"))
            .map(|l| done(&l) + 1)
            .last()
            .unwrap_or(acknowledged);

        let store = Store::open(dir.path()).unwrap();
        let read = store.read_outline(run(1)).unwrap();
        // One more block may have been committed without the report getting through.
        let blocks = read.blocks.len() as u32;
        assert!(
            (acknowledged..=acknowledged + 1).contains(&blocks),
            "{blocks} of {acknowledged}"
        );
        let rounds: Vec<_> = read.blocks.iter().map(|b| b.round).collect();
        assert_eq!(rounds, (0..blocks).collect::<Vec<_>>());
        let summary = store.summary(run(1)).unwrap();
        assert_eq!(summary.parts, u64::from(blocks) * 3);
        store.close().unwrap();
    }
    let store = Store::open(dir.path()).unwrap();
    let read = store.read_run(run(1)).unwrap();
    assert_eq!(read.parts.len(), read.blocks.len() * 3);
    assert!(read.blocks.iter().any(|b| b.attempt > Attempt(0)) || read.superseded.is_empty());
}

fn done(line: &str) -> u32 {
    line.strip_prefix("done ").unwrap().parse().unwrap()
}

#[test]
fn a_second_process_is_told_who_is_in() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, mut lines) = start(dir.path());
    assert!(lines.any(|line| line == "began"));
    let error = Store::open(dir.path()).unwrap_err();
    let rebuild = Store::rebuild(dir.path()).unwrap_err();
    let holder = child.id();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        matches!(error, StoreError::InUse { holder: Some(pid), .. } if pid == holder),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains(&format!("process {holder} is using it")),
        "{error}"
    );
    assert!(matches!(rebuild, StoreError::InUse { .. }), "{rebuild}");
    Store::open(dir.path()).unwrap();
}
