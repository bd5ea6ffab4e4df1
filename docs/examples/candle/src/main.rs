use std::process::ExitCode;

use worker::engine::linked::Engines;

fn main() -> ExitCode {
    worker::main_with(Engines(&[candle_worker::ENGINE]))
}
