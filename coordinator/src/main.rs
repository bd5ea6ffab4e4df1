//! The coordinator's program: arguments in, exit code out.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use coordinator::cli::Cli;
use coordinator::error::AppError;
use coordinator::{app, report};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = std::io::stdout();
    let terminal = std::io::stderr().is_terminal();
    let colour = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let format = cli.format();
    let streams = report::Streams { out: &mut out, colour, terminal, quiet: cli.quiet };
    let mut reporter = report::reporter(format, streams);
    match app::carry_out(cli, &mut *reporter) {
        Ok(code) => ExitCode::from(code),
        // Whoever read the output has seen enough (`… | head`).
        Err(AppError::Print(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            drop(reporter);
            report::failure(&mut std::io::stderr(), &error);
            ExitCode::from(error.exit_code())
        }
    }
}
