//! Runs one external program to its end and returns its output. Owns the wording of failures; must
//! not know what the programs do.

use std::process::{Command, Output};

use super::BuildError;

/// Bytes kept of a failed program's error output.
const STDERR_TAIL: usize = 4_000;

/// Runs `command` and returns its output, whatever its exit status.
pub(super) fn output(command: &mut Command, remedy: &str) -> Result<Output, BuildError> {
    command.output().map_err(|source| BuildError::ToolMissing {
        program: command.get_program().to_string_lossy().into_owned(),
        source,
        remedy: remedy.to_owned(),
    })
}

/// Runs `command` and returns its standard output; any exit status other than success is an error.
pub(super) fn stdout(command: &mut Command, remedy: &str) -> Result<String, BuildError> {
    let out = output(command, remedy)?;
    if out.status.success() {
        return Ok(String::from_utf8_lossy(&out.stdout).into_owned());
    }
    Err(failed(command, &out))
}

/// The error for a program that failed.
pub(super) fn failed(command: &Command, out: &Output) -> BuildError {
    let name = command.get_program().to_string_lossy().into_owned();
    let first = command
        .get_args()
        .next()
        .map(|arg| arg.to_string_lossy().into_owned());
    BuildError::ToolFailed {
        program: first.map_or_else(|| name.clone(), |arg| format!("{name} {arg}")),
        status: out.status.to_string(),
        stderr: tail(&String::from_utf8_lossy(&out.stderr)),
    }
}

/// The last few kilobytes of `text`, cut at a character boundary.
pub(super) fn tail(text: &str) -> String {
    let text = text.trim();
    let mut from = text.len().saturating_sub(STDERR_TAIL);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text[from..].to_owned()
}
