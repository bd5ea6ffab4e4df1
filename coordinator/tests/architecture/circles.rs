//! Finds files that import each other in a circle. Names are followed through `pub use` to the file
//! that defines them. Owns the graph of a crate's files; must not know which circles are allowed.

use std::collections::{BTreeMap, BTreeSet};

use super::scan::{self, Use};

/// The files of one crate, and what each uses from others.
pub(crate) struct Graph {
    /// For each file: the files it uses, with the line of the first use.
    uses: BTreeMap<String, BTreeMap<String, usize>>,
}

/// A file's module and what it uses.
struct Module {
    path: String,
    uses: Vec<Use>,
}

impl Graph {
    /// From the sources of one crate, with their paths.
    pub(crate) fn new(sources: &[(String, String)]) -> Self {
        let modules: BTreeMap<Vec<String>, Module> = sources
            .iter()
            .map(|(path, text)| {
                let uses = scan::uses(path, text);
                (
                    scan::module_of(path),
                    Module {
                        path: path.clone(),
                        uses,
                    },
                )
            })
            .collect();
        let mut uses = BTreeMap::new();
        for (name, module) in &modules {
            let mut found = BTreeMap::new();
            for used in module
                .uses
                .iter()
                .filter(|used| !is_of_own(&modules, name, used))
            {
                if let Some(file) = holder(&modules, name, &used.segments, 8)
                    && file != module.path
                {
                    found.entry(file.to_owned()).or_insert(used.line);
                }
            }
            uses.insert(module.path.clone(), found);
        }
        Self { uses }
    }

    /// The same without some uses.
    pub(crate) fn without(&self, left_out: &[(&str, &str)]) -> Self {
        let mut uses = self.uses.clone();
        for (from, to) in left_out {
            if let Some(found) = uses.get_mut(*from) {
                found.remove(*to);
            }
        }
        Self { uses }
    }

    /// The same without files' uses of their parent modules.
    pub(crate) fn without_parents(&self) -> Self {
        let mut uses = self.uses.clone();
        for (from, found) in &mut uses {
            let from = scan::module_of(from);
            found.retain(|to, _| !from.starts_with(&scan::module_of(to)));
        }
        Self { uses }
    }

    /// The shortest circle through each use of a file in another room.
    pub(crate) fn crossing<'a>(&'a self, room: fn(&'a str) -> &'a str) -> Vec<Vec<String>> {
        let uses = self
            .uses
            .iter()
            .flat_map(|(from, uses)| uses.keys().map(move |to| (from, to)));
        let mut told = BTreeSet::new();
        let circles = uses
            .filter(|(from, to)| room(from) != room(to))
            .filter_map(|(from, to)| {
                let mut circle = vec![from.clone()];
                circle.extend(self.way(to, from)?);
                let members: BTreeSet<String> = circle.iter().cloned().collect();
                told.insert(members).then_some(circle)
            });
        circles.collect()
    }

    /// The shortest circle through each file that is in one, with the line of each use; each circle
    /// is listed once.
    pub(crate) fn circles(&self) -> Vec<Vec<String>> {
        let mut told = BTreeSet::new();
        let mut circles = Vec::new();
        for file in self.uses.keys() {
            let Some(circle) = self.way(file, file) else {
                continue;
            };
            let members: BTreeSet<String> = circle.iter().cloned().collect();
            if told.insert(members) {
                circles.push(circle);
            }
        }
        circles
    }

    /// Whether one file's use of another is part of a circle.
    pub(crate) fn closes(&self, from: &str, to: &str) -> bool {
        self.uses
            .get(from)
            .is_some_and(|uses| uses.contains_key(to))
            && self.way(to, from).is_some()
    }

    /// A circle as text, one sentence for each step.
    pub(crate) fn told(&self, circle: &[String]) -> String {
        let steps = circle.iter().zip(circle.iter().cycle().skip(1));
        steps
            .map(|(from, to)| format!("{from}:{} uses {to}", self.uses[from][to]))
            .collect::<Vec<_>>()
            .join("\n  ")
    }

    /// The shortest path of at least one step between files, without its end.
    fn way(&self, from: &str, to: &str) -> Option<Vec<String>> {
        let mut before: BTreeMap<&str, &str> = BTreeMap::new();
        let mut next = std::collections::VecDeque::from([from]);
        while let Some(file) = next.pop_front() {
            for used in self.uses.get(file)?.keys() {
                if used == to {
                    let mut way = vec![file.to_owned()];
                    let mut at = file;
                    while at != from {
                        at = before[at];
                        way.push(at.to_owned());
                    }
                    way.reverse();
                    return Some(way);
                }
                if used != from && !before.contains_key(used.as_str()) {
                    before.insert(used, file);
                    next.push_back(used);
                }
            }
        }
        None
    }
}

/// Whether a module only re-exports what its own submodules define.
fn is_of_own(modules: &BTreeMap<Vec<String>, Module>, name: &[String], used: &Use) -> bool {
    let below = |first: &String| {
        let child: Vec<String> = name.iter().cloned().chain([first.clone()]).collect();
        modules.contains_key(&child)
    };
    used.is_export && (used.segments.first().is_some_and(below) || used.segments.starts_with(name))
}

/// The file that defines what a path names, as seen from a module.
fn holder<'a>(
    modules: &'a BTreeMap<Vec<String>, Module>,
    from: &[String],
    path: &[String],
    steps: usize,
) -> Option<&'a str> {
    let path = match path.first()?.as_str() {
        "crate" => path.to_vec(),
        first => {
            // A single name is a variable; a path may begin with a submodule of this one.
            let child: Vec<String> = from.iter().cloned().chain([first.to_owned()]).collect();
            if path.len() < 2 || !modules.contains_key(&child) {
                return None;
            }
            [from, path].concat()
        }
    };
    let known = (1..=path.len())
        .rev()
        .find(|length| modules.contains_key(&path[..*length]))?;
    let module = &modules[&path[..known]];
    let Some(name) = path.get(known).filter(|_| steps > 0) else {
        return Some(&module.path);
    };
    let exported = module
        .uses
        .iter()
        .find(|used| used.is_export && used.segments.last() == Some(name));
    exported
        .and_then(|used| holder(modules, &path[..known], &used.segments, steps - 1))
        .or(Some(&module.path))
}
