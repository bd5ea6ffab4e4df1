//! One pass of a batch of tokens through the model: which kernel works on which buffer, and how its work is
//! split over the team. It owns the activations and the cache. It must not know requests: a batch is tokens
//! with positions and pages, and what comes out is logits.
#![expect(unsafe_code, reason = "kernels take addresses; every split of the work is made here")]

use std::sync::Arc;

use crate::config::Config;
use crate::error::LoadError;
use crate::kernels::{Attention, Kernels, MatMul, PAGE, SCRATCH};
use crate::kv::KvCache;
use crate::model::{Layer, Model, padded};
use crate::shared::Shared;
use crate::team::Team;
use crate::weights::Matrix;

/// Consecutive tokens of one sequence that share an attention task.
const RUN: usize = 8;
/// Rows of a matrix in one task, at most.
const MAX_ROWS: usize = 256;
/// Tasks a thread gets per region, so that a disturbed thread delays the others little.
const TASKS_PER_THREAD: usize = 8;
/// Tokens in one task of the small kernels.
const TOKENS_PER_TASK: usize = 8;

/// The tokens of one pass. Tokens of one sequence are consecutive and in order.
#[derive(Default)]
pub(crate) struct Batch {
    items: Vec<Item>,
    runs: Vec<Run>,
    pages: Vec<u32>,
    wanted: Vec<usize>,
}

#[derive(Clone, Copy)]
struct Item {
    token: u32,
    position: usize,
    run: usize,
}

/// At most [`RUN`] consecutive tokens of one sequence, whose pages start at `pages`.
#[derive(Clone, Copy)]
struct Run {
    first: usize,
    count: usize,
    pages: usize,
}

/// Everything that computes: model, threads, cache and activations.
pub(crate) struct Engine {
    model: Arc<Model>,
    team: Team,
    pub(crate) cache: KvCache,
    work: Activations,
}

/// Buffers, one row per token, each row padded with zeros to a multiple of 16.
struct Activations {
    stream: Vec<f32>,
    normed: Vec<f32>,
    queries: Vec<f32>,
    keys: Vec<f32>,
    values: Vec<f32>,
    mixed: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
    cosines: Vec<f32>,
    sines: Vec<f32>,
    last: Vec<f32>,
    logits: Vec<f32>,
    /// One part per worker.
    scratch: Vec<f32>,
    /// One part per worker.
    scores: Vec<f32>,
    score_stride: usize,
}

impl Batch {
    pub(crate) fn with_capacity(tokens: usize, pages: usize) -> Self {
        Self {
            items: Vec::with_capacity(tokens),
            runs: Vec::with_capacity(tokens),
            pages: Vec::with_capacity(pages),
            wanted: Vec::with_capacity(tokens),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.items.clear();
        self.runs.clear();
        self.pages.clear();
        self.wanted.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// Adds tokens of one sequence from `position` on; asks for the logits of the last `logits` of them.
    pub(crate) fn push(&mut self, tokens: &[u32], position: usize, pages: &[u32], logits: usize) {
        let start = self.pages.len();
        self.pages.extend_from_slice(&pages[..(position + tokens.len()).div_ceil(PAGE)]);
        for (index, &token) in tokens.iter().enumerate() {
            if index.is_multiple_of(RUN) {
                let count = RUN.min(tokens.len() - index);
                self.runs.push(Run { first: self.items.len(), count, pages: start });
            }
            if index + logits >= tokens.len() {
                self.wanted.push(self.items.len());
            }
            self.items.push(Item { token, position: position + index, run: self.runs.len() - 1 });
        }
    }

    fn pages_of(&self, run: usize) -> &[u32] {
        &self.pages[self.runs[run].pages..]
    }
}

impl Activations {
    fn new(model: &Model, tokens: usize, logits: usize, longest: usize) -> Self {
        let config = &model.config;
        let rows = |width: usize| vec![0.0; tokens * padded(width)];
        let (queries, keys) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
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
            cosines: vec![0.0; tokens * config.head_dim / 2],
            sines: vec![0.0; tokens * config.head_dim / 2],
            last: vec![0.0; logits * padded(config.hidden_size)],
            logits: vec![0.0; logits * config.vocab_size],
            scratch: vec![0.0; model.threads() * SCRATCH],
            scores: vec![0.0; model.threads() * RUN * config.group() * score_stride],
            score_stride,
        }
    }

    /// Bytes of the buffers, the logits apart from scores.
    fn bytes(config: &Config, tokens: usize, logits: usize) -> usize {
        let per_token = 2 * padded(config.hidden_size)
            + 2 * padded(config.heads * config.head_dim)
            + 2 * padded(config.kv_heads * config.head_dim)
            + 2 * padded(config.intermediate_size)
            + config.head_dim;
        size_of::<f32>() * (tokens * per_token + logits * (padded(config.hidden_size) + config.vocab_size))
    }
}

/// Bytes of activations for passes of `tokens` tokens of which `logits` ask for logits.
pub(crate) fn activation_bytes(config: &Config, tokens: usize, logits: usize) -> usize {
    Activations::bytes(config, tokens, logits)
}

impl Engine {
    /// An engine for passes of at most `tokens` tokens, `logits` of which ask for logits.
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
        Ok(Self { model, team, cache, work })
    }

