//! The decision about a ratio of capacities: did the candidate gain some? Owns the order of its rows
//! and their sentences; must not know how the ratio was estimated. A ratio above 1 is
//! FASTER, as for every other measure of which more is better.
//!
//! INVALID (the control differs) → UNDECIDED (no confirmed capacity) → FASTER (lower > τ) → SLOWER
//! (upper < −τ) → SAME (90 % interval inside ±τ) → UNDECIDED, all in ln ratio with τ = ln(1 +
//! tolerance). FASTER and SLOWER also need significance after Holm's correction where several are
//! tested.

use std::fmt;

use super::estimate::{Estimate, Interval};
use crate::compare::{Settings, Verdict, mde};
use crate::student::{t_upper, two_sided_p};

/// What a decision takes besides the estimate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GainQuestion {
    /// Relative difference that does not matter.
    pub tolerance: f64,
    /// Whether the search ended with a capacity that was confirmed.
    pub confirmed: bool,
    /// p after Holm's correction, if several ratios are tested together.
    pub adjusted_p: Option<f64>,
}

/// A decided ratio.
#[derive(Debug, Clone, PartialEq)]
pub struct Gain {
    /// Faster is more capacity, slower is less.
    pub verdict: Verdict,
    /// ln(candidate ÷ baseline), 95 %.
    pub ratio: Interval,
    /// Half width of the 90 % interval.
    pub half_90: f64,
    /// Two-sided p of no difference.
    pub p: f64,
    /// p after Holm's correction.
    pub adjusted_p: Option<f64>,
    /// The smallest difference in ln ratio that would be found with 80 % power.
    pub mde: f64,
    /// τ, in ln ratio.
    pub limit: f64,
    /// The rows evaluated, in order; the last one that applies decided.
    pub path: Vec<GainStep>,
}

/// One evaluated row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GainStep {
    /// The row with its figures.
    pub row: GainRow,
    /// Whether it applied.
    pub applies: bool,
}

/// A row with its figures, in ln ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GainRow {
    /// The interval of A2 ÷ A lies beyond half the tolerance.
    ControlDiffers(Interval, f64),
    /// The search found no capacity, or it was not confirmed.
    NotConfirmed,
    /// The lower bound lies above τ.
    Faster(f64, f64),
    /// The upper bound lies below −τ.
    Slower(f64, f64),
    /// Not significant among the ratios tested together: p, α.
    HolmDisagrees(f64, f64),
    /// The 90 % interval lies inside ±τ.
    Same(Interval, f64),
    /// Nothing above applied; the minimum detectable effect.
    Open(f64),
}

/// Decides about the ratio of an estimate; `None` if it has none, or an interval without end.
#[must_use]
pub fn gain(estimate: &Estimate, question: &GainQuestion) -> Option<Gain> {
    let ratio = estimate.ratio.filter(|ratio| ratio.half.is_finite())?;
    let settings = Settings::default();
    let df = estimate.freedom;
    let se = estimate.standard_error(ratio);
    let mut gain = Gain {
        verdict: Verdict::Undecided,
        ratio,
        half_90: se * t_upper(settings.alpha_same, df),
        p: match se > 0.0 {
            true => two_sided_p(ratio.centre / se, df),
            false => 1.0,
        },
        adjusted_p: question.adjusted_p,
        mde: mde(se, df, &settings),
        limit: question.tolerance.ln_1p(),
        path: Vec::new(),
    };
    gain.verdict = gain.decided(estimate, question, settings.alpha);
    Some(gain)
}

impl Gain {
    fn decided(&mut self, estimate: &Estimate, question: &GainQuestion, alpha: f64) -> Verdict {
        let (ratio, tau) = (self.ratio, self.limit);
        let differs = |control: Interval| control.low() > tau / 2.0 || control.high() < -tau / 2.0;
        if let Some(control) = estimate.control
            && self.row(
                GainRow::ControlDiffers(control, tau / 2.0),
                differs(control),
            )
        {
            return Verdict::Invalid;
        }
        if self.row(GainRow::NotConfirmed, !question.confirmed) {
            return Verdict::Undecided;
        }
        let clear = if self.row(GainRow::Faster(ratio.low(), tau), ratio.low() > tau) {
            Verdict::Faster
        } else if self.row(GainRow::Slower(ratio.high(), -tau), ratio.high() < -tau) {
            Verdict::Slower
        } else {
            let inner = Interval {
                half: self.half_90,
                ..ratio
            };
            let inside = inner.low() > -tau && inner.high() < tau;
            if self.row(GainRow::Same(inner, tau), inside) {
                return Verdict::Same;
            }
            self.row(GainRow::Open(self.mde), true);
            return Verdict::Undecided;
        };
        let disagrees = question
            .adjusted_p
            .is_some_and(|p| self.row(GainRow::HolmDisagrees(p, alpha), p > alpha));
        if disagrees { Verdict::Undecided } else { clear }
    }

