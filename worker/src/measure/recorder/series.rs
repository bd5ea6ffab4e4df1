//! The window in slices of time, made of the traces once all is over, so that the measured path pays nothing for it.
//! It must not know what is concluded from it.

use std::time::Duration;

use contract::part::{Bucket, Outcome, Series};

use super::{State, Trace};

/// The series of a window whose last request ended at `wall`, after the start.
pub(super) fn of(traces: &[Trace], wall: Duration) -> Series {
    let width = width(wall);
    let ns = super::nanos(width);
    let mut buckets = vec![Bucket::default(); (super::nanos(wall) / ns) as usize + 1];
    for trace in traces {
        if let State::Ended(outcome, done) = trace.state {
            add(&mut buckets, ns, trace, outcome, done);
        }
    }
    Series { width, buckets }
}

/// The finest width with which the window fits.
fn width(wall: Duration) -> Duration {
    let mut width = Series::FINEST;
    while wall.as_nanos() / width.as_nanos() >= Series::MOST as u128 {
        width *= 2;
    }
    width
}

fn add(buckets: &mut [Bucket], width: u64, trace: &Trace, outcome: Outcome, done: u64) {
    let last = buckets.len() - 1;
    let at = |ns: u64| ((ns / width) as usize).min(last);
    buckets[at(trace.intended)].offered += 1;
    buckets[at(trace.sent)].issued += 1;
    buckets[at(done)].ended += 1;
    if outcome == Outcome::Ok {
        buckets[at(done)].ok += 1;
        buckets[at(done)].tokens += u64::from(trace.made);
        let intended = &mut buckets[at(trace.intended)];
        intended.intended_ok += 1;
        intended.e2e_sum_ns += trace.last.saturating_sub(trace.intended);
        intended.ttft_sum_ns += trace.first.saturating_sub(trace.intended);
    }
    for (slice, bucket) in (0..).zip(&mut *buckets).take(at(done) + 1).skip(at(trace.sent)) {
        let from = trace.sent.max(slice * width);
        bucket.in_flight_ns += done.min((slice + 1) * width).saturating_sub(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn every_count_is_in_its_slice_and_time_in_flight_in_all_it_crosses() {
        let trace = Trace {
            state: State::Ended(Outcome::Ok, 35 * MS),
            intended: 8 * MS,
            sent: 12 * MS,
            first: 20 * MS,
            last: 35 * MS,
            made: 3,
            ..Trace::default()
        };
        let lost = Trace {
            state: State::Ended(Outcome::Failed, 13 * MS),
            intended: 12 * MS,
            sent: 12 * MS,
            ..trace
        };
        let Series { width, buckets } = of(&[trace, lost, Trace::default()], Duration::from_millis(35));
        assert_eq!((width, buckets.len()), (Series::FINEST, 4));
        let sums = (buckets[0].intended_ok, buckets[0].e2e_sum_ns, buckets[0].ttft_sum_ns);
        assert_eq!(sums, (1, 27 * MS, 12 * MS));
        assert_eq!(buckets.iter().map(|b| b.offered).collect::<Vec<_>>(), [1, 1, 0, 0]);
        assert_eq!((buckets[1].issued, buckets[1].ended, buckets[1].ok), (2, 1, 0));
        assert_eq!((buckets[3].ended, buckets[3].ok, buckets[3].tokens), (1, 1, 3));
        let flight = buckets.iter().map(|b| b.in_flight_ns / MS).collect::<Vec<_>>();
        assert_eq!(flight, [0, 8 + 1, 10, 5]);
    }

    #[test]
    fn long_windows_have_wider_slices_and_never_more() {
        for seconds in [0, 2, 3, 600, 86_400] {
            let series = of(&[], Duration::from_secs(seconds));
            assert!(series.buckets.len() <= Series::MOST, "{seconds}");
            let ratio = series.width.as_nanos() / Series::FINEST.as_nanos();
            assert!(ratio.is_power_of_two());
        }
        assert_eq!(width(Duration::from_millis(2559)), Series::FINEST);
        assert_eq!(width(Duration::from_millis(2560)), 2 * Series::FINEST);
    }
}
