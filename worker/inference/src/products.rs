//! How the work of the kernels is split over the team: rows of matrices and tokens into tasks with
//! disjoint results. It must not know what the products are for.
#![expect(
    unsafe_code,
    reason = "kernels take addresses; the splits that make that sound are made here"
)]

use std::ops::Range;

use crate::aligned::Aligned;
use crate::config::Activation;
use crate::kernels::{Kernels, MatMul, SCRATCH};
use crate::layer::Linear;
use crate::model::{Model, padded};
use crate::shared::Shared;
use crate::team::Team;
use crate::weights::Matrix;

/// Rows of a matrix in one task, at most.
const MAX_ROWS: usize = 256;
/// Tasks a thread gets per region, so that a disturbed thread delays the others little.
const TASKS_PER_THREAD: usize = 16;
/// Rows of x in one task, at most: with what kernels lay out of them they stay in a second-level
/// cache while all of W passes by.
const PANEL: usize = 128;
/// Rows of x up to which laying them out is less work than sharing it.
const ALONE: usize = 2;
/// Tokens in one task of the small kernels.
const TOKENS_PER_TASK: usize = 8;

/// Rotates the beginning of each head of a row: its first half pairs with its second half.
pub(crate) fn rotate(row: &mut [f32], head: usize, cosines: &[f32], sines: &[f32]) {
    for head in row.chunks_exact_mut(head) {
        let (first, second) = head[..2 * cosines.len()].split_at_mut(cosines.len());
        for ((a, b), (cosine, sine)) in first.iter_mut().zip(second).zip(cosines.iter().zip(sines))
        {
            (*a, *b) = (*a * cosine - *b * sine, *b * cosine + *a * sine);
        }
    }
}

/// Normalises each head of a row: x / √(mean(x²) + eps) × weight.
pub(crate) fn normalise_heads(row: &mut [f32], head: usize, weight: &[f32], eps: f32) {
    for head in row.chunks_exact_mut(head) {
        // Eight sums, so that the order of the additions is the head's alone and vectors can be
        // used.
        let mut sums = [0.0f32; 8];
        head.iter()
            .enumerate()
            .for_each(|(at, x)| sums[at % 8] += x * x);
        let [a, b, c, d, e, f, g, h] = sums;
        let mean = (((a + e) + (c + g)) + ((b + f) + (d + h))) / head.len() as f32;
        let factor = 1.0 / (mean + eps).sqrt();
        head.iter_mut()
            .zip(weight)
            .for_each(|(x, w)| *x = *x * factor * w);
    }
}

/// Multiplies rows of `width` elements; 1 changes nothing.
pub(crate) fn scale(rows: &mut [f32], width: usize, count: usize, factor: f32) {
    if factor != 1.0 {
        rows[..count * padded(width)]
            .iter_mut()
            .for_each(|x| *x *= factor);
    }
}

/// Puts the bias where the product will be added to it, or adds it there.
fn bias(linear: &Linear, y: &mut [f32], count: usize, add: bool) {
    for row in y.chunks_exact_mut(padded(linear.matrix.rows)).take(count) {
        for (y, bias) in row.iter_mut().zip(&linear.bias) {
            *y = if add { *y + bias } else { *bias };
        }
    }
}

/// Describes a product with a whole matrix and its bias; `accumulate` adds it to what is in y.
pub(crate) fn linear(
    linear: &Linear,
    x: &[f32],
    y: &mut [f32],
    batch: usize,
    accumulate: bool,
) -> Job {
    if linear.bias.is_empty() {
        return product(&linear.matrix, x, y, batch, accumulate);
    }
    bias(linear, y, batch, accumulate);
    product(&linear.matrix, x, y, batch, true)
}

/// Normalises each token's row in place and adds it to another.
pub(crate) fn normalise_into(
    team: &mut Team,
    model: &Model,
    from: &mut [f32],
    norm: &[f32],
    to: &mut [f32],
    tokens: usize,
) {
    let (hidden, eps) = (model.config.hidden_size, model.config.rms_norm_eps);
    let row = padded(hidden);
    let (from, to) = (Shared::new(from), Shared::new(to));
    per_token(team, tokens, &|token| {
        // SAFETY: each token's rows are touched by one task; rows and norm are padded to 16
        // elements. The kernel reads what it overwrites before it does.
        unsafe {
            let (x, out) = (from.slice(token * row, row), to.slice(token * row, row));
            let at = x.as_mut_ptr();
            (model.kernels.rms_norm)(at, norm.as_ptr(), at, hidden, eps);
            out.iter_mut().zip(x).for_each(|(out, x)| *out += *x);
        }
    });
}

