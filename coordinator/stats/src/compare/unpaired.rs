//! Compares runs made at different times, without pairs. The run is the replicate, because
//! everything that changes from day to day differs between runs and not between their rounds. Owns
//! the pooled t over run means and the share of the scatter between runs; must not know what was
//! run.

use super::estimate::Interval;
use super::guard::BUCKET_WIDTH;
use super::power;
use super::scale::unseen;
use super::settings::Settings;
use crate::student::{t_upper, two_sided_p};

/// Fewest runs on each side for FASTER or SLOWER.
pub const LEAST_RUNS: usize = 3;

/// One run of one measure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunMean {
    /// Mean over its rounds of the cost (more is worse).
    pub mean: f64,
    /// Variance of that mean, from the scatter of its rounds.
    pub variance: f64,
    /// Number of its rounds.
    pub rounds: usize,
}

/// The new runs against the old. Above zero is SLOWER.
#[derive(Debug, Clone, PartialEq)]
pub struct Unpaired {
    /// Number of runs: old, new.
    pub runs: (usize, usize),
    /// Difference of the means.
    pub delta: f64,
    /// Standard deviation of a run's mean used for the standard error: pooled over both sides; with
    /// one run on each side, from its rounds alone.
    pub s: f64,
    /// Difference that ties of quantised values can hide, w/√12·√(Σ1/(n²R)) summed over both sides;
    /// if a value is zero, the effect of rounds of the other kind that chance left out.
    pub floor: f64,
    /// Standard error: s·√(1/n + 1/m), or the floor if that is higher.
    pub se: f64,
    /// Degrees of freedom.
    pub df: f64,
    /// Interval at 1−α.
    pub ci: Interval,
    /// Interval at 1−2α.
    pub tost: Interval,
    /// Two-sided p of no difference.
    pub p: f64,
    /// Minimum detectable effect with the required power.
    pub mde: f64,
    /// Standard deviation of a run's mean caused by its own rounds.
    pub within: f64,
    /// Standard deviation between runs beyond that, 0 if the rounds explain all; `None` with one
    /// run on each side, where it is unknown and the interval leaves it out.
    pub between: Option<f64>,
}

/// Compares two groups of runs whose costs are logarithms. `None` if a group is empty, a value is
/// not finite, or there is one run on each side with fewer than two rounds.
#[must_use]
pub fn unpaired(old: &[RunMean], new: &[RunMean], settings: &Settings) -> Option<Unpaired> {
    unpaired_within_reach(old, new, 0.0, settings)
}

/// The same if a value is zero; `reach` as in [`super::Scale::reach`].
#[must_use]
pub fn unpaired_within_reach(
    old: &[RunMean],
    new: &[RunMean],
    reach: f64,
    settings: &Settings,
) -> Option<Unpaired> {
    let all = || old.iter().chain(new);
    if old.is_empty()
        || new.is_empty()
        || !all().all(|run| run.mean.is_finite() && run.variance.is_finite())
    {
        return None;
    }
    let (n, m) = (old.len() as f64, new.len() as f64);
    let within = all().map(|run| run.variance).sum::<f64>() / (n + m);
    let (variance, df, between) = if n + m > 2.0 {
        let df = n + m - 2.0;
        let variance = (squares(old) + squares(new)) / df;
        (variance, df, Some((variance - within).max(0.0).sqrt()))
    } else {
        let rounds: usize = all().map(|run| run.rounds.saturating_sub(1)).sum();
        (within, rounds as f64, None)
    };
    if df < 1.0 {
        return None;
    }
    let delta = mean(new) - mean(old);
    let rounds = |side: &[RunMean]| side.iter().map(|run| run.rounds).sum::<usize>();
    let zeros = reach * unseen(rounds(old).min(rounds(new)), settings.alpha);
    let ties = BUCKET_WIDTH / 12.0_f64.sqrt() * (of_ties(old) + of_ties(new)).sqrt();
    let floor = ties.max(zeros / t_upper(settings.alpha / 2.0, df));
    let se = (variance * (1.0 / n + 1.0 / m)).sqrt().max(floor);
    Some(Unpaired {
        runs: (old.len(), new.len()),
        delta,
        s: variance.sqrt(),
        floor,
        se,
        df,
        ci: Interval::around(delta, t_upper(settings.alpha / 2.0, df) * se),
        tost: Interval::around(delta, t_upper(settings.alpha_same, df) * se),
        p: two_sided_p(delta / se, df),
        mde: power::mde(se, df, settings),
        within: within.sqrt(),
        between,
    })
}

