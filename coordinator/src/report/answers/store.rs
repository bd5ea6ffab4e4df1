//! Output of `runs verify`, `runs import --rebuild` and `runs compact`: the state of the store.
//! Must not know findings.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use contract::id::RunId;
use serde_json::{Value, json};

use crate::report::Answer;
use crate::report::phrases::words::{bytes, count, listed};
use crate::report::render::json::Json;
use crate::report::render::text::Page;
use crate::store::{Brought, Compacted, Lost, Rebuilt, StoreError, Verified};

impl Answer for Verified {
    fn text(&self, page: &mut Page) {
        let (sound, damaged) = (self.sound.len(), self.damaged.len());
        page.say(&format!("{sound} sound, {damaged} damaged."));
        let damaged = self.damaged.iter();
        page.items(damaged.map(|(run, error)| format!("{run}: failed to {error}")));
        page.items(
            self.files
                .iter()
                .map(|(_, error)| format!("failed to {error}")),
        );
        let uncopied = self.uncopied.iter();
        page.items(uncopied.map(|run| format!("{run}: no complete copy beside the database")));
        if !self.files.is_empty() || !self.uncopied.is_empty() {
            page.say("`coordinator runs compact` makes new copies of the undamaged runs.");
        }
    }

    fn json(&self, to: &mut Json<'_>) -> io::Result<()> {
        let sound: Vec<String> = self.sound.iter().map(ToString::to_string).collect();
        let damaged: Vec<Value> = self
            .damaged
            .iter()
            .map(|(run, why)| damage(run, why))
            .collect();
        let files: Vec<Value> = self
            .files
            .iter()
            .map(|(path, why)| file(path, why))
            .collect();
        let uncopied = &self.uncopied;
        let verified = json!({
            "sound": sound, "damaged": damaged, "damaged_files": files, "uncopied": uncopied
        });
        to.answer("verified", verified)
    }

    fn quiet(&self) -> Vec<String> {
        let damaged = self.damaged.iter().map(|(run, _)| run.to_string());
        let files = self.files.iter().map(|(path, _)| shown_path(path));
        let uncopied = self.uncopied.iter().map(ToString::to_string);
        damaged.chain(files).chain(uncopied).collect()
    }
}

impl Answer for Rebuilt {
    fn text(&self, page: &mut Page) {
        page.say(&format!("{}.", brought_back(&self.brought)));
        if let Some(aside) = &self.aside {
            let aside = shown_path(aside);
            page.say(&format!("The old database was moved to {aside}"));
        }
        for (path, error) in &self.refused {
            let path = shown_path(path);
            page.item(&format!("{path} is incomplete: failed to {error}"));
        }
        for Brought { run, lacks, .. } in self.brought.iter().filter(|brought| brought.lacks > 0) {
            let way = "the rest was restored without its end; `coordinator run --resume` measures what is missing";
            let lost = count(*lacks, "committed record");
            page.item(&format!("{run}: {lost} lost; {way}"));
        }
        for Lost { run, damage } in &self.lost {
            page.item(&format!("{run}: lost; {damage}"));
        }
        let lost = [
            (self.nameless, "run", "names them"),
            (self.unaccounted, "committed record", "says of which run"),
        ];
        for (n, what, says) in lost.into_iter().filter(|(n, ..)| *n > 0) {
            let lost = count(n, what);
            page.item(&format!(
                "{lost} lost: the old manifest counts them, and no source {says}"
            ));
        }
    }

    fn json(&self, to: &mut Json<'_>) -> io::Result<()> {
        let imported: Vec<String> = self.runs().map(|run| run.to_string()).collect();
        let brought = |one: &Brought| {
            let from: Vec<&str> = one.from.iter().map(|source| source.name()).collect();
            json!({ "run": one.run.to_string(), "from": from, "lacks": one.lacks })
        };
        let brought: Vec<Value> = self.brought.iter().map(brought).collect();
        let lost = self.lost.iter().map(|one| damage(&one.run, &one.damage));
        let lost: Vec<Value> = lost.collect();
        let refused = self.refused.iter().map(|(path, error)| file(path, error));
        let refused: Vec<Value> = refused.collect();
        let rebuilt = json!({
            "imported": imported, "brought": brought, "lost": lost,
            "nameless_runs": self.nameless, "unaccounted_records": self.unaccounted,
            "refused": refused, "aside": self.aside
        });
        to.answer("rebuilt", rebuilt)
    }

    fn quiet(&self) -> Vec<String> {
        self.runs().map(|run| run.to_string()).collect()
    }
}

impl Answer for Compacted {
    fn text(&self, page: &mut Page) {
        let [before, after] = [self.before, self.after].map(|size| bytes(size as f64));
        page.say(&format!("The database takes {after} instead of {before}."));
    }

    fn json(&self, to: &mut Json<'_>) -> io::Result<()> {
        let sizes = json!({ "before_bytes": self.before, "after_bytes": self.after });
        to.answer("compacted", sizes)
    }

    fn quiet(&self) -> Vec<String> {
        Vec::new()
    }
}

fn damage(run: &RunId, why: &impl ToString) -> Value {
    json!({ "run": run.to_string(), "reason": why.to_string() })
}

fn file(path: &Path, error: &StoreError) -> Value {
    json!({ "path": path, "reason": error.to_string() })
}

/// Number of recovered runs, and their sources.
fn brought_back(brought: &[Brought]) -> String {
    let mut from = BTreeMap::<Vec<&str>, u64>::new();
    for one in brought {
        let names = one.from.iter().map(|source| source.name()).collect();
        *from.entry(names).or_default() += 1;
    }
    let runs = format!("{} brought back", count(brought.len() as u64, "run"));
    if from.is_empty() {
        return runs;
    }
    let from = from
        .iter()
        .map(|(names, runs)| format!("{runs} from {}", names.join(" and ")));
    format!("{runs}: {}", listed(from))
}

fn shown_path(path: &Path) -> String {
    path.display().to_string()
}
