//! The estimate: capacity of the baseline, of the candidate, their ratio and the control's, each
//! with an interval. Owns the jackknife; must not know in which order the windows were measured.
//!
//! All in ln rate. For each objective one curve is fitted over all windows, with one intercept for
//! A and A2 together and one for B; an arm's capacity is the least crossing over the objectives,
//! which names the binding objective. The control's ratio A2/A comes from a second fit with three
//! intercepts. The interval is a delete-one-group jackknife, SE² = (G − 1)/G · Σ(θ₍₋ᵢ₎ − θ̄)² over G
//! groups (Efron 1982), with the quantile of Student's t for one degree fewer than there are
//! rounds: windows of a round share a schedule and a stretch of time, so a round is one group.

use super::curve::{Point, fit};
use super::violations::Window;
use crate::order::Arm;
use crate::student::t_upper;

/// Lags over which groups may be alike.
const LAGS: usize = 3;

/// Windows that share what disturbs them, such as those of one round.
pub type Group = Vec<Window>;

/// A value with the half width of its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The estimate.
    pub centre: f64,
    /// Half width; infinite with fewer than two groups.
    pub half: f64,
}

/// What the windows say of the capacity, in ln rate and ln ratio.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// ln capacity of the baseline.
    pub baseline: Interval,
    /// ln capacity of the candidate.
    pub candidate: Option<Interval>,
    /// ln(candidate ÷ baseline).
    pub ratio: Option<Interval>,
    /// ln(A2 ÷ A): zero but for chance.
    pub control: Option<Interval>,
    /// Index of the objective that gives the baseline the least capacity.
    pub binding: usize,
    /// Change of logit of the violation share for each unit of ln rate, at the binding objective.
    pub slope: f64,
    /// Groups of windows used.
    pub groups: usize,
    /// Degrees of freedom of the intervals: rounds − 1.
    pub freedom: f64,
    /// The quantile of Student's t by which standard errors became half widths.
    pub t: f64,
}

/// What an estimate needs besides the windows.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Allowed share of violations of each objective.
    pub allowed: Vec<f64>,
    /// Variance of the number of arrivals in a window ÷ its mean, for the traffic that the capacity
    /// is for: 1 for Poisson, 0 for even spacing, cv² for gamma-distributed gaps. The measured
    /// windows have a fixed number.
    pub dispersion: f64,
    /// Two-sided error of the intervals, 0.05 for 95 %.
    pub error: f64,
}

/// Estimates from groups of windows; `rounds` sets the degrees of freedom. `None` without windows or
/// objectives.
#[must_use]
pub fn estimate(groups: &[Group], question: &Question, rounds: usize) -> Option<Estimate> {
    let all: Vec<&Group> = groups.iter().collect();
    let full = values(&all, question)?;
    let without: Vec<Values> = (0..groups.len())
        .filter_map(|out| {
            let rest: Vec<&Group> = (0..)
                .zip(groups)
                .filter(|(i, _)| *i != out)
                .map(|(_, g)| g)
                .collect();
            values(&rest, question)
        })
        .collect();
    let t = if rounds > 1 {
        t_upper(question.error / 2.0, (rounds - 1) as f64)
    } else {
        f64::INFINITY
    };
    let interval = |of: fn(&Values) -> Option<f64>, se: fn(&[f64]) -> f64| {
        let full = of(&full)?;
        let parts: Option<Vec<f64>> = without.iter().map(of).collect();
        let Some(parts) = parts.filter(|parts| parts.len() > 1) else {
            return Some(Interval {
                centre: full,
                half: f64::INFINITY,
            });
        };
        Some(Interval {
            centre: full,
            half: t * se(&influences(&parts)),
        })
    };
    Some(Estimate {
        baseline: interval(|v| Some(v.baseline), serial_se)?,
        candidate: interval(|v| v.candidate, serial_se),
        ratio: interval(|v| Some(v.candidate? - v.baseline), independent_se),
        control: interval(|v| v.control, independent_se),
        binding: full.binding,
        slope: full.slope,
        groups: groups.len(),
        freedom: rounds.saturating_sub(1) as f64,
        t,
    })
}

impl Estimate {
    /// Standard error of one of its intervals: half width ÷ t. Of an interval that was widened, the
    /// error that would give its width.
    #[must_use]
    pub fn standard_error(&self, interval: Interval) -> f64 {
        interval.half / self.t
    }

    /// The estimate with intervals of at least this half width. A search that stops once its
    /// intervals are narrow stops sooner where windows happen to be alike, so that an interval
    /// narrower than asked covers less than it says; one of the width asked does not (Chow, Robbins
    /// 1965).
    #[must_use]
    pub fn at_least_as_wide_as(mut self, half: f64) -> Self {
        let all = [
            Some(&mut self.baseline),
            self.candidate.as_mut(),
            self.ratio.as_mut(),
            self.control.as_mut(),
        ];
        for interval in all.into_iter().flatten() {
            interval.half = interval.half.max(half);
        }
        self
    }
}

