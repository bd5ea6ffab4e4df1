//! Importing runs from other stores with the program itself: cost for very many notices, leftovers
//! of an interrupted import, and messages about runs of other versions.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use contract::run::{RunHeader, RunState};
use coordinator::plan::{Plan, preset};
use coordinator::store::{Imported, RunRecord, Store, StoreError, read_archive};

use crate::sample::{end, header, notice, run, write_block};

/// As many as a run of a thousand workers on an unreliable fleet may have.
const MANY: usize = 100_000;
/// Greatest memory for them beyond a run with one notice, kilobytes. One record is a fifth of a
/// kilobyte.
const MOST_KB: u64 = 160 << 10;

/// Export files of one run in two states: with one notice, and with very many.
fn two_states(dir: &Path) -> [PathBuf; 2] {
    let store = Store::open(&dir.join("from")).unwrap();
    store.begin_run(&header(run(1))).unwrap();
    write_block(&store, run(1), 0, 1).unwrap();
    store.put_notice(run(1), &notice("0")).unwrap();
    let [few, many] = ["few.bench", "many.bench"].map(|name| dir.join(name));
    store.export_to(run(1), &few).unwrap();
    let numbers: Vec<usize> = (1..MANY).collect();
    for some in numbers.chunks(1000) {
        let some: Vec<_> = some.iter().map(|n| notice(&n.to_string())).collect();
        store.put_notices(run(1), &some).unwrap();
    }
    store.end_run(run(1), &end(RunState::Complete)).unwrap();
    store.export_to(run(1), &many).unwrap();
    [few, many]
}

fn import(store: &Path, file: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_coordinator"))
        .arg("--store")
        .arg(store)
        .args(["runs", "import"])
        .arg(file)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Peak memory of a process, kilobytes.
fn peak(mut child: Child) -> u64 {
    let path = format!("/proc/{}/status", child.id());
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(&path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        most = now.unwrap_or(0).max(most);
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(child.wait().unwrap().success());
    most
}

#[test]
fn very_many_notices_cost_little_more_than_their_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let files = two_states(dir.path());
    let [few, many] = files.each_ref().map(|file| {
        let store = dir.path().join(file.file_stem().unwrap());
        peak(import(&store, file))
    });
    drop(writeln!(
        std::io::stdout(),
        "peak of an import: {few} kB with one notice, {many} kB with {MANY}"
    ));
    assert!(many < few + MOST_KB, "{few} kB and {many} kB");
    let there = Store::open(&dir.path().join("many")).unwrap();
    assert_eq!(
        there.read_run(run(1)).unwrap(),
        read_archive(&files[1]).unwrap()
    );
}

/// What it had already written belongs to another state of the run, and must not be mixed in.
#[test]
fn an_import_that_was_cut_off_leaves_nothing_to_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let [few, many] = two_states(dir.path());
    let expected: RunRecord = read_archive(&few).unwrap();
    let mut cut = 0;
    for turn in 0..8 {
        let store = dir.path().join(format!("store-{turn}"));
        let mut child = import(&store, &many);
        let copy = store.join("runs").join(format!("{}.bench", run(1)));
        while !copy.exists() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(40 * turn));
        drop(child.kill());
        child.wait().unwrap();
        let opened = Store::open(&store).unwrap();
        match opened.import(&few) {
            Ok(imported) => {
                assert_eq!(imported, Imported::New(run(1)));
                assert_eq!(opened.read_run(run(1)).unwrap(), expected, "turn {turn}");
                assert_eq!(opened.verify().unwrap().sound, [run(1)]);
                cut += 1;
            }
            Err(StoreError::Differs { .. }) => {}
            Err(error) => panic!("turn {turn}: {error}"),
        }
    }
    assert!(cut > 0, "none was cut off in the middle");
}

fn said(header: &RunHeader) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("run.bench");
    let from = Store::open(&dir.path().join("from")).unwrap();
    from.begin_run(header).unwrap();
    from.export_to(header.run, &file).unwrap();
    let child = import(&dir.path().join("to"), &file);
    child.wait_with_output().unwrap()
}

#[test]
fn a_run_whose_plan_is_not_understood_is_taken_and_that_is_said() {
    let preset = Plan::from_json(&preset_json()).unwrap();
    let known = RunHeader {
        plan_json: preset.to_json(),
        ..header(run(1))
    };
    let foreign = RunHeader {
        plan_json: r#"{"name":"high","tomorrow":1}"#.to_owned(),
        ..header(run(1))
    };
    for (header, expected) in [(known, false), (foreign, true)] {
        let done = said(&header);
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        assert_eq!(done.status.code(), Some(0), "{done:?}");
        assert!(text.starts_with(run(1).as_str()), "{text}");
        assert_eq!(
            text.contains("its plan is not understood here"),
            expected,
            "{text}"
        );
        assert_eq!(
            text.contains("tomorrow"),
            expected,
            "what is wrong is named: {text}"
        );
    }
}

fn preset_json() -> String {
    let table: toml::Table = preset::toml("high").unwrap().parse().unwrap();
    serde_json::to_string(&table).unwrap()
}
