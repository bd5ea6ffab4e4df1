//! The recorder's results for given instants, written out by hand.

use contract::part::{Itl, STEPS_KEPT};
use contract::spec::{Objectives, Share};

use super::*;

const MS: Duration = Duration::from_millis(1);

fn recorder(output_tokens: u32) -> Recorder {
    let share = Share { index: 1, of: 3 };
    let timeout = 100 * MS;
    let (objectives, start) = (Objectives::default(), 1000 * MS);
    let (requests, run_in, compared, in_flight, ends) = (2, 1, 2, 2, Some(50 * MS));
    Recorder::new(RecordingPlan {
        share,
        requests,
        run_in,
        compared,
        in_flight,
        output_tokens,
        timeout,
        objectives,
        start,
        ends,
    })
}

fn asked(prompt_tokens: u32, output_tokens: u32) -> Asked {
    Asked {
        prompt_tokens,
        output_tokens,
    }
}

fn due(at: Duration) -> Due {
    Due {
        intended: at,
        possible: at,
    }
}

/// Intended at 0, sent at 1, started at 3, tokens at 10, 14, 24 ms.
fn answered(index: u32) -> Recorder {
    let mut recorder = recorder(3);
    let at = |ms: u32| (1000 + ms) * MS;
    recorder.sent(index, asked(5, 3), due(at(0)), at(1));
    recorder.event(at(3), EngineEvent::Started { index });
    for (ms, token) in [(10, 7), (14, 8), (24, 9)] {
        assert_eq!(
            recorder.event(at(ms), EngineEvent::Token { index, token }),
            None
        );
    }
    let ended = recorder.event(
        at(24),
        EngineEvent::Ended {
            index,
            ending: Ending::Finished,
        },
    );
    assert_eq!(
        ended,
        Some(Ended {
            index,
            outcome: Outcome::Ok,
            at: at(24),
            ttft: Some(10 * MS)
        })
    );
    recorder
}

#[test]
fn every_metric_is_what_the_contract_says() {
    let measured = answered(1).finish();
    let only = |metric| {
        let exact = measured.histograms.get(metric).exact();
        (exact.count, exact.sum / 1_000_000)
    };
    assert_eq!(
        Metric::ALL.map(only),
        [
            (1, 24), // e2e
            (1, 10), // ttft
            (2, 14), // itl: 4 and 10
            (1, 7),  // tpot
            (1, 2),  // queue
            (1, 7),  // prefill
            (1, 14), // decode
            (1, 23), // service
            (1, 1),  // lateness
        ]
    );
    let record = measured.requests[0];
    assert_eq!(
        (record.index, record.intended_ns, record.done_ns),
        (1, 0, 24_000_000)
    );
    assert_eq!(
        (
            measured.prompt_tokens,
            measured.output_tokens,
            measured.wall
        ),
        (5, 3, 24 * MS)
    );
}

#[test]
fn what_did_not_succeed_is_counted_and_kept_out_of_latency() {
    let endings = [
        (Ending::Cancelled, Outcome::Cancelled),
        (
            Ending::Refused(crate::engine::ErrorKind::Overloaded),
            Outcome::Refused,
        ),
        (
            Ending::Failed(crate::engine::ErrorKind::Internal),
            Outcome::Failed,
        ),
        (Ending::Disconnected, Outcome::Disconnected),
        (Ending::Finished, Outcome::Failed), // too short an answer
    ];
    for (ending, outcome) in endings {
        let mut recorder = recorder(2);
        recorder.sent(1, asked(5, 2), due(1000 * MS), 1000 * MS);
        recorder.event(1001 * MS, EngineEvent::Token { index: 1, token: 1 });
        let ended = recorder
            .event(1002 * MS, EngineEvent::Ended { index: 1, ending })
            .unwrap();
        assert_eq!(ended.outcome, outcome);
        let measured = recorder.finish();
        assert_eq!((measured.outcomes.ok, measured.outcomes.not_ok()), (0, 1));
        assert!(measured.histograms.get(Metric::Ttft).is_empty());
        assert_eq!(measured.histograms.get(Metric::Lateness).exact().count, 1);
    }
}

#[test]
fn a_full_answer_after_the_timeout_is_a_timeout() {
    let mut recorder = recorder(1);
    recorder.sent(1, asked(5, 1), due(1000 * MS), 1000 * MS);
    recorder.event(1101 * MS, EngineEvent::Token { index: 1, token: 1 });
    let ended = recorder.event(
        1101 * MS,
        EngineEvent::Ended {
            index: 1,
            ending: Ending::Finished,
        },
    );
    assert_eq!(ended.map(|ended| ended.outcome), Some(Outcome::TimedOut));
}