    pub(crate) fn model(&self) -> &Model {
        &self.model
    }

    /// Logits of the n-th token that asked for them in the last pass.
    pub(crate) fn logits(&self, index: usize) -> &[f32] {
        let vocab = self.model.config.vocab_size;
        &self.work.logits[index * vocab..(index + 1) * vocab]
    }

    /// The greedy choice for each of the first `choices.len()` logit rows; `None` where a logit is not finite.
    pub(crate) fn greedy(&mut self, choices: &mut [Option<u32>]) {
        let (kernels, vocab) = (self.model.kernels, self.model.config.vocab_size);
        let logits = &self.work.logits;
        let count = choices.len();
        let out = Shared::new(choices);
        self.team.run(count, &|task| {
            let row = &logits[task.index * vocab..(task.index + 1) * vocab];
            // SAFETY: each task writes its own element.
            unsafe { out.slice(task.index, 1)[0] = kernels.first_largest(row).map(|index| index as u32) };
        });
    }

    /// Computes a batch: its keys and values enter the cache, its wanted logits the logit rows.
    pub(crate) fn forward(&mut self, batch: &Batch) {
        let model = Arc::clone(&self.model);
        self.embed(&model, batch);
        for (index, layer) in model.layers.iter().enumerate() {
            self.attention_inputs(&model, layer, batch);
            self.store(&model, index, batch);
            self.attend(&model, index, batch);
            self.attention_output(layer, batch);
            self.feed_forward(&model, layer, batch);
        }
        self.project(&model, batch);
    }

    fn embed(&mut self, model: &Model, batch: &Batch) {
        let (hidden, half) = (model.config.hidden_size, model.config.head_dim / 2);
        for (index, item) in batch.items.iter().enumerate() {
            let row = &mut self.work.stream[index * padded(hidden)..][..hidden];
            model.embedding.read_row(item.token as usize, row);
            let angles = index * half..(index + 1) * half;
            let (cosines, sines) = (&mut self.work.cosines[angles.clone()], &mut self.work.sines[angles]);
            model.rope.fill(item.position as u32, cosines, sines);
        }
    }

    fn attention_inputs(&mut self, model: &Model, layer: &Layer, batch: &Batch) {
        let work = &mut self.work;
        let count = batch.len();
        normalise(&mut self.team, model, &mut work.stream, &layer.attention_norm, &mut work.normed, count);
        let jobs = [
            product(&layer.q, &work.normed, &mut work.queries, count, false),
            product(&layer.k, &work.normed, &mut work.keys, count, false),
            product(&layer.v, &work.normed, &mut work.values, count, false),
        ];
        multiply(&mut self.team, model.kernels, &jobs, &mut work.scratch);
    }

