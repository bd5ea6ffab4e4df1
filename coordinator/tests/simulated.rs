//! The coordinator's sessions and its event loop over in-memory pipes, in virtual time: every limit
//! is tested to the instant, and no test waits.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "simulated/fleet.rs"]
mod fleet;
#[path = "honest/mod.rs"]
mod honest;
#[path = "simulated/notebook.rs"]
mod notebook;
#[path = "simulated/peer.rs"]
mod peer;
#[path = "simulated/runs.rs"]
mod runs;
#[path = "simulated/sessions.rs"]
mod sessions;
