//! The built-in plans, as TOML files like those of a user.

use super::error::PlanError;
use super::file::PlanFile;
use super::names::{NAMES, nearest};

const TEXTS: [&str; NAMES.len()] = [
    include_str!("presets/single.toml"),
    include_str!("presets/medium.toml"),
    include_str!("presets/high.toml"),
    include_str!("presets/demo.toml"),
    include_str!("presets/closed-loop.toml"),
    include_str!("presets/steady.toml"),
    include_str!("presets/training.toml"),
];

/// The preset's text, to be printed, edited and run.
pub fn toml(name: &str) -> Result<&'static str, PlanError> {
    NAMES
        .iter()
        .position(|known| *known == name)
        .map(|index| TEXTS[index])
        .ok_or_else(|| {
            let nearest = nearest(name, NAMES).map(str::to_owned);
            PlanError::UnknownPreset {
                name: name.to_owned(),
                nearest,
                known: NAMES.to_vec(),
            }
        })
}

pub(super) fn file(name: &str) -> Result<(PlanFile, String), PlanError> {
    let origin = format!("the preset `{name}`");
    PlanFile::from_toml(toml(name)?, &origin).map(|file| (file, origin))
}
