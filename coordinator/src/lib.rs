//! The coordinator.

pub mod build;
pub mod dispatch;
pub mod fleet;
pub mod plan;
pub mod record;
pub mod schedule;
pub mod store;
