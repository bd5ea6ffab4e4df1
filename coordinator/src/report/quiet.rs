//! For scripts: ids and verdicts only, one a line. Must not know figures.

use std::io;

use contract::text;

use super::{BuildSteps, Progress, Reporter, Streams, progress};
use crate::build::{self, BuildProgress};
use crate::compare::{Explanation, Findings};
use crate::doctor::{Check, State};
use crate::history::{Across, AcrossLine, Calibration, Fate, Trend};
use crate::plan::{Ahead, Plan};
use crate::store::{Compacted, Rebuilt, RunRecord, RunSummary, Verified};

pub(super) struct Quiet<'a> {
    pub(super) streams: Streams<'a>,
}

impl Quiet<'_> {
    fn lines<T: std::fmt::Display>(
        &mut self,
        lines: impl IntoIterator<Item = T>,
    ) -> io::Result<()> {
        lines
            .into_iter()
            .try_for_each(|line| self.line(&line.to_string()))
    }
}

impl Reporter for Quiet<'_> {
    fn findings(&mut self, findings: &Findings) -> io::Result<()> {
        self.line(findings.record.header.run.as_str())?;
        for cell in &findings.cells {
            // Without a candidate nothing is compared: the verdict is the measurement's own.
            let verdict = cell
                .verdict()
                .map_or_else(|| cell.assessment.validity.name(), |found| found.name());
            match &cell.candidate {
                Some(candidate) => {
                    self.line(&format!("{} {verdict} {candidate}", cell.scenario))?
                }
                None => self.line(&format!("{} {verdict}", cell.scenario))?,
            }
        }
        Ok(())
    }

    /// One line a scenario: its name, the metric, the verdict.
    fn explained(&mut self, _: &Findings, explanations: &[Explanation<'_>]) -> io::Result<()> {
        self.lines(explanations.iter().map(|explanation| {
            let (cell, metric) = (explanation.cell, explanation.metric);
            let decision = explanation
                .derivation
                .as_ref()
                .map(|derivation| derivation.decision.verdict);
            let word = decision.map_or("MISSING", stats::compare::Verdict::name);
            format!("{} {} {word}", cell.scenario, metric.measure.name())
        }))
    }

    fn full(&mut self, findings: &Findings) -> io::Result<()> {
        self.findings(findings)
    }

    /// One line a scenario and variant: the verdict of the primary measure.
    fn across(&mut self, across: &Across) -> io::Result<()> {
        let lines = across.lines.iter().filter(|line| line.primary);
        self.lines(lines.map(|line| {
            format!(
                "{} {} {}",
                line.scenario,
                line.decision.verdict.name(),
                line.variant
            )
        }))
    }

    /// One line a scenario and variant: the metric and its verdict.
    fn across_explained(&mut self, _: &Across, lines: &[&AcrossLine]) -> io::Result<()> {
        let line = |line: &&AcrossLine| {
            let (metric, verdict) = (line.measure.name(), line.decision.verdict.name());
            format!("{} {metric} {verdict} {}", line.scenario, line.variant)
        };
        self.lines(lines.iter().map(line))
    }

    /// One line a scenario and measure: the noise floor as a share.
    fn calibrated(&mut self, calibration: &Calibration) -> io::Result<()> {
        let rows = calibration.rows.iter();
        self.lines(rows.map(|row| format!("{} {} {:.6}", row.scenario, row.measure, row.floor)))
    }

    /// One line a step: the scenario, the variant, the first run of the new level.
    fn trend(&mut self, trend: &Trend) -> io::Result<()> {
        let steps = |line: &crate::history::Line| {
            let (scenario, variant) = (line.scenario.clone(), line.variant.clone());
            let run = |at: usize| line.points[at].run;
            let text =
                |step: &crate::history::Step| format!("{scenario} {variant} {}", run(step.at));
            line.steps.iter().map(text).collect::<Vec<_>>()
        };
        self.lines(trend.lines.iter().flat_map(steps))
    }

    fn runs(&mut self, runs: &[RunSummary]) -> io::Result<()> {
        self.lines(runs.iter().map(|run| run.run))
    }

    fn shown(&mut self, record: &RunRecord, _: &RunSummary) -> io::Result<()> {
        self.line(record.header.run.as_str())
    }

    fn built(&mut self, outcomes: &[build::Outcome]) -> io::Result<()> {
        let lines = outcomes.iter().flat_map(|outcome| {
            let variants = outcome.manifest.variants.iter();
            variants.map(|(name, variant)| {
                format!("{} {}", outcome.full_name(name), variant.artifact.sha256)
            })
        });
        self.lines(lines)
    }

    fn checks(&mut self, checks: &[Check]) -> io::Result<()> {
        self.lines(
            checks
                .iter()
                .filter(|check| check.state == State::Missing)
                .map(|check| check.name),
        )
    }

    fn plan(&mut self, plan: &Plan, _: &[Ahead]) -> io::Result<()> {
        self.line(&plan.name)
    }

    fn verified(&mut self, verified: &Verified) -> io::Result<()> {
        self.lines(verified.damaged.iter().map(|(run, _)| run))?;
        self.lines(verified.files.iter().map(|(path, _)| path.display()))?;
        self.lines(&verified.uncopied)
    }

    fn rebuilt(&mut self, rebuilt: &Rebuilt) -> io::Result<()> {
        self.lines(rebuilt.runs())
    }

    fn pruned(&mut self, runs: &[RunSummary], fates: &[Fate], _: bool) -> io::Result<()> {
        let going = runs
            .iter()
            .zip(fates)
            .filter(|(_, fate)| **fate == Fate::Goes);
        self.lines(going.map(|(run, _)| run.run))
    }

    fn compacted(&mut self, _: &Compacted) -> io::Result<()> {
        Ok(())
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.streams.out, "{}", text::line(text, text::SENTENCE))
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.streams.out.write_all(bytes)
    }

    fn progress(&mut self, plan: &Plan) -> Box<dyn Progress> {
        progress::losses_only(plan)
    }

    fn build_progress(&mut self) -> Box<dyn BuildSteps> {
        Box::new(Warnings)
    }
}

/// Steps go unsaid; what deserves attention does not.
struct Warnings;

impl BuildSteps for Warnings {
    fn step(&mut self, step: &BuildProgress) {
        if matches!(step, BuildProgress::Warning(_)) {
            progress::of_build().step(step);
        }
    }
}
