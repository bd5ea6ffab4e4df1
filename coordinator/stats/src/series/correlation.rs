//! How strongly neighbours are correlated, by batch means (docs/method.md), and how regular
//! arrivals are. Diagnostics only: no interval depends on them, because they cannot detect
//! differences between runs.

/// τ counts only while it is above this share of the batch; beyond that there are too few batches.
const TRUSTED: f64 = 0.2;

/// n ÷ τ, the number of independent values with the same information about the mean: τ is the
/// largest b·Var(batch mean) ÷ Var(x) over batch sizes b = 2^k with τ_b > 0.2·b. `None` for fewer
/// than eight values or without spread. Never more than n.
#[must_use]
pub fn effective_size(values: &[f64]) -> Option<f64> {
    let spread = variance(values).filter(|v| *v > 0.0 && values.len() >= 8)?;
    let sizes = (0..)
        .map(|k| 1_usize << k)
        .take_while(|size| values.len() / size >= 4);
    let tau = |size: usize| {
        let means: Vec<f64> = values.chunks_exact(size).map(mean).collect();
        variance(&means)
            .map(|v| size as f64 * v / spread)
            .filter(|tau| *tau > TRUSTED * size as f64)
    };
    let tau = sizes.filter_map(tau).fold(1.0, f64::max);
    Some(values.len() as f64 / tau)
}

/// Index of dispersion, Var ÷ mean of counts in equal pieces of time: 1 for Poisson arrivals, 0 for
/// evenly spaced ones. `None` for fewer than eight pieces or without any count.
#[must_use]
pub fn dispersion(counts: &[f64]) -> Option<f64> {
    let level = mean(counts);
    (counts.len() >= 8 && level > 0.0).then(|| variance(counts).map(|v| v / level))?
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Unbiased; `None` for fewer than two values.
fn variance(values: &[f64]) -> Option<f64> {
    let level = mean(values);
    let squares: f64 = values.iter().map(|v| (v - level).powi(2)).sum();
    (values.len() >= 2).then(|| squares / (values.len() - 1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    #[test]
    fn by_hand() {
        // Pairs of equals: variance 8/7 (±1), means of two have 4/3, so τ₂ = 2·(4/3)/(8/7) = 7/3
        // and n = 8/(7/3).
        let pairs = [1.0, 1.0, -1.0, -1.0, 1.0, 1.0, -1.0, -1.0];
        assert!((effective_size(&pairs).unwrap() - 24.0 / 7.0).abs() < 1e-12);
        assert_eq!(effective_size(&[2.0; 20]), None);
        assert_eq!(effective_size(&[1.0, 2.0]), None);
        // Mean 2, variance 16/7 of four 0 and four 4 … (8·4/7) / 2.
        assert!(
            (dispersion(&[0.0, 4.0, 0.0, 4.0, 0.0, 4.0, 0.0, 4.0]).unwrap() - 16.0 / 7.0).abs()
                < 1e-12
        );
        assert_eq!(
            (dispersion(&[3.0; 9]), dispersion(&[0.0; 9])),
            (Some(0.0), None)
        );
    }

    /// AR(1) with ρ has τ = (1+ρ)/(1−ρ): 9 at 0.8.
    #[test]
    fn repeated_noise_counts_for_less() {
        let size = |rho: f64| {
            let mut rng = Seed(5).rng();
            let mut state = 0.0;
            let mut step = || {
                state = rho * state + (0..12).map(|_| rng.unit()).sum::<f64>() - 6.0;
                state
            };
            effective_size(&(0..4096).map(|_| step()).collect::<Vec<_>>()).unwrap()
        };
        let (white, red) = (size(0.0), size(0.8));
        assert!(
            white > 2500.0 && (250.0..800.0).contains(&red),
            "{white} {red}"
        );
    }
}
