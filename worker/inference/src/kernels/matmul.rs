//! y = W·x for a batch of x, with W as stored. Each output is the sum of one vector accumulator for
//! each block of columns, in an order that depends only on the matrix width: never on the batch,
//! the tile or the thread. This makes results independent of the other requests in a batch.

use super::simd::{Bf16, Element, F16, F32, Int8, Simd, unrolled};
use crate::format::WeightFormat;

/// Columns of W summed in one accumulator before it is folded into the output. Eight widened rows
/// of this length stay in a first-level cache.
pub(crate) const BLOCK: usize = 768;
/// Elements of the scratch area a worker needs.
pub(crate) const SCRATCH: usize = 8 * BLOCK;
/// Bytes of a cache line.
const LINE: usize = 64;
/// Batches up to this size read stored weights directly into the tile; larger ones widen them once
/// first.
const DIRECT: usize = 8;

/// One product. Rows of x and y are `x_stride` and `y_stride` elements apart; rows of x are zero
/// from `columns` up to the next multiple of 16.
#[derive(Clone, Copy)]
pub(crate) struct MatMul {
    /// First stored byte of W.
    pub(crate) w: *const u8,
    pub(crate) format: WeightFormat,
    /// Factor of each row's sums, or null if the format has none.
    pub(crate) factors: *const f32,
    /// Columns of W.
    pub(crate) columns: usize,
    /// W in the tiles of [`super::amx`], or null.
    pub(crate) packed: *const u8,
    pub(crate) x: *const f32,
    pub(crate) x_stride: usize,
    /// Result of [`super::amx::split`] for x, used with `packed`.
    pub(crate) split: *const u8,
    /// Rows of x and of y.
    pub(crate) batch: usize,
    pub(crate) y: *mut f32,
    pub(crate) y_stride: usize,
    /// Whether to add to y instead of replacing it.
    pub(crate) accumulate: bool,
    /// Weights that are likely to be needed after these rows, to be prefetched; any address.
    pub(crate) then: *const u8,
}

// SAFETY: a job is only a description; using its addresses requires `unsafe` and its contract.
unsafe impl Sync for MatMul {}

/// Computes the outputs of W's rows `first .. last`.
///
/// # Safety
/// The machine has `S`. The non-null addresses in `job` are valid for the shapes it states,
/// `scratch` for [`SCRATCH`] elements, and no other thread accesses scratch or these outputs
/// meanwhile.
#[inline(always)]
pub(crate) unsafe fn rows<S: Simd>(job: &MatMul, first: usize, last: usize, scratch: *mut f32) {
    // SAFETY: by the caller's contract.
    unsafe {
        match job.format {
            WeightFormat::F32 => rows_of::<S, F32>(job, first, last, scratch),
            WeightFormat::F16 => rows_of::<S, F16>(job, first, last, scratch),
            WeightFormat::Bf16 => rows_of::<S, Bf16>(job, first, last, scratch),
            WeightFormat::Int8 => rows_of::<S, Int8>(job, first, last, scratch),
        }
    }
}

#[inline(always)]
unsafe fn rows_of<S: Simd, E: Element>(job: &MatMul, first: usize, last: usize, scratch: *mut f32) {
    let whole = job.columns.is_multiple_of(S::LANES);
    let direct = whole && (job.batch <= DIRECT || E::BYTES == 4);
    let mut row = first;
    // SAFETY: rows stay below `last`; the rest is the caller's contract.
    unsafe {
        while row + S::TILE_ROWS <= last {
            if S::TILE_ROWS == 8 {
                group::<S, E, 8>(job, row, direct, scratch);
            } else {
                group::<S, E, 4>(job, row, direct, scratch);
            }
            row += S::TILE_ROWS;
        }
        while row < last {
            group::<S, E, 1>(job, row, direct, scratch);
            row += 1;
        }
    }
}

/// R rows of W against the whole batch, block of columns by block of columns.
#[inline(always)]
unsafe fn group<S: Simd, E: Element, const R: usize>(
    job: &MatMul,
    row: usize,
    direct: bool,
    scratch: *mut f32,
) {
    let stride = job.columns * E::BYTES;
    let mut start = 0;
    while start < job.columns {
        let length = BLOCK.min(job.columns - start);
        let padded = length.next_multiple_of(S::LANES);
        // SAFETY: `row .. row + R` and `start .. start + length` lie inside W; the padded part of x
        // is zero and readable; scratch holds R ≤ 8 rows of at most BLOCK elements.
        unsafe {
            let w = job.w.add(row * stride + start * E::BYTES);
            let part = Part {
                x: job.x.add(start),
                x_stride: job.x_stride,
                length: padded,
                factors: if job.factors.is_null() {
                    job.factors
                } else {
                    job.factors.add(row)
                },
                y: job.y.add(row),
                y_stride: job.y_stride,
                accumulate: job.accumulate || start > 0,
                // This block's share of the next rows, which follow these.
                next: job
                    .w
                    .wrapping_add((row + R) * stride + R * start * E::BYTES),
                next_bytes: R * length * E::BYTES,
            };
            if direct {
                columns::<S, E, R>(w, stride, &part, job.batch);
            } else {
                for r in 0..R {
                    widen::<S, E>(w.add(r * stride), length, scratch.add(r * BLOCK));
                }
                columns::<S, F32, R>(scratch.cast(), BLOCK * 4, &part, job.batch);
            }
        }
        start += length;
    }
}

