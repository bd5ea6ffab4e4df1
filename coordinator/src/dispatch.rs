//! Runs a schedule on a fleet: [`core`] decides, [`driver`] acts.
//!
//! The core is a pure state machine: events in, effects out. It alone decides which peers are
//! admitted, which host each slot is on, which trial runs next and what a loss costs. Because it is
//! pure, every difficult order of events is a plain unit test. The driver turns sessions, timers,
//! signals and the store into events and performs the effects. Neither interprets a measured value.

pub mod core;
pub mod driver;
pub mod event;
pub mod job;
pub mod journal;
pub mod orders;
mod peer;
mod peers;
pub mod reason;
mod slots;
mod trial;
mod vet;
