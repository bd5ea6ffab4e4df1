//! How long a round took, from the wall clock at the end of its blocks. Converts a number of rounds
//! into minutes. Nothing here affects a verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contract::run::BlockDone;

/// Time of a round of `windows` blocks for each cell: the sum over its cells of the median time of
/// their rounds, so that a pause or an adjusted clock changes little. `None` if no block has a
/// predecessor, or the clock did not advance.
pub(super) fn of_a_round(blocks: &[BlockDone], windows: u32) -> Option<Duration> {
    let mut ends: Vec<(u64, u32, u32)> = blocks
        .iter()
        .map(|block| (block.finished_unix_ms, block.cell, block.round / windows))
        .collect();
    ends.sort_unstable();
    // Time of each cell and round, and the number of blocks that it is of.
    let mut rounds: BTreeMap<(u32, u32), (u64, u32)> = BTreeMap::new();
    for pair in ends.windows(2) {
        let (time, blocks) = rounds.entry((pair[1].1, pair[1].2)).or_default();
        *time += pair[1].0 - pair[0].0;
        *blocks += 1;
    }
    let mut times: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for ((cell, _), (time, blocks)) in rounds {
        // The first block of all has no predecessor, so a window of its round is missing.
        let whole = time * u64::from(windows) / u64::from(blocks);
        times.entry(cell).or_default().push(whole);
    }
    let mut medians: Vec<u64> = times.into_values().map(median).collect();
    let cells: BTreeSet<u32> = blocks.iter().map(|block| block.cell).collect();
    // A cell may have no time of its own.
    let usual = median(medians.clone());
    medians.resize(cells.len(), usual);
    Some(Duration::from_millis(medians.iter().sum())).filter(|time| !time.is_zero())
}

/// The median, with an even number the upper of the middle two; zero without values.
fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use contract::id::Attempt;

    use super::*;

    fn done(ends: &[(u32, u64)]) -> Option<Duration> {
        timed(ends, 1)
    }

    fn timed(ends: &[(u32, u64)], windows: u32) -> Option<Duration> {
        let block = |(at, (cell, finished_unix_ms)): (usize, &(u32, u64))| BlockDone {
            cell: *cell,
            round: at as u32,
            attempt: Attempt(1),
            order: Vec::new(),
            finished_unix_ms: *finished_unix_ms,
            planned_requests: 1,
            lost_requests: 0,
        };
        of_a_round(
            &ends.iter().enumerate().map(block).collect::<Vec<_>>(),
            windows,
        )
    }

    #[test]
    fn a_round_of_windows_is_as_long_as_all_its_windows() {
        // The first window of a round starts the processes: 5 s, then 2 s and 2 s.
        let ends: Vec<(u32, u64)> = [5, 7, 9, 14, 16, 18, 23, 25, 27]
            .into_iter()
            .map(|second| (0, 1000 * second))
            .collect();
        assert_eq!(timed(&ends, 3), Some(Duration::from_secs(9)));
        // Of the first round alone, only the later windows have a time.
        assert_eq!(timed(&ends[..3], 3), Some(Duration::from_secs(6)));
    }

    #[test]
    fn a_round_is_as_long_as_its_cells_together_and_a_pause_does_not_count() {
        let seconds = |s| Some(Duration::from_secs(s));
        // Blocks of 2 s and 3 s alternate, with a night in between.
        let ends = [
            (0, 2000),
            (1, 5000),
            (0, 7000),
            (1, 10_000),
            (0, 40_000_000),
            (1, 40_003_000),
            (0, 40_005_000),
        ];
        assert_eq!(done(&ends), seconds(5));
        // One block of each: the first has no time.
        assert_eq!(done(&ends[..2]), seconds(6));
        assert_eq!(done(&ends[..1]), None);
        assert_eq!(done(&[]), None);
        assert_eq!(done(&[(0, 5), (0, 5)]), None);
    }
}
