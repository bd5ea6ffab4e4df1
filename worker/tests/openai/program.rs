//! `worker referee` as a program: it prints its address, and writes its log when a signal ends it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use worker::engine::Ending;

use super::rig::Rig;

#[test]
fn the_program_says_where_it_listens_and_writes_its_log_at_its_end() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = dir.path().join("truth.jsonl");
    let mut child = Command::new(env!("CARGO_BIN_EXE_worker"))
        .args([
            "referee", "--ttft", "5", "--itl", "1", "--chunk", "2", "--log",
        ])
        .arg(&log)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let out = child.stdout.take().expect("it is piped");
    BufReader::new(out)
        .read_line(&mut line)
        .expect("it says something");
    let address = line
        .trim()
        .strip_prefix("http://")
        .expect("it is an address");
    let mut rig = Rig::new(address.parse().expect("it is an address"));
    assert_eq!((rig.one(), rig.one()), (Ending::Finished, Ending::Finished));
    drop(rig);
    let ended = Command::new("kill").arg(child.id().to_string()).status();
    assert!(ended.expect("there is a kill").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    let log = std::fs::read_to_string(log).expect("it is written");
    let entries: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect();
    let chunks: Vec<usize> = entries
        .iter()
        .map(|entry| entry["sent"].as_array().map_or(0, Vec::len))
        .collect();
    // Three tokens, two in a chunk.
    assert_eq!(chunks, [2, 2]);
    assert!(entries.iter().all(|entry| entry["whole"] == true));
}

#[test]
fn an_address_that_cannot_be_had_is_a_sentence() {
    let out = Command::new(env!("CARGO_BIN_EXE_worker"))
        .args(["referee", "--listen", "192.0.2.1:1"])
        .output()
        .expect("it starts");
    assert_eq!(out.status.code(), Some(2));
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains("failed to run the referee"), "{said}");
}
