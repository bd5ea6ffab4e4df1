//! Levels of repeated analyses of growing data, so that all of them together err no more often than
//! one would (Lan and DeMets 1983). Owns the spending function and the integral; must not know what
//! is analysed.
//!
//! The statistic of an estimate that sees the share t of all rounds behaves like a Brownian motion:
//! S(t) ~ N(0, t), with independent increments. An analysis rejects if S leaves its bound. The bound
//! of analysis k is where the probability of leaving there for the first time equals what the
//! spending function adds between t_{k−1} and t_k (Armitage, McPherson and Rowe 1969). Only the order
//! and the shares matter: neither the number nor the times of the analyses must be known before.

use crate::student::{decreasing_root, normal_cdf};

/// Which deviations an analysis rejects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sides {
    /// Large ones of either sign.
    Two,
    /// Large positive ones.
    One,
}

/// How fast the error is spent (Hwang, Shih and DeCani 1990): α·(1 − e^(−γt))/(1 − e^(−γ)). −4
/// spends late, like O'Brien and Fleming's bounds; 0 spends evenly, like Pocock's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spending {
    /// Error of all analyses together.
    pub(super) alpha: f64,
    /// γ.
    pub(super) gamma: f64,
}

/// Points of the integral, odd for Simpson's rule. Twice as many change no level by more than 1e-6.
const POINTS: usize = 241;

/// Standard deviations beyond which a one-sided density is not integrated.
const FAR: f64 = 8.0;

/// Least level of an analysis, so that every analysis has a bound.
const LEAST: f64 = 1e-9;

impl Spending {
    fn spent(self, t: f64) -> f64 {
        if self.gamma == 0.0 {
            return self.alpha * t;
        }
        self.alpha * (-self.gamma * t).exp_m1() / (-self.gamma).exp_m1()
    }

    /// The level of each analysis if it were the only one: two-sided or one-sided. `shares` are the
    /// shares of the data that the analyses see: ascending, above 0, the last 1.
    pub(super) fn levels(self, sides: Sides, shares: &[f64]) -> Vec<f64> {
        let mut state = State::default();
        let mut spent = 0.0;
        shares
            .iter()
            .map(|&t| {
                let now = self.spent(t);
                let bound = state.bound(sides, t, (now - spent).max(LEAST));
                spent = now;
                state.advance(sides, t, bound);
                tail(sides, bound / t.sqrt()).max(LEAST)
            })
            .collect()
    }
}

/// P(rejection) of a standard normal statistic at the bound z.
fn tail(sides: Sides, z: f64) -> f64 {
    let one = normal_cdf(-z);
    match sides {
        Sides::One => one,
        Sides::Two => 2.0 * one,
    }
}

/// The density of S over the runs that have not been rejected so far.
#[derive(Default)]
struct State {
    /// Share of the data; 0 before the first analysis, where S = 0.
    t: f64,
    /// Points and density × weight of the integral.
    points: Vec<(f64, f64)>,
}

impl State {
    /// The bound of S at which the probability of a first rejection is `error`.
    fn bound(&self, sides: Sides, t: f64, error: f64) -> f64 {
        decreasing_root(error, |bound| self.leaves(sides, t, bound))
    }

    /// P(not rejected before, rejected at t).
    fn leaves(&self, sides: Sides, t: f64, bound: f64) -> f64 {
        let sd = (t - self.t).sqrt();
        let beyond = |from: f64| {
            let above = normal_cdf(-(bound - from) / sd);
            match sides {
                Sides::One => above,
                Sides::Two => above + normal_cdf((-bound - from) / sd),
            }
        };
        if self.points.is_empty() {
            return beyond(0.0);
        }
        self.points
            .iter()
            .map(|&(from, weight)| weight * beyond(from))
            .sum()
    }

