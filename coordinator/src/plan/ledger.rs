//! The problems found in a plan, and the checks that several tables need. Must not know any key.

use std::collections::BTreeSet;

use super::problem::Problem;

/// The problems found so far.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) problems: Vec<Problem>,
    /// Scenarios whose number of requests was found wrong already.
    pub(super) miscounted: BTreeSet<String>,
}

impl Ledger {
    pub(super) fn name(&mut self, key: &str, name: &str) {
        let fits = name.len() <= 64
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if !fits {
            self.problems.push(Problem::BadName {
                key: key.to_owned(),
                name: name.to_owned(),
            });
        }
    }

    pub(super) fn range(&mut self, key: &str, value: u32, low: u32, high: u32) {
        self.real(key, value.into(), low.into(), high.into());
    }

    pub(super) fn real(&mut self, key: &str, value: f64, low: f64, high: f64) {
        // Negated, so that NaN is out of every range.
        if !(low..=high).contains(&value) {
            self.problems.push(Problem::OutOfRange {
                key: key.to_owned(),
                value,
                low,
                high,
            });
        }
    }
}