    /// Rotates queries and keys and writes keys and values into the cache.
    fn store(&mut self, model: &Model, layer: usize, batch: &Batch) {
        let config = &model.config;
        let (width, half) = (config.head_dim, config.head_dim / 2);
        let (query_row, key_row) = (padded(config.heads * width), padded(config.kv_heads * width));
        let work = &mut self.work;
        let (queries, keys) = (Shared::new(&mut work.queries), Shared::new(&mut work.keys));
        let (values, cosines, sines) = (&work.values, &work.cosines, &work.sines);
        let writer = self.cache.writer();
        let body = |index: usize| {
            let item = batch.items[index];
            let (cosines, sines) = (&cosines[index * half..][..half], &sines[index * half..][..half]);
            // SAFETY: each token is handled once, and only by this task.
            unsafe {
                rotate(queries.slice(index * query_row, config.heads * width), cosines, sines);
                let key = keys.slice(index * key_row, config.kv_heads * width);
                rotate(key, cosines, sines);
                let pages = batch.pages_of(item.run);
                writer.write(layer, pages, item.position, key, &values[index * key_row..]);
            }
        };
        per_token(&mut self.team, batch.len(), &body);
    }

    fn attend(&mut self, model: &Model, layer: usize, batch: &Batch) {
        let config = &model.config;
        let (group, width, stride) =
            (config.group(), config.head_dim, padded(config.heads * config.head_dim));
        let (work, cache) = (&mut self.work, &self.cache);
        let kernel = model.kernels.attend(cache.format());
        let (queries, score_stride) = (&work.queries, work.score_stride);
        let (mixed, scores) = (Shared::new(&mut work.mixed), Shared::new(&mut work.scores));
        self.team.run(batch.runs.len() * config.kv_heads, &|task| {
            let (run, head) = (batch.runs[task.index / config.kv_heads], task.index % config.kv_heads);
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
                scale: 1.0 / (width as f32).sqrt(),
            };
            // SAFETY: `store` has filled the pages up to each token's position; outputs of different runs and
            // heads are disjoint; the scores are this worker's.
            unsafe { kernel(&job) };
        });
    }

    fn attention_output(&mut self, layer: &Layer, batch: &Batch) {
        let work = &mut self.work;
        let job = product(&layer.o, &work.mixed, &mut work.stream, batch.len(), true);
        multiply(&mut self.team, self.model.kernels, &[job], &mut work.scratch);
    }

    fn feed_forward(&mut self, model: &Model, layer: &Layer, batch: &Batch) {
        let work = &mut self.work;
        let count = batch.len();
        normalise(&mut self.team, model, &mut work.stream, &layer.feed_norm, &mut work.normed, count);
        let gate = product(&layer.gate, &work.normed, &mut work.gate, count, false);
        let up = product(&layer.up, &work.normed, &mut work.up, count, false);
        multiply_gated(&mut self.team, model.kernels, &gate, &up, &mut work.scratch);
        let down = product(&layer.down, &work.gate, &mut work.stream, count, true);
        multiply(&mut self.team, model.kernels, &[down], &mut work.scratch);
    }

    /// Final norm and output head for the tokens that asked for logits.
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
        let mut head = product(&model.head, &work.last, &mut work.logits, batch.wanted.len(), false);
        head.0.y_stride = model.config.vocab_size;
        multiply(&mut self.team, model.kernels, &[head], &mut work.scratch);
    }
}

/// Rotates each head of a row: the first half of a head pairs with its second half.
fn rotate(row: &mut [f32], cosines: &[f32], sines: &[f32]) {
    for head in row.chunks_exact_mut(2 * cosines.len()) {
        let (first, second) = head.split_at_mut(cosines.len());
        for ((a, b), (cosine, sine)) in first.iter_mut().zip(second).zip(cosines.iter().zip(sines)) {
            (*a, *b) = (*a * cosine - *b * sine, *b * cosine + *a * sine);
        }
    }
}

