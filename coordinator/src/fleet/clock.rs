//! Relates a peer's monotonic clock to the coordinator's, from pings. The fastest round trip gives
//! the best offset (the minimum filter of NTP); half of it is the uncertainty.

use std::time::Duration;

/// Greatest drift between two sound clocks over the longest session. A greater change is a jump.
const DRIFT: Duration = Duration::from_millis(200);

/// The best estimate so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClockFilter {
    best: Option<Estimate>,
}

/// An offset between two monotonic clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Peer's clock minus ours, nanoseconds; either sign.
    pub offset_ns: i128,
    /// Half of the round trip that gave the offset.
    pub uncertainty: Duration,
}

impl ClockFilter {
    /// Adds one round trip: sent and received on our clock, answered on the peer's. Returns the
    /// size of the jump if the peer's clock has jumped since the best round trip; the estimate then
    /// starts again.
    pub fn take(&mut self, sent: Duration, peer: Duration, received: Duration) -> Option<Duration> {
        let trip = received.saturating_sub(sent);
        let uncertainty = trip / 2;
        let middle = sent + uncertainty;
        let offset_ns = peer.as_nanos() as i128 - middle.as_nanos() as i128;
        let new = Estimate {
            offset_ns,
            uncertainty,
        };
        let moved = self.best.map(|best| {
            let by = u64::try_from((offset_ns - best.offset_ns).unsigned_abs()).unwrap_or(u64::MAX);
            (
                Duration::from_nanos(by),
                best.uncertainty + uncertainty + DRIFT,
            )
        });
        let jump = moved
            .filter(|(by, explained)| by > explained)
            .map(|(by, _)| by);
        if jump.is_some() || self.best.is_none_or(|best| uncertainty < best.uncertainty) {
            self.best = Some(new);
        }
        jump
    }

    /// The best estimate, once there is a round trip.
    #[must_use]
    pub fn estimate(&self) -> Option<Estimate> {
        self.best
    }
}

impl Estimate {
    /// Converts an instant of our clock to the peer's.
    #[must_use]
    pub fn on_peer(&self, ours: Duration) -> Duration {
        let ns = ours.as_nanos() as i128 + self.offset_ns;
        Duration::from_nanos(u64::try_from(ns).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn us(n: u64) -> Duration {
        Duration::from_micros(n)
    }

    #[test]
    fn the_fastest_round_trip_wins_and_bounds_the_truth() {
        // The peer is 5000 µs ahead; trips are asymmetric by up to their length.
        let mut filter = ClockFilter::default();
        for (there, back) in [(900, 100), (20, 30), (10, 800)] {
            let sent = us(1000);
            filter.take(sent, sent + us(there) + us(5000), sent + us(there + back));
        }
        let best = filter.estimate().expect("three trips were taken");
        assert_eq!(best.uncertainty, us(25));
        let error = (best.offset_ns - 5_000_000).unsigned_abs();
        assert!(error <= best.uncertainty.as_nanos(), "{error}");
        assert!(best.on_peer(us(1000)).abs_diff(us(6000)) <= best.uncertainty);
    }

    #[test]
    fn a_peer_whose_clock_is_behind_is_no_special_case() {
        let mut filter = ClockFilter::default();
        filter.take(us(7000), us(10), us(7002));
        assert_eq!(
            filter.estimate().expect("one trip").on_peer(us(7001)),
            us(10)
        );
    }

    #[test]
    fn a_clock_that_jumps_is_told_from_a_slow_answer_and_from_drift() {
        let mut filter = ClockFilter::default();
        assert_eq!(filter.take(us(0), us(100), us(20)), None);
        assert_eq!(
            filter.take(us(1_000_000), us(1_150_100), us(1_000_020)),
            None,
            "drift"
        );
        assert_eq!(
            filter.take(us(2_000_000), us(3_000_000), us(3_999_980)),
            None,
            "a slow answer"
        );
        let jump = filter
            .take(us(5_000_000), us(6_000_100), us(5_000_020))
            .expect("a second is no drift");
        assert!(jump.abs_diff(us(1_000_000)) < us(100), "{jump:?}");
        assert_eq!(
            filter.take(us(6_000_000), us(7_000_100), us(6_000_020)),
            None,
            "it has begun anew"
        );
    }
}
