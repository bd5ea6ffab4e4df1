//! A server as a process of this worker: found, identified, started in a process group of its own,
//! listened to, and ended with all that it has started. Must not know what it is asked.

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

/// Time to end by itself once it was asked to.
const GRACE: Duration = Duration::from_secs(1);
/// Between two looks whether something has ended.
const NAP: Duration = Duration::from_millis(2);
/// How long a process that says nothing more may take to end.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Characters of a last line that are shown.
const LINE: usize = 400;

/// What begins the names of variables that are this program's own: a server has no use for them,
/// and some are secrets.
const OWN: &str = "PGO_BENCH_";

/// A server's process. Dropping it ends all of it.
pub(super) struct Process {
    child: Child,
    family: Family,
    tail: Arc<Mutex<Tail>>,
    shown: String,
}

/// Which of its outputs is for its log alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// Standard output is the protocol's.
    Spoken,
    /// Standard output is a log, like standard error.
    Logged,
}

impl Process {
    /// Starts a command as it was identified. Must be called on a thread that outlives it: the
    /// process dies with the thread.
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

    /// Keeps the last of what comes, and takes in all of it, so that the process never waits.
    fn log(&self, mut from: impl Read + Send + 'static) -> std::io::Result<()> {
        let tail = Arc::clone(&self.tail);
        let follow = move || {
            let mut buffer = [0; 1024];
            while let Ok(read @ 1..) = from.read(&mut buffer) {
                lock(&tail).push(&buffer[..read]);
            }
        };
        // It ends when the last process that holds the other end does.
        let thread = std::thread::Builder::new().name("log".to_owned());
        thread.spawn(follow).map(drop)
    }

    /// Its standard input and output, once.
    pub(super) fn pipes(&mut self) -> Option<(ChildStdin, ChildStdout)> {
        self.child.stdin.take().zip(self.child.stdout.take())
    }

    /// Who belongs to it.
    pub(super) fn family(&self) -> Family {
        self.family.clone()
    }

    /// The command, as somebody would type it.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Whether it runs.
    pub(super) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// How it ended, of one that has said its last; it is waited for shortly. `None` where it runs
    /// on.
    pub(super) fn end(&mut self) -> Option<String> {
        let until = Instant::now() + LAST_WORDS;
        while self.runs() && Instant::now() < until {
            std::thread::sleep(NAP);
        }
        let status = self.child.try_wait().ok().flatten()?;
        // The end of its standard error may still be on its way.
        std::thread::sleep(5 * NAP);
        let exit = Exit {
            code: status.code(),
            signal: status.signal(),
            tail: String::new(),
        };
        Some(exit.to_string())
    }

    /// Which program it runs now.
    pub(super) fn executable(&self) -> Option<Sha256> {
        let link = format!("/proc/{}/exe", self.child.id());
        contract::command::sha256(Path::new(&link)).ok()
    }

    /// The last line of its log, behind words that say so.
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
        // Whoever is left, in its group or not; and what they start meanwhile.
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
    /// Signals its group, which is its own as long as nobody has taken note of its end.
    fn tell(&mut self, signal: Signal) {
        if self.runs() {
            child::signal_group(self.child.id(), signal);
        }
    }

    /// Whether nothing of it runs.
    fn is_over(&self) -> bool {
        self.family.members().iter().all(|member| member.is_zombie)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
