//! Output for pull requests and build servers: Markdown and JUnit XML, and that names cannot break
//! them. A strict reader in Python checks the XML (`scripts/check_junit.py`).

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use contract::run::RunState;
use coordinator::cli::Format;
use coordinator::compare::Findings;
use coordinator::report::answers;

use super::sample::{Story, flat, loss, print};

fn markdown(story: Story) -> String {
    story.printed(Format::Markdown)
}

fn shown(findings: &Findings, format: Format) -> String {
    print(format, |reporter| {
        reporter.say(&answers::Short(findings)).unwrap();
    })
}

pub(crate) fn judged(xml: &str) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/check_junit.py");
    let mut command = Command::new("python3");
    command
        .arg(script)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(xml.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

/// The result of every case, as the strict reader found it.
fn endings(findings: &Findings) -> Vec<[String; 3]> {
    let xml = shown(findings, Format::Junit);
    let output = judged(&xml);
    assert!(
        output.status.success(),
        "{}\n{xml}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let fields = |line: &str| {
        line.split('\t')
            .map(str::to_owned)
            .collect::<Vec<_>>()
            .try_into()
            .unwrap()
    };
    text.lines().map(fields).collect()
}

fn ending_of(findings: &Findings, case: &str) -> String {
    endings(findings)
        .into_iter()
        .find(|[_, name, _]| name == case)
        .unwrap()[2]
        .clone()
}

#[test]
fn the_answer_comes_first_and_every_figure_has_its_column() {
    let text = markdown(Story {
        b: 1.08,
        ..Story::default()
    });
    let mut lines = text.lines();
    let first = lines.next().unwrap();
    assert!(
        first.starts_with("**burst-100: pgo is SLOWER than baseline: E2E p50 8.0 % higher"),
        "{first}"
    );
    let heading =
        "| measure | baseline | pgo | change | 95 % interval | tolerance | MDE | verdict |";
    assert_eq!(
        text.lines().filter(|line| *line == heading).count(),
        2,
        "a table a scenario\n{text}"
    );
    let primary = text
        .lines()
        .find(|line| line.starts_with("| **E2E p50**"))
        .unwrap();
    assert!(
        primary.contains("| ±2 % |") && primary.ends_with("| SLOWER |"),
        "{primary}"
    );
    assert!(text.contains("Measurement: **VALID**"), "{text}");
    let rows = text.lines().filter(|line| line.starts_with("| "));
    for row in rows {
        let columns = row.matches(" |").count();
        assert!(columns == 8 || columns == 6, "{row}");
    }
    assert_eq!(
        text.matches("<details>").count(),
        text.matches("</details>").count()
    );
    let folded = text.rsplit("<details>").next().unwrap();
    assert!(
        folded.contains("Example Processor 9000") && folded.contains("seed 42"),
        "{folded}"
    );
}

#[test]
fn doubts_and_losses_are_in_the_comment() {
    let text = markdown(Story {
        failures: 30,
        ..Story::default()
    });
    assert!(text.contains("Measurement: **IN"), "{text}");
    assert!(
        text.lines().any(|line| line.starts_with("- burst-100: ")),
        "{text}"
    );
    let text = markdown(Story {
        notices: vec![loss()],
        ..Story::default()
    });
    assert!(
        flat(&text).contains("- lost: the worker of slot 1 ended by signal 9"),
        "{text}"
    );
    let text = markdown(Story {
        simulated: true,
        ..Story::default()
    });
    assert!(text.contains("· SIMULATED"), "{text}");
}

#[test]
fn a_build_server_sees_each_verdict_as_what_it_is() {
    let slower = Story {
        b: 1.08,
        ..Story::default()
    }
    .findings();
    assert_eq!(ending_of(&slower, "e2e-p50"), "failure");
    assert_eq!(ending_of(&slower, "validity"), "passed");
    assert_eq!(ending_of(&slower, "e2e-p99"), "skipped");
    let faster = Story {
        b: 0.95,
        ..Story::default()
    }
    .findings();
    assert_eq!(ending_of(&faster, "e2e-p50"), "passed");
    let open = Story {
        scatter: 0.1,
        ..Story::default()
    }
    .findings();
    assert_eq!(
        ending_of(&open, "e2e-p50"),
        if open.verdict().unwrap().name() == "INVALID" {
            "error"
        } else {
            "skipped"
        }
    );
    let control = Story {
        a2: 1.06,
        ..Story::default()
    }
    .findings();
    assert_eq!(ending_of(&control, "e2e-p50"), "error");
    let failed = Story {
        blocks: Some(2),
        state: Some(RunState::Failed),
        ..Story::default()
    }
    .findings();
    assert_eq!(ending_of(&failed, "validity"), "error");
    let suites = endings(&slower)
        .into_iter()
        .map(|[suite, ..]| suite)
        .collect::<std::collections::BTreeSet<_>>();
    assert_eq!(
        suites.into_iter().collect::<Vec<_>>(),
        [
            "burst-100: pgo against baseline",
            "burst-200: pgo against baseline",
            "measurement"
        ]
    );
}

#[test]
fn hostile_names_break_neither_form() {
    let mut findings = Story {
        b: 1.08,
        ..Story::default()
    }
    .findings();
    let name = "a\"<b>&'|*c*\n]]>\u{1b}[31m@all #7";
    for cell in &mut findings.cells {
        cell.scenario = format!("{}{name}", cell.index);
        cell.candidate = Some(name.to_owned());
    }
    findings.plan.name = name.to_owned();
    assert_eq!(ending_of(&findings, "e2e-p50"), "failure");
    let text = shown(&findings, Format::Markdown);
    assert!(
        !text.contains("<b>") && !text.contains("@all") && !text.contains('\u{1b}'),
        "{text}"
    );
    assert!(
        text.lines()
            .filter(|line| line.starts_with("| "))
            .all(|line| line.replace("\\|", "").matches(" |").count() >= 3)
    );
}

/// Counter-check of the strict reader.
#[test]
fn the_strict_reader_refuses_what_is_wrong() {
    let xml = shown(
        &Story {
            b: 1.08,
            ..Story::default()
        }
        .findings(),
        Format::Junit,
    );
    let wrong = [
        xml.replacen("failures=\"", "failures=\"1", 1),
        xml.replacen("<testcase ", "<testcase time=\"never\" ", 1),
        xml.replacen("</testsuite>", "", 1),
        xml.replacen("message=\"SLOWER", "message=\"<", 1),
    ];
    for text in wrong {
        assert_ne!(text, xml);
        assert!(!judged(&text).status.success());
    }
}
