//! Whole experiments in virtual time, from the plan over simulated engines, parts and store to the
//! verdict and the exit code: real differences are found, absent ones are seldom found, and a
//! disturbed host is refused.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "verdicts/across.rs"]
mod across;
#[path = "verdicts/calibration.rs"]
mod calibration;
#[path = "verdicts/capacity.rs"]
mod capacity;
#[path = "verdicts/experiments.rs"]
mod experiments;
#[path = "verdicts/history.rs"]
mod history;
#[path = "verdicts/interim.rs"]
mod interim;
#[path = "verdicts/lab.rs"]
mod lab;
#[path = "verdicts/saturation.rs"]
mod saturation;
#[path = "verdicts/searches.rs"]
mod searches;
#[path = "verdicts/soak.rs"]
mod soak;
#[path = "verdicts/windows.rs"]
mod windows;
#[path = "verdicts/zero.rs"]
mod zero;
