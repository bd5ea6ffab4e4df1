//! Whole trials, from an open engine to a part.

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
