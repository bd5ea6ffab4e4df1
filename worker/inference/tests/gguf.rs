//! GGUF files as published, written here value by value: families, SentencePiece vocabularies,
//! models in several files.
//!
//! One builder and the files it writes, case by case: longer than other files.
#![expect(clippy::unwrap_used, reason = "a failing test may panic anywhere")]

use std::path::{Path, PathBuf};

use inference::config::{Config, RopeScaling};
use inference::import::{self, ImportError, Precision};
use inference::tokenizer::Tokenizer;
use safetensors::SafeTensors;

const HIDDEN: usize = 32;
const HEAD: usize = 16;
const INNER: usize = 64;

/// Name and shape of a tensor.
type Named = (&'static str, &'static [usize]);

/// A GGUF file under construction.
#[derive(Default)]
struct Gguf {
    pairs: Vec<Vec<u8>>,
    tensors: Vec<(String, Vec<usize>, Vec<f32>)>,
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

impl Gguf {
    fn pair(&mut self, key: &str, kind: u32, value: &[u8]) -> &mut Self {
        self.pairs
            .push([&text(key)[..], &kind.to_le_bytes(), value].concat());
        self
    }

    fn number(&mut self, key: &str, value: u32) -> &mut Self {
        self.pair(key, 4, &value.to_le_bytes())
    }

    fn float(&mut self, key: &str, value: f32) -> &mut Self {
        self.pair(key, 6, &value.to_le_bytes())
    }

    fn words(&mut self, key: &str, value: &str) -> &mut Self {
        self.pair(key, 8, &text(value))
    }

    fn list(&mut self, key: &str, kind: u32, items: &[Vec<u8>]) -> &mut Self {
        let head = [&kind.to_le_bytes()[..], &(items.len() as u64).to_le_bytes()].concat();
        self.pair(key, 9, &[head, items.concat()].concat())
    }

    /// A tensor whose values encode its name and their positions.
    fn tensor(&mut self, name: &str, shape: &[usize]) -> &mut Self {
        let seed = name.bytes().fold(7u32, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(byte.into())
        }) % 97;
        let count: usize = shape.iter().product();
        let values = (0..count)
            .map(|at| seed as f32 + at as f32 / 4096.0)
            .collect();
        self.tensors.push((name.to_owned(), shape.to_vec(), values));
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = [b"GGUF".as_slice(), &3u32.to_le_bytes()].concat();
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.pairs.len() as u64).to_le_bytes());
        self.pairs.iter().for_each(|pair| out.extend(pair));
        let mut offset = 0u64;
        for (name, shape, values) in &self.tensors {
            out.extend(text(name));
            out.extend((shape.len() as u32).to_le_bytes());
            shape
                .iter()
                .rev()
                .for_each(|&size| out.extend((size as u64).to_le_bytes()));
            out.extend(0u32.to_le_bytes());
            out.extend(offset.to_le_bytes());
            offset += (4 * values.len()).next_multiple_of(32) as u64;
        }
        for (_, _, values) in &self.tensors {
            out.resize(out.len().next_multiple_of(32), 0);
            values
                .iter()
                .for_each(|value| out.extend(value.to_le_bytes()));
        }
        out
    }

    fn sizes(&mut self, arch: &str) -> &mut Self {
        let key = |key: &str| format!("{arch}.{key}");
        self.words("general.architecture", arch)
            .number(&key("block_count"), 1)
            .number(&key("context_length"), 128)
            .number(&key("embedding_length"), HIDDEN as u32)
            .number(&key("feed_forward_length"), INNER as u32)
            .number(&key("attention.head_count"), 2)
            .number(&key("attention.head_count_kv"), 1)
            .number(&key("attention.key_length"), HEAD as u32)
            .float(&key("attention.layer_norm_rms_epsilon"), 1e-6)
    }

    /// Three special tokens, all bytes, and pieces that grow into `▁hello`.
    fn pieces(&mut self) -> usize {
        let pieces = [
            "▁", "h", "e", "l", "o", "he", "ll", "llo", "hello", "▁hello",
        ];
        let bytes = (0..=255u8).map(|byte| format!("<0x{byte:02X}>"));
        let tokens: Vec<String> = ["<unk>", "<s>", "</s>"]
            .map(str::to_owned)
            .into_iter()
            .chain(bytes)
            .chain(pieces.map(str::to_owned))
            .collect();
        let kind = |id: usize| match id {
            0 => 2i32,
            1 | 2 => 3,
            3..259 => 6,
            _ => 1,
        };
        let all = |item: &dyn Fn(usize) -> Vec<u8>| (0..tokens.len()).map(item).collect::<Vec<_>>();
        self.words("tokenizer.ggml.model", "llama")
            .list("tokenizer.ggml.tokens", 8, &all(&|id| text(&tokens[id])))
            .list(
                "tokenizer.ggml.scores",
                6,
                &all(&|id| (-(id as f32)).to_le_bytes().to_vec()),
            )
            .list(
                "tokenizer.ggml.token_type",
                5,
                &all(&|id| kind(id).to_le_bytes().to_vec()),
            )
            .number("tokenizer.ggml.bos_token_id", 1)
            .number("tokenizer.ggml.eos_token_id", 2);
        tokens.len()
    }

    fn layer(&mut self, names: &[Named]) -> &mut Self {
        names.iter().for_each(|(name, shape)| {
            self.tensor(&format!("blk.0.{name}"), shape);
        });
        self
    }
}

