//! The importer against a file written by llama.cpp's own package
//! (`scripts/reference/gguf_fixture.py`), and against every way of damaging that file.

use std::fs;
use std::path::{Path, PathBuf};

use inference::import::{self, GgufError, ImportError, Precision};
use inference::tokenizer::Tokenizer;
use safetensors::SafeTensors;
use serde_json::Value;
use tempfile::TempDir;

/// Bytes of tensor data in the fixture.
const DATA_BYTES: usize = 57_760;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// Imports bytes into a new directory, which is returned so that leftovers can be checked.
fn import_bytes(bytes: &[u8]) -> (TempDir, Result<import::ImportSummary, ImportError>) {
    let place = tempfile::tempdir().expect("a temporary directory");
    let source = place.path().join("source.gguf");
    fs::write(&source, bytes).expect("a small file");
    let result = import::gguf(&source, &place.path().join("model"));
    fs::remove_file(source).expect("written above");
    (place, result)
}

fn small() -> Vec<u8> {
    fs::read(fixture("small.gguf")).expect("the fixture is in the repository")
}

/// The fixture with one run of bytes replaced by another of the same length.
fn replaced(from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = small();
    let at = bytes
        .windows(from.len())
        .position(|window| window == from)
        .expect("the run is there");
    bytes[at..at + to.len()].copy_from_slice(to);
    bytes
}

fn singles(data: &[u8]) -> Vec<f32> {
    data.as_chunks()
        .0
        .iter()
        .map(|&bytes| f32::from_le_bytes(bytes))
        .collect()
}

/// Names of the tensors whose imported values differ from those that llama.cpp's package reads.
fn differing(gguf: &[u8]) -> Vec<String> {
    let place = tempfile::tempdir().expect("a temporary directory");
    let (source, dir) = (place.path().join("source.gguf"), place.path().join("model"));
    fs::write(&source, gguf).expect("a small file");
    import::gguf_as(&source, &dir, Precision::F32).expect("an import");
    let bytes = fs::read(dir.join("model.safetensors")).expect("imported above");
    let file = SafeTensors::deserialize(&bytes).expect("a valid file");
    let expected = fs::read(fixture("small.json")).expect("the fixture is in the repository");
    let expected: serde_json::Map<String, Value> = serde_json::from_slice(&expected).expect("JSON");
    assert_eq!(file.names().len(), expected.len());
    let same = |name: &str, want: &Value| {
        let tensor = file.tensor(name).expect("a tensor of this name");
        let values = singles(tensor.data());
        let places = want["values"].as_object().expect("a map of places");
        let picked = places.iter().all(|(at, value)| {
            let at: usize = at.parse().expect("a place");
            Some(values[at]) == value.as_f64().map(|v| v as f32)
        });
        let sum: f64 = values.iter().map(|&v| f64::from(v)).sum();
        let sums = (sum - want["sum"].as_f64().expect("a sum")).abs() < 1e-9;
        serde_json::json!(tensor.shape()) == want["shape"] && picked && sums
    };
    expected
        .iter()
        .filter(|(name, want)| !same(name, want))
        .map(|(name, _)| name.clone())
        .collect()
}

#[test]
fn every_format_is_dequantised_exactly_and_rows_are_put_in_order() {
    assert_eq!(differing(&small()), [""; 0]);
}

/// Counter-check: one changed bit of the data is noticed, in its tensor. (The values at positions
/// reveal the order of rows; the sums alone would not.)
#[test]
fn a_changed_bit_is_seen() {
    let mut bytes = small();
    *bytes.last_mut().unwrap() ^= 0x10;
    assert_eq!(differing(&bytes).len(), 1);
}

#[test]
fn bf16_is_the_rounded_f32() {
    let place = tempfile::tempdir().unwrap();
    let (wide, narrow) = (place.path().join("wide"), place.path().join("narrow"));
    import::gguf_as(&fixture("small.gguf"), &wide, Precision::F32).unwrap();
    import::gguf(&fixture("small.gguf"), &narrow).unwrap();
    let (wide, narrow) = (
        fs::read(wide.join("model.safetensors")).unwrap(),
        fs::read(narrow.join("model.safetensors")).unwrap(),
    );
    let (wide, narrow) = (
        SafeTensors::deserialize(&wide).unwrap(),
        SafeTensors::deserialize(&narrow).unwrap(),
    );
    for (name, tensor) in wide.tensors() {
        let rounded: Vec<u8> = singles(tensor.data())
            .iter()
            .flat_map(|&v| half::bf16::from_f32(v).to_le_bytes())
            .collect();
        assert_eq!(rounded, narrow.tensor(&name).unwrap().data(), "{name}");
    }
}

#[test]
fn summary_configuration_tokenizer_and_template_are_there() {
    let (place, result) = import_bytes(&small());
    let summary = result.unwrap();
    assert_eq!((summary.tensors, summary.vocabulary), (11, 262));
    assert_eq!(
        (summary.name.as_deref(), summary.license.as_deref()),
        (Some("small"), Some("mit"))
    );
    assert_eq!(summary.formats["Q4_1"], 2);
    let dir = place.path().join("model");
    let config: Value =
        serde_json::from_slice(&fs::read(dir.join("config.json")).unwrap()).unwrap();
    assert_eq!(
        (&config["num_key_value_heads"], &config["head_dim"]),
        (&1.into(), &32.into())
    );
    assert_eq!(
        (&config["tie_word_embeddings"], &config["rms_norm_eps"]),
        (&true.into(), &1e-5.into())
    );
    assert_eq!(
        fs::read_to_string(dir.join("chat_template.jinja")).unwrap(),
        "{{ messages }}"
    );
    let tokenizer = Tokenizer::read(&dir).unwrap();
    // Ids: 3 special tokens, 256 bytes in order, then `th`, `the`, `Ġthe`.
    assert_eq!(
        tokenizer.encode("the the<|im_end|>12").unwrap(),
        [260, 261, 2, 52, 53]
    );
}

