//! The rounds of the estimate: rates spread around the capacity, until its interval is narrow enough
//! or the budget ends; then a confirmation.

use super::{Limit, Outcome, Purpose, Search, Seen, Step, baseline, end};
use crate::capacity::confirm::confirm;
use crate::capacity::estimate::{Estimate, Group, Interval, Question, centres, estimate};
use crate::capacity::violations::Window;
use crate::order::Arm;

/// Rungs from the centre, in turns.
const DITHER: [i32; 4] = [2, -2, 1, -1];
/// Rungs that the centre may move from one cycle to the next.
const MOST_MOVE: u32 = 6;
/// Windows of navigation count if they are this near to the centre, in ln rate.
const NEAR: f64 = 0.125;
/// Windows of the confirmation.
const CONFIRMING: usize = 6;
/// Both halves of the rounds must agree within this many of their joint half widths,
const APART: f64 = 1.5;
/// and differ by this many times the precision, to be unsteady.
const MATERIAL: f64 = 2.0;

impl Search {
    pub(super) fn next_round(&self, start: u32) -> Step {
        let rounds = self.of(Purpose::Round);
        let cycle = DITHER.len();
        let complete = rounds.len().is_multiple_of(cycle);
        if complete && !rounds.is_empty() {
            if let Some(step) = self.cliff() {
                return step;
            }
            if rounds.iter().filter(|seen| seen.limited).count() * 4 > rounds.len() {
                return *end(self.at_least(Limit::Generator));
            }
            if rounds.len() >= self.settings.least_rounds as usize
                && self.brackets()
                && let Some(estimate) = self.estimate().filter(|e| self.precise(e))
            {
                return self.conclude(&rounds, estimate);
            }
        }
        let by = DITHER[rounds.len() % cycle];
        let centre = self.centre(start, rounds.len() / cycle);
        self.probe(Purpose::Round, self.settings.rungs.moved(centre, by))
    }

    /// The current estimate, from the rounds and the probes near them.
    #[must_use]
    pub fn estimate(&self) -> Option<Estimate> {
        let rounds = self.of(Purpose::Round).len();
        estimate(&self.groups(rounds), &self.settings.question, rounds)
    }

    /// The estimate of each objective alone, in their order: an arm's capacity is the least of them.
    #[must_use]
    pub fn by_objective(&self) -> Vec<Option<Estimate>> {
        let rounds = self.of(Purpose::Round).len();
        let groups = self.groups(rounds);
        let question = &self.settings.question;
        let alone = |(objective, allowed): (usize, &f64)| {
            let only = |window: &Window| Window {
                counts: window.counts.get(objective).copied().into_iter().collect(),
                ..window.clone()
            };
            let groups: Vec<Group> = groups
                .iter()
                .map(|group| group.iter().map(only).collect())
                .collect();
            let question = Question {
                allowed: vec![*allowed],
                ..question.clone()
            };
            estimate(&groups, &question, rounds)
                .map(|estimate| estimate.at_least_as_wide_as(self.settings.precision))
        };
        question.allowed.iter().enumerate().map(alone).collect()
    }

    /// The first rounds, and the probes of navigation near them.
    fn groups(&self, rounds: usize) -> Vec<Group> {
        let of_rounds: Vec<&Seen> = self.of(Purpose::Round).into_iter().take(rounds).collect();
        let x = |seen: &Seen| self.settings.rungs.x(seen.probe.at);
        let count = of_rounds.len().max(1) as f64;
        let middle = of_rounds.iter().map(|seen| x(seen)).sum::<f64>() / count;
        let near = self
            .of(Purpose::Navigate)
            .into_iter()
            .filter(|seen| (x(seen) - middle).abs() < NEAR);
        near.chain(of_rounds)
            .map(|seen| seen.windows.clone())
            .collect()
    }

