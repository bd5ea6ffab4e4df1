//! The worker.

pub mod agent;
pub mod cli;
pub mod engine;
pub mod error;
pub mod load;
pub mod measure;
pub mod os;
pub mod profile;
pub mod session;
mod signals;
pub mod stream;
pub mod trial;