const PLAIN: [Named; 9] = [
    ("attn_norm.weight", &[HIDDEN]),
    ("attn_q.weight", &[2 * HEAD, HIDDEN]),
    ("attn_k.weight", &[HEAD, HIDDEN]),
    ("attn_v.weight", &[HEAD, HIDDEN]),
    ("attn_output.weight", &[HIDDEN, 2 * HEAD]),
    ("ffn_norm.weight", &[HIDDEN]),
    ("ffn_gate.weight", &[INNER, HIDDEN]),
    ("ffn_up.weight", &[INNER, HIDDEN]),
    ("ffn_down.weight", &[HIDDEN, INNER]),
];
const FUSED: [Named; 6] = [
    ("attn_norm.weight", &[HIDDEN]),
    ("attn_qkv.weight", &[4 * HEAD, HIDDEN]),
    ("attn_output.weight", &[HIDDEN, 2 * HEAD]),
    ("ffn_norm.weight", &[HIDDEN]),
    ("ffn_up.weight", &[2 * INNER, HIDDEN]),
    ("ffn_down.weight", &[HIDDEN, INNER]),
];

/// A model with one layer of a family, plus its own metadata and tensors.
fn model(arch: &str, layer: &[Named], own: impl FnOnce(&mut Gguf)) -> Gguf {
    let mut gguf = Gguf::default();
    let rows = gguf.sizes(arch).pieces();
    gguf.tensor("token_embd.weight", &[rows, HIDDEN])
        .tensor("output_norm.weight", &[HIDDEN])
        .layer(layer);
    own(&mut gguf);
    gguf
}

fn imported(folder: &Path, gguf: &Gguf) -> Result<PathBuf, ImportError> {
    let (source, target) = (folder.join("m.gguf"), folder.join("m"));
    std::fs::write(&source, gguf.bytes()).unwrap();
    import::gguf_as(&source, &target, Precision::F32).map(|_| target)
}

