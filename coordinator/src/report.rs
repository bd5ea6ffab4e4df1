//! The only room that prints. Owns how findings, listings, progress and errors look to people, to
//! programs and to scripts: [`human`], [`json`] and [`quiet`] are three implementations of one
//! trait; [`markdown`] and [`junit`] are two more forms of a comparison, [`html`] is a page of
//! everything, and [`export`] writes the formats of other tools. Data goes to stdout, progress and
//! errors to stderr. It derives nothing: every figure comes from the rooms that own it.
//! [`document`] is the published shape of a run in JSON.

pub mod document;
pub mod export;
mod html;
mod human;
mod json;
mod junit;
mod markdown;
mod progress;
mod quiet;

use std::io::{self, Write};

use contract::text;

use crate::build::{self, BuildProgress};
use crate::cli::Format;
use crate::compare::{Explanation, Findings};
use crate::dispatch::event::Sight;
use crate::doctor::Check;
use crate::error::AppError;
use crate::history::{Across, AcrossLine, Calibration, Fate, Trend};
use crate::plan::{Ahead, Plan};
use crate::store::{Compacted, Rebuilt, RunRecord, RunSummary, Verified};

pub use html::{is_page, page};
pub use json::{document as run_document, summary_json};

/// Where things are printed.
pub struct Streams<'a> {
    /// Data.
    pub out: &'a mut (dyn Write + Send),
    /// Whether colour may carry meaning on it.
    pub colour: bool,
    /// Whether progress may be drawn over on stderr.
    pub terminal: bool,
    /// Whether progress is wanted at all; what goes wrong is said anyway.
    pub quiet: bool,
}

/// Shows what commands found.
pub trait Reporter {
    /// A run's verdict and comparison.
    ///
    /// # Errors
    /// When stdout cannot be written.
    fn findings(&mut self, findings: &Findings) -> io::Result<()>;
    /// How the answer about one metric came about, in every scenario.
    ///
    /// # Errors
    /// When stdout cannot be written.
    fn explained(
        &mut self,
        findings: &Findings,
        explanations: &[Explanation<'_>],
    ) -> io::Result<()>;
    /// Everything a run measured.
    ///
    /// # Errors
    /// When stdout cannot be written.
    fn full(&mut self, findings: &Findings) -> io::Result<()>;
    /// A plan's history.
    ///
    /// # Errors
    /// When stdout cannot be written.
    fn trend(&mut self, trend: &Trend) -> io::Result<()>;
    /// Runs of different times side by side.
    ///
    /// # Errors
    /// When stdout cannot be written.
    fn across(&mut self, across: &Across) -> io::Result<()>;
    /// How the answer about one measure over runs came about.
    ///
    /// # Errors
    /// When stdout cannot be written.
    fn across_explained(&mut self, across: &Across, lines: &[&AcrossLine]) -> io::Result<()>;
    /// How much noise a host makes.
    ///
    /// # Errors
    /// When stdout cannot be written.
    fn calibrated(&mut self, calibration: &Calibration) -> io::Result<()>;
    /// A list of runs, newest first.
    ///
    /// # Errors
    /// When stdout cannot be written.
    fn runs(&mut self, runs: &[RunSummary]) -> io::Result<()>;
    /// How a run was made and what became of it; the record needs no parts.
    ///
    /// # Errors
    /// When stdout cannot be written.
    fn shown(&mut self, record: &RunRecord, summary: &RunSummary) -> io::Result<()>;
    /// What a build left.
    ///
    /// # Errors
    /// When stdout cannot be written.
    fn built(&mut self, outcomes: &[build::Outcome]) -> io::Result<()>;
    /// What the machine has and lacks.
    ///
    /// # Errors
    /// When stdout cannot be written.
    fn checks(&mut self, checks: &[Check]) -> io::Result<()>;
    /// A plan with every default written out.
    ///
    /// # Errors
    /// When stdout cannot be written.
    fn plan(&mut self, plan: &Plan, ahead: &[Ahead]) -> io::Result<()>;
    /// Which stored runs are sound.
    ///
    /// # Errors
    /// When stdout cannot be written.
    fn verified(&mut self, verified: &Verified) -> io::Result<()>;
    /// What could be brought back.
    ///
    /// # Errors
    /// When stdout cannot be written.
    fn rebuilt(&mut self, rebuilt: &Rebuilt) -> io::Result<()>;
    /// Which runs went, or would go.
    ///
    /// # Errors
    /// When stdout cannot be written.
    fn pruned(&mut self, runs: &[RunSummary], fates: &[Fate], gone: bool) -> io::Result<()>;
    /// How much smaller the database became.
    ///
    /// # Errors
    /// When stdout cannot be written.
    fn compacted(&mut self, compacted: &Compacted) -> io::Result<()>;
    /// One line of data.
    ///
    /// # Errors
    /// When stdout cannot be written.
    fn line(&mut self, text: &str) -> io::Result<()>;
    /// A file's bytes as they are.
    ///
    /// # Errors
    /// When stdout cannot be written.
    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// What should be known before anything is done, on stderr.
    fn warn(&mut self, warning: &str) {
        progress::say(&format!("warning: {}", text::message(warning)));
    }
    /// Live progress of a run, on stderr.
    fn progress(&mut self, plan: &Plan) -> Box<dyn Progress>;
    /// Live progress of a build, on stderr.
    fn build_progress(&mut self) -> Box<dyn BuildSteps>;
}

/// Live progress of a run.
pub trait Progress: Send {
    /// Something can be seen.
    fn sight(&mut self, sight: &Sight);
    /// The run is over.
    fn finish(&mut self);
}

/// Live progress of a build.
pub trait BuildSteps {
    /// Something happened.
    fn step(&mut self, step: &BuildProgress);
}

/// A form of comparisons for other tools.
struct Form {
    /// Of the variants of one run.
    run: fn(&Findings) -> String,
    /// Of runs of different times.
    across: fn(&Across) -> String,
}

/// The reporter of a format.
#[must_use]
pub fn reporter<'a>(format: Format, streams: Streams<'a>) -> Box<dyn Reporter + 'a> {
    match format {
        Format::Human
        | Format::Hlog
        | Format::Hgrm
        | Format::Csv
        | Format::OpenMetrics
        | Format::Trace => Box::new(human::Human {
            streams,
            document: None,
        }),
        Format::Markdown => Box::new(human::Human {
            streams,
            document: Some(markdown::FORM),
        }),
        Format::Junit => Box::new(human::Human {
            streams,
            document: Some(junit::FORM),
        }),
        Format::Json => Box::new(json::Json { streams }),
        Format::Quiet => Box::new(quiet::Quiet { streams }),
    }
}

/// Why a command has no answer, in one sentence.
pub fn failure(err: &mut dyn Write, error: &AppError) {
    // A message that cannot be written has nowhere else to go.
    drop(writeln!(
        err,
        "error: {}",
        text::message(&error.to_string())
    ));
}
