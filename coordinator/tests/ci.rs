//! The workflow and commands in `docs/ci.md` are valid: Python's reader parses the YAML if
//! available, and the real parser accepts every coordinator command.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use clap::Parser;
use coordinator::cli::Cli;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// The arguments that a shell would pass to the program, without comments and redirections.
fn words(line: &str) -> Vec<&str> {
    let line = line.split(" #").next().unwrap();
    line.split_whitespace()
        .take_while(|word| !word.starts_with('>'))
        .collect()
}

fn understood(line: &str) -> Result<(), String> {
    Cli::try_parse_from(words(line))
        .map(drop)
        .map_err(|error| format!("{line}: {error}"))
}

/// The shell lines of a workflow's steps, in order. Supports the few forms that the example uses,
/// and refuses tabs, as YAML does.
fn shell(workflow: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut block: Option<usize> = None;
    for line in workflow.lines() {
        assert!(!line.contains('\t'), "YAML takes no tabs: {line}");
        let indent = line.len() - line.trim_start().len();
        if block.is_some_and(|outer| !line.trim().is_empty() && indent <= outer) {
            block = None;
        }
        match (
            block,
            line.trim().trim_start_matches("- ").strip_prefix("run: "),
        ) {
            (Some(_), _) => lines.push(line.trim().to_owned()),
            (None, Some("|")) => block = Some(indent),
            (None, Some(command)) => lines.push(command.to_owned()),
            (None, None) => {}
        }
    }
    lines
}

#[test]
fn every_step_of_the_workflow_is_understood() {
    let steps = shell(&text("docs/examples/github-actions.yml"));
    let commands: Vec<&String> = steps
        .iter()
        .filter(|line| line.starts_with("coordinator "))
        .collect();
    assert!(commands.len() >= 6, "{steps:?}");
    commands.iter().for_each(|line| understood(line).unwrap());
    let last = commands.last().unwrap();
    assert!(
        last.contains("--gate"),
        "the gate comes last, when everything is kept: {last}"
    );
    for script in steps.iter().filter(|line| line.starts_with("scripts/")) {
        assert!(
            root()
                .join(script.split_whitespace().next().unwrap())
                .is_file(),
            "{script}"
        );
    }
}

#[test]
fn every_command_in_the_document_is_understood() {
    let text = text("docs/ci.md");
    let commands: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("coordinator "))
        .collect();
    assert!(commands.len() >= 6, "{commands:?}");
    commands.iter().for_each(|line| understood(line).unwrap());
}

#[test]
fn a_workflow_with_a_wrong_command_would_be_noticed() {
    let steps = shell(
        "steps:\n  - run: coordinator compare latest --fail-on-slower\n  - run: |\n      one\n      two\n  - x: y\n",
    );
    assert_eq!(
        steps,
        ["coordinator compare latest --fail-on-slower", "one", "two"]
    );
    assert!(understood(&steps[0]).is_err());
}

#[test]
fn the_workflow_is_yaml() {
    let python = std::env::var("BENCH_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let read = "import sys, yaml; w = yaml.safe_load(open(sys.argv[1])); \
                assert [s.get('name') for s in w['jobs']['gate']['steps']][-1] == 'Gate', w";
    let probe = std::process::Command::new(&python)
        .args(["-c", "import yaml"])
        .output();
    if !probe.is_ok_and(|output| output.status.success()) {
        return;
    }
    let path = root().join("docs/examples/github-actions.yml");
    let output = std::process::Command::new(&python)
        .args(["-c", read])
        .arg(path)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
