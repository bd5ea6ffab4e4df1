//! Derives from a part's time slices whether the engine kept up, for windows of any length. Must
//! not judge.

use std::borrow::Borrow;
use std::time::Duration;

use contract::part::{Bucket, Series};
use stats::validity::Pressure;

use super::trials::Trial;

/// Pieces of a window.
const PIECES: usize = 40;

/// Leading pieces of a window that are left out, because every open loop begins with an idle
/// engine.
const FILLING: usize = PIECES / 10;

/// ln of the mean TTFT and of the mean number in flight in each piece, while requests were still
/// sent; `None` if parts kept no slices, or a piece has too little.
pub(super) fn pressure(trial: &Trial) -> Option<(Vec<f64>, Vec<f64>)> {
    let all = trial.series.as_ref()?;
    let sending = all.buckets.iter().rposition(|bucket| bucket.offered > 0)?;
    let width = all.width.as_nanos() as f64;
    let (mut ttft, mut in_flight) = (Vec::new(), Vec::new());
    for piece in pieces(&all.buckets[..sending]).skip(FILLING) {
        if piece.1.intended_ok == 0 || piece.1.in_flight_ns == 0 {
            return None;
        }
        ttft.push((piece.1.ttft_sum_ns as f64 / piece.1.intended_ok as f64).ln());
        in_flight.push((piece.1.in_flight_ns as f64 / (piece.0 as f64 * width)).ln());
    }
    (!ttft.is_empty()).then_some((ttft, in_flight))
}

/// ln of the mean E2E in each piece of intended time, without both ends of the window; `None` if a
/// piece has no value. Used if parts kept only their first requests.
pub(super) fn latency(trial: &Trial) -> Option<Vec<f64>> {
    let all = trial.series.as_ref()?;
    let sending = all.buckets.iter().rposition(|bucket| bucket.offered > 0)?;
    let pieces: Vec<Bucket> = pieces(&all.buckets[..sending])
        .map(|(_, sum)| sum)
        .collect();
    let middle = pieces.get(FILLING..pieces.len().checked_sub(FILLING)?)?;
    let mean = |piece: &Bucket| {
        let known = piece.intended_ok > 0 && piece.e2e_sum_ns > 0;
        known.then(|| (piece.e2e_sum_ns as f64 / piece.intended_ok as f64).ln())
    };
    let means: Vec<f64> = middle.iter().map(mean).collect::<Option<_>>()?;
    (!means.is_empty()).then_some(means)
}

/// Total time that answered requests were in flight, seconds; `None` if parts kept no slices or if
/// other requests were in flight as well.
pub(super) fn in_flight(trial: &Trial) -> Option<f64> {
    let all = trial
        .series
        .as_ref()
        .filter(|_| trial.outcomes.not_ok() == 0)?;
    let flight: u64 = all.buckets.iter().map(|bucket| bucket.in_flight_ns).sum();
    (flight > 0).then_some(flight as f64 / 1e9)
}

/// Growth from the piece with the least mean TTFT to the later piece with the greatest, over all
/// trials; `None` if a part kept no slices or nothing was answered.
pub(super) fn growth(trials: &[&Trial], stretch: Duration) -> Option<Pressure> {
    let all: Vec<&Series> = trials
        .iter()
        .map(|trial| trial.series.as_ref())
        .collect::<Option<_>>()?;
    let sum = merged(&all)?;
    let sending = sum.buckets.iter().rposition(|bucket| bucket.offered > 0)?;
    let pieces: Vec<(usize, Bucket)> = pieces(&sum.buckets[..=sending]).collect();
    let ttft = |(_, piece): &(usize, Bucket)| piece.ttft_sum_ns as f64 / piece.intended_ok as f64;
    let answered = |at: &usize| pieces[*at].1.intended_ok > 0;
    let of = |at: usize| ttft(&pieces[at]);
    let most = (0..pieces.len())
        .filter(answered)
        .max_by(|a, b| of(*a).total_cmp(&of(*b)))?;
    let least = (0..=most)
        .filter(answered)
        .min_by(|a, b| of(*a).total_cmp(&of(*b)))?;
    let width = sum.width.as_nanos() as f64 * trials.len() as f64;
    let flight = |at: usize| pieces[at].1.in_flight_ns as f64 / (pieces[at].0 as f64 * width);
    let arrived: u64 = pieces[least..most]
        .iter()
        .map(|(_, piece)| piece.offered)
        .sum();
    Some(Pressure {
        least: Duration::from_nanos(of(least) as u64),
        most: Duration::from_nanos(of(most) as u64),
        backlog: Some((flight(most) - flight(least), arrived / trials.len() as u64)),
        stretch,
    })
}

/// Groups slices into pieces of equal length, each with its number of slices. A remainder at the
/// end is left out.
fn pieces(buckets: &[Bucket]) -> impl Iterator<Item = (usize, Bucket)> {
    let size = (buckets.len() / PIECES).max(1);
    buckets.chunks_exact(size).map(move |chunk| {
        let mut sum = Bucket::default();
        chunk.iter().for_each(|bucket| sum.add(bucket));
        (size, sum)
    })
}

/// Merges all series in slices of the widest one's width; `None` if one has none.
pub(super) fn merged<S: Borrow<Series>>(all: &[S]) -> Option<Series> {
    let width = all.iter().map(|series| series.borrow().width).max()?;
    let mut sum = Series {
        width,
        buckets: Vec::new(),
    };
    for series in all.iter().map(Borrow::borrow) {
        let times = width.as_nanos().checked_div(series.width.as_nanos())?;
        for (at, bucket) in series.buckets.iter().enumerate() {
            let at = at / usize::try_from(times).ok()?;
            sum.buckets
                .resize(sum.buckets.len().max(at + 1), Bucket::default());
            sum.buckets[at].add(bucket);
        }
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(slices: usize, fineness: u32) -> Series {
        let bucket = Bucket {
            offered: 1,
            in_flight_ns: 3,
            ..Bucket::default()
        };
        Series {
            width: Series::FINEST * fineness,
            buckets: vec![bucket; slices],
        }
    }

    #[test]
    fn series_of_different_widths_add_up_in_the_widest() {
        let (fine, wide) = (series(7, 1), series(3, 4));
        let sum = merged(&[&fine, &wide]).expect("both have slices");
        assert_eq!(sum.width, wide.width);
        assert_eq!(
            sum.buckets.iter().map(|b| b.offered).collect::<Vec<_>>(),
            [5, 4, 1]
        );
        assert_eq!(merged(&[&fine, &Series::default()]), None);
    }

    #[test]
    fn pieces_are_of_equal_length() {
        let sizes: Vec<_> = pieces(&series(83, 1).buckets)
            .map(|(size, sum)| (size, sum.offered))
            .collect();
        assert_eq!(sizes, vec![(2, 2); 41]);
    }
}
