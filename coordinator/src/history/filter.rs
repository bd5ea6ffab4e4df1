//! Filters runs for a listing. Owns the meaning of each condition; must not know where rows are
//! stored.

use crate::store::RunSummary;

/// Conditions that must all hold; an absent one holds for every run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Name of the plan.
    pub plan: Option<String>,
    /// Name of one of the variants.
    pub variant: Option<String>,
    /// Part of the host class's name.
    pub host_class: Option<String>,
    /// Tags that the run must have.
    pub tags: Vec<String>,
    /// Earliest creation time, milliseconds since 1970, inclusive.
    pub since: Option<u64>,
    /// Latest creation time, exclusive.
    pub before: Option<u64>,
    /// One of [`VERDICTS`].
    pub verdict: Option<String>,
}

/// Results of a run: how it ended, whether it can be trusted, what a comparison found.
pub const VERDICTS: [&str; 10] = [
    "valid",
    "inconclusive",
    "invalid",
    "faster",
    "slower",
    "same",
    "undecided",
    "unfinished",
    "stopped",
    "failed",
];

impl Filter {
    /// Whether a run meets the conditions.
    #[must_use]
    pub fn takes(&self, run: &RunSummary) -> bool {
        let created = run.run.unix_ms();
        self.plan.as_ref().is_none_or(|plan| *plan == run.plan)
            && self
                .variant
                .as_ref()
                .is_none_or(|variant| run.variants.contains(variant))
            && self.tags.iter().all(|tag| run.tags.contains(tag))
            && self.since.is_none_or(|since| created >= since)
            && self.before.is_none_or(|before| created < before)
            && self
                .verdict
                .as_ref()
                .is_none_or(|verdict| came_to(run, verdict))
            && self
                .host_class
                .as_ref()
                .is_none_or(|class| host_class(run).contains(&class.to_lowercase()))
    }
}

/// The host class from the run's end or, before there is one, its processors.
fn host_class(run: &RunSummary) -> String {
    let told = run
        .end
        .as_ref()
        .map(|end| &end.host_class)
        .filter(|class| !class.is_empty());
    told.cloned()
        .unwrap_or_else(|| run.cpu_models.join(" + ").to_lowercase())
}

fn came_to(run: &RunSummary, verdict: &str) -> bool {
    let Some(end) = &run.end else {
        return verdict == "unfinished";
    };
    let named = |name: &str| name.eq_ignore_ascii_case(verdict);
    let found = end.verdicts.iter().any(|found| named(found));
    found || named(&end.state) || (end.state == "complete" && named(&end.validity))
}

#[cfg(test)]
mod tests {
    use super::super::sample::run;
    use super::*;

    fn filter(change: impl FnOnce(&mut Filter)) -> Filter {
        let mut filter = Filter::default();
        change(&mut filter);
        filter
    }

    #[test]
    fn each_condition_takes_and_refuses() {
        let mut one = run(1_000, "demo", "FASTER");
        one.tags = vec!["release".into()];
        assert!(Filter::default().takes(&one));
        type Case = (fn(&mut Filter, &str), &'static str, &'static str);
        let cases: [Case; 5] = [
            (|f, v| f.plan = Some(v.into()), "demo", "high"),
            (|f, v| f.variant = Some(v.into()), "pgo", "bolt"),
            (|f, v| f.tags = vec![v.into()], "release", "nightly"),
            (|f, v| f.verdict = Some(v.into()), "faster", "slower"),
            (|f, v| f.host_class = Some(v.into()), "Xeon", "epyc"),
        ];
        for (set, holds, fails) in cases {
            assert!(filter(|f| set(f, holds)).takes(&one), "{holds}");
            assert!(!filter(|f| set(f, fails)).takes(&one), "{fails}");
        }
        assert!(
            filter(|f| f.since = Some(1_000)).takes(&one)
                && !filter(|f| f.since = Some(1_001)).takes(&one)
        );
        assert!(
            filter(|f| f.before = Some(1_001)).takes(&one)
                && !filter(|f| f.before = Some(1_000)).takes(&one)
        );
    }

    #[test]
    fn how_it_ended_and_whether_it_is_believed_are_verdicts_too() {
        let wanted = |verdict: &str| filter(|f| f.verdict = Some(verdict.into()));
        let mut one = run(1_000, "demo", "SAME");
        assert!(
            wanted("valid").takes(&one)
                && wanted("same").takes(&one)
                && !wanted("unfinished").takes(&one)
        );
        one.end.as_mut().expect("it has an end").state = "stopped".into();
        assert!(wanted("stopped").takes(&one) && !wanted("valid").takes(&one));
        one.end = None;
        assert!(wanted("unfinished").takes(&one) && !wanted("same").takes(&one));
    }
}
