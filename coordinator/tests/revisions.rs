//! Measuring a pull request, from two commits to an exit code: `build --ref A --ref B`, `run
//! --variants baseline@A,baseline@B --gate`. The small workspace's program counts its work, and its
//! sessions are those of the Python worker (protocol.rs), so that the measurement depends on the
//! code and not on the machine. Needs git, and Python with grpcio, grpcio-tools and hdrhistogram;
//! `BENCH_PYTHON` names the interpreter. Without them the test says so and passes, unless
//! `REQUIRE_PYTHON` is set.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "interpreter/mod.rs"]
mod interpreter;
#[path = "processes/programs.rs"]
mod programs;
#[path = "processes/sandbox.rs"]
#[expect(
    dead_code,
    reason = "shared with the process tests, each of which uses its part"
)]
mod sandbox;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use interpreter::python;
use sandbox::{Ended, Sandbox};

const MODULES: &str = "grpc, grpc_tools.protoc, hdrh.histogram";

const MANIFEST: &str = "[package]\nname = \"engine\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n\
                        [profile.release]\ndebug = false\n";

const LOCK: &str = "version = 4\n\n[[package]]\nname = \"engine\"\nversion = \"0.1.0\"\n";

/// A step of the engine costs this many units of work, each of which stands for a microsecond.
const MAIN: &str = r#"//! An engine whose work is counted.
use std::os::unix::process::CommandExt;

#[inline(never)]
fn step() -> u64 {
    (0..UNITS).fold(0, |done, unit| done + std::hint::black_box(unit % 2 + 1) / (unit % 2 + 1))
}

fn main() {
    let variable = |name| std::env::var_os(name).unwrap_or_default();
    let error = std::process::Command::new(variable("ENGINE_PYTHON"))
        .arg(variable("ENGINE_SESSION"))
        .env("STEP_NS", (1_000 * step()).to_string())
        .env("PROGRAM", std::env::current_exe().expect("own path"))
        .exec();
    panic!("{error}");
}
"#;

const PLAN: &str = "name = 'gate'\nrounds = 6\nengine = 'native'\n\
                    [[scenario]]\nname = 'burst'\nshape = { kind = 'burst', requests = 32 }\n\
                    prompt = { tokens = 4 }\noutput_tokens = 6\nwarmup = { requests = 1, output_tokens = 1 }\n";

