//! An independent implementation of docs/protocol.md: a worker in Python that follows that page and
//! shares no code with the Rust worker joins a run through a real agent as the build it claims to
//! be. Its parts pass every check, it sends the same as a worker in Rust, and one that lies is
//! refused by name. For loads that it refuses, a second script computes when their requests are
//! due. Both need Python, the worker also grpcio, grpcio-tools and hdrhistogram; `BENCH_PYTHON`
//! names the interpreter. Without them the tests say so and pass, unless `REQUIRE_PYTHON` is set.
//!
//! One rig for every run, and the comparisons: longer than other files.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "protocol/page.rs"]
mod page;
#[path = "processes/programs.rs"]
mod programs;
#[path = "processes/sandbox.rs"]
#[expect(
    dead_code,
    reason = "shared with the process tests, each of which uses its part"
)]
mod sandbox;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use contract::identity::Sha256;
use contract::part::{Outcome, Part};
use contract::run::{NoticeKind, RunState};
use coordinator::store::RunRecord;

use sandbox::{Ended, Sandbox};

const MODULES: &str = "grpc, grpc_tools.protoc, hdrh.histogram";
const TOKEN: (&str, &str) = ("PGO_BENCH_TOKEN", "between these two");
const SEED: &str = "7";

/// Every kind of draw that the page describes.
const PLAN: &str = r#"
name = "other-hands"
rounds = 2
control = false
slots = 2
engine = "sim"
on_loss = "fail"

[sim.all]
jitter = 0.0

[[scenario]]
name = "burst"
shape = { kind = "burst", requests = 31 }
prompt = { tokens = { kind = "uniform", min = 4, max = 40 }, prefix = { groups = 3, tokens = 8 } }
output_tokens = { kind = "lognormal", mean = 9.0, sd = 4.0, min = 2, max = 14 }

[[scenario]]
name = "closed"
shape = { kind = "closed-loop", concurrency = 5, requests = 41 }
prompt = { tokens = { kind = "normal", mean = 20.0, sd = 9.0, min = 4, max = 30 } }
output_tokens = 4
mix = [
  { weight = 2.0 },
  { weight = 1.0, prompt = { tokens = 7, prefix = { groups = 2, tokens = 5 } }, output_tokens = { kind = "uniform", min = 1, max = 9 } },
]
"#;

/// Shapes whose arrivals are drawn from a rate, and that the worker in Python supports.
const KNOWN: [(&str, &str); 2] = [
    (
        "constant",
        "shape = { kind = \"constant\", rate = 61.0 }\nstop = { duration = 0.4 }",
    ),
    (
        "poisson",
        "shape = { kind = \"poisson\", rate = 67.0 }\nstop = { duration = 0.4 }\nobjectives = { ttft = 0.5 }",
    ),
];

/// The other shapes, which it refuses.
const UNKNOWN: [(&str, &str); 4] = [
    (
        "clumps",
        "shape = { kind = \"gamma\", rate = 61.0, cv = 1.7 }\nstop = { duration = 0.4 }",
    ),
    (
        "regular",
        "shape = { kind = \"gamma\", rate = 61.0, cv = 0.4 }\nstop = { duration = 0.4 }",
    ),
    (
        "ramp",
        "shape = { kind = \"ramp\", from = 2.0, to = 150.0, over = 0.4 }",
    ),
    (
        "steps",
        "shape = { kind = \"steps\", rates = [40.0, 0.0, 90.0], each = 0.15, arrivals = \"constant\" }\n\
         warmup = { run_in = 0.06, output_tokens = 2 }",
    ),
];

/// An interpreter that has the modules.
struct Python {
    program: String,
    /// Directory of its `python3`.
    directory: PathBuf,
}

/// The properties of a request that follow from plan and seed.
type Asked = (u32, u64, u32, u32);

/// An agent, which is stopped if a test fails.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

