//! Holm's correction for several metrics (docs/method.md). Owns the adjusted p values; must not
//! know the metrics.

/// Adjusted p values in the given order: the k-th smallest of m becomes max over j ≤ k of
/// (m−j+1)·p_(j), at most 1. A metric is significant at family level α if its adjusted p is at most
/// α.
#[must_use]
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut ascending: Vec<usize> = (0..p.len()).collect();
    ascending.sort_by(|&i, &j| p[i].total_cmp(&p[j]));
    let mut adjusted = vec![1.0; p.len()];
    let mut largest: f64 = 0.0;
    for (rank, &index) in ascending.iter().enumerate() {
        largest = largest.max((p.len() - rank) as f64 * p[index]).min(1.0);
        adjusted[index] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // sorted .01 .02 .03 .04 → ×4 .04, ×3 .06, ×2 .06, ×1 → .06 (kept from falling)
        let adjusted = holm(&[0.03, 0.01, 0.04, 0.02]);
        let expected = [0.06, 0.04, 0.06, 0.06];
        assert!(
            adjusted
                .iter()
                .zip(expected)
                .all(|(a, e)| (a - e).abs() < 1e-15),
            "{adjusted:?}"
        );
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }

    /// The textbook step-down rule, literally: reject while p_(i) ≤ α/(m−i+1).
    fn rejected(p: &[f64], alpha: f64) -> Vec<bool> {
        let mut order: Vec<usize> = (0..p.len()).collect();
        order.sort_by(|&i, &j| p[i].total_cmp(&p[j]));
        let mut out = vec![false; p.len()];
        for (i, &k) in order.iter().enumerate() {
            if p[k] > alpha / (p.len() - i) as f64 {
                break;
            }
            out[k] = true;
        }
        out
    }

    #[test]
    fn equals_the_step_down_rule() {
        let mut rng = crate::rng::Seed(8).rng();
        for _ in 0..2000 {
            let p: Vec<f64> = (0..7).map(|_| rng.unit().powi(3)).collect();
            let ours: Vec<bool> = holm(&p).iter().map(|&a| a <= 0.05).collect();
            assert_eq!(ours, rejected(&p, 0.05), "{p:?}");
        }
    }
}
