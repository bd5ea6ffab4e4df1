//! Carries out a schedule on a fleet: [`core`] decides, [`driver`] acts.
//!
//! The core is a pure state machine, events in and effects out, so that every hard order of events
//! is a plain test: it alone decides who is let in, where slots are, whose turn it is and what a
//! loss costs. The driver turns sessions, timers, signals and the store into events and performs
//! the effects. Neither knows what a number means.

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
