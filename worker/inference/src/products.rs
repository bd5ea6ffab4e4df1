//! Divides the work of the kernels among the team: rows of matrices and tokens become tasks with
//! disjoint results. Must not know what the products are for.
#![expect(
    unsafe_code,
    reason = "kernels take addresses; the splits that make that sound are made here"
)]

pub(crate) mod rowwise;

use std::marker::PhantomData;
use std::ops::Range;

use rowwise::per_token;

use crate::aligned::{Aligned, padded};
use crate::config::Activation;
use crate::kernels::{Kernels, MatMul, SCRATCH};
use crate::layer::Linear;
use crate::shared::Shared;
use crate::team::Team;
use crate::weights::Matrix;

/// Greatest number of rows of a matrix in one task.
const MAX_ROWS: usize = 256;
/// Number of tasks for each thread in a region, so that a disturbed thread delays the others
/// little.
const TASKS_PER_THREAD: usize = 16;
/// Greatest number of rows of x in one task: together with the kernels' copies of them they stay in
/// a second-level cache while all of W is read. No kernel divides the rows of x further.
const PANEL: usize = 128;
/// Number of rows of x up to which laying them out takes less time than sharing the work.
const ALONE: usize = 2;

/// Writes the bias where the product will be added to it, or adds it.
fn bias(linear: &Linear, y: &mut [f32], count: usize, add: bool) {
    for row in y.chunks_exact_mut(padded(linear.matrix.rows)).take(count) {
        for (y, bias) in row.iter_mut().zip(&linear.bias) {
            *y = if add { *y + bias } else { *bias };
        }
    }
}

/// A product with a whole matrix. It borrows its operands until it is computed, so that the
/// addresses in the job stay valid and nothing else accesses y.
pub(crate) struct Product<'a> {
    job: MatMul,
    /// Rows of W.
    rows: usize,
    operands: PhantomData<(&'a Matrix, &'a [f32], &'a mut [f32])>,
}

impl<'a> Product<'a> {
    /// `batch` rows of x, each padded, times the matrix; rows of y are `y_stride` apart.
    fn new(
        matrix: &'a Matrix,
        x: &'a [f32],
        y: &'a mut [f32],
        y_stride: usize,
        batch: usize,
        accumulate: bool,
    ) -> Self {
        let (rows, x_stride) = (matrix.rows, padded(matrix.columns));
        assert!(
            rows <= y_stride && batch * x_stride <= x.len() && batch * y_stride <= y.len(),
            "a batch fits its buffers"
        );
        assert!(
            matrix.factors().is_none_or(|factors| rows <= factors.len()),
            "each row has its factor"
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
        Self {
            job,
            rows,
            operands: PhantomData,
        }
    }

    /// A product with the matrix and its bias, rows of y padded; `accumulate` adds it to what is in
    /// y.
    pub(crate) fn linear(
        linear: &'a Linear,
        x: &'a [f32],
        y: &'a mut [f32],
        batch: usize,
        accumulate: bool,
    ) -> Self {
        let (matrix, biased) = (&linear.matrix, !linear.bias.is_empty());
        if biased {
            bias(linear, y, batch, accumulate);
        }
        Self::new(
            matrix,
            x,
            y,
            padded(matrix.rows),
            batch,
            accumulate || biased,
        )
    }

    /// A product whose rows of y follow one another without padding.
    pub(crate) fn dense(matrix: &'a Matrix, x: &'a [f32], y: &'a mut [f32], batch: usize) -> Self {
        Self::new(matrix, x, y, matrix.rows, batch, false)
    }
}

/// Scratch memory of kernels.
pub(crate) struct Space {
    /// One part for each worker.
    scratch: Aligned<f32>,
    /// Copies of rows of x, for kernels that need another layout.
    split: Aligned<u8>,
}

impl Space {
    /// Space for products with at most `batch` rows of x, none wider than `columns`.
    pub(crate) fn new(kernels: &Kernels, threads: usize, batch: usize, columns: usize) -> Self {
        let split = kernels
            .tiles
            .map_or(0, |tiles| batch * (tiles.split_bytes)(columns));
        Self {
            scratch: Aligned::new(threads * SCRATCH),
            split: Aligned::new(split),
        }
    }

