//! Movement inside a window: how often noise is taken for it, and how often it is found.

use stats::rng::Seed;
use stats::series::movement;

use super::noise::{autoregressive, share};

const PIECES: usize = 64;
const ALPHA: f64 = 0.01;

/// `count` windows of AR(1) noise of 5 % around a ramp of ln(1 + change).
fn windows(seed: Seed, count: usize, rho: f64, change: f64) -> Vec<Vec<f64>> {
    let mut rng = seed.rng();
    let ramp = |t: usize| (1.0 + change).ln() * t as f64 / (PIECES - 1) as f64;
    let window = |noise: Vec<f64>| {
        noise
            .iter()
            .enumerate()
            .map(|(t, e)| 0.05 * e + ramp(t))
            .collect()
    };
    (0..count)
        .map(|_| window(autoregressive(&mut rng, rho, PIECES)))
        .collect()
}

fn detected(count: usize, rho: f64, change: f64) -> f64 {
    share(4000, |seed| {
        movement(&windows(seed, count, rho, change), ALPHA).is_some_and(|m| m.is_detected())
    })
}

/// At 1 %, 4,000 draws stay below 1.4 % with probability 0.99. At ρ = 0.6 the window is sixteen
/// times as long as the memory of the noise ((1+ρ)/(1−ρ) pieces); with four windows any memory is
/// allowed.
#[test]
fn noise_is_seldom_taken_for_movement_however_it_repeats_itself() {
    for (count, rho) in [
        (1, 0.0),
        (1, 0.6),
        (3, 0.5),
        (4, 0.0),
        (4, 0.95),
        (10, 0.99),
    ] {
        let rate = detected(count, rho, 0.0);
        assert!(rate < 0.014, "{count} windows, ρ = {rho}: {rate}");
    }
}

/// The negative control: a plain t-test of the slope, which assumes independent pieces.
#[test]
fn a_test_that_believes_pieces_independent_alarms_all_the_time() {
    let slope_t = |y: &[f64]| {
        let n = y.len() as f64;
        let (middle, level) = ((n - 1.0) / 2.0, y.iter().sum::<f64>() / n);
        let x = |t: usize| t as f64 - middle;
        let sxx: f64 = (0..y.len()).map(|t| x(t).powi(2)).sum();
        let slope = y.iter().enumerate().map(|(t, v)| x(t) * v).sum::<f64>() / sxx;
        let rest: f64 = y
            .iter()
            .enumerate()
            .map(|(t, v)| (v - level - slope * x(t)).powi(2))
            .sum();
        slope / (rest / (n - 2.0) / sxx).sqrt()
    };
    let rate = share(1000, |seed| {
        slope_t(&windows(seed, 1, 0.7, 0.0)[0]).abs() > 2.66
    });
    assert!(rate > 0.15, "{rate}");
}

#[test]
fn a_ramp_of_ten_per_cent_is_found_and_its_absence_proved() {
    // A single window has only four slow components to compare with, so it needs half as much
    // again.
    assert!(
        detected(1, 0.0, 0.15) > 0.50,
        "one window: {}",
        detected(1, 0.0, 0.15)
    );
    assert!(
        detected(3, 0.5, 0.10) > 0.80,
        "three windows: {}",
        detected(3, 0.5, 0.10)
    );
    assert!(
        detected(10, 0.7, 0.10) > 0.80,
        "ten windows: {}",
        detected(10, 0.7, 0.10)
    );
    let refuted = share(1000, |seed| {
        movement(&windows(seed, 10, 0.5, 0.0), ALPHA).is_some_and(|m| m.is_refuted(0.10))
    });
    assert!(refuted > 0.95, "{refuted}");
}
