//! Every model family against logits that `scripts/reference/families.py` computes in float64 from
//! the description of its architecture: the same numbers within rounding, the same greedy tokens,
//! and a request's tokens do not depend on the other requests in its batch.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use inference::batcher::Batcher;
use inference::config::KvFormat;
use inference::error::LoadError;
use inference::kernels::Isa;
use inference::model::{LoadOptions, Model};
use inference::request::{BatchOptions, Event, Request};
use inference::sampling::Sampling;
use inference::score::score;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::random_model::Random;

/// Logits of these models reach 10 and more; F32 keeps seven digits.
const BOUND: f64 = 2e-5;

#[derive(Deserialize)]
struct Case {
    config: Value,
    tensors: Vec<(String, Vec<usize>)>,
    seed: u64,
    tokens: Vec<u32>,
    /// Logits by position.
    logits: BTreeMap<String, Vec<f64>>,
    greedy: Vec<u32>,
}

fn cases() -> BTreeMap<String, Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/families.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

impl Case {
    /// The weights that follow from the seed, as in `model.safetensors`.
    fn weights(&self) -> Vec<u8> {
        let (mut header, mut data, mut random) =
            (serde_json::Map::new(), Vec::new(), Random(self.seed));
        for (name, shape) in &self.tensors {
            let start = data.len();
            let scale = (1.7 / (*shape.last().unwrap() as f64).sqrt()) as f32;
            for _ in 0..shape.iter().product() {
                let value = random.unit();
                let value = match shape.len() {
                    2 => scale * value,
                    _ if name.ends_with("bias") => 0.5 * value,
                    _ => 1.0 + 0.25 * value,
                };
                data.extend(value.to_le_bytes());
            }
            header.insert(
                name.clone(),
                json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]}),
            );
        }
        let mut text = serde_json::to_vec(&header).unwrap();
        text.resize(text.len().next_multiple_of(8), b' ');
        [&(text.len() as u64).to_le_bytes(), &text[..], &data[..]].concat()
    }

    fn load(
        &self,
        config: &Value,
        threads: usize,
        isa: Option<Isa>,
    ) -> Result<Arc<Model>, LoadError> {
        let folder = tempfile::tempdir().unwrap();
        let put =
            |file: &str, bytes: &[u8]| std::fs::write(folder.path().join(file), bytes).unwrap();
        put("config.json", config.to_string().as_bytes());
        put("tokenizer.json", b"{}");
        put("model.safetensors", &self.weights());
        let options = LoadOptions {
            threads,
            isa,
            ..LoadOptions::default()
        };
        Model::load(folder.path(), &options, &mut |_| ()).map(Arc::new)
    }

    /// Greatest and mean difference of the stored logits.
    fn distance(&self, rows: &[Vec<f32>]) -> (f64, f64) {
        let pairs = self
            .logits
            .iter()
            .flat_map(|(at, exact)| exact.iter().zip(&rows[at.parse::<usize>().unwrap()]));
        let all: Vec<f64> = pairs.map(|(a, b)| (a - f64::from(*b)).abs()).collect();
        (
            all.iter().copied().fold(0.0, f64::max),
            all.iter().sum::<f64>() / all.len() as f64,
        )
    }
}

fn best(row: &[f32]) -> u32 {
    (0..row.len())
        .max_by(|&a, &b| row[a].total_cmp(&row[b]).then(b.cmp(&a)))
        .unwrap() as u32
}

#[test]
fn every_family_is_computed_as_its_description_says() {
    for (name, case) in cases() {
        for isa in Isa::available() {
            let model = case
                .load(&case.config, 2, Some(isa))
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            let rows = score(&model, &case.tokens, KvFormat::F32).unwrap();
            let (worst, mean) = case.distance(&rows);
            assert!(
                mean < worst / 2.0,
                "{name} on {isa:?}: all logits are off, by {mean}"
            );
            assert!(
                worst < BOUND,
                "{name} on {isa:?}: worst {worst:.2e}, mean {mean:.2e}"
            );
            let greedy: Vec<u32> = rows.iter().map(|row| best(row)).collect();
            assert_eq!(greedy, case.greedy, "{name} on {isa:?}");
        }
    }
}

