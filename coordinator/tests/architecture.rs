//! Checks the import table (docs/architecture.md): what each module must not use, that no files
//! import each other in a circle, and the length of files. Reads the sources without comments,
//! strings and test modules, and names file, line and rule. Every rule has a counter-check here: an
//! offending source that it must catch.

#[path = "architecture/circles.rs"]
mod circles;
#[path = "architecture/exceptions.rs"]
mod exceptions;
#[path = "architecture/rules.rs"]
mod rules;
#[path = "architecture/scan.rs"]
mod scan;
#[path = "architecture/servers.rs"]
mod servers;

use std::fs;
use std::path::{Path, PathBuf};

use circles::Graph;
use exceptions::{CIRCLES, LONG, MOST_LINES};
use rules::{DEPENDENCIES, RULES, Rule};
use scan::Use;

#[test]
fn every_module_keeps_to_its_side_of_the_table() {
    let offences: Vec<String> = sources()
        .iter()
        .flat_map(|(path, text)| offences(path, text))
        .collect();
    assert!(offences.is_empty(), "\n{}\n", offences.join("\n"));
}

#[test]
fn crates_depend_on_what_they_may_alone() {
    for (manifest, allowed) in DEPENDENCIES {
        let text = fs::read_to_string(root().join(manifest)).expect(manifest);
        assert_eq!(undue(&text, allowed), Vec::<String>::new(), "{manifest}");
    }
}

/// The counter-check of every rule, for everything it forbids, in every way that a use can be
/// written.
#[test]
fn every_rule_catches_an_offender() {
    for rule in RULES {
        let path = format!("{}offender.rs", rule.applies[0].trim_end_matches(".rs"));
        for forbidden in rule.forbidden {
            for text in offenders(forbidden) {
                let found = offences(&path, &text);
                let expected = format!("{path}:3: ");
                assert!(
                    found
                        .iter()
                        .any(|o| o.starts_with(&expected) && o.contains(rule.name)),
                    "{} does not see {text:?} in {path}: {found:?}",
                    rule.name
                );
            }
        }
    }
}

#[test]
fn what_is_only_said_or_tested_is_no_offence() {
    let text = "//! Nothing here knows tokio::spawn.\n/* tokio::spawn /* nested */ sled::open */\n\
                const A: &str = \"tokio::spawn\";\nconst B: &str = r#\"sled::open \" println!\"#;\nconst C: char = '\"';\n\
                fn f<'a>(report: &'a str) -> &'a str { report }\n\
                #[cfg(test)]\nmod tests { use tokio::time; fn g() { println!(\"{}\", sled::open); } }\n";
    assert_eq!(
        offences("coordinator/src/plan/quiet.rs", text),
        Vec::<String>::new()
    );
    let after = format!("{text}fn h() {{ tokio::spawn(()); }}\n");
    assert_eq!(
        offences("coordinator/src/plan/quiet.rs", &after).len(),
        1,
        "code after a test module counts"
    );
}

#[test]
fn relative_paths_are_followed() {
    let text = "use super::super::{store::key, report};\n";
    let found = offences("coordinator/src/plan/file.rs", text);
    assert!(
        found.iter().any(|o| o.contains("crate::report")),
        "{found:?}"
    );
    assert!(
        found.iter().any(|o| o.contains("crate::store")),
        "{found:?}"
    );
    assert_eq!(
        offences("coordinator/src/plan/file.rs", "use super::store::key;\n"),
        Vec::<String>::new()
    );
}

#[test]
fn every_rule_covers_something_that_exists() {
    let sources = sources();
    for rule in RULES {
        assert!(
            sources.iter().any(|(path, _)| rule.covers(path)),
            "{}",
            rule.name
        );
    }
}

#[test]
fn undue_dependencies_are_seen() {
    let text = "[dependencies]\nserde.workspace = true\nsled = \"1\"\n[dev-dependencies]\ntempfile = \"3\"\n";
    assert_eq!(undue(text, &["serde"]), ["sled"]);
}

