//! When requests are sent: the shapes of a plan, and the few parts they are made of. Every shape is
//! one [`Offer`]: all at once, a number in flight, or arrivals along a rate. Must not know when the
//! window ends ([`super::stop`]).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{FileSpec, TraceFacts, seconds};

/// When requests are sent. Rates are requests per second over all slots.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Shape {
    /// All at once: the original crate's "N concurrent requests".
    Burst {
        /// Number of requests over all slots.
        requests: u32,
    },
    /// A fixed number in flight: when one ends, the next is sent.
    ClosedLoop {
        /// Number in flight over all slots.
        concurrency: u32,
        /// Total number over all slots; optional if the stop rule has a duration.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        requests: Option<u32>,
    },
    /// Evenly spaced.
    Constant {
        /// Requests per second.
        rate: f64,
    },
    /// Independent arrivals: exponential gaps.
    Poisson {
        /// Requests per second.
        rate: f64,
    },
    /// Gamma-distributed gaps: more regular than Poisson if `cv` is below one, bursty above.
    Gamma {
        /// Requests per second.
        rate: f64,
        /// Standard deviation of the gaps ÷ their mean.
        cv: f64,
    },
    /// A rate that changes evenly.
    Ramp {
        /// Requests per second at the start.
        from: f64,
        /// Requests per second at the end.
        to: f64,
        /// Duration, seconds.
        #[serde(with = "seconds")]
        over: Duration,
        /// Spacing of requests along the rate.
        #[serde(default)]
        arrivals: Spacing,
    },
    /// One rate after another.
    Steps {
        /// Rates, requests per second.
        rates: Vec<f64>,
        /// Duration of each, seconds.
        #[serde(with = "seconds")]
        each: Duration,
        /// Spacing of requests along the rate.
        #[serde(default)]
        arrivals: Spacing,
    },
    /// A recorded trace: its times, lengths, and shared parts of prompts.
    Trace {
        /// Its file.
        file: FileSpec,
        /// Factor by which the replay is faster than the recording.
        #[serde(default = "Shape::as_recorded")]
        speed: f64,
        /// Filled in when the plan is read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        facts: Option<TraceFacts>,
    },
    /// Closed loops, one after another.
    Ladder {
        /// Numbers in flight over all slots.
        concurrency: Vec<u32>,
        /// Duration of each, seconds.
        #[serde(with = "seconds")]
        each: Duration,
    },
}

/// Spacing of arrivals along a rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spacing {
    /// Evenly.
    Constant,
    /// Independent of each other.
    #[default]
    Poisson,
}

/// The kind of load of a shape, which decides the validity checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShapeKind {
    /// All at once.
    Burst,
    /// When one ends, the next is sent.
    Closed,
    /// Sent independently of the engine.
    Open,
}

/// The basic form of a shape.
#[derive(Clone, Debug, PartialEq)]
pub enum Offer {
    /// This many at once.
    AtOnce(u32),
    /// A number in flight, one level after another; the last continues until the stop rule ends it.
    InFlight(Vec<Level>),
    /// Arrivals listed in a file.
    Listed {
        /// Factor by which the replay is faster than the list.
        speed: f64,
    },
    /// Arrivals along a rate.
    Along {
        /// The rate; its last piece continues as long as necessary.
        profile: Vec<Piece>,
        /// Standard deviation of the gaps ÷ their mean: zero is even, one is Poisson.
        cv: f64,
    },
}

/// One level of a closed loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Number in flight over all slots.
    pub concurrency: u32,
    /// When it begins, from the start of the window.
    pub from: Duration,
}

/// A stretch in which the rate changes evenly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Piece {
    /// Requests per second at its beginning.
    pub from: f64,
    /// Requests per second at its end.
    pub to: f64,
    /// Its duration; `None` continues for ever.
    pub over: Option<Duration>,
}

impl Shape {
    fn as_recorded() -> f64 {
        1.0
    }

    /// The kind of load, which decides the validity checks.
    #[must_use]
    pub fn kind(&self) -> ShapeKind {
        match self {
            Self::Burst { .. } => ShapeKind::Burst,
            Self::ClosedLoop { .. } | Self::Ladder { .. } => ShapeKind::Closed,
            _ => ShapeKind::Open,
        }
    }

