//! How servers end, and that no process of them is left.

use std::time::{Duration, Instant};

use contract::message::FailureKind;
use contract::spec::{Protocol, Reach};
use worker::engine::EngineEvent;

use crate::rig::{PATIENCE, Rig, refusal, runs, script, spec};

#[test]
fn a_program_that_is_not_there_is_named() {
    let failure = refusal(&spec(Protocol::Exec, &["no-such-engine"]));
    assert_eq!(failure.kind, FailureKind::BadAssignment);
    for part in ["`no-such-engine`", "candidate", "PATH"] {
        assert!(failure.message.contains(part), "{failure}");
    }
}

#[test]
fn one_that_ends_at_once_is_named_with_its_exit_and_its_last_words() {
    let failure = refusal(&spec(
        Protocol::Exec,
        &["sh", "-c", "echo first >&2; echo no weights >&2; exit 3"],
    ));
    let said = "ended before it was ready (exit code 3): try that command by hand; its last line: no weights";
    assert!(failure.message.contains(said), "{failure}");
}

#[test]
fn one_that_never_gets_ready_is_named_and_ended() {
    let mut spec = spec(
        Protocol::Exec,
        &["sh", "-c", "echo waiting >&2; sleep 1000"],
    );
    spec.start = Duration::from_millis(300);
    let failure = refusal(&spec);
    let said =
        "was not ready within 0.3 s: raise [server] start, or see its log; its last line: waiting";
    assert!(failure.message.contains(said), "{failure}");
    assert!(
        failure.message.contains("raise [server] start"),
        "{failure}"
    );
}

#[test]
fn one_that_crashes_in_the_middle_says_how() {
    let rest = r#"read submitted; echo '{"started": [1], "tokens": [[1, 5]]}';
                  echo 'out of memory' >&2; kill -9 $$"#;
    let mut rig = Rig::open(&script(rest)).unwrap();
    rig.ask(1, 4);
    rig.listen();
    let last = rig.heard.last().expect("it ended").event;
    assert_eq!(last, EngineEvent::Down);
    let complaint = rig.engine.complaint().expect("it complains");
    let said = "ended (killed by signal 9); its last line: out of memory";
    assert!(complaint.contains(said), "{complaint}");
    assert!(
        complaint.starts_with("the server of candidate, `sh -c"),
        "{complaint}"
    );
}

#[test]
fn nothing_is_left_of_one_that_starts_others() {
    // One in its group, one in its own session, one whose parent has ended; all ignore SIGTERM.
    let rest = "trap '' TERM; sleep 1000 & setsid sleep 1001 & \
                (setsid sh -c 'sleep 1002 & exec sleep 1003' &) ; \
                echo '{}'; while :; do sleep 1; done";
    let rig = Rig::open(&script(rest)).unwrap();
    let until = Instant::now() + PATIENCE;
    let members = loop {
        let members = rig.opened.family.members();
        let sleeping = members.iter().filter(|member| name(member.pid) == "sleep");
        if sleeping.count() >= 4 {
            break members;
        }
        assert!(Instant::now() < until, "{members:?}");
    };
    assert!(rig.opened.threads >= 1);
    drop(rig);
    let left: Vec<_> = members.iter().filter(|member| runs(member.pid)).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// A wrapper that starts the server and does not wait for it.
#[test]
fn one_that_leaves_its_children_behind_is_named_with_them() {
    // The children hold its output, so that it does not end before it is ready.
    let failure = refusal(&spec(
        Protocol::Grpc,
        &["sh", "-c", "sleep 1004 & : {port}; exit 0"],
    ));
    let said = "ended (exit code 0) and left `sleep` running (now ended too): the command must be the server";
    assert!(failure.message.contains(said), "{failure}");
    let is_there = |entry: std::fs::DirEntry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        line == b"sleep\x001004\0"
    };
    let left = std::fs::read_dir("/proc").unwrap().flatten();
    assert!(!left.into_iter().any(is_there), "it is still running");
}

#[test]
fn one_that_ends_in_the_middle_is_named_with_the_children_it_leaves() {
    let mut rig = Rig::open(&script(
        "sleep 1005 >&2 & read submitted; exec 1>&-; exit 5",
    ))
    .unwrap();
    rig.ask(1, 4);
    rig.listen();
    let complaint = rig.engine.complaint().expect("it complains");
    let said = "ended (exit code 5) and left `sleep` running (now ended too)";
    assert!(complaint.contains(said), "{complaint}");
}

fn name(pid: u32) -> String {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm"));
    name.unwrap_or_default().trim().to_owned()
}

#[test]
fn a_wrapper_that_runs_another_program_is_refused() {
    let rest = r#"read first; exec python3 -c "print('{\"ready\": {\"protocol\": 1}}', flush=True); input()""#;
    let failure = refusal(&spec(Protocol::Exec, &["sh", "-c", rest]));
    assert!(failure.message.contains("is a wrapper"), "{failure}");
}

#[test]
fn a_program_that_is_another_than_the_run_began_with_is_refused() {
    let mut spec = script("read rest");
    spec.identity.0[0] ^= 1;
    let failure = refusal(&spec);
    assert!(failure.message.contains("is not the one"), "{failure}");
    spec.reach = Reach::Url("http://127.0.0.1:1".to_owned());
    assert!(refusal(&spec).message.contains("is not the one"));
}

#[test]
fn a_grpc_engine_that_never_listens_or_ends_is_named() {
    let mut spec = spec(Protocol::Grpc, &["sh", "-c", "echo {port} >&2; sleep 1000"]);
    spec.start = Duration::from_millis(300);
    let failure = refusal(&spec);
    assert!(
        failure.message.contains("was not ready within 0.3 s"),
        "{failure}"
    );
    let ended = self::spec(Protocol::Grpc, &["sh", "-c", "echo no port {port}; exit 7"]);
    let failure = refusal(&ended);
    let said =
        "ended before it was ready (exit code 7): try that command by hand; its last line: no port";
    assert!(failure.message.contains(said), "{failure}");
}
