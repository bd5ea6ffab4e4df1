//! Runs what the README and the pages under `docs/` tell a reader to type, block by block, in an
//! empty directory; checks every plan they show; and runs the example workflow step by step like a
//! build server.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "processes/programs.rs"]
mod programs;

#[path = "documents/blocks.rs"]
mod blocks;
#[path = "documents/candle.rs"]
mod candle;
#[path = "documents/commands.rs"]
mod commands;
#[path = "documents/plans.rs"]
mod plans;
#[path = "documents/workflow.rs"]
mod workflow;
#[path = "documents/workplace.rs"]
mod workplace;
