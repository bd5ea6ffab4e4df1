//! Does the ground move: trend over rounds, an odd first round, correlation between neighbours. Owns the tests
//! of a series; must not know what the series measures.

mod outlier;
mod trend;

pub use outlier::first_round_outlier;
pub use trend::{Trend, lag1, mann_kendall};
