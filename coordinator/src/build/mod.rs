//! Builds variants of a worker; a variant is a recipe applied to a source. Recipes: instrument,
//! train, merge, optimise, from one list of flags so that only the profile differs, with guards
//! against bad profiles. Sources: the working tree, or revisions of its repository. Owns toolchain,
//! flags, profiles, artifacts and their manifests; must not know plans, gRPC or printing: the
//! caller supplies the trainer and receives progress through a callback.

mod artifact;
mod bolt;
mod built_set;
mod cargo;
mod checkout;
mod choice;
mod config;
mod controls;
mod counts;
mod diagnostics;
mod digest;
mod directories;
mod error;
mod flags;
mod git;
mod inherited;
mod layouts;
mod lock;
mod locked;
mod manifest;
pub mod microarchitecture;
mod options;
mod pgo;
mod pipeline;
mod probe;
mod profdata;
mod profile;
mod repository;
mod revision_error;
mod revision_record;
mod revisions;
mod sources;
mod sweeper;
mod tool;
mod toolchain;
mod training;
mod variant;
mod workspace;
mod workspace_error;
mod wrapper;

pub use artifact::{Artifact, text_sha256};
pub use built_set::BuiltSet;
pub use counts::HotFunction;
pub use digest::{file_sha256, sha256};
pub use error::{BuildError, TrainingFailure};
pub use manifest::{
    BoltRecord, FILE_NAME, FORMAT, Manifest, ProfileRecord, Settings, VariantRecord,
};
pub use options::{BuildOptions, BuildProgress, BuiltSource, ProfileOrigin};
pub use pipeline::build;
pub use profdata::Profdata;
pub use profile::ProfileReport;
pub use revision_error::RevisionError;
pub use revision_record::Revisions;
pub use revisions::build_revisions;
pub use sources::{GitState, SourceFile, Sources};
pub use toolchain::{Rustc, Toolchain, cargo_version};
pub use training::{Counting, Trainer, TrainingReport, profile_pattern};
pub use variant::{Scope, Variant, VariantName};
pub use workspace_error::WorkspaceError;
