//! Weights as in published files: which file counts, unexpected tensors, and values that are not
//! finite.

use std::path::Path;

use inference::error::{LoadError, LoadFault};
use inference::files::ModelFiles;
use inference::model::{LoadOptions, Model, WeightForm};
use serde_json::{Value, json};

use crate::random_model::{SMALL, Shape};

type Tensors = Vec<(String, Vec<usize>)>;

fn load(path: &Path) -> Result<Model, LoadError> {
    Model::load(path, &LoadOptions::default(), &mut |_| ())
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    SMALL.write(folder.path());
    folder
}

fn put(folder: &Path, file: &str, bytes: impl AsRef<[u8]>) {
    std::fs::write(folder.join(file), bytes).unwrap();
}

/// Two shards of a model with different weights, and their index.
fn shards(folder: &Path, seed: u64) {
    let (tensors, mut map) = (SMALL.tensors(), serde_json::Map::new());
    for (number, part) in tensors.chunks(tensors.len().div_ceil(2)).enumerate() {
        let name = format!("model-0000{}-of-00002.safetensors", number + 1);
        put(folder, &name, Shape { seed, ..SMALL }.weights(part));
        map.extend(part.iter().map(|(tensor, _)| (tensor.clone(), json!(name))));
    }
    put(
        folder,
        "model.safetensors.index.json",
        json!({ "weight_map": map }).to_string(),
    );
}

/// The error for a folder whose single file has these tensors.
fn said_of(tensors: &Tensors, config: &[(&str, Value)]) -> Option<LoadError> {
    let folder = folder();
    let mut settings = SMALL.config();
    config
        .iter()
        .for_each(|(key, value)| settings[*key] = value.clone());
    put(folder.path(), "config.json", settings.to_string());
    put(folder.path(), "model.safetensors", SMALL.weights(tensors));
    load(folder.path()).err()
}

#[test]
fn the_single_file_goes_before_an_index_and_the_index_before_numbers() {
    let (both, alone) = (folder(), folder());
    let digest = |folder: &Path| load(folder).unwrap().facts().digest.clone();
    shards(both.path(), 8);
    assert_eq!(
        digest(both.path()),
        digest(alone.path()),
        "the single file is what counts"
    );
    std::fs::remove_file(both.path().join("model.safetensors")).unwrap();
    let indexed = digest(both.path());
    assert_ne!(indexed, digest(alone.path()));
    std::fs::remove_file(both.path().join("model.safetensors.index.json")).unwrap();
    assert_eq!(digest(both.path()), indexed, "all numbered files are there");
    std::fs::remove_file(both.path().join("model-00002-of-00002.safetensors")).unwrap();
    let missing = load(both.path()).err().unwrap();
    assert!(
        matches!(
            &missing,
            LoadError::ShardMissing {
                found: 1,
                count: 2,
                ..
            }
        ),
        "{missing}"
    );
}

#[test]
fn of_a_tensor_in_two_files_the_index_decides_and_without_one_it_is_an_error() {
    let place = folder();
    shards(place.path(), 7);
    std::fs::remove_file(place.path().join("model.safetensors")).unwrap();
    // The first file gets the head too, with different weights; the index still names the second.
    let mut tensors = SMALL.tensors();
    tensors.truncate(tensors.len().div_ceil(2));
    let head = SMALL.tensors().pop().unwrap();
    tensors.insert(0, head.clone());
    put(
        place.path(),
        "model-00001-of-00002.safetensors",
        SMALL.weights(&tensors),
    );
    assert!(load(place.path()).is_ok());
    let index = place.path().join("model.safetensors.index.json");
    let text = std::fs::read_to_string(&index).unwrap();
    std::fs::remove_file(&index).unwrap();
    let twice = load(place.path()).err().unwrap();
    assert!(
        matches!(&twice, LoadError::TwoSources { name, .. } if *name == head.0),
        "{twice}"
    );
    let mut lying: Value = serde_json::from_str(&text).unwrap();
    lying["weight_map"]["model.embed_tokens.weight"] = json!("model-00002-of-00002.safetensors");
    std::fs::write(&index, lying.to_string()).unwrap();
    let lies = load(place.path()).err().unwrap();
    assert!(matches!(&lies, LoadError::Misplaced { .. }), "{lies}");
}

#[test]
fn a_tensor_of_the_model_that_has_no_place_is_an_error_by_its_name() {
    let with = |name: &str, shape: Vec<usize>| {
        let mut tensors = SMALL.tensors();
        tensors.push((name.to_owned(), shape));
        said_of(&tensors, &[])
    };
    for name in [
        "model.layers.0.self_attn.q_proj.bias",
        "model.layers.1.self_attn.q_norm.weight",
        "model.layers.2.input_layernorm.weight",
        "model.layers.0.self_attn.rotary_emb.cos_cached",
        "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
    ] {
        let error = with(name, vec![8]).unwrap_or_else(|| panic!("{name} is left out"));
        assert!(
            matches!(&error, LoadError::UnknownTensor { name: named, .. } if named == name),
            "{error}"
        );
        assert_eq!(error.fault(), LoadFault::Unsupported);
    }
    // Counter-checks: tensors known to have no effect, and tensors of other components.
    assert!(with("model.layers.0.self_attn.rotary_emb.inv_freq", vec![8]).is_none());
    assert!(with("v_head.summary.weight", vec![8]).is_none());
}

