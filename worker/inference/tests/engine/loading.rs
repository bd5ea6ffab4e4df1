//! What loading accepts and how it refuses.

use std::path::Path;
use std::sync::Arc;

use inference::config::{Config, KvFormat, RopeScaling};
use inference::error::LoadError;
use inference::files::ModelFiles;
use inference::kernels::Isa;
use inference::model::{LoadOptions, LoadPhase, Model};
use inference::score::score;
use serde_json::{Value, json};

use crate::random_model::{SMALL, Shape};

fn load(path: &Path) -> Result<Model, LoadError> {
    Model::load(path, &LoadOptions::default(), &mut |_| ())
}

fn written(shape: Shape) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    shape.write(folder.path());
    folder
}

fn parsed(change: impl FnOnce(&mut Value)) -> Result<Config, LoadError> {
    let mut config = SMALL.config();
    change(&mut config);
    Config::parse(&config.to_string(), Path::new("config.json"))
}

#[expect(
    clippy::disallowed_types,
    reason = "the standard library makes no pipes that have names"
)]
fn pipe(path: &Path) {
    assert!(
        std::process::Command::new("mkfifo")
            .arg(path)
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn no_file_of_a_model_is_waited_for() {
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("m");
        inference::synth::write(inference::synth::Preset::Tiny, 1, &model).unwrap();
        let file = model.join(name);
        std::fs::remove_file(&file).unwrap();
        pipe(&file);
        // Opening a pipe as a file would block here for ever.
        let weights = ModelFiles::locate(&model).and_then(|files| files.digest());
        let (config, tokenizer) = (
            Config::read(&model),
            inference::tokenizer::Tokenizer::read(&model),
        );
        assert!(
            weights.is_err() || config.is_err() || tokenizer.is_err(),
            "{name}"
        );
    }
}

#[test]
fn a_configuration_is_read_with_its_defaults() {
    let config = parsed(|_| ()).unwrap();
    assert_eq!((config.heads, config.kv_heads, config.group()), (6, 2, 3));
    assert_eq!((config.bos, &config.eos[..]), (Some(1), &[2][..]));
    assert_eq!(config.kv_bytes_per_token(), 2 * 2 * 2 * 16 * 2);
    assert_eq!(
        config.kv_bytes_per_token_as(KvFormat::F32),
        2 * config.kv_bytes_per_token()
    );
    let short = parsed(|c| {
        c["num_key_value_heads"] = Value::Null;
        c["head_dim"] = Value::Null;
        c["hidden_size"] = json!(96);
        c["eos_token_id"] = json!(7);
    });
    let short = short.unwrap();
    assert_eq!(
        (short.kv_heads, short.head_dim, &short.eos[..]),
        (6, 16, &[7][..])
    );
    let scaled = parsed(|c| {
        c["rope_scaling"] = json!({"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 8192});
    });
    let expected = RopeScaling::Llama3 {
        factor: 32.0,
        low: 1.0,
        high: 4.0,
        original: 8192.0,
    };
    assert_eq!(scaled.unwrap().rope.scaling, expected);
}

#[test]
fn what_is_not_computed_is_refused_by_name() {
    for (key, value) in [
        ("hidden_act", json!("gelu")),
        ("num_key_value_heads", json!(4)),
        ("head_dim", json!(13)),
        ("num_hidden_layers", json!(0)),
    ] {
        let error = parsed(|c| c[key] = value.clone()).unwrap_err();
        assert!(
            matches!(&error, LoadError::Unsupported { key: named, .. } if *named == key),
            "{error}"
        );
        assert!(error.to_string().contains(key), "{error}");
    }
    let foreign = parsed(|c| c["architectures"] = json!(["GPT2LMHeadModel"])).unwrap_err();
    assert!(matches!(&foreign, LoadError::Family { named, .. } if named == "GPT2LMHeadModel"));
    assert!(
        foreign.to_string().contains("LlamaForCausalLM"),
        "the families are named: {foreign}"
    );
    let longrope = parsed(|c| c["rope_scaling"] = json!({"rope_type": "longrope"})).unwrap_err();
    assert!(longrope.to_string().contains("longrope"), "{longrope}");
    assert!(matches!(
        parsed(|c| c["hidden_size"] = json!("wide")),
        Err(LoadError::Unsupported { .. })
    ));
}

#[test]
fn a_model_is_found_by_directory_by_file_and_by_index() {
    let folder = written(SMALL);
    let whole = load(folder.path()).unwrap();
    let tensors = SMALL.tensors();
    let parameters: usize = tensors
        .iter()
        .map(|(_, shape)| shape.iter().product::<usize>())
        .sum();
    assert_eq!(whole.facts().parameters, parameters as u64);
    assert_eq!(whole.facts().bytes, 2 * parameters as u64);
    let by_file = load(&folder.path().join("model.safetensors")).unwrap();
    assert_eq!(whole.facts(), by_file.facts());
    let other = load(written(Shape { seed: 8, ..SMALL }).path()).unwrap();
    assert_ne!(whole.facts().digest, other.facts().digest);
}

#[test]
fn shards_are_found_by_folder_index_or_any_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let (tensors, mut map) = (SMALL.tensors(), serde_json::Map::new());
    SMALL.write(folder.path());
    for (part, name) in tensors
        .chunks(8)
        .zip(["a.safetensors", "b.safetensors", "c.safetensors"])
    {
        std::fs::write(folder.path().join(name), SMALL.weights(part)).unwrap();
        map.extend(part.iter().map(|(tensor, _)| (tensor.clone(), json!(name))));
    }
    let index = folder.path().join("model.safetensors.index.json");
    std::fs::write(&index, json!({ "weight_map": map }).to_string()).unwrap();
    std::fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    for path in [folder.path(), &index, &folder.path().join("b.safetensors")] {
        assert_eq!(ModelFiles::locate(path).unwrap().weights.len(), 3);
        load(path).unwrap();
    }
    std::fs::remove_file(folder.path().join("c.safetensors")).unwrap();
    assert!(
        matches!(load(folder.path()), Err(LoadError::FileMissing { file, .. }) if file == "c.safetensors")
    );
}

#[test]
fn missing_parts_are_named() {
    let nowhere = load(Path::new("/no/such/model")).err().unwrap();
    assert!(matches!(&nowhere, LoadError::PathMissing { .. }));
    assert!(nowhere.to_string().contains("/no/such/model"));
    for part in ["config.json", "tokenizer.json", "model.safetensors"] {
        let folder = written(SMALL);
        std::fs::remove_file(folder.path().join(part)).unwrap();
        assert!(
            matches!(load(folder.path()), Err(LoadError::FileMissing { file, .. }) if file == part)
        );
    }
    let folder = written(SMALL);
    assert!(matches!(
        load(&folder.path().join("config.json")),
        Err(LoadError::NotAModel { .. })
    ));
}

#[test]
fn damaged_weights_are_refused() {
    let (folder, bytes) = (written(SMALL), SMALL.weights(&SMALL.tensors()));
    let path = folder.path().join("model.safetensors");
    let with = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        load(folder.path()).err()
    };
    assert!(with(&bytes).is_none());
    let length = bytes.len() as u64;
    let cut = with(&bytes[..bytes.len() - 100]);
    assert!(
        matches!(cut, Some(LoadError::WrongSize { expected, actual, .. }) if expected == length && actual == length - 100)
    );
    assert!(matches!(
        with(&bytes[..4]),
        Some(LoadError::WrongSize { .. })
    ));
    assert!(matches!(
        with(&bytes[..40]),
        Some(LoadError::WrongSize { .. })
    ));
    let mut garbled = bytes;
    garbled[9] = b'!';
    assert!(matches!(with(&garbled), Some(LoadError::Header { .. })));
}

#[test]
fn tensors_must_be_there_and_have_shape_and_format() {
    let folder = written(SMALL);
    let path = folder.path().join("model.safetensors");
    let with = |tensors: &[(String, Vec<usize>)], format| {
        std::fs::write(&path, Shape { format, ..SMALL }.weights(tensors)).unwrap();
        load(folder.path()).err()
    };
    let mut tensors = SMALL.tensors();
    let head = tensors.pop().unwrap();
    assert!(
        matches!(with(&tensors, "BF16"), Some(LoadError::TensorMissing { name }) if name == head.0)
    );
    tensors.push((head.0.clone(), vec![130, 72]));
    let wrong = with(&tensors, "BF16");
    assert!(
        matches!(wrong, Some(LoadError::TensorShape { name, actual, .. }) if name == head.0 && actual == [130, 72])
    );
    assert!(
        matches!(with(&SMALL.tensors(), "I16"), Some(LoadError::TensorFormat { dtype, .. }) if dtype == "I16")
    );
}

#[test]
fn phases_are_told_in_order_and_an_instruction_set_that_is_not_there_is_refused() {
    let folder = written(Shape { head: 8, ..SMALL });
    let mut phases = Vec::new();
    let options = LoadOptions::default();
    let model = Model::load(folder.path(), &options, &mut |phase| phases.push(phase)).unwrap();
    assert_eq!(phases, [LoadPhase::Mapped, LoadPhase::Weights]);
    let wide = matches!(model.isa(), Isa::Avx512 | Isa::Amx);
    assert!(!wide, "their vectors are wider than these heads");
    // On request, any set that the machine has computes any model.
    for isa in [Isa::Portable, Isa::Avx2, Isa::Avx512, Isa::Amx] {
        let loaded = Model::load(
            folder.path(),
            &LoadOptions {
                isa: Some(isa),
                ..options
            },
            &mut |_| (),
        );
        match Isa::available().contains(&isa) {
            true => assert_eq!(loaded.unwrap().isa(), isa),
            false => assert!(matches!(loaded, Err(LoadError::IsaUnavailable { .. }))),
        }
    }
}

#[test]
fn paths_of_kernels_and_cache_formats_agree_within_rounding() {
    let tokens = crate::random_model::Random(3).tokens(70, SMALL.vocab);
    let exact = score(&SMALL.load(1, Some(Isa::Portable)), &tokens, KvFormat::F32).unwrap();
    let distance = |rows: &[Vec<f32>]| {
        let pairs = exact.iter().flatten().zip(rows.iter().flatten());
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    for isa in Isa::available() {
        let model: Arc<Model> = SMALL.load(2, Some(isa));
        assert!(distance(&score(&model, &tokens, KvFormat::F32).unwrap()) < 1e-4);
        let rounded = distance(&score(&model, &tokens, KvFormat::Bf16).unwrap());
        assert!(rounded < 0.05 && rounded > 1e-4, "{rounded}");
    }
}
