//! Many runs side by side: which belong into one series, where its level steps, which of them
//! are wanted and which may go. Pure over index rows, each of which
//! carries a [`Digest`] of its run; it must not know where rows are kept or how a trend is shown.

mod across;
mod calibration;
mod class;
mod conditions;
mod digest;
mod filter;
mod retention;
#[cfg(test)]
mod sample;
mod series;
mod sketch;
mod trend;

pub use across::{Across, AcrossError, AcrossLine, across};
pub use calibration::{Calibrated, Calibration, calibration, floors_of};
pub use digest::{Digest, Effect};
pub use filter::{Filter, VERDICTS};
pub use retention::{Fate, Retention, judge};
pub use sketch::Sketch;
pub use trend::{Line, Point, Query, Step, Trend, TrendError, trend};
