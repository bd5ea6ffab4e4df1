//! Live progress on stderr: a bar on a terminal, plain lines elsewhere. Owns the wording and the estimate of what is
//! left; must not know results.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::human::{HOT, hot_line, profile_line, wait};
use super::{BuildSteps, Progress};
use crate::build::BuildProgress;
use crate::dispatch::event::Sight;
use crate::plan::Plan;
use crate::schedule;

/// Progress of a run: a bar, or one line a trial.
pub(super) fn of_run(plan: &Plan, terminal: bool) -> Box<dyn Progress> {
    let teller = Teller::new(plan.clone());
    if terminal {
        Box::new(Bar { teller, begun: Instant::now(), bar: None })
    } else {
        Box::new(Lines { teller, begun: Instant::now(), trials: true })
    }
}

/// Only what went wrong.
pub(super) fn losses_only(plan: &Plan) -> Box<dyn Progress> {
    Box::new(Lines { teller: Teller::new(plan.clone()), begun: Instant::now(), trials: false })
}

/// Progress of a build: one line a step.
pub(super) fn of_build() -> Box<dyn BuildSteps> {
    Box::new(Steps)
}

/// A sight in words.
struct Teller {
    plan: Plan,
    pace: Pace,
}

/// How fast trials go by.
#[derive(Default)]
struct Pace {
    /// When the first trial was seen to begin, and how many were done then: a resumed run begins in the middle.
    first: Option<(Duration, u32)>,
}

impl Pace {
    /// Time for the trials that are left, at the mean pace so far; `None` before one is done.
    fn left(&mut self, at: Duration, done: u32, total: u32) -> Option<Duration> {
        let (begun, before) = *self.first.get_or_insert((at, done));
        let here = done.saturating_sub(before);
        (here > 0).then(|| (at - begun) * total.saturating_sub(done) / here)
    }
}

impl Teller {
    fn new(plan: Plan) -> Self {
        Self { plan, pace: Pace::default() }
    }

    fn tell(&mut self, sight: &Sight, at: Duration) -> Option<String> {
        match sight {
            Sight::Gathering { have, want } => Some(format!("waiting for slots: {have} of {want}")),
            Sight::Trial { .. } => self.trial(sight, at),
            Sight::Loaded(load) if load.parameters > 0 => Some(format!(
                "engine open: {:.1} million parameters, {} engine threads",
                load.parameters as f64 / 1e6,
                load.threads
            )),
            Sight::Note(noted) => {
                let place = self.place(noted.key.scenario, noted.key.round);
                Some(format!("{place}, arm {}: {}", noted.key.arm, noted.message))
            }
            Sight::Stopping => Some("stopping; what is done is kept (Ctrl-C again to hurry)".to_owned()),
            Sight::Phase(_) | Sight::Loaded(_) => None,
        }
    }

    fn trial(&mut self, sight: &Sight, at: Duration) -> Option<String> {
        let Sight::Trial { key, variant, done, total, attempt } = sight else { return None };
        let left = self
            .pace
            .left(at, *done, *total)
            .map(|left| format!(", about {} left", wait(left.as_secs_f64()).replace('\u{a0}', " ")));
        let again = if attempt.0 > 1 { format!(", attempt {}", attempt.0) } else { String::new() };
        Some(format!(
            "trial {} of {total}: {}, arm {} ({variant}){again}{}",
            done + 1,
            self.place(key.scenario, key.round),
            key.arm,
            left.unwrap_or_default()
        ))
    }

    fn place(&self, cell: u32, round: u32) -> String {
        let (scenario, _) = schedule::of_cell(&self.plan, cell);
        let name = self.plan.scenarios.get(scenario).map_or("?", |scenario| &scenario.name);
        format!("{name}, round {} of {}", round + 1, self.plan.rounds)
    }
}

/// One line a trial.
struct Lines {
    teller: Teller,
    begun: Instant,
    trials: bool,
}

