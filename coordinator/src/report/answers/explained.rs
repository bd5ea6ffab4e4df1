//! Output of `compare --explain`: the rounds of one metric, every sum up to the interval, the
//! checks, and the path through the decision table.

use std::io;

use contract::id::Arm;
use contract::metric::Metric;
use serde_json::{Value, json};
use stats::compare::{Correction, Estimate, Paired, Settings, Sums};
use stats::resample::{BOOTSTRAP_DRAWS, Method, PermutationTest, Pooled};

use super::findings::{layout_control, title};
use super::formulas::{Spread, declared, fact, figure, floor, holm, path, probability};
use crate::compare::{
    ComparisonResult, Derivation, Explanation, Findings, LayoutLabel, LayoutNoise, Measure,
    MetricComparison, RoundValues,
};
use crate::report::phrases::changes::{change, interval, plain_level};
use crate::report::phrases::layouts::WITHIN_LAYOUT;
use crate::report::phrases::servers;
use crate::report::phrases::words::{count, freedom, percent, shown, tolerance};
use crate::report::render::json::Json;
use crate::report::render::text::Page;
use crate::report::tables::comparison::{Depth, of_arm};
use crate::report::tables::table::Table;
use crate::report::{Answer, json as documents};

/// The explanation of one metric in every scenario.
pub struct Explained<'a> {
    /// The run.
    pub findings: &'a Findings,
    /// One for each scenario and candidate.
    pub explanations: &'a [Explanation<'a>],
}

impl Answer for Explained<'_> {
    fn text(&self, page: &mut Page) {
        title(page, self.findings);
        self.explanations
            .iter()
            .for_each(|explanation| print(page, explanation));
        // A run that has only layouts has no answer to explain, only their spread.
        if self.explanations.is_empty() {
            layout_control(page, self.findings, Depth::Full);
        }
    }

    fn json(&self, to: &mut Json<'_>) -> io::Result<()> {
        let run = self.findings.record.header.run.to_string();
        let metrics: Vec<Value> = self
            .explanations
            .iter()
            .map(documents::explain::explanation)
            .collect();
        let look = documents::look(self.findings);
        to.answer(
            "explanation",
            json!({ "run": run, "look": look, "metrics": metrics }),
        )
    }

    /// One line for each scenario: its name, the metric, the verdict.
    fn quiet(&self) -> Vec<String> {
        let line = |explanation: &Explanation<'_>| {
            let metric = explanation.metric.measure.name();
            let derivation = explanation.derivation.as_ref();
            let word = derivation.map_or("MISSING", |found| found.decision.verdict.name());
            format!("{} {metric} {word}", explanation.cell.scenario)
        };
        self.explanations.iter().map(line).collect()
    }
}

fn print(page: &mut Page, explanation: &Explanation<'_>) {
    let Explanation {
        cell,
        metric,
        settings,
        duet,
        derivation,
        layout,
    } = explanation;
    let candidate = cell.candidate.as_deref().unwrap_or("nothing");
    let label = metric.measure.label();
    page.heading(&format!(
        "{}: {label}, {candidate} (B) against {} (A)",
        cell.scenario, cell.baseline
    ));
    page.sentence(&settled(metric), 2, 2);
    if matches!(metric.measure, Measure::Quantile(Metric::Itl, _)) {
        let note = servers::chunks(cell);
        note.iter().for_each(|note| page.sentence(note, 2, 2));
    }
    let Some(derivation) = derivation else {
        return uncompared(page, metric);
    };
    page.gap();
    page.table(&rounds(metric, derivation, *duet));
    page.heading("B against the baseline");
    let against = match derivation.control {
        Some(_) => "½(cost of A + cost of A2)",
        None => "cost of A",
    };
    let (covariate, unit) = match duet {
        true => (
            "side of B − side of A, −1 where B has the even slots",
            "side",
        ),
        false => ("position of B − mean position of the baseline", "place"),
    };
    let differences = format!("cost of B − {against}; x_r: {covariate}");
    fact(page, "d_r", &differences);
    let (effect, sums) = (&derivation.comparison.effect, &derivation.effect_sums);
    estimate(page, metric, (effect, sums), (settings, unit));
    exact(page, &derivation.comparison.exact, &derivation.effect);
    if let Some(adjusted) = derivation.adjusted_p {
        let family = match metric.primary {
            true => "the primary measures of the run",
            false => "the secondary measures",
        };
        holm(page, adjusted, family);
    }
    let control = derivation.comparison.control.as_ref();
    if let Some((control, (_, sums))) = control.zip(derivation.control.as_ref()) {
        page.heading("Control: A2 against A, two trials of one build");
        let differences = "cost of A2 − cost of A; x_r: position of A2 − position of A";
        fact(page, "a_r", differences);
        estimate(page, metric, (control, sums), (settings, "place"));
    }
    beside(page, metric);
    layout.iter().for_each(|noise| layouts(page, metric, noise));
    decided(page, metric, derivation);
}

