//! The built-in plans by name.

pub use super::names::NAMES;
pub use super::texts::toml;
use super::{Overrides, Plan, PlanError, Source, resolve};

/// The preset, unchanged except for the seed.
pub fn plan(name: &str, seed: u64) -> Result<Plan, PlanError> {
    resolve(
        &Source::Preset(name.to_owned()),
        &Overrides::default(),
        seed,
    )
}
