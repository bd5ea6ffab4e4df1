//! The worker program. An agent starts it for every trial.

use std::process::ExitCode;

use worker::engine::linked::Engines;

const ENGINES: Engines = Engines(&[my_engine::ENGINE]);

fn main() -> ExitCode {
    worker::main_with(ENGINES)
}
