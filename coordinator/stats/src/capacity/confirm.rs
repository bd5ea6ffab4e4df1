//! The check of a capacity: do the objectives hold at the lower end that is reported? Owns the
//! binomial test with a design effect; must not know how the lower end was found.
//!
//! Requests of a window are not independent: one long queue makes many of them late. The design
//! effect D is Pearson's χ² of the counts of m windows ÷ (m − 1), at least 1, and n requests count
//! as n ÷ D ÷ (t ÷ z)², with the one-sided 95 % quantiles of Student's t of m − 1 degrees of freedom
//! and of the normal distribution, because D is itself estimated from m windows (Korn and Graubard
//! 1998). The tail is P(X ≥ k) of the binomial distribution, for k that need not be whole.

use super::violations::{Count, Window};
use crate::student::t_upper;

/// The check fails if so many violations would be rarer than this at the allowed share.
const ERROR: f64 = 0.05;
/// Its quantile of the normal distribution.
const Z: f64 = 1.644_853_626_951_473;

/// Windows at the lower end of the interval, apart from those of the estimate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Confirmation {
    /// The rung.
    pub rung: u32,
    /// Windows measured.
    pub windows: u32,
    /// Share of violations ÷ allowed share, of the objective with the least p.
    pub used: f64,
    /// The design effect of its counts.
    pub design: f64,
    /// Chance of so many violations at the allowed share, times the number of objectives, at most 1.
    pub p: f64,
}

impl Confirmation {
    /// Whether the violations are no more than chance gives at the allowed share.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.p > ERROR
    }
}

/// Tests the windows at a rung against the allowed share of each objective.
#[must_use]
pub fn confirm(rung: u32, windows: &[&Window], allowed: &[f64]) -> Confirmation {
    let tests = (0..).zip(allowed).map(|(objective, allowed)| {
        let of = |window: &&Window| window.counts.get(objective).copied();
        test(&windows.iter().filter_map(of).collect::<Vec<_>>(), *allowed)
    });
    let worst = tests.min_by(|a, b| a.p.total_cmp(&b.p).then(b.used.total_cmp(&a.used)));
    let worst = worst.unwrap_or(Test {
        used: 0.0,
        design: 1.0,
        p: 1.0,
    });
    Confirmation {
        rung,
        windows: u32::try_from(windows.len()).unwrap_or(u32::MAX),
        used: worst.used,
        design: worst.design,
        p: (worst.p * allowed.len() as f64).min(1.0),
    }
}

/// The test of one objective.
struct Test {
    used: f64,
    design: f64,
    p: f64,
}

fn test(counts: &[Count], allowed: f64) -> Test {
    let (k, n) = counts
        .iter()
        .fold((0, 0), |(k, n), count| (k + count.violated, n + count.of));
    let share = k as f64 / n.max(1) as f64;
    let freedom = counts.len().saturating_sub(1) as f64;
    let design = design(counts, share, freedom);
    // One window says nothing of how much windows differ.
    let unsure = match freedom {
        df if df >= 1.0 => (t_upper(ERROR, df) / Z).powi(2),
        _ => (t_upper(ERROR, 1.0) / Z).powi(2),
    };
    let worth = n as f64 / (design * unsure);
    Test {
        used: share / allowed,
        design,
        p: tail(share * worth, worth, allowed),
    }
}

/// Pearson's χ² ÷ its degrees of freedom, at least 1.
fn design(counts: &[Count], share: f64, freedom: f64) -> f64 {
    if !(share > 0.0 && share < 1.0 && freedom >= 1.0) {
        return 1.0;
    }
    let square = |count: &Count| {
        let n = count.of as f64;
        (count.violated as f64 - n * share).powi(2)
            / (n * share * (1.0 - share)).max(f64::MIN_POSITIVE)
    };
    (counts.iter().map(square).sum::<f64>() / freedom).max(1.0)
}

/// P(X ≥ k) for n draws with probability p: I_p(k, n − k + 1).
fn tail(k: f64, n: f64, p: f64) -> f64 {
    match k > 0.0 {
        true => statrs::function::beta::beta_reg(k, n - k + 1.0, p),
        false => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::Arm;

    fn windows(violated: &[u64], of: u64) -> Vec<Window> {
        let window = |violated: &u64| Window {
            x: 0.0,
            arm: Arm::A,
            counts: vec![Count {
                violated: *violated,
                of,
            }],
        };
        violated.iter().map(window).collect()
    }

    fn held(violated: &[u64], of: u64, allowed: &[f64]) -> Confirmation {
        let windows = windows(violated, of);
        confirm(3, &windows.iter().collect::<Vec<_>>(), allowed)
    }

    /// Values of scipy.stats.binom.sf(k − 1, n, p).
    #[test]
    fn the_tail_is_that_of_the_binomial() {
        for (k, n, p, expected) in [
            (5.0, 100.0, 0.01, 0.003_432_3),
            (1.0, 50.0, 0.01, 0.394_993_9),
            (20.0, 1000.0, 0.01, 0.003_286_2),
        ] {
            let found = tail(k, n, p);
            assert!((found / expected - 1.0).abs() < 1e-3, "{k} {n}: {found}");
        }
        assert_eq!(tail(0.0, 100.0, 0.01), 1.0);
    }

    /// The same share is clear evidence in windows that agree, and none where one window has it all.
    #[test]
    fn windows_that_differ_count_for_less() {
        let even = held(&[30, 29, 31, 30], 1000, &[0.01]);
        let lumped = held(&[0, 0, 120, 0], 1000, &[0.01]);
        assert!(even.design == 1.0 && !even.holds(), "{even:?}");
        assert!(lumped.design > 50.0 && lumped.holds(), "{lumped:?}");
        assert!((even.used - lumped.used).abs() < 1e-12);
    }

    #[test]
    fn no_violations_hold_and_all_do_not() {
        assert!(held(&[0, 0, 0, 0], 1000, &[0.01]).holds());
        assert!(!held(&[1000; 4], 1000, &[0.01]).holds());
        assert!(held(&[], 1000, &[0.01]).holds(), "nothing was measured");
    }
}
