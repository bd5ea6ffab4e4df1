//! Queues in virtual time whose capacity is known: a batching engine, M/M/1, one with rare stalls,
//! one with a cliff, one that fails at a low rate only.

use stats::capacity::Count;
use stats::order::Arm;
use stats::rng::{Rng, Seed};

/// Time of a window and of the run-in before it, seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) run_in: f64,
    pub(crate) window: f64,
}

/// What answers the requests.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Model {
    /// Steps of a + bN with ten per cent noise, whose speed drifts from window to window.
    Batching { limit: f64, drift: f64 },
    /// Exponential service at rate μ; sojourn within `limit`.
    Mm1 { mu: f64, limit: f64 },
    /// M/M/1 that stands still for a moment, rarely: every `every` seconds for `lasts`.
    Stalls {
        mu: f64,
        limit: f64,
        every: f64,
        lasts: f64,
    },
    /// Every request above this rate fails, with half of them already at it.
    Cliff { at: f64 },
    /// A closed loop: with N in flight a request takes base + each · N, with log-normal noise of 10 %,
    /// and the speed differs by 2 % between windows.
    Closed { base: f64, each: f64, limit: f64 },
    /// M/M/1 that also violates its objective between two rates.
    Bump {
        mu: f64,
        limit: f64,
        from: f64,
        to: f64,
    },
    /// M/M/1 whose server is slower from the given window on.
    Slows {
        mu: f64,
        limit: f64,
        after: u32,
        factor: f64,
    },
}

/// A model that has been running: drift has a memory.
pub(crate) struct Bench {
    pub(crate) model: Model,
    pub(crate) times: Times,
    /// Speed of the candidate relative to the baseline.
    pub(crate) ratio: f64,
    /// Whether the numbers of arrivals in the run-in and in the window are free.
    pub(crate) free: [bool; 2],
    rng: Rng,
    drift: f64,
    windows: u32,
}

pub(crate) fn exponential(rng: &mut Rng) -> f64 {
    -(1.0 - rng.unit()).ln()
}

pub(crate) fn normal(rng: &mut Rng) -> f64 {
    (2.0 * exponential(rng)).sqrt() * (std::f64::consts::TAU * rng.unit()).cos()
}

impl Bench {
    pub(crate) fn new(model: Model, times: Times, ratio: f64, seed: u64) -> Self {
        Self {
            model,
            times,
            ratio,
            free: [false; 2],
            rng: Seed(seed).child("bench").rng(),
            drift: 0.0,
            windows: 0,
        }
    }

    /// One window at a rate; `arrivals` is the same for all arms of a round.
    pub(crate) fn window(&mut self, rate: f64, arm: Arm, arrivals: Seed) -> Count {
        if let Model::Closed { base, each, limit } = self.model {
            return self.closed(rate, arm, base, each, limit);
        }
        let due = due(rate, self.times, self.free, arrivals);
        let speed = if arm == Arm::B { self.ratio } else { 1.0 };
        let own = Seed(self.rng.next_u64());
        self.windows += 1;
        let from = self.times.run_in;
        match self.model {
            Model::Batching { limit, drift } => {
                self.drift = 0.9 * self.drift + drift * 0.19f64.sqrt() * normal(&mut self.rng);
                count(
                    &due,
                    &batching(&due, self.drift.exp() / speed, own),
                    from,
                    limit,
                )
            }
            Model::Mm1 { mu, limit } => {
                count(&due, &queue(&due, mu * speed, None, own), from, limit)
            }
            Model::Stalls {
                mu,
                limit,
                every,
                lasts,
            } => count(
                &due,
                &queue(&due, mu * speed, Some((every, lasts)), own),
                from,
                limit,
            ),
            Model::Slows {
                mu,
                limit,
                after,
                factor,
            } => {
                let mu = if self.windows > after {
                    mu * factor
                } else {
                    mu
                };
                count(&due, &queue(&due, mu * speed, None, own), from, limit)
            }
            Model::Bump {
                mu,
                limit,
                from: low,
                to,
            } => {
                let mut count = count(&due, &queue(&due, mu * speed, None, own), from, limit);
                if (low..to).contains(&rate) {
                    count.violated = count.violated.max(count.of / 20);
                }
                count
            }
            Model::Closed { .. } => unreachable!("it has no arrivals"),
            Model::Cliff { at } => {
                let of = due.len() as u64;
                let violated = if rate * speed.recip() > at {
                    of / 2
                } else {
                    of / 2000
                };
                Count { violated, of }
            }
        }
    }
}

