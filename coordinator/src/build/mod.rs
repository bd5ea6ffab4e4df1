//! Builds the variants of the worker: instrument, train, merge, optimise, from one manifest of
//! flags so that nothing but the profile differs, with every guard that keeps a bad profile from
//! passing for a good one. Owns toolchain, flags, profiles, artifacts and their manifest; must not
//! know plans, gRPC or how to print: the caller brings the trainer and hears of progress through a
//! callback.

mod artifact;
mod bolt;
mod cargo;
mod controls;
mod counts;
mod diagnostics;
mod digest;
mod error;
mod flags;
mod ground;
mod inherited;
mod layouts;
mod lock;
mod manifest;
pub mod microarchitecture;
mod options;
mod pgo;
mod pipeline;
mod profdata;
mod profile;
mod sources;
mod tool;
mod toolchain;
mod training;
mod wrapper;

pub use artifact::{Artifact, text_sha256};
pub use counts::HotFunction;
pub use digest::{file_sha256, sha256};
pub use error::{BuildError, TrainingFailure};
pub use flags::{Scope, VariantName};
pub use manifest::{
    BoltRecord, FILE_NAME, FORMAT, Manifest, ProfileRecord, Settings, VariantRecord,
};
pub use options::{BuildOptions, BuildProgress, Outcome, ProfileOrigin};
pub use pipeline::build;
pub use profdata::Profdata;
pub use profile::ProfileReport;
pub use sources::{GitState, SourceFile, Sources};
pub use toolchain::{Rustc, Toolchain, cargo_version};
pub use training::{Counting, Trainer, TrainingReport, profile_pattern};
