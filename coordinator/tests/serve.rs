//! Queue and schedules of the server in simulated time: changes of the clock, hours without a server,
//! failures of every kind, and crashes between any two steps.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "serve/crashes.rs"]
mod crashes;
#[path = "serve/failures.rs"]
mod failures;
#[path = "serve/office.rs"]
mod office;
#[path = "serve/schedules.rs"]
mod schedules;
