//! The JSON document of a run: its published shape, apart from everything inside so that code may
//! change and readers need not; what is told as it was measured has its shape where it is defined,
//! in the contract and in [`crate::compare`]. `schema/run.schema.json` is generated from these types. Times are
//! nanoseconds and rates are per second unless a name says otherwise; log ratios are natural, and
//! more than zero is slower.

mod cell;
mod layout;
mod metric;
mod part;
mod places;
mod run;

pub use cell::{Cell, Check};
pub use layout::{
    Layout, LayoutArm, LayoutEffect, LayoutLabel, LayoutMetric, LayoutNoise, LeftOut,
};
pub use metric::{Bootstrap, Estimate, Exact, Interval, Metric, Pooled, Round, Value};
pub use part::{Histogram, Part};
pub use places::{HostSample, Odd, Signals, SlotEffect, SlotEffects};
pub use run::{Host, Interim, Measurement, Notice, Reason, Run, RunDocument, Settings, Variant};

/// Version of the document. Raised when a reader of the last one could misunderstand this one. 1:
/// first.
pub const SCHEMA_VERSION: u32 = 1;

/// The JSON schema of [`RunDocument`], pretty-printed, with a final newline.
#[must_use]
pub fn run_schema() -> String {
    let schema = schemars::schema_for!(RunDocument);
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is plain JSON");
    text.push('\n');
    text
}
