//! The only module that prints. Owns how findings, listings, progress and errors look to people, to
//! programs and to scripts. Data goes to stdout, progress and errors to stderr. Derives nothing:
//! every figure comes from the module that owns it.
//!
//! The layers, from the lowest: [`phrases`] has the language, [`tables`] data in columns,
//! [`render`] the forms, [`charts`] drawings, [`pages`] a whole comparison in one form, and
//! [`answers`] the output of each command as text, as JSON and for scripts. [`export`] writes the
//! formats of other tools; [`document`] is the published shape of a run in JSON, which [`json`]
//! fills.

pub mod answers;
mod charts;
pub mod document;
pub mod export;
mod json;
mod pages;
mod phrases;
mod progress;
mod render;
mod tables;

use std::io::{self, Write};

use contract::text;

use crate::error::AppError;
use crate::format::Format;
use crate::plan::Plan;
use crate::serve::JobView;
use crate::store::Snapshot;

pub use json::{document as run_document, search_summary_json, summary_json};
pub use pages::capacity::capacity_page;
pub use pages::html::{is_page, page};
pub use progress::{BuildSteps, Lines, Progress};
pub use render::json::Json;
pub use render::text::Page;

/// The output streams.
pub struct Streams<'a> {
    /// Standard output, for data.
    pub out: &'a mut (dyn Write + Send),
    /// Whether it may be coloured.
    pub colour: bool,
    /// Whether stderr is a terminal, where progress may be redrawn.
    pub terminal: bool,
    /// Whether progress is suppressed. Problems are reported anyway.
    pub quiet: bool,
}

/// The result of a command, in every form.
pub trait Answer {
    /// Text for people.
    fn text(&self, page: &mut Page);

    /// One JSON document, for programs.
    ///
    /// # Errors
    /// When stdout cannot be written.
    fn json(&self, to: &mut Json<'_>) -> io::Result<()>;

    /// Lines for scripts: ids and verdicts.
    fn quiet(&self) -> Vec<String>;

    /// A comparison for another tool; `None` if the text form is used.
    fn document(&self, _: Tool) -> Option<String> {
        None
    }
}

/// A tool that reads a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// Markdown, for a pull request.
    Markdown,
    /// JUnit XML, for a build server.
    Junit,
}

/// Prints answers in one format.
pub struct Reporter<'a> {
    format: Format,
    streams: Streams<'a>,
}

impl<'a> Reporter<'a> {
    /// A reporter that prints to `streams`.
    #[must_use]
    pub fn new(format: Format, streams: Streams<'a>) -> Self {
        Self { format, streams }
    }

    /// Prints the result of a command.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn say(&mut self, answer: &dyn Answer) -> io::Result<()> {
        let tool = match self.format {
            Format::Json => return answer.json(&mut Json::new(self.streams.out)),
            Format::Quiet => return answer.quiet().iter().try_for_each(|line| self.line(line)),
            Format::Markdown => Some(Tool::Markdown),
            Format::Junit => Some(Tool::Junit),
            _ => None,
        };
        if let Some(document) = tool.and_then(|tool| answer.document(tool)) {
            return self.bytes(text::block(&document, usize::MAX).as_bytes());
        }
        let mut page = Page::new(self.streams.colour);
        answer.text(&mut page);
        self.bytes(page.finish().as_bytes())
    }

    /// Prints one line of data.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        match self.format {
            Format::Json => Json::new(self.streams.out).answer("text", text),
            Format::Quiet => writeln!(self.streams.out, "{}", text::line(text, text::SENTENCE)),
            _ => writeln!(self.streams.out, "{}", text::block(text, usize::MAX)),
        }
    }

    /// Whether the output may be coloured.
    #[must_use]
    pub fn colours(&self) -> bool {
        self.streams.colour
    }

    /// Prints a file's bytes unchanged.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.streams.out.write_all(bytes)
    }

    /// Prints a warning before anything is done, on stderr.
    pub fn warn(&mut self, warning: &str) {
        progress::say(&format!("warning: {}", text::message(warning)));
    }

    /// Says that what follows is read from a snapshot of the store, on stderr.
    pub fn beside(&mut self, snapshot: Snapshot) {
        progress::say(&phrases::beside::beside(snapshot));
    }

    /// Says what became of a job that is watched, on stderr.
    pub fn follow_job(&self, job: &JobView) {
        if self.format != Format::Quiet && !self.streams.quiet {
            progress::say(&phrases::jobs::job(job));
        }
    }

    /// Shows a line of progress of a job that is watched, on stderr.
    pub fn follow_line(&self, line: &str) {
        if self.format != Format::Quiet && !self.streams.quiet {
            progress::say(&text::message(line));
        }
    }

    /// Live progress of a run, on stderr.
    pub fn progress(&mut self, plan: &Plan) -> Box<dyn Progress> {
        let quiet = self.streams.quiet || self.format == Format::Quiet;
        progress::of_run(plan, quiet, self.streams.terminal)
    }

    /// Live progress of a build, on stderr.
    pub fn build_progress(&mut self) -> Box<dyn BuildSteps> {
        progress::of_build(self.format == Format::Quiet)
    }
}

/// Prints a line of a server on stderr.
pub fn tell(line: &str) {
    progress::say(&text::message(line));
}

/// Prints what became of jobs on the server's stderr: one line for each whose state has changed.
pub fn changed_jobs(before: &[JobView], now: &[JobView]) {
    let changed = now.iter().filter(|job| {
        let old = before.iter().find(|old| old.id == job.id);
        old.is_none_or(|old| (&old.state, &old.reason) != (&job.state, &job.reason))
    });
    changed.for_each(|job| tell(&phrases::jobs::job(job)));
}

/// Prints why a command failed, in one sentence.
pub fn failure(err: &mut dyn Write, error: &AppError) {
    // If this write fails there is nowhere else to report it.
    drop(writeln!(
        err,
        "error: {}",
        text::message(&error.to_string())
    ));
}