impl Unpaired {
    /// Runs on each side after which a difference of `target` would be found with the required
    /// power, if future runs vary like those seen, at least three; `None` beyond a million, and
    /// with one run on each side, where the scatter is unknown.
    #[must_use]
    pub fn runs_needed(&self, target: f64, settings: &Settings) -> Option<u64> {
        self.between?;
        let (n, m) = (self.runs.0 as f64, self.runs.1 as f64);
        // SE with n runs on each side is √2·s/√n; s comes from both sides and has 2n − 2 degrees of
        // freedom.
        let spread = 2.0_f64.sqrt() * self.se / (1.0 / n + 1.0 / m).sqrt() / target;
        let enough = |runs: u64| {
            let runs = runs as f64;
            power::mde(spread / runs.sqrt(), 2.0 * runs - 2.0, settings) <= 1.0
        };
        power::fewest(LEAST_RUNS as u64 - 1, enough)
    }
}

fn mean(runs: &[RunMean]) -> f64 {
    runs.iter().map(|run| run.mean).sum::<f64>() / runs.len() as f64
}

/// Variance of a side's mean, in units of the variance of one value.
fn of_ties(runs: &[RunMean]) -> f64 {
    let n = runs.len() as f64;
    runs.iter().map(|run| 1.0 / run.rounds as f64).sum::<f64>() / (n * n)
}

fn squares(runs: &[RunMean]) -> f64 {
    let centre = mean(runs);
    runs.iter().map(|run| (run.mean - centre).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    fn runs(means: &[f64], variance: f64) -> Vec<RunMean> {
        means
            .iter()
            .map(|mean| RunMean {
                mean: *mean,
                variance,
                rounds: 10,
            })
            .collect()
    }

    /// 1 2 3 against 5 7 9: difference 5, pooled variance (2 + 8)/4, SE² = 2.5·2/3, df = 4; half of
    /// 2.5 comes from the rounds.
    #[test]
    fn by_hand() {
        let found = unpaired(
            &runs(&[1.0, 2.0, 3.0], 1.25),
            &runs(&[5.0, 7.0, 9.0], 1.25),
            &Settings::default(),
        )
        .unwrap();
        assert!((found.delta - 5.0).abs() < 1e-12 && found.df == 4.0);
        assert!((found.se - (5.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert!((found.between.unwrap() - 1.25_f64.sqrt()).abs() < 1e-12);
        assert!((found.ci.high - (5.0 + 2.776_445_105_197_793 * found.se)).abs() < 1e-9);
    }

    /// Runs that agree to the last bucket: one run against one, of ten rounds each, gets the floor
    /// of ten pairs.
    #[test]
    fn ties_get_the_floor() {
        let one = unpaired(&runs(&[1.0], 0.0), &runs(&[1.0], 0.0), &Settings::default()).unwrap();
        assert!(
            (one.se - BUCKET_WIDTH / 60_f64.sqrt()).abs() < 1e-15 && one.p == 1.0 && one.mde > 0.0
        );
        let three = unpaired(
            &runs(&[1.0; 3], 0.0),
            &runs(&[1.0; 3], 0.0),
            &Settings::default(),
        )
        .unwrap();
        assert!((three.se - one.se / 3_f64.sqrt()).abs() < 1e-15 && three.s == 0.0);
    }

    #[test]
    fn one_run_a_side_knows_nothing_of_the_days_between() {
        let found = unpaired(
            &runs(&[1.0], 0.01),
            &runs(&[1.1], 0.01),
            &Settings::default(),
        )
        .unwrap();
        assert_eq!((found.between, found.df), (None, 18.0));
        assert!((found.se - 0.02_f64.sqrt()).abs() < 1e-12);
        assert_eq!(
            unpaired(&[], &runs(&[1.0], 0.01), &Settings::default()),
            None
        );
    }

    /// Days differ by 3 %, rounds hardly: only an interval over runs covers. The counter-check uses
    /// rounds as replicates.
    #[test]
    fn intervals_over_runs_cover_and_intervals_over_rounds_do_not() {
        let mut rng = Seed(31).rng();
        let mut normal = || (0..12).map(|_| rng.unit()).sum::<f64>() - 6.0;
        let (mut covered, mut naive) = (0, 0);
        for _ in 0..1000 {
            let mut day = || RunMean {
                mean: 0.03 * normal(),
                variance: 1e-6,
                rounds: 10,
            };
            let (old, new) = ([day(), day(), day(), day()], [day(), day(), day(), day()]);
            let of = |old, new| unpaired(old, new, &Settings::default()).unwrap();
            covered += usize::from(of(&old[..], &new[..]).ci.contains(0.0));
            naive += usize::from(of(&old[..1], &new[..1]).ci.contains(0.0));
        }
        assert!(
            (930..=970).contains(&covered) && naive < 200,
            "{covered} {naive}"
        );
    }
}
