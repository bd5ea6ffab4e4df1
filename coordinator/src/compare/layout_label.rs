//! How a candidate's difference compares with what code placement alone does.

use stats::compare::Spread;

/// How a candidate's difference compares with what placement alone does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LayoutLabel {
    /// It is smaller than the spread of the layouts.
    Within(Spread),
    /// It is not.
    Beyond(Spread),
    /// Fewer than two of so many layouts can be believed.
    Unknown {
        /// Layouts of the run.
        layouts: usize,
    },
}
