//! Failing system calls, and kills during them: what was acknowledged is there afterwards, every
//! failure is reported in a sentence, nothing hangs and nothing panics. Needs strace; says so if
//! there is none.
//!
//! One harness and its faults: longer than other files.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use contract::addendum::{Annotation, AnnotationKind};
use contract::run::RunState;
use coordinator::store::{Store, StoreError};

use crate::damage::copy;
use crate::sample::{end, header, run, store_with, write_block};

pub(crate) const DIR: &str = "STORE_FAULTS_DIR";
pub(crate) const WORK: &str = "STORE_FAULTS_WORK";
/// No call takes this long, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);
/// Prefix of the child's output lines.
const SAID: &str = "said: ";

/// Not a test itself: the process that the others start under strace. Reports what it has done, and
/// why it failed.
#[test]
fn child() {
    let (Some(dir), Ok(work)) = (std::env::var_os(DIR), std::env::var(WORK)) else {
        return;
    };
    let said = &mut std::io::stdout();
    writeln!(said).unwrap();
    let dir = Path::new(&dir);
    let done = match work.as_str() {
        "open" => Store::open(dir).map(drop),
        "compact" => Store::compact(dir).map(drop),
        _ => writes(dir, said),
    };
    match done {
        Ok(()) => writeln!(said, "{SAID}done").unwrap(),
        Err(error) => writeln!(said, "{SAID}failed to {error}").unwrap(),
    }
}

/// A run of three blocks with an annotation.
fn writes(dir: &Path, said: &mut impl Write) -> Result<(), StoreError> {
    let store = Store::open(dir)?;
    store.begin_run(&header(run(3)))?;
    for round in 0..3 {
        write_block(&store, run(3), round, 0)?;
        writeln!(said, "{SAID}block {round}").unwrap();
    }
    store.end_run(run(3), &end(RunState::Complete))?;
    let text = "quiet host".to_owned();
    store.annotate(
        run(3),
        &Annotation {
            unix_ms: 1,
            kind: AnnotationKind::Note,
            text,
        },
    )?;
    writeln!(said, "{SAID}remark").unwrap();
    store.export(run(3))?;
    store.close()
}

pub(crate) fn has_strace() -> bool {
    let found = Command::new("strace")
        .arg("-V")
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|s| s.success());
    if !found {
        let _ = writeln!(std::io::stderr(), "skipped: strace is not installed");
    }
    found
}

/// A fault: what strace does at the n-th call.
#[derive(Clone, Copy, Debug)]
struct Fault {
    work: &'static str,
    calls: &'static str,
    /// Kind of fault: `error=EIO`, `signal=KILL`.
    what: &'static str,
    when: u32,
}

/// Output of the child, and whether it ended by itself.
#[derive(Debug)]
struct Ended {
    said: Vec<String>,
    injected: bool,
    panicked: bool,
}

