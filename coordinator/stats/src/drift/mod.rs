//! Changes over time: trend over rounds, an odd first round, correlation between neighbours, steps
//! in a history. Owns the tests of a series; must not know what the series measures.

mod changepoint;
mod outlier;
mod step;
mod trend;

pub use changepoint::{ChangePoint, ChangeSettings, change_points};
pub use outlier::first_round_outlier;
pub use step::step_interval;
pub use trend::{Trend, lag1, mann_kendall};