impl Python {
    /// `None`, with the reason printed, if there is none.
    fn find() -> Option<Self> {
        let program = std::env::var("BENCH_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let script =
            format!("import sys, os.path, {MODULES}; print(os.path.dirname(sys.executable))");
        let probe = Command::new(&program).args(["-c", &script]).output();
        if let Some(output) = probe.ok().filter(|output| output.status.success()) {
            let directory = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim());
            return Some(Self { program, directory });
        }
        assert!(
            std::env::var_os("REQUIRE_PYTHON").is_none(),
            "{program} cannot import {MODULES}"
        );
        let mut err = std::io::stderr();
        writeln!(
            err,
            "skipped: {program} cannot import {MODULES} (BENCH_PYTHON names another interpreter)"
        )
        .unwrap();
        None
    }

    /// Generates the message classes with protoc, as anyone with `proto/` and the page would.
    fn stubs(&self, into: &Path) {
        fs::create_dir_all(into).unwrap();
        let protos = ["load", "measure", "session"].map(|name| format!("bench/v1/{name}.proto"));
        let status = Command::new(&self.program)
            .args(["-m", "grpc_tools.protoc", "-I", ".", "--python_out"])
            .arg(into)
            .args(protos)
            .arg("bench/record/v1/record.proto")
            .current_dir(source("proto"))
            .status();
        assert!(status.unwrap().success());
    }

