//! Admission, order, refusals, cancellation and ends of requests.

use std::sync::Arc;

use inference::batcher::{Batcher, kv_bytes_needed, memory_needed};
use inference::config::KvFormat;
use inference::model::Model;
use inference::request::{BatchOptions, Event, Fault, FinishReason, Refusal, Request};
use inference::sampling::Sampling;

use crate::random_model::{Random, SMALL};

fn request(id: u64, prompt: usize, new: usize) -> Request {
    Request {
        id,
        prompt: Random(id).tokens(prompt, SMALL.vocab),
        max_new_tokens: new,
        sampling: Sampling::Greedy,
        stop_on_eos: false,
    }
}

fn model() -> Arc<Model> {
    SMALL.load(1, None)
}

fn with_pages(model: &Model, pages: usize) -> BatchOptions {
    let kv_bytes = kv_bytes_needed(model.config(), KvFormat::Bf16, pages, 16);
    BatchOptions {
        kv_bytes,
        max_batch: 8,
        max_queue: 4,
        prefill_chunk: 16,
        ..BatchOptions::default()
    }
}

fn batcher(pages: usize) -> Batcher {
    let model = model();
    let options = with_pages(&model, pages);
    Batcher::new(model, options).unwrap()
}

fn run_out(batcher: &mut Batcher) -> Vec<Event> {
    let mut events = Vec::new();
    while !batcher.is_idle() {
        batcher.step(&mut events);
    }
    events
}

fn ended(events: &[Event]) -> Vec<u64> {
    events
        .iter()
        .filter_map(|e| {
            if let Event::Finished { id, .. } = e {
                Some(*id)
            } else {
                None
            }
        })
        .collect()
}

#[test]
fn refusals_name_their_reason_and_leave_nothing_behind() {
    let mut batcher = batcher(4);
    let refused = |batcher: &mut Batcher, request| batcher.submit(request).unwrap_err();
    assert_eq!(
        refused(&mut batcher, request(1, 0, 1)),
        Refusal::EmptyPrompt
    );
    assert_eq!(
        refused(&mut batcher, request(1, 1, 0)),
        Refusal::NothingAsked
    );
    let overflow = Refusal::ContextOverflow {
        asked: 257,
        limit: 256,
    };
    assert_eq!(refused(&mut batcher, request(1, 200, 57)), overflow);
    let never = Refusal::CannotEverFit { asked: 5, total: 4 };
    assert_eq!(refused(&mut batcher, request(1, 60, 6)), never);
    let foreign = Request {
        prompt: vec![3, 131],
        ..request(1, 1, 1)
    };
    assert_eq!(
        refused(&mut batcher, foreign),
        Refusal::TokenOutOfRange {
            token: 131,
            vocabulary: 131
        }
    );
    let cold = Sampling::Seeded {
        seed: 1,
        temperature: 0.0,
        top_k: 0,
        top_p: 1.0,
    };
    assert_eq!(
        refused(
            &mut batcher,
            Request {
                sampling: cold,
                ..request(1, 1, 1)
            }
        ),
        Refusal::BadSampling
    );
    assert!(batcher.is_idle());
    for id in 0..4 {
        batcher.submit(request(id, 60, 5)).unwrap();
    }
    assert_eq!(
        refused(&mut batcher, request(3, 1, 1)),
        Refusal::DuplicateId { id: 3 }
    );
    assert!(batcher.cancel(3) && !batcher.cancel(3));
    batcher.submit(request(3, 1, 1)).unwrap();
    assert_eq!(
        refused(&mut batcher, request(9, 1, 1)),
        Refusal::QueueFull { limit: 4 }
    );
    assert_eq!(ended(&run_out(&mut batcher)), [0, 1, 2, 3]);
}