/// The values of a tensor that was imported.
fn values(dir: &Path, name: &str) -> Vec<f32> {
    let bytes = std::fs::read(dir.join("model.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    file.tensor(name)
        .unwrap()
        .data()
        .as_chunks()
        .0
        .iter()
        .map(|&b| f32::from_le_bytes(b))
        .collect()
}

fn stored(gguf: &Gguf, name: &str) -> Vec<f32> {
    gguf.tensors
        .iter()
        .find(|(known, ..)| known == name)
        .unwrap()
        .2
        .clone()
}

#[test]
fn each_family_becomes_what_transformers_calls_it() {
    let biases: &[Named] = &[
        ("attn_q.bias", &[2 * HEAD]),
        ("attn_k.bias", &[HEAD]),
        ("attn_v.bias", &[HEAD]),
    ];
    let norms: &[Named] = &[
        ("attn_q_norm.weight", &[HEAD]),
        ("attn_k_norm.weight", &[HEAD]),
    ];
    let around: &[Named] = &[
        ("post_attention_norm.weight", &[HIDDEN]),
        ("post_ffw_norm.weight", &[HIDDEN]),
    ];
    let cases: [(&str, &str, Vec<Named>); 8] = [
        ("llama", "LlamaForCausalLM", PLAIN.to_vec()),
        ("qwen2", "Qwen2ForCausalLM", [&PLAIN[..], biases].concat()),
        ("qwen3", "Qwen3ForCausalLM", [&PLAIN[..], norms].concat()),
        ("smollm3", "SmolLM3ForCausalLM", PLAIN.to_vec()),
        ("phi3", "Phi3ForCausalLM", FUSED.to_vec()),
        ("granite", "GraniteForCausalLM", PLAIN.to_vec()),
        ("gemma2", "Gemma2ForCausalLM", [&PLAIN[..], around].concat()),
        (
            "gemma3",
            "Gemma3ForCausalLM",
            [&PLAIN[..], around, norms].concat(),
        ),
    ];
    for (arch, class, layer) in cases {
        let place = tempfile::tempdir().unwrap();
        let gguf = model(arch, &layer, |gguf| match arch {
            "granite" => {
                gguf.float("granite.attention.scale", 0.25)
                    .float("granite.logit_scale", 8.0);
            }
            "gemma2" | "gemma3" => {
                gguf.number(&format!("{arch}.attention.sliding_window"), 16);
            }
            _ => {}
        });
        let dir = imported(place.path(), &gguf).unwrap_or_else(|error| panic!("{arch}: {error}"));
        let config = Config::read(&dir).unwrap_or_else(|error| panic!("{arch}: {error}"));
        assert_eq!(config.class, class);
        let gemma = arch.starts_with("gemma");
        assert_eq!(config.kinds[0].window, gemma.then_some(16), "{arch}");
        let norm = stored(&gguf, "blk.0.attn_norm.weight")[3] - f32::from(u8::from(gemma));
        assert_eq!(
            values(&dir, "model.layers.0.input_layernorm.weight")[3],
            norm,
            "{arch}"
        );
        if arch == "granite" {
            assert_eq!(
                (config.scales.attention, config.scales.logits),
                (0.25, 0.125)
            );
        }
        // Rotated neighbouring rows are interleaved only in families for which llama.cpp does so.
        let q = if arch == "phi3" {
            ("attn_qkv", "qkv_proj")
        } else {
            ("attn_q", "q_proj")
        };
        let (from, to) = (
            stored(&gguf, &format!("blk.0.{}.weight", q.0)),
            values(&dir, &format!("model.layers.0.self_attn.{}.weight", q.1)),
        );
        let second = if matches!(arch, "llama" | "smollm3" | "granite") {
            2 * HIDDEN
        } else {
            HIDDEN
        };
        assert_eq!((to[0], to[HIDDEN]), (from[0], from[second]), "{arch}");
    }
}

#[test]
fn pieces_merge_by_their_scores_and_bytes_stand_in_for_what_has_none() {
    let place = tempfile::tempdir().unwrap();
    let dir = imported(place.path(), &model("llama", &PLAIN, |_| ())).unwrap();
    let tokenizer = Tokenizer::read(&dir).unwrap();
    let (hello, space, zhong) = (268, 259, [0xe4, 0xb8, 0xad].map(|byte: u32| byte + 3));
    assert_eq!(tokenizer.encode("hello").unwrap(), [1, hello]);
    assert_eq!(
        tokenizer.encode("中").unwrap(),
        [&[1, space][..], &zhong].concat()
    );
    assert_eq!(
        tokenizer.encode("<s>hello").unwrap(),
        [1, 1, hello],
        "special tokens are known as such"
    );
    assert_eq!(tokenizer.decode(&[1, hello]), "hello");
    // Counter-check: without the space before texts, and without the token before them.
    let plain = model("llama", &PLAIN, |gguf| {
        gguf.pair("tokenizer.ggml.add_space_prefix", 7, &[0]).pair(
            "tokenizer.ggml.add_bos_token",
            7,
            &[0],
        );
    });
    let other = tempfile::tempdir().unwrap();
    let tokenizer = Tokenizer::read(&imported(other.path(), &plain).unwrap()).unwrap();
    assert_eq!(tokenizer.encode("hello").unwrap(), [267]);
}

#[test]
fn a_model_in_several_files_is_one_model() {
    let place = tempfile::tempdir().unwrap();
    let whole = model("llama", &PLAIN, |_| ());
    let parts = |numbers: [u32; 2], declared: u32| {
        let mut parts = [Gguf::default(), Gguf::default()];
        parts[0].pairs = whole.pairs.clone();
        for (part, no) in parts.iter_mut().zip(numbers) {
            part.number("split.no", no)
                .number("split.count", 2)
                .number("split.tensors.count", declared);
        }
        for (at, tensor) in whole.tensors.iter().enumerate() {
            parts[at % 2].tensors.push(tensor.clone());
        }
        for (number, part) in parts.iter().enumerate() {
            std::fs::write(
                place
                    .path()
                    .join(format!("m-0000{}-of-00002.gguf", number + 1)),
                part.bytes(),
            )
            .unwrap();
        }
    };
    let import = |file: &str| {
        let target = place.path().join("m");
        let _ = std::fs::remove_dir_all(&target);
        import::gguf_as(&place.path().join(file), &target, Precision::F32).map(|_| target)
    };
    parts([0, 1], whole.tensors.len() as u32);
    let dir = import("m-00001-of-00002.gguf").unwrap();
    for (theirs, ours) in [
        (
            "blk.0.ffn_down.weight",
            "model.layers.0.mlp.down_proj.weight",
        ),
        ("output_norm.weight", "model.norm.weight"),
    ] {
        assert_eq!(values(&dir, ours), stored(&whole, theirs));
    }
    assert!(matches!(
        import("m-00002-of-00002.gguf"),
        Err(ImportError::Part {
            number: 2,
            count: 2
        })
    ));
    parts([0, 1], 99);
    assert!(matches!(
        import("m-00001-of-00002.gguf"),
        Err(ImportError::PartTensors {
            found: 11,
            declared: 99
        })
    ));
    std::fs::remove_file(place.path().join("m-00002-of-00002.gguf")).unwrap();
    let missing = import("m-00001-of-00002.gguf").unwrap_err();
    assert!(
        matches!(&missing, ImportError::Source { path, .. } if path.ends_with("m-00002-of-00002.gguf")),
        "{missing}"
    );
    std::fs::rename(
        place.path().join("m-00001-of-00002.gguf"),
        place.path().join("other.gguf"),
    )
    .unwrap();
    assert!(matches!(
        import("other.gguf"),
        Err(ImportError::PartName { count: 2 })
    ));
}

/// The scaling of a model with its own metadata.
fn read(own: &dyn Fn(&mut Gguf)) -> Result<RopeScaling, ImportError> {
    let place = tempfile::tempdir().unwrap();
    let dir = imported(place.path(), &model("llama", &PLAIN, |gguf| own(gguf)))?;
    Ok(Config::read(&dir).unwrap().rope.scaling)
}

#[test]
fn a_scaling_is_read_by_the_rules_of_llama_cpp_or_refused() {
    let (factor, old, kind) = (
        "llama.rope.scaling.factor",
        "llama.rope.scale_linear",
        "llama.rope.scaling.type",
    );
    let linear = RopeScaling::Linear { factor: 4.0 };
    assert_eq!(
        read(&|gguf| {
            gguf.float(factor, 4.0);
        })
        .unwrap(),
        linear,
        "linear without a type"
    );
    assert_eq!(
        read(&|gguf| {
            gguf.float(old, 4.0);
        })
        .unwrap(),
        linear,
        "the older key"
    );
    assert_eq!(
        read(&|gguf| {
            gguf.float(factor, 1.0).words(kind, "none");
        })
        .unwrap(),
        RopeScaling::None
    );
    let yarn = read(&|gguf| {
        gguf.float(factor, 4.0)
            .words(kind, "yarn")
            .number("llama.rope.scaling.original_context_length", 64);
    });
    assert!(matches!(
        yarn.unwrap(),
        RopeScaling::Yarn {
            factor: 4.0,
            original: 64.0,
            ..
        }
    ));
    assert!(matches!(
        read(&|gguf| {
            gguf.float(factor, 4.0).float(old, 2.0);
        }),
        Err(ImportError::Contradiction { .. })
    ));
    assert!(matches!(
        read(&|gguf| {
            gguf.float(factor, 4.0).words(kind, "none");
        }),
        Err(ImportError::Contradiction { .. })
    ));
    assert!(matches!(
        read(&|gguf| {
            gguf.words(kind, "longrope");
        }),
        Err(ImportError::RopeScaling { .. })
    ));
}

#[test]
fn metadata_that_may_change_the_computation_is_refused_by_name() {
    for key in [
        "llama.attention.sliding_window",
        "llama.expert_count",
        "llama.rope.dimension_count",
        "llama.something_new",
    ] {
        let error = read(&|gguf| {
            gguf.number(key, 8);
        })
        .unwrap_err();
        assert!(
            matches!(&error, ImportError::UnknownKey { key: named, .. } if named == key),
            "{error}"
        );
    }
    assert!(
        read(&|gguf| {
            gguf.number("llama.attention.sliding_window", 128);
        })
        .is_ok(),
        "as wide as the context"
    );
}
