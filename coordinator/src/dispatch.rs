//! Carries out a schedule on a fleet: [`core`] decides, [`driver`] acts.
//!
//! The core is a pure state machine, events in and effects out, so that every hard order of events is a plain test.
//! The driver turns sessions, timers, signals and the store into events and the core's effects into messages. Neither
//! knows what a number means.

pub mod core;
pub mod driver;
pub mod event;
pub mod journal;
pub mod orders;
mod roster;
mod seats;
mod trial;
mod vet;
