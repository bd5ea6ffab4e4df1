//! The course of a window in time: [`Series`] of [`Bucket`]s, and how slices become one. Must not know what is concluded
//! from them.

use std::time::Duration;

/// The window in slices of equal length, from the start instant on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    /// Of one slice: [`Series::FINEST`] times a power of two, so that the series of many parts can be merged.
    pub width: Duration,
    /// At most [`Series::MOST`].
    pub buckets: Vec<Bucket>,
}

/// One slice of a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// Requests whose intended time lies in it, of those sent.
    pub offered: u64,
    /// Requests sent in it.
    pub issued: u64,
    /// Requests that ended in it, in whatever way.
    pub ended: u64,
    /// Of those, answered in full.
    pub ok: u64,
    /// Output tokens of the latter.
    pub tokens: u64,
    /// Successful requests whose intended time lies in it.
    pub intended_ok: u64,
    /// Sum of their E2E, nanoseconds.
    pub e2e_sum_ns: u64,
    /// Sum of their TTFT, nanoseconds.
    pub ttft_sum_ns: u64,
    /// Requests in flight, from sending to end, integrated over the slice, nanoseconds.
    pub in_flight_ns: u64,
}

impl Series {
    /// The shortest slice.
    pub const FINEST: Duration = Duration::from_millis(10);

    /// Slices a series has at most; when they are full, pairs become one.
    pub const MOST: usize = 256;
}

impl Bucket {
    /// Adds another slice's counts.
    pub fn add(&mut self, other: &Self) {
        self.offered += other.offered;
        self.issued += other.issued;
        self.ended += other.ended;
        self.ok += other.ok;
        self.tokens += other.tokens;
        self.intended_ok += other.intended_ok;
        self.e2e_sum_ns += other.e2e_sum_ns;
        self.ttft_sum_ns += other.ttft_sum_ns;
        self.in_flight_ns += other.in_flight_ns;
    }
}
