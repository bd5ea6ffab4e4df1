//! Detects during a load whether the engine falls further and further behind: requests in flight
//! and time to first token both rise from slice to slice of the window, by far more than chance.
//! Must not know what follows from that.

use std::time::Duration;

/// Greatest number of slices; when they are full, pairs are combined.
const SLICES: usize = 64;

/// Fewest whole slices needed for a decision.
const LEAST: usize = 24;

/// Leading slices that are left out, because the engine begins idle.
const FILLING: usize = 8;

/// Initial length of a slice.
const FINEST: Duration = Duration::from_millis(100);

/// Standard errors by which a slope must exceed zero. The window is tested again after every slice,
/// so this is far more than a single test would need.
const SIGNIFICANT: f64 = 5.0;

/// Least ratio of the end of the fitted line to its beginning.
const GROWTH: f64 = 2.0;

/// Sums over the slices so far. Allocates nothing.
#[derive(Clone, Debug)]
pub(super) struct Saturation {
    width: Duration,
    slices: [Slice; SLICES],
    /// Index of the slice being filled.
    at: usize,
    seen: Duration,
}

/// Sums over one slice.
#[derive(Clone, Copy, Debug, Default)]
struct Slice {
    /// Integral of requests in flight, request seconds.
    flight: f64,
    ttft: f64,
    answered: u32,
}

impl Default for Saturation {
    fn default() -> Self {
        Self {
            width: FINEST,
            slices: [Slice::default(); SLICES],
            at: 0,
            seen: Duration::ZERO,
        }
    }
}

impl Saturation {
    /// Adds the number in flight until this time since the window opened. Returns true once the
    /// engine is clearly falling behind; tested whenever a slice is complete.
    pub(super) fn see(&mut self, since: Duration, in_flight: u64) -> bool {
        let mut complete = false;
        while self.seen < since {
            let end = self.width * u32::try_from(self.at + 1).expect("there are few slices");
            let until = since.min(end);
            self.slices[self.at].flight += in_flight as f64 * (until - self.seen).as_secs_f64();
            self.seen = until;
            if until == end {
                complete = true;
                self.at += 1;
                if self.at == SLICES {
                    self.halve();
                }
            }
        }
        complete && self.falls_behind()
    }

    /// A first token arrived this long after its request was due.
    pub(super) fn answered(&mut self, ttft: Duration) {
        let slice = &mut self.slices[self.at];
        slice.ttft += ttft.as_secs_f64();
        slice.answered += 1;
    }

    fn halve(&mut self) {
        for at in 0..SLICES / 2 {
            let (one, other) = (self.slices[2 * at], self.slices[2 * at + 1]);
            self.slices[at] = Slice {
                flight: one.flight + other.flight,
                ttft: one.ttft + other.ttft,
                answered: one.answered + other.answered,
            };
        }
        self.slices[SLICES / 2..].fill(Slice::default());
        (self.at, self.width) = (SLICES / 2, 2 * self.width);
    }

    fn falls_behind(&self) -> bool {
        let Some(judged) = self
            .slices
            .get(FILLING..self.at)
            .filter(|slices| slices.len() >= LEAST - FILLING)
        else {
            return false;
        };
        // Without any answer there is no waiting time to test; errors have their own rule.
        judged.iter().all(|slice| slice.answered > 0)
            && rises(judged.len(), |at| judged[at].flight)
            && rises(judged.len(), |at| {
                judged[at].ttft / f64::from(judged[at].answered)
            })
    }
}

/// Whether a line through the values rises significantly and by much. Ordinary least squares; for
/// autocorrelated residuals the standard error is widened by `√((1 + r)/(1 − r))` with their
/// lag-one correlation `r`.
fn rises(n: usize, value: impl Fn(usize) -> f64) -> bool {
    let count = n as f64;
    let middle = (count - 1.0) / 2.0;
    let mean = (0..n).map(&value).sum::<f64>() / count;
    let spread: f64 = (0..n).map(|t| (t as f64 - middle).powi(2)).sum();
    let slope = (0..n).map(|t| (t as f64 - middle) * value(t)).sum::<f64>() / spread;
    let rest = |t: usize| value(t) - mean - slope * (t as f64 - middle);
    let squares: f64 = (0..n).map(|t| rest(t).powi(2)).sum();
    let lagged: f64 = (1..n).map(|t| rest(t) * rest(t - 1)).sum();
    let r = (lagged / squares.max(f64::MIN_POSITIVE)).clamp(0.0, 0.95);
    let error = (squares / (count - 2.0) / spread * (1.0 + r) / (1.0 - r)).sqrt();
    let (begin, end) = (mean - slope * middle, mean + slope * middle);
    slope > SIGNIFICANT * error && end > GROWTH * begin.max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{Purpose, Stream};

    /// Whether a window is stopped, given the number in flight and the wait at each of `seconds` ×
    /// 100 turns.
    fn stopped(seconds: u32, level: impl Fn(f64) -> f64) -> Option<f64> {
        let (mut saturation, mut noise) =
            (Saturation::default(), Stream::new(1, Purpose::Noise, 0));
        (1..seconds * 100)
            .map(|turn| f64::from(turn) / 100.0)
            .find(|&at| {
                let now = level(at) * (0.3 * noise.normal()).exp();
                saturation.answered(Duration::from_secs_f64(now / 100.0));
                saturation.see(Duration::from_secs_f64(at), now as u64)
            })
    }

    #[test]
    fn what_grows_without_end_is_stopped_and_soon() {
        let at = stopped(600, |at| 10.0 + 20.0 * at).expect("it is seen");
        assert!(at < 10.0, "{at}");
        // The slower the growth, the longer it takes to distinguish it from noise.
        assert!(stopped(600, |at| 50.0 + at).expect("it is detected eventually") > 10.0);
    }

    #[test]
    fn what_holds_out_is_not_whatever_its_noise() {
        assert_eq!(stopped(3600, |_| 40.0), None);
        assert_eq!(
            stopped(3600, |at| 40.0 + 30.0 * (at / 20.0).sin()),
            None,
            "it swings"
        );
        assert_eq!(
            stopped(3600, |at| 40.0 * (1.0 - (-at).exp()) + 1.0),
            None,
            "it fills"
        );
        assert_eq!(stopped(3600, |at| 100.0 - at / 40.0), None, "it falls");
    }

    #[test]
    fn both_must_rise() {
        let mut saturation = Saturation::default();
        assert!((1..10_000).all(|turn: u32| {
            saturation.answered(Duration::from_millis(30));
            !saturation.see(Duration::from_millis(10) * turn, u64::from(turn))
        }));
    }
}
