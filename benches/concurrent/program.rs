//! Runs a built `concurrent_inference` and parses its report. A run with a failed request is an
//! error and never a time. Must not know Criterion.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

/// The work of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand {
    /// Requests released together.
    pub(crate) concurrent: u32,
    /// Tokens of each prompt.
    pub(crate) prompt_tokens: u32,
    /// A built program.
    pub(crate) output_tokens: u32,
}

/// A build.
#[derive(Debug)]
pub(crate) struct Program {
    /// `baseline` or `pgo`.
    pub(crate) name: &'static str,
    pub(crate) path: PathBuf,
}

/// The report of a run.
#[derive(Debug, PartialEq)]
pub(crate) struct Report {
    /// Time from the release of all requests to the end of the last, without process start and
    /// loading.
    pub(crate) wall: Duration,
    /// SHA-256 of the program's file.
    pub(crate) sha256: String,
    /// Whether it is instrumented for profiling.
    pub(crate) instrumented: bool,
}

/// Why a run is not a measurement.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("{path} cannot be started: {source}")]
    Start {
        path: PathBuf,
        source: std::io::Error,
    },
    /// It reported the reason; exit code 1 means that a request failed.
    #[error("{path} ended with {status}:\n{text}")]
    Ended {
        path: PathBuf,
        status: String,
        text: String,
    },
    #[error("{path} answered {ok} of {asked} requests: {failed}")]
    Failed {
        path: PathBuf,
        ok: u64,
        asked: u64,
        failed: String,
    },
    #[error(
        "{path} is no concurrent_inference of this version: it printed no such figures but {line}"
    )]
    Unreadable { path: PathBuf, line: String },
}

impl Program {
    /// One run.
    pub(crate) fn run(&self, model: &Path, demand: Demand) -> Result<Report, RunError> {
        let output = Command::new(&self.path)
            .arg("--json")
            .arg("--model-path")
            .arg(model)
            .args(["--concurrent", &demand.concurrent.to_string()])
            .args(["--prompt-tokens", &demand.prompt_tokens.to_string()])
            .args(["--max-tokens", &demand.output_tokens.to_string()])
            .output()
            .map_err(|source| RunError::Start {
                path: self.path.clone(),
                source,
            })?;
        self.judge(&output, demand)
    }

    fn judge(&self, output: &Output, demand: Demand) -> Result<Report, RunError> {
        let path = || self.path.clone();
        let line = String::from_utf8_lossy(&output.stdout);
        let figures = serde_json::from_str(&line).unwrap_or(serde_json::Value::Null);
        let count = |name: &str| figures["requests"][name].as_u64();
        if let (Some(asked), Some(ok)) = (count("asked"), count("ok"))
            && (ok != asked || asked != u64::from(demand.concurrent))
        {
            let failed = figures["requests"]["failed"].to_string();
            return Err(RunError::Failed {
                path: path(),
                ok,
                asked,
                failed,
            });
        }
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(RunError::Ended {
                path: path(),
                status: output.status.to_string(),
                text,
            });
        }
        let text = line.chars().take(200).collect();
        read(&figures).ok_or_else(|| RunError::Unreadable {
            path: path(),
            line: text,
        })
    }
}

fn read(figures: &serde_json::Value) -> Option<Report> {
    figures["requests"]["ok"].as_u64()?;
    Some(Report {
        wall: Duration::from_nanos(figures["wall_ns"].as_u64().filter(|wall| *wall > 0)?),
        sha256: figures["sha256"].as_str()?.to_owned(),
        instrumented: figures["instrumented"].as_bool()?,
    })
}
