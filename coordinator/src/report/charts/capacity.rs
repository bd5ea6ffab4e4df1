//! Charts of a search for a capacity: violations and latency over the load, the probes in order, and
//! the scaling law with its band. Must not derive a figure.

use contract::id::Arm;
use maud::{Markup, html};
use stats::capacity::Scaling;

use super::chart::{Axis, Chart, legend};
use super::mark;
use super::scale::{Scale, Tick, Unit};
use crate::capacity::{CapacityAnswer, ProbeSeen};
use crate::plan::{Limited, Objective};
use crate::report::phrases::capacity::{probed, purpose, unit};
use crate::report::phrases::words::{digits, joined, nanos};
use crate::report::tables::capacity as tables;
use crate::report::tables::table::Table;

/// Points of a curve.
const POINTS: u32 = 40;
/// Shares below this are drawn at it: they have no place on a logarithmic axis.
const LEAST_SHARE: f64 = 1e-4;

/// One window.
struct Dot {
    arm: Arm,
    load: f64,
    value: f64,
    tip: String,
}

/// The share of violations of an objective over the load, with the allowed share.
pub(crate) fn violations(answer: &CapacityAnswer, at: usize, objective: &Objective) -> Markup {
    let dots = dots(answer, |probe, nth| {
        Some(probe.arms.get(nth)?.1.get(at)?.share())
    });
    let drawn = |share: f64| share.max(LEAST_SHARE);
    let y = Scale::around(
        dots.iter()
            .map(|dot| drawn(dot.value))
            .chain([LEAST_SHARE, 1.0]),
        Unit::Number,
    );
    let percent = |share: f64| format!("{:.2} %", 100.0 * share);
    Frame {
        answer,
        id: format!("v{at}-violations"),
        title: format!("Violations of {objective} over the load"),
        about: format!(
            "Share of requests, logarithmic, lower is better; the dashed line is the allowed share of {}, the \
             band is the interval of the baseline's capacity. Shares below 0.01 % are drawn there.",
            percent(objective.allowed)
        ),
        y,
        limit: objective.allowed,
        text: &percent,
    }
    .draw(&dots, drawn)
}

/// The quantile of an objective's time over the load, with its limit.
pub(crate) fn latency(answer: &CapacityAnswer, at: usize, objective: &Objective) -> Markup {
    let Limited::Time { limit_ns, .. } = objective.of else {
        return html! {};
    };
    let dots = dots(answer, |probe, nth| *probe.quantiles.get(nth)?.get(at)?);
    if dots.is_empty() {
        return html! {};
    }
    let values = dots.iter().map(|dot| dot.value);
    let y = Scale::around(values.chain([limit_ns as f64]), Unit::Time);
    Frame {
        answer,
        id: format!("l{at}-latency"),
        title: format!("The quantile of {objective} over the load"),
        about: "Lower is better; the dashed line is the limit, the band is the interval of the baseline's \
                capacity. With several slots it is the greatest over them."
            .to_owned(),
        y,
        limit: limit_ns as f64,
        text: &nanos,
    }
    .draw(&dots, |value| value)
}

/// What both charts over the load have.
struct Frame<'a> {
    answer: &'a CapacityAnswer,
    id: String,
    title: String,
    about: String,
    y: Scale,
    limit: f64,
    text: &'a dyn Fn(f64) -> String,
}

impl Frame<'_> {
    fn draw(self, dots: &[Dot], drawn: impl Fn(f64) -> f64) -> Markup {
        let answer = self.answer;
        let x = Scale::around(dots.iter().map(|dot| dot.load), Unit::Number);
        let band = answer.estimate().map(|estimate| estimate.baseline);
        let band = band.filter(|band| band.half.is_finite());
        let tip = |dot: &Dot| format!("{}: {}", dot.tip, (self.text)(dot.value));
        let place = |dot: &Dot| (x.at(dot.load), self.y.down(drawn(dot.value)));
        let arms: Vec<(Arm, &str)> = [Arm::A, Arm::B, Arm::A2]
            .into_iter()
            .filter(|arm| dots.iter().any(|dot| dot.arm == *arm))
            .map(|arm| (arm, answer.variant(&arm.to_string())))
            .collect();
        let row = |dot: &Dot| {
            [
                probed(answer, dot.load),
                dot.arm.to_string(),
                (self.text)(dot.value),
            ]
        };
        Chart {
            id: self.id.clone(),
            title: self.title.clone(),
            about: self.about.clone(),
            description: joined(dots.iter().map(tip), "; "),
            legend: legend(&arms, false),
            height: 280,
            x: Axis::new(unit(answer), x.along(6)),
            y: Axis::new("", self.y.up(5)),
            side: Vec::new(),
            marks: html! {
                @if let Some(band) = band {
                    (mark::rect("mean", (clipped(x.at(band.low().exp())), 0.0), (clipped(x.at(band.high().exp())), 100.0)))
                }
                (mark::level("mean", self.y.down(self.limit)))
                @for dot in dots { (mark::dot(dot.arm, place(dot), &tip(dot))) }
            },
            data: vec![
                Table::new(self.title.clone(), [unit(answer), "arm", "value"])
                    .words(&[1])
                    .with(dots.iter().map(row)),
            ],
        }
        .draw()
    }
}

fn clipped(at: f64) -> f64 {
    at.clamp(0.0, 100.0)
}

