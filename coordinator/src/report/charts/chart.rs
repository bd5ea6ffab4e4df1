//! The frame of every chart: title, unit and direction, legend, axes, the drawing with a name and a
//! description for screen readers, and its figures as a table. Labels are text of the page and keep
//! their size at every width; only the drawing between them is stretched. Must not know what is
//! drawn.

use contract::id::Arm;
use maud::{Markup, html};

use super::mark;
use super::scale::Tick;
use crate::report::render::html::table as render;
use crate::report::tables::table::Table;

/// One side of a chart.
#[derive(Clone, Default)]
pub(crate) struct Axis {
    pub(crate) ticks: Vec<Tick>,
    /// What the numbers are, in one or two words.
    pub(crate) title: String,
    /// Whether grid lines extend from the labels through the chart.
    pub(crate) grid: bool,
}

/// A chart that can be put on the page.
pub(crate) struct Chart {
    /// Unique on the page.
    pub(crate) id: String,
    pub(crate) title: String,
    /// Unit, direction, and how to read it.
    pub(crate) about: String,
    /// Description of the drawing, in words.
    pub(crate) description: String,
    pub(crate) legend: Vec<(Markup, String)>,
    /// Height, pixels.
    pub(crate) height: u32,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    /// Texts to the right of the drawing; omitted on a narrow page.
    pub(crate) side: Vec<Tick>,
    pub(crate) marks: Markup,
    pub(crate) data: Vec<Table>,
}

impl Axis {
    pub(crate) fn new(title: &str, ticks: Vec<Tick>) -> Self {
        Self {
            ticks,
            title: title.to_owned(),
            grid: true,
        }
    }

    /// Labels without lines.
    pub(crate) fn bare(title: &str, ticks: Vec<Tick>) -> Self {
        Self {
            ticks,
            title: title.to_owned(),
            grid: false,
        }
    }
}

impl Chart {
    /// The chart with everything around it.
    pub(crate) fn draw(&self) -> Markup {
        html! {
            figure class=(format!("chart {}", self.kind())) id=(self.id) {
                figcaption {
                    h3 { (self.title) }
                    p class="about" { (self.about) }
                }
                @if !self.legend.is_empty() {
                    ul class="legend" { @for (key, text) in &self.legend { li { (key) " " (text) } } }
                }
                (self.frame())
                details class="data" {
                    summary { "Figures: " (self.title) }
                    @for table in &self.data { (render(table)) }
                }
            }
        }
    }

    /// Kind of the chart, without its cell.
    fn kind(&self) -> &str {
        self.id.split_once('-').map_or("", |(_, kind)| kind)
    }

    fn frame(&self) -> Markup {
        let room = |ticks: &[Tick]| {
            ticks
                .iter()
                .map(|tick| tick.label.chars().count())
                .max()
                .unwrap_or(0)
        };
        let (gutter, side) = (room(&self.y.ticks), room(&self.side));
        let style = format!("--height:{}px;--gutter:{gutter};--side:{side}", self.height);
        let class = if self.side.is_empty() {
            "frame"
        } else {
            "frame sided"
        };
        html! {
            @if !self.y.title.is_empty() { p class="axis up" aria-hidden="true" { (self.y.title) } }
            div class=(class) style=(style) {
                div class="y" aria-hidden="true" { @for tick in &self.y.ticks {
                    span style=(format!("top:{:.2}%", tick.at)) { (tick.label) }
                } }
                (self.plot())
                @if !self.side.is_empty() {
                    div class="side" aria-hidden="true" { @for tick in &self.side {
                        span style=(format!("top:{:.2}%", tick.at)) { (tick.label) }
                    } }
                }
                div class="x" aria-hidden="true" { @for tick in &self.x.ticks {
                    span style=(format!("left:{:.2}%", tick.at)) { (tick.label) }
                } }
            }
            @if !self.x.title.is_empty() { p class="axis along" aria-hidden="true" { (self.x.title) } }
        }
    }

    fn plot(&self) -> Markup {
        let (title, description) = (format!("{}-t", self.id), format!("{}-d", self.id));
        let lines = |axis: &Axis| {
            axis.ticks
                .iter()
                .filter(|_| axis.grid)
                .map(|t| t.at)
                .collect::<Vec<_>>()
        };
        html! {
            svg class="plot" role="img" aria-labelledby=(format!("{title} {description}"))
                viewBox="0 0 100 100" preserveAspectRatio="none" {
                title id=(title) { (self.title) }
                desc id=(description) { (self.description) }
                @for x in lines(&self.x) { (mark::upright("grid", x)) }
                @for y in lines(&self.y) { (mark::level("grid", y)) }
                (self.marks)
            }
        }
    }
}

/// Labels for one row each, evenly spaced from top to bottom.
pub(crate) fn rows(labels: impl ExactSizeIterator<Item = String>) -> Vec<Tick> {
    let count = labels.len();
    labels
        .enumerate()
        .map(|(at, label)| Tick {
            at: row(at, count),
            label,
        })
        .collect()
}

/// The middle of a row, per cent from the top.
pub(crate) fn row(at: usize, of: usize) -> f64 {
    100.0 * (at as f64 + 0.5) / of.max(1) as f64
}

/// Legend of the arms, with the names of their variants.
pub(crate) fn legend(arms: &[(Arm, &str)], lines: bool) -> Vec<(Markup, String)> {
    let text = |(arm, variant): &(Arm, &str)| match arm {
        Arm::A2 => format!("{variant} once more (A2, control)"),
        arm => format!("{variant} ({arm})"),
    };
    arms.iter()
        .map(|one| (mark::key(one.0, lines), text(one)))
        .collect()
}
