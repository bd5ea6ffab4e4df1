//! Intended times of an open loop: the planned number, along a rate, from one seeded stream for
//! each share. The times are drawn from the seed as they are needed, so that a share of any length
//! takes no memory. Must not know what is sent at them.

use std::time::Duration;

use contract::spec::{Piece, Share, when};

use crate::stream::Stream;

/// The times of one share, in order.
///
/// With `n` requests, `n + 1` gaps are drawn and scaled so that their sum is the whole window. With
/// exponential gaps this is a Poisson process conditioned on its count (the times are order
/// statistics of the uniform distribution), and any number of shares with their own streams add up
/// to one. Even arrivals are spaced by the inverse of the rate, and all are within the window,
/// however their number was rounded.
pub(super) struct Schedule {
    profile: Vec<Piece>,
    /// Integral of the rate over the window, to which positions are scaled; it need not be an
    /// integer.
    comes_to: f64,
    places: Places,
}

/// Spacing of requests.
enum Places {
    /// Even over all shares together: the number of the request, whatever the integral.
    Even { share: Share, next: u32, total: u32 },
    /// By this share's own gaps, as shares of the window.
    Drawn {
        stream: Stream,
        cv: f64,
        passed: f64,
        sum: f64,
        left: u32,
    },
}

impl Schedule {
    /// The share's part of `total` requests along `profile`, with gaps of this coefficient of
    /// variation, in a window over which the profile integrates to `comes_to` requests.
    #[must_use]
    pub(super) fn new(
        profile: Vec<Piece>,
        cv: f64,
        (total, comes_to): (u32, f64),
        share: Share,
        stream: Stream,
    ) -> Self {
        let places = if cv == 0.0 {
            Places::Even {
                share,
                next: share.index,
                total,
            }
        } else {
            let (left, mut ahead) = (share.count(total), stream.clone());
            let sum = (0..=left).map(|_| gap(&mut ahead, cv)).sum();
            Places::Drawn {
                stream,
                cv,
                passed: 0.0,
                sum,
                left,
            }
        };
        Self {
            profile,
            comes_to,
            places,
        }
    }
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let requests = self.places.next(self.comes_to)?;
        Some(when(&self.profile, requests))
    }
}

impl Places {
    /// Number of requests before the next one, along the rate.
    fn next(&mut self, comes_to: f64) -> Option<f64> {
        match self {
            Self::Even { share, next, total } => {
                let at = (*next < *total).then_some(*next)?;
                *next += share.of;
                Some(f64::from(at))
            }
            Self::Drawn {
                stream,
                cv,
                passed,
                sum,
                left,
            } => {
                *left = left.checked_sub(1)?;
                *passed += gap(stream, *cv);
                Some(comes_to * *passed / *sum)
            }
        }
    }
}

/// A gap of mean one: exponential, or gamma with shape `1 / cv²`.
fn gap(stream: &mut Stream, cv: f64) -> f64 {
    if cv == 1.0 {
        return -(1.0 - stream.uniform()).ln();
    }
    let shape = (cv * cv).recip();
    gamma(stream, shape) / shape
}

