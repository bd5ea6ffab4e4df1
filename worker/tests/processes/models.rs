//! The model commands: what they write, print and refuse.

use std::path::Path;
use std::process::{Command, Output};

use crate::programs::WORKER;

fn model(arguments: &[&str]) -> Output {
    Command::new(WORKER)
        .arg("model")
        .args(arguments)
        .output()
        .expect("the worker program starts")
}

pub(crate) fn synth(seed: &str, dir: &Path) -> Output {
    model(&[
        "synth",
        "--preset",
        "tiny",
        "--seed",
        seed,
        dir.to_str().expect("a plain path"),
    ])
}

pub(crate) fn digest(dir: &Path) -> String {
    let output = model(&["digest", dir.to_str().expect("a plain path")]);
    assert!(output.status.success());
    String::from_utf8(output.stdout)
        .expect("a digest is text")
        .trim_end()
        .to_owned()
}

/// Digest over every byte.
pub(crate) fn full_digest(dir: &Path) -> String {
    let output = model(&["digest", "--full", dir.to_str().expect("a plain path")]);
    assert!(output.status.success());
    String::from_utf8(output.stdout)
        .expect("a digest is text")
        .trim_end()
        .to_owned()
}

#[test]
fn the_digest_of_every_byte_is_what_the_usual_program_says() {
    let place = tempfile::tempdir().expect("a directory");
    let dir = place.path().join("tiny");
    assert!(synth("1", &dir).status.success());
    let line = "sha256sum config.json tokenizer.json model.safetensors | sha256sum";
    let said = Command::new("sh")
        .args(["-c", line])
        .current_dir(&dir)
        .output()
        .expect("a shell");
    assert_eq!(
        full_digest(&dir),
        String::from_utf8_lossy(&said.stdout)[..64]
    );
}

#[test]
fn equal_seeds_give_equal_models_and_other_seeds_others() {
    let place = tempfile::tempdir().expect("a directory");
    let [one, same, other] = ["one", "same", "other"].map(|name| place.path().join(name));
    for (seed, dir) in [("1", &one), ("1", &same), ("2", &other)] {
        let output = synth(seed, dir);
        assert!(output.status.success());
        assert!(
            String::from_utf8_lossy(&output.stdout).contains("tiny seed"),
            "{output:?}"
        );
    }
    assert_eq!(digest(&one), digest(&same));
    assert_ne!(digest(&one), digest(&other));
}

#[test]
fn what_cannot_be_read_or_written_is_named_with_its_path() {
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("no.gguf");
    std::fs::write(&file, "not a model").expect("it is writable");
    let cut = place.path().join("cut");
    assert!(synth("1", &cut).status.success());
    let weights = cut.join("model.safetensors");
    let bytes = std::fs::read(&weights).expect("it was written");
    std::fs::write(&weights, &bytes[..bytes.len() / 2]).expect("it is writable");
    let (file, dir) = (file.to_str().expect("plain"), place.path().join("m"));
    for (arguments, named) in [
        (vec!["digest", "/no/such/model"], "/no/such/model"),
        (
            vec!["digest", "/no/such/model"],
            "; name a model with --model",
        ),
        (
            vec!["digest", cut.to_str().expect("plain")],
            "; fetch or import the model again",
        ),
        (
            vec!["import", file, dir.to_str().expect("plain")],
            "failed to write the model",
        ),
        (
            vec!["synth", "--preset", "huge", "/tmp/never"],
            "find a preset huge",
        ),
        (
            vec!["synth", "--preset", "tiny", "/proc/never"],
            "/proc/never",
        ),
    ] {
        let output = model(&arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(named), "{stderr}");
    }
    assert!(!dir.exists(), "nothing is left behind");
}
