//! The worker: the process that is measured, and the agent that starts such processes on a host.
//!
//! An [`engine`] answers requests, [`load`] offers them, [`measure`] times them, [`trial`] combines
//! these into one part; [`session`] runs trials on a coordinator's orders, and [`agent`] never
//! measures anything itself. [`bench`] compares the engine with the limits of the machine. Must not
//! know the coordinator beyond the contract, nor which variant it is.

#[cfg(feature = "native")]
pub mod agent;
#[cfg(feature = "native")]
pub mod bench;
pub mod causes;
#[cfg(feature = "native")]
pub mod cli;
pub mod conformance;
pub mod engine;
pub mod error;
pub mod generator_limit;
pub mod load;
pub mod measure;
#[cfg(feature = "native")]
pub mod model;
pub mod os;
pub mod profile;
pub mod program;
#[cfg(feature = "native")]
pub mod referee;
pub mod session;
mod signals;
pub mod stream;
#[cfg(feature = "native")]
mod tail;
pub mod trial;

pub use program::main_with;
