//! One pass of a batch of tokens through the model: which kernel works on which buffer, in which
//! order. Owns the activations and the cache. Must not know requests: input is tokens with
//! positions and pages, output is logits.
#![expect(
    unsafe_code,
    reason = "kernels take addresses; each use is argued where it stands"
)]

use std::sync::Arc;

use crate::aligned::Aligned;
use crate::aligned::padded;
use crate::config::Config;
use crate::error::LoadError;
use crate::kernels::{Attention, PAGE};
use crate::kv::KvCache;
use crate::layer::Layer;
use crate::model::Model;
use crate::pass::{Batch, RUN};
use crate::products::rowwise::{
    normalise, normalise_heads, normalise_into, per_token, rotate, scale,
};
use crate::products::{Product, Space, multiply, multiply_gated};
use crate::shared::Shared;
use crate::team::Team;

/// Everything that computes: model, threads, cache and activations.
pub(crate) struct Engine {
    model: Arc<Model>,
    team: Team,
    pub(crate) cache: KvCache,
    work: Activations,
}

/// Buffers, one row per token, each row padded with zeros to a multiple of 16.
struct Activations {
    stream: Aligned<f32>,
    normed: Aligned<f32>,
    queries: Aligned<f32>,
    keys: Aligned<f32>,
    values: Aligned<f32>,
    mixed: Aligned<f32>,
    gate: Aligned<f32>,
    up: Aligned<f32>,
    /// For each token, those of each of the model's rotary embeddings.
    cosines: Aligned<f32>,
    sines: Aligned<f32>,
    last: Aligned<f32>,
    logits: Aligned<f32>,
    space: Space,
    /// One part for each worker.
    scores: Aligned<f32>,
    score_stride: usize,
}

impl Activations {
    fn new(model: &Model, tokens: usize, logits: usize, longest: usize) -> Self {
        let config = &model.config;
        let rows = |width: usize| Aligned::new(tokens * padded(width));
        let (queries, keys) = (
            config.heads * config.head_dim,
            config.kv_heads * config.head_dim,
        );
        let score_stride = longest.next_multiple_of(PAGE);
        Self {
            stream: rows(config.hidden_size),
            normed: rows(config.hidden_size),
            queries: rows(queries),
            keys: rows(keys),
            values: rows(keys),
            mixed: rows(queries),
            gate: rows(config.intermediate_size),
            up: rows(config.intermediate_size),
            cosines: Aligned::new(tokens * model.ropes.len() * config.head_dim / 2),
            sines: Aligned::new(tokens * model.ropes.len() * config.head_dim / 2),
            last: Aligned::new(logits * padded(config.hidden_size)),
            logits: Aligned::new(logits * config.vocab_size),
            space: Space::new(model.kernels, model.threads(), tokens, widest(config)),
            scores: Aligned::new(model.threads() * RUN * config.group() * score_stride),
            score_stride,
        }
    }

    /// Bytes of the buffers, without the attention scores.
    fn bytes(config: &Config, tokens: usize, logits: usize) -> usize {
        let per_token = 2 * padded(config.hidden_size)
            + 2 * padded(config.heads * config.head_dim)
            + 2 * padded(config.kv_heads * config.head_dim)
            + 2 * padded(config.intermediate_size)
            + config.head_dim * (1 + usize::from(config.local_rope.is_some()));
        size_of::<f32>()
            * (tokens * per_token + logits * (padded(config.hidden_size) + config.vocab_size))
    }
}

/// Columns of the widest matrix.
fn widest(config: &Config) -> usize {
    config
        .hidden_size
        .max(config.intermediate_size)
        .max(config.heads * config.head_dim)
}

/// Bytes of activations for passes of `tokens` tokens, `logits` of which need logits.
pub(crate) fn activation_bytes(config: &Config, tokens: usize, logits: usize) -> usize {
    Activations::bytes(config, tokens, logits)
}

impl Engine {
    /// An engine for passes of at most `tokens` tokens, `logits` of which need logits.
    pub(crate) fn new(
        model: Arc<Model>,
        cache: KvCache,
        tokens: usize,
        logits: usize,
    ) -> Result<Self, LoadError> {
        let threads = model.threads();
        let team = Team::new(threads).map_err(|source| LoadError::Threads { threads, source })?;
        let longest = model.config.context.min(cache.total() * PAGE);
        let work = Activations::new(&model, tokens, logits, longest);
        Ok(Self {
            model,
            team,
            cache,
            work,
        })
    }

    pub(crate) fn model(&self) -> &Model {
        &self.model
    }

    /// Logits of the n-th token that needed them in the last pass.
    pub(crate) fn logits(&self, index: usize) -> &[f32] {
        let vocab = self.model.config.vocab_size;
        &self.work.logits[index * vocab..(index + 1) * vocab]
    }

