//! Noise of a host from A/A comparisons: how far they deviate from zero, and how many chance
//! findings are acceptable (docs/method.md). Must not know which comparisons they were.

/// Error of one comparison.
const ALPHA: f64 = 0.05;

/// Share of A/A comparisons that deviate less than the noise floor.
const FLOOR: f64 = 0.95;

/// The empirical 95th percentile of |δ| as a share, e^|δ| − 1: the ⌈0.95·n⌉th smallest, so for
/// fewer than twenty the largest. `None` without any.
#[must_use]
pub fn noise_floor(deltas: &[f64]) -> Option<f64> {
    let mut strayed: Vec<f64> = deltas.iter().map(|delta| delta.abs()).collect();
    strayed.sort_by(f64::total_cmp);
    let rank = (FLOOR * strayed.len() as f64).ceil() as usize;
    strayed
        .get(rank.checked_sub(1)?)
        .map(|delta| delta.exp_m1())
}

/// Greatest acceptable number of A/A comparisons whose 95 % interval excludes zero: the smallest
/// number that a sound method exceeds in at most 5 of 100 calibrations (binomial).
#[must_use]
pub fn most_findings(comparisons: u64) -> u64 {
    let n = comparisons as f64;
    let mut term = (1.0 - ALPHA).powf(n);
    let mut upto = term;
    let mut k = 0_u64;
    while 1.0 - upto > ALPHA && k < comparisons {
        let at = k as f64;
        term *= (n - at) / (at + 1.0) * ALPHA / (1.0 - ALPHA);
        upto += term;
        k += 1;
    }
    k
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_the_table() {
        let table = [(20, 3), (40, 4), (60, 6), (100, 9), (200, 15), (400, 27)];
        for (comparisons, most) in table {
            assert_eq!(most_findings(comparisons), most, "{comparisons}");
        }
        assert_eq!(most_findings(0), 0);
    }

    #[test]
    fn the_floor_leaves_one_in_twenty_beyond_it() {
        let deltas: Vec<f64> = (1..=40)
            .map(|k| if k % 2 == 0 { 0.001 } else { -0.001 } * f64::from(k))
            .collect();
        assert!((noise_floor(&deltas).unwrap() - 0.038_f64.exp_m1()).abs() < 1e-12);
        assert!((noise_floor(&[0.01, -0.02]).unwrap() - 0.02_f64.exp_m1()).abs() < 1e-12);
        assert_eq!(noise_floor(&[]), None);
    }
}
