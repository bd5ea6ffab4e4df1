//! Independent readers of the document: scripts that share no code with this program compute the
//! same figures. They need Python with `hdrhistogram` and `scipy`; `BENCH_PYTHON` names the
//! interpreter. Without them the tests say so and pass, unless `REQUIRE_PYTHON` is set.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use coordinator::report::run_document;
use serde_json::Value;

use super::interpreter::python;
use super::sample::Story;

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../scripts")
        .join(name)
}

/// The script's output for a file.
pub(crate) fn ask_file(python: &str, name: &str, path: &Path) -> Output {
    Command::new(python)
        .arg(script(name))
        .arg(path)
        .output()
        .unwrap()
}

fn ask(python: &str, name: &str, document: &Value) -> Output {
    let mut command = Command::new(python);
    command
        .arg(script(name))
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(document.to_string().as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

fn document(rounds: u32) -> Value {
    let findings = Story {
        b: 0.97,
        scatter: 0.02,
        rounds,
        ..Story::default()
    }
    .findings();
    serde_json::to_value(run_document(&findings).unwrap()).unwrap()
}

#[test]
fn scipy_finds_the_spread_of_layouts_and_notices_what_was_changed() {
    let Some(python) = python("scipy, hdrh") else {
        return;
    };
    let story = Story {
        b: 1.005,
        scatter: 0.01,
        layouts: vec![1.02, 0.98, 1.0],
        ..Story::default()
    };
    let mut document = serde_json::to_value(run_document(&story.findings()).unwrap()).unwrap();
    agrees(&ask(&python, "recompute.py", &document), true);
    document["cells"][0]["metrics"][0]["layout"]["noise"] = "beyond".into();
    let figures = [
        "/layout/arms/1/metrics/0/effect/se",
        "/layout/noise/0/counted/2/delta",
        "/layout/noise/1/sd",
        "/layout/noise/3/sd_without_error",
    ];
    for figure in figures {
        let figure = document.pointer_mut(figure).unwrap();
        *figure = (figure.as_f64().unwrap() * (1.0 + 1e-6) + 1e-8).into();
    }
    let output = ask(&python, "recompute.py", &document);
    agrees(&output, false);
    let said = String::from_utf8(output.stderr).unwrap();
    // A label without its spread is one more figure.
    assert!(
        said.lines().count() > figures.len() && said.contains(".layout"),
        "{said}"
    );
}

fn agrees(output: &Output, expected: bool) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.success(), expected, "{said}");
}

#[test]
fn another_histogram_implementation_finds_the_same_counts_and_quantiles() {
    let Some(python) = python("hdrh") else { return };
    let mut document = document(2);
    agrees(&ask(&python, "check_hdr.py", &document), true);
    let quantile = document
        .pointer_mut("/cells/0/arms/1/latencies/0/quantiles/0/ns")
        .unwrap();
    *quantile = (quantile.as_f64().unwrap() * 1.003).into();
    agrees(&ask(&python, "check_hdr.py", &document), false);
}

#[test]
fn a_lost_value_is_noticed_by_another_implementation() {
    let Some(python) = python("hdrh") else { return };
    let mut document = document(2);
    let other = document
        .pointer("/parts/1/histograms/ttft/hdr_v2_deflate_base64")
        .unwrap()
        .clone();
    *document
        .pointer_mut("/parts/0/histograms/e2e/hdr_v2_deflate_base64")
        .unwrap() = other;
    agrees(&ask(&python, "check_hdr.py", &document), false);
}

#[test]
fn scipy_finds_the_same_figures_and_notices_each_one_that_was_changed() {
    let Some(python) = python("scipy, hdrh") else {
        return;
    };
    // From eleven rounds on the exact check draws, and the draws must be the same too.
    let document = document(11);
    agrees(&ask(&python, "recompute.py", &document), true);
    let figures = [
        "/cells/1/metrics/3/effect/ci/high",
        "/cells/0/metrics/0/effect/p",
        "/cells/0/metrics/0/effect/mde",
        "/cells/0/metrics/0/adjusted_p",
        "/cells/1/metrics/0/exact/p",
        "/cells/0/metrics/0/pooled/se",
        "/cells/0/metrics/0/bootstrap/pooled_ci/low",
        "/cells/0/metrics/5/bootstrap/mean_ci/high",
    ];
    // All at once: each must be named.
    let mut tampered = document;
    for figure in figures {
        let figure = tampered.pointer_mut(figure).unwrap();
        *figure = (figure.as_f64().unwrap() * (1.0 + 1e-6) + 1e-8).into();
    }
    let output = ask(&python, "recompute.py", &tampered);
    agrees(&output, false);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().count(), figures.len(), "{said}");
}
