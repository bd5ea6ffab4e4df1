//! Null-profile controls: builds with a profile that must not help. A build with an unreadable profile differs from
//! the baseline, so "other code than baseline" proves nothing; other code than both controls does. Owns the two
//! worthless profiles and the comparison; knows nothing of training.

use std::fs;
use std::path::{Path, PathBuf};

use super::BuildError;
use super::flags::{Recipe, VariantName};
use super::pipeline::{Compiled, Pipeline};
use super::profdata::MergeMode;

/// Built with a file that is no profile.
const UNREADABLE: &str = "control-unreadable";
/// Built with a valid profile that counts nothing.
const EMPTY: &str = "control-empty";
/// The smallest text of an instrumentation profile. One function that does not exist, because a merge of nothing
/// is not marked as a profile of the compiler's instrumentation.
const EMPTY_TEXT: &str = ":ir\nno_such_function\n1\n1\n0\n\n";

impl Pipeline<'_> {
    /// Builds both controls, unless they are there.
    pub(super) fn controls(&mut self) -> Result<(), BuildError> {
        for name in [UNREADABLE, EMPTY] {
            let recipe = Recipe::Control { name, profile: self.worthless_profile(name)? };
            if self.fits(self.manifest.controls.get(name), &recipe) {
                self.reused(name)?;
                continue;
            }
            let Recipe::Control { profile, .. } = &recipe else { unreachable!("made just above") };
            let compiled = self.compile(&recipe, Some(profile))?;
            check_noticed(name, &compiled)?;
            let record = self.install(compiled)?;
            self.manifest.controls.insert(name.to_owned(), record);
            self.manifest.write(&self.options.out)?;
        }
        Ok(())
    }

    /// Holds the optimised variant against the baseline and every control that was built; withdraws it when it
    /// equals one.
    pub(super) fn check_controls(&mut self) -> Result<(), BuildError> {
        let variant = VariantName::Pgo.as_str();
        let (Some(pgo), Some(_)) = (self.manifest.variants.get(variant), &self.manifest.profile) else {
            return Ok(());
        };
        if self.manifest.controls.is_empty() {
            return Ok(());
        }
        let baseline = self.manifest.variants.get_key_value(VariantName::Baseline.as_str());
        let same = baseline
            .into_iter()
            .chain(&self.manifest.controls)
            .find(|(_, control)| control.artifact.text_sha256 == pgo.artifact.text_sha256);
        let Some(control) = same.map(|(control, _)| control.clone()) else {
            return Ok(());
        };
        self.withdraw(VariantName::Pgo)?;
        Err(BuildError::NullProfile { variant: variant.to_owned(), control })
    }

    fn worthless_profile(&self, name: &str) -> Result<PathBuf, BuildError> {
        let dir = self.options.out.join("not-variants");
        fs::create_dir_all(&dir).map_err(BuildError::io(&dir))?;
        let profile = dir.join(format!("{name}.profdata"));
        if name == UNREADABLE {
            return write(&profile, "this is no profile").map(|()| profile);
        }
        let text = dir.join("control-empty.proftext");
        write(&text, EMPTY_TEXT)?;
        self.tools.profdata.merge(&[text], &profile, MergeMode::Strict)?;
        Ok(profile)
    }
}

/// The controls are also the proof that the compiler's complaints are still understood.
fn check_noticed(name: &'static str, compiled: &Compiled) -> Result<(), BuildError> {
    let noticed = match name {
        UNREADABLE => compiled.findings.unreadable.is_some(),
        _ => !compiled.findings.missing.is_empty(),
    };
    if noticed { Ok(()) } else { Err(BuildError::ControlUnnoticed { control: name }) }
}

fn write(path: &Path, text: &str) -> Result<(), BuildError> {
    fs::write(path, text).map_err(BuildError::io(path))
}
