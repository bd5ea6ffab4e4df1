//! Engines that are separate programs: those of the examples conform, broken ones are named in one
//! sentence, and no process is left.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "servers/conform.rs"]
mod conform;
#[path = "servers/ends.rs"]
mod ends;
#[path = "servers/nonsense.rs"]
mod nonsense;
#[path = "servers/rig.rs"]
mod rig;