impl Interval {
    /// The lower end.
    #[must_use]
    pub fn low(&self) -> f64 {
        self.centre - self.half
    }

    /// The upper end.
    #[must_use]
    pub fn high(&self) -> f64 {
        self.centre + self.half
    }

    /// Whether it has this value.
    #[must_use]
    pub fn covers(&self, value: f64) -> bool {
        (value - self.centre).abs() <= self.half
    }
}

/// Point estimates of one set of groups.
struct Values {
    baseline: f64,
    candidate: Option<f64>,
    control: Option<f64>,
    binding: usize,
    slope: f64,
}

/// ln capacity of the baseline and of the candidate, without intervals.
pub(super) fn centres(groups: &[Group], question: &Question) -> Option<(f64, Option<f64>)> {
    let all: Vec<&Group> = groups.iter().collect();
    values(&all, question).map(|values| (values.baseline, values.candidate))
}

fn values(groups: &[&Group], question: &Question) -> Option<Values> {
    let spread = spread(groups, question.dispersion);
    let has = |arm| {
        groups
            .iter()
            .any(|group| group.iter().any(|w| w.arm == arm))
    };
    let pair = |arm: Arm| usize::from(arm == Arm::B);
    let each = |arm: Arm| match arm {
        Arm::A => 0,
        Arm::B => 1,
        Arm::A2 => 2,
    };
    let curves: Vec<_> = (0..)
        .zip(&question.allowed)
        .map(|(objective, allowed)| fit(&points(groups, objective, pair), 2, *allowed, spread))
        .collect::<Option<_>>()?;
    let least = |level: usize| {
        let crossings = curves.iter().map(|curve| curve.crossing[level]).enumerate();
        crossings.min_by(|a, b| a.1.total_cmp(&b.1))
    };
    let (binding, baseline) = least(0)?;
    let control = if has(Arm::A2) {
        let allowed = *question.allowed.get(binding)?;
        let curve = fit(&points(groups, binding, each), 3, allowed, spread)?;
        Some(curve.crossing[2] - curve.crossing[0])
    } else {
        None
    };
    Some(Values {
        baseline,
        candidate: has(Arm::B).then(|| least(1).map(|(_, x)| x)).flatten(),
        control,
        binding,
        slope: curves[binding].slope,
    })
}

/// Deviation of ln rate between windows of a free number of arrivals: √(dispersion ÷ mean number).
fn spread(groups: &[&Group], dispersion: f64) -> f64 {
    let windows = || groups.iter().flat_map(|group| group.iter());
    let requests: u64 = windows()
        .filter_map(|w| w.counts.first())
        .map(|c| c.of)
        .sum();
    let mean = requests as f64 / windows().count().max(1) as f64;
    (dispersion / mean.max(1.0)).sqrt()
}

fn points(groups: &[&Group], objective: usize, level: impl Fn(Arm) -> usize) -> Vec<Point> {
    groups
        .iter()
        .flat_map(|group| group.iter())
        .filter_map(|window| {
            Some(Point {
                x: window.x,
                level: level(window.arm),
                count: *window.counts.get(objective)?,
            })
        })
        .collect()
}

/// (G − 1)(θ̄ − θ₍₋ᵢ₎): what each group adds, in order of time.
fn influences(without: &[f64]) -> Vec<f64> {
    let groups = without.len() as f64;
    let mean = without.iter().sum::<f64>() / groups;
    without
        .iter()
        .map(|value| (groups - 1.0) * (mean - value))
        .collect()
}

/// Standard error of the mean of independent influences.
fn independent_se(influences: &[f64]) -> f64 {
    let groups = influences.len() as f64;
    let squares: f64 = influences.iter().map(|d| d * d).sum();
    (squares / (groups * (groups - 1.0))).sqrt()
}

/// The same where neighbours in time are alike, as on a host whose speed drifts: Bartlett's window
/// over [`LAGS`] lags, with the factor of fixed-b asymptotics on the quantile (Kiefer, Vogelsang
/// 2005). At least the independent one.
fn serial_se(influences: &[f64]) -> f64 {
    let groups = influences.len() as f64;
    let alike = |lag: usize| -> f64 {
        let pairs = influences
            .iter()
            .zip(&influences[lag.min(influences.len())..]);
        pairs.map(|(a, b)| a * b).sum()
    };
    let weight = |lag: usize| 1.0 - lag as f64 / (LAGS + 1) as f64;
    let sum = alike(0) + 2.0 * (1..=LAGS).map(|lag| weight(lag) * alike(lag)).sum::<f64>();
    let b = ((LAGS + 1) as f64 / groups).min(1.0);
    let factor = 1.0 + (2.9694 * b + 0.4160 * b * b - 0.5324 * b * b * b) / 1.96;
    let serial = factor * (sum.max(0.0) / (groups * (groups - 1.0))).sqrt();
    serial.max(independent_se(influences))
}