    fn advance(&mut self, sides: Sides, t: f64, bound: f64) {
        let sd = (t - self.t).sqrt();
        // Beyond these the density is nothing, however far away the bound is.
        let high = bound.min(FAR * t.sqrt());
        let low = match sides {
            Sides::One => -FAR * t.sqrt(),
            Sides::Two => -high,
        };
        let density = |to: f64| {
            let from = |start: f64| (-0.5 * ((to - start) / sd).powi(2)).exp();
            let sum = match self.points.is_empty() {
                true => from(0.0),
                false => self
                    .points
                    .iter()
                    .map(|&(start, weight)| weight * from(start))
                    .sum(),
            };
            sum / (sd * std::f64::consts::TAU.sqrt())
        };
        let step = (high - low) / (POINTS - 1) as f64;
        let weighted = |k: usize| {
            let simpson = match k {
                0 => 1.0,
                k if k == POINTS - 1 => 1.0,
                k if k % 2 == 1 => 4.0,
                _ => 2.0,
            };
            let at = low + k as f64 * step;
            (at, density(at) * simpson * step / 3.0)
        };
        self.points = (0..POINTS).map(weighted).collect();
        self.t = t;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(levels: &[f64]) -> Vec<f64> {
        levels
            .iter()
            .map(|&level| decreasing_root(level, |z| tail(Sides::Two, z)))
            .collect()
    }

    /// With what O'Brien and Fleming's and Pocock's classic designs spend, the bounds are those of
    /// their tables (Jennison and Turnbull 2000, tables 2.1 and 2.3: C_P = 2.413 and C_B = 2.040 of
    /// five equal steps at 5 %).
    #[test]
    fn bounds_are_those_of_the_published_designs() {
        let shares = [0.2, 0.4, 0.6, 0.8, 1.0];
        let designs: [fn(f64) -> f64; 2] = [|_| 2.413, |t| 2.040 / t.sqrt()];
        for design in designs {
            let mut state = State::default();
            let mut total = 0.0;
            for t in shares {
                let bound = design(t) * t.sqrt();
                total += state.leaves(Sides::Two, t, bound);
                state.advance(Sides::Two, t, bound);
            }
            assert!((total - 0.05).abs() < 1e-4, "{total}");
        }
    }

    /// A single analysis has the whole error; the last of several has most of it if it is spent
    /// late, and less if it is spent evenly.
    #[test]
    fn levels_by_kind_of_spending() {
        let late = Spending {
            alpha: 0.05,
            gamma: -4.0,
        };
        let even = Spending {
            alpha: 0.05,
            gamma: 0.0,
        };
        assert!((late.levels(Sides::Two, &[1.0])[0] - 0.05).abs() < 1e-12);
        let shares = [0.25, 0.5, 0.75, 1.0];
        let (late, even) = (
            late.levels(Sides::Two, &shares),
            even.levels(Sides::Two, &shares),
        );
        // What is spent at the first analysis is its level.
        assert!((late[0] - 0.05 * 1f64.exp_m1() / 4f64.exp_m1()).abs() < 1e-9);
        assert!((even[0] - 0.0125).abs() < 1e-9);
        assert!(late.windows(2).all(|pair| pair[0] < pair[1]), "{late:?}");
        assert!(late[3] > 0.04 && even[3] < 0.03, "{late:?} {even:?}");
        assert!(bounds(&late)[0] > 2.9 && bounds(&even)[0] < 2.6);
    }

    /// The integral is fine enough, and one-sided levels at half the error are close to two-sided
    /// ones: crossing both bounds is rare.
    #[test]
    fn one_side_at_half_the_error_is_half_of_two() {
        let shares: Vec<f64> = (1..=12).map(|k| f64::from(k) / 12.0).collect();
        let two = Spending {
            alpha: 0.05,
            gamma: -4.0,
        }
        .levels(Sides::Two, &shares);
        let one = Spending {
            alpha: 0.025,
            gamma: -4.0,
        }
        .levels(Sides::One, &shares);
        for (two, one) in two.iter().zip(&one) {
            assert!((two / (2.0 * one) - 1.0).abs() < 2e-3, "{two} {one}");
        }
    }
}