    /// Whether the load is constant, so that a stationary window can be expected.
    #[must_use]
    pub fn is_steady(&self) -> bool {
        use Shape::{ClosedLoop, Constant, Gamma, Poisson};
        matches!(
            self,
            ClosedLoop { .. } | Constant { .. } | Poisson { .. } | Gamma { .. }
        )
    }

    /// Its basic form.
    #[must_use]
    pub fn offer(&self) -> Offer {
        let along = |profile, cv| Offer::Along { profile, cv };
        let flat = |rate: f64, over| Piece {
            from: rate,
            to: rate,
            over,
        };
        match self {
            Self::Burst { requests } => Offer::AtOnce(*requests),
            &Self::ClosedLoop { concurrency, .. } => Offer::InFlight(vec![Level {
                concurrency,
                from: Duration::ZERO,
            }]),
            &Self::Trace { speed, .. } => Offer::Listed { speed },
            Self::Ladder { concurrency, each } => Offer::InFlight(levels(concurrency, *each)),
            &Self::Constant { rate } => along(vec![flat(rate, None)], 0.0),
            &Self::Poisson { rate } => along(vec![flat(rate, None)], 1.0),
            &Self::Gamma { rate, cv } => along(vec![flat(rate, None)], cv),
            &Self::Ramp {
                from,
                to,
                over,
                arrivals,
            } => along(
                vec![Piece {
                    from,
                    to,
                    over: Some(over),
                }],
                arrivals.cv(),
            ),
            Self::Steps {
                rates,
                each,
                arrivals,
            } => along(
                rates.iter().map(|rate| flat(*rate, Some(*each))).collect(),
                arrivals.cv(),
            ),
        }
    }

    /// Its own duration, if it has one.
    #[must_use]
    pub fn length(&self) -> Option<Duration> {
        let times = |each: &Duration, n: usize| *each * u32::try_from(n).unwrap_or(u32::MAX);
        match self {
            Self::Ramp { over, .. } => Some(*over),
            Self::Steps { rates, each, .. } => Some(times(each, rates.len())),
            Self::Trace { speed, facts, .. } => {
                facts.map(|facts| facts.over.div_f64(speed.max(1e-9)))
            }
            Self::Ladder { concurrency, each } => Some(times(each, concurrency.len())),
            _ => None,
        }
    }
}

impl Spacing {
    fn cv(self) -> f64 {
        match self {
            Self::Constant => 0.0,
            Self::Poisson => 1.0,
        }
    }
}

impl Piece {
    /// Number of requests in its first `time`.
    #[must_use]
    pub fn requests(&self, time: Duration) -> f64 {
        let t = self.over.map_or(time, |over| time.min(over)).as_secs_f64();
        let slope = self
            .over
            .map_or(0.0, |over| (self.to - self.from) / over.as_secs_f64());
        self.from * t + slope * t * t / 2.0
    }

    /// Seconds until this many requests are due: the root of `from·t + slope·t²/2 = requests`, in
    /// the form that does not cancel if the slope is small.
    fn until(&self, requests: f64) -> f64 {
        let slope = self
            .over
            .map_or(0.0, |over| (self.to - self.from) / over.as_secs_f64());
        let root = (self.from * self.from + 2.0 * slope * requests)
            .max(0.0)
            .sqrt();
        let below = self.from + root;
        if below > 0.0 {
            2.0 * requests / below
        } else {
            0.0
        }
    }
}

/// When the given number of requests is due along a rate; the last piece continues.
#[must_use]
pub fn when(profile: &[Piece], mut requests: f64) -> Duration {
    let mut passed = Duration::ZERO;
    for piece in profile {
        let here = piece
            .over
            .map_or(f64::INFINITY, |over| piece.requests(over));
        if requests < here {
            return passed + lasting(piece.until(requests));
        }
        requests -= here;
        passed += piece.over.unwrap_or_default();
    }
    let rate = profile.last().map_or(0.0, |piece| piece.to);
    passed + lasting(if rate > 0.0 { requests / rate } else { 0.0 })
}

fn lasting(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX / 2)
}

fn levels(concurrency: &[u32], each: Duration) -> Vec<Level> {
    let level = |(concurrency, at): (&u32, u32)| Level {
        concurrency: *concurrency,
        from: each * at,
    };
    concurrency.iter().zip(0..).map(level).collect()
}
