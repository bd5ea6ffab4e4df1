//! Output of `build`: the variants, their profiles, and warnings. Must not know how anything is
//! built.

use std::io;

use serde_json::{Value, json};

use crate::build::{BuiltSource, Manifest, VariantRecord};
use crate::layout::Layout;
use crate::report::Answer;
use crate::report::phrases::builds::{HOT, hot_line, profile_line};
use crate::report::phrases::words::{bytes, wait};
use crate::report::render::json::Json;
use crate::report::render::text::Page;
use crate::report::tables::table::Table;

/// The builds of the working tree, or of each revision.
pub struct Built<'a>(pub &'a [BuiltSource]);

impl Answer for Built<'_> {
    fn text(&self, page: &mut Page) {
        for outcome in self.0 {
            if let Some(revision) = &outcome.revision {
                page.heading(&format!("Revision {revision}"));
            }
            source(page, outcome);
        }
        page.heading("Next");
        let names = self.0.iter().flat_map(|outcome| {
            let names = outcome.manifest.variants.keys();
            names.map(|name| outcome.full_name(name))
        });
        let (layouts, built): (Vec<String>, Vec<String>) =
            names.partition(|name| Layout::named(name).is_some());
        let beside = if layouts.is_empty() {
            String::new()
        } else {
            format!(" --layout-arms {}", layouts.len())
        };
        page.line(&format!(
            "  coordinator run --preset demo --variants {}{beside}",
            built.join(",")
        ));
    }

    fn json(&self, to: &mut Json<'_>) -> io::Result<()> {
        let of_one =
            |outcome: &BuiltSource| json!({ "done": outcome.done, "manifest": outcome.manifest });
        if let [outcome] = self.0
            && outcome.revision.is_none()
        {
            return to.answer("build", of_one(outcome));
        }
        let named = |outcome: &BuiltSource| {
            let mut one = of_one(outcome);
            one["revision"] = json!(outcome.revision);
            one
        };
        let revisions: Vec<Value> = self.0.iter().map(named).collect();
        to.answer("build", json!({ "revisions": revisions }))
    }

    fn quiet(&self) -> Vec<String> {
        let lines = self.0.iter().flat_map(|outcome| {
            let variants = outcome.manifest.variants.iter();
            variants.map(|(name, variant)| {
                format!("{} {}", outcome.full_name(name), variant.artifact.sha256)
            })
        });
        lines.collect()
    }
}

/// The builds of one source.
fn source(page: &mut Page, outcome: &BuiltSource) {
    let manifest = &outcome.manifest;
    if outcome.done.is_empty() {
        page.line("Everything is up to date.");
    } else {
        page.say(&format!("Done: {}.", outcome.done.join(", ")));
    }
    page.gap();
    page.table(&variants(manifest));
    for (scope, profile) in &manifest.profiles {
        page.gap();
        let (sha, facts) = (short(&profile.sha256), profile_line(&profile.report));
        page.sentence(&format!("profile {sha} of scope {scope}: {facts}"), 2, 4);
        for hot in profile.report.hottest.iter().take(HOT) {
            page.sentence(&hot_line(hot), 4, 12);
        }
    }
    for (about, warning) in manifest
        .warnings
        .iter()
        .flat_map(|(about, all)| all.iter().map(move |w| (about, w)))
    {
        page.item(&format!("{about}: {warning}"));
    }
}

fn variants(manifest: &Manifest) -> Table {
    let row = |(name, variant): (&String, &VariantRecord)| {
        let same = variant
            .identical_to
            .as_ref()
            .map(|other| format!("same code as {other}"));
        let shuffled = variant
            .layout_seed
            .map(|seed| format!("shuffled, seed {seed}"));
        let artifact = &variant.artifact;
        [
            name.clone(),
            short(&artifact.sha256).to_owned(),
            short(&artifact.text_sha256).to_owned(),
            bytes(artifact.bytes as f64),
            wait(variant.build_seconds),
            same.or(shuffled).unwrap_or_default(),
        ]
    };
    let headings = ["variant", "SHA-256", "code", "size", "built in", ""];
    let all = manifest.variants.iter().chain(&manifest.controls);
    Table::new("Variants", headings)
        .words(&[1, 2, 5])
        .with(all.map(row))
}

fn short(hex: &str) -> &str {
    hex.get(..12).unwrap_or(hex)
}
