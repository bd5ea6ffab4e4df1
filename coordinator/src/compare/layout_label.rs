//! Compares a candidate's difference with the effect of code placement alone.

use stats::compare::Spread;

/// A candidate's difference compared with the effect of code placement alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LayoutLabel {
    /// Smaller than the spread of the layouts.
    Within(Spread),
    /// Not smaller than the spread of the layouts.
    Beyond(Spread),
    /// Fewer than two layouts count.
    Unknown {
        /// Layouts of the run.
        layouts: usize,
    },
}
