//! Output of `compare --against`: runs of different times side by side, and the explanation of one
//! measure. Must not decide anything.

use std::io;

use serde_json::Value;
use stats::compare::{RunMean, Verdict};

use super::formulas::{Spread, declared, fact, figure, floor, path};
use crate::history::{Across, AcrossLine};
use crate::report::pages::{junit, markdown};
use crate::report::phrases::across::{group_title, groups, headline, outlook, unlike};
use crate::report::phrases::changes::change;
use crate::report::phrases::words::{count, freedom, listed, percent, tolerance, value};
use crate::report::render::json::Json;
use crate::report::render::text::Page;
use crate::report::tables;
use crate::report::tables::table::Table;
use crate::report::{Answer, Tool, json};

/// The explanation of one measure over several runs.
pub struct AcrossExplained<'a> {
    /// The runs.
    pub across: &'a Across,
    /// The lines to explain.
    pub lines: &'a [&'a AcrossLine],
}

impl Answer for Across {
    fn text(&self, page: &mut Page) {
        top(page, self, |line| line.primary);
        for group in groups(self) {
            page.heading(&group_title(group));
            page.table(&tables::across::across(group));
            open(page, group);
        }
        page.gap();
        let text = "The runs are the replicates, because conditions change from day to day. One run with both \
                    builds is the most reliable comparison.";
        page.sentence(text, 0, 0);
    }

    fn json(&self, to: &mut Json<'_>) -> io::Result<()> {
        to.answer("across", json::history::across(self))
    }

    /// One line for each scenario and variant: the verdict of the primary measure.
    fn quiet(&self) -> Vec<String> {
        let line = |line: &AcrossLine| {
            format!(
                "{} {} {}",
                line.scenario,
                line.decision.verdict.name(),
                line.variant
            )
        };
        self.lines
            .iter()
            .filter(|line| line.primary)
            .map(line)
            .collect()
    }

    fn document(&self, tool: Tool) -> Option<String> {
        Some(match tool {
            Tool::Markdown => markdown::across(self),
            Tool::Junit => junit::across(self),
        })
    }
}

impl Answer for AcrossExplained<'_> {
    fn text(&self, page: &mut Page) {
        let Self { across, lines } = *self;
        top(page, across, |line| {
            lines.iter().any(|wanted| std::ptr::eq(*wanted, line))
        });
        lines.iter().for_each(|line| explain(page, across, line));
        if lines.is_empty() {
            page.gap();
            let text = "not compared: a run has no value of it in some round, or too few requests of a round lie \
                        beyond it";
            page.sentence(text, 2, 2);
        }
    }

    fn json(&self, to: &mut Json<'_>) -> io::Result<()> {
        let lines = self
            .lines
            .iter()
            .map(|line| json::history::across_line(line));
        let mut whole = json::history::across(self.across);
        whole["lines"] = lines.collect::<Vec<Value>>().into();
        to.answer("across", whole)
    }

    /// One line for each scenario and variant: the metric and its verdict.
    fn quiet(&self) -> Vec<String> {
        let line = |line: &&AcrossLine| {
            let (metric, verdict) = (line.measure.name(), line.decision.verdict.name());
            format!("{} {metric} {verdict} {}", line.scenario, line.variant)
        };
        self.lines.iter().map(line).collect()
    }
}

fn top(page: &mut Page, across: &Across, shown: impl Fn(&AcrossLine) -> bool) {
    page.sentence(&format!("new: {}", listed(&across.new)), 0, 5);
    page.sentence(&format!("old: {}", listed(&across.old)), 0, 5);
    unlike(across)
        .iter()
        .for_each(|difference| page.say(difference));
    page.gap();
    for line in across.lines.iter().filter(|line| shown(line)) {
        page.say(&headline(line));
    }
    page.heading(&format!("Measurements: {}", across.validity.name()));
}

/// The minimum detectable effect of each undecided secondary measure.
fn open(page: &mut Page, lines: &[AcrossLine]) {
    let undecided =
        |line: &&AcrossLine| !line.primary && line.decision.verdict == Verdict::Undecided;
    let known = |line: &&AcrossLine| line.estimate.between.is_some();
    let said = |line: &AcrossLine| {
        let seen = percent(line.share(line.estimate.mde));
        format!("{} {seen} ({})", line.measure.label(), outlook(line))
    };
    let open = listed(lines.iter().filter(undecided).filter(known).map(said));
    if !open.is_empty() {
        let open = format!("UNDECIDED, with the minimum detectable effect: {open}");
        page.notes(&[open]);
    }
}