/// Runs `body` for each token, some tokens a task.
pub(crate) fn per_token(team: &mut Team, tokens: usize, body: &(dyn Fn(usize) + Sync)) {
    team.run(tokens.div_ceil(TOKENS_PER_TASK), &|task| {
        let first = task.index * TOKENS_PER_TASK;
        (first..tokens.min(first + TOKENS_PER_TASK)).for_each(body);
    });
}

/// Normalises each token's row.
pub(crate) fn normalise(
    team: &mut Team,
    model: &Model,
    from: &mut [f32],
    norm: &[f32],
    to: &mut [f32],
    tokens: usize,
) {
    let (hidden, eps) = (model.config.hidden_size, model.config.rms_norm_eps);
    let row = padded(hidden);
    let (from, to) = (Shared::new(from), Shared::new(to));
    per_token(team, tokens, &|token| {
        // SAFETY: each token's rows are touched by one task; rows and norm are padded to 16
        // elements.
        unsafe {
            let (x, out) = (from.slice(token * row, row), to.slice(token * row, row));
            (model.kernels.rms_norm)(x.as_ptr(), norm.as_ptr(), out.as_mut_ptr(), hidden, eps);
        }
    });
}

/// A product and the rows of its matrix.
pub(crate) type Job = (MatMul, usize);

/// What kernels need beside the operands.
pub(crate) struct Space {
    /// One part per worker.
    scratch: Aligned<f32>,
    /// Rows of x laid out anew, for kernels that want that.
    split: Aligned<u8>,
}

impl Space {
    /// Room for products with at most `batch` rows of x, none wider than `columns`.
    pub(crate) fn new(kernels: &Kernels, threads: usize, batch: usize, columns: usize) -> Self {
        let split = kernels
            .tiles
            .map_or(0, |tiles| batch * (tiles.split_bytes)(columns));
        Self {
            scratch: Aligned::new(threads * SCRATCH),
            split: Aligned::new(split),
        }
    }

    /// Lays out the x that all of `jobs` share, if any of them wants that.
    fn split(&mut self, team: &mut Team, kernels: &Kernels, jobs: &mut [Job]) {
        let Some(tiles) = kernels
            .tiles
            .filter(|_| jobs.iter().any(|job| !job.0.packed.is_null()))
        else {
            return;
        };
        let job = jobs[0].0;
        debug_assert!(
            jobs.iter().all(|other| other.0.x == job.x),
            "products computed together share their x"
        );
        let (batch, bytes) = (job.batch, (tiles.split_bytes)(job.columns));
        let to = Shared::new(&mut self.split);
        let body = |token: usize| {
            let job = &job;
            // SAFETY: `product` checked that these rows of x exist, padded; each token's parts are
            // one task's.
            unsafe {
                let parts = to.slice(token * bytes, bytes).as_mut_ptr();
                (tiles.split)(job.x.add(token * job.x_stride), job.columns, parts);
            }
        };
        if batch <= ALONE {
            (0..batch).for_each(body);
        } else {
            per_token(team, batch, &body);
        }
        jobs.iter_mut()
            .for_each(|job| job.0.split = self.split.as_ptr());
    }
}

/// Describes a product with a whole matrix.
pub(crate) fn product(
    matrix: &Matrix,
    x: &[f32],
    y: &mut [f32],
    batch: usize,
    accumulate: bool,
) -> Job {
    let (x_stride, y_stride) = (padded(matrix.columns), padded(matrix.rows));
    assert!(
        batch * x_stride <= x.len() && batch * matrix.rows <= y.len(),
        "a batch fits its buffers"
    );
    let job = MatMul {
        w: matrix.bytes().as_ptr(),
        format: matrix.format,
        factors: matrix.factors().map_or(std::ptr::null(), <[f32]>::as_ptr),
        columns: matrix.columns,
        packed: matrix.packed().map_or(std::ptr::null(), <[u8]>::as_ptr),
        x: x.as_ptr(),
        x_stride,
        split: std::ptr::null(),
        batch,
        y: y.as_mut_ptr(),
        y_stride,
        accumulate,
        then: std::ptr::null(),
    };
    (job, matrix.rows)
}

/// Rows per task: whole tiles and whole vectors, enough tasks for every thread.
fn rows_per_task(rows: usize, threads: usize, kernels: &Kernels) -> usize {
    let whole = kernels.tiles.map_or(16, |tiles| tiles.rows);
    rows.div_ceil(threads * TASKS_PER_THREAD)
        .next_multiple_of(whole)
        .min(MAX_ROWS)
}

/// How products of the same x are cut into tasks: panel by panel of x, and in each by rows of W,
/// those of each matrix numbered on from those of the matrix before.
struct Cut<'a> {
    kernels: &'a Kernels,
    jobs: &'a [Job],
    /// Rows of W in a task.
    step: usize,
    /// Tasks of a panel.
    tasks: usize,
}

