//! What is kept of a search for a capacity: for comparison with searches of other times, and for its
//! history. One measure, the capacity, of a scenario of that name. Must not know how it was found.

use std::collections::{BTreeMap, BTreeSet};

use contract::run::RunHeader;
use stats::capacity::Interval;
use stats::compare::{RunMean, Scale};
use stats::validity::Validity;

use super::conditions::Conditions;
use super::run_means::{RunMeans, Shown};
use super::{RunHistory, run_history::Values};
use crate::capacity::CapacityAnswer;
use crate::compare::Measure;
use crate::plan::{Plan, Varied};

/// The scenario under which a capacity is kept.
const SCENARIO: &str = "capacity";

impl RunMeans {
    /// The capacities that a search found, each with its standard error. The rounds are the
    /// replicates within the search. `None` if it found none.
    #[must_use]
    pub fn of_search(header: &RunHeader, plan: &Plan, answer: &CapacityAnswer) -> Option<Self> {
        let estimate = answer.confirmed()?;
        let measure = measure(answer);
        let mut means = BTreeMap::new();
        let mut measured = BTreeSet::new();
        for (variant, interval) in capacities(answer)? {
            let (value, error) = (interval.centre.exp(), estimate.standard_error(interval));
            let mean = |mean: f64, error: f64| RunMean {
                mean,
                variance: error * error,
                rounds: estimate.freedom as usize + 1,
            };
            let shown = Shown {
                log: measure
                    .cost(Scale::Log, value)
                    .map(|cost| mean(cost, error)),
                plain: mean(value, value * error),
                most: value,
            };
            measured.insert((SCENARIO.to_owned(), variant.clone()));
            means.insert((SCENARIO.to_owned(), variant, measure.name()), shown);
        }
        let tolerance = measure.tolerance(&plan.tolerance);
        Some(Self {
            run: header.run,
            validity: Validity::Valid,
            conditions: Conditions::of_search(header, plan),
            means,
            tolerances: BTreeMap::from([((SCENARIO.to_owned(), measure.name()), tolerance)]),
            primary: measure.name(),
            measured,
        })
    }
}

impl RunHistory {
    /// The entry of a search in its plan's history; `None` if it found no capacity.
    #[must_use]
    pub fn of_search(header: &RunHeader, plan: &Plan, answer: &CapacityAnswer) -> Option<Self> {
        let name = measure(answer).name();
        let values = |of: fn(f64) -> f64| -> Option<Values> {
            let each = capacities(answer)?
                .into_iter()
                .map(|(variant, interval)| {
                    (
                        variant,
                        BTreeMap::from([(name.clone(), of(interval.centre))]),
                    )
                })
                .collect();
            Some(BTreeMap::from([(SCENARIO.to_owned(), each)]))
        };
        let history = Self {
            baseline: header
                .variants
                .first()
                .map_or_else(String::new, |variant| variant.sha256.to_string()),
            primary: name.clone(),
            values: values(|ln| ln)?,
            rates: Some(values(f64::exp)?),
            ..Self::default()
        };
        Some(history.rekeyed(header, plan))
    }
}

fn measure(answer: &CapacityAnswer) -> Measure {
    match answer.capacity.varied {
        Varied::Rate => Measure::Capacity,
        Varied::Concurrency => Measure::Concurrency,
    }
}

/// Each variant with its ln capacity. A build that is compared with itself counts once.
fn capacities(answer: &CapacityAnswer) -> Option<Vec<(String, Interval)>> {
    let estimate = answer.confirmed()?;
    let other = answer
        .candidate
        .as_ref()
        .filter(|name| **name != answer.baseline);
    let candidate = other.cloned().zip(estimate.candidate);
    let baseline = (answer.baseline.clone(), estimate.baseline);
    Some(std::iter::once(baseline).chain(candidate).collect())
}