#[test]
fn a_file_cut_anywhere_is_an_error_and_leaves_nothing() {
    let bytes = small();
    let ends = (0..bytes.len()).step_by(997).chain([bytes.len() - 1]);
    for end in ends {
        let (place, result) = import_bytes(&bytes[..end]);
        assert!(result.is_err(), "cut at {end}");
        assert_eq!(
            fs::read_dir(place.path()).unwrap().count(),
            0,
            "cut at {end}"
        );
    }
}

/// Metadata bytes overwritten with extreme values: any result except a panic or a huge allocation.
#[test]
fn hostile_numbers_do_no_harm() {
    let bytes = small();
    let metadata = bytes.len() - DATA_BYTES;
    for at in (4..metadata - 8).step_by(29) {
        for hostile in [0u8, 0xff] {
            let mut broken = bytes.clone();
            broken[at..at + 8].fill(hostile);
            let (place, result) = import_bytes(&broken);
            assert_eq!(
                place.path().join("model").exists(),
                result.is_ok(),
                "at {at}"
            );
        }
    }
}

#[test]
fn each_refusal_names_its_reason() {
    let reason = |bytes: &[u8]| import_bytes(bytes).1.unwrap_err();
    assert!(matches!(
        reason(b"not a model"),
        ImportError::Container(GgufError::NotGguf)
    ));
    assert!(matches!(
        reason(b"GGUF\x01\0\0\0"),
        ImportError::Container(GgufError::Version { version: 1 })
    ));
    let huge = [b"GGUF\x03\0\0\0".as_slice(), &[0xff; 16]].concat();
    assert!(matches!(
        reason(&huge),
        ImportError::Container(GgufError::TooLarge { .. })
    ));
    let other = replaced(b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0mamba");
    assert!(matches!(reason(&other), ImportError::Architecture { found, .. } if found == "mamba"));
    let cut = replaced(b"smollm", b"viking");
    assert!(matches!(reason(&cut), ImportError::Tokenizer { kind, .. } if kind.contains("viking")));
    let bias = replaced(b"attn_v.weight", b"attn_v.biases");
    assert!(
        matches!(reason(&bias), ImportError::UnknownTensor { name } if name == "blk.0.attn_v.biases")
    );
}

#[test]
fn an_unsupported_format_is_refused_by_name() {
    // The tensor's format follows its name, the dimension count and two dimensions.
    let mut bytes = small();
    let name = b"blk.0.attn_q.weight";
    let at = bytes
        .windows(name.len())
        .position(|window| window == name)
        .unwrap()
        + name.len()
        + 4
        + 16;
    assert_eq!(bytes[at], 2);
    bytes[at] = 16;
    let error = import_bytes(&bytes).1.unwrap_err().to_string();
    assert!(
        error.starts_with("dequantise blk.0.attn_q.weight: format IQ2_XXS is not supported"),
        "{error}"
    );
    assert!(
        error.contains("Q4_K"),
        "those that are supported are named: {error}"
    );
}

/// Unknown metadata may change the computation; metadata known to have no effect does not.
#[test]
fn a_key_that_nobody_knows_is_refused_by_name() {
    let reason = |from: &[u8], to: &[u8]| import_bytes(&replaced(from, to)).1;
    // A key of the same length instead of an optional number.
    let unknown = reason(b"llama.vocab_size", b"llama.logit_scal").unwrap_err();
    assert!(
        matches!(&unknown, ImportError::UnknownKey { key, .. } if key == "llama.logit_scal"),
        "{unknown}"
    );
    assert!(
        reason(b"llama.vocab_size", b"general.vocab_si").is_ok(),
        "counter-check: it describes the file"
    );
}

/// A NaN is reported with the tensor's name.
#[test]
fn a_weight_that_is_no_number_is_refused_by_name() {
    let mut bytes = small();
    // The last tensor is `ffn_down` in Q4_1: its scale becomes NaN.
    let blocks = bytes.len() - 64 * 64 / 32 * 20;
    bytes[blocks..blocks + 2].copy_from_slice(&[0, 0x7e]);
    let error = import_bytes(&bytes).1.unwrap_err();
    assert!(
        matches!(&error, ImportError::NotFinite { name, value: "NaN" } if name == "blk.0.ffn_down.weight"),
        "{error}"
    );
}

#[test]
fn files_of_another_kind_are_named() {
    let reason = |bytes: &[u8]| import_bytes(bytes).1.unwrap_err().to_string();
    assert!(reason(b"version https://git-lfs.github.com/spec/v1\n").contains("git lfs pull"));
    assert!(reason(b"GGUF\0\0\0\x03\0\0\0\0").contains("big-endian"));
}

#[test]
fn an_existing_model_is_not_overwritten() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("model");
    import::gguf(&fixture("small.gguf"), &dir).unwrap();
    assert!(matches!(
        import::gguf(&fixture("small.gguf"), &dir),
        Err(ImportError::Target { .. })
    ));
}
