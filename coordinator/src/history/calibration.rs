//! The result of the A/A runs of one plan on one host class: the noise floor of each measure, and
//! whether they found more differences than chance. Pure over history records; must not know how
//! runs are made or stored.

use contract::addendum::{NoiseFloor, NoiseFloors};
use contract::identity::Sha256;
use contract::run::{Role, RunHeader};
use stats::compare::{most_findings, noise_floor};
use stats::validity::Standing;

use super::{Effect, RunHistory, class, series};
use crate::plan::Plan;
use crate::store::RunSummary;

/// The A/A runs of one series, host class and build.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// Key of plan and model.
    pub series: String,
    /// Class of the hosts.
    pub host_class: String,
    /// SHA-256 of the build that was compared with itself, in hex.
    pub baseline: String,
    /// Number of runs used.
    pub runs: u32,
    /// Number of runs left out because they are INVALID.
    pub invalid: u32,
    /// One for each scenario and measure that was compared.
    pub rows: Vec<Calibrated>,
}

/// One scenario and measure.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibrated {
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the measure.
    pub measure: String,
    /// Whether this is the plan's primary measure.
    pub primary: bool,
    /// Number of comparisons.
    pub comparisons: u64,
    /// Comparisons whose 95 % interval excludes zero.
    pub without_zero: u64,
    /// Number of those that chance can explain.
    pub allowed: u64,
    /// Comparisons with the verdict FASTER or SLOWER.
    pub found: u64,
    /// Comparisons with a positive δ̂; about half in a fair comparison.
    pub slower: u64,
    /// The noise floor, a share.
    pub floor: f64,
}

/// Collects the A/A runs like `like`, oldest first, without INVALID and unfinished ones.
#[must_use]
pub fn calibration(runs: &[(RunSummary, Option<RunHistory>)], like: &RunHistory) -> Calibration {
    let valid = |run: &RunSummary| {
        run.end
            .as_ref()
            .is_some_and(|end| end.standing() != Some(Standing::Invalid))
    };
    let same = |digest: &&RunHistory| {
        !digest.effects.is_empty()
            && digest.series == like.series
            && digest.host_class == like.host_class
            && digest.baseline == like.baseline
    };
    let ended = runs.iter().filter(|(run, _)| run.end.is_some());
    let (members, invalid): (Vec<_>, Vec<_>) = ended
        .filter(|(_, digest)| digest.as_ref().is_some_and(|d| same(&d)))
        .partition(|(run, _)| valid(run));
    let members: Vec<&RunHistory> = members
        .into_iter()
        .filter_map(|(_, digest)| digest.as_ref())
        .collect();
    let rows = like.effects.iter().flat_map(|(scenario, measures)| {
        measures
            .keys()
            .filter_map(|measure| row(&members, like, scenario, measure))
    });
    Calibration {
        series: like.series.clone(),
        host_class: like.host_class.clone(),
        baseline: like.baseline.clone(),
        runs: u32::try_from(members.len()).unwrap_or(u32::MAX),
        invalid: u32::try_from(invalid.len()).unwrap_or(u32::MAX),
        rows: rows.collect(),
    }
}

fn row(
    members: &[&RunHistory],
    like: &RunHistory,
    scenario: &str,
    measure: &str,
) -> Option<Calibrated> {
    let effect = |digest: &&RunHistory| digest.effects.get(scenario)?.get(measure).copied();
    let effects: Vec<Effect> = members.iter().filter_map(effect).collect();
    let deltas: Vec<f64> = effects.iter().map(|effect| effect.delta).collect();
    let count =
        |pick: fn(&Effect) -> bool| effects.iter().filter(|effect| pick(effect)).count() as u64;
    Some(Calibrated {
        scenario: scenario.to_owned(),
        measure: measure.to_owned(),
        primary: measure == like.primary,
        comparisons: effects.len() as u64,
        without_zero: count(|effect| effect.low > 0.0 || effect.high < 0.0),
        allowed: most_findings(effects.len() as u64),
        found: count(|effect| effect.found),
        slower: count(|effect| effect.delta > 0.0),
        floor: noise_floor(&deltas)?,
    })
}

impl Calibration {
    /// Whether no primary measure found more differences than chance. The other measures are many,
    /// and some exceed it by chance.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.rows
            .iter()
            .filter(|row| row.primary)
            .all(|row| row.without_zero <= row.allowed)
    }

    /// The record that is stored.
    #[must_use]
    pub fn floors(&self, unix_ms: u64) -> NoiseFloors {
        let floor = |row: &Calibrated| NoiseFloor {
            scenario: row.scenario.clone(),
            measure: row.measure.clone(),
            share: row.floor,
        };
        NoiseFloors {
            unix_ms,
            series: self.series.clone(),
            host_class: self.host_class.clone(),
            baseline: Sha256::from_hex(&self.baseline).unwrap_or_default(),
            runs: self.runs,
            floors: self.rows.iter().map(floor).collect(),
        }
    }
}

/// The noise floors for a run: those of the last calibration with the same plan, model and host
/// class. An A/A run gets none, because floors are derived from A/A runs.
#[must_use]
pub fn floors_of<'a>(
    header: &RunHeader,
    plan: &Plan,
    calibrations: &'a [NoiseFloors],
) -> Option<&'a NoiseFloors> {
    if header.is(Role::SameBuild) {
        return None;
    }
    let series = series::series_keys(plan, &header.model_digest);
    let class = class::host_class(&header.hosts);
    calibrations
        .iter()
        .rev()
        .find(|floors| series.contains(&floors.series) && floors.host_class == class)
}
