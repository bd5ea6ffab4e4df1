//! What a worker does next. Pure: no socket, no thread, no clock; words of the coordinator and
//! results of the measuring thread go in, actions come out.
//!
//! ```text
//!           ┌───────────────────────────── PartStored ──────────────────────────────┐
//!           ▼                                                                       │
//! Idle ─Load→ Loading ─opened→ Ready ─Arm→ Arming ─warm→ Armed ─Start→ Running ─sealed→ Reporting
//!   ▲           │ failed         ▲           │             │             │              │
//!   └───────────┘                └───────────┴── failed ───┼─────────────┘              │
//!                                ▲                         │ Cancel, illegal            │
//!                                ├─────────────────────────┴────────────────────────────┘
//! Loading, Arming, Running ─Cancel, illegal→ Stopping ─the thread is free→ Idle or Ready
//! any ─Drain, signal→ draining: what runs is finished (Drain) or stopped (signal), then Left
//! ```
//! Cancel is legal in every state and answered by `Stopped` once nothing runs any more. The
//! measuring thread has at most one command, and every command has exactly one final result, so a
//! result needs no number. Attempts never decrease within a session: what belongs to an older one,
//! or to one that is already over, is ignored and counted.

mod io;

pub use io::{Action, Command, Done, Input, State};

use contract::id::Attempt;
use contract::message::{Down, Failure, FailureKind, PART_CHUNK, PartChunk, Up};

/// The state of a worker.
#[derive(Debug)]
pub struct Machine {
    state: State,
    /// The attempt of the last load, arm or cancel.
    attempt: Attempt,
    /// Nothing more is expected of that attempt.
    over: bool,
    /// The engine is open.
    open: bool,
    /// While stopping: the attempt whose end is to be told.
    answer: Option<Attempt>,
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
            answer: None,
            draining: false,
            ignored: 0,
        }
    }
}

impl Machine {
    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// The attempt that is being worked on.
    #[must_use]
    pub fn attempt(&self) -> Option<Attempt> {
        (!self.over).then_some(self.attempt)
    }

    /// Messages of older or finished attempts so far.
    #[must_use]
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Takes one input and says what to do about it, in this order.
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

