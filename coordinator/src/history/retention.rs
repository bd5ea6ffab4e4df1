//! Which runs may be removed. Owns the policy, a pure function of the index; must not know how a
//! run is removed.
//!
//! | kept | because |
//! |---|---|
//! | a run with a tag or a remark | the user wants to keep it |
//! | a run without an end, or stopped | it can be resumed |
//! | the last run of a calibration | verdicts rest on its noise floors |
//! | the newest of each plan and host class | the next one is compared with them |
//! | runs younger than a number of days | they may still be needed |
//!
//! All others may be removed.

use std::collections::{BTreeMap, BTreeSet};

use contract::id::RunId;
use contract::run::RunState;

use crate::store::RunSummary;

const DAY_MS: u64 = 86_400_000;

/// How many runs are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Number of newest runs kept for each plan and host class.
    pub newest: usize,
    /// Age in days below which runs are kept.
    pub days: u64,
}

/// Whether a run is kept, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetentionDecision {
    /// It has a tag or a remark.
    Marked,
    /// It can be resumed.
    Unfinished,
    /// Noise floors depend on it.
    Calibration,
    /// It is among the newest.
    Newest,
    /// It is younger than the given number of days.
    Young,
    /// Nothing keeps it, so it is removed.
    Goes,
}

impl RetentionDecision {
    /// The reason as a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Marked => "marked",
            Self::Unfinished => "unfinished",
            Self::Calibration => "calibration",
            Self::Newest => "newest",
            Self::Young => "young",
            Self::Goes => "goes",
        }
    }
}

/// The decision for every run, in the given order. `calibrations` are runs that noise floors depend
/// on.
#[must_use]
pub fn judge(
    runs: &[RunSummary],
    calibrations: &BTreeSet<RunId>,
    retention: Retention,
    now_unix_ms: u64,
) -> Vec<RetentionDecision> {
    let ranks = ranks(runs);
    let oldest = now_unix_ms.saturating_sub(retention.days.saturating_mul(DAY_MS));
    let of = |(at, run): (usize, &RunSummary)| match run {
        run if is_marked(run) => RetentionDecision::Marked,
        run if !matches!(run.state(), Some(RunState::Complete | RunState::Failed)) => {
            RetentionDecision::Unfinished
        }
        run if calibrations.contains(&run.run) => RetentionDecision::Calibration,
        _ if ranks[at] < retention.newest => RetentionDecision::Newest,
        run if run.run.unix_ms() >= oldest => RetentionDecision::Young,
        _ => RetentionDecision::Goes,
    };
    runs.iter().enumerate().map(of).collect()
}

/// The runs that are not removed by a mere mention, each with the reason as a clause.
#[must_use]
pub fn held(runs: &[RunSummary], calibrations: &BTreeSet<RunId>) -> Vec<(RunId, &'static str)> {
    let why = |run: &RunSummary| match run {
        run if is_marked(run) => Some("it has a tag or a remark"),
        run if calibrations.contains(&run.run) => Some("noise floors depend on it"),
        _ => None,
    };
    runs.iter()
        .filter_map(|run| Some((run.run, why(run)?)))
        .collect()
}

fn is_marked(run: &RunSummary) -> bool {
    !(run.tags.is_empty() && run.note.is_empty() && run.expected.is_empty())
}

/// Number of newer runs with the same plan and host class. Marked and unfinished runs are not
/// counted.
fn ranks(runs: &[RunSummary]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..runs.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(runs[*at].place()));
    let (mut seen, mut ranks) = (BTreeMap::new(), vec![0; runs.len()]);
    for at in order {
        let run = &runs[at];
        let newer: &mut usize = seen.entry((&run.plan, &run.cpu_models)).or_default();
        ranks[at] = *newer;
        *newer += usize::from(!is_marked(run) && run.state() == Some(RunState::Complete));
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::super::sample::run;
    use super::*;

    const NOW: u64 = 1_000 * DAY_MS;

    fn days_old(days: u64, plan: &str) -> RunSummary {
        run(NOW - days * DAY_MS, plan, "SAME")
    }

    fn fates(runs: &[RunSummary], newest: usize, days: u64) -> Vec<RetentionDecision> {
        judge(runs, &BTreeSet::new(), Retention { newest, days }, NOW)
    }

    #[test]
    fn the_newest_of_each_plan_and_the_young_stay() {
        let runs = [
            days_old(400, "a"),
            days_old(300, "a"),
            days_old(200, "b"),
            days_old(5, "a"),
            days_old(1, "a"),
        ];
        assert_eq!(
            fates(&runs, 1, 10),
            [
                RetentionDecision::Goes,
                RetentionDecision::Goes,
                RetentionDecision::Newest,
                RetentionDecision::Young,
                RetentionDecision::Newest
            ]
        );
        assert_eq!(fates(&runs, 0, 0), [RetentionDecision::Goes; 5]);
        assert_eq!(fates(&runs, 9, 0), [RetentionDecision::Newest; 5]);
    }

    #[test]
    fn the_newest_are_those_stored_last_whatever_the_clock_said() {
        // The first was stored while the clock was fast.
        let mut runs = [days_old(100, "a"), days_old(300, "a"), days_old(200, "a")];
        assert_eq!(
            fates(&runs, 1, 0),
            [
                RetentionDecision::Newest,
                RetentionDecision::Goes,
                RetentionDecision::Goes
            ],
            "by the clock"
        );
        for (sequence, run) in (1..).zip(&mut runs) {
            run.sequence = Some(sequence);
        }
        assert_eq!(
            fates(&runs, 1, 0),
            [
                RetentionDecision::Goes,
                RetentionDecision::Goes,
                RetentionDecision::Newest
            ]
        );
    }

    #[test]
    fn what_somebody_marked_and_what_can_be_resumed_stays_and_takes_no_place() {
        let mut runs = [
            days_old(400, "a"),
            days_old(300, "a"),
            days_old(200, "a"),
            days_old(100, "a"),
        ];
        runs[1].tags = vec!["release".into()];
        runs[2].end = None;
        runs[3].note = "the one with the fix".into();
        assert_eq!(
            fates(&runs, 1, 0),
            [
                RetentionDecision::Newest,
                RetentionDecision::Marked,
                RetentionDecision::Unfinished,
                RetentionDecision::Marked
            ]
        );
        runs[3].note.clear();
        runs[3].end.as_mut().expect("it has an end").state = "stopped".into();
        assert_eq!(fates(&runs, 1, 0)[3], RetentionDecision::Unfinished);
    }

    #[test]
    fn noise_floors_keep_the_run_they_hang_on() {
        let runs = [days_old(400, "a"), days_old(300, "a")];
        let calibrations = BTreeSet::from([runs[0].run]);
        let fates = judge(&runs, &calibrations, Retention { newest: 0, days: 0 }, NOW);
        assert_eq!(
            fates,
            [RetentionDecision::Calibration, RetentionDecision::Goes]
        );
    }
}
