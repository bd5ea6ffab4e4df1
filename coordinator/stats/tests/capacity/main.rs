//! Capacity: searches over queues in virtual time, and planning.

mod coverage;
mod drive;
mod models;
mod outcomes;
