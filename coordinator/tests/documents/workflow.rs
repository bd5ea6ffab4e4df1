//! The example workflow: its steps run in sequence under `bash -e`, as on a build server.

use std::fs;

use crate::blocks::root;
use crate::workplace::Workplace;

/// A step's name, and its shell text.
fn steps(workflow: &str) -> Vec<(String, String)> {
    let mut steps: Vec<(String, String)> = Vec::new();
    let mut name = String::new();
    let mut block: Option<usize> = None;
    for line in workflow.lines() {
        assert!(!line.contains('\t'), "YAML takes no tabs: {line}");
        let indent = line.len() - line.trim_start().len();
        if block.is_some_and(|outer| !line.trim().is_empty() && indent <= outer) {
            block = None;
        }
        let words = line.trim().trim_start_matches("- ");
        if block.is_some() {
            let (_, text) = steps.last_mut().unwrap();
            text.push_str(line.trim());
            text.push('\n');
        } else if let Some(found) = words.strip_prefix("name: ") {
            name = found.to_owned();
        } else if let Some(command) = words.strip_prefix("run: ") {
            let is_block = command == "|";
            block = is_block.then_some(indent);
            steps.push((
                name.clone(),
                if is_block {
                    String::new()
                } else {
                    format!("{command}\n")
                },
            ));
        }
    }
    steps
}

#[test]
fn every_step_succeeds_and_leaves_what_is_uploaded() {
    let workflow = fs::read_to_string(root().join("docs/examples/github-actions.yml")).unwrap();
    let workplace = Workplace::new();
    workplace.write("scripts/fetch-model.sh", "#!/bin/bash\n");
    let steps = steps(&workflow);
    assert!(steps.len() >= 6, "{steps:?}");
    for (name, text) in &steps {
        let text = text.replace("scripts/fetch-model.sh", "bash scripts/fetch-model.sh");
        let server = "export GITHUB_PATH=path GITHUB_STEP_SUMMARY=summary.md\n";
        let done = workplace.bash(&format!("{server}{text}"));
        assert_eq!(done.code, Some(0), "step {name}: {}", done.stderr);
    }
    assert_eq!(
        steps.last().unwrap().0,
        "Gate",
        "the gate comes last, when everything is kept"
    );
    for kept in ["junit.xml", "run.bench", "summary.md"] {
        assert!(workplace.has(kept), "{kept}");
    }
}

#[test]
fn steps_are_read_with_their_names() {
    let read = steps(
        "steps:\n  - name: One\n    run: a\n  - name: Two\n    run: |\n      b\n      c\n  - uses: x\n",
    );
    assert_eq!(
        read,
        [
            ("One".to_owned(), "a\n".to_owned()),
            ("Two".to_owned(), "b\nc\n".to_owned())
        ]
    );
}