impl Progress for Lines {
    fn sight(&mut self, sight: &Sight) {
        if !self.trials && !matches!(sight, Sight::Note(_) | Sight::Stopping) {
            return;
        }
        let at = self.begun.elapsed();
        if let Some(text) = self.teller.tell(sight, at) {
            say(&format!("[{:>4.0} s] {text}", at.as_secs_f64()));
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
            let bar = ProgressBar::with_draw_target(Some(total.into()), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{elapsed_precise} [{bar:20}] {wide_msg}");
            bar.set_style(style.expect("the template is valid").progress_chars("=> "));
            bar
        })
    }
}

impl Progress for Bar {
    fn sight(&mut self, sight: &Sight) {
        let at = self.begun.elapsed();
        let Some(text) = self.teller.tell(sight, at) else { return };
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
        BuildProgress::Started { step } => format!("{step} …"),
        BuildProgress::Finished { step, seconds } => format!("{step} done in {seconds:.0} s"),
        BuildProgress::Reused { step } => format!("{step} is there and still fits"),
        BuildProgress::Profile(report) => {
            let hottest = report.hottest.iter().take(HOT).map(hot_line);
            let lines: Vec<String> =
                std::iter::once(format!("profile: {}", profile_line(report))).chain(hottest).collect();
            lines.join("\n  ").replace('\u{a0}', " ")
        }
        BuildProgress::Warning(text) => format!("warning: {text}"),
    })
}

fn say(text: &str) {
    // Progress that cannot be shown must not end a run.
    drop(writeln!(io::stderr(), "{text}"));
}

#[cfg(test)]
mod tests {
    use contract::id::{Arm, Attempt, TrialKey};
    use contract::run::NoticeKind;

    use super::*;
    use crate::dispatch::event::Noted;
    use crate::plan::{Overrides, Source, resolve};

    fn teller() -> Teller {
        let plan = resolve(&Source::Preset("high".to_owned()), &Overrides::default(), 1).expect("a preset");
        Teller::new(plan)
    }

    fn trial(done: u32, attempt: u32) -> Sight {
        let key = TrialKey { scenario: 1, round: 2, arm: Arm::B };
        Sight::Trial { key, variant: "pgo".to_owned(), done, total: 60, attempt: Attempt(attempt) }
    }

    #[test]
    fn what_is_left_counts_from_where_this_process_began() {
        let mut pace = Pace::default();
        assert_eq!(pace.left(Duration::from_secs(5), 40, 60), None);
        assert_eq!(pace.left(Duration::from_secs(25), 50, 60), Some(Duration::from_secs(20)));
    }

    #[test]
    fn a_trial_is_told_with_its_place_and_a_repeated_one_with_its_attempt() {
        let mut teller = teller();
        let first = teller.tell(&trial(0, 1), Duration::ZERO).expect("a line");
        assert_eq!(first, "trial 1 of 60: burst-200, round 3 of 10, arm B (pgo)");
        let later = teller.tell(&trial(20, 2), Duration::from_secs(40)).expect("a line");
        assert!(later.ends_with("arm B (pgo), attempt 2, about 1 min 20 s left"), "{later}");
    }

    #[test]
    fn losses_are_told_with_their_place() {
        let key = TrialKey { scenario: 0, round: 0, arm: Arm::A2 };
        let message = "worker lost".to_owned();
        let noted = Noted { key, attempt: Attempt(1), kind: NoticeKind::WorkerLost, message };
        let line = teller().tell(&Sight::Note(noted), Duration::ZERO).expect("a line");
        assert_eq!(line, "burst-100, round 1 of 10, arm A2: worker lost");
        assert_eq!(teller().tell(&Sight::Phase("run"), Duration::ZERO), None);
    }

    #[test]
    fn steps_of_a_build_are_lines_but_crates_are_not() {
        let finished = BuildProgress::Finished { step: "pgo", seconds: 61.6 };
        assert_eq!(step_line(&finished).as_deref(), Some("pgo done in 62 s"));
        assert_eq!(step_line(&BuildProgress::Compiled { step: "pgo", krate: "libc".to_owned() }), None);
    }
}
