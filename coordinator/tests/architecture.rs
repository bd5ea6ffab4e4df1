//! Holds the import table (docs/architecture.md): which module must not use what. Reads the
//! sources, comments, texts and test modules aside, and names file, line and rule. Every rule has a
//! twin here: an offending source that it must catch.

#[path = "architecture/rules.rs"]
mod rules;
#[path = "architecture/scan.rs"]
mod scan;

use std::fs;
use std::path::{Path, PathBuf};

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

/// The twin of every rule, for everything it forbids, written in each of the ways a use can be
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
    let read = |path: &PathBuf| {
        let relative = path
            .strip_prefix(root())
            .expect("below the root")
            .to_str()
            .expect("ASCII")
            .to_owned();
        (relative, fs::read_to_string(path).expect("a source file"))
    };
    paths.iter().map(read).collect()
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