fn settled(metric: &MetricComparison) -> String {
    let declared = declared(metric.into(), metric.primary, metric.within());
    match metric.noise_floor > metric.tolerance {
        true => {
            let planned = tolerance(metric.tolerance);
            format!("{declared} (the noise floor of this host class; the plan has ±{planned})")
        }
        false => declared,
    }
}

fn uncompared(page: &mut Page, metric: &MetricComparison) {
    let why = match &metric.outcome {
        ComparisonResult::Hidden { exceedances, .. } => format!(
            "hidden: only {} of an arm and round lie beyond the quantile, too few",
            count(*exceedances, "request")
        ),
        ComparisonResult::Missing { reason } => format!("nothing to compare: {reason}"),
        ComparisonResult::Compared { .. } => "an arm has no value in some round".to_owned(),
    };
    page.gap();
    page.sentence(&why, 2, 2);
    beside(page, metric);
}

fn rounds(metric: &MetricComparison, derivation: &Derivation<'_>, duet: bool) -> Table {
    // In a duet the first arm has the even slots.
    let order = if duet { "slots" } else { "order" };
    let row = |(at, round): (usize, &RoundValues)| {
        let mut order: Vec<_> = round
            .values
            .iter()
            .map(|(arm, place, _)| (*place, arm.to_string()))
            .collect();
        order.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let order: Vec<String> = order.into_iter().map(|(_, arm)| arm).collect();
        let of = |paired: &Paired| figure(paired.differences[at]);
        [
            (round.round + 1).to_string(),
            order.join(" "),
            of_arm(metric, round, Arm::A),
            of_arm(metric, round, Arm::B),
            of_arm(metric, round, Arm::A2),
            of(&derivation.effect),
            format!("{:+.1}", derivation.effect.covariate[at]).replace('-', "−"),
            shown(derivation.control.as_ref(), |(paired, _)| of(paired)),
        ]
    };
    let headings = ["round", order, "A", "B", "A2", "d_r", "x_r", "a_r"];
    Table::new("Rounds", headings)
        .words(&[1])
        .with(metric.rounds.iter().enumerate().map(row))
}

fn estimate(
    page: &mut Page,
    metric: &MetricComparison,
    (found, sums): (&Estimate, &Sums),
    (settings, unit): (&Settings, &str),
) {
    let [d, x] = [sums.d_mean, sums.x_mean].map(figure);
    let rounds = count(found.rounds as u64, "round");
    fact(page, "means", &format!("d̄ = {d}, x̄ = {x} over {rounds}"));
    slope(page, metric, found, sums, unit);
    corrections(page, metric, &found.correction);
    let spread = spread(metric, found, settings);
    spread.intervals(page);
    spread.mde(page);
}

fn spread<'a>(metric: &MetricComparison, found: &'a Estimate, settings: &Settings) -> Spread<'a> {
    let df = format!("{:.4}", found.df);
    let range = |alpha, range| (plain_level(alpha), range);
    Spread {
        of: metric.into(),
        delta: found.delta,
        se: found.se,
        df: df.trim_end_matches('0').trim_end_matches('.').to_owned(),
        ranges: [
            range(settings.alpha, &found.ci),
            range(2.0 * settings.alpha_same, &found.tost),
        ],
        p: found.p,
        mde: found.mde,
        share: metric.share(found.mde),
        power: settings.power,
        holm: None,
    }
}