impl Bench {
    fn closed(&mut self, in_flight: f64, arm: Arm, base: f64, each: f64, limit: f64) -> Count {
        let speed = if arm == Arm::B { self.ratio } else { 1.0 };
        let drift = (0.02 * normal(&mut self.rng)).exp();
        let time = (base + each * in_flight) * drift / speed;
        let of = (in_flight * self.times.window / time) as u64;
        let late = |rng: &mut Rng| time * (0.1 * normal(rng)).exp() > limit;
        let violated = (0..of).filter(|_| late(&mut self.rng)).count() as u64;
        Count { violated, of }
    }
}

/// Arrivals of a Poisson process, with a fixed number in the run-in and in the window, or a free one.
fn due(rate: f64, times: Times, free: [bool; 2], seed: Seed) -> Vec<f64> {
    let mut rng = seed.rng();
    let mut part = |from: f64, length: f64, free: bool| {
        let mean = rate * length;
        let more = if free {
            mean.sqrt() * normal(&mut rng)
        } else {
            0.0
        };
        let n = (mean + more).round().max(1.0) as usize;
        let gaps: Vec<f64> = (0..=n).map(|_| exponential(&mut rng)).collect();
        let sum: f64 = gaps.iter().sum();
        let mut at = 0.0;
        let times: Vec<f64> = gaps[..n]
            .iter()
            .map(|gap| {
                at += gap;
                from + at / sum * length
            })
            .collect();
        times
    };
    let mut all = part(0.0, times.run_in, free[0]);
    all.extend(part(times.run_in, times.window, free[1]));
    all
}

/// Violations among the requests that are due from `from` on.
fn count(due: &[f64], done: &[f64], from: f64, limit: f64) -> Count {
    let window = || due.iter().zip(done).filter(|(due, _)| **due >= from);
    Count {
        violated: window()
            .filter(|(due, done)| **done - **due > limit)
            .count() as u64,
        of: window().count() as u64,
    }
}

/// When each request ends in a queue of one server; with stalls of an exponential clock.
fn queue(due: &[f64], mu: f64, stalls: Option<(f64, f64)>, seed: Seed) -> Vec<f64> {
    let mut rng = seed.rng();
    let mut stall = stalls.map(|(every, _)| every * exponential(&mut rng));
    let mut free = 0.0f64;
    due.iter()
        .map(|at| {
            let begins = free.max(*at);
            if let (Some(due), Some((every, lasts))) = (stall, stalls)
                && begins >= due
            {
                free = begins.max(due + lasts);
                stall = Some(due + lasts + every * exponential(&mut rng));
            }
            free = free.max(*at) + exponential(&mut rng) / mu;
            free
        })
        .collect()
}

/// When each request has its first token, in an engine whose steps take a + bN + c for each
/// admission, for at most 64 sequences of a geometric length.
fn batching(due: &[f64], slow: f64, seed: Seed) -> Vec<f64> {
    const BATCH: usize = 64;
    let (mut lengths, mut noise) = (seed.child("lengths").rng(), seed.child("noise").rng());
    let mut first = vec![0.0; due.len()];
    let mut running: Vec<u32> = Vec::with_capacity(BATCH);
    let (mut next, mut now) = (0, 0.0f64);
    while next < due.len() {
        if running.is_empty() {
            now = now.max(due[next]);
        }
        let begins = next;
        while next < due.len() && due[next] <= now && running.len() < BATCH {
            let length = 1.0 + (exponential(&mut lengths) / -(31.0f64 / 32.0).ln()).floor();
            running.push(length as u32);
            next += 1;
        }
        let new = (next - begins) as f64;
        let step = (0.010 + 0.0012 * running.len() as f64 + 0.006 * new) * slow;
        now += step * (0.1 * normal(&mut noise)).exp();
        first[begins..next].fill(now);
        running.iter_mut().for_each(|left| *left -= 1);
        running.retain(|left| *left > 0);
    }
    first
}

/// ln capacity by bisection over long windows; for models without a formula.
pub(crate) fn truth(model: Model, times: Times, ratio: f64, allowed: f64) -> f64 {
    let (mut low, mut high) = (8.0f64.ln(), 60.0f64.ln());
    for _ in 0..12 {
        let middle = f64::midpoint(low, high);
        let mut bench = Bench::new(model, times, ratio, 11);
        bench.free = [true; 2];
        let (mut k, mut n) = (0, 0);
        for window in 0..400 {
            let count = bench.window(middle.exp(), Arm::B, Seed(99).nth(window));
            (k, n) = (k + count.violated, n + count.of);
        }
        if k as f64 / n as f64 > allowed {
            high = middle;
        } else {
            low = middle;
        }
    }
    f64::midpoint(low, high)
}
