//! Engines that are separate programs, from a plan to a verdict: engines that work, engines that
//! fail, and the processes that they leave behind.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::interpreter::python;
use crate::sandbox::{DEADLINE, Sandbox};

/// Two variants of a script that answers each request at once, or after `rest`.
fn plan(sandbox: &Sandbox, rest: &str, more: &str) -> String {
    let engine = include_str!("../../../docs/examples/exec/engine.py");
    let engine = engine.replace("\nmain()\n", &format!("\n{rest}\nmain()\n"));
    fs::write(sandbox.path("engine.py"), engine).unwrap();
    sandbox.plan(&format!(
        r#"
name = "servers"
engine = "exec"
rounds = 1
seed = 7
{more}
[server]
command = ["python3", "engine.py", "--passes"]
[[server.variant]]
name = "slow"
args = ["3"]
[[server.variant]]
name = "quick"
args = ["1"]
[[scenario]]
name = "burst"
shape = {{ kind = "burst", requests = 4 }}
prompt = {{ tokens = 4 }}
output_tokens = 4
"#
    ))
}

/// Processes with this word in their command line.
fn running(word: &str) -> Vec<String> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let lines = all.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(word)).collect()
}

#[test]
fn the_exec_example_runs_to_a_verdict() {
    let sandbox = Sandbox::new();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/exec/plan.toml");
    let plan = example.display().to_string();
    let ended = sandbox.run(&["run", &plan, "--rounds", "6", "-q"]);
    // On a busy machine the measurement is in doubt, but complete.
    assert!(matches!(ended.code, Some(0 | 3 | 4)), "{ended:?}");
    assert!(ended.stdout.contains("E2E p50"), "{ended:?}");
    let report = sandbox.run(&["report", "latest"]).stdout;
    for part in [
        "exec: a program that speaks JSON lines",
        "two-passes: `python3 engine.py --passes 2`, identity",
        "measured by the worker",
    ] {
        let told = report.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(part), "{part} in {report}");
    }
    let record = sandbox.latest();
    assert_eq!(record.blocks.len(), 6);
    let [slow, quick] = &record.header.variants[..] else {
        panic!("two variants")
    };
    assert_ne!(slow.identity, quick.identity);
    assert_eq!(slow.program_sha256, quick.program_sha256);
    assert_eq!(slow.sha256, quick.sha256, "one worker measures both");
    let part = &record.parts[0];
    assert!(part.usage.peak_rss_bytes > 0 && part.engine.kernels == "two lines");
    assert!(running("engine.py --passes 2").is_empty());
}

#[test]
fn the_grpc_example_runs_to_a_verdict() {
    let Some(python) = python("grpc_tools") else {
        return;
    };
    let sandbox = Sandbox::new();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/grpc/plan.toml");
    let (plan, path) = (
        example.display().to_string(),
        std::env::var("PATH").unwrap(),
    );
    let folder = Path::new(&python).parent().unwrap().display().to_string();
    let path = format!("{folder}:{path}");
    let run = ["run", &plan, "--rounds", "2", "-q"];
    let ended = sandbox.start_with(&run, &[("PATH", &path)]).end();
    // On a busy machine the measurement is in doubt, but complete.
    assert!(matches!(ended.code, Some(0 | 3 | 4)), "{ended:?}");
    let record = sandbox.latest();
    assert_eq!(record.blocks.len(), 2);
    let part = &record.parts[0];
    assert_eq!((part.outcomes.ok, part.output_tokens), (40, 640));
    assert!(part.usage.peak_rss_bytes > 0);
}

#[test]
fn two_names_for_one_server_are_refused_and_unknown_names_too() {
    let sandbox = Sandbox::new();
    let path = plan(&sandbox, "", "");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("[\"1\"]", "[\"3\"]")).unwrap();
    let same = sandbox.run(&["run", &path]);
    assert_eq!(same.code, Some(4));
    assert!(
        same.stderr.contains("the same program and arguments"),
        "{same:?}"
    );
    let unknown = sandbox.run(&["run", &path, "--variants", "slow,quik"]);
    assert_eq!(unknown.code, Some(2));
    assert!(
        unknown.stderr.contains("did you mean `quick`?"),
        "{unknown:?}"
    );
    fs::write(&path, text.replace("\"python3\"", "\"no-such-python\"")).unwrap();
    let missing = sandbox.run(&["run", &path]);
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("`no-such-python`"), "{missing:?}");
}

