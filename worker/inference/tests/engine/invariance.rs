//! The same tokens for a prompt alone, in any company, with any chunking, cache layout and thread count, on
//! every kernel path this machine has.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::random_model::{Random, SMALL, Shape};
use inference::batcher::Batcher;
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
        0 => Sampling::Seeded { seed: id, temperature: 0.9, top_k: 20, top_p: 0.95 },
        _ => Sampling::Greedy,
    };
    Request { id, prompt, max_new_tokens: 1 + random.below(20), sampling, stop_on_eos: false }
}

/// Submits requests one after another between steps and collects each one's tokens.
fn serve(
    model: &Arc<Model>,
    options: BatchOptions,
    requests: &[Request],
    gap: usize,
) -> BTreeMap<u64, Vec<u32>> {
    let mut batcher = Batcher::new(Arc::clone(model), options).unwrap();
    let (mut events, mut tokens) = (Vec::new(), BTreeMap::<u64, Vec<u32>>::new());
    let mut rest = requests.iter();
    loop {
        for request in rest.by_ref().take(gap) {
            batcher.submit(request.clone()).unwrap();
        }
        if batcher.is_idle() {
            return tokens;
        }
        batcher.step(&mut events);
        for event in events.drain(..) {
            if let Event::Token { id, token } = event {
                tokens.entry(id).or_default().push(token);
            }
        }
    }
}

fn alone(model: &Arc<Model>, requests: &[Request]) -> BTreeMap<u64, Vec<u32>> {
    let options = BatchOptions { kv_bytes: 1 << 20, max_batch: 1, prefill_chunk: 1000, ..Default::default() };
    requests.iter().flat_map(|request| serve(model, options, std::slice::from_ref(request), 1)).collect()
}

fn check(shape: Shape, isa: Isa, compositions: usize) {
    let models: Vec<_> = [1, 2, 3].into_iter().map(|threads| shape.load(threads, Some(isa))).collect();
    let mut random = Random(11);
    let requests: Vec<_> = (0..24).map(|id| request(id, &mut random, shape.vocab)).collect();
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
            assert_eq!(tokens, expected[&id], "request {id} in composition {composition} on {isa:?}");
        }
    }
}

#[test]
fn tokens_do_not_depend_on_company_chunking_or_threads() {
    for isa in Isa::available() {
        check(SMALL, isa, COMPOSITIONS);
        check(Shape { format: "F32", odd: false, tied: true, hidden: 64, feed: 800, ..SMALL }, isa, 10);
        check(Shape { format: "F16", heads: 4, kv_heads: 4, head: 32, ..SMALL }, isa, 10);
    }
}

/// The twin: a model that differs in one weight's last bit, and a prompt that differs in one token, must give
/// other tokens somewhere, or the test above could not see a difference.
#[test]
fn a_slightly_different_computation_is_noticed() {
    let mut random = Random(11);
    let requests: Vec<_> = (0..24).map(|id| request(id, &mut random, SMALL.vocab)).collect();
    let expected = alone(&SMALL.load(1, None), &requests);
    let other = alone(&Shape { format: "F16", ..SMALL }.load(1, None), &requests);
    assert_ne!(expected, other, "rounding the weights differently must show");
}
