//! Checks that hold for every run, whatever happened to it: nothing lost, nothing counted twice.

use std::collections::{BTreeMap, BTreeSet};

use contract::part::Part;
use contract::record::Record;
use contract::run::{NoticeKind, RunState};
use coordinator::store::RunRecord;

/// A block's parts as they are stored.
pub(crate) type Blocks = BTreeMap<(u32, u32), Vec<Vec<u8>>>;

/// The sealed parts of every completed block.
pub(crate) fn blocks(record: &RunRecord) -> Blocks {
    let key = |part: &Part| (part.place.key.cell, part.place.key.round);
    let mut blocks: Blocks = record
        .blocks
        .iter()
        .map(|done| ((done.cell, done.round), Vec::new()))
        .collect();
    for part in &record.parts {
        blocks
            .get_mut(&key(part))
            .expect("parts of blocks that are done only")
            .push(part.seal().unwrap());
    }
    blocks
}

/// Checks that every accepted part has a unique key, belongs to the accepted attempt, and has an
/// outcome for all its requests, and that together they equal what the blocks planned. Returns the
/// number of requests over all parts.
pub(crate) fn requests(record: &RunRecord) -> u64 {
    let places: BTreeSet<_> = record
        .parts
        .iter()
        .map(|part| (part.place.key.to_string(), part.place.slot))
        .collect();
    assert_eq!(places.len(), record.parts.len(), "no part counts twice");
    for part in &record.parts {
        let key = part.place.key;
        let done = record
            .blocks
            .iter()
            .find(|block| (block.cell, block.round) == (key.cell, key.round));
        assert_eq!(done.expect("its block is done").attempt, part.place.attempt);
        assert_eq!(part.outcomes.ended(), part.outcomes.planned);
    }
    let ended: u64 = record.parts.iter().map(|part| part.outcomes.ended()).sum();
    assert_eq!(
        ended,
        record
            .blocks
            .iter()
            .map(|block| block.planned_requests)
            .sum::<u64>()
    );
    ended
}

pub(crate) fn state(record: &RunRecord) -> Option<RunState> {
    record.end.as_ref().map(|end| end.state)
}

pub(crate) fn notices(record: &RunRecord) -> Vec<NoticeKind> {
    record.notices.iter().map(|notice| notice.kind).collect()
}

/// The same without late messages: messages that other workers sent before they heard of a loss may
/// or may not arrive in time.
pub(crate) fn losses(record: &RunRecord) -> Vec<NoticeKind> {
    notices(record)
        .into_iter()
        .filter(|kind| *kind != NoticeKind::Late)
        .collect()
}

/// The exit code of a complete run without a gate, from its validity. A busy machine may make a
/// measurement INVALID, which these tests ignore.
pub(crate) fn owed(record: &RunRecord) -> Option<i32> {
    match record.end.as_ref()?.validity.as_str() {
        "VALID" => Some(0),
        "INCONCLUSIVE" => Some(3),
        _ => Some(4),
    }
}

/// One block of three arms for each round: `requests` requests of `tokens` tokens, with steps of
/// `step_ms`.
pub(crate) fn plan(rounds: u32, requests: u32, tokens: u32, step_ms: u32) -> String {
    format!(
        "name = 'small'\nrounds = {rounds}\nengine = 'sim'\nslots = 2\n\
         timeouts = {{ start = 20, stop = 2, lease = 10 }}\n\
         sim.all = {{ load_ns = 1000, decode_ns = 1000, prefill_ns = 100, step_base_ns = {step_ms}000000 }}\n\
         [[scenario]]\nname = 'burst'\nshape = {{ kind = 'burst', requests = {requests} }}\n\
         prompt = {{ tokens = 4 }}\noutput_tokens = {tokens}\nwarmup = {{ requests = 2, output_tokens = 1 }}\n"
    )
}
