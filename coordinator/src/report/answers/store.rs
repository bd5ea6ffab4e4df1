//! What `runs verify`, `runs import --rebuild` and `runs compact` say: the store's health. Must not
//! know findings.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use crate::report::Answer;
use crate::report::phrases::words::{bytes, count};
use crate::report::render::json::Json;
use crate::report::render::text::Page;
use crate::store::{Brought, Compacted, Lost, Rebuilt, StoreError, Verified};

impl Answer for Verified {
    fn text(&self, page: &mut Page) {
        page.say(&format!(
            "{} sound, {} damaged.",
            self.sound.len(),
            self.damaged.len()
        ));
        for (run, error) in &self.damaged {
            page.item(&format!("{run}: failed to {error}"));
        }
        for (_, error) in &self.files {
            page.item(&format!("failed to {error}"));
        }
        for run in &self.uncopied {
            page.item(&format!("{run}: no complete copy beside the database"));
        }
        if !self.files.is_empty() || !self.uncopied.is_empty() {
            page.say("`coordinator runs compact` makes new copies of the undamaged runs.");
        }
    }

    fn json(&self, to: &mut Json<'_>) -> io::Result<()> {
        let sound: Vec<String> = self.sound.iter().map(ToString::to_string).collect();
        let damaged = self.damaged.iter();
        let damaged = damaged
            .map(|(run, error)| json!({ "run": run.to_string(), "reason": error.to_string() }));
        let damaged: Vec<Value> = damaged.collect();
        let files: Vec<Value> = self
            .files
            .iter()
            .map(|(path, error)| file(path, error))
            .collect();
        to.answer(
            "verified",
            json!({
                "sound": sound, "damaged": damaged, "damaged_files": files, "uncopied": self.uncopied
            }),
        )
    }

    fn quiet(&self) -> Vec<String> {
        let damaged = self.damaged.iter().map(|(run, _)| run.to_string());
        let files = self
            .files
            .iter()
            .map(|(path, _)| path.display().to_string());
        damaged
            .chain(files)
            .chain(self.uncopied.iter().map(ToString::to_string))
            .collect()
    }
}

impl Answer for Rebuilt {
    fn text(&self, page: &mut Page) {
        page.say(&format!("{}.", brought_back(&self.brought)));
        if let Some(aside) = &self.aside {
            page.say(&format!(
                "The old database was moved to {}",
                shown_path(aside)
            ));
        }
        for (path, error) in &self.refused {
            page.item(&format!(
                "{} is incomplete: failed to {error}",
                shown_path(path)
            ));
        }
        for Brought { run, lacks, .. } in self.brought.iter().filter(|brought| brought.lacks > 0) {
            let way = "the rest was restored without its end; `coordinator run --resume` measures what is missing";
            page.item(&format!(
                "{run}: {} lost; {way}",
                count(*lacks, "committed record")
            ));
        }
        for Lost { run, damage } in &self.lost {
            page.item(&format!("{run}: lost; {damage}"));
        }
        if self.nameless > 0 {
            let runs = count(self.nameless, "run");
            page.item(&format!(
                "{runs} lost: the old manifest counts them, and no source names them"
            ));
        }
        if self.unaccounted > 0 {
            let records = count(self.unaccounted, "committed record");
            page.item(&format!(
                "{records} lost: the old manifest counts them, and no source says of which run"
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
        let lost =
            |one: &Lost| json!({ "run": one.run.to_string(), "reason": one.damage.to_string() });
        let lost: Vec<Value> = self.lost.iter().map(lost).collect();
        let refused = self.refused.iter().map(|(path, error)| file(path, error));
        let refused: Vec<Value> = refused.collect();
        to.answer(
            "rebuilt",
            json!({
                "imported": imported, "brought": brought, "lost": lost,
                "nameless_runs": self.nameless, "unaccounted_records": self.unaccounted,
                "refused": refused, "aside": self.aside
            }),
        )
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
        to.answer(
            "compacted",
            json!({ "before_bytes": self.before, "after_bytes": self.after }),
        )
    }

    fn quiet(&self) -> Vec<String> {
        Vec::new()
    }
}

fn file(path: &Path, error: &StoreError) -> Value {
    json!({ "path": path, "reason": error.to_string() })
}

/// How many runs came back, and from where.
fn brought_back(brought: &[Brought]) -> String {
    let mut from = BTreeMap::<Vec<&str>, u64>::new();
    for one in brought {
        *from
            .entry(one.from.iter().map(|source| source.name()).collect())
            .or_default() += 1;
    }
    let runs = format!("{} brought back", count(brought.len() as u64, "run"));
    if from.is_empty() {
        return runs;
    }
    let from: Vec<_> = from
        .iter()
        .map(|(names, runs)| format!("{runs} from {}", names.join(" and ")))
        .collect();
    format!("{runs}: {}", from.join(", "))
}

fn shown_path(path: &Path) -> String {
    path.display().to_string()
}
