//! Checks whether B against A is the same in all places (slots, hosts), and estimates it with hosts
//! as a sample (docs/method.md). Owns the leave-one-out contrast and the variance between hosts;
//! must not know what a place is.

use super::block::{CompareError, Paired};
use super::estimate::{Estimate, Interval};
use super::holm::holm;
use super::settings::Settings;
use crate::student::t_upper;

/// Fewest hosts that are treated as a sample of hosts.
pub const LEAST_SAMPLE: usize = 5;

/// Family error of calling a place odd: small, because the place is named.
const ODD_ALPHA: f64 = 0.01;

/// A place that differs from the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Odd {
    /// Its index. Of only two places either could be the odd one; this is the first.
    pub place: usize,
    /// Its difference of B to A minus the mean of the others', in each round.
    pub contrast: Estimate,
    /// p of the contrast after Holm's correction over the places.
    pub adjusted_p: f64,
}

/// B against A over a sample of hosts: the variance between hosts is part of the interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Mean over hosts.
    pub delta: f64,
    /// √(σ̂²_{host×build}/H + σ̂²_ε/(R·H)).
    pub se: f64,
    /// H − 1.
    pub df: f64,
    /// Interval at 1−α.
    pub ci: Interval,
    /// σ̂_{host×build}: variation of the effect itself between hosts.
    pub between: f64,
    /// σ̂_ε: scatter of one host's rounds.
    pub within: f64,
}

/// The place that differs most from the others, if it differs beyond `tau_ln` and beyond chance.
/// Every place is compared with the mean of the others in the same rounds, so that a disturbance of
/// all of them cancels; a robust score over a handful of places could not tell one slow place from
/// scatter.
///
/// # Errors
/// Fewer than two rounds, or values that are not finite.
pub fn odd_one(
    places: &[Paired],
    tau_ln: f64,
    settings: &Settings,
) -> Result<Option<Odd>, CompareError> {
    if places.len() < 2 {
        return Ok(None);
    }
    let contrasts = (0..places.len())
        .map(|place| Estimate::of(&contrast(places, place), settings))
        .collect::<Result<Vec<_>, _>>()?;
    let adjusted = holm(
        &contrasts
            .iter()
            .map(|contrast| contrast.p)
            .collect::<Vec<_>>(),
    );
    // One slow place of three makes the contrasts of the other two half as large, so the largest is
    // the odd one. With two places, one contrast is the negative of the other; the first stands for
    // both.
    let far = |place: &usize| contrasts[*place].delta.abs();
    let most =
        (0..places.len()).max_by(|one, other| far(one).total_cmp(&far(other)).then(other.cmp(one)));
    Ok(most
        .filter(|&at| far(&at) > tau_ln && adjusted[at] <= ODD_ALPHA)
        .map(|place| Odd {
            place,
            contrast: contrasts[place].clone(),
            adjusted_p: adjusted[place],
        }))
}

fn contrast(places: &[Paired], place: usize) -> Paired {
    let others = (places.len() - 1) as f64;
    let in_round = |(round, own): (usize, &f64)| {
        let rest = places
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != place);
        own - rest
            .map(|(_, paired)| paired.differences[round])
            .sum::<f64>()
            / others
    };
    Paired {
        differences: places[place]
            .differences
            .iter()
            .enumerate()
            .map(in_round)
            .collect(),
        covariate: places[place].covariate.clone(),
    }
}

/// The hosts as a sample: one-way analysis of variance of their rounds' differences. `None` below
/// five hosts or two rounds. A negative variance between hosts counts as zero; the degrees of
/// freedom stay H − 1.
#[must_use]
pub fn sample_of_hosts(hosts: &[Paired], settings: &Settings) -> Option<Sample> {
    let (h, r) = (hosts.len() as f64, hosts.first()?.differences.len() as f64);
    if hosts.len() < LEAST_SAMPLE || r < 2.0 {
        return None;
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let about =
        |values: &[f64], centre: f64| values.iter().map(|v| (v - centre).powi(2)).sum::<f64>();
    let means: Vec<f64> = hosts.iter().map(|host| mean(&host.differences)).collect();
    let delta = mean(&means);
    let between = r * about(&means, delta) / (h - 1.0);
    let within = hosts
        .iter()
        .zip(&means)
        .map(|(host, m)| about(&host.differences, *m))
        .sum::<f64>();
    let within = within / (h * (r - 1.0));
    let extra = ((between - within) / r).max(0.0);
    let (se, df) = ((extra / h + within / (r * h)).sqrt(), h - 1.0);
    let ci = Interval::around(delta, t_upper(settings.alpha / 2.0, df) * se);
    Some(Sample {
        delta,
        se,
        df,
        ci,
        between: extra.sqrt(),
        within: within.sqrt(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    fn places(deltas: &[f64], rounds: usize, seed: u64) -> Vec<Paired> {
        let mut rng = Seed(seed).rng();
        let shared: Vec<f64> = (0..rounds).map(|_| 0.04 * (rng.unit() - 0.5)).collect();
        let mut place = |delta: &f64| Paired {
            differences: shared
                .iter()
                .map(|s| s + delta + 0.02 * (rng.unit() - 0.5))
                .collect(),
            covariate: (0..rounds)
                .map(|r| if r % 2 == 0 { 1.0 } else { -1.0 })
                .collect(),
        };
        deltas.iter().map(&mut place).collect()
    }

    fn named(deltas: &[f64], seed: u64) -> Option<usize> {
        odd_one(
            &places(deltas, 8, seed),
            0.02_f64.ln_1p(),
            &Settings::default(),
        )
        .unwrap()
        .map(|odd| odd.place)
    }

    #[test]
    fn the_odd_place_is_named_and_no_other() {
        for seed in 0..50 {
            assert_eq!(named(&[0.0, 0.0, 0.1, 0.0], seed), Some(2));
            assert_eq!(named(&[0.1, 0.0, 0.0], seed), Some(0));
            assert_eq!(
                named(&[0.0, 0.1], seed),
                Some(0),
                "of two the first stands for both"
            );
            assert_eq!(named(&[0.0], seed), None);
        }
    }

    #[test]
    fn equal_places_are_left_in_peace() {
        let found = (0..200)
            .filter(|seed| named(&[0.05; 4], *seed).is_some())
            .count();
        assert!(found <= 2, "{found} of 200");
    }

    /// H = 5, R = 2, means 1 2 3 4 5, each ± 0.1: between = 2·2.5 = 5, within = 0.02; SE² = (2.49 +
    /// 0.01)/5.
    #[test]
    fn a_sample_of_hosts_by_hand() {
        let host = |m: f64| Paired {
            differences: vec![m - 0.1, m + 0.1],
            covariate: vec![1.0, -1.0],
        };
        let hosts: Vec<Paired> = [1.0, 2.0, 3.0, 4.0, 5.0].map(host).to_vec();
        let sample = sample_of_hosts(&hosts, &Settings::default()).unwrap();
        assert!((sample.delta - 3.0).abs() < 1e-12 && (sample.se - 0.5_f64.sqrt()).abs() < 1e-12);
        assert!((sample.between - 2.49_f64.sqrt()).abs() < 1e-12 && sample.df == 4.0);
        assert_eq!(sample_of_hosts(&hosts[..4], &Settings::default()), None);
    }
}
