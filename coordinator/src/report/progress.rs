//! Live progress on stderr: on a terminal a bar with a status line below it, elsewhere plain lines.
//! Owns what is drawn where; [`formatter`] has the words.

mod formatter;

use std::io::{self, Write};
use std::time::{Duration, Instant};

use contract::text;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::formatter::ProgressFormatter;
use super::phrases::builds::{HOT, hot_line, profile_line};
use crate::build::BuildProgress;
use crate::dispatch::event::ProgressEvent;
use crate::plan::Plan;

/// Live progress of a run.
pub trait Progress: Send {
    /// Says before the first trial how long the run will take, at the pace of an earlier run.
    fn forecast(&mut self, takes: Duration, run: &str);
    /// Shows an event.
    fn show(&mut self, event: &ProgressEvent);
    /// The run has ended.
    fn finish(&mut self);
}

/// Live progress of a build.
pub trait BuildSteps {
    /// Shows a step.
    fn step(&mut self, step: &BuildProgress);
}

/// Progress of a run: a bar, or one line for each trial; if progress is off, only problems.
pub(crate) fn of_run(plan: &Plan, quiet: bool, terminal: bool) -> Box<dyn Progress> {
    let (formatter, begun) = (ProgressFormatter::new(plan.clone()), Instant::now());
    if quiet || !terminal {
        let trials = !quiet;
        return Box::new(Printed {
            lines: Lines { formatter, begun },
            trials,
        });
    }
    let bar = None;
    Box::new(Bar {
        formatter,
        begun,
        bar,
    })
}

/// Progress of a build: one line for each step; if progress is off, only warnings.
pub(crate) fn of_build(quiet: bool) -> Box<dyn BuildSteps> {
    Box::new(Steps { quiet })
}

/// Progress of a run as lines of text: one for each trial, and one for each problem.
pub struct Lines {
    formatter: ProgressFormatter,
    begun: Instant,
}

impl Lines {
    /// For a run that begins now.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self {
            formatter: ProgressFormatter::new(plan.clone()),
            begun: Instant::now(),
        }
    }

    /// The line for an event, if it has one.
    pub fn line(&mut self, event: &ProgressEvent) -> Option<String> {
        let at = self.begun.elapsed();
        let text = self.formatter.line(event, at)?;
        let seconds = at.as_secs_f64();
        Some(format!("[{seconds:>4.0} s] {}", text::message(&text)))
    }
}

/// Lines on stderr.
struct Printed {
    lines: Lines,
    /// Whether trials are shown, not only problems.
    trials: bool,
}

impl Progress for Printed {
    fn forecast(&mut self, takes: Duration, run: &str) {
        if self.trials {
            say(&self.lines.formatter.forecast(takes, run));
        }
    }

    fn show(&mut self, event: &ProgressEvent) {
        if !self.trials && !event.is_urgent() {
            return;
        }
        if let Some(line) = self.lines.line(event) {
            say(&line);
        }
    }

    fn finish(&mut self) {}
}

/// A bar that is redrawn.
struct Bar {
    formatter: ProgressFormatter,
    begun: Instant,
    bar: Option<ProgressBar>,
}

impl Bar {
    fn bar(&mut self, total: u32) -> &ProgressBar {
        self.bar.get_or_insert_with(|| {
            let bar =
                ProgressBar::with_draw_target(Some(total.into()), ProgressDrawTarget::stderr());
            let style =
                ProgressStyle::with_template("{elapsed_precise} [{bar:20}] {wide_msg}\n{prefix}");
            bar.set_style(style.expect("the template is valid").progress_chars("=> "));
            bar
        })
    }
}

impl Progress for Bar {
    fn forecast(&mut self, takes: Duration, run: &str) {
        say(&self.formatter.forecast(takes, run));
    }

    fn show(&mut self, event: &ProgressEvent) {
        let at = self.begun.elapsed();
        let text = self.formatter.line(event, at);
        if let Some(bar) = &self.bar {
            bar.set_prefix(text::message(&self.formatter.live(at)));
        }
        let Some(text) = text.map(|text| text::message(&text)) else {
            return;
        };
        match (event, &self.bar) {
            (ProgressEvent::Trial { done, total, .. }, _) => {
                let bar = self.bar(*total);
                bar.set_position((*done).into());
                bar.set_message(text);
            }
            (_, Some(bar)) => bar.println(text),
            (_, None) => say(&text),
        }
    }

    fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// One line for each step.
struct Steps {
    quiet: bool,
}

impl BuildSteps for Steps {
    fn step(&mut self, step: &BuildProgress) {
        let said = !self.quiet || matches!(step, BuildProgress::Warning(_));
        if let Some(text) = step_line(step).filter(|_| said) {
            say(&text);
        }
    }
}

fn step_line(step: &BuildProgress) -> Option<String> {
    Some(match step {
        BuildProgress::Compiled { .. } => return None,
        BuildProgress::Revision { name, commit } => {
            format!(
                "revision {} (commit {commit})",
                text::line(name, text::NAME)
            )
        }
        BuildProgress::Started { step } => format!("{step} …"),
        BuildProgress::Finished { step, seconds } => format!("{step} done in {seconds:.0} s"),
        BuildProgress::Reused { step } => format!("{step} is up to date"),
        BuildProgress::Profile(report) => {
            let hottest = report.hottest.iter().take(HOT).map(hot_line);
            let lines: Vec<String> = std::iter::once(format!("profile: {}", profile_line(report)))
                .chain(hottest)
                .collect();
            lines.join("\n  ").replace('\u{a0}', " ")
        }
        BuildProgress::Warning(warning) => format!("warning: {}", text::message(warning)),
    })
}

/// Prints one or more lines.
pub(crate) fn say(text: &str) {
    // Progress that cannot be written must not end a run.
    drop(writeln!(
        io::stderr(),
        "{}",
        text::block(text, text::SENTENCE)
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_a_build_are_lines_but_crates_are_not() {
        let finished = BuildProgress::Finished {
            step: "pgo",
            seconds: 61.6,
        };
        assert_eq!(step_line(&finished).as_deref(), Some("pgo done in 62 s"));
        assert_eq!(
            step_line(&BuildProgress::Compiled {
                step: "pgo",
                krate: "libc".to_owned()
            }),
            None
        );
    }
}
