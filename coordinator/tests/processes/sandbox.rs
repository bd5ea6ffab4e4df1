//! A test's own environment: programs under unique paths, so that every process started from here
//! can be found again; a store; plans; and a coordinator that runs them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use contract::id::RunId;
use coordinator::store::{RunRecord, Store};

use crate::programs::{COORDINATOR, worker};

/// Longest wait for anything that must happen: far longer than on a busy machine, so that only a
/// defect reaches it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(180);

/// Slots of every plan here that will be disturbed.
const SLOTS: usize = 2;

pub(crate) struct Sandbox {
    dir: tempfile::TempDir,
}

/// A running coordinator.
pub(crate) struct Running {
    child: Child,
    output: PathBuf,
}

/// How a coordinator ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs::hard_link(COORDINATOR, dir.path().join("coordinator")).unwrap();
        fs::hard_link(worker(), dir.path().join("worker")).unwrap();
        Self { dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a plan and returns its path.
    pub(crate) fn plan(&self, text: &str) -> String {
        let path = self.path("plan.toml");
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        // If the tests run under `nohup`, SIGHUP is ignored, and every process started here would
        // inherit that.
        let mut command = Command::new("env");
        command
            .arg("--default-signal=HUP")
            .arg(self.path("coordinator"))
            .args(["--store", "store"])
            .args(arguments)
            .current_dir(self.dir.path())
            .env_remove("BENCH_MODEL_PATH")
            .env_remove("PGO_BENCH_STORE")
            .env("HOME", self.dir.path())
            .stdin(Stdio::null());
        command
    }

    /// Starts a coordinator; its output goes to files, so that it never waits for a reader.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        self.start_with(arguments, &[])
    }

    pub(crate) fn start_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Running {
        let output = self.path("output");
        let file = |name: &str| fs::File::create(output.with_extension(name)).unwrap();
        let mut command = self.command(arguments);
        command
            .envs(environment.iter().copied())
            .stdout(file("out"))
            .stderr(file("err"));
        Running {
            child: command.spawn().unwrap(),
            output,
        }
    }

    /// Runs a coordinator to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.start(arguments).end()
    }

    /// Runs a coordinator while another one is running.
    pub(crate) fn run_beside(&self, arguments: &[&str]) -> Ended {
        let Output {
            status,
            stdout,
            stderr,
        } = self.command(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ended {
            code: status.code(),
            stdout: text(stdout),
            stderr: text(stderr),
        }
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(&self.path("store")).unwrap()
    }

    pub(crate) fn latest(&self) -> RunRecord {
        let store = self.store();
        let run: RunId = store.find("latest").unwrap();
        let record = store.read_run(run).unwrap();
        store.close().unwrap();
        record
    }

    /// Every running agent started from here.
    pub(crate) fn agents(&self) -> Vec<u32> {
        self.processes("agent")
    }

    /// Every running worker started from here.
    pub(crate) fn workers(&self) -> Vec<u32> {
        self.processes("join")
    }

    fn processes(&self, verb: &str) -> Vec<u32> {
        let program = self.path("worker");
        let pids = fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid| is_running(*pid, &program, verb))
            .collect()
    }

    /// The only agent. A process that it has just forked looks like it until it becomes a worker.
    pub(crate) fn agent(&self) -> u32 {
        eventually("there is one agent", || match self.agents()[..] {
            [agent] => Some(agent),
            _ => None,
        })
    }

    /// A worker of the second trial with its engine open. By then the run exists in the store.
    pub(crate) fn busy_worker(&self) -> u32 {
        let mut seen = BTreeSet::<u32>::new();
        eventually("a worker of the second trial opens its engine", || {
            let alive = self.workers();
            seen.extend(&alive);
            alive
                .into_iter()
                .find(|pid| seen.len() > SLOTS && has_engine(*pid))
        })
    }

    /// Waits until nothing started from here is running.
    pub(crate) fn deserted(&self) {
        eventually("every process is gone", || {
            (self.agents().is_empty() && self.workers().is_empty()).then_some(())
        });
    }

    /// Names of files that a run left in this directory, except those put there.
    pub(crate) fn litter(&self) -> Vec<String> {
        let known = [
            "coordinator",
            "worker",
            "plan.toml",
            "store",
            "output.out",
            "output.err",
        ];
        let names = fs::read_dir(self.dir.path()).unwrap().flatten();
        let names = names.map(|entry| entry.file_name().into_string().unwrap());
        names
            .filter(|name| !known.contains(&name.as_str()))
            .collect()
    }
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its progress output so far.
    pub(crate) fn progress(&self) -> String {
        fs::read_to_string(self.output.with_extension("err")).unwrap()
    }

    /// Waits for its end.
    pub(crate) fn end(self) -> Ended {
        self.end_within(DEADLINE)
    }

    /// Waits this long for its end.
    pub(crate) fn end_within(mut self, limit: Duration) -> Ended {
        let status = within(limit, "the coordinator ends", || {
            self.child.try_wait().unwrap()
        });
        let read = |name: &str| fs::read_to_string(self.output.with_extension(name)).unwrap();
        Ended {
            code: status.code(),
            stdout: read("out"),
            stderr: read("err"),
        }
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A failed test leaves nothing running; after the end there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .status()
        .unwrap();
    assert!(sent.success(), "{name} to {pid}");
}

/// Repeats `look` until it returns something; fails after too long.
pub(crate) fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(DEADLINE, what, look)
}

/// The same with another limit.
pub(crate) fn within<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether the process runs this program; a zombie does not.
fn is_running(pid: u32, program: &Path, verb: &str) -> bool {
    let of = |name: &str| PathBuf::from(format!("/proc/{pid}/{name}"));
    let is_it = fs::read_link(of("exe")).is_ok_and(|exe| exe == program);
    let arguments = fs::read_to_string(of("cmdline")).unwrap_or_default();
    let state = fs::read_to_string(of("stat")).unwrap_or_default();
    let dead = state
        .rsplit_once(')')
        .is_none_or(|(_, rest)| rest.starts_with(" Z") || rest.starts_with(" X"));
    is_it && !dead && arguments.split('\0').nth(1) == Some(verb)
}

fn has_engine(pid: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return false;
    };
    threads.flatten().any(|thread| {
        fs::read_to_string(thread.path().join("comm")).is_ok_and(|name| name == "engine\n")
    })
}
