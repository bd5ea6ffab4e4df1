//! Capacity: searches over queues in virtual time, and planning.

mod concurrency;
mod confirm;
mod coverage;
mod drive;
mod models;
mod outcomes;