#[test]
fn a_request_ends_once_whatever_comes_later() {
    let mut recorder = answered(1);
    assert_eq!(recorder.end(1, Outcome::TimedOut, 2000 * MS), None);
    assert_eq!(
        recorder.event(2000 * MS, EngineEvent::Token { index: 1, token: 1 }),
        None
    );
    assert_eq!(recorder.outcomes().ended(), 1);
    assert_eq!(recorder.finish().output_tokens, 3);
}

#[test]
fn the_digest_sees_index_and_tokens() {
    let digest = |recorder: Recorder| recorder.finish().token_digest;
    assert_eq!(digest(answered(1)), digest(answered(1)));
    assert_ne!(digest(answered(1)), digest(answered(4)));
    let mut other = answered(1);
    other.tokens[0] ^= 1;
    assert_ne!(digest(answered(1)), digest(other));
}

#[test]
fn tokens_of_one_instant_are_one_step_and_only_so_many_steps_are_kept() {
    let steps = answered(4).finish().steps;
    let of = |ms: u64| Step {
        at_ns: ms * 1_000_000,
        tokens: 1,
    };
    assert_eq!(
        (steps.kept, steps.not_kept),
        (vec![of(10), of(14), of(24)], 0)
    );

    let mut recorder = recorder(STEPS_KEPT as u32);
    let both = [1, 4];
    both.iter()
        .for_each(|index| recorder.sent(*index, asked(5, 9), due(1000 * MS), 1000 * MS));
    for step in 1..=STEPS_KEPT as u32 + 2 {
        for index in both {
            recorder.event((1000 + step) * MS, EngineEvent::Token { index, token: 7 });
        }
    }
    let steps = recorder.finish().steps;
    assert_eq!((steps.kept.len(), steps.not_kept), (STEPS_KEPT, 2));
    assert!(steps.kept.iter().all(|step| step.tokens == 2));
}

/// Five tokens in chunks at these milliseconds, each with the tokens it tells; sent and due at 0.
fn in_chunks(chunks: &[(u32, u32)], told: u32, text: [u32; 2]) -> Measured {
    let (mut recorder, index) = (recorder(5), 1);
    let at = |ms: u32| (1000 + ms) * MS;
    recorder.sent(index, asked(5, 5), due(at(0)), at(0));
    recorder.event(at(1), EngineEvent::Started { index });
    for &(ms, tokens) in chunks {
        recorder.event(at(ms), EngineEvent::Chunk { index, tokens });
    }
    let told = EngineEvent::Told {
        index,
        tokens: told,
        text,
    };
    recorder.event(at(90), told);
    let ending = Ending::Finished;
    recorder.event(at(90), EngineEvent::Ended { index, ending });
    recorder.finish()
}

#[test]
fn a_chunk_is_a_moment_and_what_is_told_counts_the_tokens() {
    let sums = |measured: &Measured| {
        [Metric::Itl, Metric::Tpot, Metric::E2e].map(|metric| {
            let exact = measured.histograms.get(metric).exact();
            (exact.count, exact.sum / 1_000_000)
        })
    };
    // Nobody tells the tokens of a chunk: gaps of chunks, and the first one counts for a token.
    let unknown = in_chunks(&[(10, 0), (30, 0), (50, 0)], 5, [1, 2]);
    assert_eq!(sums(&unknown), [(2, 40), (1, 10), (1, 50)]);
    assert_eq!(
        (unknown.moments.count, unknown.moments.itl),
        (3, Itl::PerChunk)
    );
    assert_eq!(
        (unknown.output_tokens, unknown.requests[0].output_tokens),
        (5, 5)
    );
    assert!(unknown.steps.kept.is_empty());
    // Each tells them: those of a chunk come together, and TPOT is over those after the first.
    let known = in_chunks(&[(10, 1), (30, 2), (50, 2)], 5, [1, 2]);
    assert_eq!(sums(&known), [(4, 40), (1, 10), (1, 50)]);
    assert_eq!((known.moments.count, known.moments.itl), (5, Itl::Exact));
    let first = in_chunks(&[(10, 3), (50, 2)], 5, [1, 2]);
    assert_eq!(sums(&first), [(4, 40), (1, 20), (1, 50)]);
    // The same text is the same answer, however it came.
    assert_eq!(unknown.token_digest, first.token_digest);
    let other = in_chunks(&[(10, 3), (50, 2)], 5, [1, 3]);
    assert_ne!(other.token_digest, first.token_digest);
}

#[test]
fn an_answer_in_chunks_that_is_told_to_be_short_is_none() {
    let short = in_chunks(&[(10, 0), (30, 0)], 4, [1, 2]);
    assert_eq!((short.outcomes.ok, short.outcomes.failed), (0, 1));
}
