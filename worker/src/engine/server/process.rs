//! A server as a process of this worker: located, identified, started in its own process group, its
//! output read, and ended together with all that it has started. Must not know its requests.

use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use contract::command::Identified;
use contract::identity::Sha256;
use contract::message::Exit;
use contract::text;

use crate::os::child::{self, Signal};
use crate::os::family::{Family, MARK};
use crate::tail::Tail;

/// Time to exit after it was asked to.
const GRACE: Duration = Duration::from_secs(1);
/// Pause between two checks for the end of a process.
const NAP: Duration = Duration::from_millis(2);
/// Time within which a process must exit after its output has ended.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Maximum number of characters of a last line that are shown.
const LINE: usize = 400;

/// Prefix of this program's own variables: a server has no use for them, and some are secrets.
const OWN: &str = "PGO_BENCH_";

/// A server's process. Dropping it ends it with all that it has started.
pub(super) struct Process {
    child: Child,
    family: Family,
    tail: Arc<Mutex<Tail>>,
    shown: String,
}

/// The use of standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// Standard output carries the protocol.
    Spoken,
    /// Standard output is a log, like standard error.
    Logged,
}

impl Process {
    /// Starts a command that has been identified. Must be called on a thread that outlives the
    /// process, because the process is killed when that thread ends.
    pub(super) fn start(
        found: &Identified,
        filled: &contract::spec::Command,
        output: Output,
    ) -> std::io::Result<Self> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{}-{number}", std::process::id());
        child::adopt_orphans();
        let mut command = Command::new(&found.program);
        let own = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with(OWN));
        for (name, _) in own {
            command.env_remove(name);
        }
        command
            .arg0(filled.line.first().map_or("", String::as_str))
            .args(filled.line.iter().skip(1))
            .envs(&filled.env)
            .env(MARK, &mark)
            .current_dir(&filled.directory)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .stdin(match output {
                Output::Spoken => Stdio::piped(),
                Output::Logged => Stdio::null(),
            });
        child::isolate(&mut command);
        let child = command.spawn()?;
        let mut process = Self {
            family: Family::new(child.id(), mark),
            child,
            tail: Arc::default(),
            shown: filled.shown(),
        };
        let stderr = process.child.stderr.take().expect("it is piped");
        process.log(stderr)?;
        if output == Output::Logged {
            let stdout = process.child.stdout.take().expect("it is piped");
            process.log(stdout)?;
        }
        Ok(process)
    }

    /// Reads all output, so that the process never waits, and keeps its end.
    fn log(&self, mut from: impl Read + Send + 'static) -> std::io::Result<()> {
        let tail = Arc::clone(&self.tail);
        let follow = move || {
            let mut buffer = [0; 1024];
            while let Ok(read @ 1..) = from.read(&mut buffer) {
                lock(&tail).push(&buffer[..read]);
            }
        };
        // Ends when the last process that has the other end open ends.
        let thread = std::thread::Builder::new().name("log".to_owned());
        thread.spawn(follow).map(drop)
    }

    /// Its standard input and output; only on the first call.
    pub(super) fn pipes(&mut self) -> Option<(ChildStdin, ChildStdout)> {
        self.child.stdin.take().zip(self.child.stdout.take())
    }

    /// The processes that belong to it.
    pub(super) fn family(&self) -> Family {
        self.family.clone()
    }

    /// The command as a user would type it.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Whether it is running.
    pub(super) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// How it ended, for a process whose output has ended; waits briefly. `None` if it is still
    /// running.
    pub(super) fn end(&mut self) -> Option<String> {
        let until = Instant::now() + LAST_WORDS;
        while self.runs() && Instant::now() < until {
            std::thread::sleep(NAP);
        }
        let status = self.child.try_wait().ok().flatten()?;
        // The end of its standard error may not have been read yet.
        std::thread::sleep(5 * NAP);
        let exit = Exit {
            code: status.code(),
            signal: status.signal(),
            tail: String::new(),
        };
        Some(exit.to_string())
    }

    /// Which processes that it has started still run, for the sentence about its end. They are ended
    /// with it.
    pub(super) fn left(&self) -> Option<String> {
        let leader = self.child.id();
        let members = self.family.members().into_iter();
        let names: Vec<String> = members
            .filter(|member| member.pid != leader && !member.is_zombie)
            .map(|member| {
                let name = std::fs::read_to_string(format!("/proc/{}/comm", member.pid));
                let name = name.unwrap_or_default();
                format!("`{}`", text::line(name.trim(), text::NAME))
            })
            .collect();
        let names = names.join(", ");
        (!names.is_empty()).then(|| format!("left {names} running (now ended too)"))
    }

    /// Hash of the program that it currently runs.
    pub(super) fn executable(&self) -> Option<Sha256> {
        let link = format!("/proc/{}/exe", self.child.id());
        contract::command::sha256(Path::new(&link)).ok()
    }

    /// The last line of its log, with an introduction.
    pub(super) fn last_words(&self) -> String {
        let log = lock(&self.tail).text();
        let last = log.lines().rev().find(|line| !line.trim().is_empty());
        last.map_or_else(
            || "; it wrote nothing to its standard error".to_owned(),
            |line| format!("; its last line: {}", text::line(line.trim(), LINE)),
        )
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.pipes());
        self.tell(Signal::Terminate);
        let until = Instant::now() + GRACE;
        while Instant::now() < until && !self.is_over() {
            std::thread::sleep(NAP);
        }
        // Remaining processes, in its group or not, and those that they start meanwhile.
        let until = Instant::now() + GRACE;
        while Instant::now() < until && !self.is_over() {
            self.tell(Signal::Kill);
            for member in self.family.members() {
                child::signal(member.pid, Signal::Kill);
            }
            std::thread::sleep(NAP);
        }
        let leader = self.child.id();
        let others = self.family.members().into_iter();
        others
            .filter(|member| member.pid != leader && member.is_zombie)
            .for_each(|member| child::reap(member.pid));
        if self.is_over() {
            drop(self.child.wait());
        }
    }
}

impl Process {
    /// Signals its process group, whose id is not reused before its end has been collected.
    fn tell(&mut self, signal: Signal) {
        if self.runs() {
            child::signal_group(self.child.id(), signal);
        }
    }

    /// Whether all of its processes have ended.
    fn is_over(&self) -> bool {
        self.family.members().iter().all(|member| member.is_zombie)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
