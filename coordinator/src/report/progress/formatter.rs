//! The wording of a run's progress. Owns the text and the estimate of the remaining time; must not
//! know results, nor where the text is drawn.

use std::time::Duration;

use contract::message::Progress as Counts;

use crate::dispatch::event::ProgressEvent;
use crate::plan::{Plan, Stop};
use crate::report::phrases::words::{NBSP, digits, nanos, wait};
use crate::schedule;

/// Status before the first phase is reported.
const LOADING: &str = "opening the engine";
/// The phase in which counts are shown.
const MEASURING: &str = "measuring";

/// Formats events as text.
pub(crate) struct ProgressFormatter {
    plan: Plan,
    pace: Pace,
    /// Remaining time, estimated when the trial began.
    left: Option<Duration>,
    /// The current phase of the trial's workers, and its start.
    phase: (&'static str, Duration),
    counts: Counts,
    /// When the trial began.
    began: Duration,
}

/// Speed at which trials complete.
#[derive(Default)]
struct Pace {
    /// When the first trial began, and how many were done then, because a resumed run begins in the
    /// middle.
    first: Option<(Duration, u32)>,
}

impl Pace {
    /// Remaining time at the mean pace so far; `None` before one trial is done.
    fn left(&mut self, at: Duration, done: u32, total: u32) -> Option<Duration> {
        let (begun, before) = *self.first.get_or_insert((at, done));
        let here = done.saturating_sub(before);
        (here > 0).then(|| (at - begun) * total.saturating_sub(done) / here)
    }
}

impl ProgressFormatter {
    pub(crate) fn new(plan: Plan) -> Self {
        let (pace, counts) = (Pace::default(), Counts::default());
        Self {
            plan,
            pace,
            left: None,
            phase: (LOADING, Duration::ZERO),
            counts,
            began: Duration::ZERO,
        }
    }

    /// How long all rounds will take, at the pace of an earlier run.
    pub(crate) fn forecast(&self, takes: Duration, run: &str) -> String {
        let (most, takes) = match self.plan.stop {
            Stop::AtEnd | Stop::Once { .. } => ("", takes),
            Stop::Decided { budget } => {
                (" at most", budget.map_or(takes, |budget| budget.min(takes)))
            }
        };
        let wait = wait(takes.as_secs_f64()).replace(NBSP, " ");
        format!("expected: about {wait}{most}, at the pace of run {run}")
    }

    /// A separate line for an event that needs one.
    pub(crate) fn line(&mut self, event: &ProgressEvent, at: Duration) -> Option<String> {
        match event {
            ProgressEvent::Gathering { have, want } => {
                Some(format!("waiting for slots: {have} of {want}"))
            }
            ProgressEvent::Trial { .. } => self.trial(event, at),
            ProgressEvent::Loaded(load) if load.parameters > 0 => Some(format!(
                "engine open: {:.1} million parameters, {} engine threads",
                load.parameters as f64 / 1e6,
                load.threads
            )),
            ProgressEvent::Note(noted) => {
                let place = self.place(noted.key.cell, noted.key.round);
                Some(format!("{place}, arm {}: {}", noted.key.arm, noted.reason))
            }
            ProgressEvent::Info(line) => Some(line.clone()),
            ProgressEvent::Stopping => {
                Some("stopping; finished blocks are kept (Ctrl-C again to stop at once)".to_owned())
            }
            ProgressEvent::Phase(phase) => {
                self.phase = (phase, at);
                None
            }
            ProgressEvent::Live(counts) => {
                self.counts = *counts;
                None
            }
            ProgressEvent::Loaded(_) => None,
        }
    }

