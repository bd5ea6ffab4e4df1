//! Builds the layouts of the layout control: the baseline's recipe, linked with its functions in an
//! order drawn from a seed. Their differences show the effect of code placement alone
//! (docs/method.md). Owns the check that the linker did shuffle; must not know profiles.

use super::BuildError;
use super::artifact::{Artifact, text_sha256};
use super::flags::Recipe;
use super::manifest::VariantRecord;
use super::pipeline::{Compiled, Pipeline};
use super::variant::VariantName;
use crate::layout::{Layout, Layouts};

impl Pipeline<'_> {
    /// Builds every wanted layout, unless it exists.
    pub(super) fn layouts(&mut self) -> Result<(), BuildError> {
        let mut wanted = self.options.layouts.into_iter().flat_map(Layouts::iter);
        wanted.try_for_each(|layout| self.layout(layout))
    }

    fn layout(&mut self, layout: Layout) -> Result<(), BuildError> {
        let (variant, recipe) = (VariantName::Layout(layout), Recipe::Layout(layout));
        if self.fits(self.manifest.variants.get(layout.name()), &recipe) {
            return self.reused(layout.name());
        }
        self.withdraw(variant)?;
        let compiled = self.compile(&recipe, None)?;
        self.check_shuffled(layout, &compiled)?;
        let record = VariantRecord {
            layout_seed: Some(layout.seed()),
            ..self.install(compiled)?
        };
        self.record_variant(variant, record)
    }

    /// A linker that ignores the option leaves the code unchanged.
    fn check_shuffled(&self, layout: Layout, compiled: &Compiled) -> Result<(), BuildError> {
        let text = text_sha256(&compiled.executable)?;
        let unshuffled = |artifact: &Artifact| artifact.text_sha256 == text;
        let same = self
            .manifest
            .variants
            .iter()
            .find(|(_, record)| unshuffled(&record.artifact));
        same.map_or(Ok(()), |(other, _)| {
            Err(BuildError::NotShuffled {
                layout: layout.name(),
                other: other.clone(),
            })
        })
    }
}
