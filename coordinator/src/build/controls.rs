//! Null-profile controls: builds with a profile that must not help. A build with an unreadable
//! profile differs from the baseline, so code that differs from the baseline proves nothing; code
//! that differs from both controls does. Owns the two useless profiles and the comparison; must not
//! know training.

use std::fs;
use std::path::{Path, PathBuf};

use super::BuildError;
use super::flags::Recipe;
use super::pipeline::{Compiled, Pipeline};
use super::profdata::MergeMode;
use super::variant::{Scope, VariantName};

/// A profile that must not help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Worthless {
    /// A file that is not a profile.
    Unreadable,
    /// A valid profile without counts.
    Empty,
}

/// Every control with its profile and the crates that get it.
const CONTROLS: [(&str, Scope, Worthless); 6] = [
    (
        "control-unreadable",
        Scope::Workspace,
        Worthless::Unreadable,
    ),
    ("control-empty", Scope::Workspace, Worthless::Empty),
    (
        "control-crates-unreadable",
        Scope::Crates,
        Worthless::Unreadable,
    ),
    ("control-crates-empty", Scope::Crates, Worthless::Empty),
    (
        "control-program-unreadable",
        Scope::Program,
        Worthless::Unreadable,
    ),
    ("control-program-empty", Scope::Program, Worthless::Empty),
];
/// The smallest text of an instrumentation profile. It has one function that does not exist,
/// because an empty merge is not marked as a profile of the compiler's instrumentation.
const EMPTY_TEXT: &str = ":ir\nno_such_function\n1\n1\n0\n\n";

impl Pipeline<'_> {
    /// Builds both controls of every wanted scope, unless they exist.
    pub(super) fn controls(&mut self) -> Result<(), BuildError> {
        let wanted = self.options.scopes();
        for (name, scope, worthless) in CONTROLS
            .into_iter()
            .filter(|(_, scope, _)| wanted.contains(scope))
        {
            let recipe = Recipe::Control {
                name,
                scope,
                profile: self.worthless_profile(name, worthless)?,
            };
            if self.fits(self.manifest.controls.get(name), &recipe) {
                self.reused(name)?;
                continue;
            }
            let Recipe::Control { profile, .. } = &recipe else {
                unreachable!("made just above")
            };
            let compiled = self.compile(&recipe, Some(profile))?;
            check_noticed(name, worthless, &compiled)?;
            let record = self.install(compiled)?;
            self.manifest.controls.insert(name.to_owned(), record);
            self.manifest.write(&self.options.out)?;
        }
        Ok(())
    }

    /// Compares every optimised variant with the baseline and all controls, and withdraws one that
    /// equals any of them.
    pub(super) fn check_controls(&mut self) -> Result<(), BuildError> {
        VariantName::ALL
            .into_iter()
            .try_for_each(|variant| self.check_control_of(variant))
    }

    fn check_control_of(&mut self, name: VariantName) -> Result<(), BuildError> {
        let variant = name.as_str();
        let (Some(pgo), Some(_)) = (
            self.manifest.variants.get(variant),
            self.manifest.profile_of(name),
        ) else {
            return Ok(());
        };
        if self.manifest.controls.is_empty() {
            return Ok(());
        }
        let baseline = self
            .manifest
            .variants
            .get_key_value(VariantName::Baseline.as_str());
        let same = baseline
            .into_iter()
            .chain(&self.manifest.controls)
            .find(|(_, control)| control.artifact.text_sha256 == pgo.artifact.text_sha256);
        let Some(control) = same.map(|(control, _)| control.clone()) else {
            return Ok(());
        };
        self.withdraw(name)?;
        Err(BuildError::NullProfile {
            variant: variant.to_owned(),
            control,
        })
    }

    fn worthless_profile(&self, name: &str, worthless: Worthless) -> Result<PathBuf, BuildError> {
        let dir = self.options.out.join("not-variants");
        fs::create_dir_all(&dir).map_err(BuildError::io(&dir))?;
        let profile = dir.join(format!("{name}.profdata"));
        if worthless == Worthless::Unreadable {
            return write(&profile, "this is no profile").map(|()| profile);
        }
        let text = dir.join(format!("{name}.proftext"));
        write(&text, EMPTY_TEXT)?;
        self.tools
            .profdata
            .merge(&[text], &profile, MergeMode::Strict)?;
        Ok(profile)
    }
}

/// The controls also verify that the compiler's warnings are still recognised.
fn check_noticed(
    name: &'static str,
    worthless: Worthless,
    compiled: &Compiled,
) -> Result<(), BuildError> {
    let noticed = match worthless {
        Worthless::Unreadable => compiled.findings.unreadable.is_some(),
        Worthless::Empty => !compiled.findings.missing.is_empty(),
    };
    if noticed {
        Ok(())
    } else {
        Err(BuildError::ControlUnnoticed { control: name })
    }
}

fn write(path: &Path, text: &str) -> Result<(), BuildError> {
    fs::write(path, text).map_err(BuildError::io(path))
}
