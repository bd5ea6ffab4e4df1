//! A worker process: one session, one measuring thread, and the loop that passes the machine's
//! decisions between them. Owns the names of the environment variables that an agent sets; decides
//! nothing itself.

use std::time::Duration;

use contract::PROTOCOL;
use contract::id::{Attempt, Ticket};
use contract::identity::Sha256;
use contract::message::{Failure, FailureKind, FromPeer, Hello, OWN_PROCESSORS, Role};
use contract::part::Origin;
use tokio::sync::mpsc::UnboundedReceiver;

use super::access::Access;
use super::link::{Event, Link, LinkError};
use super::machine::{Action, Done, Input, Machine};
use super::measuring::{Identity, Measuring};
use super::processors::Processors;
use crate::engine::linked::Engines;
use crate::error::WorkerError;
use crate::measure::{self, ColdStart};
use crate::profile;
use crate::signals::Signals;

/// The ticket that links this process to its slot.
pub const TICKET: &str = "PGO_BENCH_TICKET";
/// Number of workers that may run on this host at a time, including this one; default one.
pub const SLOTS: &str = "PGO_BENCH_SLOTS";
/// Slot of this worker, from zero.
pub const SLOT: &str = "PGO_BENCH_SLOT";
/// Digest over every byte of the model to open, if the agent was to compute it.
pub const MODEL: &str = "PGO_BENCH_MODEL_SHA256";

/// How long to try to connect: the coordinator has just ordered this process.
const PATIENCE: Duration = Duration::from_secs(10);

/// What an agent passes to a worker.
#[derive(Clone, Debug)]
pub struct Handover {
    access: Access,
    ticket: Ticket,
    slot: u32,
    slots: u32,
    /// Whether the host's processors are divided among its slots.
    own_processors: bool,
    model: Option<Sha256>,
}

/// Summary of a worker that ended normally.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Number of messages of older attempts that were ignored.
    pub ignored: u64,
}

/// One worker during its session.
struct Worker {
    link: Link,
    machine: Machine,
    measuring: Measuring,
}

/// The variables of a handover.
#[cfg(feature = "native")]
pub(crate) fn environment(
    access: &Access,
    ticket: Ticket,
    slot: u32,
    slots: u32,
) -> Vec<(String, String)> {
    let own = [
        (TICKET, ticket.0.to_string()),
        (SLOT, slot.to_string()),
        (SLOTS, slots.to_string()),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value));
    access.environment().into_iter().chain(own).collect()
}

/// The variable with the model digest that the agent computed.
#[cfg(feature = "native")]
pub(crate) fn verified(model: Sha256) -> (String, String) {
    (MODEL.to_owned(), model.to_string())
}

impl Handover {
    /// From the environment that an agent has set.
    ///
    /// # Errors
    /// When a variable is missing or invalid: this command is for agents, not for users.
    pub fn from_env(variable: impl Fn(&str) -> Option<String>) -> Result<Self, WorkerError> {
        let get = |name| variable(name).ok_or(WorkerError::Environment { name });
        let ticket = get(TICKET)?
            .parse()
            .map_err(|_| WorkerError::Environment { name: TICKET })?;
        let number = |name, unset| {
            let number = variable(name).map_or(Ok(unset), |number| number.parse());
            number.map_err(|_| WorkerError::Environment { name })
        };
        let (slot, slots) = (number(SLOT, 0)?, number(SLOTS, 1)?);
        let own_processors = variable(OWN_PROCESSORS).is_some();
        let read =
            |hex: String| Sha256::from_hex(&hex).ok_or(WorkerError::Environment { name: MODEL });
        let model = variable(MODEL).map(read).transpose()?;
        let access = Access::from_env(variable)?;
        Ok(Self {
            access,
            ticket: Ticket(ticket),
            slot,
            slots,
            own_processors,
            model,
        })
    }
}

/// Joins the coordinator and serves it until told to leave.
///
/// # Errors
/// When it is refused, cannot reach the coordinator, loses the session, or the measuring thread
/// panics.
pub async fn run(
    handover: &Handover,
    cold: ColdStart,
    engines: Engines,
) -> Result<Summary, WorkerError> {
    // Before any other thread is started, because later threads inherit the processors of this one.
    let processors = match handover.own_processors {
        true => Processors::take(handover.slot, handover.slots),
        false => Processors::Shared,
    };
    let mut signals = Signals::catch().map_err(WorkerError::Signals)?;
    let join = async {
        let asked = handover.clone();
        let hello = introduce(move || hello(&asked)).await?;
        let link = Link::dial(&handover.access, &hello, Some(PATIENCE)).await?;
        Ok::<_, WorkerError>((hello, link))
    };
    let (hello, link) = tokio::select! {
        joined = join => joined?,
        () = signals.next() => return Ok(Summary::default()),
    };
    let origin = Origin {
        variant: String::new(),
        exe_sha256: hello.build.exe_sha256,
        instrumented: hello.build.instrumented,
        hostname: hello.host.hostname,
    };
    let identity = Identity {
        origin,
        cold,
        slots: handover.slots,
        processors,
        model: handover.model,
        engines,
    };
    let (measuring, results) = Measuring::start(identity).map_err(WorkerError::Thread)?;
    Worker {
        link,
        machine: Machine::default(),
        measuring,
    }
    .serve(results, &mut signals)
    .await
}

