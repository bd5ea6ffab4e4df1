//! Turns raw profiles into one usable profile. Checks their number, that none is empty, that they
//! merge strictly, that the result has counts and not far fewer than before. Owns these guards and
//! the report; must not know trainer or compiler.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::counts::{Counts, HotFunction};
use super::diagnostics::Findings;
use super::profdata::{MergeMode, Profdata};
use super::{BuildError, digest};

/// Greatest share of a profile's counts that the compiler may discard, percent.
pub(super) const DISCARD_LIMIT_PERCENT: f64 = 2.0;
/// Smallest accepted share of the last profile's counts, for the same training.
const THIN: f64 = 0.5;
/// Number of hottest functions listed.
const HOTTEST: usize = 20;

/// Statistics of a merged profile.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ProfileReport {
    /// Functions in the profile.
    pub functions: usize,
    /// Functions that ran at least once.
    pub covered: usize,
    /// Sum of all counters.
    pub total_count: u64,
    /// The hottest functions, at most twenty.
    pub hottest: Vec<HotFunction>,
    /// Number of raw profiles merged; 0 for a given profile.
    pub raw_files: u32,
    /// Bytes of the raw profiles.
    pub raw_bytes: u64,
    /// Edge overlap of two halves of the raw profiles, percent, if there were at least two. Not a
    /// criterion: workers of different scenarios do different work, however long they train.
    pub overlap_percent: Option<f64>,
    /// What a tolerant merge lost, in the tool's words.
    pub lost: Vec<String>,
    /// Functions for which the compiler found no profile.
    pub missing: usize,
    /// Functions whose control flow differs from the profile.
    pub mismatched: usize,
    /// Upper limit of the counts that the compiler discarded.
    pub discarded: u64,
}

/// A profile on disk, named by its content.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Profile {
    pub(super) path: PathBuf,
    pub(super) sha256: String,
    pub(super) report: ProfileReport,
}

/// Requirements on a training's profiles.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demands {
    pub(super) workers: u32,
    pub(super) tolerate_damaged: bool,
    /// Total count of the last accepted profile of the same training, if there is one.
    pub(super) previous_total: Option<u64>,
}

impl Profile {
    /// Merges the raw profiles in `raw_dir` and stores the result in `dir`.
    pub(super) fn collect(
        tool: &Profdata,
        raw_dir: &Path,
        dir: &Path,
        demands: Demands,
    ) -> Result<Self, BuildError> {
        let raw = raw_profiles(raw_dir, demands.workers)?;
        let merged = raw_dir.join("merged.profdata");
        let lost = merge(tool, &raw, &merged, demands.tolerate_damaged)?;
        let mut profile = Self::keep(tool, &merged, dir)?;
        profile.report.lost = lost;
        profile.report.raw_files = u32::try_from(raw.len()).unwrap_or(u32::MAX);
        profile.report.raw_bytes = raw
            .iter()
            .filter_map(|path| fs::metadata(path).ok())
            .map(|m| m.len())
            .sum();
        profile.report.overlap_percent = halves_overlap(tool, &raw, raw_dir)?;
        check_total(&profile, demands.previous_total)?;
        Ok(profile)
    }

    /// Copies `merged` into `dir` under a name derived from its content, so that Cargo and readers
    /// see a new profile as a new file.
    pub(super) fn keep(tool: &Profdata, merged: &Path, dir: &Path) -> Result<Self, BuildError> {
        let report = report_of(&Counts::parse(&tool.show(merged)?));
        fs::create_dir_all(dir).map_err(BuildError::io(dir))?;
        let sha256 = digest::file(merged)?;
        let path = dir.join(format!("{}.profdata", &sha256[..16]));
        if report.total_count == 0 {
            return Err(BuildError::ProfileEmpty {
                path: merged.to_owned(),
            });
        }
        // A stored profile may be given again; copying a file onto itself would empty it.
        if !path.exists() || digest::file(&path)? != sha256 {
            fs::copy(merged, &path).map_err(BuildError::io(&path))?;
        }
        Ok(Self {
            path,
            sha256,
            report,
        })
    }

    /// Records the compiler's findings about this profile, and refuses it if too little was used.
    pub(super) fn judge(&mut self, tool: &Profdata, findings: &Findings) -> Result<(), BuildError> {
        if let Some(reason) = &findings.unreadable {
            return Err(BuildError::ProfileUnreadable {
                path: self.path.clone(),
                reason: reason.clone(),
            });
        }
        let counts = Counts::parse(&tool.show(&self.path)?);
        self.report.missing = findings.missing.len();
        self.report.mismatched = findings.mismatched.len();
        self.report.discarded = findings.discarded(&counts).min(self.report.total_count);
        let discarded_percent =
            100.0 * self.report.discarded as f64 / self.report.total_count.max(1) as f64;
        if discarded_percent > DISCARD_LIMIT_PERCENT {
            return Err(BuildError::ProfileStale {
                discarded_percent,
                limit_percent: DISCARD_LIMIT_PERCENT,
                mismatched: self.report.mismatched,
                missing: self.report.missing,
            });
        }
        Ok(())
    }

