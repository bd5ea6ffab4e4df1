//! The coordinator: plans a stress test, spreads it over workers, stores their measurements,
//! compares builds.
//!
//! Data goes one way: [`plan`] → [`schedule`] → [`dispatch`] → [`record`] → [`store`] → [`compare`]
//! → [`report`]; a search for a [`capacity`] chooses its blocks as their parts arrive.

pub mod app;
pub mod build;
pub mod capacity;
pub mod certs;
pub mod cli;
pub mod compare;
pub mod deploy;
pub mod dispatch;
pub mod doctor;
pub mod error;
pub mod fleet;
pub mod format;
pub mod history;
pub mod init;
pub mod layout;
pub mod likeness;
pub mod plan;
pub mod record;
pub mod report;
pub mod schedule;
pub mod serve;
pub mod soak;
pub mod store;
