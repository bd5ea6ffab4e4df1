//! `worker bench` on a tiny model: every figure exists, in the shape that programs rely on, and
//! what cannot be measured is an error and never a figure.

use std::process::{Command, Output};

use inference::kernels::Isa;
use inference::model::WeightForm;
use inference::synth::{self, Preset};
use serde_json::Value;
use tempfile::TempDir;
use worker::bench::{self, Settings};

fn tiny(preset: Preset) -> (TempDir, Settings) {
    let folder = TempDir::new().expect("a folder");
    let model = folder.path().join("model");
    synth::write(preset, 0, &model).expect("a model");
    let settings = Settings {
        model,
        threads: 2,
        isa: None,
        form: WeightForm::AsStored,
        prompt: 20,
        batches: vec![1, 3],
        decode_prompt: 5,
        decode_steps: 4,
        repeats: 3,
        memory_bytes: 1 << 20,
    };
    (folder, settings)
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().expect("a list")
}

/// Every spread has its three samples in order; no figure is zero, missing or not a number.
fn check_spread(value: &Value) {
    let samples: Vec<f64> = list(&value["samples"]).iter().map(number).collect();
    let [min, median, max] = ["min", "median", "max"].map(|key| number(&value[key]));
    assert_eq!(samples.len(), 3, "{value}");
    assert!(
        0.0 < min && min <= median && median <= max && samples.contains(&median),
        "{value}"
    );
}

fn run(program: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command
        .arg("bench")
        .args(program)
        .env_remove("BENCH_MODEL_PATH")
        .output()
        .expect("the worker runs")
}

#[test]
fn every_figure_is_in_the_json_of_every_path() {
    let (_folder, settings) = tiny(Preset::Tiny);
    for isa in Isa::available() {
        let mut told = Vec::new();
        let settings = Settings {
            isa: Some(isa),
            ..settings.clone()
        };
        let report = bench::run(&settings, &mut |repetition| told.push(repetition)).unwrap();
        assert_eq!(told, [1, 2, 3]);
        check_document(&report.json(), isa);
        check_table(&report.to_string(), isa);
    }
}

/// Counter-check: the stored format is not compared, see the keys below.
#[test]
fn another_form_of_the_weights_is_named_and_its_cost_measured() {
    let (_folder, settings) = tiny(Preset::Tiny);
    let settings = Settings {
        form: WeightForm::Int8,
        repeats: 1,
        ..settings
    };
    let report = bench::run(&settings, &mut |_| ()).unwrap();
    let (json, table) = (report.json(), report.to_string());
    assert_eq!(json["model"]["weights"], "int8");
    assert!(number(&json["model"]["bytes_per_step"]) < 0.6 * number(&json["model"]["bytes"]));
    assert!(number(&json["accuracy"]["positions"]) > 100.0);
    assert!(number(&json["accuracy"]["logit_difference"]["worst"]) > 0.0);
    assert!(
        table.contains("parameters int8") && table.contains("perplexity"),
        "{table}"
    );
}

fn check_document(json: &Value, isa: Isa) {
    let keys: Vec<&String> = json.as_object().expect("an object").keys().collect();
    let expected = [
        "decode", "floors", "format", "kernels", "machine", "model", "prefill", "repeats",
        "threads", "version",
    ];
    assert_eq!(keys, expected);
    assert_eq!(json["format"], "worker-bench/2");
    assert_eq!(json["kernels"], isa.name());
    for floor in ["read_weights", "read_memory"] {
        assert!(number(&json["floors"][floor]["bytes"]) > 0.0);
        check_spread(&json["floors"][floor]["gigabytes_per_second"]);
    }
    check_spread(&json["floors"]["multiply_add"]["gigaflops"]);
    check_spread(&json["prefill"]["tokens_per_second"]);
    assert!(number(&json["prefill"]["multiply_add_share"]) > 0.0);
    let decode = list(&json["decode"]);
    assert_eq!(
        decode
            .iter()
            .map(|line| number(&line["batch"]))
            .collect::<Vec<_>>(),
        [1.0, 3.0]
    );
    for line in decode {
        check_spread(&line["tokens_per_second"]);
        for share in ["read_share", "multiply_add_share", "scheduling_share"] {
            assert!(number(&line[share]) > 0.0, "{share} in {line}");
        }
        assert!(number(&line["scheduling_share"]) < 1.0);
    }
    assert!(json["model"]["bytes_per_step"].as_u64() <= json["model"]["bytes"].as_u64());
}

