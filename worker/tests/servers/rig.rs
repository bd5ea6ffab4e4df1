//! Servers to be opened: the examples, and shell scripts of a few lines.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::command;
use contract::message::Failure;
use contract::spec::{Command, Demand, EngineSpec, Protocol, Reach, ServerSpec};
use worker::engine::linked::Engines;
use worker::engine::{self, Engine, EngineRequest, Opened, StepSink};
use worker::load::inbox::{Inbox, Stamped};
use worker::measure::Clock;

pub(crate) const DEMAND: Demand = Demand {
    concurrency: 4,
    tokens_per_request: 64,
};

/// Far above what anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// An open server with all it has said.
pub(crate) struct Rig {
    pub(crate) engine: Box<dyn Engine>,
    pub(crate) opened: Facts,
    inbox: Inbox,
    pub(crate) heard: Vec<Stamped>,
}

/// What is known of it.
pub(crate) struct Facts {
    pub(crate) family: worker::os::family::Family,
    pub(crate) threads: u32,
}

pub(crate) fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples")
}

/// A command as a plan would have it, identified.
pub(crate) fn spec(protocol: Protocol, line: &[&str]) -> ServerSpec {
    let reach = Reach::Command(Command {
        line: line.iter().map(|word| (*word).to_owned()).collect(),
        env: BTreeMap::new(),
        directory: examples().display().to_string(),
    });
    let path = std::env::var_os("PATH");
    let found = command::identify(&reach, path.as_deref());
    ServerSpec {
        identity: found.map(|found| found.identity).unwrap_or_default(),
        threads: 1,
        start: PATIENCE,
        ..ServerSpec::new(protocol, "candidate", reach)
    }
}

pub(crate) fn open(
    spec: &ServerSpec,
    demand: Demand,
    sink: Box<dyn StepSink>,
) -> Result<Opened, Failure> {
    let (spec, time) = (
        EngineSpec::Server(Box::new(spec.clone())),
        Clock::monotonic(),
    );
    engine::open(
        Engines::default(),
        &spec,
        demand,
        1,
        Arc::new(time),
        sink,
        &mut |_| (),
    )
}

/// An exec engine that is a shell script, ready after its first line; `rest` is what it does then.
pub(crate) fn script(rest: &str) -> ServerSpec {
    let ready = r#"read first; echo '{"ready": {"protocol": 1}}'; "#;
    spec(Protocol::Exec, &["sh", "-c", &format!("{ready}{rest}")])
}

impl Rig {
    pub(crate) fn open(spec: &ServerSpec) -> Result<Self, Failure> {
        let (inbox, clock) = (Inbox::default(), Clock::monotonic());
        inbox.attach(1 << 12);
        let opened = open(spec, DEMAND, inbox.sink(&clock))?;
        Ok(Self {
            engine: opened.engine,
            opened: Facts {
                family: opened.family.expect("it was started"),
                threads: opened.report.threads,
            },
            inbox,
            heard: Vec::new(),
        })
    }

    pub(crate) fn ask(&mut self, index: u32, tokens: u32) {
        let request = EngineRequest {
            index,
            prompt: [1, 2, 3].into(),
            max_new_tokens: tokens,
        };
        self.engine.submit(&mut vec![request]).unwrap();
    }

    /// Listens until a request, or the engine, has ended.
    pub(crate) fn listen(&mut self) {
        let until = Instant::now() + PATIENCE;
        while !self.heard.iter().any(|stamped| stamped.event.is_end()) {
            assert!(Instant::now() < until, "waited in vain: {:?}", self.heard);
            let mut news = Vec::new();
            self.inbox.take(&mut news);
            self.heard.append(&mut news);
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Why it cannot be opened.
pub(crate) fn refusal(spec: &ServerSpec) -> Failure {
    match Rig::open(spec) {
        Ok(_) => panic!("it opens"),
        Err(failure) => failure,
    }
}

/// Whether a process is there that is not over.
pub(crate) fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}
