//! The whole system as users run it: real processes on loopback with simulated engines, killed and
//! stopped in every way that a host knows, and the store afterwards.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "interpreter/mod.rs"]
mod interpreter;
#[path = "processes/native.rs"]
mod native;
#[path = "processes/programs.rs"]
mod programs;
#[path = "processes/sandbox.rs"]
mod sandbox;
#[path = "processes/tally.rs"]
mod tally;

#[path = "processes/beside.rs"]
mod beside;
#[path = "processes/capacity.rs"]
mod capacity;
#[path = "processes/doubts.rs"]
mod doubts;
#[path = "processes/errors.rs"]
mod errors;
#[path = "processes/examples.rs"]
mod examples;
#[path = "processes/history.rs"]
mod history;
#[path = "processes/interim.rs"]
mod interim;
#[path = "processes/interrupts.rs"]
mod interrupts;
#[path = "processes/layouts.rs"]
mod layouts;
#[path = "processes/losses.rs"]
mod losses;
#[path = "processes/modes.rs"]
mod modes;
#[path = "processes/openai.rs"]
mod openai;
#[path = "processes/outputs.rs"]
mod outputs;
#[path = "processes/replaced.rs"]
mod replaced;
#[path = "processes/resume.rs"]
mod resume;
#[path = "processes/server.rs"]
mod server;
#[path = "processes/server_access.rs"]
mod server_access;
#[path = "processes/servers.rs"]
mod servers;
#[path = "processes/soak.rs"]
mod soak;
#[path = "processes/variants.rs"]
mod variants;
#[path = "processes/windows.rs"]
mod windows;
