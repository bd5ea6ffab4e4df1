//! The formulas behind the answers with their figures. Owns the notation; every figure is the one
//! that the answer used.

use std::fmt::Display;

use contract::metric::Direction;
use stats::compare::{Interval, Scale};

use crate::report::phrases::changes::{Of, interval, share_of};
use crate::report::phrases::words::{percent, tolerance};
use crate::report::render::text::Page;

/// Column at which the text beside a name begins.
const COLUMN: usize = 13;

pub(crate) fn fact(page: &mut Page, name: &str, text: &str) {
    page.entry(name, text, 2, COLUMN);
}

/// The formula from a value to its cost.
fn cost(Of(measure, scale): Of) -> String {
    let (better, sign) = match measure.direction() {
        Direction::LowerIsBetter => ("lower", ""),
        Direction::HigherIsBetter => ("higher", "−"),
    };
    match scale {
        Scale::Log => format!("{better} is better, cost = {sign}ln(value)"),
        Scale::Linear { unit, .. } => {
            let (of, unit) = (share_of(measure, scale).unwrap_or_default(), figure(unit));
            format!("{better} is better, cost = {sign}value ÷ {unit}; {of}")
        }
        Scale::Zero => format!("{better} is better; zero in every round of every arm, cost = 0"),
    }
}

/// What was declared before the run: direction, role and tolerance.
pub(crate) fn declared(of: Of, primary: bool, within: f64) -> String {
    let role = match primary {
        true => "the measure declared before the run",
        false => "a secondary measure",
    };
    format!(
        "{role}; {}: more is worse; tolerance ±{}",
        cost(of),
        tolerance(within)
    )
}

/// The uncertainty of an estimate: the basis of its intervals, p and MDE.
pub(crate) struct Spread<'a> {
    pub(crate) of: Of,
    pub(crate) delta: f64,
    pub(crate) se: f64,
    pub(crate) df: String,
    /// The interval of the answer and the narrower one of SAME, with their levels.
    pub(crate) ranges: [(String, &'a Interval); 2],
    pub(crate) p: f64,
    pub(crate) mde: f64,
    /// The MDE as a share.
    pub(crate) share: f64,
    pub(crate) power: f64,
    /// Adjusted p, and the family it was adjusted over.
    pub(crate) holm: Option<(f64, &'static str)>,
}

impl Spread<'_> {
    /// Half of an interval's width in standard errors.
    fn t(&self, range: &Interval) -> f64 {
        (range.high - range.low) / (2.0 * self.se)
    }

    /// Both intervals, p, and Holm's correction if there is one.
    pub(crate) fn intervals(&self, page: &mut Page) {
        let se = figure(self.se);
        for (level, range) in &self.ranges {
            let (t, said) = (self.t(range), interval(self.of, range));
            let (low, high) = (figure(range.low), figure(range.high));
            fact(
                page,
                level,
                &format!("δ̂ ± {t:.4}·{se} = {low} … {high}: {said}"),
            );
        }
        let (score, p) = (figure((self.delta / self.se).abs()), probability(self.p));
        fact(
            page,
            "p",
            &format!("P(|t| ≥ |δ̂| ÷ SE = {score}; df {}) = {p}", self.df),
        );
        if let Some((adjusted, family)) = self.holm {
            holm(page, adjusted, family);
        }
    }

    /// The minimum detectable effect.
    pub(crate) fn mde(&self, page: &mut Page) {
        let t = self.t(self.ranges[0].1);
        let (beta, se, mde) = (self.mde / self.se - t, figure(self.se), figure(self.mde));
        let (seen, times) = (percent(self.share), 100.0 * self.power);
        let formula = format!("({t:.4} + {beta:.4})·{se} = {mde}");
        let found = format!("{seen} would have been found {times:.0} times in 100");
        fact(page, "MDE", &format!("{formula}: {found}"));
    }
}

/// p within a family of questions.
pub(crate) fn holm(page: &mut Page, adjusted: f64, family: &str) {
    fact(
        page,
        "Holm",
        &format!("p = {} among {family}", probability(adjusted)),
    );
}

/// Each row of the decision table, and whether it applied.
pub(crate) fn path<S: Display>(page: &mut Page, steps: impl Iterator<Item = (bool, S)>) {
    page.heading("Through the decision table");
    for (applies, step) in steps {
        fact(page, if applies { "yes" } else { "no" }, &step.to_string());
    }
}

/// Compares the error floor with the estimated error.
pub(crate) fn floor(used: bool) -> &'static str {
    match used {
        true => "higher than SE: used instead",
        false => "lower than SE: not used",
    }
}

/// Six decimals; powers of ten below a millionth.
pub(crate) fn figure(value: f64) -> String {
    let small = value != 0.0 && value.abs() < 1e-6;
    let text = if small {
        format!("{value:.2e}")
    } else {
        format!("{value:.6}")
    };
    text.replace('-', "−")
}

pub(crate) fn probability(p: f64) -> String {
    let text = if p < 1e-4 {
        format!("{p:.2e}")
    } else {
        format!("{p:.6}")
    };
    text.replace('-', "−")
}
