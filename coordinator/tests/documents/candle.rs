//! The example of a foreign engine: as short as the pages say, readable by Cargo, and with the
//! worker's dependencies in its lock file. Building it takes a quarter of an hour and is left to
//! those who change it; CONTRIBUTING.md has the command.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::blocks::root;

fn example() -> std::path::PathBuf {
    root().join("docs/examples/candle")
}

fn table(path: &std::path::Path) -> toml::Table {
    fs::read_to_string(path).unwrap().parse().unwrap()
}

#[test]
fn it_is_as_short_as_it_is_said_to_be() {
    let files = ["src/lib.rs", "src/main.rs", "tests/conformance.rs"];
    let lines: usize = files
        .map(|file| {
            fs::read_to_string(example().join(file))
                .unwrap()
                .lines()
                .count()
        })
        .iter()
        .sum();
    assert!(lines <= 120, "{lines} lines of a user's code");
    let page = fs::read_to_string(root().join("docs/your-engine.md")).unwrap();
    assert!(
        page.contains(&format!("in {lines} lines")),
        "the page names {lines}"
    );
}

#[test]
fn it_is_a_package_of_its_own() {
    let cargo = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(example())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&cargo.stderr).into_owned();
    assert!(cargo.status.success(), "{error}");
    let answer: serde_json::Value = serde_json::from_slice(&cargo.stdout).unwrap();
    let packages: Vec<_> = answer["packages"].as_array().unwrap().iter().collect();
    assert_eq!(packages.len(), 1, "it lies outside of the workspace");
    assert_eq!(packages[0]["name"], "candle-worker");
}

/// The library's dependencies, by package name.
fn needed() -> BTreeSet<String> {
    let (worker, all) = (
        table(&root().join("worker/Cargo.toml")),
        table(&root().join("Cargo.toml")),
    );
    let optional = |value: &toml::Value| {
        let value = value.get("optional").and_then(toml::Value::as_bool);
        value == Some(true)
    };
    let renamed = |name: &str| {
        let value = all["workspace"]["dependencies"].get(name)?.get("package")?;
        value.as_str().map(str::to_owned)
    };
    worker["dependencies"]
        .as_table()
        .unwrap()
        .iter()
        .filter(|(_, value)| !optional(value))
        .map(|(name, _)| renamed(name).unwrap_or_else(|| name.clone()))
        .collect()
}

#[test]
fn its_lock_file_has_what_the_worker_needs() {
    let lock = table(&example().join("Cargo.lock"));
    let packages = lock["package"].as_array().unwrap();
    let is_worker = |package: &&toml::Value| package["name"].as_str() == Some("worker");
    let worker = packages.iter().find(is_worker).unwrap();
    let locked: BTreeSet<String> = worker["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        // If there are several versions, the version follows the name.
        .map(|name| name.as_str().unwrap().split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(
        locked,
        needed(),
        "run `cargo metadata` in docs/examples/candle, and commit its Cargo.lock"
    );
}
