//! One process, one model, N requests released together: measures the engine under that load, and
//! reports tables for people or one JSON line (`--json`). Exit code 0 if every request was
//! answered, 1 if one was not, 2 if nothing could be measured. The only file of the program that
//! prints.

mod args;
mod burst;
mod figures;
mod identity;
mod machine;
mod place;
mod setup;
#[cfg(test)]
mod tests;
mod views;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use self::args::{Args, Asked};
use self::figures::Figures;
use self::setup::{Engine, Opened, Trouble};

/// A request was not answered.
const FAILED: u8 = 1;
/// Nothing was measured.
const UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    let age = machine::since_exec();
    let measured = match args::parse(std::env::args().skip(1)) {
        Ok(Asked::Help) => Ok((args::HELP.to_owned(), 0)),
        Ok(Asked::Run(args)) => measure(&args, age).map_err(|trouble| trouble.to_string()),
        Err(error) => Err(format!("❌ {error}\n\n{}", args::HELP)),
    };
    // A reader that closes the pipe, as `head` does, is not a failure of the measurement.
    match measured {
        Ok((text, code)) => {
            let _gone = writeln!(std::io::stdout(), "{}", text.trim_end());
            ExitCode::from(code)
        }
        Err(text) => {
            let _gone = writeln!(std::io::stderr(), "{}", text.trim_end());
            ExitCode::from(UNUSABLE)
        }
    }
}

/// The output and the exit code; `age` is the age of the process at its first line.
fn measure(args: &Args, age: Option<Duration>) -> Result<(String, u8), Trouble> {
    let Opened { engine, cold } = setup::open(args, age)?;
    let Engine {
        mut batcher,
        tokenizer,
        prompt,
    } = engine;
    let burst = burst::run(&mut batcher, &prompt, args.concurrent, args.max_tokens);
    let figures = Figures::of(&burst, cold, batcher.model(), prompt.len(), args.max_tokens);
    let text = match args.json {
        true => figures.json(),
        false => views::all(&figures, args.verbose.then_some((&burst, &tokenizer))),
    };
    let code = if figures.requests.ok == figures.requests.asked {
        0
    } else {
        FAILED
    };
    Ok((text, code))
}
