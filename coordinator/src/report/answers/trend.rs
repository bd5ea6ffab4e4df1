//! Output of `trend`: a history as a chart of at most 80 columns, and its steps as sentences. Owns
//! the drawing; must not know how a step was found.

use std::io;

use contract::metric::Direction;

use crate::history::{LevelShift, Line, Trend};
use crate::report::phrases::words::{NBSP, count, date, percent, value};
use crate::report::render::json::Json;
use crate::report::render::text::Page;
use crate::report::{Answer, json};

/// Columns to the left of the frame.
const MARGIN: usize = 11;
/// Columns inside it.
const COLUMNS: usize = 66;
/// Rows.
const ROWS: usize = 7;
/// Greatest number of columns between two runs.
const PITCH: usize = 4;

impl Answer for Trend {
    fn text(&self, page: &mut Page) {
        page.say(&format!("{} on {}", self.plan, self.host_class));
        let left_out = [
            (self.invalid, "INVALID"),
            (self.unfinished, "without a complete end"),
            (self.apart, "of another load, model or host class"),
        ];
        for (runs, why) in left_out.into_iter().filter(|(runs, _)| *runs > 0) {
            page.item(&format!("left out: {} {why}", count(runs as u64, "run")));
        }
        self.lines.iter().for_each(|line| one(page, line));
    }

    fn json(&self, to: &mut Json<'_>) -> io::Result<()> {
        to.answer("trend", json::history::trend(self))
    }

    /// One line for each step: the scenario, the variant, the first run of the new level.
    fn quiet(&self) -> Vec<String> {
        let steps = |line: &Line| {
            let Line {
                scenario,
                variant,
                points,
                ..
            } = line;
            let text = |step: &LevelShift| format!("{scenario} {variant} {}", points[step.at].run);
            line.steps.iter().map(text).collect::<Vec<_>>()
        };
        self.lines.iter().flat_map(steps).collect()
    }
}

fn one(page: &mut Page, line: &Line) {
    let (label, runs) = (line.measure.label(), count(line.points.len() as u64, "run"));
    page.heading(&format!(
        "{} · {} · {label} · {runs}",
        line.scenario, line.variant
    ));
    chart(page, line);
    if line.linear {
        page.item(
            "a run has a round of zero: means and steps use the values, not their logarithms",
        );
    }
    if line.may_lack_zeros > 0 {
        let runs = count(line.may_lack_zeros as u64, "run");
        page.item(&format!(
            "{runs} stored by an older program may have left rounds of zero out of their means: `coordinator report` \
             counts them"
        ));
    }
    if line.steps.is_empty() {
        page.item(match line.points.len() {
            0..6 => "at least 6 runs are needed to find a step",
            _ => "no step",
        });
    }
    line.steps
        .iter()
        .for_each(|step| described(page, line, step));
}

/// Rows from the greatest value to the least, on a logarithmic scale unless a run has zero.
fn chart(page: &mut Page, line: &Line) {
    let scaled = |value: f64| if line.linear { value } else { value.ln() };
    let lns = || line.points.iter().map(|point| scaled(point.value));
    let (low, high) = (
        lns().fold(f64::INFINITY, f64::min),
        lns().fold(f64::NEG_INFINITY, f64::max),
    );
    // A constant series would fill the frame with rounding noise: show at least ±1 %.
    let least = 0.01 * if line.linear { high.max(1.0) } else { 1.0 };
    let (middle, half) = (f64::midpoint(low, high), ((high - low) / 2.0).max(least));
    let row_of =
        |ln: f64| ((middle + half - ln) / (2.0 * half) * (ROWS - 1) as f64).round() as usize;
    let mut cells = vec![vec![' '; COLUMNS]; ROWS];
    for step in &line.steps {
        let mark = if step.expected.is_empty() { '¦' } else { ':' };
        let at = column(line.points.len(), step.at);
        cells.iter_mut().for_each(|row| row[at] = mark);
    }
    line.points.iter().enumerate().for_each(|(at, point)| {
        cells[row_of(scaled(point.value))][column(line.points.len(), at)] = '•';
    });
    for (row, cells) in cells.iter().enumerate() {
        let ln = middle + half - 2.0 * half * row as f64 / (ROWS - 1) as f64;
        let shown = row % ((ROWS - 1) / 2) == 0;
        let own = if line.linear { ln.max(0.0) } else { ln.exp() };
        let label = match shown {
            true => value(line.measure, own),
            false => String::new(),
        };
        let cells: String = cells.iter().collect();
        page.line(&format!("{label:>MARGIN$} │{cells}"));
    }
    axis(page, line);
}

fn axis(page: &mut Page, line: &Line) {
    let (Some(first), Some(last)) = (line.points.first(), line.points.last()) else {
        return;
    };
    page.line(&format!("{:>MARGIN$} └{}", "", "─".repeat(COLUMNS)));
    let (first, last) = (date(first.run.unix_ms()), date(last.run.unix_ms()));
    let fill = COLUMNS.saturating_sub(first.chars().count());
    page.line(&format!("{:>MARGIN$}  {first}{last:>fill$}", ""));
}

/// Column of a run; if there are more runs than columns, several share one.
fn column(points: usize, at: usize) -> usize {
    match (COLUMNS - 1).checked_div(points - 1) {
        None => 0,
        Some(0) => at * (COLUMNS - 1) / (points - 1),
        Some(pitch) => at * pitch.min(PITCH),
    }
}

fn described(page: &mut Page, line: &Line, step: &LevelShift) {
    let point = &line.points[step.at];
    let [before, after] = [step.medians.0, step.medians.1].map(|it| value(line.measure, it));
    let cause = match (&step.p, step.expected.is_empty()) {
        (_, false) => format!("expected ({})", step.expected),
        (Some(p), true) if *p >= 1e-4 => format!("p = {p:.4}"),
        _ => "p < 0.0001".to_owned(),
    };
    let with_it = match step.environment.is_empty() {
        true => String::new(),
        false => format!("; with it {}", step.environment.join(", ")),
    };
    page.item(&format!(
        "{} UTC, run {}: {before} → {after}, {}{}, {cause}{with_it}",
        date(point.run.unix_ms()),
        point.run,
        in_words(step.change, line.measure.direction()),
        interval(step),
    ));
}

fn in_words(change: Option<f64>, direction: Direction) -> String {
    let Some(share) = change else {
        return "up from nothing".to_owned();
    };
    let side = if share < 0.0 { "lower" } else { "higher" };
    let worse = (share > 0.0) == (direction == Direction::LowerIsBetter);
    let judged = if worse { "worse" } else { "better" };
    format!("{}{NBSP}{side} ({judged})", percent(share))
}

fn interval(step: &LevelShift) -> String {
    let signed = |share: f64| format!("{:+.1}", 100.0 * share);
    step.interval.map_or_else(String::new, |interval| {
        let (low, high) = (signed(interval.low), signed(interval.high));
        format!(", 95{NBSP}% interval {low} … {high}{NBSP}%")
    })
}
