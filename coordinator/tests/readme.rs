//! The README's commands are valid: every `coordinator …` line in a code block parses, and the exit
//! codes it lists are those of the program.

use clap::Parser;
use coordinator::cli::Cli;
use coordinator::error::exit;

const README: &str = include_str!("../../README.md");
const FLEET: &str = include_str!("../../docs/fleet.md");
/// Other pages whose commands are checked.
const PAGES: [(&str, &str); 7] = [
    ("ci.md", include_str!("../../docs/ci.md")),
    ("fleet.md", FLEET),
    ("exports.md", include_str!("../../docs/exports.md")),
    ("pgo.md", include_str!("../../docs/pgo.md")),
    ("serve.md", include_str!("../../docs/serve.md")),
    ("store.md", include_str!("../../docs/store.md")),
    ("report.md", include_str!("../../docs/report.md")),
];

/// Lines of the shell blocks without their comments; continued lines are joined.
fn commands(text: &str) -> Vec<String> {
    let mut inside = false;
    let mut commands: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in text.lines() {
        if let Some(fence) = line.strip_prefix("```") {
            inside = fence == "bash";
        } else if inside {
            let words = line.split(" #").next().unwrap_or(line).trim();
            match commands.last_mut().filter(|_| goes_on) {
                Some(last) => *last += words.trim_end_matches('\\'),
                None => commands.push(words.trim_end_matches('\\').to_owned()),
            }
            goes_on = words.ends_with('\\');
        }
    }
    commands
}

#[test]
fn every_coordinator_command_parses() {
    let lines: Vec<String> = commands(README)
        .into_iter()
        .filter(|l| l.starts_with("coordinator "))
        .collect();
    assert!(lines.len() >= 8, "{lines:?}");
    parse("README.md", &lines);
    for (page, text) in PAGES {
        let lines: Vec<String> = commands(text)
            .into_iter()
            .filter(|l| l.starts_with("coordinator "))
            .collect();
        parse(page, &lines);
    }
}

fn parse(page: &str, lines: &[String]) {
    for line in lines {
        let line = line.replace(['"', '\''], "");
        let line = line
            .replace("new kernel", "new-kernel")
            .replace("30 2 * * *", "30-2-*-*-*");
        let words = line
            .split(['>', '|'])
            .next()
            .unwrap_or(&line)
            .split_whitespace();
        if let Err(error) = Cli::try_parse_from(words) {
            panic!("{page}: `{line}` does not parse: {error}");
        }
    }
}

#[test]
fn a_command_with_a_wrong_flag_would_be_noticed() {
    let line = commands("```bash\ncoordinator run --preset high --fast   # quick\n```")[0].clone();
    assert_eq!(line, "coordinator run --preset high --fast");
    assert!(Cli::try_parse_from(line.split_whitespace()).is_err());
}

#[test]
fn every_script_it_names_exists() {
    for script in commands(README)
        .into_iter()
        .filter(|line| line.starts_with("scripts/"))
    {
        let path = format!("{}/../{script}", env!("CARGO_MANIFEST_DIR"));
        assert!(std::path::Path::new(&path).is_file(), "{script}");
    }
}

#[test]
fn its_exit_codes_are_the_programs() {
    let codes = [
        exit::OK,
        exit::SLOWER,
        exit::USAGE,
        exit::INCONCLUSIVE,
        exit::INVALID,
        exit::INTERRUPTED,
    ];
    for code in codes {
        assert!(
            README.contains(&format!("\n| {code} | ")),
            "exit code {code}"
        );
    }
    let listed = README.lines().filter_map(|line| {
        line.strip_prefix("| ")?
            .split_once(" | ")?
            .0
            .parse::<u8>()
            .ok()
    });
    assert_eq!(listed.collect::<Vec<_>>(), codes, "no other code is listed");
}

/// The table has exactly the closed list of reasons, and the script provokes what the table says.
#[test]
fn every_reason_to_doubt_is_in_the_table() {
    let read = |path: &str| {
        std::fs::read_to_string(format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    };
    let source = read("coordinator/stats/src/validity/reason.rs");
    let code = |line: &str| {
        Some(
            line.trim()
                .strip_prefix("Self::")?
                .split_once("=> \"")?
                .1
                .strip_suffix("\",")?
                .to_owned(),
        )
    };
    let is_code = |code: &String| code.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let mut reasons: Vec<String> = source.lines().filter_map(code).filter(is_code).collect();
    let table = read("docs/validity.md");
    let row = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    let mut rows: Vec<String> = table.lines().filter_map(row).collect();
    reasons.sort();
    rows.sort();
    assert!(reasons.len() > 20, "{reasons:?}");
    assert_eq!(reasons, rows);
    let script = read("scripts/provoke.sh");
    // A separate name for another way to the same reason.
    for reason in rows.into_iter().chain(["lateness-burnt".to_owned()]) {
        let promised = table.contains(&format!("`scripts/provoke.sh {reason}`"));
        assert_eq!(
            promised,
            script.contains(&format!("\n    {reason})")),
            "{reason}"
        );
    }
}

/// Every time and every measure has an exact definition.
#[test]
fn every_metric_is_defined() {
    let page = include_str!("../../docs/metrics.md");
    let times = contract::metric::Metric::ALL.map(|metric| metric.name().to_owned());
    let rates = coordinator::compare::Measure::ALL.map(coordinator::compare::Measure::name);
    let rates = rates
        .into_iter()
        .filter(|name| name.ends_with("-per-second"));
    let missing = |page: &str| {
        let defined = |name: &String| page.contains(&format!("\n| `{name}` | "));
        times
            .iter()
            .cloned()
            .chain(rates.clone())
            .filter(|name| !defined(name))
            .collect::<Vec<_>>()
    };
    assert_eq!(missing(page), Vec::<String>::new());
    assert_eq!(
        missing(&page.replace("`tpot`", "`TPOT`")),
        ["tpot"],
        "a metric without a line would be noticed"
    );
}

/// Every kind of loss in a record has its row in the table of docs/fleet.md, with a test that
/// provokes it.
#[test]
fn every_reason_of_loss_is_listed_with_a_test_that_provokes_it() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let row = |line: &str| -> Vec<String> {
        line.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let table = FLEET
        .split("| what happens |")
        .nth(1)
        .expect("there is the table");
    let rows: Vec<Vec<String>> = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(row)
        .collect();
    assert!(rows.len() > 10, "{rows:?}");
    let ticked = |cell: &str| {
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let mut kinds = std::collections::BTreeSet::new();
    for cells in &rows {
        for name in ticked(&cells[2]) {
            assert!(
                contract::run::NoticeKind::from_name(&name).is_some(),
                "{name} is no reason"
            );
            kinds.insert(name);
        }
        let tests = ticked(&cells[4]);
        assert!(!tests.is_empty(), "{cells:?} names no test");
        for name in tests {
            let (file, test) = name.split_once("::").expect("FILE::TEST");
            let text = std::fs::read_to_string(root.join(file)).unwrap_or_default();
            assert!(text.contains(&format!("fn {test}(")), "there is no {name}");
        }
    }
    assert_eq!(kinds.len(), 16, "{kinds:?}");
}
