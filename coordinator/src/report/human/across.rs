//! Runs of different times side by side, and one measure of them laid open. Owns the wording of
//! what lies between runs and the spelling of its formulas; must not decide anything.

use contract::id::RunId;
use stats::compare::{Interval, LEAST_RUNS, RunMean, RunsRow, Verdict};

use super::explain::{cost, fact, figure, probability};
use super::page::Page;
use super::table::Table;
use super::words::{
    Unit, change_of, count, freedom, interval_of, percent, share_of, tolerance, value,
};
use crate::history::{Across, AcrossLine};

pub(super) fn print(page: &mut Page, across: &Across) {
    top(page, across, |line| line.primary);
    for group in across
        .lines
        .chunk_by(|a, b| (&a.scenario, &a.variant) == (&b.scenario, &b.variant))
    {
        page.heading(&format!("{} · {}", group[0].scenario, group[0].variant));
        table(group).print(page);
        open(page, group);
    }
    page.gap();
    page.sentence(
        "The runs are the replicates, because conditions change from day to day. One run with both builds \
         is the most reliable comparison.",
        0,
        0,
    );
}

fn top(page: &mut Page, across: &Across, shown: impl Fn(&AcrossLine) -> bool) {
    let ids = |runs: &[RunId]| {
        runs.iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    page.sentence(&format!("new: {}", ids(&across.new)), 0, 5);
    page.sentence(&format!("old: {}", ids(&across.old)), 0, 5);
    for difference in &across.unlike {
        page.sentence(&format!("UNLIKE: {difference}"), 0, 2);
    }
    page.gap();
    for line in across.lines.iter().filter(|line| shown(line)) {
        page.sentence(&headline(line), 0, 2);
    }
    page.heading(&format!("Measurements: {}", across.validity.name()));
}

/// "burst: pgo is SLOWER than it was: …"
pub(in crate::report) fn headline(line: &AcrossLine) -> String {
    let found = &line.estimate;
    let (label, who) = (
        line.measure.label(),
        format!("{}: {}", line.scenario, line.variant),
    );
    let shares =
        share_of(line.measure, line.scale).map_or_else(String::new, |of| format!("; {of}"));
    let figure = format!(
        "{label} {} (95\u{a0}% interval {}), {} against {}{shares}",
        change_of((line.measure, line.scale), found.delta, Unit::Said),
        interval_of((line.measure, line.scale), &found.ci, Unit::Said),
        count(found.runs.1 as u64, "run"),
        found.runs.0
    );
    let within = tolerance(line.tolerance);
    match line.decision.verdict {
        Verdict::Faster => format!("{who} is FASTER than it was: {figure}"),
        Verdict::Slower => format!("{who} is SLOWER than it was: {figure}"),
        Verdict::Same => format!("{who} is the SAME as it was (within ±{within}): {figure}"),
        Verdict::Undecided => format!("{who}: UNDECIDED: {figure}; {}", why_open(line)),
        Verdict::Invalid => format!("{who}: INVALID: a measurement cannot be trusted; {figure}"),
    }
}

fn why_open(line: &AcrossLine) -> String {
    let seen = percent(line.share(line.estimate.mde));
    match line.decision.path.last().map(|step| step.row) {
        Some(RunsRow::OneEach) => format!(
            "with one run a side the variation between runs is unknown, and the interval does not include \
             it: give {LEAST_RUNS} runs of each, separated by commas"
        ),
        Some(RunsRow::ZeroEverywhere) => "zero everywhere: no difference can be found".to_owned(),
        Some(RunsRow::TooFew { .. }) => {
            format!(
                "minimum detectable effect {seen}; FASTER and SLOWER need {LEAST_RUNS} runs a side"
            )
        }
        _ => format!("minimum detectable effect {seen}; {}", outlook(line)),
    }
}

/// What would decide an UNDECIDED line, or what stands against it, in a few words.
pub(in crate::report) fn outlook(line: &AcrossLine) -> String {
    let runs = line.estimate.runs.0.min(line.estimate.runs.1) as u64;
    match (
        line.decision.path.last().map(|step| step.row),
        line.decision.runs_needed,
    ) {
        (Some(RunsRow::ZeroEverywhere), _) => "zero everywhere".to_owned(),
        (Some(RunsRow::OneEach), _) => format!("at least {LEAST_RUNS} runs a side are needed"),
        (Some(RunsRow::Inconclusive { .. }), _) => "a measurement is INCONCLUSIVE".to_owned(),
        (Some(RunsRow::TooFew { .. }), _) => format!("{LEAST_RUNS} runs a side would be enough"),
        (Some(RunsRow::HolmDisagrees { adjusted, .. }), _) => {
            format!("not significant after Holm (p = {adjusted:.3})")
        }
        (_, None) => "no number of runs would be enough".to_owned(),
        (_, Some(needed)) if needed > runs => {
            format!("{} a side would be enough", count(needed, "run"))
        }
        _ => "too close to its tolerance: more runs".to_owned(),
    }
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
    let open: Vec<String> = lines
        .iter()
        .filter(undecided)
        .filter(known)
        .map(said)
        .collect();
    if !open.is_empty() {
        page.gap();
        page.sentence(
            &format!(
                "UNDECIDED, with the minimum detectable effect: {}",
                open.join(", ")
            ),
            2,
            4,
        );
    }
}

fn table(lines: &[AcrossLine]) -> Table {
    let headings = [
        "measure", "old", "new", "change", "between", "within", "verdict",
    ];
    let mut table = Table::new(headings).left(&[6]);
    for line in lines {
        let spread = |sd: f64| percent(line.share(sd));
        table.row([
            line.measure.label(),
            value(line.measure, line.values.0),
            value(line.measure, line.values.1),
            change_of((line.measure, line.scale), line.estimate.delta, Unit::Said),
            line.estimate
                .between
                .map_or_else(|| "unknown".to_owned(), spread),
            spread(line.estimate.within),
            line.decision.verdict.name().to_owned(),
        ]);
    }
    table
}

/// Lays lines open.
pub(super) fn explain(page: &mut Page, across: &Across, lines: &[&AcrossLine]) {
    top(page, across, |line| {
        lines.iter().any(|wanted| std::ptr::eq(*wanted, line))
    });
    for line in lines {
        page.heading(&format!(
            "{}: {} of {}, new runs against old",
            line.scenario,
            line.measure.label(),
            line.variant
        ));
        page.sentence(&declared(line), 2, 2);
        page.gap();
        runs(across, line).print(page);
        page.gap();
        estimate(page, line);
        page.heading("Through the decision table");
        for step in &line.decision.path {
            fact(
                page,
                if step.applies { "yes" } else { "no" },
                &step.to_string(),
            );
        }
        let done = line.estimate.runs.0.min(line.estimate.runs.1) as u64;
        let needed = line.decision.runs_needed.map_or_else(String::new, |runs| {
            let mde = tolerance(line.tolerance);
            match runs > done {
                true => format!("; {} a side for an MDE of {mde}", count(runs, "run")),
                false => format!(
                    "; {} a side already have an MDE of {mde}",
                    count(done, "run")
                ),
            }
        });
        page.sentence(&format!("→ {}{needed}", line.decision.verdict.name()), 2, 4);
    }
    if lines.is_empty() {
        page.gap();
        page.sentence(
            "not compared: a run has no value of it in some round, or too few requests of a round lie \
             beyond it",
            2,
            2,
        );
    }
}

fn declared(line: &AcrossLine) -> String {
    let cost = cost(line.measure, line.scale);
    let role = if line.primary {
        "the measure declared before the run"
    } else {
        "a secondary measure"
    };
    let within = tolerance(line.tolerance);
    format!(
        "{role}; {cost}: more is worse; tolerance ±{within}; m is the mean cost of a run's rounds"
    )
}

/// What each run comes down to.
fn runs(across: &Across, line: &AcrossLine) -> Table {
    let mut table = Table::new(["run", "", "rounds", "value", "m", "SE of m"]).left(&[1]);
    let sides = [
        ("old", &across.old, &line.means.0),
        ("new", &across.new, &line.means.1),
    ];
    for (side, ids, means) in sides {
        for (id, run) in ids.iter().zip(means) {
            let RunMean {
                mean,
                variance,
                rounds,
            } = *run;
            let shown = value(line.measure, line.measure.value_of(line.scale, mean));
            let (m, se) = (figure(mean), figure(variance.sqrt()));
            table.row([
                id.to_string(),
                side.to_owned(),
                rounds.to_string(),
                shown,
                m,
                se,
            ]);
        }
    }
    table
}

fn estimate(page: &mut Page, line: &AcrossLine) {
    let found = &line.estimate;
    let mean = |runs: &[RunMean]| runs.iter().map(|run| run.mean).sum::<f64>() / runs.len() as f64;
    let (old, new) = (mean(&line.means.0), mean(&line.means.1));
    let ((n, m), delta) = (
        found.runs,
        change_of((line.measure, line.scale), found.delta, Unit::Said),
    );
    let delta = format!(
        "m̄ new − m̄ old = {} − {} = {}: {delta}",
        figure(new),
        figure(old),
        figure(found.delta)
    );
    fact(page, "δ̂", &delta);
    fact(
        page,
        "within",
        &format!(
            "√(mean of SE²) = {}: from rounds alone",
            figure(found.within)
        ),
    );
    let (s, se) = (figure(found.s), figure(found.se));
    match found.between {
        Some(between) => {
            fact(
                page,
                "s",
                &format!("√(Σ(m − m̄ of its side)² ÷ ({n}+{m}−2)) = {s}"),
            );
            fact(
                page,
                "between",
                &format!(
                    "√max(0, s² − within²) = {}: variation between runs",
                    figure(between)
                ),
            );
        }
        None => {
            fact(
                page,
                "s",
                &format!("from rounds alone, {s}: the variation between runs is unknown"),
            );
        }
    }
    let df = found.df;
    let plain = found.s * (1.0 / n as f64 + 1.0 / m as f64).sqrt();
    fact(
        page,
        "SE",
        &format!("s·√(1/{n} + 1/{m}) = {}, {}", figure(plain), freedom(df)),
    );
    let verb = if plain < found.floor {
        "higher than SE: used instead"
    } else {
        "lower than SE: not used"
    };
    let floor = figure(found.floor);
    let formula = match line.scale.is_log() {
        true => format!("of ties, 0.000977 ÷ √12 · √(Σ1/({n}²R) + Σ1/({m}²R))"),
        false => {
            "of zeros, greatest |cost| · (1 − (α/2)^(1/R)) ÷ t, R rounds of the side with fewer"
                .to_owned()
        }
    };
    fact(page, "floor", &format!("{formula} = {floor}, {verb}"));
    let t = |range: &Interval| (range.high - range.low) / (2.0 * found.se);
    for (name, range) in [("95 %", &found.ci), ("90 %", &found.tost)] {
        let said = interval_of((line.measure, line.scale), range, Unit::Said);
        let (low, high) = (figure(range.low), figure(range.high));
        fact(
            page,
            name,
            &format!("δ̂ ± {:.4}·{se} = {low} … {high}: {said}", t(range)),
        );
    }
    let score = figure((found.delta / found.se).abs());
    fact(
        page,
        "p",
        &format!(
            "P(|t| ≥ |δ̂| ÷ SE = {score}; df {df}) = {}",
            probability(found.p)
        ),
    );
    if let Some(adjusted) = line.adjusted_p {
        let family = if line.primary {
            "the primary measures of all scenarios and variants"
        } else {
            "the secondary measures"
        };
        fact(
            page,
            "Holm",
            &format!("p = {} among {family}", probability(adjusted)),
        );
    }
    let (mde, beta) = (found.mde, found.mde / found.se - t(&found.ci));
    let formula = format!("({:.4} + {beta:.4})·{se} = {}", t(&found.ci), figure(mde));
    fact(
        page,
        "MDE",
        &format!(
            "{formula}: {} would have been found 80 times in 100",
            percent(line.share(mde))
        ),
    );
}