    fn row(&mut self, row: GainRow, applies: bool) -> bool {
        self.path.push(GainStep { row, applies });
        applies
    }
}

/// Every sentence is a condition, so that it reads well after both "yes" and "no".
impl fmt::Display for GainStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |x: f64| format!("{:+.1} %", 100.0 * x.exp_m1());
        let range = |i: Interval| format!("{} to {}", percent(i.low()), percent(i.high()));
        match self.row {
            GainRow::ControlDiffers(control, limit) => write!(
                f,
                "the control's interval {} lies beyond ±{}",
                range(control),
                percent(limit).trim_start_matches('+')
            ),
            GainRow::NotConfirmed => f.write_str("the search has no confirmed capacity"),
            GainRow::Faster(low, limit) => {
                write!(
                    f,
                    "the lower bound {} lies above {}",
                    percent(low),
                    percent(limit)
                )
            }
            GainRow::Slower(high, limit) => {
                write!(
                    f,
                    "the upper bound {} lies below {}",
                    percent(high),
                    percent(limit)
                )
            }
            GainRow::HolmDisagrees(p, alpha) => {
                write!(f, "p after Holm {p:.4} lies above {alpha}")
            }
            GainRow::Same(inner, limit) => write!(
                f,
                "the 90 % interval {} lies inside ±{}",
                range(inner),
                percent(limit).trim_start_matches('+')
            ),
            GainRow::Open(mde) => write!(
                f,
                "nothing above applies: minimum detectable effect {}",
                percent(mde).trim_start_matches('+')
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(ratio: f64, half: f64, control: f64) -> Estimate {
        let interval = |centre| Interval { centre, half };
        Estimate {
            baseline: interval(3.0),
            candidate: Some(interval(3.0 + ratio)),
            ratio: Some(interval(ratio)),
            control: Some(interval(control)),
            binding: 0,
            slope: 30.0,
            groups: 12,
            freedom: 11.0,
            t: 2.200_985_160_082_949,
        }
    }

    const QUESTION: GainQuestion = GainQuestion {
        tolerance: 0.02,
        confirmed: true,
        adjusted_p: None,
    };

    fn verdict(ratio: f64, half: f64, control: f64, question: GainQuestion) -> Verdict {
        gain(&estimate(ratio, half, control), &question)
            .unwrap()
            .verdict
    }

    #[test]
    fn every_row_decides_once() {
        assert_eq!(verdict(0.1, 0.05, 0.0, QUESTION), Verdict::Faster);
        assert_eq!(verdict(-0.1, 0.05, 0.0, QUESTION), Verdict::Slower);
        assert_eq!(verdict(0.001, 0.01, 0.0, QUESTION), Verdict::Same);
        assert_eq!(verdict(0.03, 0.05, 0.0, QUESTION), Verdict::Undecided);
        assert_eq!(verdict(0.1, 0.05, 0.2, QUESTION), Verdict::Invalid);
        let unsure = GainQuestion {
            confirmed: false,
            ..QUESTION
        };
        assert_eq!(verdict(0.1, 0.05, 0.0, unsure), Verdict::Undecided);
        let among = |p| GainQuestion {
            adjusted_p: Some(p),
            ..QUESTION
        };
        assert_eq!(verdict(0.1, 0.05, 0.0, among(0.06)), Verdict::Undecided);
        assert_eq!(verdict(0.1, 0.05, 0.0, among(0.04)), Verdict::Faster);
    }

    /// t.isf(.025, 11) = 2.2010, t.isf(.05, 11) = 1.7959, t.isf(.2, 11) = 0.8755.
    #[test]
    fn figures_by_hand() {
        let found = gain(&estimate(0.05, 0.05, 0.0), &QUESTION).unwrap();
        let se = 0.05 / 2.200_985_160_082_949;
        assert!((found.half_90 - 1.795_884_818_704_043 * se).abs() < 1e-9);
        assert!((found.p - 0.05).abs() < 1e-9, "{}", found.p);
        assert!(
            (found.mde / se - (2.200_985 + 0.875_530)).abs() < 1e-3,
            "{}",
            found.mde / se
        );
        assert_eq!(
            found.path.last().unwrap().to_string(),
            format!(
                "nothing above applies: minimum detectable effect {:.1} %",
                100.0 * found.mde.exp_m1()
            )
        );
    }

    #[test]
    fn without_a_candidate_there_is_no_gain() {
        let alone = Estimate {
            ratio: None,
            ..estimate(0.0, 0.05, 0.0)
        };
        assert_eq!(gain(&alone, &QUESTION), None);
        let endless = estimate(0.0, f64::INFINITY, 0.0);
        assert_eq!(gain(&endless, &QUESTION), None);
    }
}
