//! A complete worker program that links an engine: `fn main() -> ExitCode {
//! worker::main_with(ENGINES) }`. An agent starts it as `PROGRAM join`; `PROGRAM engines` prints
//! the engines it links. Besides `main.rs`, the only place of the worker that writes to standard
//! output or standard error.

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use contract::output::Output;
use contract::text;
use tokio::runtime::{Builder, Runtime};

use crate::engine::linked::Engines;
use crate::error::WorkerError;
use crate::measure::{Clock, ColdStart};
use crate::session::join::{self, Handover};

/// One measured process.
#[derive(Debug, Parser)]
#[command(version, about, after_help = NOTES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Join a coordinator as a measured process; an agent starts it and passes everything in its
    /// environment
    Join,
    /// Print the engines that this program links, with the JSON schemas of their options
    Engines,
}

const NOTES: &str = "The agent of each host (`worker agent`) starts this program as `join`.\nExit \
                     codes: 0 ended as requested, 2 wrong usage or I/O, 3 refused by the \
                     coordinator, 4 coordinator not reached in time, 5 session lost";

/// The whole `main` of a worker. Call it first: time spent before it is missing from the cold
/// start.
#[must_use]
pub fn main_with(engines: Engines) -> ExitCode {
    let cold = ColdStart::at_main(&Clock::monotonic());
    let mut out = Output::new(std::io::stdout());
    let outcome = match Cli::parse().command {
        Command::Join => join(cold, engines),
        Command::Engines => {
            drop(writeln!(out, "{:#}", engines.described()));
            Ok(())
        }
    };
    // Return, not exit: an instrumented build writes its profile when main returns.
    ExitCode::from(out.settle(code(outcome), |error| {
        say(&format!("error: failed to print the results: {error}"));
    }))
}

/// The exit code of a result, after an error was printed.
pub fn code(outcome: Result<(), WorkerError>) -> u8 {
    match outcome {
        Ok(()) => 0,
        Err(error) => {
            say(&format!("error: failed to {error}"));
            error.exit_code()
        }
    }
}

/// Makes foreign text inside harmless, such as a coordinator's message or a file's. A failed write
/// is ignored.
pub fn say(text: &str) {
    drop(writeln!(std::io::stderr(), "{}", text::message(text)));
}

/// One session as a measured process.
///
/// # Errors
/// When this was not started by an agent, the coordinator refuses, or the session is lost.
pub fn join(mut cold: ColdStart, engines: Engines) -> Result<(), WorkerError> {
    let handover = Handover::from_env(|name| std::env::var(name).ok())?;
    let runtime = runtime()?;
    cold.mark("runtime");
    let summary = runtime.block_on(join::run(&handover, cold, engines))?;
    if summary.ignored > 0 {
        say(&format!(
            "ignored {} messages of older attempts",
            summary.ignored
        ));
    }
    Ok(())
}

/// A single-threaded runtime: the agent's children die with the thread that started them, and the
/// worker's measuring thread must not be disturbed.
///
/// # Errors
/// When the system refuses.
pub fn runtime() -> Result<Runtime, WorkerError> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(WorkerError::Runtime)
}
