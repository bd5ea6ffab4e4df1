//! Shell completions and manual pages, generated from the command-line definition.

use std::path::Path;

use clap::CommandFactory;

use super::{App, ExitCode};
use crate::cli::{Cli, CompletionsArgs, ManArgs};
use crate::error::{AppError, exit};

/// Name of the program.
const PROGRAM: &str = "coordinator";

pub(super) fn completions(app: &mut App<'_>, args: &CompletionsArgs) -> Result<ExitCode, AppError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), PROGRAM, &mut script);
    app.reporter.bytes(&script)?;
    Ok(exit::OK)
}

/// Writes one page for each command, such as `coordinator-runs-list.1`, and answers with their
/// names.
pub(super) fn man(app: &mut App<'_>, args: &ManArgs) -> Result<ExitCode, AppError> {
    let failed = |source| AppError::Write {
        path: args.dir.clone(),
        source,
    };
    std::fs::create_dir_all(&args.dir).map_err(failed)?;
    let mut root = Cli::command();
    root.build();
    for page in pages(&root) {
        let (name, text) = page.map_err(failed)?;
        write(app, &args.dir.join(format!("{name}.1")), &text)?;
    }
    Ok(exit::OK)
}

fn write(app: &mut App<'_>, path: &Path, text: &[u8]) -> Result<(), AppError> {
    std::fs::write(path, text).map_err(|source| AppError::Write {
        path: path.to_owned(),
        source,
    })?;
    app.reporter.line(&path.display().to_string())?;
    Ok(())
}

type Page = std::io::Result<(String, Vec<u8>)>;

/// The page of a command and of all its subcommands.
fn pages(command: &clap::Command) -> Vec<Page> {
    let name = command.get_display_name().unwrap_or(PROGRAM).to_owned();
    let mut text = Vec::new();
    let page = clap_mangen::Man::new(command.clone())
        .title(&name)
        .render(&mut text)
        .map(|()| (name, text));
    let below = command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help");
    std::iter::once(page).chain(below.flat_map(pages)).collect()
}