    /// The greedy choice for each of the first `choices.len()` logit rows; `None` if a logit is not
    /// finite.
    pub(crate) fn greedy(&mut self, choices: &mut [Option<u32>]) {
        let (kernels, vocab) = (self.model.kernels, self.model.config.vocab_size);
        let logits = &self.work.logits;
        let count = choices.len();
        let out = Shared::new(choices);
        self.team.run(count, &|task| {
            let row = &logits[task.index * vocab..(task.index + 1) * vocab];
            // SAFETY: each task writes its own element.
            unsafe {
                out.slice(task.index, 1)[0] = kernels.first_largest(row).map(|index| index as u32);
            };
        });
    }

    /// Computes a batch: keys and values go to the cache, the requested logits to the logit rows.
    pub(crate) fn forward(&mut self, batch: &Batch) {
        let model = Arc::clone(&self.model);
        self.embed(&model, batch);
        for (index, layer) in model.layers.iter().enumerate() {
            self.attention_inputs(&model, layer, batch);
            self.store(&model, index, batch);
            self.attend(&model, index, batch);
            self.attention_output(&model, layer, batch);
            self.feed_forward(&model, layer, batch);
        }
        self.project(&model, batch);
    }

    fn embed(&mut self, model: &Model, batch: &Batch) {
        let (hidden, half) = (model.config.hidden_size, model.config.head_dim / 2);
        let ropes = model.ropes.len();
        for (index, item) in batch.items.iter().enumerate() {
            let row = &mut self.work.stream[index * padded(hidden)..][..hidden];
            model.embedding.read_row(item.token as usize, row);
            for (number, rope) in model.ropes.iter().enumerate() {
                let angles = (index * ropes + number) * half..(index * ropes + number + 1) * half;
                let (cosines, sines) = (
                    &mut self.work.cosines[angles.clone()],
                    &mut self.work.sines[angles],
                );
                rope.fill(item.position as u32, cosines, sines);
            }
        }
        scale(
            &mut self.work.stream,
            hidden,
            batch.len(),
            model.config.scales.embedding,
        );
    }

    fn attention_inputs(&mut self, model: &Model, layer: &Layer, batch: &Batch) {
        let work = &mut self.work;
        let count = batch.len();
        normalise(
            &mut self.team,
            model,
            &mut work.stream,
            &layer.attention_norm,
            &mut work.normed,
            count,
        );
        let products = [
            Product::linear(&layer.q, &work.normed, &mut work.queries, count, false),
            Product::linear(&layer.k, &work.normed, &mut work.keys, count, false),
            Product::linear(&layer.v, &work.normed, &mut work.values, count, false),
        ];
        multiply(&mut self.team, model.kernels, products, &mut work.space);
    }

    /// Rotates queries and keys and writes keys and values into the cache.
    fn store(&mut self, model: &Model, layer: usize, batch: &Batch) {
        let (config, kind) = (&model.config, &model.layers[layer]);
        let (width, half) = (config.head_dim, config.head_dim / 2);
        let (rope, ropes) = (kind.rope(model.ropes.len()), model.ropes.len());
        let pairs = if kind.kind.rotated {
            model.ropes[rope].pairs()
        } else {
            0
        };
        let (norms, eps) = (&kind.head_norms, config.rms_norm_eps);
        let (query_row, key_row) = (
            padded(config.heads * width),
            padded(config.kv_heads * width),
        );
        let work = &mut self.work;
        let (queries, keys) = (Shared::new(&mut work.queries), Shared::new(&mut work.keys));
        let (values, cosines, sines) = (&work.values, &work.cosines, &work.sines);
        let writer = self.cache.writer();
        let body = |index: usize| {
            let item = batch.items[index];
            let angles = (index * ropes + rope) * half;
            let (cosines, sines) = (&cosines[angles..][..pairs], &sines[angles..][..pairs]);
            // SAFETY: each token is handled once, and only by this task.
            unsafe {
                let query = queries.slice(index * query_row, config.heads * width);
                let key = keys.slice(index * key_row, config.kv_heads * width);
                for (row, norm) in [&mut *query, &mut *key].into_iter().zip(norms) {
                    if !norm.is_empty() {
                        normalise_heads(row, width, norm, eps);
                    }
                    rotate(row, width, cosines, sines);
                }
                let pages = batch.pages_of(item.run);
                writer.write(layer, pages, item.position, key, &values[index * key_row..]);
            }
        };
        per_token(&mut self.team, batch.len(), &body);
    }