    /// A warning about the profile, if there is one.
    pub(super) fn warning(&self) -> Option<String> {
        let lost = self.report.lost.len();
        (lost > 0).then(|| format!("{lost} items were lost in a tolerant merge"))
    }
}

fn report_of(counts: &Counts) -> ProfileReport {
    ProfileReport {
        functions: counts.functions(),
        covered: counts.covered(),
        total_count: counts.total(),
        hottest: counts.hottest(HOTTEST),
        ..ProfileReport::default()
    }
}

fn raw_profiles(dir: &Path, expected: u32) -> Result<Vec<PathBuf>, BuildError> {
    let mut raw = Vec::new();
    for entry in fs::read_dir(dir).map_err(BuildError::io(dir))? {
        let path = entry.map_err(BuildError::io(dir))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "profraw")
        {
            raw.push(path);
        }
    }
    raw.sort();
    if raw.len() != expected as usize || raw.is_empty() {
        let found = u32::try_from(raw.len()).unwrap_or(u32::MAX);
        return Err(BuildError::RawProfileCount {
            expected,
            found,
            dir: dir.to_owned(),
        });
    }
    for path in &raw {
        if fs::metadata(path).map_err(BuildError::io(path))?.len() == 0 {
            return Err(BuildError::RawProfileEmpty { path: path.clone() });
        }
    }
    Ok(raw)
}

fn merge(
    tool: &Profdata,
    raw: &[PathBuf],
    merged: &Path,
    tolerate: bool,
) -> Result<Vec<String>, BuildError> {
    match tool.merge(raw, merged, MergeMode::Strict) {
        Err(BuildError::Merge { .. }) if tolerate => tool.merge(raw, merged, MergeMode::Warn),
        other => other,
    }
}

fn halves_overlap(tool: &Profdata, raw: &[PathBuf], dir: &Path) -> Result<Option<f64>, BuildError> {
    if raw.len() < 2 {
        return Ok(None);
    }
    let halves = [dir.join("even.profdata"), dir.join("odd.profdata")];
    for (parity, half) in halves.iter().enumerate() {
        let files: Vec<PathBuf> = raw.iter().skip(parity).step_by(2).cloned().collect();
        match tool.merge(&files, half, MergeMode::Warn) {
            Ok(_) => {}
            // Only in a tolerant merge: one half may be damaged completely.
            Err(BuildError::Merge { .. }) => return Ok(None),
            Err(other) => return Err(other),
        }
    }
    tool.overlap(&halves[0], &halves[1])
}

fn check_total(profile: &Profile, previous: Option<u64>) -> Result<(), BuildError> {
    let total = profile.report.total_count;
    match previous {
        Some(previous) if (total as f64) < THIN * previous as f64 => {
            Err(BuildError::ProfileThin { total, previous })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(total_count: u64) -> Profile {
        let report = ProfileReport {
            total_count,
            ..ProfileReport::default()
        };
        Profile {
            path: PathBuf::from("/p"),
            sha256: String::new(),
            report,
        }
    }

    #[test]
    fn half_of_the_counts_is_accepted_and_less_is_not() {
        assert!(check_total(&profile(50), Some(100)).is_ok());
        assert!(check_total(&profile(1), None).is_ok());
        assert!(matches!(
            check_total(&profile(49), Some(100)),
            Err(BuildError::ProfileThin { .. })
        ));
    }

    #[test]
    fn number_and_size_of_raw_profiles_are_checked() {
        let dir = tempfile::tempdir().expect("temporary directory");
        assert!(
            raw_profiles(dir.path(), 0).is_err(),
            "no profile is never right"
        );
        fs::write(dir.path().join("a.profraw"), "x").expect("file");
        fs::write(dir.path().join("notes.txt"), "x").expect("file");
        assert_eq!(raw_profiles(dir.path(), 1).expect("one").len(), 1);
        assert!(matches!(
            raw_profiles(dir.path(), 2),
            Err(BuildError::RawProfileCount { found: 1, .. })
        ));
        fs::write(dir.path().join("a.profraw"), "").expect("file");
        assert!(matches!(
            raw_profiles(dir.path(), 1),
            Err(BuildError::RawProfileEmpty { .. })
        ));
    }

    #[test]
    fn losses_are_warned_about_and_unlike_halves_are_not() {
        let mut one = profile(1);
        one.report.overlap_percent = Some(80.0);
        assert!(one.warning().is_none());
        one.report.lost = vec!["f".to_owned()];
        assert!(one.warning().is_some());
    }
}
