//! Whole trials, from an open engine to a part.
#![expect(clippy::unwrap_used, reason = "tests")]

mod allocation;
mod broken;
mod lengths;
mod open_loops;
mod real_time;
mod replay;
mod requests;
mod rig;
mod stops;
mod vetting;
mod virtual_time;
