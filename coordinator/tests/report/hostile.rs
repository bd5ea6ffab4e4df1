//! A hostile text in every field with foreign content, in every form: it adds no terminal
//! command, no line, no formula and no markup; and it is cut.

use std::fmt::Write as _;

use contract::addendum::{Annotation, AnnotationKind};
use contract::id::TrialKey;
use contract::identity::HostFacts;
use contract::run::RunState;
use contract::text::is_harmful;
use coordinator::build::BuildError;
use coordinator::cli::Format;
use coordinator::compare::{self, Findings};
use coordinator::doctor::{Check, State};
use coordinator::error::AppError;
use coordinator::report::export::{Kind, Selection, render};
use coordinator::report::{answers, failure, page};
use coordinator::store::{EndSummary, RunRecord, RunSummary};
use serde_json::Value;

use super::listings::summary;
use super::sample::{Story, end, loss, print};

/// Escape sequences, C1, DEL, bidi, every kind of line end, markup, a formula, and a thousand
/// letters.
fn nasty() -> String {
    let marks = "=cmd|'!A1\u{1b}]0;owned\u{7}\u{1b}[31m\u{9b}2J\u{7f}\u{202e}\u{2067}\u{200f}\u{61c}\u{0}\u{8}";
    let lines = "\r\nFORGED line\u{2028}FORGED too\u{85}FORGED\u{b}\tq";
    format!(
        "{marks}{lines}<script>alert(1)</script>|`\"&,{}",
        "x".repeat(20_000)
    )
}

fn host() -> HostFacts {
    let nasty = nasty;
    HostFacts {
        hostname: nasty(),
        cpu_model: nasty(),
        kernel: nasty(),
        cpu_flags: vec![nasty()],
        microcode: nasty(),
        governor: nasty(),
        boost: nasty(),
        cores: 2,
        ..HostFacts::default()
    }
}

/// A run in which every text is hostile.
fn record() -> RunRecord {
    let story = Story {
        state: Some(RunState::Stopped),
        blocks: Some(19),
        notices: vec![loss()],
        floor: Some(0.01),
        ..Story::default()
    };
    let mut record = story.record();
    let text = nasty();
    let header = &mut record.header;
    (
        header.tool_version,
        header.tool_git_sha,
        header.model_digest,
    ) = (text.clone(), text.clone(), text.clone());
    header.labels.push(text.clone());
    header
        .hosts
        .iter_mut()
        .for_each(|(agent, facts)| (*agent, *facts) = (nasty(), host()));
    for variant in &mut header.variants {
        (variant.flags, variant.git_sha) = (text.clone(), text.clone());
    }
    header.variants[1].name.clone_from(&text);
    for part in &mut record.parts {
        part.origin.hostname.clone_from(&text);
        part.cold
            .iter_mut()
            .for_each(|phase| phase.name.push_str(&text));
        (part.engine.kernels, part.engine.model_digest) = (text.clone(), text.clone());
        if part.origin.variant == "pgo" {
            part.origin.variant.clone_from(&text);
        }
    }
    record.notices[0].message.clone_from(&text);
    record.end.as_mut().unwrap().reason.clone_from(&text);
    let floors = record.addenda.floors.as_mut().unwrap();
    (floors.host_class, floors.series) = (text.clone(), text);
    let said = |kind| Annotation {
        unix_ms: 5,
        kind,
        text: nasty(),
    };
    let kinds = [
        AnnotationKind::Tag,
        AnnotationKind::Note,
        AnnotationKind::Expected,
    ];
    record.addenda.annotations = kinds.map(said).to_vec();
    record
}

/// Its findings. Names in a stored plan are checked when it is read; here they are hostile
/// nevertheless.
fn findings() -> Findings {
    let mut findings = compare::findings(record()).unwrap();
    findings.plan.name = nasty();
    for (number, scenario) in findings.plan.scenarios.iter_mut().enumerate() {
        scenario.name = format!("{number}{}", nasty());
    }
    for cell in &mut findings.cells {
        (cell.scenario, cell.title, cell.baseline) = (nasty(), nasty(), nasty());
        cell.candidate = Some(nasty());
    }
    findings
}

fn listed() -> RunSummary {
    let list = || vec![nasty(), nasty()];
    RunSummary {
        plan: nasty(),
        variants: list(),
        hosts: list(),
        cpu_models: list(),
        model_digest: nasty(),
        labels: list(),
        tags: list(),
        note: nasty(),
        expected: nasty(),
        ..summary(Some(EndSummary::of(&end(RunState::Stopped))))
    }
}

