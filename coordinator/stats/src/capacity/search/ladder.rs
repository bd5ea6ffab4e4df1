//! The closed loops that come first: how many in flight until throughput no longer grows, and the
//! range of rates that follows from it.

use super::{Purpose, Search, Seen};

/// Growth from one level to the next below which throughput has levelled off.
const GROWTH: f64 = 1.05;
/// The range for navigation, as multiples of the greatest throughput. An open loop within an
/// objective carries less than a closed one, and a level may be measured wrongly.
const RANGE: (f64, f64) = (0.1, 1.3);

impl Search {
    /// The next level to measure, if one is due.
    pub(super) fn next_level(&self) -> Option<u32> {
        let levels = self.of(Purpose::Level);
        let flat = |pair: &[&Seen]| pair[1].throughput < GROWTH * pair[0].throughput;
        let done = levels.len() >= self.settings.levels.len()
            || levels.windows(2).any(flat)
            || levels.iter().any(|seen| seen.limited)
            || self.seen.len() > levels.len();
        (!done).then(|| u32::try_from(levels.len()).unwrap_or(u32::MAX))
    }

    /// The least and the greatest number of rungs that may pass.
    pub(super) fn range(&self) -> (u32, u32) {
        let rungs = &self.settings.rungs;
        let levels = self.of(Purpose::Level);
        let most = levels
            .iter()
            .map(|seen| seen.throughput)
            .fold(0.0, f64::max);
        // Throughput bounds rates, and not numbers in flight. A generator that was late says nothing
        // of the rates above.
        if rungs.are_whole() || most <= 0.0 || levels.iter().any(|seen| seen.limited) {
            return (0, rungs.count());
        }
        (
            rungs.at_most((RANGE.0 * most).ln()),
            (rungs.at_most((RANGE.1 * most).ln()) + 2).min(rungs.count()),
        )
    }
}
