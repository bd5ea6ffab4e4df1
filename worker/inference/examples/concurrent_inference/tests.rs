//! Runs the whole program on a tiny model with random weights: all requests are answered, and a
//! request that cannot be served is a failure and never a time.

use std::path::Path;

use super::args::Args;
use super::burst::{self, Fate};
use super::setup::{self, Trouble};
use super::{FAILED, measure};
use inference::synth::{Preset, write};

fn args(model: &Path, concurrent: usize) -> Args {
    Args {
        model_path: Some(model.to_owned()),
        concurrent,
        max_tokens: 3,
        threads: Some(1),
        json: true,
        ..Args::default()
    }
}

fn with_model(test: impl FnOnce(&Path)) {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("m");
    write(Preset::Tiny, 1, &model).unwrap();
    test(&model);
}

#[test]
fn all_of_many_requests_are_answered() {
    with_model(|model| {
        let (json, code) = measure(&args(model, 40), None).unwrap();
        let line: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((code, json.lines().count()), (0, 1));
        assert_eq!(
            (&line["requests"]["asked"], &line["requests"]["ok"]),
            (&40.into(), &40.into())
        );
        assert_eq!(line["tokens"], 120);
        let runs = line["runs"].as_array().unwrap();
        let total = |run: &serde_json::Value| {
            run["wait_ns"].as_u64().unwrap() + run["inference_ns"].as_u64().unwrap()
        };
        let last = runs.iter().map(total).max().unwrap();
        assert_eq!(
            (runs.len(), &line["times"]["last_completion_ns"]),
            (40, &last.into())
        );
        assert!(last <= line["wall_ns"].as_u64().unwrap());
    });
}

#[test]
fn people_get_every_view() {
    with_model(|model| {
        let (text, _) = measure(
            &Args {
                json: false,
                verbose: true,
                ..args(model, 2)
            },
            None,
        )
        .unwrap();
        let views = [
            "Cold start",
            "runtime",
            "wait",
            "inference",
            "first completion",
            "tokens/s",
            "requests/s",
            "CPU time",
            "parallel efficiency",
            "PGO insight",
            "its SHA-256",
            "First answer",
        ];
        for view in views {
            assert!(text.contains(view), "{view} in {text}");
        }
    });
}

#[test]
fn requests_that_cannot_be_served_are_failures_and_have_no_times() {
    with_model(|model| {
        let too_long = Args {
            prompt_tokens: Some(100_000),
            ..args(model, 2)
        };
        let (json, code) = measure(&too_long, None).unwrap();
        let line: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((code, &line["requests"]["ok"]), (FAILED, &0.into()));
        assert!(
            line["times"].is_null() && line["runs"].as_array().unwrap().is_empty(),
            "{line}"
        );
    });
}

#[test]
fn a_full_queue_fails_those_it_has_no_room_for_alone() {
    with_model(|model| {
        let mut engine = setup::open(&args(model, 2), None).unwrap().engine;
        let burst = burst::run(&mut engine.batcher, &engine.prompt, 5, 3);
        let failed = burst
            .requests
            .iter()
            .filter(|fate| matches!(fate, Fate::Failed(_)))
            .count();
        assert_eq!((failed, burst.answers().count()), (3, 2));
    });
}

#[test]
fn a_missing_and_a_broken_model_are_told_apart() {
    with_model(|model| {
        let missing = measure(&args(&model.join("none"), 1), None).unwrap_err();
        assert!(matches!(missing, Trouble::NotFound(_)), "{missing}");
        assert!(
            missing.to_string().starts_with("❌ Model not found at: "),
            "{missing}"
        );
        std::fs::write(model.join("config.json"), "{").unwrap();
        assert!(matches!(
            measure(&args(model, 1), None),
            Err(Trouble::Load(_))
        ));
    });
}