fn suffer(original: &Original, dir: &Path, fault: Fault) -> Ended {
    let Fault {
        work,
        calls,
        what,
        when,
    } = fault;
    let log = dir.with_extension("strace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(&log);
    for path in original.watched(dir) {
        strace.arg("-P").arg(path);
    }
    strace.args([
        "-e",
        &format!("trace={calls}"),
        "-e",
        &format!("inject={calls}:{what}:when={when}"),
    ]);
    strace.arg(std::env::current_exe().unwrap());
    strace.args([
        "--exact",
        "faults::child",
        "--nocapture",
        "--test-threads=1",
    ]);
    strace
        .env(DIR, dir)
        .env(WORK, work)
        .env("RUST_BACKTRACE", "0");
    let mut child = strace
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + LIMIT;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("{fault:?} hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = said
        .lines()
        .filter_map(|line| line.strip_prefix(SAID))
        .map(str::to_owned)
        .collect();
    let log = std::fs::read_to_string(&log).unwrap();
    let injected = log.contains("INJECTED") || output.status.signal() == Some(9);
    // A caught panic does not matter; an uncaught one fails the child as a test.
    Ended {
        said,
        injected,
        panicked: output.status.code() == Some(101),
    }
}

/// Number of each result.
#[derive(Debug, Default)]
struct Tally {
    injected: usize,
    told: usize,
    rebuilt: usize,
}

/// Injects a fault into a copy of a store and judges the result.
fn judge(original: &Original, fault: Fault, tally: &mut Tally) {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("store");
    copy(&original.store(), &dir);
    let ended = suffer(original, &dir, fault);
    assert!(!ended.panicked, "{fault:?}: {ended:?}");
    if !ended.injected {
        return;
    }
    tally.injected += 1;
    let failed = ended.said.iter().find(|line| line.starts_with("failed to"));
    tally.told += usize::from(failed.is_some());
    // A single failed read inside sled makes it truncate its log; only that is damage.
    let reads = fault.calls.contains("read");
    assert!(
        reads || failed.is_none_or(|line| !line.contains("--rebuild")),
        "{fault:?}: {ended:?}"
    );
    let store = Store::open(&dir).unwrap_or_else(|error| {
        assert!(
            reads && matches!(error, StoreError::Damaged { .. }),
            "{fault:?}: {error}; {ended:?}"
        );
        tally.rebuilt += 1;
        let rebuilt = Store::rebuild(&dir).unwrap();
        assert!(rebuilt.is_whole(), "{fault:?}: {rebuilt:?}");
        rebuilt.store
    });
    let verified = store.verify().unwrap();
    assert!(
        verified.damaged.is_empty() && verified.files.is_empty(),
        "{fault:?}: {verified:?}"
    );
    assert!(
        verified.sound.starts_with(&[run(1), run(2)]),
        "{fault:?}: {verified:?}"
    );
    let blocks = ended
        .said
        .iter()
        .filter(|line| line.starts_with("block"))
        .count();
    let there = store
        .read_run(run(3))
        .map_or(0, |record| record.blocks.len());
    assert!(there >= blocks, "{fault:?}: {there} of {blocks}");
    if ended.said.iter().any(|line| line == "remark") {
        assert_eq!(
            store.summary(run(3)).unwrap().note,
            "quiet host",
            "{fault:?}"
        );
    }
}

/// A store with two runs, and the files that opening it will write.
struct Original {
    dir: tempfile::TempDir,
    written: Vec<PathBuf>,
}

impl Original {
    /// Opened this many times after it was written; after the first time there is a snapshot.
    fn new(opens: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        store_with(&dir.path().join("store"), 2, 1);
        (0..opens).for_each(|_| {
            Store::open(&dir.path().join("store"))
                .unwrap()
                .close()
                .unwrap();
        });
        copy(&dir.path().join("store"), &dir.path().join("tried"));
        let tried = dir.path().join("tried/db");
        Store::open(&dir.path().join("tried"))
            .unwrap()
            .close()
            .unwrap();
        let names = std::fs::read_dir(tried)
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        let names = names.map(|name| name.into_string().unwrap());
        let written = names.flat_map(|name| {
            [
                Path::new("db").join(format!("{name}.generating")),
                Path::new("db").join(name),
            ]
        });
        let written = written.collect();
        Self { dir, written }
    }

    fn store(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    /// All files below a copy that may be read or written.
    fn watched(&self, dir: &Path) -> Vec<PathBuf> {
        let journal = format!("runs/{}.journal", run(3));
        let archive = format!("runs/{}.bench", run(3));
        let names = [
            "", "db", "db/blobs", "runs", "manifest", "lock", &journal, &archive,
        ];
        let fixed = names
            .into_iter()
            .flat_map(|name| [dir.join(name), dir.join(format!("{name}.tmp"))]);
        let settings = dir.join("db/conf.tmp");
        fixed
            .chain(self.written.iter().map(|name| dir.join(name)))
            .chain([settings])
            .collect()
    }
}

/// Every kind of call that may fail, and how often it is made.
const ERRORS: [(&str, &str, &str, u32); 17] = [
    ("write", "fsync", "error=EIO", 14),
    ("write", "fdatasync", "error=EIO", 6),
    ("write", "pwrite64", "error=ENOSPC", 12),
    ("write", "pwrite64", "error=EIO", 12),
    ("write", "write", "error=ENOSPC", 8),
    ("write", "rename", "error=EIO", 8),
    ("write", "sync_file_range", "error=EIO", 6),
    ("write", "ftruncate", "error=EIO", 3),
    ("write", "pread64", "error=EIO", 10),
    ("open", "pread64", "error=EIO", 12),
    ("open", "read", "error=EIO", 6),
    ("open", "pwrite64", "error=ENOSPC", 3),
    ("open", "write", "error=ENOSPC", 4),
    ("open", "fsync", "error=EIO", 4),
    ("open", "rename", "error=EIO", 2),
    ("open", "openat", "error=EMFILE", 8),
    ("open", "openat", "error=EACCES", 4),
];

fn errors(step: usize) -> Tally {
    let original = Original::new(1);
    let mut tally = Tally::default();
    let all = ERRORS.into_iter().flat_map(|(work, calls, what, times)| {
        (1..=times).map(move |when| Fault {
            work,
            calls,
            what,
            when,
        })
    });
    all.step_by(step)
        .for_each(|fault| judge(&original, fault, &mut tally));
    tally
}

/// Kills at every call by which an open changes a file.
fn kills(opens: usize, step: usize) -> Tally {
    let original = Original::new(opens);
    let mut tally = Tally::default();
    let calls = [
        "pwrite64",
        "write",
        "fsync",
        "rename",
        "unlink",
        "openat",
        "mkdir",
        "sync_file_range",
    ];
    let open = calls
        .into_iter()
        .flat_map(|calls| (1..=12).map(move |when| ("open", calls, when)));
    let write = calls
        .into_iter()
        .flat_map(|calls| (1..=12).map(move |when| ("write", calls, when)));
    let all = open.chain(write);
    for (work, calls, when) in all.step_by(step) {
        judge(
            &original,
            Fault {
                work,
                calls,
                what: "signal=KILL",
                when,
            },
            &mut tally,
        );
    }
    tally
}

#[test]
fn calls_that_fail_are_told_and_cost_nothing_that_was_acknowledged() {
    if has_strace() {
        let tally = errors(9);
        assert!(tally.injected >= 6 && tally.told > 0, "{tally:?}");
    }
}

#[test]
fn a_kill_at_any_write_costs_nothing_that_was_acknowledged() {
    if has_strace() {
        let tally = kills(0, 11);
        assert!(tally.injected >= 4, "{tally:?}");
    }
}

#[test]
#[ignore = "takes minutes"]
fn many_faults_for_figures() {
    if has_strace() {
        let said = &mut std::io::stdout();
        if std::env::var("STORE_FAULTS").is_ok_and(|wanted| wanted == "kills") {
            return writeln!(said, "kills: {:?}", kills(0, 1)).unwrap();
        }
        writeln!(said, "errors: {:?}", errors(1)).unwrap();
        for opens in 0..2 {
            writeln!(
                said,
                "kills, opened {opens} times before: {:?}",
                kills(opens, 1)
            )
            .unwrap();
        }
    }
}

/// Threads cannot be made to fail by path, so the child gets no quota for them.
#[test]
fn a_limit_on_threads_is_told_as_one() {
    let original = Original::new(1);
    let dir = original.store();
    let said = without_threads(&dir);
    let Some(line) = said else { return };
    assert!(
        line.contains("no thread can be started") && !line.contains("--rebuild"),
        "{line}"
    );
    assert!(Store::open(&dir).unwrap().verify().unwrap().is_sound());
}

fn without_threads(dir: &Path) -> Option<String> {
    if !has_strace() {
        return None;
    }
    // The first thread is the test's own.
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=clone3,clone"]);
    strace.args(["-e", "inject=clone3,clone:error=EAGAIN:when=2+"]);
    strace
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "faults::child", "--nocapture"]);
    let output = strace.env(DIR, dir).env(WORK, "open").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(
        said.lines()
            .find_map(|line| line.strip_prefix(SAID))
            .unwrap_or(&said)
            .to_owned(),
    )
}
