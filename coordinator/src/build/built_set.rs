//! The builds of one directory for a run: those of the working tree and those of revisions, under
//! one kind of name. Owns the checks across sources; must not know how they were built.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::revision_record::Revisions;
use super::variant::Variant;
use super::{BuildError, Manifest, ProfileRecord, RevisionError, VariantRecord};

/// The manifests of several variants.
#[derive(Debug, Clone)]
pub struct BuiltSet {
    sources: BTreeMap<Option<String>, (PathBuf, Manifest)>,
}

impl BuiltSet {
    /// Reads the manifests in `dir` for the sources of these variants.
    ///
    /// # Errors
    /// When there is none, one cannot be understood, or a revision is now another commit.
    pub fn read(dir: &Path, variants: &[Variant]) -> Result<Self, BuildError> {
        let revisions = Revisions::read(dir)?.unwrap_or_default();
        let mut sources = BTreeMap::new();
        for variant in variants {
            let place = match &variant.revision {
                None => dir.to_owned(),
                Some(name) => {
                    revisions.check_current(name)?;
                    let place = revisions.dir_of(dir, name);
                    place.ok_or_else(|| BuildError::NotBuilt {
                        variant: variant.to_string(),
                    })?
                }
            };
            let manifest = Manifest::read(&place)?;
            sources.insert(variant.revision.clone(), (place, manifest));
        }
        Ok(Self { sources })
    }

    /// The manifest of a variant's source.
    ///
    /// # Errors
    /// [`BuildError::NotBuilt`] where it was not read.
    pub fn manifest(&self, variant: &Variant) -> Result<&Manifest, BuildError> {
        self.source(variant).map(|(_, manifest)| manifest)
    }

    /// The record of one variant.
    ///
    /// # Errors
    /// [`BuildError::NotBuilt`] with the command that builds it.
    pub fn variant(&self, variant: &Variant) -> Result<&VariantRecord, BuildError> {
        let record = self
            .manifest(variant)?
            .variants
            .get(variant.recipe.as_str());
        record.ok_or_else(|| not_built(variant))
    }

    /// The profile a variant was optimised with, if it was.
    #[must_use]
    pub fn profile_of(&self, variant: &Variant) -> Option<&ProfileRecord> {
        self.manifest(variant).ok()?.profile_of(variant.recipe)
    }

    /// Path of a variant's binary, after checking that it is the one that was built.
    ///
    /// # Errors
    /// When the variant is not built, its binary is gone, or its SHA-256 differs.
    pub fn verified_binary(&self, variant: &Variant) -> Result<PathBuf, BuildError> {
        let (dir, _) = self.source(variant)?;
        self.variant(variant)?.verify(dir, &variant.to_string())
    }

    /// Refuses two variants that are the same code. Variants of one source are compared by their
    /// functions, variants of two sources by their constants as well.
    ///
    /// # Errors
    /// [`BuildError::IdenticalCode`] or [`RevisionError::SameProgram`].
    pub fn check_distinct(&self, one: &Variant, other: &Variant) -> Result<(), BuildError> {
        let [a, b] = [self.variant(one)?, self.variant(other)?].map(|record| &record.artifact);
        if a.text_sha256 != b.text_sha256 {
            return Ok(());
        }
        let (names, text) = ([one, other].map(ToString::to_string), a.text_sha256.clone());
        let [one_name, other_name] = names;
        if one.shares_source_with(other) {
            return Err(BuildError::IdenticalCode {
                one: one_name,
                other: other_name,
                text,
            });
        }
        if a.data_sha256 != b.data_sha256 {
            return Ok(());
        }
        Err(RevisionError::SameProgram {
            one: one_name,
            other: other_name,
            text,
        }
        .into())
    }

    fn source(&self, variant: &Variant) -> Result<&(PathBuf, Manifest), BuildError> {
        let source = self.sources.get(&variant.revision);
        source.ok_or_else(|| not_built(variant))
    }
}

fn not_built(variant: &Variant) -> BuildError {
    BuildError::NotBuilt {
        variant: variant.to_string(),
    }
}