    /// The status line: phase, answers, tokens/s, failures, the generator's lateness, remaining
    /// time.
    pub(crate) fn live(&self, at: Duration) -> String {
        let (phase, since) = self.phase;
        let c = &self.counts;
        let seconds = at.saturating_sub(since).as_secs_f64();
        let mut words = vec![phase.to_owned()];
        if phase == MEASURING && c.issued > 0 {
            words.push(format!("{} of {} done", c.completed, c.issued));
            words.push(format!(
                "{} tokens/s",
                digits(c.output_tokens as f64 / seconds.max(1e-3))
            ));
            if c.failed > 0 {
                words.push(format!("{} failed", c.failed));
            }
            words.push(format!("≤ {} late", nanos(c.late_ns as f64)));
        }
        let before = at.saturating_sub(self.began);
        let left = self.left.map(|left| left.saturating_sub(before));
        words.extend(left.map(|left| format!("{} left", wait(left.as_secs_f64()))));
        words.join(" · ").replace(NBSP, " ")
    }

    fn trial(&mut self, event: &ProgressEvent, at: Duration) -> Option<String> {
        let ProgressEvent::Trial {
            key,
            arms,
            done,
            total,
            attempt,
        } = event
        else {
            return None;
        };
        (self.phase, self.counts, self.began) = ((LOADING, at), Counts::default(), at);
        // A search, too, ends as soon as it knows enough.
        let most = matches!(self.plan.stop, Stop::Decided { .. }) || self.plan.capacity.is_some();
        self.left = self.left(at, *done, *total);
        let left = self.left.map(|left| {
            let (about, wait) = (
                if most { "at most" } else { "about" },
                wait(left.as_secs_f64()),
            );
            format!(", {about} {} left", wait.replace(NBSP, " "))
        });
        let again = if attempt.0 > 1 {
            format!(", attempt {}", attempt.0)
        } else {
            String::new()
        };
        let arms: Vec<String> = arms
            .iter()
            .map(|(arm, variant)| format!("arm {arm} ({variant})"))
            .collect();
        // A run that ends when it is decided seldom does all its rounds.
        let of = if most {
            String::new()
        } else {
            format!(" of {total}")
        };
        Some(format!(
            "trial {}{of}: {}, {}{again}{}",
            done + 1,
            self.place(key.cell, key.round),
            arms.join(" beside "),
            left.unwrap_or_default()
        ))
    }

    fn place(&self, cell: u32, round: u32) -> String {
        let name = schedule::scenario_of(&self.plan, cell);
        let most = match self.plan.stop {
            Stop::AtEnd | Stop::Once { .. } => "",
            Stop::Decided { .. } => "at most ",
        };
        match self.plan.capacity {
            None => {
                let (at, rounds) = (round / self.plan.windows + 1, self.plan.rounds);
                let window = match self.plan.windows {
                    1 => String::new(),
                    windows => format!(", window {} of {windows}", round % windows + 1),
                };
                format!("{name}, round {at} of {most}{rounds}{window}")
            }
            Some(_) => format!("{name}, visit {}", round + 1),
        }
    }

    /// Remaining time: at the pace so far, and at most the rest of the budget.
    fn left(&mut self, at: Duration, done: u32, total: u32) -> Option<Duration> {
        let left = self.pace.left(at, done, total)?;
        let begun = self.pace.first.map_or(at, |(begun, _)| begun);
        let budget = self.plan.stop.budget();
        let rest = budget.map(|budget| budget.saturating_sub(at - begun));
        Some(rest.map_or(left, |rest| rest.min(left)))
    }
}

#[cfg(test)]
mod tests {
    use contract::id::{Arm, Attempt, TrialKey};

    use super::*;
    use crate::dispatch::event::{PendingNotice, Reason};
    use crate::plan::{Overrides, Source, Until, resolve};

    #[test]
    fn a_forecast_is_at_most_the_budget() {
        let mut formatter = formatter();
        let said =
            |formatter: &ProgressFormatter| formatter.forecast(Duration::from_secs(720), "01M8");
        assert_eq!(
            said(&formatter),
            "expected: about 12 min 00 s, at the pace of run 01M8"
        );
        let budget = Some(Duration::from_secs(480));
        formatter.plan.stop = Stop::Decided { budget };
        assert_eq!(
            said(&formatter),
            "expected: about 8 min 00 s at most, at the pace of run 01M8"
        );
    }