/// Makes a hello on another thread, because that hashes the program and reads the host's facts,
/// while the runtime's only thread serves signals.
///
/// # Errors
/// When it panics.
pub(crate) async fn introduce<T: Send + 'static>(
    make: impl FnOnce() -> T + Send + 'static,
) -> Result<T, WorkerError> {
    let made = tokio::task::spawn_blocking(make).await;
    made.map_err(|_| WorkerError::Panicked)
}

fn hello(handover: &Handover) -> Hello {
    Hello {
        protocol: PROTOCOL,
        token: handover.access.secrets.token.clone(),
        pid: std::process::id(),
        build: measure::build_info(profile::is_instrumented()),
        host: measure::host_facts(),
        role: Role::Worker {
            ticket: handover.ticket,
        },
    }
}

fn flush(attempt: Attempt) -> FromPeer {
    match profile::flush() {
        Ok(written) => FromPeer::Flushed(written),
        Err(error) => {
            let failure = Failure {
                kind: FailureKind::Engine,
                message: error.to_string(),
            };
            FromPeer::Failed { attempt, failure }
        }
    }
}

impl Worker {
    async fn serve(
        mut self,
        mut results: UnboundedReceiver<Done>,
        signals: &mut Signals,
    ) -> Result<Summary, WorkerError> {
        let ended = loop {
            let input = tokio::select! {
                biased;
                event = self.link.next() => match event {
                    Ok(Event::Said(down)) => Input::Said(down),
                    Ok(Event::BeatDue) => {
                        self.beat();
                        continue;
                    }
                    Err(lost) => break Err(lost),
                },
                done = results.recv() => match done {
                    Some(done) => Input::Did(done),
                    // The thread has ended; joining it tells why.
                    None => break Ok(()),
                },
                () = signals.next() => Input::Terminate,
            };
            if self.take(input) {
                break Ok(());
            }
        };
        self.end(ended).await
    }

    fn beat(&self) {
        let progress = self
            .machine
            .attempt()
            .map(|attempt| self.measuring.progress(attempt));
        self.link.send(FromPeer::Beat(progress));
    }

    /// Performs the machine's decisions; returns true when it is time to leave.
    fn take(&mut self, input: Input) -> bool {
        let mut leave = false;
        for action in self.machine.on(input) {
            match action {
                Action::Send(up) => self.link.send(up),
                Action::Command(command) => self.measuring.command(command),
                Action::Interrupt => self.measuring.interrupt(),
                // Writing takes a while, and the coordinator's pings must be answered meanwhile.
                Action::Flush(attempt) => {
                    let say = self.link.voice();
                    drop(tokio::task::spawn_blocking(move || say(flush(attempt))));
                }
                Action::Leave => leave = true,
            }
        }
        leave
    }

    /// Opening an engine cannot be cancelled, so the session is kept alive until the thread has
    /// ended.
    async fn end(self, ended: Result<(), LinkError>) -> Result<Summary, WorkerError> {
        let Self {
            mut link,
            machine,
            measuring,
        } = self;
        let mut thread = tokio::task::spawn_blocking(move || measuring.end());
        let mut open = ended.is_ok();
        let joined = loop {
            tokio::select! {
                joined = &mut thread => break joined,
                event = link.next(), if open => match event {
                    Ok(Event::BeatDue) => link.send(FromPeer::Beat(None)),
                    Ok(Event::Said(_)) => {}
                    Err(_) => open = false,
                },
            }
        };
        joined
            .map_err(|_| WorkerError::Panicked)?
            .map_err(|_| WorkerError::Panicked)?;
        link.close().await;
        ended?;
        Ok(Summary {
            ignored: machine.ignored(),
        })
    }
}

#[cfg(test)]
mod tests {
    use contract::credentials::TOKEN_VARIABLE;

    use super::*;
    use crate::session::access::COORDINATOR;

    #[test]
    fn a_missing_or_wrong_variable_is_named() {
        let right = |name: &str| {
            if name == MODEL {
                Sha256::default().to_string()
            } else {
                "7".to_owned()
            }
        };
        for missing in [COORDINATOR, TOKEN_VARIABLE, TICKET] {
            let wrong = Handover::from_env(|name| (name != missing).then(|| right(name)));
            assert!(matches!(wrong, Err(WorkerError::Environment { name }) if name == missing));
        }
        for wrong in [TICKET, SLOTS, SLOT, MODEL] {
            let value = |name: &str| {
                Some(if name == wrong {
                    "x".to_owned()
                } else {
                    right(name)
                })
            };
            let wrongly = Handover::from_env(value);
            assert!(matches!(wrongly, Err(WorkerError::Environment { name }) if name == wrong));
        }
    }

    #[tokio::test]
    async fn the_runtime_goes_on_while_a_hello_is_made() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let made = introduce(move || receiver.recv_timeout(Duration::from_secs(60)));
        // Polled second: a hello that blocked the runtime's thread would wait for it in vain.
        let beside = async { sender.send(7).expect("the hello waits") };
        let (made, ()) = tokio::join!(made, beside);
        assert!(matches!(made, Ok(Ok(7))), "{made:?}");
    }
}
