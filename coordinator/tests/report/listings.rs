//! Short answers: lists of runs, prerequisites, how a run was made.

use contract::identity::Sha256;
use contract::run::{RunEnd, RunState};
use coordinator::cli::Format;
use coordinator::doctor::{Check, State};
use coordinator::report::answers;
use coordinator::store::{EndSummary, RunSummary};
use serde_json::Value;

use super::sample::{Story, flat, loss, print, run};

pub(crate) fn summary(end: Option<EndSummary>) -> RunSummary {
    RunSummary {
        run: run(),
        plan: "high".to_owned(),
        plan_digest: Sha256([3; 32]),
        variants: vec!["baseline".to_owned(), "pgo".to_owned()],
        hosts: vec!["bench-1".to_owned()],
        cpu_models: Vec::new(),
        slots: 2,
        simulated: false,
        model_digest: String::new(),
        labels: Vec::new(),
        blocks: 20,
        parts: 120,
        requests: 9000,
        end,
        tags: Vec::new(),
        note: String::new(),
        expected: String::new(),
        sequence: None,
    }
}

fn ended(state: &str) -> Option<EndSummary> {
    Some(EndSummary::of(&RunEnd {
        unix_ms: 1_700_000_600_000,
        state: RunState::from_name(state).unwrap(),
        validity: "VALID".to_owned(),
        reason: String::new(),
        summary_json: "{}".to_owned(),
    }))
}

fn checks(state: State) -> [Check; 2] {
    let detail = "no llvm-profdata of LLVM 22".to_owned();
    let remedy = Some("rustup component add llvm-tools".to_owned());
    let found = Check {
        name: "rustc",
        state: State::Found,
        detail: "1.95.0".to_owned(),
        remedy: None,
    };
    [
        found,
        Check {
            name: "llvm-profdata",
            state,
            detail,
            remedy,
        },
    ]
}

#[test]
fn a_list_of_runs_tells_finished_from_interrupted_ones() {
    let runs = [
        summary(ended("complete")),
        summary(ended("stopped")),
        summary(None),
    ];
    let text = print(Format::Human, |reporter| {
        reporter.say(&answers::Runs(&runs)).unwrap();
    });
    let rows: Vec<&str> = text.lines().skip(1).collect();
    assert!(
        rows[0].contains("2023-11-14 22:13  high  baseline,pgo"),
        "{text}"
    );
    let words = rows.iter().filter_map(|row| row.split_whitespace().last());
    assert_eq!(
        words.collect::<Vec<_>>(),
        ["VALID", "stopped", "unfinished"]
    );
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
}

#[test]
fn an_empty_list_says_how_to_fill_it() {
    assert!(
        print(Format::Human, |reporter| reporter
            .say(&answers::Runs(&[]))
            .unwrap())
        .contains("coordinator run")
    );
    let json = print(Format::Json, |reporter| {
        reporter.say(&answers::Runs(&[])).unwrap();
    });
    assert_eq!(
        serde_json::from_str::<Value>(&json).unwrap()["runs"],
        Value::Array(Vec::new())
    );
}

#[test]
fn what_is_missing_comes_with_its_remedy() {
    let show = |format, state| {
        print(format, |reporter| {
            reporter.say(&answers::Checks(&checks(state))).unwrap();
        })
    };
    let text = show(Format::Human, State::Missing);
    assert!(
        flat(&text)
            .contains("missing llvm-profdata no llvm-profdata of LLVM 22 → rustup component"),
        "{text}"
    );
    assert!(text.ends_with("1 prerequisite missing.\n"), "{text}");
    assert!(show(Format::Human, State::Warning).ends_with("Nothing is missing.\n"));
    assert_eq!(show(Format::Quiet, State::Missing), "llvm-profdata\n");
    assert_eq!(show(Format::Quiet, State::Found), "");
    let json: Value = serde_json::from_str(&show(Format::Json, State::Missing)).unwrap();
    assert_eq!(json["checks"][1]["state"], "missing");
}

#[test]
fn how_a_run_was_made_tells_what_happened_on_the_way() {
    let record = Story {
        notices: vec![loss()],
        ..Story::default()
    }
    .record();
    let text = print(Format::Human, |reporter| {
        reporter
            .say(&answers::Shown(&record, &summary(None)))
            .unwrap();
    });
    assert!(
        flat(&text).contains("20 blocks done, 120 parts accepted, 9000 requests"),
        "{text}"
    );
    assert!(
        flat(&text).contains("worker lost: the worker of slot 1 ended by signal 9"),
        "{text}"
    );
    let quiet = Story::default().record();
    let text = print(Format::Human, |reporter| {
        reporter
            .say(&answers::Shown(&quiet, &summary(None)))
            .unwrap();
    });
    assert!(!text.contains("Events of the run"), "{text}");
}

/// With several candidates a cell is not a scenario's index.
#[test]
fn what_happened_is_told_in_a_scenario_that_exists_and_names_the_candidate() {
    let told = |candidates: Vec<&'static str>, cell: u32| {
        let mut notice = loss();
        notice.key.cell = cell;
        let mut record = Story {
            candidates,
            ..Story::default()
        }
        .record();
        record.notices = vec![notice];
        flat(&print(Format::Human, |reporter| {
            reporter
                .say(&answers::Shown(&record, &summary(None)))
                .unwrap();
        }))
    };
    let scenarios = 2;
    let one = told(vec!["pgo"], 1);
    assert!(
        one.contains("burst-200, round 3, arm B, attempt 1: worker lost"),
        "{one}"
    );
    let two = told(vec!["pgo", "other"], scenarios + 1);
    assert!(
        two.contains("burst-200 (other), round 3, arm B, attempt 1: worker lost"),
        "{two}"
    );
    assert!(
        !two.contains("scenario 3") && !two.contains("cell"),
        "{two}"
    );
}

#[test]
fn a_checked_plan_says_what_its_look_means() {
    let text = "[[scenario]]\nname = 'one'\nshape = { kind = 'burst', requests = 100 }\nprompt = { tokens = 16 }\n\
                output_tokens = 8\n";
    let dir = tempfile::tempdir().unwrap();
    let said = |head: &str| {
        let path = dir.path().join("plan.toml");
        std::fs::write(&path, format!("name = 'looked'\nrounds = 20\n{head}{text}")).unwrap();
        let source = coordinator::plan::Source::File(path);
        let plan = coordinator::plan::resolve(&source, &coordinator::plan::Overrides::default(), 1)
            .unwrap();
        flat(&print(Format::Human, |reporter| {
            reporter
                .say(&answers::Checked {
                    plan: &plan,
                    ahead: &[],
                    servers: &[],
                })
                .unwrap();
        }))
    };
    let looked = said("look = { at = 10 }\n");
    assert!(
        looked.contains("interim analysis after 10 of 20 rounds")
            && looked.contains("at α = 0.5 %"),
        "{looked}"
    );
    assert!(!said("").contains("interim analysis"));
}