/// Runs `body` for each token, some tokens a task.
fn per_token(team: &mut Team, tokens: usize, body: &(dyn Fn(usize) + Sync)) {
    team.run(tokens.div_ceil(TOKENS_PER_TASK), &|task| {
        let first = task.index * TOKENS_PER_TASK;
        (first..tokens.min(first + TOKENS_PER_TASK)).for_each(body);
    });
}

fn normalise(team: &mut Team, model: &Model, from: &mut [f32], norm: &[f32], to: &mut [f32], tokens: usize) {
    let (hidden, eps) = (model.config.hidden_size, model.config.rms_norm_eps);
    let row = padded(hidden);
    let (from, to) = (Shared::new(from), Shared::new(to));
    per_token(team, tokens, &|token| {
        // SAFETY: each token's rows are touched by one task; rows and norm are padded to 16 elements.
        unsafe {
            let (x, out) = (from.slice(token * row, row), to.slice(token * row, row));
            (model.kernels.rms_norm)(x.as_ptr(), norm.as_ptr(), out.as_mut_ptr(), hidden, eps);
        }
    });
}

/// A product and the rows of its matrix.
type Job = (MatMul, usize);

fn product(matrix: &Matrix, x: &[f32], y: &mut [f32], batch: usize, accumulate: bool) -> Job {
    let (x_stride, y_stride) = (padded(matrix.columns), padded(matrix.rows));
    assert!(batch * x_stride <= x.len() && batch * matrix.rows <= y.len(), "a batch fits its buffers");
    let job = MatMul {
        w: matrix.bytes().as_ptr(),
        format: matrix.format,
        columns: matrix.columns,
        x: x.as_ptr(),
        x_stride,
        batch,
        y: y.as_mut_ptr(),
        y_stride,
        accumulate,
    };
    (job, matrix.rows)
}

/// Rows per task: whole tiles and whole vectors, enough tasks for every thread.
fn rows_per_task(rows: usize, threads: usize) -> usize {
    rows.div_ceil(threads * TASKS_PER_THREAD).next_multiple_of(16).min(MAX_ROWS)
}

fn multiply(team: &mut Team, kernels: &Kernels, jobs: &[Job], scratch: &mut [f32]) {
    let rows = jobs.iter().map(|job| job.1).sum();
    let step = rows_per_task(rows, team.threads());
    let tasks = jobs.iter().map(|job| job.1.div_ceil(step)).sum();
    let scratch = Shared::new(scratch);
    team.run(tasks, &|task| {
        let mut index = task.index;
        for (job, rows) in jobs {
            let here = rows.div_ceil(step);
            if index < here {
                let (first, last) = (index * step, (*rows).min((index + 1) * step));
                // SAFETY: `product` took the addresses from buffers that outlive this region; tasks have
                // disjoint rows of W and so disjoint outputs; the scratch is this worker's.
                unsafe { (kernels.matmul)(job, first, last, scratch.pointer(task.worker * SCRATCH)) };
                return;
            }
            index -= here;
        }
    });
}

/// gate = silu(gate product) × up product, each task finishing its own columns.
fn multiply_gated(team: &mut Team, kernels: &Kernels, gate: &Job, up: &Job, scratch: &mut [f32]) {
    let rows = gate.1;
    let step = rows_per_task(rows, team.threads());
    let scratch = Shared::new(scratch);
    let (gate, up) = (&gate.0, &up.0);
    team.run(rows.div_ceil(step), &|task| {
        let (first, last) = (task.index * step, rows.min((task.index + 1) * step));
        let scratch = scratch.pointer(task.worker * SCRATCH);
        // SAFETY: as in `multiply`; `step` is a multiple of 16, so rounding a task's columns up to whole
        // vectors reaches only into the padding of the last one.
        unsafe {
            (kernels.matmul)(gate, first, last, scratch);
            (kernels.matmul)(up, first, last, scratch);
            for token in 0..gate.batch {
                let (g, u) =
                    (gate.y.add(token * gate.y_stride + first), up.y.add(token * up.y_stride + first));
                (kernels.gate)(g, u, last - first);
            }
        }
    });
}