/// The effect and its standard error, with or without the covariate.
fn slope(page: &mut Page, metric: &MetricComparison, found: &Estimate, sums: &Sums, unit: &str) {
    let [delta, se] = [found.delta, found.correction.plain_se].map(figure);
    let (said, df) = (
        change(metric, found.delta),
        freedom(found.correction.plain_df),
    );
    let [residual, s, sxd, sxx] = [found.s_residual, found.s_d, sums.sxd, sums.sxx].map(figure);
    let Some(gamma) = found.gamma.map(figure) else {
        let why = format!("not used: fewer than 6 rounds, or a {unit} that never varies");
        fact(page, "γ̂", &why);
        fact(page, "δ̂", &format!("d̄ = {delta}: {said}"));
        let rounds = found.rounds;
        return fact(
            page,
            "SE",
            &format!("s ÷ √R = {s} ÷ √{rounds} = {se}, {df}"),
        );
    };
    let ratio = format!("Σ(x−x̄)(d−d̄) ÷ Σ(x−x̄)² = {sxd} ÷ {sxx} = {gamma} a {unit}");
    fact(page, "γ̂", &ratio);
    fact(page, "δ̂", &format!("d̄ − γ̂·x̄ = {delta}: {said}"));
    let root = format!("√(Σε̂² ÷ (R−2)) = {residual} (of the d_r without it {s})");
    fact(page, "s", &root);
    fact(page, "SE", &format!("s·√(1/R + x̄²/Σ(x−x̄)²) = {se}, {df}"));
}

/// The corrections by error floor and guard.
fn corrections(page: &mut Page, metric: &MetricComparison, correction: &Correction) {
    let formula = match metric.scale.is_log() {
        true => "of ties, 0.000977 ÷ √(6R)",
        false => "of zeros, greatest |cost| · (1 − (α/2)^(1/R)) ÷ t",
    };
    let (limit, verb) = (figure(correction.floor), floor(correction.floored));
    fact(page, "floor", &format!("{formula} = {limit}, {verb}"));
    let flag = match correction.flagged {
        true => ", which stands out",
        false => "",
    };
    let [lag1, corrected, taken] = [
        correction.lag1,
        correction.lag1_corrected,
        correction.lag1_used,
    ]
    .map(figure);
    let used = match correction.lag1_used > 0.0 {
        true => format!("{taken} of it is used: SE × {:.4}", correction.inflation),
        false => "none of it is used".to_owned(),
    };
    let guard = format!("r₁ = {lag1} between neighbouring rounds{flag}, r₁c = {corrected}; {used}");
    fact(page, "guard", &guard);
}

fn exact(page: &mut Page, test: &PermutationTest, effect: &Paired) {
    let (rounds, of, hits) = (effect.differences.len(), test.of, test.hits);
    let reach = match test.gamma {
        Some(_) => "|R·δ̂|",
        None => "|Σd|",
    };
    if let Some(gamma) = test.gamma.map(figure) {
        let slope = format!(
            "of all arms on their positions, ignoring labels: {gamma} a position: subtracted from the costs \
             before labels are permuted"
        );
        fact(page, "γ̂₀", &slope);
    }
    let how = match test.method {
        Method::AllSigns => format!("all {of} = 2^{rounds} signs"),
        Method::AllLabels => format!("all {of} = 3^{rounds} places of B's label"),
        Method::DrawnSigns(_) => format!("{of} drawn signs"),
        Method::DrawnLabels(_) => format!("{of} drawn places of B's label"),
    };
    let share = match test.method {
        Method::AllSigns | Method::AllLabels => "hits ÷ all",
        Method::DrawnSigns(_) | Method::DrawnLabels(_) => "(1 + hits) ÷ (1 + draws)",
    };
    let p = probability(test.p);
    let share = format!("of {how} {hits} reach {reach}: p = {share} = {p}");
    fact(page, "exact", &share);
}

