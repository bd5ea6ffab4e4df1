//! The clock for all time stamps of this process: monotonic, or virtual for simulated runs. It must
//! not know what is timed.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::engine::Time;

/// A clock; clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    Monotonic(Instant),
    Virtual(Arc<AtomicU64>),
}

impl Clock {
    /// The monotonic clock. All monotonic clocks of this process have the same arbitrary epoch.
    #[must_use]
    pub fn monotonic() -> Self {
        static EPOCH: OnceLock<Instant> = OnceLock::new();
        Self(Source::Monotonic(*EPOCH.get_or_init(Instant::now)))
    }

    /// A new virtual clock, at zero. It advances only when it is moved, in whole nanoseconds.
    #[must_use]
    pub fn simulated() -> Self {
        Self(Source::Virtual(Arc::default()))
    }

    /// Time since the clock's epoch.
    #[must_use]
    pub fn now(&self) -> Duration {
        match &self.0 {
            Source::Monotonic(epoch) => epoch.elapsed(),
            Source::Virtual(ns) => Duration::from_nanos(ns.load(Ordering::Relaxed)),
        }
    }

    /// Moves a virtual clock forward to `at`, never back. A monotonic clock ignores this.
    pub(crate) fn move_to(&self, at: Duration) {
        if let Source::Virtual(ns) = &self.0 {
            ns.fetch_max(
                u64::try_from(at.as_nanos()).unwrap_or(u64::MAX),
                Ordering::Relaxed,
            );
        }
    }
}

impl Time for Clock {
    fn now(&self) -> Duration {
        self.now()
    }

    fn pass(&self, time: Duration) {
        match &self.0 {
            Source::Monotonic(_) => std::thread::sleep(time),
            Source::Virtual(_) => self.move_to(self.now() + time),
        }
    }

    fn is_virtual(&self) -> bool {
        matches!(self.0, Source::Virtual(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn monotonic_clocks_of_a_process_agree() {
        let (a, b) = (Clock::monotonic(), Clock::monotonic());
        let before = a.now();
        assert!(before <= b.now() && b.now() <= a.now());
    }

    #[test]
    fn virtual_time_moves_when_told_and_never_back() {
        let clock = Clock::simulated();
        clock.pass(Duration::from_nanos(7));
        clock.move_to(Duration::from_nanos(3));
        let same = clock.clone();
        clock.pass(Duration::from_nanos(1));
        assert_eq!(same.now(), Duration::from_nanos(8));
        assert_eq!(Clock::simulated().now(), Duration::ZERO);
    }
}
