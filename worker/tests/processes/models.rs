//! The model verbs on the command line: what they write, print and refuse.

use std::path::Path;
use std::process::{Command, Output};

use crate::programs::WORKER;

fn model(arguments: &[&str]) -> Output {
    Command::new(WORKER).arg("model").args(arguments).output().expect("the worker program starts")
}

pub(crate) fn synth(seed: &str, dir: &Path) -> Output {
    model(&["synth", "--preset", "tiny", "--seed", seed, dir.to_str().expect("a plain path")])
}

pub(crate) fn digest(dir: &Path) -> String {
    let output = model(&["digest", dir.to_str().expect("a plain path")]);
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("a digest is text").trim_end().to_owned()
}

#[test]
fn equal_seeds_give_equal_models_and_other_seeds_others() {
    let place = tempfile::tempdir().expect("a directory");
    let [one, same, other] = ["one", "same", "other"].map(|name| place.path().join(name));
    for (seed, dir) in [("1", &one), ("1", &same), ("2", &other)] {
        let output = synth(seed, dir);
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains("tiny seed"), "{output:?}");
    }
    assert_eq!(digest(&one), digest(&same));
    assert_ne!(digest(&one), digest(&other));
}

#[test]
fn what_cannot_be_read_or_written_is_named_with_its_path() {
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("no.gguf");
    std::fs::write(&file, "not a model").expect("it is writable");
    let (file, dir) = (file.to_str().expect("plain"), place.path().join("m"));
    for (arguments, named) in [
        (vec!["digest", "/no/such/model"], "/no/such/model"),
        (vec!["import", file, dir.to_str().expect("plain")], "failed to write the model"),
        (vec!["synth", "--preset", "huge", "/tmp/never"], "find a preset huge"),
        (vec!["synth", "--preset", "tiny", "/proc/never"], "/proc/never"),
    ] {
        let output = model(&arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(named), "{stderr}");
    }
    assert!(!dir.exists(), "nothing is left behind");
}
