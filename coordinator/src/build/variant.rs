//! Names of variants: a recipe and, if it was not built from the working tree, the revision, as in
//! `pgo@main`. Owns their spelling; must not know how anything is built.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::BuildError;
use crate::layout::Layout;

/// The crates that a profile is collected for and applied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Workspace crates only (including what they instantiate from dependencies); dependencies are
    /// built once for all variants.
    Workspace,
    /// Workspace crates and the dependencies that the user lists.
    Crates,
    /// Every crate of the program; dependencies are compiled anew for each build.
    Program,
}

/// The recipe of a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VariantName {
    /// No profile; every other variant is compared with it.
    Baseline,
    /// Optimised with the profile of a training, over the workspace's crates.
    Pgo,
    /// `pgo`, with the finished program laid out again by BOLT.
    PgoBolt,
    /// Like `pgo`, over the workspace's crates and the listed ones.
    PgoCrates,
    /// Like `pgo`, over every crate of the program: the effect of enabling PGO for the whole
    /// program.
    PgoProgram,
    /// The baseline with its functions linked in a shuffled order: a control, only of the baseline.
    Layout(Layout),
}

/// A recipe of a source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Variant {
    /// How it is built.
    pub recipe: VariantName,
    /// The revision it is built from, as the user named it; `None` for the working tree.
    pub revision: Option<String>,
}

impl VariantName {
    /// All variants that are built by name, in build order; layouts are built by number.
    pub const ALL: [Self; 5] = [
        Self::Baseline,
        Self::Pgo,
        Self::PgoBolt,
        Self::PgoCrates,
        Self::PgoProgram,
    ];

    /// The name used in commands, reports and file names.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Pgo => "pgo",
            Self::PgoBolt => "pgo+bolt",
            Self::PgoCrates => "pgo-crates",
            Self::PgoProgram => "pgo-program",
            Self::Layout(layout) => layout.name(),
        }
    }

    /// The crates that its profile covers; `None` without a profile.
    #[must_use]
    pub fn scope(self) -> Option<Scope> {
        match self {
            Self::Baseline | Self::Layout(_) => None,
            Self::Pgo | Self::PgoBolt => Some(Scope::Workspace),
            Self::PgoCrates => Some(Scope::Crates),
            Self::PgoProgram => Some(Scope::Program),
        }
    }
}

impl Scope {
    /// The name used in records.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Workspace => "workspace",
            Self::Crates => "crates",
            Self::Program => "program",
        }
    }

    /// The name of the step that builds the instrumented program.
    pub(super) fn instrumented(self) -> &'static str {
        match self {
            Self::Workspace => "instrumented",
            Self::Crates => "instrumented-crates",
            Self::Program => "instrumented-program",
        }
    }

    /// The name of the training step.
    pub(super) fn training(self) -> &'static str {
        match self {
            Self::Workspace => "training",
            Self::Crates => "training-crates",
            Self::Program => "training-program",
        }
    }
}

impl Variant {
    /// Whether both are built from the same source.
    #[must_use]
    pub fn shares_source_with(&self, other: &Self) -> bool {
        self.revision == other.revision
    }
}

impl fmt::Display for VariantName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.revision {
            None => write!(f, "{}", self.recipe),
            Some(revision) => write!(f, "{}@{revision}", self.recipe),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<VariantName> for Variant {
    fn from(recipe: VariantName) -> Self {
        Self {
            recipe,
            revision: None,
        }
    }
}

impl FromStr for Variant {
    type Err = BuildError;

    fn from_str(name: &str) -> Result<Self, BuildError> {
        match name.split_once('@') {
            None => name.parse().map(VariantName::into),
            Some((recipe, revision)) => Ok(Self {
                recipe: recipe.parse()?,
                revision: Some(revision.to_owned()),
            }),
        }
    }
}

impl FromStr for VariantName {
    type Err = BuildError;

    fn from_str(name: &str) -> Result<Self, BuildError> {
        let layouts = Layout::all().map(Self::Layout);
        let mut known = Self::ALL.into_iter().chain(layouts);
        known
            .find(|variant| variant.as_str() == name)
            .ok_or_else(|| match Layout::is_misnamed(name) {
                true => BuildError::NoSuchLayout {
                    name: name.to_owned(),
                },
                false => BuildError::UnknownVariant {
                    name: name.to_owned(),
                    known: Self::ALL.map(Self::as_str).to_vec(),
                },
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_others_refused() {
        for variant in VariantName::ALL
            .into_iter()
            .chain(Layout::all().map(VariantName::Layout))
        {
            assert_eq!(
                variant.as_str().parse::<VariantName>().expect("known"),
                variant
            );
        }
        assert!("pgo2".parse::<VariantName>().is_err());
        let refused = "pgo-layout1"
            .parse::<VariantName>()
            .expect_err("of the baseline alone")
            .to_string();
        assert!(
            refused.contains("baseline-layout8") && refused.contains("hot"),
            "{refused}"
        );
    }

    #[test]
    fn a_revision_follows_the_first_at_sign_whatever_is_in_it() {
        for (name, recipe, revision) in [
            ("baseline", VariantName::Baseline, None),
            ("baseline@main", VariantName::Baseline, Some("main")),
            ("pgo+bolt@origin/x", VariantName::PgoBolt, Some("origin/x")),
            ("pgo@HEAD@{1}", VariantName::Pgo, Some("HEAD@{1}")),
        ] {
            let variant: Variant = name.parse().expect(name);
            assert_eq!(
                (variant.recipe, variant.revision.as_deref()),
                (recipe, revision)
            );
            assert_eq!(variant.to_string(), name);
        }
        assert!("main@baseline".parse::<Variant>().is_err());
    }
}
