//! The search for the capacity. Owns which probe comes next and when the search ends; must not know
//! clocks, engines, or how a probe is measured.
//!
//! ```text
//! Level 1, 2, 4 … ─(throughput no longer grows)→ Navigate ─(neighbourhood known)→ Check ─(lower rates pass, higher fail)→ Round
//!     Navigate ─(an end of the range)→ AT-LEAST | AT-MOST       Check ─(thrice otherwise)→ NOT-MONOTONE
//!     Round ─(every fourth: precise)→ Confirm → FOUND | UNSTEADY    Round ─(a jump between rungs)→ Bracket → CLIFF
//!     any   ─(the next probe exceeds the budget)→ BUDGET
//! ```
//! The search is a function of the probes so far. The same results give the same next probe, so a
//! stored search is resumed by asking again.

mod checks;
mod cliff;
mod ladder;
mod rounds;

use super::estimate::{Group, Question};
use super::navigate::{Bearing, Posterior};
use super::outcome::{Limit, Outcome};
use super::rungs::Rungs;
use super::violations::Window;
use crate::order::Arm;

/// Half the width of the neighbourhood that navigation looks for, in ln rate.
const NEIGHBOURHOOD: f64 = 0.05;
/// Probes of navigation at most.
const MOST_NAVIGATION: usize = 20;

/// Version of the method. It rises when the same results would give other probes or another outcome,
/// because a stored search is computed again from its results. 2: the confirmation is a test.
pub const METHOD: u32 = 2;

/// What a search is for.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// What may be probed: rates, or numbers in flight.
    pub rungs: Rungs,
    /// Numbers in flight of the closed loops that come first, ascending; may be empty.
    pub levels: Vec<u32>,
    /// The objectives, the kind of traffic, and the error of the intervals.
    pub question: Question,
    /// Windows of a round: one of the baseline alone, two with a candidate, three if the baseline
    /// runs again as a control.
    pub arms: u32,
    /// Half width of the intervals to reach, in ln rate.
    pub precision: f64,
    /// Windows at most.
    pub windows: u32,
    /// Rounds at least.
    pub least_rounds: u32,
}

/// Why a probe is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A level of the closed loop.
    Level,
    /// Finding the neighbourhood.
    Navigate,
    /// Making sure that lower rates pass and higher ones fail.
    Check,
    /// A round of the estimate.
    Round,
    /// Between the two sides of a jump.
    Bracket,
    /// Holding the lower end of the interval.
    Confirm,
}

/// One probe: an arm or all arms, at one rung or level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// Its purpose.
    pub purpose: Purpose,
    /// Index of its rung, or of its level.
    pub at: u32,
    /// Number of earlier probes there.
    pub visit: u32,
}

/// A probe with its results.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Which.
    pub probe: Probe,
    /// Its windows, in any order.
    pub windows: Group,
    /// Requests that succeeded, for each second; for levels.
    pub throughput: f64,
    /// Whether the load generator was late, so that a violation may be its own.
    pub limited: bool,
}

/// What a search wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Make this probe.
    Probe(Probe),
    /// It is over.
    End(Box<Outcome>),
}

/// A search and what it has seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    settings: Settings,
    seen: Vec<Seen>,
}

