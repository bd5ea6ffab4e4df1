//! Memory that a batcher will need, computed before it exists.

use crate::config::{Config, KvFormat};
use crate::forward::activation_bytes;
use crate::kv::{page_bytes, pages_for};
use crate::model::copied_bytes;
use crate::request::BatchOptions;

/// Bytes that a process needs to serve `concurrency` requests of `tokens` tokens each (prompt and
/// output) at once: weights and the kernels' own copies of them, keys and values, and the
/// activations of the largest pass.
pub fn memory_needed(
    config: &Config,
    weight_bytes: u64,
    concurrency: usize,
    tokens: usize,
    options: &BatchOptions,
) -> u64 {
    let at_once = concurrency.min(options.max_batch.max(1));
    let pages = pages_for(tokens) * at_once;
    let cache = pages as u64 * page_bytes(config, options.kv_format) as u64;
    let pass = at_once + options.prefill_chunk.max(1);
    weight_bytes
        + copied_bytes(config, weight_bytes)
        + cache
        + activation_bytes(config, pass, at_once) as u64
}

/// Bytes of cache for `concurrency` requests of `tokens` tokens each at once.
pub fn kv_bytes_needed(
    config: &Config,
    format: KvFormat,
    concurrency: usize,
    tokens: usize,
) -> usize {
    pages_for(tokens)
        .saturating_mul(concurrency)
        .saturating_mul(page_bytes(config, format))
}