/// Counter-check: each setting, slightly changed, is far outside the bound.
#[test]
fn a_setting_that_is_slightly_other_shows() {
    let cases = cases();
    for (name, key, value) in [
        (
            "llama, linear",
            "rope_scaling",
            json!({ "rope_type": "linear", "factor": 4.1 }),
        ),
        (
            "llama, yarn",
            "rope_scaling",
            json!({ "rope_type": "yarn", "factor": 3.9, "original_max_position_embeddings": 400 }),
        ),
        ("mistral, window", "sliding_window", json!(8)),
        ("qwen2, window", "max_window_layers", json!(3)),
        ("smollm3", "no_rope_layer_interval", json!(4)),
        ("phi3", "sliding_window", json!(12)),
        ("phi3, part of heads", "partial_rotary_factor", json!(0.5)),
        ("granite", "embedding_multiplier", json!(14.0)),
        ("granite", "residual_multiplier", json!(0.23)),
        ("granite", "attention_multiplier", json!(0.5)),
        ("granite", "logits_scaling", json!(8.5)),
        ("gemma2", "attn_logit_softcapping", json!(5.1)),
        ("gemma2", "final_logit_softcapping", json!(3.1)),
        ("gemma2", "query_pre_attn_scalar", json!(25)),
        ("gemma3", "sliding_window_pattern", json!(3)),
        ("gemma3", "rope_local_base_freq", json!(1100.0)),
    ] {
        let case = &cases[name];
        let mut config = case.config.clone();
        config[key] = value;
        let rows = score(
            &case.load(&config, 1, None).unwrap(),
            &case.tokens,
            KvFormat::F32,
        )
        .unwrap();
        let (worst, _) = case.distance(&rows);
        assert!(worst > 20.0 * BOUND, "{name} with another {key}: {worst}");
    }
}

/// The tokens of each request, all submitted at once.
fn serve(
    model: &Arc<Model>,
    requests: &[Request],
    max_batch: usize,
    prefill_chunk: usize,
) -> BTreeMap<u64, Vec<u32>> {
    let options = BatchOptions {
        kv_bytes: 1 << 20,
        max_batch,
        prefill_chunk,
        ..BatchOptions::default()
    };
    let mut batcher = Batcher::new(Arc::clone(model), options).unwrap();
    requests
        .iter()
        .for_each(|request| batcher.submit(request.clone()).unwrap());
    let (mut events, mut tokens) = (Vec::new(), BTreeMap::<u64, Vec<u32>>::new());
    while !batcher.is_idle() {
        batcher.step(&mut events);
        for event in events.drain(..) {
            match event {
                Event::Token { id, token } => tokens.entry(id).or_default().push(token),
                Event::Failed { fault, .. } => panic!("{fault}"),
                Event::Started { .. } | Event::Finished { .. } => {}
            }
        }
    }
    tokens
}

#[test]
fn tokens_of_every_family_do_not_depend_on_company() {
    for (name, case) in cases() {
        let request = |id: u64| {
            let from = 2 * id as usize;
            let prompt =
                case.tokens[from..(from + 3 + 4 * id as usize).min(case.tokens.len())].to_vec();
            Request {
                id,
                prompt,
                max_new_tokens: 12,
                sampling: Sampling::Greedy,
                stop_on_eos: false,
            }
        };
        let requests: Vec<Request> = (0..8).map(request).collect();
        for isa in Isa::available() {
            let model = case.load(&case.config, 2, Some(isa)).unwrap();
            let alone: BTreeMap<u64, Vec<u32>> = requests
                .iter()
                .flat_map(|one| serve(&model, std::slice::from_ref(one), 1, 64))
                .collect();
            for (batch, chunk) in [(8, 5), (8, 64), (3, 11), (5, 1)] {
                assert_eq!(
                    serve(&model, &requests, batch, chunk),
                    alone,
                    "{name} on {isa:?}, {batch} and {chunk}"
                );
            }
        }
    }
}
