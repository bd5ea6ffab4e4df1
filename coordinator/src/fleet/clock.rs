//! How a peer's monotonic clock relates to ours, from pings. Of all round trips the fastest bounds the offset best
//! (the minimum filter of NTP): its half is the uncertainty.

use std::time::Duration;

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
    /// Half the round trip it came from.
    pub uncertainty: Duration,
}

impl ClockFilter {
    /// Takes one round trip: sent and received on our clock, answered on the peer's.
    pub fn take(&mut self, sent: Duration, peer: Duration, received: Duration) {
        let trip = received.saturating_sub(sent);
        let uncertainty = trip / 2;
        if self.best.is_some_and(|best| best.uncertainty <= uncertainty) {
            return;
        }
        let middle = sent + uncertainty;
        let offset_ns = peer.as_nanos() as i128 - middle.as_nanos() as i128;
        self.best = Some(Estimate { offset_ns, uncertainty });
    }

    /// The best estimate, once there was a round trip.
    #[must_use]
    pub fn estimate(&self) -> Option<Estimate> {
        self.best
    }
}

impl Estimate {
    /// An instant of our clock on the peer's.
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
        assert_eq!(filter.estimate().expect("one trip").on_peer(us(7001)), us(10));
    }
}
