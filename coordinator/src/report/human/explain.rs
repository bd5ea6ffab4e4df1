//! One metric's answer laid open: the rounds, every sum on the way to the interval, the checks, and
//! the path through the decision table. Owns the formulas' spelling; every figure is the one that
//! the answer was made of.

use contract::id::Arm;
use contract::metric::Direction;
use stats::compare::{Correction, Estimate, Paired, Scale, Settings, Sums};
use stats::resample::{BOOTSTRAP_DRAWS, Method, PermutationTest, Pooled};

use super::page::Page;
use super::table::Table;
use super::words::{
    NONE, Unit, WITHIN_LAYOUT, change, count, freedom, interval, percent, plain_level, share_of,
    tolerance, value,
};
use crate::compare::{
    Derivation, Explanation, LayoutLabel, LayoutNoise, Measure, MetricComparison, Outcome,
};

/// Where the text beside a name begins.
const COLUMN: usize = 13;

/// Prints it.
pub(super) fn print(page: &mut Page, explanation: &Explanation<'_>) {
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
    page.sentence(&declared(metric), 2, 2);
    let Some(derivation) = derivation else {
        return uncompared(page, metric);
    };
    rounds(page, metric, derivation, *duet);
    page.heading("B against the baseline");
    let against = if derivation.control.is_some() {
        "½(cost of A + cost of A2)"
    } else {
        "cost of A"
    };
    let (covariate, unit) = match duet {
        true => (
            "side of B − side of A, −1 where B has the even slots",
            "side",
        ),
        false => ("position of B − mean position of the baseline", "place"),
    };
    fact(
        page,
        "d_r",
        &format!("cost of B − {against}; x_r: {covariate}"),
    );
    estimate(
        page,
        metric,
        &derivation.comparison.effect,
        &derivation.effect_sums,
        (settings, unit),
    );
    exact(page, &derivation.comparison.exact, &derivation.effect);
    if let Some(adjusted) = derivation.adjusted_p {
        let family = if metric.primary {
            "the primary measures of the run"
        } else {
            "the secondary measures"
        };
        fact(
            page,
            "Holm",
            &format!("p = {} among {family}", probability(adjusted)),
        );
    }
    if let (Some((_, sums)), Some(control)) = (&derivation.control, &derivation.comparison.control)
    {
        page.heading("Control: A2 against A, two trials of one build");
        fact(
            page,
            "a_r",
            "cost of A2 − cost of A; x_r: position of A2 − position of A",
        );
        estimate(page, metric, control, sums, (settings, "place"));
    }
    beside(page, metric);
    layout.iter().for_each(|noise| layouts(page, metric, noise));
    path(page, metric, derivation);
}

pub(super) fn fact(page: &mut Page, name: &str, text: &str) {
    page.entry(name, text, 2, COLUMN);
}

/// How a value becomes a cost.
pub(super) fn cost(measure: Measure, scale: Scale) -> String {
    let (better, sign) = match measure.direction() {
        Direction::LowerIsBetter => ("lower", ""),
        Direction::HigherIsBetter => ("higher", "−"),
    };
    match scale {
        Scale::Log => format!("{better} is better, cost = {sign}ln(value)"),
        Scale::Linear { unit, .. } => {
            let of = share_of(measure, scale).unwrap_or_default();
            format!(
                "{better} is better, cost = {sign}value ÷ {}; {of}",
                figure(unit)
            )
        }
        Scale::Zero => format!("{better} is better; zero in every round of every arm, cost = 0"),
    }
}

fn declared(metric: &MetricComparison) -> String {
    let cost = cost(metric.measure, metric.scale);
    let role = if metric.primary {
        "the measure declared before the run"
    } else {
        "a secondary measure"
    };
    let within = tolerance(metric.within());
    let floor = match metric.noise_floor > metric.tolerance {
        true => {
            format!(
                " (the noise floor of this host class; the plan has ±{})",
                tolerance(metric.tolerance)
            )
        }
        false => String::new(),
    };
    format!("{role}; {cost}: more is worse; tolerance ±{within}{floor}")
}

fn uncompared(page: &mut Page, metric: &MetricComparison) {
    let why = match &metric.outcome {
        Outcome::Hidden { exceedances, .. } => format!(
            "hidden: only {} of an arm and round lie beyond the quantile, too few",
            count(*exceedances, "request")
        ),
        Outcome::Missing { reason } => format!("nothing to compare: {reason}"),
        Outcome::Compared { .. } => "an arm has no value in some round".to_owned(),
    };
    page.gap();
    page.sentence(&why, 2, 2);
    beside(page, metric);
}

