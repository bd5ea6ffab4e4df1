//! A comparison as test results: one suite for each scenario and candidate, one case for each
//! measure. The measurement itself is a suite, so that a run that measured nothing cannot read as a
//! pass. Must not decide anything.

use std::fmt::Display;

use stats::compare::{Interval, Verdict};
use stats::validity::{Validity, alike};

use crate::compare::{Cell, ComparisonResult, Findings, MetricComparison};
use crate::history::{Across, AcrossLine};
use crate::report::phrases::across::{self as runs, groups, unlike};
use crate::report::phrases::changes::{Of, change, interval, plain_level, share_of};
use crate::report::phrases::doubts::doubts;
use crate::report::phrases::layouts::layout;
use crate::report::phrases::verdicts::{headline, outlook};
use crate::report::phrases::words::{count, joined, listed, percent, tolerance};
use crate::report::render::junit::{Case, Ending, Suite, document};

/// The results of a run.
pub(crate) fn results(findings: &Findings) -> String {
    let suites: Vec<Suite> = std::iter::once(measurement(findings))
        .chain(findings.compared().map(suite))
        .collect();
    document(
        &format!("{} {}", findings.plan.name, findings.record.header.run),
        &suites,
    )
}

/// Runs of different times: one suite for each scenario and variant.
pub(crate) fn across(across: &Across) -> String {
    let mut measurements = trusted("the measurements are", &across.validity, String::new());
    let unlike = unlike(across).join("\n");
    measurements.cases[0].beside = Some(unlike).filter(|why| !why.is_empty());
    let mut all = vec![measurements];
    all.extend(groups(across).map(|group| Suite {
        name: format!(
            "{}: {} new against old",
            group[0].scenario, group[0].variant
        ),
        cases: group.iter().map(across_case).collect(),
    }));
    document(
        &format!("{} against {}", listed(&across.new), listed(&across.old)),
        &all,
    )
}

/// The result of a comparison, in one line.
struct Compared<'a> {
    of: Of,
    verdict: Verdict,
    delta: f64,
    ci: (&'a Interval, String),
    within: f64,
    mde: f64,
    /// The number of rounds or runs.
    over: String,
    outlook: String,
}

impl Compared<'_> {
    fn ending(&self, path: impl Iterator<Item = (bool, impl Display)>) -> Ending {
        let open = match self.verdict {
            Verdict::Undecided => format!("; {}", self.outlook),
            _ => String::new(),
        };
        let message = format!(
            "{}: {} ({} interval {}), tolerance ±{}, minimum detectable effect {}, {}{open}",
            self.verdict.name(),
            change(self.of, self.delta),
            self.ci.1,
            interval(self.of, self.ci.0),
            tolerance(self.within),
            percent(self.mde),
            self.over
        );
        let step = |(applies, row)| format!("{} {row}", if applies { "yes" } else { "no " });
        Ending::of(self.verdict, message, joined(path.map(step), "\n"))
    }
}

fn across_case(line: &AcrossLine) -> Case {
    let (found, (old, new)) = (&line.estimate, line.estimate.runs);
    let compared = Compared {
        of: line.into(),
        verdict: line.decision.verdict,
        delta: found.delta,
        ci: (&found.ci, "95 %".to_owned()),
        within: line.tolerance,
        mde: line.share(found.mde),
        over: format!("{} against {old}", count(new as u64, "run")),
        outlook: runs::outlook(line),
    };
    Case {
        name: line.measure.name(),
        ending: compared.ending(line.decision.path.iter().map(|step| (step.applies, step))),
        beside: share_of(line.measure, line.scale),
    }
}

/// Whether the run as a whole can be trusted.
fn measurement(findings: &Findings) -> Suite {
    let found = |cell| {
        let doubts = alike(doubts(cell)).into_iter();
        doubts.map(|one| format!("{}: {one}", cell.title))
    };
    let doubts = findings.judged_cells().flat_map(found);
    let why = joined(findings.reasons.iter().cloned().chain(doubts), "\n");
    trusted("the measurement is", &findings.validity, why)
}

fn trusted(what: &str, validity: &Validity, why: String) -> Suite {
    let message = format!("{what} {}", validity.name());
    let ending = match validity {
        Validity::Valid => Ending::Passed,
        Validity::Inconclusive(_) => Ending::Skipped {
            message: format!("{message}: {}", why.replace('\n', "; ")),
        },
        Validity::Invalid(_) => Ending::Error { message, text: why },
    };
    let cases = vec![Case {
        name: "validity".to_owned(),
        ending,
        beside: None,
    }];
    Suite {
        name: "measurement".to_owned(),
        cases,
    }
}

fn suite(cell: &Cell) -> Suite {
    let candidate = cell.candidate.as_deref().unwrap_or_default();
    Suite {
        name: format!("{}: {candidate} against {}", cell.scenario, cell.baseline),
        cases: cell
            .metrics
            .iter()
            .map(|metric| case(cell, metric))
            .collect(),
    }
}

fn case(cell: &Cell, metric: &MetricComparison) -> Case {
    let ending = match &metric.outcome {
        ComparisonResult::Compared {
            comparison,
            decision,
            ..
        } => {
            let effect = &comparison.effect;
            let compared = Compared {
                of: metric.into(),
                verdict: decision.verdict,
                delta: effect.delta,
                ci: (&effect.ci, plain_level(metric.alpha)),
                within: metric.within(),
                mde: metric.share(effect.mde),
                over: count(effect.rounds as u64, "round"),
                outlook: outlook(comparison, decision),
            };
            compared.ending(decision.path.iter().map(|step| (step.applies, step)))
        }
        // Nothing was measured. For the primary measure this is an error if the measurement is
        // INVALID.
        _ if metric.primary && cell.verdict() == Some(Verdict::Invalid) => Ending::Error {
            message: headline(cell),
            text: String::new(),
        },
        ComparisonResult::Hidden { exceedances, .. } => Ending::Skipped {
            message: format!(
                "hidden: only {} of a round beyond the quantile, too few",
                count(*exceedances, "request")
            ),
        },
        ComparisonResult::Missing { reason } => Ending::Skipped {
            message: format!("nothing to compare: {reason}"),
        },
    };
    let said = metric.layout.as_ref().and_then(layout).into_iter();
    let said: Vec<String> = said.chain(share_of(metric.measure, metric.scale)).collect();
    Case {
        name: metric.measure.name(),
        ending,
        beside: Some(said.join("\n")).filter(|said| !said.is_empty()),
    }
}
