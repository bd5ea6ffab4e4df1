//! Engines that are separate programs: the client of OpenAI-compatible servers against the referee,
//! against servers that break every rule, and against the conformance suite.

mod conformance;
mod hostile;
mod program;
mod referee;
mod rig;
