//! A prompt gets the same tokens alone and in any batch, with any chunk size, cache layout and
//! number of threads, on every kernel path of this machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::random_model::{Random, SMALL, Shape};
use inference::batcher::{Batcher, kv_bytes_needed};
use inference::config::KvFormat;
use inference::kernels::Isa;
use inference::model::Model;
use inference::request::{BatchOptions, Event, Request};
use inference::sampling::Sampling;

const COMPOSITIONS: usize = 60;

fn options(random: &mut Random) -> BatchOptions {
    BatchOptions {
        kv_bytes: 1 << 20,
        max_batch: 1 + random.below(24),
        prefill_chunk: 1 + random.below(40),
        ..BatchOptions::default()
    }
}

fn request(id: u64, random: &mut Random, vocab: usize) -> Request {
    let length = 1 + random.below(60);
    let prompt = random.tokens(length, vocab);
    let sampling = match random.below(4) {
        0 => Sampling::Seeded {
            seed: id,
            temperature: 0.9,
            top_k: 20,
            top_p: 0.95,
        },
        _ => Sampling::Greedy,
    };
    Request {
        id,
        prompt,
        max_new_tokens: 1 + random.below(20),
        sampling,
        stop_on_eos: false,
    }
}

/// Submits requests one after another between steps and collects the tokens of each.
fn serve(
    model: &Arc<Model>,
    options: BatchOptions,
    requests: &[Request],
    gap: usize,
) -> BTreeMap<u64, Vec<u32>> {
    drain(
        &mut Batcher::new(Arc::clone(model), options).unwrap(),
        requests,
        gap,
    )
    .0
}

/// The tokens of each request, and the number of prompt tokens that were not computed.
fn drain(
    batcher: &mut Batcher,
    requests: &[Request],
    gap: usize,
) -> (BTreeMap<u64, Vec<u32>>, usize) {
    let (mut events, mut tokens) = (Vec::new(), BTreeMap::<u64, Vec<u32>>::new());
    let mut hits = 0;
    let mut rest = requests.iter();
    loop {
        for request in rest.by_ref().take(gap) {
            batcher.submit(request.clone()).unwrap();
        }
        if batcher.is_idle() {
            return (tokens, hits);
        }
        hits += batcher.step(&mut events).prefix_hit_tokens;
        for event in events.drain(..) {
            if let Event::Token { id, token } = event {
                tokens.entry(id).or_default().push(token);
            }
        }
    }
}

fn alone(model: &Arc<Model>, requests: &[Request]) -> BTreeMap<u64, Vec<u32>> {
    let options = BatchOptions {
        kv_bytes: 1 << 20,
        max_batch: 1,
        prefill_chunk: 1000,
        ..Default::default()
    };
    requests
        .iter()
        .flat_map(|request| serve(model, options, std::slice::from_ref(request), 1))
        .collect()
}

/// Prompts with common prefixes of different lengths, including two equal ones.
fn alike(vocab: usize) -> Vec<Request> {
    let mut random = Random(5);
    let stem = random.tokens(64, vocab);
    let make = |id: u64| {
        let own = random.below(20);
        let mut prompt = stem[..8 * (id as usize % 9)].to_vec();
        prompt.extend(random.tokens(own + 1, vocab));
        let base = Request {
            prompt,
            ..request(id, &mut random, vocab)
        };
        if id % 5 == 4 {
            Request {
                prompt: stem[..48].to_vec(),
                ..base
            }
        } else {
            base
        }
    };
    (0..24).map(make).collect()
}