/// Explains a line.
fn explain(page: &mut Page, across: &Across, line: &AcrossLine) {
    let (label, verdict) = (line.measure.label(), line.decision.verdict.name());
    let (scenario, variant) = (&line.scenario, &line.variant);
    page.heading(&format!(
        "{scenario}: {label} of {variant}, new runs against old"
    ));
    let declared = declared(line.into(), line.primary, line.tolerance);
    let declared = format!("{declared}; m is the mean cost of a run's rounds");
    page.sentence(&declared, 2, 2);
    page.gap();
    page.table(&runs(across, line));
    page.gap();
    estimate(page, line);
    let steps = line.decision.path.iter();
    path(page, steps.map(|step| (step.applies, step)));
    let done = line.estimate.runs.0.min(line.estimate.runs.1) as u64;
    let needed = line.decision.runs_needed.map_or_else(String::new, |runs| {
        let mde = tolerance(line.tolerance);
        match runs > done {
            true => format!("; {} a side for an MDE of {mde}", count(runs, "run")),
            false => {
                let done = count(done, "run");
                format!("; {done} a side already have an MDE of {mde}")
            }
        }
    });
    page.sentence(&format!("→ {verdict}{needed}"), 2, 4);
}

/// The figures of each run.
fn runs(across: &Across, line: &AcrossLine) -> Table {
    let sides = [
        ("old", &across.old, &line.means.0),
        ("new", &across.new, &line.means.1),
    ];
    let rows = sides.into_iter().flat_map(|(side, ids, means)| {
        ids.iter().zip(means).map(move |(id, run)| {
            let own = line.measure.value_of(line.scale, run.mean);
            [
                id.to_string(),
                side.to_owned(),
                run.rounds.to_string(),
                value(line.measure, own),
                figure(run.mean),
                figure(run.variance.sqrt()),
            ]
        })
    });
    let headings = ["run", "", "rounds", "value", "m", "SE of m"];
    Table::new("Runs", headings).words(&[1]).with(rows)
}

fn estimate(page: &mut Page, line: &AcrossLine) {
    let (found, (n, m)) = (&line.estimate, line.estimate.runs);
    let mean = |runs: &[RunMean]| runs.iter().map(|run| run.mean).sum::<f64>() / runs.len() as f64;
    let [old, new] = [&line.means.0, &line.means.1].map(|runs| figure(mean(runs)));
    let (delta, said) = (figure(found.delta), change(line, found.delta));
    let difference = format!("m̄ new − m̄ old = {new} − {old} = {delta}: {said}");
    fact(page, "δ̂", &difference);
    let within = figure(found.within);
    let within = format!("√(mean of SE²) = {within}: from rounds alone");
    fact(page, "within", &within);
    let s = figure(found.s);
    match found.between.map(figure) {
        Some(between) => {
            let s = format!("√(Σ(m − m̄ of its side)² ÷ ({n}+{m}−2)) = {s}");
            fact(page, "s", &s);
            let text = format!("√max(0, s² − within²) = {between}: variation between runs");
            fact(page, "between", &text);
        }
        None => {
            let text = format!("from rounds alone, {s}: the variation between runs is unknown");
            fact(page, "s", &text);
        }
    }
    let plain = found.s * (1.0 / n as f64 + 1.0 / m as f64).sqrt();
    let (se, df) = (figure(plain), freedom(found.df));
    fact(page, "SE", &format!("s·√(1/{n} + 1/{m}) = {se}, {df}"));
    let formula = match line.scale.is_log() {
        true => format!("of ties, 0.000977 ÷ √12 · √(Σ1/({n}²R) + Σ1/({m}²R))"),
        false => {
            "of zeros, greatest |cost| · (1 − (α/2)^(1/R)) ÷ t, R rounds of the side with fewer"
                .to_owned()
        }
    };
    let (limit, verb) = (figure(found.floor), floor(plain < found.floor));
    fact(page, "floor", &format!("{formula} = {limit}, {verb}"));
    let family = match line.primary {
        true => "the primary measures of all scenarios and variants",
        false => "the secondary measures",
    };
    let spread = Spread {
        of: line.into(),
        delta: found.delta,
        se: found.se,
        df: found.df.to_string(),
        ranges: [
            ("95 %".to_owned(), &found.ci),
            ("90 %".to_owned(), &found.tost),
        ],
        p: found.p,
        mde: found.mde,
        share: line.share(found.mde),
        power: 0.8,
        holm: line.adjusted_p.map(|adjusted| (adjusted, family)),
    };
    spread.intervals(page);
    spread.mde(page);
}