fn offences(path: &str, text: &str) -> Vec<String> {
    let uses = scan::uses(path, text);
    let rules: Vec<&Rule> = RULES.iter().filter(|rule| rule.covers(path)).collect();
    let offences = |found: &Use| {
        let broken = rules
            .iter()
            .filter_map(|rule| Some((rule, rule.forbids(found)?)));
        broken
            .map(|(rule, what)| {
                format!(
                    "{path}:{}: {}: uses `{what}`; {}",
                    found.line, rule.name, rule.reason
                )
            })
            .collect::<Vec<_>>()
    };
    uses.iter().flat_map(offences).collect()
}

fn offenders(forbidden: &str) -> Vec<String> {
    let lines = match forbidden {
        name if name.ends_with('!') => vec![format!("fn f() {{ {name}(\"\"); }}")],
        name => match name.strip_prefix("*::") {
            Some(name) => {
                vec![
                    format!("fn f(x: {name}) {{}}"),
                    format!("use std::any::{{self, {name} as Other}};"),
                ]
            }
            None => {
                let grouped = name
                    .rsplit_once("::")
                    .map(|(head, tail)| format!("use {head}::{{other, {tail}}};"));
                let direct = [
                    format!("use {name}::thing;"),
                    format!("fn f() {{ {name}::thing(); }}"),
                ];
                direct.into_iter().chain(grouped).collect()
            }
        },
    };
    lines
        .into_iter()
        .map(|line| format!("//! Doc.\n\n{line}\n"))
        .collect()
}

/// Names below `[dependencies]` that are not allowed.
fn undue(manifest: &str, allowed: &[&str]) -> Vec<String> {
    let lines = manifest
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1);
    let names = lines
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with('#'));
    let names = names
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty());
    names
        .filter(|name| !allowed.contains(name))
        .map(str::to_owned)
        .collect()
}