/// Figures shown beside the answer that do not affect it.
fn beside(page: &mut Page, metric: &MetricComparison) {
    let (pooled, resampled) = match &metric.outcome {
        ComparisonResult::Compared {
            pooled, resampled, ..
        } => (*pooled, *resampled),
        ComparisonResult::Hidden { pooled, .. } => (*pooled, None),
        ComparisonResult::Missing { .. } => return,
    };
    page.heading("Also shown (no effect on the verdict)");
    if let Some(Pooled { theta, se, ci }) = pooled {
        let (ratio, se) = (figure(theta), shown(se, figure));
        let (said, range) = (change(metric, theta), interval(metric, &ci));
        let against = match metric.values(|arm| arm == Arm::A2).next() {
            Some(_) => "½(ln Q(⊕A) + ln Q(⊕A2))",
            None => "ln Q(⊕A)",
        };
        let theta = format!("θ̂ = ln Q(⊕B) − {against} = {ratio}: {said}");
        fact(page, "pooled", &theta);
        let level = plain_level(metric.alpha);
        let left_out =
            format!("of θ̂, one round left out at a time: SE {se}, {level} interval {range}");
        fact(page, "jackknife", &left_out);
    }
    if let Some(drawn) = resampled {
        let mean = interval(metric, &drawn.mean);
        let pooled = drawn
            .pooled
            .map(|ci| format!("; of θ̂ {}", interval(metric, &ci)));
        let (pooled, seed) = (pooled.unwrap_or_default(), drawn.seed.0);
        let draws =
            format!("{BOOTSTRAP_DRAWS} draws of whole rounds, seed {seed}: of d̄ {mean}{pooled}");
        fact(page, "bootstrap", &draws);
    }
}

/// Effect of the layouts of the baseline, and how the difference compares with it; a label that
/// decides nothing.
fn layouts(page: &mut Page, metric: &MetricComparison, noise: &LayoutNoise) {
    page.heading("Layout control: the baseline's functions shuffled (a label, not a verdict)");
    for effect in &noise.counted {
        let [delta, se] = [effect.delta, effect.se].map(figure);
        let (said, layout) = (change(metric, effect.delta), &effect.layout);
        fact(page, "δ̂", &format!("{delta} ± SE {se}: {said} ({layout})"));
    }
    for (layout, why) in &noise.left_out {
        fact(page, "left out", &format!("{layout}: {why}"));
    }
    let Some(spread) = noise.spread else {
        let why = "none: fewer than two layouts have a VALID measurement";
        return fact(page, "SD", why);
    };
    let (mean, said) = (figure(spread.mean), change(metric, spread.mean));
    fact(page, "mean", &format!("{mean}: {said}"));
    let share = |sd: f64| format!("{}: ±{}", figure(sd), percent(sd.exp_m1()));
    let (sd, without) = (share(spread.sd), share(spread.without_error));
    let layouts = spread.layouts;
    fact(page, "SD", &format!("√(Σ(δ̂−mean)² ÷ ({layouts}−1)) = {sd}"));
    let text = format!("without measurement error, √max(0, SD² − mean SE²) = {without}");
    fact(page, "error", &text);
    let word = match metric.layout {
        Some(LayoutLabel::Within(_)) => WITHIN_LAYOUT,
        Some(LayoutLabel::Beyond(_)) => "no less than code-layout noise",
        Some(LayoutLabel::Unknown { .. }) | None => "nothing is compared with it",
    };
    fact(page, "|δ̂| < SD?", word);
}

fn decided(page: &mut Page, metric: &MetricComparison, derivation: &Derivation<'_>) {
    let decision = derivation.decision;
    path(page, decision.path.iter().map(|step| (step.applies, step)));
    let small = match decision.small_but_real {
        true => ", small but real",
        false => "",
    };
    let done = derivation.comparison.effect.rounds as u64;
    let needed = decision.rounds_needed.map_or_else(String::new, |rounds| {
        let mde = tolerance(metric.within());
        match rounds > done {
            true => format!("; {} for an MDE of {mde}", count(rounds, "round")),
            false => format!("; {} see {mde} already", count(done, "round")),
        }
    });
    let verdict = decision.verdict.name();
    page.sentence(&format!("→ {verdict}{small}{needed}"), 2, 4);
}