fn rounds(page: &mut Page, metric: &MetricComparison, derivation: &Derivation<'_>, duet: bool) {
    page.gap();
    let control = derivation.control.as_ref().map(|(paired, _)| paired);
    // Of a duet the first arm has the even slots.
    let order = if duet { "slots" } else { "order" };
    let mut table = Table::new(["round", order, "A", "B", "A2", "d_r", "x_r", "a_r"]).left(&[1]);
    for (at, round) in metric.rounds.iter().enumerate() {
        let shown = |arm| {
            let found = round.values.iter().find(|(one, ..)| *one == arm);
            found.map_or_else(|| NONE.to_owned(), |(_, _, v)| value(metric.measure, *v))
        };
        let mut order: Vec<_> = round
            .values
            .iter()
            .map(|(arm, place, _)| (*place, arm.to_string()))
            .collect();
        order.sort();
        let order = order
            .into_iter()
            .map(|(_, arm)| arm)
            .collect::<Vec<_>>()
            .join(" ");
        let of = |paired: &Paired| figure(paired.differences[at]);
        table.row([
            (round.round + 1).to_string(),
            order,
            shown(Arm::A),
            shown(Arm::B),
            shown(Arm::A2),
            of(&derivation.effect),
            format!("{:+.1}", derivation.effect.covariate[at]).replace('-', "−"),
            control.map_or_else(|| NONE.to_owned(), of),
        ]);
    }
    table.print(page);
}

fn estimate(
    page: &mut Page,
    metric: &MetricComparison,
    found: &Estimate,
    sums: &Sums,
    (settings, unit): (&Settings, &str),
) {
    fact(
        page,
        "means",
        &format!(
            "d̄ = {}, x̄ = {} over {}",
            figure(sums.d_mean),
            figure(sums.x_mean),
            count(found.rounds as u64, "round")
        ),
    );
    match found.gamma {
        Some(gamma) => by_slope(page, metric, found, sums, (gamma, unit)),
        None => by_mean(page, metric, found, unit),
    }
    corrections(page, metric, &found.correction);
    intervals(page, metric, found, settings);
}

/// With the covariate.
fn by_slope(
    page: &mut Page,
    metric: &MetricComparison,
    found: &Estimate,
    sums: &Sums,
    (gamma, unit): (f64, &str),
) {
    let Correction {
        plain_se, plain_df, ..
    } = found.correction;
    let (sxd, sxx) = (figure(sums.sxd), figure(sums.sxx));
    fact(
        page,
        "γ̂",
        &format!(
            "Σ(x−x̄)(d−d̄) ÷ Σ(x−x̄)² = {sxd} ÷ {sxx} = {} a {unit}",
            figure(gamma)
        ),
    );
    let said = change(metric, found.delta, Unit::Said);
    fact(
        page,
        "δ̂",
        &format!("d̄ − γ̂·x̄ = {}: {said}", figure(found.delta)),
    );
    let (residual, alone) = (figure(found.s_residual), figure(found.s_d));
    fact(
        page,
        "s",
        &format!("√(Σε̂² ÷ (R−2)) = {residual} (of the d_r without it {alone})"),
    );
    fact(
        page,
        "SE",
        &format!(
            "s·√(1/R + x̄²/Σ(x−x̄)²) = {}, {}",
            figure(plain_se),
            freedom(plain_df)
        ),
    );
}

/// Without it.
fn by_mean(page: &mut Page, metric: &MetricComparison, found: &Estimate, unit: &str) {
    let Correction {
        plain_se, plain_df, ..
    } = found.correction;
    fact(
        page,
        "γ̂",
        &format!("not used: fewer than 6 rounds, or a {unit} that never varies"),
    );
    let said = change(metric, found.delta, Unit::Said);
    fact(page, "δ̂", &format!("d̄ = {}: {said}", figure(found.delta)));
    let (s, rounds, se) = (figure(found.s_d), found.rounds, figure(plain_se));
    fact(
        page,
        "SE",
        &format!("s ÷ √R = {s} ÷ √{rounds} = {se}, {}", freedom(plain_df)),
    );
}