impl Search {
    /// A search that has seen nothing.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            seen: Vec::new(),
        }
    }

    /// What it is for.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The probes so far, in order.
    #[must_use]
    pub fn seen(&self) -> &[Seen] {
        &self.seen
    }

    /// The same search with other windows in place of each of its own, given the index of their
    /// probe. For what parts of the requests say; the probes stay those of the whole.
    #[must_use]
    pub fn with_windows(&self, others: impl Fn(usize, &Window) -> Vec<Window>) -> Self {
        let seen = |(at, seen): (usize, &Seen)| Seen {
            windows: seen
                .windows
                .iter()
                .flat_map(|window| others(at, window))
                .collect(),
            ..seen.clone()
        };
        Self {
            settings: self.settings.clone(),
            seen: self.seen.iter().enumerate().map(seen).collect(),
        }
    }

    /// Takes in the results of the probe that [`Self::next`] asked for.
    pub fn take(&mut self, seen: Seen) {
        self.seen.push(seen);
    }

    /// The next probe, or the end.
    #[must_use]
    pub fn next(&self) -> Step {
        let step = self.wanted();
        match &step {
            Step::Probe(probe) if self.spent() + self.size(probe) > self.settings.windows => {
                self.out_of_budget()
            }
            _ => step,
        }
    }

    /// Windows that a probe takes.
    #[must_use]
    pub fn size(&self, probe: &Probe) -> u32 {
        match probe.purpose {
            Purpose::Round => self.settings.arms.max(1),
            _ => 1,
        }
    }

    /// Rounds so far.
    #[must_use]
    pub fn rounds(&self) -> usize {
        self.of(Purpose::Round).len()
    }

    /// Windows measured so far.
    #[must_use]
    pub fn spent(&self) -> u32 {
        self.seen.iter().map(|seen| self.size(&seen.probe)).sum()
    }

    fn wanted(&self) -> Step {
        if let Some(level) = self.next_level() {
            return self.probe(Purpose::Level, level);
        }
        let centre = match self.navigation() {
            Ok(centre) => centre,
            Err(step) => return *step,
        };
        if let Some(step) = self.check_other_rates(centre) {
            return step;
        }
        self.next_round(centre)
    }

    /// The rung that navigation ended at, or what comes before it can.
    fn navigation(&self) -> Result<u32, Box<Step>> {
        let rungs = &self.settings.rungs;
        let (from, to) = self.range();
        let mut posterior = Posterior::uniform(rungs.count(), from, to);
        let probes = self.of(Purpose::Navigate);
        for seen in &probes {
            posterior.update(seen.probe.at, self.margin(seen));
        }
        let gap = rungs.gap(posterior.best());
        let width = (2.0 * NEIGHBOURHOOD / gap).round().max(2.0) as u32;
        let found = match posterior.bearing(width) {
            Bearing::Probe(rung) if probes.len() < MOST_NAVIGATION => {
                return Err(Box::new(self.probe(Purpose::Navigate, rung)));
            }
            Bearing::Probe(_) => posterior.best(),
            Bearing::Near(rung) => rung,
            Bearing::Above => return Err(end(self.at_least(Limit::Range))),
            Bearing::Below if probes.iter().any(|seen| seen.limited) => {
                return Err(end(self.at_least(Limit::Generator)));
            }
            Bearing::Below => return Err(end(Outcome::AtMost { rung: 0 })),
        };
        // Where every failure was the generator's own, the server's limit is not known.
        let failed = |seen: &&&Seen| self.margin(seen) >= 0.0;
        let failures: Vec<_> = probes.iter().filter(failed).collect();
        if !failures.is_empty() && failures.iter().all(|seen| seen.limited) {
            return Err(end(self.at_least(Limit::Generator)));
        }
        Ok(found)
    }

    fn at_least(&self, limit: Limit) -> Outcome {
        let passed = |seen: &&Seen| {
            seen.probe.purpose != Purpose::Level && !seen.limited && self.margin(seen) < 0.0
        };
        let rung = self
            .seen
            .iter()
            .filter(passed)
            .map(|seen| seen.probe.at)
            .max();
        Outcome::AtLeast { rung, limit }
    }

    fn probe(&self, purpose: Purpose, at: u32) -> Step {
        let level = purpose == Purpose::Level;
        let there =
            |seen: &&Seen| seen.probe.at == at && (seen.probe.purpose == Purpose::Level) == level;
        let visit = self.seen.iter().filter(there).count();
        Step::Probe(Probe {
            purpose,
            at,
            visit: u32::try_from(visit).unwrap_or(u32::MAX),
        })
    }

    fn of(&self, purpose: Purpose) -> Vec<&Seen> {
        let right = |seen: &&Seen| seen.probe.purpose == purpose;
        self.seen.iter().filter(right).collect()
    }

    /// The baseline's margin in a probe: the mean over its windows. It passed if that is negative;
    /// infinite without a window.
    #[must_use]
    pub fn margin(&self, seen: &Seen) -> f64 {
        let margins: Vec<f64> = baseline(&seen.windows)
            .map(|window| window.margin(&self.settings.question.allowed))
            .collect();
        if margins.is_empty() {
            return f64::INFINITY;
        }
        margins.iter().sum::<f64>() / margins.len() as f64
    }
}

/// The windows of the baseline's arms.
fn baseline(windows: &[Window]) -> impl Iterator<Item = &Window> {
    windows.iter().filter(|window| window.arm != Arm::B)
}

fn end(outcome: Outcome) -> Box<Step> {
    Box::new(Step::End(Box::new(outcome)))
}
