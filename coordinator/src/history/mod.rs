//! Many runs side by side: which belong to one series, where the level of a series steps, which
//! match a filter and which may be removed. Pure over index rows, each of which has a
//! [`RunHistory`]; must not know where rows are stored or how a trend is shown.

mod across;
mod calibration;
mod class;
mod conditions;
mod filter;
mod retention;
mod run_history;
mod run_means;
#[cfg(test)]
mod sample;
mod searches;
mod series;
mod trend;

pub use across::{Across, AcrossError, AcrossLine, across};
pub use calibration::{Calibrated, Calibration, calibration, floors_of};
pub use filter::{Filter, VERDICTS};
pub use retention::{Retention, RetentionDecision, held, judge};
pub use run_history::{Effect, RunHistory};
pub use run_means::RunMeans;
pub use trend::{LevelShift, Line, Point, Query, Trend, TrendError, trend};
