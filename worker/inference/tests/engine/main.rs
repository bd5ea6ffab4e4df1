//! Tests of the engine through its public interface, on small random models written to files.
#![expect(clippy::unwrap_used, reason = "a failing test may panic anywhere")]

mod families;
mod invariance;
mod loading;
mod naive;
mod random_model;
mod scheduler;
mod settings;
mod weights;