/// What floor and guard did.
fn corrections(page: &mut Page, metric: &MetricComparison, correction: &Correction) {
    let verb = if correction.floored {
        "higher than SE: used instead"
    } else {
        "lower than SE: not used"
    };
    let formula = match metric.scale.is_log() {
        true => "of ties, 0.000977 ÷ √(6R)",
        false => "of zeros, greatest |cost| · (1 − (α/2)^(1/R)) ÷ t",
    };
    fact(
        page,
        "floor",
        &format!("{formula} = {}, {verb}", figure(correction.floor)),
    );
    let flag = if correction.flagged {
        ", which stands out"
    } else {
        ""
    };
    let used = match correction.lag1_used > 0.0 {
        true => format!(
            "{} of it is used: SE × {:.4}",
            figure(correction.lag1_used),
            correction.inflation
        ),
        false => "none of it is used".to_owned(),
    };
    let (lag1, corrected) = (figure(correction.lag1), figure(correction.lag1_corrected));
    fact(
        page,
        "guard",
        &format!("r₁ = {lag1} between neighbouring rounds{flag}, r₁c = {corrected}; {used}"),
    );
}

fn intervals(page: &mut Page, metric: &MetricComparison, found: &Estimate, settings: &Settings) {
    let (se, df) = (figure(found.se), format!("{:.4}", found.df));
    let df = df.trim_end_matches('0').trim_end_matches('.');
    let t = |range: &stats::compare::Interval| (range.high - range.low) / (2.0 * found.se);
    let mut range = |name: &str, ci: &stats::compare::Interval| {
        let said = interval(metric, ci, Unit::Said);
        let (low, high) = (figure(ci.low), figure(ci.high));
        fact(
            page,
            name,
            &format!("δ̂ ± {:.4}·{se} = {low} … {high}: {said}", t(ci)),
        );
    };
    range(&plain_level(settings.alpha), &found.ci);
    range(&plain_level(2.0 * settings.alpha), &found.tost);
    let score = figure((found.delta / found.se).abs());
    fact(
        page,
        "p",
        &format!(
            "P(|t| ≥ |δ̂| ÷ SE = {score}; df {df}) = {}",
            probability(found.p)
        ),
    );
    let beta = found.mde / found.se - t(&found.ci);
    fact(
        page,
        "MDE",
        &format!(
            "({:.4} + {beta:.4})·{se} = {}: {} would have been found {:.0} times in 100",
            t(&found.ci),
            figure(found.mde),
            percent(metric.share(found.mde)),
            100.0 * settings.power
        ),
    );
}

fn exact(page: &mut Page, test: &PermutationTest, effect: &Paired) {
    let (rounds, of, hits) = (effect.differences.len(), test.of, test.hits);
    let reach = match test.gamma {
        Some(_) => "|R·δ̂|",
        None => "|Σd|",
    };
    if let Some(gamma) = test.gamma {
        let slope = format!(
            "of all arms on their positions, ignoring labels: {} a position",
            figure(gamma)
        );
        fact(
            page,
            "γ̂₀",
            &format!("{slope}: subtracted from the costs before labels are permuted"),
        );
    }
    let how = match test.method {
        Method::AllSigns => {
            format!("of all {of} = 2^{rounds} signs {hits} reach {reach}: p = hits ÷ all")
        }
        Method::AllLabels => {
            format!(
                "of all {of} = 3^{rounds} places of B's label {hits} reach {reach}: p = hits ÷ all"
            )
        }
        Method::DrawnSigns(_) => {
            format!("of {of} drawn signs {hits} reach {reach}: p = (1 + hits) ÷ (1 + draws)")
        }
        Method::DrawnLabels(_) => {
            format!(
                "of {of} drawn places of B's label {hits} reach {reach}: p = (1 + hits) ÷ (1 + draws)"
            )
        }
    };
    fact(page, "exact", &format!("{how} = {}", probability(test.p)));
}