#[test]
fn a_tied_model_has_one_matrix_for_both_ends_under_either_name() {
    let tied = [("tie_word_embeddings", json!(true))];
    let differing = said_of(&SMALL.tensors(), &tied).unwrap();
    assert!(
        matches!(&differing, LoadError::TwoHeads { .. }),
        "{differing}"
    );
    let only = |name: &str| -> Tensors {
        let others = SMALL
            .tensors()
            .into_iter()
            .filter(|(known, _)| !known.contains("embed") && !known.contains("head"));
        others
            .chain([(name.to_owned(), vec![SMALL.vocab, SMALL.hidden])])
            .collect()
    };
    assert!(said_of(&only("model.embed_tokens.weight"), &tied).is_none());
    assert!(said_of(&only("lm_head.weight"), &tied).is_none());
    let untied = said_of(&only("model.embed_tokens.weight"), &[]).unwrap();
    assert!(matches!(&untied, LoadError::TensorMissing { name } if name == "lm_head.weight"));
}

/// Overwrites one element of a tensor in a file of BF16, F16 or F32.
fn spoil(shape: Shape, tensor: &str, at: usize, value: f32) -> Result<Model, LoadError> {
    let folder = tempfile::tempdir().unwrap();
    shape.write(folder.path());
    let path = folder.path().join("model.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let (head, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let offset = metadata.info(tensor).unwrap().data_offsets.0;
    let encoded = match shape.format {
        "F32" => value.to_le_bytes().to_vec(),
        "F16" => half::f16::from_f32(value).to_le_bytes().to_vec(),
        _ => half::bf16::from_f32(value).to_le_bytes().to_vec(),
    };
    let from = 8 + head + offset + at * encoded.len();
    bytes[from..from + encoded.len()].copy_from_slice(&encoded);
    std::fs::write(&path, bytes).unwrap();
    let options = LoadOptions {
        threads: 2,
        form: WeightForm::AsStored,
        isa: None,
    };
    Model::load(folder.path(), &options, &mut |_| ())
}

#[test]
fn a_weight_that_is_no_number_is_found_at_load_with_its_place() {
    for format in ["BF16", "F16", "F32"] {
        let shape = Shape { format, ..SMALL };
        for (tensor, at, place) in [
            ("model.norm.weight", 3, vec![3]),
            ("lm_head.weight", 130 * 72 + 5, vec![130, 5]),
            ("model.embed_tokens.weight", 7, vec![0, 7]),
            ("model.layers.1.mlp.down_proj.weight", 101, vec![1, 1]),
        ] {
            for (value, said) in [(f32::NAN, "NaN"), (f32::NEG_INFINITY, "infinity")] {
                let error = spoil(shape, tensor, at, value).err().unwrap();
                assert!(
                    matches!(&error, LoadError::NotFinite { name, value, place: found, .. }
                        if name == tensor && *value == said && *found == place),
                    "{format}: {error}"
                );
                assert_eq!(error.fault(), LoadFault::Damaged);
            }
        }
        assert!(
            spoil(shape, "model.norm.weight", 3, 2.0).is_ok(),
            "counter-check: a finite number is accepted"
        );
    }
    // Beyond the range of F16 a value becomes infinite.
    let overflow = spoil(
        Shape {
            format: "F16",
            ..SMALL
        },
        "lm_head.weight",
        0,
        1e6,
    )
    .err()
    .unwrap();
    assert!(overflow.to_string().contains("65504"), "{overflow}");
}

#[test]
fn what_is_there_instead_of_weights_is_named() {
    let said = |file: &str, bytes: &[u8]| {
        let folder = folder();
        std::fs::remove_file(folder.path().join("model.safetensors")).unwrap();
        put(folder.path(), file, bytes);
        load(folder.path()).err().unwrap().to_string()
    };
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    for (file, bytes, word) in [
        ("model.safetensors", &pointer[..], "git lfs pull"),
        (
            "model.safetensors",
            b"GGUF\x03\0\0\0\0\0",
            "worker model import",
        ),
        ("model.safetensors", b"PK\x03\x04........", "PyTorch"),
        ("model.safetensors", b"<!DOCTYPE html>", "web page"),
        ("model.safetensors", b"", "empty"),
        ("pytorch_model.bin", b"PK", "pytorch_model.bin"),
        ("consolidated.safetensors", b"x", "consolidated.safetensors"),
        ("adapter_model.safetensors", b"x", "adapter"),
    ] {
        let said = said(file, bytes);
        assert!(said.contains(word), "{file}: {said}");
    }
    let folder = folder();
    std::fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
    put(folder.path(), "tokenizer.model", b"x");
    assert!(
        load(folder.path())
            .err()
            .unwrap()
            .to_string()
            .contains("AutoTokenizer")
    );
    put(folder.path(), "tokenizer.json", b"{}");
    put(folder.path(), "config.json", pointer);
    assert!(
        load(folder.path())
            .err()
            .unwrap()
            .to_string()
            .contains("git lfs pull")
    );
}

#[cfg(unix)]
#[test]
fn a_link_whose_file_is_gone_is_told_as_such() {
    let folder = folder();
    let path = folder.path().join("model.safetensors");
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("../../blobs/feed", &path).unwrap();
    for asked in [folder.path(), &path] {
        let error = ModelFiles::locate(asked).unwrap_err();
        assert!(matches!(&error, LoadError::DanglingLink { .. }), "{error}");
        assert!(error.to_string().contains("blobs/feed"), "{error}");
    }
}
