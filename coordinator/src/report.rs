//! The only room that prints. Owns how findings, listings, progress and errors look to people, to
//! programs and to scripts. Data goes to stdout, progress and errors to stderr. It derives nothing:
//! every figure comes from the rooms that own it.
//!
//! From the words up: [`phrases`] are the language, [`tables`] are data in columns, [`render`] has
//! the forms, [`charts`] draw, [`pages`] put a comparison together in one form, and [`answers`]
//! say what a command found as text, as JSON and for scripts. [`export`] writes the formats of
//! other tools; [`document`] is the published shape of a run in JSON, which [`json`] fills.

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

pub use json::{document as run_document, summary_json};
pub use pages::html::{is_page, page};
pub use progress::{BuildSteps, Progress};
pub use render::json::Json;
pub use render::text::Page;

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

/// What a command found, in every form.
pub trait Answer {
    /// For people.
    fn text(&self, page: &mut Page);

    /// For programs: one document.
    ///
    /// # Errors
    /// When stdout cannot be written.
    fn json(&self, to: &mut Json<'_>) -> io::Result<()>;

    /// For scripts: ids and verdicts, one a line.
    fn quiet(&self) -> Vec<String>;

    /// A comparison for another tool; `None` where people's form serves.
    fn document(&self, _: Tool) -> Option<String> {
        None
    }
}

/// What reads a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// A pull request.
    Markdown,
    /// A build server.
    Junit,
}

/// Says answers in one format.
pub struct Reporter<'a> {
    format: Format,
    streams: Streams<'a>,
}

impl<'a> Reporter<'a> {
    /// A reporter that prints there.
    #[must_use]
    pub fn new(format: Format, streams: Streams<'a>) -> Self {
        Self { format, streams }
    }

    /// Says what a command found.
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

    /// One line of data.
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

    /// A file's bytes as they are.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.streams.out.write_all(bytes)
    }

    /// What should be known before anything is done, on stderr.
    pub fn warn(&mut self, warning: &str) {
        progress::say(&format!("warning: {}", text::message(warning)));
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

/// Why a command has no answer, in one sentence.
pub fn failure(err: &mut dyn Write, error: &AppError) {
    // A message that cannot be written has nowhere else to go.
    drop(writeln!(
        err,
        "error: {}",
        text::message(&error.to_string())
    ));
}
