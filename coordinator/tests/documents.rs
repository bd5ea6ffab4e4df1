//! What the README and the pages under `docs/` tell a reader to type is typed here, block by block,
//! in an empty directory; every plan they show is checked; and the example workflow runs step by
//! step as a build server runs it.
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