#[test]
fn what_a_run_would_refuse_is_said_before_it_by_check_and_doctor() {
    let sandbox = Sandbox::new();
    let path = plan(&sandbox, "", "");
    let text = fs::read_to_string(&path).unwrap();
    let said = |verb: &[&str]| {
        let ended = sandbox.run(&[verb, &[path.as_str()]].concat());
        let words = format!("{} {}", ended.stdout, ended.stderr);
        let words: Vec<&str> = words.split_whitespace().collect();
        (ended.code, words.join(" "))
    };
    for verb in [&["plan", "check"][..], &["doctor"]] {
        let (code, sound) = said(verb);
        assert_eq!(code, Some(0), "{sound}");
        for part in ["slow: `python3 engine.py --passes 3`, identity", "quick: `"] {
            assert!(sound.contains(part), "{sound}");
        }
        assert!(!sound.contains("rustc"), "no build is needed: {sound}");
    }
    fs::write(&path, text.replace("[\"1\"]", "[\"3\"]")).unwrap();
    assert!(
        said(&["plan", "check"])
            .1
            .contains("the same program and arguments")
    );
    assert_eq!(said(&["doctor"]).0, Some(2));
    let model = "model = \"no-such-model\"\n[[server.variant]]\nname = \"slow\"";
    let text = text.replace("[[server.variant]]\nname = \"slow\"", model);
    fs::write(&path, text.replace("\"python3\"", "\"no-such-python\"")).unwrap();
    let (code, checked) = said(&["plan", "check"]);
    assert_eq!(code, Some(0), "another host may have it: {checked}");
    let told = "a run on this host would be refused: failed to prepare slow: failed to find the program \
                `no-such-python`";
    assert!(checked.contains(told), "{checked}");
    let (code, lacking) = said(&["doctor"]);
    assert_eq!(code, Some(2));
    for part in [
        "`no-such-python`",
        "→ install it",
        "server.model: nothing at",
    ] {
        assert!(lacking.contains(part), "{part} in {lacking}");
    }
}

#[test]
fn one_that_crashes_in_a_trial_is_named_in_the_notice() {
    let sandbox = Sandbox::new();
    // Crashes in the second step of the first trial; a file tells the next process to continue.
    let rest = r#"
import os
step = following
def following(state, passes):
    if not os.path.exists("crashed"):
        open("crashed", "w").close()
        print("out of memory", file=sys.stderr, flush=True)
        os.kill(os.getpid(), 9)
    return step(state, passes)
"#;
    let path = plan(&sandbox, rest, "");
    let ended = sandbox.run(&["run", &path, "-q"]);
    let record = sandbox.latest();
    let notices: Vec<_> = record
        .notices
        .iter()
        .map(|notice| &notice.message)
        .collect();
    let said = "ended (killed by signal 9); its last line: out of memory";
    assert!(
        notices.iter().any(|notice| notice.contains(said)),
        "{notices:?} {ended:?}"
    );
    assert_eq!(record.blocks.len(), 1, "it was repeated");
}

#[test]
fn nothing_is_left_when_a_worker_is_killed() {
    let sandbox = Sandbox::new();
    let word = format!("left-by-{}", std::process::id());
    // Every engine starts a process that leaves its group, and then runs for long.
    let rest = format!(
        r#"
import subprocess, time
subprocess.Popen(["sh", "-c", "sleep 1000; : {word}"], start_new_session=True)
step = following
def following(state, passes):
    time.sleep(30)
    return step(state, passes)
"#
    );
    let path = plan(&sandbox, &rest, "on_loss = \"fail\"");
    let running_coordinator = sandbox.start(&["run", &path, "-q"]);
    let until = Instant::now() + DEADLINE;
    while running(&word).is_empty() || sandbox.workers().is_empty() {
        assert!(Instant::now() < until, "nothing was started");
        std::thread::sleep(Duration::from_millis(20));
    }
    for pid in sandbox.workers() {
        let killed = std::process::Command::new("kill")
            .args(["-9", &pid.to_string()])
            .status();
        assert!(killed.unwrap().success());
    }
    let ended = running_coordinator.end();
    assert_ne!(ended.code, Some(0));
    assert_eq!(running(&word), Vec::<String>::new(), "{ended:?}");
    assert_eq!(
        running(&sandbox.path("").display().to_string()),
        Vec::<String>::new()
    );
}
