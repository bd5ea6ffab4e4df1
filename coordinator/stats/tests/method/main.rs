//! The seeded proofs of the method (docs/method.md, tests a–g, the pure part), each with a negative
//! control that shows the proof can fail.

mod exact;

mod many;
mod noise;
mod paired;
mod pooled;
mod sequential;
mod verdicts;
mod window;
mod windows;
mod zero;
