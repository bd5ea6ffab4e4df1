//! The JSON document: complete, with the published shape, and unchanged by a parser round trip.

use std::path::{Path, PathBuf};

use coordinator::cli::Format;
use coordinator::report::document::{RunDocument, capacity_schema, read, run_schema};
use coordinator::report::run_document;
use serde_json::Value;

use super::sample::{ROUNDS, SLOTS, Story, loss};

fn schema_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../schema")
        .join(name)
}

fn printed() -> Value {
    let story = Story {
        b: 0.95,
        notices: vec![loss()],
        ..Story::default()
    };
    serde_json::from_str(&story.printed(Format::Json)).unwrap()
}

#[test]
fn the_published_schemas_are_those_of_the_types() {
    for (name, schema) in [
        ("run.schema.json", run_schema()),
        ("capacity.schema.json", capacity_schema()),
    ] {
        let path = schema_path(name);
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(&path, &schema).unwrap();
        }
        let published = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            published == schema,
            "schema/{name} is not that of the types: run with UPDATE_SCHEMA=1"
        );
    }
}

#[test]
fn a_document_comes_back_as_it_was() {
    let findings = Story {
        b: 0.95,
        notices: vec![loss()],
        ..Story::default()
    }
    .findings();
    let document = run_document(&findings).unwrap();
    let text = serde_json::to_string(&document).unwrap();
    assert_eq!(
        serde_json::from_str::<RunDocument>(&text).unwrap(),
        document
    );
}

/// The file was written by the program of commit 8354747.
#[test]
fn a_document_of_an_older_program_is_read() {
    let text = include_str!("run-by-8354747.json");
    assert!(
        serde_json::from_str::<RunDocument>(text).is_err(),
        "the counter-check: it has another form"
    );
    let document = read(text).unwrap();
    assert_eq!(document.run.tool_git_sha, "83547474a98e");
    let effect = document.cells[0].metrics[0].effect.unwrap();
    assert_eq!((effect.ci.level, effect.tost.level), (0.95, 0.9));
    assert_eq!(Some(effect.ci), effect.ci95);
    assert_eq!(document.parts.len(), 12);

    let today = printed();
    let text = serde_json::to_string(&today).unwrap();
    assert_eq!(
        serde_json::to_value(read(&text).unwrap()).unwrap(),
        today,
        "a document of today is not changed"
    );
    assert!(read("{}").is_err());
}

#[test]
fn an_unknown_key_is_refused_at_every_depth() {
    let whole = printed();
    for place in [
        "",
        "/run",
        "/cells/0",
        "/cells/0/metrics/0/effect",
        "/parts/0/outcomes",
        "/notices/0",
    ] {
        let mut document = whole.clone();
        let object = document
            .pointer_mut(place)
            .unwrap()
            .as_object_mut()
            .unwrap();
        object.insert("surprise".to_owned(), Value::Null);
        let error = serde_json::from_value::<RunDocument>(document).unwrap_err();
        assert!(error.to_string().contains("surprise"), "{place}: {error}");
    }
}

#[test]
fn every_request_is_in_exactly_one_part() {
    let document = printed();
    let parts = document["parts"].as_array().unwrap();
    let planned: u64 = parts
        .iter()
        .map(|part| part["outcomes"]["planned"].as_u64().unwrap())
        .sum();
    assert_eq!(planned, 3 * u64::from(ROUNDS) * (100 + 200));
    assert_eq!(parts.len(), (3 * ROUNDS * 2 * SLOTS) as usize);
    assert!(
        parts
            .iter()
            .all(|part| part["histograms"]["e2e"]["count"] == part["outcomes"]["ok"])
    );
}

#[test]
fn figures_of_the_document_are_those_of_the_findings() {
    let findings = Story {
        b: 0.95,
        ..Story::default()
    }
    .findings();
    let document = serde_json::to_value(run_document(&findings).unwrap()).unwrap();
    let metric = &document["cells"][1]["metrics"][0];
    assert_eq!(
        (&metric["name"], &metric["verdict"]),
        (&"e2e-p50".into(), &"FASTER".into())
    );
    let change = metric["effect"]["change"].as_f64().unwrap();
    assert!((change + 0.05).abs() < 0.005, "{change}");
    assert_eq!(metric["rounds"].as_array().unwrap().len(), ROUNDS as usize);
    let path: Vec<&str> = metric["path"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let applied: Vec<&&str> = path.iter().filter(|row| row.ends_with(": yes")).collect();
    assert!(
        matches!(applied[..], [row] if row.starts_with("the upper bound")),
        "{path:?}"
    );
    assert_eq!(document["measurement"]["verdict"], "VALID");
}

#[test]
fn what_is_not_there_is_null_and_not_zero() {
    let document = printed();
    let hidden = document["cells"][0]["metrics"].as_array().unwrap();
    let hidden = hidden
        .iter()
        .find(|metric| metric["name"] == "e2e-p99")
        .unwrap();
    assert!(
        hidden["effect"].is_null() && hidden["verdict"].is_null() && hidden["missing"].is_string()
    );
    let running = Story {
        blocks: Some(2),
        state: None,
        ..Story::default()
    }
    .printed(Format::Json);
    let running: Value = serde_json::from_str(&running).unwrap();
    assert!(running["run"]["state"].is_null());
    assert_eq!(running["measurement"]["verdict"], "INCONCLUSIVE");
}
