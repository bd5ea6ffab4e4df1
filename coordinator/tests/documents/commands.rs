//! Every block of commands of every page, from first to last line, as a reader would type it.

use clap::Parser;
use coordinator::cli::Cli;

use crate::blocks::{blocks_of, pages, parse};
use crate::workplace::Workplace;

/// The runs that pages mention before they show how to make one.
fn with_runs() -> Workplace {
    let workplace = Workplace::new();
    for name in [
        "docs/stall.toml",
        "docs/examples/exec",
        "docs/examples/grpc",
        "docs/examples/openai",
        "docs/trace.jsonl",
        "scripts",
        // A new project depends on this library.
        "worker",
        "target/python",
    ] {
        workplace.bring(name);
    }
    let plan = r#"
name = "high"
rounds = 6
slots = 1
[[scenario]]
name = "burst-200"
shape = { kind = "burst", requests = 20 }
prompt = { tokens = 8 }
output_tokens = 4
"#;
    workplace.write("plan.toml", plan);
    let model = workplace.bash("worker model synth --preset tiny models/default");
    assert_eq!(model.code, Some(0), "{}", model.stderr);
    workplace.name("PLAN", "plan.toml");
    let placeholders = [
        "NEW", "OLD", "NEW1", "NEW2", "NEW3", "OLD1", "OLD2", "OLD3", "N1", "N2", "N3", "O1", "O2",
        "O3",
    ];
    let mut ids = Vec::new();
    for seed in 1..=6 {
        // The page on exports shows round 3.
        let run = format!(
            "\"$REAL\" run plan.toml --engine sim --rounds 4 --seed {seed} -q --output json"
        );
        let done = workplace.bash(&format!("{run} || [ $? -ne 2 ]"));
        let document: serde_json::Value = serde_json::from_str(&done.stdout).expect(&done.stderr);
        ids.push(document["run"]["id"].as_str().unwrap().to_owned());
    }
    for (index, placeholder) in placeholders.iter().enumerate() {
        workplace.name(placeholder, &ids[index % ids.len()]);
    }
    workplace.name("N1,N2,N3", &ids[..3].join(","));
    workplace.name("O1,O2,O3", &ids[3..].join(","));
    workplace.name("NEW1,NEW2,NEW3", &ids[..3].join(","));
    workplace.name("OLD1,OLD2,OLD3", &ids[3..].join(","));
    workplace
}

/// Runs what a page shows; returns where it failed.
fn failures(page: &str) -> Vec<String> {
    let blocks: Vec<_> = blocks_of(page)
        .into_iter()
        .filter(|block| block.language == "bash")
        .collect();
    if blocks.is_empty() {
        return Vec::new();
    }
    let workplace = with_runs();
    let mut failures = Vec::new();
    for block in blocks {
        // Pages show several alternatives, each from its beginning.
        workplace.remove("certs");
        let text = block
            .text
            .replace("scripts/demo.sh", "true")
            .replace("scripts/test.sh", "true");
        let done = workplace.bash(&text);
        if done.code != Some(0) {
            failures.push(format!(
                "{page}:{}: exit {:?}\n{}\n{}",
                block.line, done.code, text, done.stderr
            ));
        }
    }
    failures.extend(misspelt(&workplace.noted()));
    failures
}

/// The noted commands that the program does not accept, because some were only noted and not run.
fn misspelt(noted: &str) -> Vec<String> {
    let ours = noted
        .lines()
        .filter(|line| line.starts_with("coordinator\x1f"));
    let understood = |line: &str| {
        let words = line.trim_end_matches('\x1f').split('\x1f');
        let told = line.replace('\x1f', " ");
        Cli::try_parse_from(words)
            .err()
            .map(|error| format!("`{told}` is not understood: {error}"))
    };
    ours.filter_map(understood).collect()
}

fn holds(page: &str) {
    let failures = failures(page);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_readme_can_be_typed() {
    holds("README.md");
}

#[test]
fn the_pages_on_results_can_be_typed() {
    [
        "docs/exports.md",
        "docs/report.md",
        "docs/history.md",
        "docs/ci.md",
    ]
    .iter()
    .for_each(|page| holds(page));
}

#[test]
fn the_pages_on_measuring_can_be_typed() {
    [
        "docs/load.md",
        "docs/method.md",
        "docs/pgo.md",
        "docs/capacity.md",
    ]
    .iter()
    .for_each(|page| holds(page));
}

#[test]
fn the_page_on_linked_engines_can_be_typed() {
    holds("docs/your-engine.md");
}

#[test]
fn the_pages_on_keeping_and_hosts_can_be_typed() {
    [
        "docs/store.md",
        "docs/fleet.md",
        "docs/serve.md",
        "CONTRIBUTING.md",
    ]
    .iter()
    .for_each(|page| holds(page));
}

#[test]
fn the_pages_on_engines_of_their_own_can_be_typed() {
    [
        "docs/exec-engine.md",
        "docs/grpc-engine.md",
        "docs/servers.md",
    ]
    .iter()
    .for_each(|page| holds(page));
}

#[test]
fn no_page_with_commands_is_left_out() {
    let here = include_str!("commands.rs");
    for page in pages() {
        let has_commands = blocks_of(&page)
            .iter()
            .any(|block| block.language == "bash");
        assert!(
            !has_commands || here.contains(&format!("\"{page}\"")),
            "{page} has commands that nothing types"
        );
    }
}

#[test]
fn a_command_that_fails_or_is_misspelt_is_noticed() {
    let workplace = Workplace::new();
    let block = &parse("p.md", "```bash\ncoordinator runs show latest\n```\n")[0];
    assert_eq!(workplace.bash(&block.text).code, Some(2), "there is no run");
    workplace.bash("coordinator build --vairants baseline");
    let said = misspelt(&workplace.noted());
    assert!(
        said.iter().any(|line| line.contains("--vairants")),
        "{said:?}"
    );
}
