//! The one thread that owns the engine and measures. Takes commands from the session and gives each
//! exactly one final result. Must not know the session, and never waits for the network.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use contract::id::Attempt;
use contract::identity::Sha256;
use contract::message::{Failure, FailureKind, Progress};
use contract::part::{Origin, Part};
use contract::record::Record;
use contract::spec::Assignment;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::machine::{Command, Done};
use super::processors::Processors;
use crate::engine::linked::Engines;
use crate::measure::{Clock, ColdStart};
use crate::profile;
use crate::trial::{Control, OpenEngine, StartAt, TrialEnd};

/// The session's handle on the measuring thread.
#[derive(Debug)]
pub(super) struct Measuring {
    orders: Sender<Job>,
    /// Control of the attempt that was armed last.
    control: Arc<Control>,
    thread: JoinHandle<()>,
}

/// Facts that do not change during a process.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// Origin of the parts; the assignment gives the variant.
    pub origin: Origin,
    /// Cold start so far.
    pub cold: ColdStart,
    /// Workers that may run on this host at a time.
    pub slots: u32,
    /// Its processors.
    pub processors: Processors,
    /// Digest over every byte of the model, computed by the agent.
    pub model: Option<Sha256>,
    /// Engines that the program links.
    pub engines: Engines,
}

struct Job {
    command: Command,
    control: Arc<Control>,
}

/// State that the thread keeps between commands.
struct Bench {
    identity: Identity,
    engine: Option<OpenEngine>,
    share: Option<(Attempt, Box<Assignment>)>,
    results: UnboundedSender<Done>,
}

impl Measuring {
    /// Starts the thread. Its results come through the receiver, which ends if the thread panics.
    pub(super) fn start(identity: Identity) -> std::io::Result<(Self, UnboundedReceiver<Done>)> {
        let (orders, incoming) = mpsc::channel();
        let (results, outgoing) = unbounded_channel();
        let bench = Bench {
            identity,
            engine: None,
            share: None,
            results,
        };
        let thread = std::thread::Builder::new()
            .name("measure".to_owned())
            .spawn(move || bench.work(&incoming))?;
        Ok((
            Self {
                orders,
                control: Control::new(),
                thread,
            },
            outgoing,
        ))
    }

    /// Gives a command; the thread must be free.
    pub(super) fn command(&mut self, command: Command) {
        if matches!(command, Command::Arm { .. }) {
            // A new one for every attempt, so that no interruption and no count of an older one
            // remains.
            self.control = Control::new();
        }
        // If the thread has ended, the end of its results shows it.
        let _ = self.orders.send(Job {
            command,
            control: Arc::clone(&self.control),
        });
    }

    /// Interrupts the current command, if possible.
    pub(super) fn interrupt(&self) {
        self.control.cancel();
    }

    /// Counts of the current attempt so far.
    pub(super) fn progress(&self, attempt: Attempt) -> Progress {
        self.control.progress(attempt)
    }

    /// Ends the thread and waits for it; the current command is interrupted.
    ///
    /// # Errors
    /// When the thread has panicked.
    pub(super) fn end(self) -> std::thread::Result<()> {
        self.control.cancel();
        drop(self.orders);
        self.thread.join()
    }
}

impl Bench {
    fn work(mut self, orders: &Receiver<Job>) {
        while let Ok(Job { command, control }) = orders.recv() {
            let done = self
                .carry_out(command, &control)
                .unwrap_or_else(Done::Failed);
            // Without a receiver the session is over, and the next receive ends this loop.
            let _ = self.results.send(done);
        }
    }

    fn carry_out(&mut self, command: Command, control: &Control) -> Result<Done, Failure> {
        match command {
            Command::Load { engine, demand } => {
                let Identity {
                    cold,
                    slots,
                    processors,
                    model,
                    engines,
                    ..
                } = self.identity.clone();
                let engine = processors.fitted(engine)?;
                let engine = OpenEngine::open_with(
                    engines,
                    &engine,
                    demand,
                    slots,
                    &Clock::monotonic(),
                    cold,
                )?;
                let engine = engine.of_verified(model);
                let report = engine.report();
                self.engine = Some(engine);
                Ok(Done::Opened(report))
            }
            Command::Arm {
                attempt,
                assignment,
            } => self.warm_up(attempt, assignment, control),
            Command::Run { at, uncertainty } => self.run(StartAt { at, uncertainty }, control),
        }
    }

    fn warm_up(
        &mut self,
        attempt: Attempt,
        assignment: Box<Assignment>,
        control: &Control,
    ) -> Result<Done, Failure> {
        let engine = self.engine.as_mut().expect("an arm follows a load");
        if !engine.warm_up(&assignment, control)? {
            return Ok(Done::Cancelled);
        }
        // The profile covers only the measured load, without loading and warm-up.
        profile::reset();
        self.share = Some((attempt, assignment));
        Ok(Done::Warm)
    }

    fn run(&mut self, start: StartAt, control: &Control) -> Result<Done, Failure> {
        let (attempt, assignment) = self.share.take().expect("a start follows an arm");
        let engine = self.engine.as_mut().expect("an arm follows a load");
        let origin = Origin {
            variant: assignment.variant.clone(),
            ..self.identity.origin.clone()
        };
        match engine.run(&assignment, start, origin, attempt, control, &mut || ()) {
            TrialEnd::Part(part) => seal(&part),
            TrialEnd::Cancelled => Ok(Done::Cancelled),
            TrialEnd::Failed(failure) => Err(failure),
        }
    }
}

fn seal(part: &Part) -> Result<Done, Failure> {
    part.seal().map(Done::Sealed).map_err(|error| Failure {
        kind: FailureKind::Engine,
        message: format!("failed to seal the part: {error}"),
    })
}