/// A repository with the workspace, next to the programs.
struct Project {
    sandbox: Sandbox,
    python: String,
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

impl Project {
    fn new(python: String) -> Self {
        let project = Self {
            sandbox: Sandbox::new(),
            python,
        };
        let session = project.sandbox.path("session");
        fs::create_dir(&session).unwrap();
        let protos = ["load", "measure", "session"].map(|name| format!("bench/v1/{name}.proto"));
        let made = Command::new(&project.python)
            .args(["-m", "grpc_tools.protoc", "-I", ".", "--python_out"])
            .arg(&session)
            .args(protos)
            .arg("bench/record/v1/record.proto")
            .current_dir(source("proto"))
            .status();
        assert!(made.unwrap().success());
        for name in ["counted.py", "worker.py"] {
            let from = source("coordinator/tests/python").join(name);
            fs::copy(from, session.join(name)).unwrap();
        }
        fs::create_dir(project.sandbox.path("model")).unwrap();
        project.git(&["init", "--quiet", "--initial-branch", "main"]);
        project.write("Cargo.toml", MANIFEST);
        project.write("Cargo.lock", LOCK);
        project.write(".gitignore", "*\n!Cargo.*\n!*.rs\n!src/\n!*.md\n");
        project
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.sandbox.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn git(&self, arguments: &[&str]) {
        let done = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
            .args(arguments)
            .current_dir(self.sandbox.path(""))
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    }

    /// Commits an engine with this cost, under a tag.
    fn commit(&self, units: u64, tag: &str) {
        self.write(
            "src/main.rs",
            &format!("{MAIN}\nconst UNITS: u64 = {units};\n"),
        );
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", tag]);
        self.git(&["tag", tag]);
    }

    fn coordinator(&self, arguments: &[&str]) -> Ended {
        let session = self.sandbox.path("session");
        let own = |path: PathBuf| path.display().to_string();
        // Cargo and rustup are found through the real user's home, not the test's.
        let home = std::env::var("HOME").unwrap_or_default();
        let tool = |variable: &str, folder: &str| {
            std::env::var(variable).unwrap_or_else(|_| format!("{home}/{folder}"))
        };
        let environment = [
            ("ENGINE_PYTHON", self.python.clone()),
            ("ENGINE_SESSION", own(session.join("counted.py"))),
            ("PYTHONPATH", own(session)),
            (
                "XDG_CACHE_HOME",
                own(self.sandbox.path("../cache-of-tests")),
            ),
            ("CARGO_HOME", tool("CARGO_HOME", ".cargo")),
            ("RUSTUP_HOME", tool("RUSTUP_HOME", ".rustup")),
            ("CARGO_NET_OFFLINE", "true".to_owned()),
        ];
        let environment: Vec<(&str, &str)> = environment
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        self.sandbox.start_with(arguments, &environment).end()
    }

    fn gated(&self, variants: &str) -> Ended {
        let plan = self.sandbox.plan(PLAN);
        let model = self.sandbox.path("model").display().to_string();
        let run = ["run", &plan, "--model", &model, "--seed", "7", "--gate"];
        self.coordinator(&[&run[..], &["--variants", variants]].concat())
    }
}

#[test]
fn a_commit_that_is_slower_by_a_tenth_fails_the_gate_and_one_that_is_not_passes() {
    let Some(python) = python(MODULES) else {
        return;
    };
    let project = Project::new(python);
    project.commit(1_000, "before");
    project.commit(1_100, "slower");
    project.commit(1_001, "alike");
    let refs = ["--ref", "before", "--ref", "slower", "--ref", "alike"];
    let built = project.coordinator(&[&["build"], &refs[..]].concat());
    assert_eq!(built.code, Some(0), "{built:?}");
    assert!(
        built
            .stdout
            .contains("--variants baseline@before,baseline@slower,baseline@alike"),
        "{}",
        built.stdout
    );

    let slower = project.gated("baseline@before,baseline@slower");
    assert_eq!(slower.code, Some(1), "{slower:?}");
    let sentence = "baseline@slower is SLOWER than baseline@before";
    assert!(slower.stdout.contains(sentence), "{}", slower.stdout);
    let record = project.sandbox.latest();
    let commits: Vec<&str> = record
        .header
        .variants
        .iter()
        .map(|one| one.git_sha.as_str())
        .collect();
    assert!(
        commits[0] != commits[1] && commits.iter().all(|sha| sha.len() == 40),
        "{commits:?}"
    );

    // Counter-check: a thousandth is not a tenth.
    let alike = project.gated("baseline@before,baseline@alike");
    assert!(matches!(alike.code, Some(0 | 3)), "{alike:?}");
    assert!(!alike.stdout.contains("SLOWER"), "{}", alike.stdout);

    let again = project.coordinator(&["build", "--ref", "before", "--ref", "before"]);
    assert_eq!(again.code, Some(2), "{again:?}");
    assert!(
        again.stderr.contains("are the same code"),
        "{}",
        again.stderr
    );

    project.git(&["tag", "--force", "slower", "alike"]);
    let moved = project.gated("baseline@before,baseline@slower");
    assert_eq!(moved.code, Some(2), "{moved:?}");
    assert!(
        moved.stderr.contains("coordinator build --ref slower"),
        "{}",
        moved.stderr
    );
}

#[test]
fn a_program_that_is_no_worker_is_refused_before_it_is_trained() {
    let sandbox = Sandbox::new();
    let project = Project::bare(sandbox);
    project.write("src/main.rs", "fn main() { println!(\"hello\"); }\n");
    let built = project.coordinator(&["build", "--variants", "baseline"]);
    assert_eq!(built.code, Some(2), "{built:?}");
    assert!(
        built
            .stderr
            .contains("`engine` does not speak the protocol")
            && built.stderr.contains("docs/protocol.md"),
        "{}",
        built.stderr
    );
}

impl Project {
    /// Without Python sessions and without a repository.
    fn bare(sandbox: Sandbox) -> Self {
        let project = Self {
            sandbox,
            python: String::new(),
        };
        project.write("Cargo.toml", MANIFEST);
        project
    }
}
