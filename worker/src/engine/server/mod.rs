//! Engines that are programs of their own. Owns what all of them have in common: which program it
//! is, its process, and the end of both; each protocol has a file of its own. Must not know loads.

mod exec;
pub mod openai;
mod process;

use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use contract::command::{self, Identified};
use contract::message::{Failure, FailureKind};
use contract::part::EngineFacts;
use contract::spec::{Demand, MODEL, PORT, Protocol, Reach, ServerSpec, THREADS};

use super::{
    Counters, Engine, EngineError, EngineRequest, Opened, StepSink, Time, WindowStart, threads,
};
use process::{Output, Process};

/// In a worker's environment: its host starts no commands that a coordinator names.
pub const NO_COMMANDS: &str = "PGO_BENCH_NO_COMMANDS";

/// Between two questions whether a server is ready.
const BETWEEN_ASKING: Duration = Duration::from_millis(20);

/// What a protocol opens its engine with.
struct Setting<'a> {
    spec: &'a ServerSpec,
    demand: Demand,
    threads: usize,
}

/// An engine with the process that it speaks to, which ends after it.
struct Owned {
    engine: Box<dyn Engine>,
    process: Mutex<Option<Process>>,
    variant: String,
}

/// Finds or starts the server and opens the engine that it is.
///
/// # Errors
/// When there is no such program, it is not the one that the run began with, it does not become
/// ready, or it does not speak the protocol.
pub(super) fn open(
    spec: &ServerSpec,
    demand: Demand,
    slots: u32,
    time: Arc<dyn Time>,
    sink: Box<dyn StepSink>,
    phase: &mut dyn FnMut(&'static str),
) -> Result<Opened, Failure> {
    let found = identified(spec)?;
    phase("identity");
    let setting = Setting {
        spec,
        demand,
        threads: threads(spec.threads, slots),
    };
    let (opened, process) = match (spec.protocol, &spec.reach) {
        (Protocol::Exec, Reach::Command(command)) => {
            let mut process = started(&setting, command, &found, Output::Spoken, None)?;
            let opened = exec::open(&mut process, &setting, sink)?;
            (opened, Some(process))
        }
        (Protocol::Exec, Reach::Url(url)) => {
            let message = format!(
                "an exec engine has no address, and the plan gives {url}: give a command instead"
            );
            return Err(failure(FailureKind::BadAssignment, message));
        }
        (Protocol::OpenAi, Reach::Command(command)) => {
            let port = free_port()?;
            let mut process = started(&setting, command, &found, Output::Logged, Some(port))?;
            let at = format!("http://127.0.0.1:{port}");
            let until = Instant::now() + spec.start;
            let wait = &mut |fault: &openai::fault::Fault| wait(&mut process, spec, until, fault);
            let opened = openai::open(&spec.openai, &at, demand, time, sink, wait, phase)?;
            (opened, Some(process))
        }
        (Protocol::OpenAi, Reach::Url(url)) => {
            let wait = &mut |fault: &openai::fault::Fault| Err(unreachable(spec, url, fault));
            let opened = openai::open(&spec.openai, url, demand, time, sink, wait, phase)?;
            (opened, None)
        }
    };
    if let Some(process) = &process {
        runs_what_it_should(process, &found)?;
    }
    phase("server");
    Ok(owned(opened, process, &spec.variant))
}

fn owned(opened: Opened, process: Option<Process>, variant: &str) -> Opened {
    let family = process.as_ref().map(Process::family);
    let mut report = opened.report;
    if let (0, Some(family)) = (report.threads, &family) {
        report.threads = family.threads();
    }
    Opened {
        engine: Box::new(Owned {
            engine: opened.engine,
            process: Mutex::new(process),
            variant: variant.to_owned(),
        }),
        report,
        family,
        ..opened
    }
}

/// The program as it lies on this host, if it is the one of the run.
fn identified(spec: &ServerSpec) -> Result<Identified, Failure> {
    if matches!(spec.reach, Reach::Command(_)) && std::env::var_os(NO_COMMANDS).is_some() {
        let message = format!(
            "failed to start the server of {}: the agent of this host starts no commands of a \
             coordinator (--no-upload); start it without that flag",
            spec.variant
        );
        return Err(failure(FailureKind::BadAssignment, message));
    }
    let path = std::env::var_os("PATH");
    let found = command::identify(&spec.reach, path.as_deref());
    let found = found.map_err(|error| {
        let message = format!("failed to start the server of {}: {error}", spec.variant);
        failure(FailureKind::BadAssignment, message)
    })?;
    if found.identity == spec.identity {
        return Ok(found);
    }
    let message = format!(
        "the server of {} on this host is not the one that the run began with ({} instead of {}): its \
         program, or a file among its arguments, differs; copy the right one here under the same path, \
         and leave files that it writes out of its arguments",
        spec.variant,
        found.identity.short(),
        spec.identity.short()
    );
    Err(failure(FailureKind::BadAssignment, message))
}

fn started(
    setting: &Setting<'_>,
    command: &contract::spec::Command,
    found: &Identified,
    output: Output,
    port: Option<u16>,
) -> Result<Process, Failure> {
    let threads = setting.threads.to_string();
    let port = port.map_or_else(String::new, |port| port.to_string());
    let filled = command.filled(&[
        (MODEL, &setting.spec.model),
        (THREADS, &threads),
        (PORT, &port),
    ]);
    Process::start(found, &filled, output).map_err(|error| {
        let message = format!(
            "failed to start `{}` for {}: {error}; correct the command or its directory in the plan",
            filled.shown(),
            setting.spec.variant
        );
        failure(FailureKind::BadAssignment, message)
    })
}

/// A port of this host that nobody listens on now.
fn free_port() -> Result<u16, Failure> {
    let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    free.map(|address| address.port()).map_err(|error| {
        let message = format!("failed to find a free port for the server: {error}");
        failure(FailureKind::Engine, message)
    })
}

/// Lets a server that is not ready have more time, or says why it gets none.
fn wait(
    process: &mut Process,
    spec: &ServerSpec,
    until: Instant,
    fault: &openai::fault::Fault,
) -> Result<(), Failure> {
    let why = match process.runs() {
        true if Instant::now() < until => {
            std::thread::sleep(BETWEEN_ASKING);
            return Ok(());
        }
        true => format!(
            "was not ready within {} s ({fault}); raise `server.start`, or look at its command",
            spec.start.as_secs_f64()
        ),
        false => match process.end() {
            Some(exit) => format!("ended before it was ready ({exit})"),
            None => "ended before it was ready".to_owned(),
        },
    };
    let message = format!(
        "the server of {}, `{}`, {why}{}",
        spec.variant,
        process.shown(),
        process.last_words()
    );
    Err(failure(FailureKind::Engine, message))
}

fn unreachable(spec: &ServerSpec, url: &str, fault: &openai::fault::Fault) -> Failure {
    let message = format!(
        "the server of {} at {url} cannot be asked: {fault}; {}",
        spec.variant,
        fault.kind.way_out()
    );
    failure(FailureKind::Engine, message)
}

/// A wrapper that runs something else would measure what nobody has identified. That a script may
/// is known beforehand, and the run is labelled.
fn runs_what_it_should(process: &Process, found: &Identified) -> Result<(), Failure> {
    // One that is gone says so itself.
    let Some(runs) = process.executable() else {
        return Ok(());
    };
    if found.is_script || found.may_run.contains(&runs) {
        return Ok(());
    }
    let message = format!(
        "`{}` runs another program than the plan names: it is a wrapper whose program would not be \
         identified; name that program in the plan instead",
        process.shown()
    );
    Err(failure(FailureKind::BadAssignment, message))
}

fn failure(kind: FailureKind, message: String) -> Failure {
    Failure { kind, message }
}

impl Engine for Owned {
    fn submit(&mut self, batch: &mut Vec<EngineRequest>) -> Result<(), EngineError> {
        self.engine.submit(batch)
    }

    fn cancel(&mut self, index: u32) {
        self.engine.cancel(index);
    }

    fn begin_window(&mut self, window: WindowStart) {
        self.engine.begin_window(window);
    }

    fn counters(&self) -> Counters {
        self.engine.counters()
    }

    fn facts(&self) -> EngineFacts {
        self.engine.facts()
    }

    fn encode(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        self.engine.encode(text)
    }

    /// The end of the process says more than what follows from it.
    fn complaint(&self) -> Option<String> {
        let complaint = self.engine.complaint()?;
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(process) = process.as_mut() else {
            return Some(format!("the server of {} {complaint}", self.variant));
        };
        let why = match process.end() {
            Some(exit) => format!("ended ({exit})"),
            None => complaint,
        };
        Some(format!(
            "the server of {}, `{}`, {why}{}",
            self.variant,
            process.shown(),
            process.last_words()
        ))
    }
}