/// What stands beside the answer and decides nothing.
fn beside(page: &mut Page, metric: &MetricComparison) {
    let (pooled, resampled) = match &metric.outcome {
        Outcome::Compared {
            pooled, resampled, ..
        } => (*pooled, *resampled),
        Outcome::Hidden { pooled, .. } => (*pooled, None),
        Outcome::Missing { .. } => return,
    };
    page.heading("Also shown (no effect on the verdict)");
    if let Some(Pooled { theta, se, ci }) = pooled {
        let (ratio, se) = (figure(theta), se.map_or_else(|| NONE.to_owned(), figure));
        let said = (
            change(metric, theta, Unit::Said),
            interval(metric, &ci, Unit::Said),
        );
        let control = metric
            .rounds
            .iter()
            .flat_map(|round| &round.values)
            .any(|(arm, ..)| *arm == Arm::A2);
        let against = if control {
            "½(ln Q(⊕A) + ln Q(⊕A2))"
        } else {
            "ln Q(⊕A)"
        };
        fact(
            page,
            "pooled",
            &format!("θ̂ = ln Q(⊕B) − {against} = {ratio}: {}", said.0),
        );
        fact(
            page,
            "jackknife",
            &format!(
                "of θ̂, one round left out at a time: SE {se}, {} interval {}",
                plain_level(metric.alpha),
                said.1
            ),
        );
    }
    if let Some(drawn) = resampled {
        let mean = interval(metric, &drawn.mean, Unit::Said);
        let pooled = drawn.pooled.map_or_else(String::new, |ci| {
            format!("; of θ̂ {}", interval(metric, &ci, Unit::Said))
        });
        fact(
            page,
            "bootstrap",
            &format!(
                "{BOOTSTRAP_DRAWS} draws of whole rounds, seed {}: of d̄ {mean}{pooled}",
                drawn.seed.0
            ),
        );
    }
}

/// What layouts of the baseline did, and how the difference compares; a label that decides nothing.
fn layouts(page: &mut Page, metric: &MetricComparison, noise: &LayoutNoise) {
    page.heading("Layout control: the baseline's functions shuffled (a label, not a verdict)");
    for effect in &noise.counted {
        let said = change(metric, effect.delta, Unit::Said);
        fact(
            page,
            "δ̂",
            &format!(
                "{} ± SE {}: {said} ({})",
                figure(effect.delta),
                figure(effect.se),
                effect.layout
            ),
        );
    }
    for (layout, why) in &noise.left_out {
        fact(page, "left out", &format!("{layout}: {why}"));
    }
    let Some(spread) = noise.spread else {
        return fact(
            page,
            "SD",
            "none: fewer than two layouts have a VALID measurement",
        );
    };
    let (sd, without) = (spread.sd, spread.without_error);
    fact(
        page,
        "mean",
        &format!(
            "{}: {}",
            figure(spread.mean),
            change(metric, spread.mean, Unit::Said)
        ),
    );
    fact(
        page,
        "SD",
        &format!(
            "√(Σ(δ̂−mean)² ÷ ({}−1)) = {}: ±{}",
            spread.layouts,
            figure(sd),
            percent(sd.exp_m1())
        ),
    );
    fact(
        page,
        "error",
        &format!(
            "without measurement error, √max(0, SD² − mean SE²) = {}: ±{}",
            figure(without),
            percent(without.exp_m1())
        ),
    );
    let word = match metric.layout {
        Some(LayoutLabel::Within(_)) => WITHIN_LAYOUT,
        Some(LayoutLabel::Beyond(_)) => "no less than code-layout noise",
        Some(LayoutLabel::Unknown { .. }) | None => "nothing is compared with it",
    };
    fact(page, "|δ̂| < SD?", word);
}

fn path(page: &mut Page, metric: &MetricComparison, derivation: &Derivation<'_>) {
    page.heading("Through the decision table");
    for step in &derivation.decision.path {
        fact(
            page,
            if step.applies { "yes" } else { "no" },
            &step.to_string(),
        );
    }
    let decision = derivation.decision;
    let small = if decision.small_but_real {
        ", small but real"
    } else {
        ""
    };
    let done = derivation.comparison.effect.rounds as u64;
    let needed = decision.rounds_needed.map_or_else(String::new, |rounds| {
        let mde = tolerance(metric.within());
        match rounds > done {
            true => format!("; {} for an MDE of {mde}", count(rounds, "round")),
            false => format!("; {} see {mde} already", count(done, "round")),
        }
    });
    page.sentence(
        &format!("→ {}{small}{needed}", decision.verdict.name()),
        2,
        4,
    );
}

/// Six decimals; below a millionth in powers of ten.
pub(super) fn figure(value: f64) -> String {
    let text = match value.abs() {
        x if x > 0.0 && x < 1e-6 => format!("{value:.2e}"),
        _ => format!("{value:.6}"),
    };
    text.replace('-', "−")
}

pub(super) fn probability(p: f64) -> String {
    if p < 1e-4 {
        format!("{p:.2e}").replace('-', "−")
    } else {
        format!("{p:.6}")
    }
}
