//! Teacher-forced logits: the model's prediction after each token of a given text. For checks
//! against a reference and for quality figures, not for serving.

use std::sync::Arc;

use crate::config::KvFormat;
use crate::error::LoadError;
use crate::forward::Engine;
use crate::kv::{KvCache, page_bytes, pages_for};
use crate::model::Model;
use crate::pass::Batch;

/// Tokens of one pass.
const CHUNK: usize = 32;

/// The logits after each of `tokens`, one row of vocabulary size for each token.
///
/// # Errors
/// When the engine's threads cannot be started.
///
/// # Panics
/// If a token is not in the vocabulary or the text exceeds the context.
pub fn score(model: &Arc<Model>, tokens: &[u32], kv: KvFormat) -> Result<Vec<Vec<f32>>, LoadError> {
    let config = model.config();
    assert!(tokens.len() <= config.context, "the text fits the context");
    let count = pages_for(tokens.len());
    let mut cache = KvCache::new(config, kv, count * page_bytes(config, kv));
    let pages = cache
        .take(count)
        .expect("the cache was made for these pages");
    let mut engine = Engine::new(Arc::clone(model), cache, CHUNK, CHUNK)?;
    let mut batch = Batch::default();
    let mut rows = Vec::with_capacity(tokens.len());
    for (index, chunk) in tokens.chunks(CHUNK).enumerate() {
        batch.clear();
        batch.push(chunk, index * CHUNK, &pages, chunk.len());
        engine.forward(&batch);
        rows.extend((0..chunk.len()).map(|row| engine.logits(row).to_vec()));
    }
    Ok(rows)
}
