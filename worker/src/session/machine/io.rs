//! What the machine takes and what it decides.

use std::time::Duration;

use contract::id::Attempt;
use contract::message::{Down, Failure, LoadReport, Up};
use contract::spec::{Assignment, Demand, EngineSpec};

/// Where a worker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No engine.
    Idle,
    /// The engine is being opened.
    Loading,
    /// The engine is open, nothing to do.
    Ready,
    /// Warming up.
    Arming,
    /// Warm, waiting for the start instant.
    Armed,
    /// Requests are being sent, or will be at the start instant.
    Running,
    /// The part is on its way and not yet durable.
    Reporting,
    /// Waiting for the measuring thread to let go.
    Stopping,
    /// Nothing will happen any more.
    Left,
}

/// Something happened.
#[derive(Debug)]
pub enum Input {
    /// The coordinator spoke.
    Said(Down),
    /// The measuring thread did something.
    Did(Done),
    /// A signal asks the process to end.
    Terminate,
}

/// A result of the measuring thread. All but [`Done::Started`] end the command they answer.
#[derive(Debug, PartialEq)]
pub enum Done {
    /// The engine is open.
    Opened(LoadReport),
    /// Warmed up.
    Warm,
    /// The start instant has passed.
    Started,
    /// Measured: the part in its envelope.
    Sealed(Vec<u8>),
    /// Interrupted as asked.
    Cancelled,
    /// It cannot go on.
    Failed(Failure),
}

/// What the measuring thread is to do.
#[derive(Debug, PartialEq)]
pub enum Command {
    /// Open the engine.
    Load {
        /// What to open.
        engine: EngineSpec,
        /// What will be asked of it.
        demand: Demand,
    },
    /// Warm up for this share.
    Arm {
        /// Which try.
        attempt: Attempt,
        /// The share.
        assignment: Box<Assignment>,
    },
    /// Measure the share.
    Run {
        /// When, on the worker's own monotonic clock.
        at: Duration,
        /// How well that is known.
        uncertainty: Duration,
    },
}

/// Something is to be done.
#[derive(Debug, PartialEq)]
pub enum Action {
    /// Tell the coordinator.
    Send(Up),
    /// Give to the measuring thread, which is free.
    Command(Command),
    /// Have the measuring thread end its command early.
    Interrupt,
    /// Write the profile and tell the coordinator; this is the latest attempt.
    Flush(Attempt),
    /// Leave: nothing runs any more.
    Leave,
}