fn check_table(table: &str, isa: Isa) {
    for part in [
        isa.name(),
        "multiply-add, GFLOP/s",
        "prefill 20",
        "decode, batch 1 ",
        "decode, batch 3 ",
        "load average",
    ] {
        assert!(table.contains(part), "{part} is not in\n{table}");
    }
}

#[test]
fn what_the_model_cannot_serve_is_refused_and_not_measured() {
    let (_folder, settings) = tiny(Preset::Tiny);
    let long = Settings {
        prompt: 1_000_000,
        ..settings.clone()
    };
    let error = bench::run(&long, &mut |_| ()).unwrap_err().to_string();
    assert!(
        error.starts_with("measure: ") && error.contains("context"),
        "{error}"
    );
    let long = Settings {
        decode_prompt: 1_000_000,
        ..settings
    };
    assert!(bench::run(&long, &mut |_| ()).is_err());
}

#[test]
fn the_program_says_what_is_missing_or_wrong() {
    let nowhere = run(&["--model", "/nonexistent/model"]);
    let message = String::from_utf8(nowhere.stderr).unwrap();
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(
        message.contains("failed to find a model at /nonexistent/model"),
        "{message}"
    );
    for wrong in [["--batches", "0"], ["--isa", "sse9"], ["--repeat", "x"]] {
        assert_eq!(run(&wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn the_program_prints_nothing_but_the_document() {
    let (_folder, settings) = tiny(Preset::Tiny);
    let model = settings.model.to_str().unwrap();
    let flags = "--threads 1 --batches 1 --prompt 8 --repeat 1 --buffer 4 --output json";
    let output = run(&["--model", model]
        .into_iter()
        .chain(flags.split(' '))
        .collect::<Vec<_>>());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (json["threads"].as_u64(), json["repeats"].as_u64()),
        (Some(1), Some(1))
    );
}

/// Overwrites elements of the last tensor in the file, `model.norm.weight`, from the first on.
fn with_norms(settings: &Settings, values: &[[u8; 2]]) {
    let path = settings.model.join("model.safetensors");
    let mut bytes = std::fs::read(&path).expect("written above");
    let from = bytes.len() - 2 * 128;
    bytes[from..from + 2 * values.len()].copy_from_slice(values.as_flattened());
    std::fs::write(&path, bytes).expect("it is writable");
}

/// NaN is found when loading; values whose products exceed F32 are reported as such. Neither
/// panics, in any mode of bench.
#[test]
fn a_model_that_computes_no_numbers_is_told_as_such() {
    const NAN: [u8; 2] = [0xc0, 0x7f];
    const HUGE: [u8; 2] = [0x7f, 0x7f];
    for (values, words) in [
        (vec![NAN], "model.norm.weight holds NaN"),
        (vec![HUGE; 128], "overflow F32"),
    ] {
        let (_folder, settings) = tiny(Preset::Tiny);
        with_norms(&settings, &values);
        let model = settings.model.to_str().expect("a path of text");
        for more in [
            &["--invariance", "2"][..],
            &["--weights", "int8", "--batches", "2"],
            &["--batches", "1,2"],
        ] {
            let common = [
                "--model",
                model,
                "--prompt",
                "4",
                "--repeat",
                "1",
                "--buffer",
                "1",
                "--threads",
                "1",
            ];
            let output = run(&[&common[..], more].concat());
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{more:?}: {said}");
            assert!(
                said.contains(words) && !said.contains("panicked"),
                "{more:?}: {said}"
            );
        }
    }
}
