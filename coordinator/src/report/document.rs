//! The published shape of a run's JSON document. It is separate from the internal types, so that
//! code can change without breaking readers. Measured values that are published unchanged have
//! their shape where they are defined, in the contract and in [`crate::compare`].
//! `schema/run.schema.json` is generated from these types. Times are nanoseconds and rates are per
//! second unless a name says otherwise; log ratios are natural, and more than zero is slower.

mod capacity;
mod cell;
mod layout;
mod metric;
mod older;
mod part;
mod places;
mod run;

pub use capacity::{
    Capacity, CapacityCheck, CapacityDocument, CapacityEstimate, CapacityGain, CapacityHost,
    CapacityInterval, CapacityLevel, CapacityOfObjective, CapacityProbe, CapacityScaling,
    CapacityStepLaw, CapacityWindow,
};
pub use cell::{Cell, Check};
pub use layout::{
    Layout, LayoutArm, LayoutEffect, LayoutLabel, LayoutMetric, LayoutNoise, LeftOut,
};
pub use metric::{Bootstrap, Estimate, Exact, Interval, Metric, Pooled, Round, Value};
pub use older::read;
pub use part::{Histogram, Part};
pub use places::{HostSample, Odd, Signals, SlotEffect, SlotEffects};
pub use run::{Host, Interim, Measurement, Notice, Reason, Run, RunDocument, Settings, Variant};

/// Version of the document. Raised if a reader of the previous version could misread the new one.
/// 1: first.
pub const SCHEMA_VERSION: u32 = 1;

/// The JSON schema of [`RunDocument`], pretty-printed, with a final newline.
#[must_use]
pub fn run_schema() -> String {
    printed(&schemars::schema_for!(RunDocument))
}

/// The JSON schema of [`CapacityDocument`], printed in the same way.
#[must_use]
pub fn capacity_schema() -> String {
    printed(&schemars::schema_for!(CapacityDocument))
}

fn printed(schema: &impl serde::Serialize) -> String {
    let mut text = serde_json::to_string_pretty(schema).expect("a schema is plain JSON");
    text.push('\n');
    text
}
