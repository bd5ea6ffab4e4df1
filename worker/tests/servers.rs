//! Engines that are programs of their own: those of the examples conform, those that are broken on
//! purpose are named in one sentence, and nothing that was started is left.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "servers/conform.rs"]
mod conform;
#[path = "servers/ends.rs"]
mod ends;
#[path = "servers/nonsense.rs"]
mod nonsense;
#[path = "servers/rig.rs"]
mod rig;