/// The columns of W that one pass sums, with the matching parts of x and y.
#[derive(Clone, Copy)]
struct Part {
    x: *const f32,
    x_stride: usize,
    length: usize,
    /// Factors of these rows' sums, or null.
    factors: *const f32,
    y: *mut f32,
    y_stride: usize,
    accumulate: bool,
    /// Stored weights that are needed next.
    next: *const u8,
    next_bytes: usize,
}

impl Part {
    /// Address at which the tile at a column begins to prefetch; a cached one once everything was
    /// prefetched.
    #[inline(always)]
    fn ahead<S: Simd>(&self, column: usize, cached: *const u8) -> *const u8 {
        let before = column / S::TILE_COLUMNS * (self.length / S::LANES) * LINE;
        if before < self.next_bytes {
            self.next.wrapping_add(before)
        } else {
            cached
        }
    }
}

#[inline(always)]
unsafe fn columns<S: Simd, E: Element, const R: usize>(
    w: *const u8,
    stride: usize,
    part: &Part,
    batch: usize,
) {
    let mut column = 0;
    // SAFETY: columns stay below `batch`; the rest is the caller's contract.
    unsafe {
        while column + S::TILE_COLUMNS <= batch {
            if S::TILE_COLUMNS == 3 {
                tile::<S, E, R, 3>(w, stride, part, column);
            } else {
                tile::<S, E, R, 2>(w, stride, part, column);
            }
            column += S::TILE_COLUMNS;
        }
        if S::TILE_COLUMNS == 3 && column + 2 == batch {
            tile::<S, E, R, 2>(w, stride, part, column);
        } else if column < batch {
            tile::<S, E, R, 1>(w, stride, part, column);
        }
    }
}

/// R rows × C columns of outputs in registers.
#[inline(always)]
unsafe fn tile<S: Simd, E: Element, const R: usize, const C: usize>(
    w: *const u8,
    stride: usize,
    part: &Part,
    column: usize,
) {
    // SAFETY: `length` is a multiple of the lanes and readable in every row of w and x.
    unsafe {
        let x = part.x.add(column * part.x_stride);
        let mut sums = [[S::zero(); C]; R];
        let ahead = part.ahead::<S>(column, x.cast());
        let mut at = 0;
        while at < part.length {
            // Stored weights are read from memory once, so they are prefetched early: with widened
            // copies, one line in each turn while the preceding rows are computed; otherwise the
            // same position one group ahead.
            if E::BYTES == 4 {
                S::prefetch(ahead.wrapping_add(at / S::LANES * LINE));
            }
            let mut xs = [S::zero(); C];
            unrolled!(c < C, { xs[c] = S::load(x.add(c * part.x_stride + at)) });
            unrolled!(r < R, {
                let from = w.add(r * stride + at * E::BYTES);
                if E::BYTES < 4 {
                    S::prefetch(from.wrapping_add(R * stride));
                }
                let weights = E::load::<S>(from);
                unrolled!(c < C, { sums[r][c] = S::fma(weights, xs[c], sums[r][c]) });
            });
            at += S::LANES;
        }
        if !part.factors.is_null() {
            unrolled!(r < R, {
                let factor = S::splat(*part.factors.add(r));
                unrolled!(c < C, { sums[r][c] = S::mul(sums[r][c], factor) });
            });
        }
        unrolled!(c < C, {
            let y = part.y.add((column + c) * part.y_stride);
            if R == S::TILE_ROWS {
                let mut of_column = [S::zero(); 8];
                unrolled!(r < R, { of_column[r] = sums[r][c] });
                S::fold_tile(of_column, y, part.accumulate);
            } else {
                unrolled!(r < R, {
                    let (y, sum) = (y.add(r), S::sum(sums[r][c]));
                    *y = if part.accumulate { *y + sum } else { sum };
                });
            }
        });
    }
}

/// Widens `length` stored elements to f32, filling the last vector with zeros.
#[inline(always)]
unsafe fn widen<S: Simd, E: Element>(from: *const u8, length: usize, to: *mut f32) {
    // SAFETY: reads `length` elements, writes up to the next multiple of the lanes, at most BLOCK.
    unsafe {
        let mut at = 0;
        while at + S::LANES <= length {
            S::store(to.add(at), E::load::<S>(from.add(at * E::BYTES)));
            at += S::LANES;
        }
        if at < length {
            S::store(to.add(at), S::zero());
            for i in at..length {
                *to.add(i) = E::read(from.add(i * E::BYTES));
            }
        }
    }
}