impl<'a> Cut<'a> {
    fn new(kernels: &'a Kernels, jobs: &'a [Job], step: usize) -> Self {
        let tasks = jobs.iter().map(|job| job.1.div_ceil(step)).sum();
        Self {
            kernels,
            jobs,
            step,
            tasks,
        }
    }

    /// Tasks of all panels.
    fn len(&self) -> usize {
        self.jobs[0].0.batch.div_ceil(PANEL) * self.tasks
    }

    /// The part of x and y that a task works on, and its rows of W.
    fn task(&self, index: usize) -> (MatMul, Range<usize>) {
        let (job, rows) = self.rows(index % self.tasks);
        (panel(self.kernels, job, index / self.tasks), rows)
    }

    /// Where the weights of a task begin.
    fn place(&self, index: usize) -> *const u8 {
        let (job, rows) = self.rows(index % self.tasks);
        place(self.kernels, job, rows.start)
    }

    fn rows(&self, index: usize) -> (&MatMul, Range<usize>) {
        let (mut index, step) = (index, self.step);
        for (job, rows) in self.jobs {
            let here = rows.div_ceil(step);
            if index < here {
                return (job, index * step..(*rows).min((index + 1) * step));
            }
            index -= here;
        }
        unreachable!("tasks are counted from the jobs")
    }
}

/// A product with one panel of x.
fn panel(kernels: &Kernels, job: &MatMul, index: usize) -> MatMul {
    let first = index * PANEL;
    let split = kernels
        .tiles
        .map_or(0, |tiles| first * (tiles.split_bytes)(job.columns));
    MatMul {
        x: job.x.wrapping_add(first * job.x_stride),
        y: job.y.wrapping_add(first * job.y_stride),
        split: job.split.wrapping_add(split),
        batch: PANEL.min(job.batch - first),
        ..*job
    }
}

/// Where a row's weights begin.
fn place(kernels: &Kernels, job: &MatMul, row: usize) -> *const u8 {
    match kernels.tiles {
        Some(tiles) if !job.packed.is_null() => job
            .packed
            .wrapping_add((tiles.packed_bytes)(row, job.columns)),
        _ => job.w.wrapping_add(row * job.columns * job.format.bytes()),
    }
}

/// Computes products of the same x, their rows split over the team.
pub(crate) fn multiply(team: &mut Team, kernels: &Kernels, jobs: &mut [Job], space: &mut Space) {
    space.split(team, kernels, jobs);
    let rows = jobs.iter().map(|job| job.1).sum();
    let step = rows_per_task(rows, team.threads(), kernels);
    let (cut, scratch) = (
        Cut::new(kernels, jobs, step),
        Shared::new(&mut space.scratch),
    );
    team.run(cut.len(), &|task| {
        let (job, rows) = cut.task(task.index);
        let then = task.next.map_or(std::ptr::null(), |next| cut.place(next));
        let job = MatMul { then, ..job };
        // SAFETY: `product` took the addresses from buffers that outlive this region; tasks have
        // disjoint rows of x or of W and so disjoint outputs; the scratch is this worker's.
        unsafe {
            (kernels.matmul)(
                &job,
                rows.start,
                rows.end,
                scratch.pointer(task.worker * SCRATCH),
            )
        };
    });
}

/// gate = activation(gate product) × up product, each task finishing its own columns. The jobs are
/// gate and up.
pub(crate) fn multiply_gated(
    team: &mut Team,
    kernels: &Kernels,
    activation: Activation,
    mut jobs: [Job; 2],
    space: &mut Space,
) {
    let activate = kernels.gate(activation);
    space.split(team, kernels, &mut jobs);
    let step = rows_per_task(jobs[0].1, 2 * team.threads(), kernels);
    let [gates, ups] = [0, 1].map(|index| Cut::new(kernels, &jobs[index..=index], step));
    let scratch = Shared::new(&mut space.scratch);
    team.run(gates.len(), &|task| {
        let ((gate, rows), (up, _)) = (gates.task(task.index), ups.task(task.index));
        let (first, last) = (rows.start, rows.end);
        let scratch = scratch.pointer(task.worker * SCRATCH);
        let then = task.next.map_or(std::ptr::null(), |next| gates.place(next));
        let (gate, up) = (
            MatMul {
                then: ups.place(task.index),
                ..gate
            },
            MatMul { then, ..up },
        );
        // SAFETY: as in `multiply`; `step` is a multiple of 16, so rounding a task's columns up to
        // whole vectors reaches only into the padding of the last one.
        unsafe {
            (kernels.matmul)(&gate, first, last, scratch);
            (kernels.matmul)(&up, first, last, scratch);
            for token in 0..gate.batch {
                let (g, u) = (
                    gate.y.add(token * gate.y_stride + first),
                    up.y.add(token * up.y_stride + first),
                );
                activate(g, u, last - first);
            }
        }
    });
}
