//! Decides what a worker does next. Pure: no socket, no thread, no clock. Messages of the
//! coordinator and results of the measuring thread go in, actions come out.
//!
//! ```text
//!           ┌───────────────────────────── PartStored ──────────────────────────────┐
//!           ▼                                                                       │
//! Idle ─Load→ Loading ─opened→ Ready ─Arm→ Arming ─warm→ Armed ─Start→ Running ─sealed→ Reporting
//!   ▲           │ failed         ▲           │             │             │              │
//!   └───────────┘                └───────────┴── failed ───┼─────────────┘              │
//!                                ▲                         │ illegal                    │
//!                                ├─────────────────────────┴────────────────────────────┘
//! Loading, Arming, Running ─illegal→ Stopping ─the thread is free→ Idle or Ready
//! any ─Drain, signal→ draining: what runs is finished (Drain) or stopped (signal), then Left
//! ```
//! The measuring thread has at most one command, and every command has exactly one result, so
//! results need no number. Attempts never decrease within a session: messages of an older attempt,
//! or of one that is already over, are ignored and counted.

use std::time::Duration;

use contract::id::Attempt;
use contract::message::{
    Failure, FailureKind, FromPeer, LoadReport, PART_CHUNK, PartChunk, ToPeer,
};
use contract::spec::{Assignment, Demand, EngineSpec};

/// State of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No engine.
    Idle,
    /// The engine is being opened.
    Loading,
    /// The engine is open and idle.
    Ready,
    /// Warming up.
    Arming,
    /// Warm, waiting for the start instant.
    Armed,
    /// Requests are being sent, or will be at the start instant.
    Running,
    /// The part is being sent and is not durable yet.
    Reporting,
    /// Waiting until the measuring thread is free.
    Stopping,
    /// Final state.
    Left,
}

/// An event.
#[derive(Debug)]
pub enum Input {
    /// The coordinator sent a message.
    Said(ToPeer),
    /// The measuring thread has a result.
    Did(Done),
    /// A signal asks the process to end.
    Terminate,
}

/// A result of the measuring thread, which ends its command.
#[derive(Debug, PartialEq)]
pub enum Done {
    /// The engine is open.
    Opened(LoadReport),
    /// Warmed up.
    Warm,
    /// Measured: the part in its envelope.
    Sealed(Vec<u8>),
    /// Interrupted on request.
    Cancelled,
    /// It failed.
    Failed(Failure),
}

/// A command to the measuring thread.
#[derive(Debug, PartialEq)]
pub enum Command {
    /// Open the engine.
    Load {
        /// The engine to open.
        engine: EngineSpec,
        /// The demand that it must meet.
        demand: Demand,
    },
    /// Warm up for this share.
    Arm {
        /// Attempt.
        attempt: Attempt,
        /// The share.
        assignment: Box<Assignment>,
    },
    /// Measure the share.
    Run {
        /// The start instant, on the worker's own monotonic clock.
        at: Duration,
        /// Its uncertainty.
        uncertainty: Duration,
    },
}

/// An action to perform.
#[derive(Debug, PartialEq)]
pub enum Action {
    /// Send to the coordinator.
    Send(FromPeer),
    /// Give to the measuring thread, which is free.
    Command(Command),
    /// Interrupt the measuring thread's command.
    Interrupt,
    /// Write the profile and report to the coordinator; this is the latest attempt.
    Flush(Attempt),
    /// Leave: nothing is running any more.
    Leave,
}

/// The state of a worker.
#[derive(Debug)]
pub struct Machine {
    state: State,
    /// The attempt of the last load or arm.
    attempt: Attempt,
    /// Nothing more is expected of that attempt.
    over: bool,
    /// The engine is open.
    open: bool,
    draining: bool,
    ignored: u64,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            state: State::Idle,
            attempt: Attempt(0),
            over: true,
            open: false,
            draining: false,
            ignored: 0,
        }
    }
}

impl Machine {
    /// Its current state.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// The attempt in progress.
    #[must_use]
    pub fn attempt(&self) -> Option<Attempt> {
        (!self.over).then_some(self.attempt)
    }

    /// Number of messages of older or finished attempts.
    #[must_use]
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Handles one input and returns the actions to perform, in order.
    pub fn on(&mut self, input: Input) -> Vec<Action> {
        if self.state == State::Left {
            return Vec::new();
        }
        let mut actions = match input {
            Input::Said(down) if self.is_late(&down) => {
                self.ignored += 1;
                Vec::new()
            }
            Input::Said(down) => self.said(down),
            Input::Did(done) => self.did(done),
            Input::Terminate => self.terminate(),
        };
        if self.draining && matches!(self.state, State::Idle | State::Ready) {
            self.state = State::Left;
            actions.push(Action::Leave);
        }
        actions
    }

