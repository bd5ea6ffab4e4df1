//! The course of a window over time: a [`Series`] of [`Bucket`]s, and how slices are combined. Must
//! not know what is concluded from them.

use std::time::Duration;

use super::{Outcome, RequestRecord};

/// The window in slices of equal length, from the start instant on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    /// Length of one slice: [`Series::FINEST`] times a power of two, so that the series of many
    /// parts can be merged.
    pub width: Duration,
    /// At most [`Series::MOST`].
    pub buckets: Vec<Bucket>,
}

/// One slice of a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// Sent requests whose intended time is in this slice.
    pub offered: u64,
    /// Requests sent in it.
    pub issued: u64,
    /// Requests that ended in it, with any outcome.
    pub ended: u64,
    /// Ended requests that were answered in full.
    pub ok: u64,
    /// Output tokens of those.
    pub tokens: u64,
    /// Successful requests whose intended time is in this slice.
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

    /// Greatest number of slices; when they are full, pairs are combined.
    pub const MOST: usize = 256;

    /// The slices of a window, from its requests that have ended; the last of them ended at `wall`.
    /// Computed after the window, so that the measured path has no extra cost.
    #[must_use]
    pub fn of(requests: impl IntoIterator<Item = RequestRecord>, wall: Duration) -> Self {
        let width = Self::width_of(wall);
        let ns = nanos(width);
        let mut buckets = vec![Bucket::default(); (nanos(wall) / ns) as usize + 1];
        requests
            .into_iter()
            .for_each(|request| add(&mut buckets, ns, &request));
        Self { width, buckets }
    }

    /// The finest width that covers a window of this length.
    #[must_use]
    pub fn width_of(wall: Duration) -> Duration {
        let mut width = Self::FINEST;
        while wall.as_nanos() / width.as_nanos() >= Self::MOST as u128 {
            width *= 2;
        }
        width
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn add(buckets: &mut [Bucket], width: u64, r: &RequestRecord) {
    let last = buckets.len() - 1;
    let at = |ns: u64| ((ns / width) as usize).min(last);
    buckets[at(r.intended_ns)].offered += 1;
    buckets[at(r.sent_ns)].issued += 1;
    buckets[at(r.done_ns)].ended += 1;
    if r.outcome == Outcome::Ok {
        buckets[at(r.done_ns)].ok += 1;
        buckets[at(r.done_ns)].tokens += u64::from(r.output_tokens);
        let intended = &mut buckets[at(r.intended_ns)];
        intended.intended_ok += 1;
        intended.e2e_sum_ns += r.done_ns.saturating_sub(r.intended_ns);
        intended.ttft_sum_ns += r.first_token_ns.saturating_sub(r.intended_ns);
    }
    for (slice, bucket) in (0..)
        .zip(&mut *buckets)
        .take(at(r.done_ns) + 1)
        .skip(at(r.sent_ns))
    {
        let from = r.sent_ns.max(slice * width);
        bucket.in_flight_ns += r.done_ns.min((slice + 1) * width).saturating_sub(from);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn every_count_is_in_its_slice_and_time_in_flight_in_all_it_crosses() {
        let answered = RequestRecord {
            index: 0,
            outcome: Outcome::Ok,
            intended_ns: 8 * MS,
            sent_ns: 12 * MS,
            started_ns: 12 * MS,
            first_token_ns: 20 * MS,
            done_ns: 35 * MS,
            prompt_tokens: 1,
            output_tokens: 3,
        };
        let failed = RequestRecord {
            outcome: Outcome::Failed,
            intended_ns: 12 * MS,
            done_ns: 13 * MS,
            ..answered
        };
        let Series { width, buckets } = Series::of([answered, failed], Duration::from_millis(35));
        assert_eq!((width, buckets.len()), (Series::FINEST, 4));
        let sums = (
            buckets[0].intended_ok,
            buckets[0].e2e_sum_ns,
            buckets[0].ttft_sum_ns,
        );
        assert_eq!(sums, (1, 27 * MS, 12 * MS));
        assert_eq!(
            buckets.iter().map(|b| b.offered).collect::<Vec<_>>(),
            [1, 1, 0, 0]
        );
        assert_eq!(
            (buckets[1].issued, buckets[1].ended, buckets[1].ok),
            (2, 1, 0)
        );
        assert_eq!(
            (buckets[3].ended, buckets[3].ok, buckets[3].tokens),
            (1, 1, 3)
        );
        let flight = buckets
            .iter()
            .map(|b| b.in_flight_ns / MS)
            .collect::<Vec<_>>();
        assert_eq!(flight, [0, 8 + 1, 10, 5]);
    }

    #[test]
    fn long_windows_have_wider_slices_and_never_more() {
        for seconds in [0, 2, 3, 600, 86_400] {
            let series = Series::of([], Duration::from_secs(seconds));
            assert!(series.buckets.len() <= Series::MOST, "{seconds}");
            let ratio = series.width.as_nanos() / Series::FINEST.as_nanos();
            assert!(ratio.is_power_of_two());
        }
        assert_eq!(
            Series::width_of(Duration::from_millis(2559)),
            Series::FINEST
        );
        assert_eq!(
            Series::width_of(Duration::from_millis(2560)),
            2 * Series::FINEST
        );
    }
}
