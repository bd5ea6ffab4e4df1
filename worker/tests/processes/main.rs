//! Agents and workers as real processes on loopback, against a minimal coordinator.
#![expect(clippy::unwrap_used, reason = "tests")]

mod agents;
mod commands;
mod conditions;
mod coordinator;
mod hostile;
mod models;
mod programs;
mod workers;
