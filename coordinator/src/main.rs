//! The coordinator's program: arguments in, exit code out.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use contract::output::Output;
use coordinator::cli::Cli;
use coordinator::error::AppError;
use coordinator::{app, report};

fn main() -> ExitCode {
    let stdout = std::io::stdout();
    let terminal = std::io::stderr().is_terminal();
    let colour = stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut out = Output::new(stdout);
    let code = match Cli::try_parse() {
        Ok(cli) => {
            let (format, quiet) = (cli.format(), cli.quiet);
            let streams = report::Streams {
                out: &mut out,
                colour,
                terminal,
                quiet,
            };
            let answer = app::carry_out(cli, report::Reporter::new(format, streams));
            answer.unwrap_or_else(|error| {
                report::failure(&mut std::io::stderr(), &error);
                error.exit_code()
            })
        }
        Err(told) => {
            let text = told.render();
            let text = if colour && !told.use_stderr() {
                text.ansi().to_string()
            } else {
                text.to_string()
            };
            // If stderr is closed, a usage error cannot be reported anywhere else.
            let written = if told.use_stderr() {
                told.print()
            } else {
                out.write_all(text.as_bytes())
            };
            drop(written);
            u8::try_from(told.exit_code()).unwrap_or(coordinator::error::exit::USAGE)
        }
    };
    ExitCode::from(out.settle(code, |error| {
        report::failure(&mut std::io::stderr(), &AppError::Print(error));
    }))
}