    fn formatter() -> ProgressFormatter {
        let plan = resolve(&Source::Preset("high".to_owned()), &Overrides::default(), 1)
            .expect("a preset");
        ProgressFormatter::new(plan)
    }

    fn trial(done: u32, attempt: u32) -> ProgressEvent {
        let key = TrialKey {
            cell: 1,
            round: 2,
            arm: Arm::B,
        };
        let arms = vec![(key.arm, "pgo".to_owned())];
        ProgressEvent::Trial {
            key,
            arms,
            done,
            total: 60,
            attempt: Attempt(attempt),
        }
    }

    #[test]
    fn what_is_left_counts_from_where_this_process_began() {
        let mut pace = Pace::default();
        assert_eq!(pace.left(Duration::from_secs(5), 40, 60), None);
        assert_eq!(
            pace.left(Duration::from_secs(25), 50, 60),
            Some(Duration::from_secs(20))
        );
    }

    #[test]
    fn a_trial_is_told_with_its_place_and_a_repeated_one_with_its_attempt() {
        let mut formatter = formatter();
        let first = formatter
            .line(&trial(0, 1), Duration::ZERO)
            .expect("a line");
        assert_eq!(
            first,
            "trial 1 of 60: burst-200, round 3 of 10, arm B (pgo)"
        );
        let later = formatter
            .line(&trial(20, 2), Duration::from_secs(40))
            .expect("a line");
        assert!(
            later.ends_with("arm B (pgo), attempt 2, about 1 min 20 s left"),
            "{later}"
        );
    }

    /// The total is not known, the budget is.
    #[test]
    fn a_run_that_ends_when_it_is_decided_is_told_with_what_it_takes_at_most() {
        let flags = Overrides {
            until: Some(Until::Decided),
            budget: Some(Duration::from_secs(100)),
            ..Overrides::default()
        };
        let plan = resolve(&Source::Preset("high".to_owned()), &flags, 1).expect("a preset");
        let mut formatter = ProgressFormatter::new(plan);
        formatter.line(&trial(0, 1), Duration::ZERO);
        let later = formatter.line(&trial(20, 1), Duration::from_secs(40));
        assert_eq!(
            later.expect("a line"),
            "trial 21: burst-200, round 3 of at most 40, arm B (pgo), at most 1 min 00 s left"
        );
    }

    #[test]
    fn losses_are_told_with_their_place() {
        let key = TrialKey {
            cell: 0,
            round: 0,
            arm: Arm::A2,
        };
        let reason = Reason::WorkerFailed("worker lost".to_owned());
        let noted = PendingNotice {
            key,
            attempt: Attempt(1),
            reason,
            workers: 1,
            host: None,
        };
        let line = formatter()
            .line(&ProgressEvent::Note(noted), Duration::ZERO)
            .expect("a line");
        assert_eq!(line, "burst-100, round 1 of 10, arm A2: worker lost");
        assert_eq!(
            formatter().line(&ProgressEvent::Phase("run"), Duration::ZERO),
            None
        );
    }

    #[test]
    fn what_is_going_on_is_told_with_rates_failures_and_lateness() {
        let mut formatter = formatter();
        let at = Duration::from_secs;
        formatter.line(&trial(0, 1), at(0));
        assert_eq!(formatter.live(at(1)), "opening the engine");
        formatter.line(&trial(20, 1), at(40));
        formatter.line(&ProgressEvent::Phase("measuring"), at(42));
        let counts = Counts {
            issued: 200,
            completed: 150,
            output_tokens: 6400,
            late_ns: 210_000,
            ..Counts::default()
        };
        formatter.line(&ProgressEvent::Live(counts), at(44));
        let expected =
            "measuring · 150 of 200 done · 3200 tokens/s · ≤ 210.0 µs late · 1 min 16 s left";
        assert_eq!(formatter.live(at(44)), expected);
        assert!(expected.chars().count() <= 80);
        formatter.line(
            &ProgressEvent::Live(Counts {
                failed: 3,
                ..counts
            }),
            at(44),
        );
        assert!(formatter.live(at(44)).contains("· 3 failed ·"));
    }
}