/// Tokens and hits of random combinations with prefix reuse, and the tokens of each prompt alone
/// without reuse.
fn with_reuse(prefix_reuse: bool, compositions: usize) -> usize {
    let model = SMALL.load(2, None);
    let requests = alike(SMALL.vocab);
    let expected = alone(&model, &requests);
    let (mut random, mut hits) = (Random(12), 0);
    for composition in 0..compositions {
        let mut chosen = requests.clone();
        chosen.rotate_left(random.below(24));
        // Small caches force pages to be forgotten.
        let kv_bytes = [
            1 << 20,
            kv_bytes_needed(model.config(), KvFormat::Bf16, 2, 110),
        ][composition % 2];
        let mut batcher = Batcher::new(
            Arc::clone(&model),
            BatchOptions {
                prefix_reuse,
                kv_bytes,
                ..options(&mut random)
            },
        )
        .unwrap();
        for pass in 0..2 {
            let gap = 1 + random.below(8);
            let (got, hit) = drain(&mut batcher, &chosen, gap);
            hits += hit;
            assert_eq!(got, expected, "composition {composition}, pass {pass}");
        }
        batcher.forget_prefixes();
    }
    hits
}

#[test]
fn reuse_of_prefixes_changes_no_token() {
    assert!(with_reuse(true, 30) > 0, "prefixes were reused");
    assert_eq!(
        with_reuse(false, 2),
        0,
        "counter-check: nothing is reused by default"
    );
}

fn check(shape: Shape, isa: Isa, compositions: usize) {
    let models: Vec<_> = [1, 2, 3]
        .into_iter()
        .map(|threads| shape.load(threads, Some(isa)))
        .collect();
    let mut random = Random(11);
    let requests: Vec<_> = (0..24)
        .map(|id| request(id, &mut random, shape.vocab))
        .collect();
    let expected = alone(&models[0], &requests);
    assert_eq!(expected.len(), requests.len());
    for composition in 0..compositions {
        let mut chosen = requests.clone();
        chosen.rotate_left(random.below(24));
        chosen.truncate(1 + random.below(24));
        let gap = 1 + random.below(8);
        let model = &models[composition % models.len()];
        let got = serve(model, options(&mut random), &chosen, gap);
        for (id, tokens) in got {
            assert_eq!(
                tokens, expected[&id],
                "request {id} in composition {composition} on {isa:?}"
            );
        }
    }
    // All prompts in one pass: more tokens than a task takes.
    assert!(
        requests
            .iter()
            .map(|request| request.prompt.len())
            .sum::<usize>()
            > 300
    );
    let at_once = BatchOptions {
        kv_bytes: 1 << 22,
        max_batch: 24,
        prefill_chunk: 5000,
        ..Default::default()
    };
    for model in &models {
        assert_eq!(
            serve(model, at_once, &requests, 24),
            expected,
            "all at once on {isa:?}"
        );
    }
}

#[test]
fn tokens_do_not_depend_on_company_chunking_or_threads() {
    for isa in Isa::available() {
        check(SMALL, isa, COMPOSITIONS);
        check(
            Shape {
                format: "F32",
                odd: false,
                tied: true,
                hidden: 64,
                feed: 800,
                ..SMALL
            },
            isa,
            10,
        );
        // Shapes that AMX lays out in tiles.
        check(
            Shape {
                odd: false,
                hidden: 64,
                feed: 96,
                heads: 4,
                vocab: 160,
                ..SMALL
            },
            isa,
            10,
        );
        check(
            Shape {
                format: "F16",
                heads: 4,
                kv_heads: 4,
                head: 32,
                ..SMALL
            },
            isa,
            10,
        );
    }
}

/// Counter-check: a model that differs in one weight's last bit, and a prompt that differs in one
/// token, must give different tokens somewhere, otherwise the test above could not detect a
/// difference.
#[test]
fn a_slightly_different_computation_is_noticed() {
    let mut random = Random(11);
    let requests: Vec<_> = (0..24)
        .map(|id| request(id, &mut random, SMALL.vocab))
        .collect();
    let expected = alone(&SMALL.load(1, None), &requests);
    let other = alone(
        &Shape {
            format: "F16",
            ..SMALL
        }
        .load(1, None),
        &requests,
    );
    assert_ne!(
        expected, other,
        "rounding the weights differently must show"
    );
}