#[test]
fn tight_pages_are_served_in_order_of_arrival_and_all_come_back() {
    let mut batcher = batcher(4);
    // The second needs all pages; the third and fourth would fit beside the first but must not
    // overtake.
    for (id, prompt, new) in [(0, 16, 4), (1, 50, 10), (2, 5, 3), (3, 5, 3)] {
        batcher.submit(request(id, prompt, new)).unwrap();
    }
    let mut events = Vec::new();
    let report = batcher.step(&mut events);
    assert_eq!(
        (
            report.running,
            report.waiting,
            report.kv_pages_used,
            report.kv_pages_total
        ),
        (1, 3, 2, 4)
    );
    events.extend(run_out(&mut batcher));
    let started: Vec<_> = events
        .iter()
        .filter_map(|e| {
            if let Event::Started { id } = e {
                Some(*id)
            } else {
                None
            }
        })
        .collect();
    assert_eq!(started, [0, 1, 2, 3]);
    assert_eq!(ended(&events)[..2], [0, 1]);
    assert_eq!(batcher.step(&mut events).kv_pages_used, 0);
}

#[test]
fn every_request_gets_its_tokens_between_start_and_end() {
    let mut batcher = batcher(8);
    for id in 0..4 {
        batcher
            .submit(request(id, 10 + id as usize, 3 + id as usize))
            .unwrap();
    }
    let events = run_out(&mut batcher);
    for id in 0..4 {
        let of = |e: &&Event| matches!(**e, Event::Started { id: i } | Event::Token { id: i, .. } | Event::Finished { id: i, .. } if i == id);
        let mine: Vec<_> = events.iter().filter(of).collect();
        assert_eq!(mine.len(), 2 + 3 + id as usize);
        assert_eq!(*mine[0], Event::Started { id });
        assert_eq!(
            *mine[mine.len() - 1],
            Event::Finished {
                id,
                reason: FinishReason::Length
            }
        );
    }
}

#[test]
fn a_long_prompt_does_not_stall_decoding() {
    let mut batcher = batcher(40);
    let mut events = Vec::new();
    batcher.submit(request(0, 4, 30)).unwrap();
    batcher.step(&mut events);
    batcher.submit(request(1, 200, 2)).unwrap();
    events.clear();
    for _ in 0..12 {
        let report = batcher.step(&mut events);
        assert_eq!((report.prefill_tokens, report.decode_tokens), (16, 1));
    }
    assert_eq!(
        events
            .iter()
            .filter(|e| matches!(e, Event::Token { id: 0, .. }))
            .count(),
        12
    );
    assert!(
        !events
            .iter()
            .any(|e| matches!(e, Event::Token { id: 1, .. }))
    );
    batcher.step(&mut events);
    assert!(matches!(
        events[events.len() - 1],
        Event::Token { id: 1, .. }
    ));
}

/// Counter-check: with chunks as long as the prompt, one step contains all of it and the test above
/// would notice.
#[test]
fn without_chunks_a_long_prompt_stalls_decoding() {
    let model = model();
    let options = BatchOptions {
        prefill_chunk: 1000,
        ..with_pages(&model, 40)
    };
    let mut batcher = Batcher::new(model, options).unwrap();
    let mut events = Vec::new();
    batcher.submit(request(0, 4, 30)).unwrap();
    batcher.step(&mut events);
    batcher.submit(request(1, 200, 2)).unwrap();
    let report = batcher.step(&mut events);
    assert_eq!((report.prefill_tokens, report.decode_tokens), (200, 1));
}

#[test]
fn cancelling_works_in_every_state_and_disturbs_nobody() {
    let undisturbed: Vec<_> = {
        let mut batcher = batcher(8);
        batcher.submit(request(1, 20, 6)).unwrap();
        run_out(&mut batcher)
    };
    let mut batcher = batcher(8);
    for id in 0..4 {
        batcher.submit(request(id, 20, 6)).unwrap();
    }
    let mut events = Vec::new();
    batcher.step(&mut events);
    assert!(batcher.cancel(0), "decoding or prefilling");
    assert!(batcher.cancel(3), "waiting for its pages or its turn");
    assert!(!batcher.cancel(3) && !batcher.cancel(99));
    batcher.step(&mut events);
    batcher.step(&mut events);
    assert!(batcher.cancel(2), "decoding");
    events.extend(run_out(&mut batcher));
    assert_eq!(ended(&events), [1]);
    let mine = |e: &&Event| matches!(**e, Event::Started { id } | Event::Token { id, .. } | Event::Finished { id, .. } if id == 1);
    let survived: Vec<_> = events.iter().filter(mine).copied().collect();
    assert_eq!(survived, undisturbed);
    assert_eq!(batcher.step(&mut events).kv_pages_used, 0);
}