/// Marsaglia and Tsang, A Simple Method for Generating Gamma Variables, 2000; below a shape of one
/// by their section 6.
fn gamma(stream: &mut Stream, shape: f64) -> f64 {
    if shape < 1.0 {
        let boost = (1.0 - stream.uniform()).powf(shape.recip());
        return gamma(stream, shape + 1.0) * boost;
    }
    let d = shape - 1.0 / 3.0;
    let c = (9.0 * d).sqrt().recip();
    loop {
        let x = stream.normal();
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && (1.0 - stream.uniform()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::spec::{Offer, Shape, Spacing};

    use super::*;
    use crate::stream::Purpose;

    fn times(shape: &Shape, total: u32, shares: u32) -> Vec<f64> {
        let Offer::Along { profile, cv } = shape.offer() else {
            panic!("an open loop")
        };
        let share = |index| {
            let stream = Stream::new(11, Purpose::Arrival, u64::from(index));
            Schedule::new(
                profile.clone(),
                cv,
                (total, total.into()),
                Share { index, of: shares },
                stream,
            )
        };
        let mut all: Vec<f64> = (0..shares)
            .flat_map(share)
            .map(|at| at.as_secs_f64())
            .collect();
        all.sort_by(f64::total_cmp);
        all
    }

    /// Variance over mean of the counts in slices that expect twenty requests each: one for a
    /// Poisson process.
    fn dispersion(times: &[f64], length: f64) -> f64 {
        let slices = times.len() / 20;
        let mut counts = vec![0.0; slices];
        times
            .iter()
            .for_each(|at| counts[((at / length * slices as f64) as usize).min(slices - 1)] += 1.0);
        let mean = times.len() as f64 / slices as f64;
        counts.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / (slices - 1) as f64 / mean
    }

    #[test]
    fn poisson_arrivals_of_any_number_of_shares_add_up_to_a_poisson_process() {
        for shares in [1, 4, 16] {
            let times = times(&Shape::Poisson { rate: 100.0 }, 60_000, shares);
            assert_eq!(times.len(), 60_000);
            assert!(times.iter().all(|at| (0.0..600.0).contains(at)));
            let index = dispersion(&times, 600.0);
            assert!((index - 1.0).abs() < 0.1, "{index} over {shares} shares");
        }
    }

    #[test]
    fn the_dispersion_tells_other_processes_from_it() {
        let index = |shape: Shape| dispersion(&times(&shape, 60_000, 4), 600.0);
        assert!(index(Shape::Constant { rate: 100.0 }) < 0.1);
        assert!(
            index(Shape::Gamma {
                rate: 100.0,
                cv: 3.0
            }) > 1.5
        );
        assert!(
            index(Shape::Gamma {
                rate: 100.0,
                cv: 0.3
            }) < 0.6
        );
    }

    #[test]
    fn gaps_have_the_variation_they_are_asked_for() {
        for cv in [0.3, 1.0, 2.0] {
            let mut stream = Stream::new(5, Purpose::Arrival, 0);
            let gaps: Vec<f64> = (0..200_000).map(|_| gap(&mut stream, cv)).collect();
            let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
            let sd =
                (gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / gaps.len() as f64).sqrt();
            assert!(
                (mean - 1.0).abs() < 0.02 && (sd - cv).abs() < 0.05 * cv,
                "{cv}: {mean} {sd}"
            );
        }
    }

    #[test]
    fn even_arrivals_are_even_over_all_shares() {
        let times = times(&Shape::Constant { rate: 10.0 }, 30, 4);
        assert!(
            times
                .iter()
                .zip(0..)
                .all(|(at, i)| (at - f64::from(i) / 10.0).abs() < 1e-6),
            "{times:?}"
        );
    }

    #[test]
    fn ramps_and_steps_follow_their_rates() {
        let arrivals = Spacing::Constant;
        let over = Duration::from_secs(10);
        let ramp = times(
            &Shape::Ramp {
                from: 0.0,
                to: 20.0,
                over,
                arrivals,
            },
            100,
            1,
        );
        // A quarter of the requests is due in the first half.
        assert_eq!(ramp.iter().filter(|at| **at < 4.999).count(), 25);
        assert!(ramp.iter().all(|at| *at < 10.0));
        let each = Duration::from_secs(2);
        let steps = times(
            &Shape::Steps {
                rates: vec![5.0, 0.0, 20.0],
                each,
                arrivals,
            },
            50,
            3,
        );
        let until = |limit: f64| steps.iter().filter(|at| **at < limit).count();
        assert_eq!((until(1.9999), until(3.9999), until(6.0)), (10, 10, 50));
    }

    #[test]
    fn drawn_arrivals_fill_the_window_whatever_their_number_was_rounded_to() {
        let profile = vec![Piece {
            from: 1.5,
            to: 1.5,
            over: None,
        }];
        let mut last: f64 = 0.0;
        for (seed, total) in (0..2000).flat_map(|seed| [(seed, 7), (seed, 8)]) {
            let share = Share { index: 0, of: 1 };
            let stream = Stream::new(seed, Purpose::Arrival, 0);
            let schedule = Schedule::new(profile.clone(), 1.0, (total, 7.5), share, stream);
            let times: Vec<f64> = schedule.map(|at| at.as_secs_f64()).collect();
            assert!(times.iter().all(|at| *at < 5.0), "{seed}: {times:?}");
            last = times.into_iter().fold(last, f64::max);
        }
        assert!(last > 4.99, "{last}");
    }

    #[test]
    fn a_schedule_is_the_same_twice() {
        let shape = Shape::Gamma { rate: 7.0, cv: 1.5 };
        assert_eq!(times(&shape, 500, 3), times(&shape, 500, 3));
    }
}