    fn said(&mut self, down: ToPeer) -> Vec<Action> {
        match (self.state, down) {
            (_, ToPeer::Drain) => self.drain(),
            (State::Idle | State::Ready | State::Armed | State::Reporting, ToPeer::Flush) => {
                vec![Action::Flush(self.attempt)]
            }
            (
                State::Idle,
                ToPeer::Load {
                    attempt,
                    engine,
                    demand,
                },
            ) => self.begin(attempt, State::Loading, Command::Load { engine, demand }),
            (
                State::Ready,
                ToPeer::Arm {
                    attempt,
                    assignment,
                },
            ) => self.begin(
                attempt,
                State::Arming,
                Command::Arm {
                    attempt,
                    assignment,
                },
            ),
            (
                State::Armed,
                ToPeer::Start {
                    attempt,
                    at,
                    uncertainty,
                },
            ) if attempt == self.attempt => {
                self.begin(attempt, State::Running, Command::Run { at, uncertainty })
            }
            (State::Reporting, ToPeer::PartStored(attempt)) if attempt == self.attempt => {
                self.rest()
            }
            (state, down) => self.illegal(state, &down),
        }
    }

    fn did(&mut self, done: Done) -> Vec<Action> {
        self.open |= matches!(done, Done::Opened(_));
        match (self.state, done) {
            (State::Stopping, _) => self.rest(),
            (State::Loading, Done::Opened(report)) => {
                // Loaded and waiting: an arm order continues the attempt.
                self.state = State::Ready;
                vec![Action::Send(FromPeer::Loaded {
                    attempt: self.attempt,
                    report,
                })]
            }
            (State::Arming, Done::Warm) => {
                self.state = State::Armed;
                vec![Action::Send(FromPeer::Armed(self.attempt))]
            }
            (State::Running, Done::Sealed(bytes)) => {
                self.state = State::Reporting;
                pieces(self.attempt, &bytes)
            }
            (_, Done::Failed(failure)) => {
                self.rest();
                vec![Action::Send(FromPeer::Failed {
                    attempt: self.attempt,
                    failure,
                })]
            }
            _ => self.rest(),
        }
    }

    fn begin(&mut self, attempt: Attempt, state: State, command: Command) -> Vec<Action> {
        self.attempt = attempt;
        self.over = false;
        self.state = state;
        vec![Action::Command(command)]
    }

    /// Drain: a running measurement is completed, preparations are stopped.
    fn drain(&mut self) -> Vec<Action> {
        self.draining = true;
        match self.state {
            State::Loading | State::Arming | State::Armed => self.stop(),
            _ => Vec::new(),
        }
    }

    fn terminate(&mut self) -> Vec<Action> {
        self.draining = true;
        match self.state {
            State::Loading | State::Arming | State::Armed | State::Running => self.stop(),
            State::Reporting => self.rest(),
            _ => Vec::new(),
        }
    }

    /// Stops whatever is running.
    fn stop(&mut self) -> Vec<Action> {
        match self.state {
            State::Loading | State::Arming | State::Running => {
                self.state = State::Stopping;
                vec![Action::Interrupt]
            }
            State::Stopping => Vec::new(),
            _ => self.rest(),
        }
    }

    /// Nothing more is expected of the attempt, and nothing has to be done.
    fn rest(&mut self) -> Vec<Action> {
        self.over = true;
        self.state = if self.open { State::Ready } else { State::Idle };
        Vec::new()
    }

    /// Reports the illegal message and gives the attempt up, because the two sides disagree about
    /// its state.
    fn illegal(&mut self, state: State, down: &ToPeer) -> Vec<Action> {
        let attempt = attempt_of(down).unwrap_or(self.attempt);
        let message = format!(
            "the worker is {state:?} and cannot take the message {}",
            name(down)
        );
        let failure = Failure {
            kind: FailureKind::Protocol,
            message,
        };
        let mut actions = vec![Action::Send(FromPeer::Failed { attempt, failure })];
        actions.extend(self.stop());
        actions
    }

    /// Whether a message belongs to an older attempt, or to one of which nothing more is expected.
    fn is_late(&self, down: &ToPeer) -> bool {
        let Some(attempt) = attempt_of(down) else {
            return false;
        };
        let goes_on = matches!(down, ToPeer::Start { .. } | ToPeer::PartStored(_));
        attempt < self.attempt || (attempt == self.attempt && self.over && goes_on)
    }
}

fn attempt_of(down: &ToPeer) -> Option<Attempt> {
    match down {
        ToPeer::Load { attempt, .. }
        | ToPeer::Arm { attempt, .. }
        | ToPeer::Start { attempt, .. }
        | ToPeer::PartStored(attempt) => Some(*attempt),
        _ => None,
    }
}

fn name(down: &ToPeer) -> &'static str {
    match down {
        ToPeer::Welcome(_) => "welcome",
        ToPeer::Refused { .. } => "refused",
        ToPeer::Ping { .. } => "ping",
        ToPeer::Spawn(_) => "spawn",
        ToPeer::Stop { .. } => "stop",
        ToPeer::BuildChunk(_) => "build chunk",
        ToPeer::Load { .. } => "load",
        ToPeer::Arm { .. } => "arm",
        ToPeer::Start { .. } => "start",
        ToPeer::PartStored(_) => "part stored",
        ToPeer::Flush => "flush",
        ToPeer::Drain => "drain",
    }
}

fn pieces(attempt: Attempt, bytes: &[u8]) -> Vec<Action> {
    let count = bytes.chunks(PART_CHUNK).len();
    (0..)
        .zip(bytes.chunks(PART_CHUNK))
        .map(|(seq, piece)| {
            let last = seq as usize + 1 == count;
            Action::Send(FromPeer::Part(PartChunk {
                attempt,
                seq,
                last,
                bytes: piece.to_vec(),
            }))
        })
        .collect()
}

#[cfg(test)]
mod tests;