fn sources() -> Vec<(String, String)> {
    let mut paths = Vec::new();
    for folder in [
        "coordinator/src",
        "coordinator/stats/src",
        "worker/src",
        "worker/inference/src",
    ] {
        collect(&root().join(folder), &mut paths);
    }
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> (String, String) {
    (
        relative(path),
        fs::read_to_string(path).expect("a source file"),
    )
}

fn relative(path: &Path) -> String {
    let path = path.strip_prefix(root()).expect("below the root");
    path.to_str().expect("ASCII").to_owned()
}

/// All sources below a folder, tests included.
fn collect_rust(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a source folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("target") {
            collect_rust(&path, paths);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            paths.push(path);
        }
    }
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a source folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        match path.is_dir() {
            true => collect(&path, paths),
            false if name.ends_with(".rs") && name != "tests.rs" => paths.push(path),
            false => {}
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
}

#[test]
fn no_files_of_different_rooms_import_each_other_in_a_circle() {
    for graph in graphs() {
        let circles = graph.crossing(room);
        let told: Vec<String> = circles.iter().map(|circle| graph.told(circle)).collect();
        assert!(told.is_empty(), "\n  {}\n", told.join("\n\n  "));
    }
}

/// A file may use its parent module, as submodules do. For other circles within a room, the table
/// lists exactly those that are left.
#[test]
fn circles_within_a_room_are_those_of_the_table_and_no_more() {
    let graphs: Vec<Graph> = graphs().map(|graph| graph.without_parents()).collect();
    let known: Vec<(&str, &str)> = CIRCLES.iter().map(|(from, to, _)| (*from, *to)).collect();
    for graph in &graphs {
        let graph = graph.without(&known);
        let told: Vec<String> = graph
            .circles()
            .iter()
            .map(|circle| graph.told(circle))
            .collect();
        assert!(told.is_empty(), "\n  {}\n", told.join("\n\n  "));
    }
    for (from, to, _) in CIRCLES {
        assert!(
            graphs.iter().any(|graph| graph.closes(from, to)),
            "take {from} → {to} from the table: it is in no circle any more"
        );
    }
}

#[test]
fn a_circle_is_seen_through_exports_groups_and_parents() {
    let graph = |sources: &[(&str, &str)]| {
        let of = |(path, text): &(&str, &str)| (format!("x/src/{path}"), (*text).to_owned());
        Graph::new(&sources.iter().map(of).collect::<Vec<_>>())
    };
    let rooms = graph(&[
        ("a.rs", "mod inner;\npub(crate) use inner::{self, Kind};\n"),
        (
            "a/inner.rs",
            "use crate::b::Other;\npub(crate) struct Kind;\n",
        ),
        (
            "b.rs",
            "use crate::{a::Kind, c};\npub(crate) struct Other;\n",
        ),
        ("c.rs", "pub(crate) fn f() {}\n"),
    ]);
    let circles = rooms.crossing(room);
    assert_eq!(circles, [["x/src/a/inner.rs", "x/src/b.rs"]]);
    assert_eq!(
        rooms.told(&circles[0]),
        "x/src/a/inner.rs:1 uses x/src/b.rs\n  x/src/b.rs:1 uses x/src/a/inner.rs"
    );
    assert!(rooms.closes("x/src/b.rs", "x/src/a/inner.rs"));
    assert!(!rooms.closes("x/src/b.rs", "x/src/c.rs"));
    let cut = rooms.without(&[("x/src/b.rs", "x/src/a/inner.rs")]);
    assert!(cut.crossing(room).is_empty());
    let within = graph(&[
        (
            "a.rs",
            "mod b;\nmod c;\nfn f() { b::f(); }\npub(crate) struct Top;\n",
        ),
        ("a/b.rs", "use super::{Top, c};\npub(super) fn f() {}\n"),
        ("a/c.rs", "fn g() { super::b::f(); }\n"),
    ]);
    assert!(within.closes("x/src/a.rs", "x/src/a/b.rs"));
    let siblings = within.without_parents();
    assert_eq!(siblings.circles(), [["x/src/a/b.rs", "x/src/a/c.rs"]]);
    assert!(siblings.crossing(room).is_empty(), "one room");
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    let mut paths = Vec::new();
    for folder in ["coordinator", "worker", "proto"] {
        collect_rust(&root().join(folder), &mut paths);
    }
    let lengths: Vec<(String, usize)> = paths
        .iter()
        .map(|path| (relative(path), lines(path)))
        .collect();
    assert_eq!(undue_lengths(&lengths, LONG), Vec::<String>::new());
}

#[test]
fn a_file_that_is_too_long_and_an_exception_that_is_none_are_seen() {
    let files = [
        ("a.rs", MOST_LINES),
        ("b.rs", MOST_LINES + 1),
        ("c.rs", 401),
    ];
    let files = files.map(|(name, lines)| (name.to_owned(), lines));
    let found = undue_lengths(&files, &[("a.rs", "was long"), ("c.rs", "one table")]);
    assert_eq!(
        found,
        [
            "b.rs has 401 lines, more than 400: split it by topic",
            "a.rs: take it from the exceptions, it has 400 lines",
        ]
    );
}

/// Violations of the length limit, given the exceptions.
fn undue_lengths(files: &[(String, usize)], exceptions: &[(&str, &str)]) -> Vec<String> {
    let is_excepted = |path: &str| exceptions.iter().any(|(name, _)| *name == path);
    let long = files
        .iter()
        .filter(|(path, lines)| *lines > MOST_LINES && !is_excepted(path))
        .map(|(path, lines)| {
            format!("{path} has {lines} lines, more than {MOST_LINES}: split it by topic")
        });
    let needless = exceptions.iter().filter_map(|(name, _)| {
        let lines = files
            .iter()
            .find(|(path, _)| path == name)
            .map_or(0, |file| file.1);
        (lines <= MOST_LINES)
            .then(|| format!("{name}: take it from the exceptions, it has {lines} lines"))
    });
    long.chain(needless).collect()
}

fn lines(path: &Path) -> usize {
    let text = fs::read_to_string(path).expect("a source file");
    text.lines().count()
}

/// The graph of each crate's files. The programs' `main.rs` use everything and nothing uses them.
fn graphs() -> impl Iterator<Item = Graph> {
    let crates = [
        "coordinator/src",
        "coordinator/stats/src",
        "worker/src",
        "worker/inference/src",
        "proto/src",
    ];
    crates.into_iter().map(|folder| {
        let mut paths = Vec::new();
        collect(&root().join(folder), &mut paths);
        paths.retain(|path| !path.ends_with("main.rs") && !path.ends_with("lib.rs"));
        Graph::new(&paths.iter().map(|path| read(path)).collect::<Vec<_>>())
    })
}

/// The room of a file: the module below the crate root.
fn room(path: &str) -> &str {
    let inside = path.split_once("src/").map_or(path, |(_, inside)| inside);
    let first = inside.split('/').next().unwrap_or(inside);
    first.trim_end_matches(".rs")
}
