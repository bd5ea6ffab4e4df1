//! Live progress on stderr: a bar with a line of what is going on below it on a terminal, plain
//! lines elsewhere. Owns where what is drawn; [`teller`] has the words.

mod teller;

use std::io::{self, Write};
use std::time::Instant;

use contract::text;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::teller::Teller;
use super::human::{HOT, hot_line, profile_line};
use super::{BuildSteps, Progress, Streams};
use crate::build::BuildProgress;
use crate::dispatch::event::Sight;
use crate::plan::Plan;

/// Progress of a run: a bar, or one line a trial; where it is not wanted, only what went wrong.
pub(super) fn of_run(plan: &Plan, streams: &Streams<'_>) -> Box<dyn Progress> {
    let teller = Teller::new(plan.clone());
    match streams {
        Streams { quiet: true, .. } => losses_only(plan),
        Streams { terminal: true, .. } => Box::new(Bar {
            teller,
            begun: Instant::now(),
            bar: None,
        }),
        Streams {
            terminal: false, ..
        } => Box::new(Lines {
            teller,
            begun: Instant::now(),
            trials: true,
        }),
    }
}

/// Only what went wrong.
pub(super) fn losses_only(plan: &Plan) -> Box<dyn Progress> {
    Box::new(Lines {
        teller: Teller::new(plan.clone()),
        begun: Instant::now(),
        trials: false,
    })
}

/// Progress of a build: one line a step.
pub(super) fn of_build() -> Box<dyn BuildSteps> {
    Box::new(Steps)
}

/// One line a trial.
struct Lines {
    teller: Teller,
    begun: Instant,
    trials: bool,
}

impl Progress for Lines {
    fn sight(&mut self, sight: &Sight) {
        if !self.trials && !matches!(sight, Sight::Note(_) | Sight::Told(_) | Sight::Stopping) {
            return;
        }
        let at = self.begun.elapsed();
        if let Some(text) = self.teller.tell(sight, at) {
            say(&format!(
                "[{:>4.0} s] {}",
                at.as_secs_f64(),
                text::message(&text)
            ));
        }
    }

    fn finish(&mut self) {}
}

/// A bar that is drawn over.
struct Bar {
    teller: Teller,
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
    fn sight(&mut self, sight: &Sight) {
        let at = self.begun.elapsed();
        let text = self.teller.tell(sight, at);
        if let Some(bar) = &self.bar {
            bar.set_prefix(text::message(&self.teller.live(at)));
        }
        let Some(text) = text.map(|text| text::message(&text)) else {
            return;
        };
        match (sight, &self.bar) {
            (Sight::Trial { done, total, .. }, _) => {
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

/// One line a step.
struct Steps;

impl BuildSteps for Steps {
    fn step(&mut self, step: &BuildProgress) {
        if let Some(text) = step_line(step) {
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

/// Shows a line, or several.
pub(super) fn say(text: &str) {
    // Progress that cannot be shown must not end a run.
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