#[test]
fn an_end_token_ends_only_those_who_asked() {
    let model = model();
    let eos = model.config().eos[0];
    // Sampling at a high temperature over a small vocabulary soon draws the end token.
    let hot = |stop_on_eos| Request {
        sampling: Sampling::Seeded {
            seed: 5,
            temperature: 50.0,
            top_k: 0,
            top_p: 1.0,
        },
        stop_on_eos,
        ..request(1, 3, 240)
    };
    let run = |request| {
        let mut batcher = Batcher::new(Arc::clone(&model), with_pages(&model, 16)).unwrap();
        batcher.submit(request).unwrap();
        run_out(&mut batcher)
    };
    let (stopping, going) = (run(hot(true)), run(hot(false)));
    assert_eq!(
        stopping[stopping.len() - 1],
        Event::Finished {
            id: 1,
            reason: FinishReason::Eos
        }
    );
    assert!(!stopping.contains(&Event::Token { id: 1, token: eos }));
    assert_eq!(
        going[going.len() - 1],
        Event::Finished {
            id: 1,
            reason: FinishReason::Length
        }
    );
    assert_eq!(
        going
            .iter()
            .position(|e| *e == Event::Token { id: 1, token: eos }),
        Some(stopping.len() - 1)
    );
}

#[test]
fn logits_that_are_not_finite_fail_the_request() {
    let folder = tempfile::tempdir().unwrap();
    SMALL.write(folder.path());
    let path = folder.path().join("model.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    // The head is the last tensor. Its last row has finite values so large that their products are
    // not finite.
    let row = bytes.len() - 2 * SMALL.hidden;
    bytes[row..]
        .as_chunks_mut()
        .0
        .fill(half::bf16::MAX.to_le_bytes());
    std::fs::write(&path, bytes).unwrap();
    let model = Arc::new(Model::load(folder.path(), &Default::default(), &mut |_| ()).unwrap());
    for sampling in [
        Sampling::Greedy,
        Sampling::Seeded {
            seed: 1,
            temperature: 1.0,
            top_k: 3,
            top_p: 0.9,
        },
    ] {
        let mut batcher = Batcher::new(Arc::clone(&model), with_pages(&model, 8)).unwrap();
        batcher
            .submit(Request {
                sampling,
                ..request(1, 4, 4)
            })
            .unwrap();
        let failed = Event::Failed {
            id: 1,
            fault: Fault::NonFiniteLogits,
        };
        assert_eq!(run_out(&mut batcher), [Event::Started { id: 1 }, failed]);
    }
}

#[test]
fn memory_grows_with_concurrency_up_to_the_largest_batch() {
    let model = model();
    let options = BatchOptions {
        max_batch: 10,
        ..with_pages(&model, 1)
    };
    let bytes = |concurrency| {
        memory_needed(
            model.config(),
            model.facts().bytes,
            concurrency,
            100,
            &options,
        )
    };
    assert!(bytes(1) > model.facts().bytes);
    assert!(bytes(10) > bytes(9) && bytes(9) > bytes(1));
    assert_eq!(bytes(10), bytes(200));
}

#[test]
fn what_ends_with_a_step_is_counted_in_it() {
    let mut batcher = batcher(4);
    batcher.touch_cache();
    batcher.submit(request(0, 16, 1)).unwrap();
    let report = batcher.step(&mut Vec::new());
    assert_eq!(
        (
            report.held,
            report.kv_pages_held,
            report.running,
            report.kv_pages_used
        ),
        (1, 1, 0, 0)
    );
    let idle = batcher.step(&mut Vec::new());
    assert_eq!((idle.held, idle.kv_pages_held), (0, 0));
}