    fn said(&mut self, down: Down) -> Vec<Action> {
        match (self.state, down) {
            (_, Down::Cancel(attempt)) => self.cancel(attempt),
            (_, Down::Drain) => self.drain(),
            (State::Idle | State::Ready | State::Armed | State::Reporting, Down::Flush) => {
                vec![Action::Flush(self.attempt)]
            }
            (
                State::Idle,
                Down::Load {
                    attempt,
                    engine,
                    demand,
                },
            ) => self.begin(attempt, State::Loading, Command::Load { engine, demand }),
            (
                State::Ready,
                Down::Arm {
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
                Down::Start {
                    attempt,
                    at,
                    uncertainty,
                },
            ) if attempt == self.attempt => {
                self.begin(attempt, State::Running, Command::Run { at, uncertainty })
            }
            (State::Reporting, Down::PartStored(attempt)) if attempt == self.attempt => {
                self.rest();
                Vec::new()
            }
            (state, down) => self.illegal(state, &down),
        }
    }

    fn did(&mut self, done: Done) -> Vec<Action> {
        self.open |= matches!(done, Done::Opened(_));
        match (self.state, done) {
            (State::Stopping, Done::Started) => Vec::new(),
            (State::Stopping, _) => self.stopped(),
            (State::Loading, Done::Opened(report)) => {
                // Loaded and waiting: the attempt goes on with an arm, a cancel is still its own.
                self.state = State::Ready;
                vec![Action::Send(Up::Loaded {
                    attempt: self.attempt,
                    report,
                })]
            }
            (State::Arming, Done::Warm) => {
                self.state = State::Armed;
                vec![Action::Send(Up::Armed(self.attempt))]
            }
            (State::Running, Done::Started) => vec![Action::Send(Up::Started(self.attempt))],
            (State::Running, Done::Sealed(bytes)) => {
                self.state = State::Reporting;
                pieces(self.attempt, &bytes)
            }
            (_, Done::Failed(failure)) => {
                self.rest();
                vec![Action::Send(Up::Failed {
                    attempt: self.attempt,
                    failure,
                })]
            }
            _ => {
                self.answer = Some(self.attempt);
                self.stopped()
            }
        }
    }

    fn begin(&mut self, attempt: Attempt, state: State, command: Command) -> Vec<Action> {
        self.attempt = attempt;
        self.over = false;
        self.state = state;
        vec![Action::Command(command)]
    }

    fn cancel(&mut self, attempt: Attempt) -> Vec<Action> {
        self.attempt = attempt;
        self.stop(Some(attempt))
    }

    /// Finish and leave: what is being measured is finished, what is only being prepared is not.
    fn drain(&mut self) -> Vec<Action> {
        self.draining = true;
        match self.state {
            State::Loading | State::Arming | State::Armed => self.stop(Some(self.attempt)),
            _ => Vec::new(),
        }
    }

    fn terminate(&mut self) -> Vec<Action> {
        self.draining = true;
        match self.state {
            State::Loading | State::Arming | State::Armed | State::Running => {
                self.stop(Some(self.attempt))
            }
            State::Reporting => {
                self.rest();
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// Ends whatever is done, and tells the end of this attempt once nothing runs any more.
    fn stop(&mut self, answer: Option<Attempt>) -> Vec<Action> {
        match self.state {
            State::Loading | State::Arming | State::Running => {
                self.answer = answer;
                self.state = State::Stopping;
                vec![Action::Interrupt]
            }
            State::Stopping => {
                self.answer = answer.or(self.answer);
                Vec::new()
            }
            _ => {
                self.answer = answer;
                self.stopped()
            }
        }
    }

    fn stopped(&mut self) -> Vec<Action> {
        self.rest();
        self.answer
            .take()
            .map(|attempt| Action::Send(Up::Stopped(attempt)))
            .into_iter()
            .collect()
    }

    fn rest(&mut self) {
        self.over = true;
        self.state = if self.open { State::Ready } else { State::Idle };
    }

    /// Tells what is wrong and gives the attempt up: the two sides do not agree on where it stands.
    fn illegal(&mut self, state: State, down: &Down) -> Vec<Action> {
        let attempt = attempt_of(down).unwrap_or(self.attempt);
        let message = format!(
            "the worker is {state:?} and cannot take the message {}",
            name(down)
        );
        let failure = Failure {
            kind: FailureKind::Protocol,
            message,
        };
        let mut actions = vec![Action::Send(Up::Failed { attempt, failure })];
        actions.extend(self.stop(None));
        actions
    }

    /// Whether a message belongs to an attempt that is older or of which nothing more is expected.
    fn is_late(&self, down: &Down) -> bool {
        let Some(attempt) = attempt_of(down) else {
            return false;
        };
        let goes_on = matches!(down, Down::Start { .. } | Down::PartStored(_));
        attempt < self.attempt || (attempt == self.attempt && self.over && goes_on)
    }
}

fn attempt_of(down: &Down) -> Option<Attempt> {
    match down {
        Down::Load { attempt, .. }
        | Down::Arm { attempt, .. }
        | Down::Start { attempt, .. }
        | Down::Cancel(attempt)
        | Down::PartStored(attempt) => Some(*attempt),
        _ => None,
    }
}

fn name(down: &Down) -> &'static str {
    match down {
        Down::Welcome(_) => "welcome",
        Down::Refused { .. } => "refused",
        Down::Ping { .. } => "ping",
        Down::Spawn(_) => "spawn",
        Down::Stop { .. } => "stop",
        Down::BuildChunk(_) => "build chunk",
        Down::Load { .. } => "load",
        Down::Arm { .. } => "arm",
        Down::Start { .. } => "start",
        Down::Cancel(_) => "cancel",
        Down::PartStored(_) => "part stored",
        Down::Flush => "flush",
        Down::Drain => "drain",
    }
}

fn pieces(attempt: Attempt, bytes: &[u8]) -> Vec<Action> {
    let count = bytes.chunks(PART_CHUNK).len();
    (0..)
        .zip(bytes.chunks(PART_CHUNK))
        .map(|(seq, piece)| {
            let last = seq as usize + 1 == count;
            Action::Send(Up::Part(PartChunk {
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