/// Faults of a text that is shown.
fn faults(form: &str, shown: &str) -> String {
    let mut faults = String::new();
    if let Some(found) = shown
        .chars()
        .find(|c| is_harmful(*c) && !matches!(c, '\n' | '\t'))
    {
        writeln!(faults, "{form} holds {found:?}").unwrap();
    }
    if let Some(line) = shown.lines().find(|line| line.starts_with("FORGED")) {
        writeln!(faults, "{form} has a line of its own: {:.60}", line).unwrap();
    }
    faults
}

const FORMS: [Format; 5] = [
    Format::Human,
    Format::Json,
    Format::Quiet,
    Format::Markdown,
    Format::Junit,
];

/// Every answer about a run in one form.
fn answers(format: Format, findings: &Findings) -> String {
    let explanations = compare::explain(findings, "primary").unwrap();
    // A plan with such names is never shown: it is refused when it is read.
    let mut plan = findings.plan.clone();
    plan.name = "plan".to_owned();
    plan.scenarios
        .iter_mut()
        .for_each(|scenario| scenario.name = "scenario".to_owned());
    print(format, |reporter| {
        reporter.say(&answers::Short(findings)).unwrap();
        reporter.say(&answers::Full(findings)).unwrap();
        reporter
            .say(&answers::Explained {
                findings,
                explanations: &explanations,
            })
            .unwrap();
        reporter.say(&answers::Runs(&[listed()])).unwrap();
        reporter
            .say(&answers::Shown(&findings.record, &listed()))
            .unwrap();
        reporter
            .say(&answers::Checked {
                plan: &plan,
                ahead: &[],
                servers: &[],
            })
            .unwrap();
        let check = Check {
            name: "x",
            state: State::Missing,
            detail: nasty(),
            remedy: Some(nasty()),
        };
        reporter.say(&answers::Checks(&[check])).unwrap();
        reporter.line(&nasty().replace(['\r', '\n'], "")).unwrap();
    })
}

#[test]
fn no_form_passes_on_what_a_terminal_or_a_reader_would_obey() {
    let findings = findings();
    let mut wrong = String::new();
    for format in FORMS {
        wrong += &faults(&format!("{format:?}"), &answers(format, &findings));
    }
    // Line ends have no meaning there.
    wrong += &faults("HTML", &page(&findings).replace('\n', " "));
    for kind in [
        Kind::Hlog,
        Kind::Hgrm,
        Kind::Csv,
        Kind::OpenMetrics,
        Kind::Trace,
    ] {
        let whole = |trial: TrialKey| {
            Ok(record()
                .parts
                .into_iter()
                .filter(|part| part.place.key == trial)
                .collect())
        };
        let bytes = render(kind, &findings, &Selection::default(), &whole).unwrap();
        wrong += &faults(&format!("{kind:?}"), &String::from_utf8(bytes).unwrap());
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn what_is_looked_for_is_found_where_it_is() {
    assert_eq!(
        faults("x", &nasty()).lines().count(),
        2,
        "the check can fail"
    );
    assert!(faults("x", "a line\n\tof tables — ≤ 4\u{a0}µs").is_empty());
}

#[test]
fn markup_and_formulas_are_text() {
    let findings = findings();
    for (form, text) in [
        ("HTML", page(&findings)),
        (
            "markdown",
            print(Format::Markdown, |reporter| {
                reporter.say(&answers::Short(&findings)).unwrap();
            }),
        ),
        (
            "JUnit",
            print(Format::Junit, |reporter| {
                reporter.say(&answers::Short(&findings)).unwrap();
            }),
        ),
    ] {
        assert!(!text.contains("<script>"), "{form}");
    }
    let csv = render(Kind::Csv, &findings, &Selection::default(), &|_| {
        Ok(Vec::new())
    })
    .unwrap();
    let csv = String::from_utf8(csv).unwrap();
    let row = csv.lines().nth(1).unwrap();
    assert!(row.contains(",\"'=cmd|"), "{:.200}", row);
    assert!(csv.lines().all(|row| row.len() < 4000), "names are cut");
}

#[test]
fn json_keeps_what_was_said() {
    let findings = findings();
    let text = print(Format::Json, |reporter| {
        reporter.say(&answers::Short(&findings)).unwrap();
    });
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["notices"][0]["message"], Value::from(nasty()));
}

#[test]
fn errors_are_harmless_and_one_message_each() {
    let reason = format!("bad\nerror: FORGED\n{}", nasty());
    let error = AppError::Build(BuildError::BadManifest {
        path: nasty().into(),
        reason,
    });
    let mut shown = Vec::new();
    failure(&mut shown, &error);
    let shown = String::from_utf8(shown).unwrap();
    assert!(
        !shown.replace(['\n', '\t'], "").contains(is_harmful),
        "{shown:?}"
    );
    assert_eq!(
        shown
            .lines()
            .filter(|line| line.starts_with("error:"))
            .count(),
        1,
        "{shown}"
    );
    assert!(shown.chars().count() < 9000, "it is cut");
}
