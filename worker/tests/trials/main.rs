//! Whole trials, from an open engine to a part.

mod allocation;
mod broken;
mod half_hour;
mod open_loops;
mod real_time;
mod requests;
mod rig;
mod virtual_time;