/// The windows that have a value; `of` gives that of a probe's nth arm.
fn dots(answer: &CapacityAnswer, of: impl Fn(&ProbeSeen, usize) -> Option<f64>) -> Vec<Dot> {
    let of_probe = |probe: &ProbeSeen| {
        let dot = |(nth, (name, _)): (usize, &(&str, _))| {
            Some(Dot {
                arm: arm(name),
                load: probe.rate,
                value: of(probe, nth)?,
                tip: format!(
                    "{} {} ({name})",
                    purpose(probe.purpose),
                    probed(answer, probe.rate)
                ),
            })
        };
        probe
            .arms
            .iter()
            .enumerate()
            .filter_map(dot)
            .collect::<Vec<_>>()
    };
    answer.probes.iter().flat_map(of_probe).collect()
}

fn arm(name: &str) -> Arm {
    match name {
        "B" => Arm::B,
        "A2" => Arm::A2,
        _ => Arm::A,
    }
}

/// The probes in order: a disc passed, a ring failed.
pub(crate) fn probes(answer: &CapacityAnswer) -> Markup {
    let all = &answer.probes;
    if all.is_empty() {
        return html! {};
    }
    let y = Scale::around(all.iter().map(|probe| probe.rate), Unit::Number);
    let x = |at: usize| 100.0 * (at as f64 + 0.5) / all.len() as f64;
    let place = |at: usize| (x(at), y.down(all[at].rate));
    let failed = |probe: &ProbeSeen| probe.margin >= 0.0;
    let shape = |probe: &ProbeSeen| if failed(probe) { Arm::A2 } else { Arm::A };
    let tip = |(at, probe): (usize, &ProbeSeen)| {
        format!(
            "{}, {} at {}: {}",
            at + 1,
            purpose(probe.purpose),
            probed(answer, probe.rate),
            if failed(probe) { "fails" } else { "passes" }
        )
    };
    let every = all.len().div_ceil(10).max(1);
    let tick = |at: usize| Tick {
        at: x(at),
        label: (at + 1).to_string(),
    };
    Chart {
        id: "p-probes".to_owned(),
        title: "The probes in order".to_owned(),
        about: "Navigation narrows the range, checks go beside it, rounds stay near the capacity, the check of \
                the lower end comes last."
            .to_owned(),
        description: joined(all.iter().enumerate().map(tip), "; "),
        legend: vec![
            (mark::key(Arm::A, false), "the baseline passed".to_owned()),
            (mark::key(Arm::A2, false), "the baseline failed".to_owned()),
        ],
        height: 240,
        x: Axis::bare("probe", (0..all.len()).step_by(every).map(tick).collect()),
        y: Axis::new(unit(answer), y.up(5)),
        side: Vec::new(),
        marks: html! {
            (mark::line("thin a", (0..all.len()).map(place)))
            @for (at, probe) in all.iter().enumerate() { (mark::dot(shape(probe), place(at), &tip((at, probe)))) }
        },
        data: vec![tables::counts(answer)],
    }
    .draw()
}

/// Throughput over the number in flight, with the scaling law and its band where there is one.
pub(crate) fn scaling(answer: &CapacityAnswer) -> Markup {
    let levels = &answer.levels;
    if levels.len() < 2 {
        return html! {};
    }
    let law = answer.scaling.as_ref().ok();
    let points: Vec<(f64, [f64; 3])> = law.map(points).unwrap_or_default();
    let most = points.last().map(|(n, _)| *n);
    let most = most.unwrap_or_else(|| {
        levels
            .iter()
            .map(|l| f64::from(l.in_flight))
            .fold(0.0, f64::max)
    });
    let x = Scale::straight(0.0, most, Unit::Number);
    let measured = || levels.iter().map(|level| level.tokens_per_second);
    let drawn = points.iter().flat_map(|(_, values)| *values);
    let y = Scale::from_zero(measured().chain(drawn), Unit::Number);
    let curve = |k: usize| points.iter().map(move |(n, values)| (*n, values[k]));
    let placed = |(n, value): (f64, f64)| (x.at(n), y.down(value));
    let tip = |level: &crate::capacity::LevelSeen| {
        format!(
            "{} in flight: {} tokens/s",
            level.in_flight,
            digits(level.tokens_per_second)
        )
    };
    let about = match law {
        Some(_) => {
            "Dots are measured, the line is the law, the thin lines are its 95 % band; beyond the last dot \
                    it is extrapolated."
        }
        None => "Measured; the levels carry no scaling law.",
    };
    Chart {
        id: "s-scaling".to_owned(),
        title: "Throughput over the number in flight".to_owned(),
        about: about.to_owned(),
        description: joined(levels.iter().map(tip), "; "),
        legend: Vec::new(),
        height: 240,
        x: Axis::new("in flight", x.along(6)),
        y: Axis::new("tokens/s", y.up(5)),
        side: Vec::new(),
        marks: html! {
            @if !points.is_empty() {
                (mark::line("a", curve(0).map(placed)))
                (mark::line("thin a", curve(1).map(placed)))
                (mark::line("thin a", curve(2).map(placed)))
            }
            @for level in levels {
                (mark::dot(Arm::A, placed((level.in_flight.into(), level.tokens_per_second)), &tip(level)))
            }
        },
        data: vec![tables::levels(answer)],
    }
    .draw()
}

/// The law and both ends of its band, up to twice the greatest level.
fn points(law: &Scaling) -> Vec<(f64, [f64; 3])> {
    (1..=POINTS)
        .filter_map(|k| {
            let n = 2.0 * law.greatest * f64::from(k) / f64::from(POINTS);
            let at = law.at(n)?;
            Some((n, [at.centre, at.band.0, at.band.1]))
        })
        .collect()
}