    fn attend(&mut self, model: &Model, layer: usize, batch: &Batch) {
        let config = &model.config;
        let (group, width, stride) = (
            config.group(),
            config.head_dim,
            padded(config.heads * config.head_dim),
        );
        let window = model.layers[layer].kind.window.unwrap_or(usize::MAX);
        let (work, cache) = (&mut self.work, &self.cache);
        let kernel = model.kernels.attend(cache.format());
        let (queries, score_stride) = (&work.queries, work.score_stride);
        let (mixed, scores) = (Shared::new(&mut work.mixed), Shared::new(&mut work.scores));
        self.team.run(batch.runs.len() * config.kv_heads, &|task| {
            let (run, head) = (
                batch.runs[task.index / config.kv_heads],
                task.index % config.kv_heads,
            );
            let start = run.first * stride + head * group * width;
            let job = Attention {
                q: queries[start..].as_ptr(),
                stride,
                tokens: run.count,
                group,
                head: width,
                keys: cache.keys(layer, head),
                values: cache.values(layer, head),
                page_stride: cache.page_stride(),
                pages: batch.pages[run.pages..].as_ptr(),
                seen: batch.items[run.first].position + 1,
                out: mixed.pointer(start),
                scores: scores.pointer(task.worker * RUN * group * score_stride),
                score_stride,
                scale: config.scales.attention,
                cap: config.caps[0],
                window,
            };
            // SAFETY: `store` has filled the pages up to each token's position; outputs of
            // different runs and heads are disjoint; the scores are this worker's.
            unsafe { kernel(&job) };
        });
    }

    fn attention_output(&mut self, model: &Model, layer: &Layer, batch: &Batch) {
        let (work, config, count) = (&mut self.work, &model.config, batch.len());
        scale(
            &mut work.mixed,
            config.heads * config.head_dim,
            count,
            config.scales.residual,
        );
        let behind = &layer.behind_attention;
        // If a norm follows, the result goes through rows that are no longer needed.
        let to = if behind.is_empty() {
            &mut work.stream
        } else {
            &mut work.normed
        };
        let job = Product::linear(&layer.o, &work.mixed, to, count, behind.is_empty());
        multiply(&mut self.team, model.kernels, [job], &mut work.space);
        if !behind.is_empty() {
            normalise_into(
                &mut self.team,
                model,
                &mut work.normed,
                behind,
                &mut work.stream,
                count,
            );
        }
    }

    fn feed_forward(&mut self, model: &Model, layer: &Layer, batch: &Batch) {
        let work = &mut self.work;
        let count = batch.len();
        normalise(
            &mut self.team,
            model,
            &mut work.stream,
            &layer.feed_norm,
            &mut work.normed,
            count,
        );
        let gate = Product::linear(&layer.gate, &work.normed, &mut work.gate, count, false);
        let up = Product::linear(&layer.up, &work.normed, &mut work.up, count, false);
        multiply_gated(
            &mut self.team,
            model.kernels,
            model.config.activation,
            [gate, up],
            &mut work.space,
        );
        scale(
            &mut work.gate,
            model.config.intermediate_size,
            count,
            model.config.scales.residual,
        );
        let behind = &layer.behind_feed;
        let to = if behind.is_empty() {
            &mut work.stream
        } else {
            &mut work.normed
        };
        let down = Product::linear(&layer.down, &work.gate, to, count, behind.is_empty());
        multiply(&mut self.team, model.kernels, [down], &mut work.space);
        if !behind.is_empty() {
            normalise_into(
                &mut self.team,
                model,
                &mut work.normed,
                behind,
                &mut work.stream,
                count,
            );
        }
    }

    /// Final norm and output head for the tokens that need logits.
    fn project(&mut self, model: &Model, batch: &Batch) {
        let (row, hidden) = (padded(model.config.hidden_size), model.config.hidden_size);
        let work = &mut self.work;
        for (index, &token) in batch.wanted.iter().enumerate() {
            let from = &work.stream[token * row..(token + 1) * row];
            let to = &mut work.last[index * row..(index + 1) * row];
            let eps = model.config.rms_norm_eps;
            // SAFETY: both rows and the norm are padded to 16 elements.
            unsafe {
                let norm = model.final_norm.as_ptr();
                (model.kernels.rms_norm)(from.as_ptr(), norm, to.as_mut_ptr(), hidden, eps);
            }
        }
        let count = batch.wanted.len();
        let head = Product::dense(&model.head, &work.last, &mut work.logits, count);
        multiply(&mut self.team, model.kernels, [head], &mut work.space);
        let (vocab, cap) = (model.config.vocab_size, model.config.caps[1]);
        if cap > 0.0 {
            let logits = Shared::new(&mut work.logits);
            self.team.run(batch.wanted.len(), &|task| {
                // SAFETY: each task has its own row.
                unsafe { (model.kernels.cap)(logits.pointer(task.index * vocab), vocab, cap) };
            });
        }
    }
}
