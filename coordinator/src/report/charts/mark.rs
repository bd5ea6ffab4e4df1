//! Elements of charts: lines, dots, bands and legend keys, in per cent of the plot. Arms differ by
//! shape (A a disc, B a square, A2 a ring and dashes) as well as by colour. Must not know any
//! figure.

use contract::id::Arm;
use maud::{Markup, html};

/// Per cent from the left and from the top.
pub(crate) type Point = (f64, f64);

/// The CSS class with an arm's colour and dashes.
pub(crate) fn class(arm: Arm) -> &'static str {
    match arm {
        Arm::A => "a",
        Arm::B => "b",
        Arm::A2 => "a2",
    }
}

/// A line through all points.
pub(crate) fn line(class: &str, points: impl IntoIterator<Item = Point>) -> Markup {
    let mut path = String::new();
    for (x, y) in points {
        let head = if path.is_empty() { 'M' } else { 'L' };
        path.push_str(&format!("{head}{x:.2} {y:.2}"));
    }
    html! { path class=(format!("line {class}")) d=(path) {} }
}

/// A line between two points.
pub(crate) fn stroke(class: &str, (x0, y0): Point, (x1, y1): Point) -> Markup {
    html! { path class=(class) d=(format!("M{x0:.2} {y0:.2}L{x1:.2} {y1:.2}")) {} }
}

/// One value, with a tooltip.
pub(crate) fn dot(arm: Arm, (x, y): Point, tip: &str) -> Markup {
    let place = format!("M{x:.2} {y:.2}h0.001");
    html! {
        g class=(format!("dot {}", class(arm))) {
            title { (tip) }
            path d=(place) {}
            @if arm == Arm::A2 { path class="hole" d=(place) {} }
        }
    }
}

/// A filled rectangle between two corners.
pub(crate) fn rect(class: &str, (x0, y0): Point, (x1, y1): Point) -> Markup {
    let (x, width) = (x0.min(x1), (x1 - x0).abs());
    let (y, height) = (y0.min(y1), (y1 - y0).abs());
    let text = |value: f64| format!("{value:.2}");
    html! { rect class=(class) x=(text(x)) y=(text(y)) width=(text(width)) height=(text(height)) {} }
}

/// A horizontal line across the whole plot.
pub(crate) fn level(class: &str, y: f64) -> Markup {
    stroke(class, (0.0, y), (100.0, y))
}

/// A vertical line across the whole plot.
pub(crate) fn upright(class: &str, x: f64) -> Markup {
    stroke(class, (x, 0.0), (x, 100.0))
}

/// Legend key of an arm.
pub(crate) fn key(arm: Arm, lines: bool) -> Markup {
    html! {
        svg class="key" viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true" {
            @if lines { (stroke(&format!("line {}", class(arm)), (0.0, 50.0), (100.0, 50.0))) }
            (dot(arm, (50.0, 50.0), ""))
        }
    }
}

/// Legend key of a filled area or of a plain line.
pub(crate) fn swatch(mark: &Markup) -> Markup {
    html! { svg class="key" viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true" { (mark) } }
}
