//! Engines that are separate programs. Owns their common part: identifying the program, its
//! process, and the end of both. Each protocol has its own file. Must not know loads.

mod exec;
mod grpc;
mod held;
pub mod openai;
mod process;
mod spoken;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use contract::command::{self, Identified};
use contract::message::{Failure, FailureKind};
use contract::part::EngineFacts;
use contract::spec::{Demand, MODEL, PORT, Protocol, Reach, ServerSpec, THREADS};

use super::{
    Counters, Engine, EngineError, EngineRequest, Opened, StepSink, Time, WindowStart, threads,
};
use openai::fault::Fault;
use process::{Output, Process};

/// Set in a worker's environment if its host starts no commands that a coordinator names.
pub const NO_COMMANDS: &str = "PGO_BENCH_NO_COMMANDS";

/// Pause between two attempts to reach a server that is not ready.
const PROBE: Duration = Duration::from_millis(20);

/// What a protocol needs to open its engine.
struct Setting<'a> {
    spec: &'a ServerSpec,
    demand: Demand,
    threads: usize,
    /// The clock of arrivals.
    time: Arc<dyn Time>,
}

/// An engine with its process, which ends after it.
struct Owned {
    engine: Box<dyn Engine>,
    process: Mutex<Option<Process>>,
    variant: String,
}

/// Locates or starts the server, and opens the engine.
///
/// # Errors
/// When there is no such program, it is not the one with which the run began, it does not become
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
        time,
    };
    let (mut process, address) = match &spec.reach {
        Reach::Command(command) => {
            let port = free_port(spec.protocol)?;
            let process = started(&setting, command, &found, port)?;
            (Some(process), format!("http://127.0.0.1:{port}"))
        }
        Reach::Url(url) => (None, url.clone()),
    };
    let opened = match spec.protocol {
        Protocol::Exec => exec::open(process.as_mut(), &setting, sink),
        Protocol::Grpc => grpc::open(&address, process.as_mut(), &setting, sink),
        Protocol::OpenAi => {
            let until = Instant::now() + spec.start;
            let wait =
                &mut |fault: &Fault| more_time(process.as_mut(), &setting, &address, until, fault);
            let time = setting.time.clone();
            openai::open(&spec.openai, &address, demand, time, sink, wait, phase)
        }
    }?;
    if let Some(process) = &process {
        runs_what_it_should(process, &found)?;
    }
    phase("server");
    Ok(owned(opened, process, &spec.variant))
}

/// A port that is currently free; zero if none is needed.
fn free_port(protocol: Protocol) -> Result<u16, Failure> {
    if !protocol.has_address() {
        return Ok(0);
    }
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0));
    let address = listener.and_then(|listener| listener.local_addr());
    let port = address.map(|address| address.port());
    port.map_err(|error| {
        let message = format!("failed to find a free port for a server: {error}");
        failure(FailureKind::Engine, message)
    })
}

/// Tries again until there is an answer, the process has ended, or the plan's limit is reached.
fn until_ready<T>(
    mut process: Option<&mut Process>,
    setting: &Setting<'_>,
    mut probe: impl FnMut() -> Option<T>,
) -> Result<T, Failure> {
    let until = Instant::now() + setting.spec.start;
    loop {
        if let Some(answer) = probe() {
            return Ok(answer);
        }
        let runs = process.as_deref_mut().is_none_or(Process::runs);
        if !runs || Instant::now() > until {
            return Err(unready(&overdue(setting), process, setting));
        }
        std::thread::sleep(PROBE);
    }
}

/// Waits before the next attempt, or returns why there is none.
fn more_time(
    process: Option<&mut Process>,
    setting: &Setting<'_>,
    address: &str,
    until: Instant,
    fault: &Fault,
) -> Result<(), Failure> {
    let Some(process) = process else {
        let way_out = fault.kind.way_out();
        let why = format!("at {address} cannot be asked: {fault}; {way_out}");
        return Err(unready(&why, None, setting));
    };
    if process.runs() && Instant::now() < until {
        std::thread::sleep(PROBE);
        return Ok(());
    }
    let why = format!("{} ({fault})", overdue(setting));
    Err(unready(&why, Some(process), setting))
}

/// The error for a reached limit, with the remedy.
fn overdue(setting: &Setting<'_>) -> String {
    let seconds = setting.spec.start.as_secs_f64();
    format!("was not ready within {seconds} s: raise [server] start, or see its log")
}

/// Why a server cannot be used. If its process has ended, that is the reason, not what followed
/// from it.
fn unready(why: &str, process: Option<&mut Process>, setting: &Setting<'_>) -> Failure {
    let variant = &setting.spec.variant;
    let message = match process {
        None => format!("the server of {variant} {why}"),
        Some(process) => {
            let end = process.end();
            let why = match (end, process.left()) {
                (None, _) => why.to_owned(),
                (Some(exit), None) => {
                    format!("ended before it was ready ({exit}): try that command by hand")
                }
                (Some(exit), Some(left)) => format!(
                    "ended ({exit}) and {left}: the command must be the server itself, or wait for it"
                ),
            };
            let (shown, last) = (process.shown(), process.last_words());
            format!("the server of {variant}, `{shown}`, {why}{last}")
        }
    };
    failure(FailureKind::Engine, message)
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

/// The program on this host, if it is that of the run.
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
    port: u16,
) -> Result<Process, Failure> {
    let (threads, port) = (setting.threads.to_string(), port.to_string());
    let values = [
        (MODEL, setting.spec.model.as_str()),
        (THREADS, &threads),
        (PORT, &port),
    ];
    let filled = command.filled(&values);
    let output = match setting.spec.protocol.has_address() {
        true => Output::Logged,
        false => Output::Spoken,
    };
    Process::start(found, &filled, output).map_err(|error| {
        let message = format!(
            "failed to start `{}` for {}: {error}; correct the command or its directory in the plan",
            filled.shown(),
            setting.spec.variant
        );
        failure(FailureKind::BadAssignment, message)
    })
}

/// A wrapper that runs another program would measure a program that is not identified. A script may
/// do so, which is known beforehand, and the run is labelled.
fn runs_what_it_should(process: &Process, found: &Identified) -> Result<(), Failure> {
    // A process that has ended reports this itself.
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

    /// The end of the process is a better reason than what followed from it.
    fn complaint(&self) -> Option<String> {
        let complaint = self.engine.complaint()?;
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(process) = process.as_mut() else {
            return Some(format!("the server of {} {complaint}", self.variant));
        };
        let why = match process.end() {
            Some(exit) => match process.left() {
                Some(left) => format!("ended ({exit}) and {left}"),
                None => format!("ended ({exit})"),
            },
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