    /// When the requests of a share are due according to `arrivals.py`: the number before the
    /// window, and the times inside it.
    fn due(&self, scenario: &str, seed: u64, share: u32) -> (u64, Vec<u64>) {
        let arguments = [seed.to_string(), share.to_string(), "2".to_owned()];
        let mut child = Command::new(&self.program)
            .arg(source("coordinator/tests/python/arrivals.py"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(scenario.as_bytes()).unwrap();
        drop(input);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let times = String::from_utf8(output.stdout).unwrap();
        let (early, window): (Vec<i64>, Vec<i64>) = times
            .split_whitespace()
            .map(|time| time.parse::<i64>().unwrap())
            .partition(|time| *time < 0);
        let window = window.into_iter().map(|time| u64::try_from(time).unwrap());
        (early.len() as u64, window.collect())
    }

    /// The variants of the run are labels on the program next to the coordinator, which is the
    /// script.
    fn run(&self, sandbox: &Sandbox, plan: &str, lie: Option<&str>) -> Ended {
        let (stubs, script, agent) = (
            sandbox.path("stubs"),
            sandbox.path("worker"),
            sandbox.path("agent"),
        );
        self.stubs(&stubs);
        fs::rename(&script, &agent).unwrap();
        fs::copy(source("coordinator/tests/python/worker.py"), &script).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .to_string();
        let arguments = ["run", plan, "--seed", SEED, "--variants", "baseline,pgo"];
        let fleet = [
            "--launcher",
            "attach",
            "--agents",
            "1",
            "--listen",
            &address,
        ];
        let running = sandbox.start_with(&[&arguments[..], &fleet].concat(), &[TOKEN]);
        let mut path = vec![self.directory.clone()];
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
        let mut command = Command::new(agent);
        command
            .args([
                "agent",
                "--slots",
                "2",
                "--coordinator",
                &format!("http://{address}"),
            ])
            .env(TOKEN.0, TOKEN.1)
            .env("HOME", sandbox.path(""))
            .env("PATH", std::env::join_paths(path).unwrap())
            .env("PYTHONPATH", stubs)
            .stdin(Stdio::null());
        command.envs(lie.map(|field| ("WORKER_LIES", field)));
        let _agent = Agent(command.spawn().unwrap());
        running.end()
    }
}

/// The same plan with the worker in Rust.
fn rust(plan: &str) -> RunRecord {
    let sandbox = Sandbox::new();
    let ended = sandbox.run(&[
        "run",
        &sandbox.plan(plan),
        "--seed",
        SEED,
        "--variants",
        "baseline,pgo",
    ]);
    let record = sandbox.latest();
    assert_eq!(
        record.end.as_ref().map(|end| end.state),
        Some(RunState::Complete),
        "{ended:?}"
    );
    record
}

fn python(python: &Python, plan: &str, lie: Option<&str>) -> RunRecord {
    let sandbox = Sandbox::new();
    let ended = python.run(&sandbox, &sandbox.plan(plan), lie);
    let record = sandbox.latest();
    assert_eq!(
        record.end.as_ref().map(|end| end.state),
        Some(RunState::Complete),
        "{ended:?}"
    );
    assert_eq!(record.notices, [], "{ended:?}");
    let own = Sha256::from_hex(&hash(&sandbox.path("worker"))).unwrap();
    assert!(
        record
            .parts
            .iter()
            .all(|part| part.origin.exe_sha256 == own && part.engine.kernels == "python")
    );
    // Quiet processors do not matter here; that nothing is INVALID does.
    assert!(matches!(ended.code, Some(0 | 3)), "{ended:?}");
    record
}

/// In parallel: latencies are not compared.
fn both(interpreter: &Python, plan: &str, lie: Option<&str>) -> (RunRecord, RunRecord) {
    std::thread::scope(|scope| {
        let ours = scope.spawn(|| rust(plan));
        (python(interpreter, plan, lie), ours.join().unwrap())
    })
}

fn hash(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}

/// The plan with these scenarios instead of its own, one round.
fn arrivals(loads: &[(&str, &str)]) -> String {
    let (head, _) = PLAN.split_once("[[scenario]]").unwrap();
    let scenario = |(name, load): &(&str, &str)| {
        format!(
            "[[scenario]]\nname = \"{name}\"\n{load}\nprompt = {{ tokens = 5 }}\noutput_tokens = 2\n"
        )
    };
    head.replace("rounds = 2", "rounds = 1") + &loads.iter().map(scenario).collect::<String>()
}

/// By the key of each part.
fn by_place<T>(record: &RunRecord, of: impl Fn(&Part) -> T) -> BTreeMap<String, T> {
    let place = |part: &Part| format!("{} slot {}", part.place.key, part.place.slot);
    record
        .parts
        .iter()
        .map(|part| (place(part), of(part)))
        .collect()
}

/// In a closed loop no time is known beforehand.
fn asked(part: &Part, times: bool) -> Vec<Asked> {
    let request = part.requests.iter().map(|request| {
        assert_eq!(request.outcome, Outcome::Ok);
        let due = if times { request.intended_ns } else { 0 };
        (
            request.index,
            due,
            request.prompt_tokens,
            request.output_tokens,
        )
    });
    request.collect()
}

#[test]
fn a_worker_in_python_sends_what_a_worker_in_rust_sends_and_answers_the_same_tokens() {
    let Some(interpreter) = Python::find() else {
        return;
    };
    let (theirs, ours) = both(&interpreter, PLAN, None);
    assert_eq!(theirs.parts.len(), 2 * 2 * 2 * 2);
    assert_eq!(
        by_place(&theirs, |part| asked(part, false)),
        by_place(&ours, |part| asked(part, false))
    );
    assert_eq!(
        by_place(&theirs, |part| part.sent),
        by_place(&ours, |part| part.sent)
    );
    assert_eq!(
        by_place(&theirs, |part| part.token_digest),
        by_place(&ours, |part| part.token_digest)
    );
    let digests: BTreeSet<Sha256> = theirs.parts.iter().map(|part| part.token_digest).collect();
    assert_eq!(
        digests.len(),
        2 * 2 * 2,
        "they depend on scenario, round and slot, and not on the arm"
    );
    let cut = theirs
        .parts
        .iter()
        .filter_map(|part| part.sent)
        .map(|sent| sent.prompts.cut + sent.answers.cut);
    assert!(
        cut.sum::<u64>() > 0,
        "lengths beyond their bounds are among them"
    );
}

#[test]
fn a_worker_in_python_is_due_when_a_worker_in_rust_is_to_the_nanosecond() {
    let Some(interpreter) = Python::find() else {
        return;
    };
    let (theirs, ours) = both(&interpreter, &arrivals(&KNOWN), None);
    let times = |record: &RunRecord| by_place(record, |part| (part.run_in, asked(part, true)));
    assert_eq!(times(&theirs), times(&ours));
    let early: u64 = theirs.parts.iter().map(|part| part.run_in).sum();
    assert!(
        early > 0 && theirs.parts.len() == KNOWN.len() * 2 * 2,
        "{early}"
    );
}

/// With its counter-check: another seed gives other times, except if they are even.
#[test]
fn clumps_ramps_and_steps_are_due_when_the_page_says_to_the_nanosecond() {
    let Some(interpreter) = Python::find() else {
        return;
    };
    let record = rust(&arrivals(&UNKNOWN));
    assert_eq!(record.parts.len(), UNKNOWN.len() * 2 * 2);
    let plan: serde_json::Value = serde_json::from_str(&record.header.plan_json).unwrap();
    let mut early = 0;
    for part in &record.parts {
        let key = part.place.key;
        let scenario = plan["scenario"][usize::try_from(key.cell).unwrap()].to_string();
        let seed = coordinator::schedule::request_seed(7, key.cell, key.round);
        let times: Vec<u64> = asked(part, true)
            .iter()
            .map(|(_, due, _, _)| *due)
            .collect();
        let due = interpreter.due(&scenario, seed, part.place.slot);
        assert_eq!(due, (part.run_in, times.clone()), "{scenario}");
        let (_, others) = interpreter.due(&scenario, seed ^ 1, part.place.slot);
        let even = scenario.contains("\"constant\"");
        assert!(
            others.len() == times.len() && (others == times) == even,
            "{scenario}"
        );
        early += part.run_in;
    }
    assert!(early > 0);
}

/// A worker's answer to a load that it cannot send: nothing was measured, and the run says why.
#[test]
fn a_worker_in_python_refuses_a_load_that_it_does_not_know() {
    let Some(interpreter) = Python::find() else {
        return;
    };
    let sandbox = Sandbox::new();
    let ended = interpreter.run(&sandbox, &sandbox.plan(&arrivals(&UNKNOWN[..1])), None);
    let record = sandbox.latest();
    assert_eq!(record.end.map(|end| end.state), Some(RunState::Failed));
    assert!(
        record.parts.is_empty() && ended.code == Some(2),
        "{ended:?}"
    );
    assert!(
        ended
            .stderr
            .contains("does not know how to send such a load"),
        "{ended:?}"
    );
}

/// Counter-check of both: only a comparison with another worker can detect this, and these
/// comparisons do.
#[test]
fn another_seed_is_other_times_and_other_tokens() {
    let Some(interpreter) = Python::find() else {
        return;
    };
    let (theirs, ours) = both(&interpreter, &arrivals(&KNOWN[1..]), Some("seed"));
    let of = |record: &RunRecord| by_place(record, |part| (part.token_digest, asked(part, true)));
    let (theirs, ours) = (of(&theirs), of(&ours));
    assert_eq!(theirs.len(), 2 * 2);
    for (place, (digest, requests)) in &theirs {
        let (other, others) = &ours[place];
        assert!(
            digest != other && requests != others && requests.len() == others.len(),
            "{place}"
        );
    }
}

#[test]
fn a_worker_in_python_that_lies_is_refused_by_name() {
    let Some(interpreter) = Python::find() else {
        return;
    };
    let lies = [
        ("output_tokens", "differs: output_tokens is "),
        (
            "first_completion_ns",
            "differs: window.first_completion is ",
        ),
        ("attempt", "place: it is of "),
    ];
    for (field, sentence) in lies {
        let sandbox = Sandbox::new();
        let ended = interpreter.run(&sandbox, &sandbox.plan(PLAN), Some(field));
        let record = sandbox.latest();
        let refused = record
            .notices
            .iter()
            .find(|notice| notice.kind == NoticeKind::BadPart);
        let refused = refused.unwrap_or_else(|| panic!("{field}: {ended:?} {:?}", record.notices));
        assert!(
            refused.message.contains(sentence),
            "{field}: {}",
            refused.message
        );
        assert_eq!(
            record.end.map(|end| end.state),
            Some(RunState::Failed),
            "{field}"
        );
    }
}