    /// Lays out the x that all `products` share, if any of them needs that.
    fn split(&mut self, team: &mut Team, kernels: &Kernels, products: &mut [Product<'_>]) {
        let job = products[0].job;
        let operand = |job: &MatMul| (job.x, job.columns, job.batch);
        assert!(
            products
                .iter()
                .all(|other| operand(&other.job) == operand(&job)),
            "products computed together share their x"
        );
        let Some(tiles) = kernels
            .tiles
            .filter(|_| products.iter().any(|product| !product.job.packed.is_null()))
        else {
            return;
        };
        let (batch, bytes) = (job.batch, (tiles.split_bytes)(job.columns));
        let to = Shared::new(&mut self.split);
        let body = |token: usize| {
            let job = &job;
            // SAFETY: these rows of x exist, padded, as `Product` checked; each token's parts are
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
        let split = self.split.as_ptr();
        products
            .iter_mut()
            .for_each(|product| product.job.split = split);
    }

    /// A scratch area for each thread of the team.
    fn scratch(&mut self, team: &Team) -> Shared<'_, f32> {
        assert!(
            team.threads() * SCRATCH <= self.scratch.len(),
            "each thread has a scratch area"
        );
        Shared::new(&mut self.scratch)
    }
}

/// Rows for each task: whole tiles and whole vectors, and enough tasks for every thread.
fn rows_per_task(rows: usize, threads: usize, kernels: &Kernels) -> usize {
    let whole = kernels.tiles.map_or(16, |tiles| tiles.rows);
    rows.div_ceil(threads * TASKS_PER_THREAD)
        .next_multiple_of(whole)
        .min(MAX_ROWS)
}

/// How products of the same x are divided into tasks: by panels of x, and within a panel by rows of
/// W, numbered on from one matrix to the next.
struct Cut<'a> {
    kernels: &'a Kernels,
    products: &'a [Product<'a>],
    /// Rows of W in a task.
    step: usize,
    /// Tasks of a panel.
    tasks: usize,
}

impl<'a> Cut<'a> {
    fn new(kernels: &'a Kernels, products: &'a [Product<'a>], step: usize) -> Self {
        let tasks = products
            .iter()
            .map(|product| product.rows.div_ceil(step))
            .sum();
        Self {
            kernels,
            products,
            step,
            tasks,
        }
    }

    /// Tasks of all panels.
    fn len(&self) -> usize {
        self.products[0].job.batch.div_ceil(PANEL) * self.tasks
    }

    /// The part of x and y that a task computes, and its rows of W.
    fn task(&self, index: usize) -> (MatMul, Range<usize>) {
        let (job, rows) = self.rows(index % self.tasks);
        (panel(self.kernels, job, index / self.tasks), rows)
    }

    /// Address of a task's weights.
    fn weights(&self, index: usize) -> *const u8 {
        let (job, rows) = self.rows(index % self.tasks);
        weights(self.kernels, job, rows.start)
    }

    fn rows(&self, index: usize) -> (&MatMul, Range<usize>) {
        let (mut index, step) = (index, self.step);
        for Product { job, rows, .. } in self.products {
            let here = rows.div_ceil(step);
            if index < here {
                return (job, index * step..(*rows).min((index + 1) * step));
            }
            index -= here;
        }
        unreachable!("tasks are counted from the products")
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

/// Address of a row's weights.
fn weights(kernels: &Kernels, job: &MatMul, row: usize) -> *const u8 {
    match kernels.tiles {
        Some(tiles) if !job.packed.is_null() => job
            .packed
            .wrapping_add((tiles.packed_bytes)(row, job.columns)),
        _ => job.w.wrapping_add(row * job.columns * job.format.bytes()),
    }
}

/// Computes products of the same x, their rows divided among the team.
pub(crate) fn multiply<const N: usize>(
    team: &mut Team,
    kernels: &Kernels,
    mut products: [Product<'_>; N],
    space: &mut Space,
) {
    space.split(team, kernels, &mut products);
    let rows = products.iter().map(|product| product.rows).sum();
    let step = rows_per_task(rows, team.threads(), kernels);
    let (cut, scratch) = (Cut::new(kernels, &products, step), space.scratch(team));
    team.run(cut.len(), &|task| {
        let (job, rows) = cut.task(task.index);
        let then = task.next.map_or(std::ptr::null(), |next| cut.weights(next));
        let job = MatMul { then, ..job };
        // SAFETY: the products borrow the memory behind the addresses and checked their lengths;
        // tasks have disjoint rows of x or of W and so disjoint outputs; the scratch is this
        // worker's.
        unsafe {
            (kernels.matmul)(
                &job,
                rows.start,
                rows.end,
                scratch.pointer(task.worker * SCRATCH),
            );
        };
    });
}

/// gate = activation(gate product) × up product; each task completes its own columns. The products
/// are gate and up.
pub(crate) fn multiply_gated(
    team: &mut Team,
    kernels: &Kernels,
    activation: Activation,
    mut products: [Product<'_>; 2],
    space: &mut Space,
) {
    let [gate, up] = &products;
    assert!(
        gate.rows == up.rows && [gate, up].iter().all(|p| p.job.y_stride.is_multiple_of(16)),
        "gate and up have the same padded rows"
    );
    let activate = kernels.gate(activation);
    space.split(team, kernels, &mut products);
    let step = rows_per_task(products[0].rows, 2 * team.threads(), kernels);
    let [gates, ups] = [0, 1].map(|index| Cut::new(kernels, &products[index..=index], step));
    let scratch = space.scratch(team);
    team.run(gates.len(), &|task| {
        let ((gate, rows), (up, _)) = (gates.task(task.index), ups.task(task.index));
        let (first, last) = (rows.start, rows.end);
        let scratch = scratch.pointer(task.worker * SCRATCH);
        let then = task
            .next
            .map_or(std::ptr::null(), |next| gates.weights(next));
        let (gate, up) = (
            MatMul {
                then: ups.weights(task.index),
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

#[cfg(test)]
mod tests;