    /// Where a cycle of rounds is centred: at the estimate so far. With a candidate that carries
    /// clearly more or less, cycles are centred at the baseline's and the candidate's in turns. Each
    /// of both moves by few rungs at once, because an early estimate may be far off.
    fn centre(&self, start: u32, cycle: usize) -> u32 {
        let rungs = &self.settings.rungs;
        let (mut centre, mut places) = (start, [start; 2]);
        for done in 1..=cycle {
            let groups = self.groups(done * DITHER.len());
            let Some((own, other)) = centres(&groups, &self.settings.question) else {
                break;
            };
            let far = |other: f64| (other - own).abs() > 2.0 * rungs.gap(rungs.nearest(own));
            let (x, place) = match other {
                Some(other) if far(other) && done % 2 == 1 => (other, 1),
                Some(other) if !far(other) => (f64::midpoint(other, own), done % 2),
                _ => (own, 0),
            };
            let last = places[place];
            let wanted = rungs.nearest(x);
            centre = wanted.clamp(last.saturating_sub(MOST_MOVE), last + MOST_MOVE);
            places[place] = centre;
        }
        centre
    }

    /// Whether each variant had a window that passed and one that failed: without both, the interval
    /// is narrow because nothing varies, and the capacity is outside of what was measured.
    fn brackets(&self) -> bool {
        let allowed = &self.settings.question.allowed;
        let probes = self
            .of(Purpose::Round)
            .into_iter()
            .chain(self.of(Purpose::Navigate));
        let margins: Vec<(bool, f64)> = probes
            .flat_map(|seen| &seen.windows)
            .map(|window| (window.arm == Arm::B, window.margin(allowed)))
            .collect();
        let both = |candidate: bool| {
            let of = |sign: f64| {
                margins
                    .iter()
                    .any(|(b, m)| *b == candidate && m * sign > 0.0)
            };
            of(1.0) && of(-1.0)
        };
        both(false) && (self.settings.arms < 2 || both(true))
    }

    fn precise(&self, estimate: &Estimate) -> bool {
        let intervals = [Some(estimate.baseline), estimate.ratio];
        intervals
            .into_iter()
            .flatten()
            .all(|interval| interval.half <= self.settings.precision)
    }

    /// The interval is narrow enough: both halves must agree, and its lower end must hold.
    fn conclude(&self, rounds: &[&Seen], estimate: Estimate) -> Step {
        if let Some(outcome) = self.unsteady(rounds) {
            return *end(outcome);
        }
        // The reported interval: its lower end is what people plan with.
        let estimate = estimate.at_least_as_wide_as(self.settings.precision);
        let rung = self.settings.rungs.at_most(estimate.baseline.low());
        let held = self.of(Purpose::Confirm);
        if held.len() < CONFIRMING {
            return self.probe(Purpose::Confirm, rung);
        }
        let windows: Vec<&Window> = held
            .iter()
            .flat_map(|seen| baseline(&seen.windows))
            .collect();
        let confirmation = confirm(rung, &windows, &self.settings.question.allowed);
        *end(Outcome::Found {
            estimate,
            confirmation,
        })
    }

    /// Whether the capacity of the first half of the rounds and that of the second differ by more
    /// than both intervals allow, and by enough to matter.
    fn unsteady(&self, rounds: &[&Seen]) -> Option<Outcome> {
        let half = |rounds: &[&Seen]| {
            let groups: Vec<Group> = rounds.iter().map(|seen| seen.windows.clone()).collect();
            estimate(&groups, &self.settings.question, groups.len()).map(|e| e.baseline)
        };
        let (first, second) = rounds.split_at(rounds.len() / 2);
        let (early, late): (Interval, Interval) = (half(first)?, half(second)?);
        let apart = (early.centre - late.centre).abs();
        let joint = early.half.hypot(late.half);
        (apart > APART * joint && apart > MATERIAL * self.settings.precision)
            .then_some(Outcome::Unsteady { early, late })
    }

    /// The budget is used up: what is known, and what the precision would take. Half widths shrink
    /// with the root of the number of rounds.
    pub(super) fn out_of_budget(&self) -> Step {
        let estimate = self.estimate();
        let rounds = self.of(Purpose::Round).len();
        let needed = estimate.as_ref().and_then(|estimate| {
            let half = estimate
                .ratio
                .map_or(0.0, |r| r.half)
                .max(estimate.baseline.half);
            let factor = (half / self.settings.precision).powi(2);
            let size = f64::from(self.settings.arms.max(1));
            let more = (factor * rounds as f64 - rounds as f64).max(0.0) * size;
            let sum = f64::from(self.spent()) + more.ceil() + CONFIRMING as f64;
            (sum.is_finite() && sum < 1e6).then_some(sum as u32)
        });
        *end(Outcome::Budget { estimate, needed })
    }
}
