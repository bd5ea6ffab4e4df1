//! Exact attention of some query rows of one sequence over its paged keys and values, for one
//! key/value head. Keys are transposed within a page, so that one pass gives sixteen scores without
//! sums across lanes. The order of each query row's computation depends only on its own length.

use std::ops::Range;

use super::pointwise::capped;
use super::simd::{Element, Simd, unrolled};

/// Tokens of one page of the KV cache.
pub(crate) const PAGE: usize = 16;
/// Query rows computed together.
const TILE: usize = 4;

/// Queries of consecutive tokens of one sequence that share one key/value head.
#[derive(Clone, Copy)]
pub(crate) struct Attention {
    /// Query of the first token and first head; `group` heads of `head` elements are contiguous.
    pub(crate) q: *const f32,
    /// Elements from a token's queries (and outputs) to the next token's.
    pub(crate) stride: usize,
    pub(crate) tokens: usize,
    /// Query heads that share the key/value head.
    pub(crate) group: usize,
    /// Elements of a head: an even number.
    pub(crate) head: usize,
    /// Keys of this layer and head in page 0, as `head` × [`PAGE`] elements.
    pub(crate) keys: *const u8,
    /// Values of this layer and head in page 0, as [`PAGE`] × `head` elements.
    pub(crate) values: *const u8,
    /// Bytes from one page's keys (and values) to the next page's.
    pub(crate) page_stride: usize,
    /// Page numbers of the sequence.
    pub(crate) pages: *const u32,
    /// Number of keys that the first token sees, including its own; each later token sees one more.
    pub(crate) seen: usize,
    pub(crate) out: *mut f32,
    /// Scratch for `tokens × group` rows of `score_stride` elements.
    pub(crate) scores: *mut f32,
    pub(crate) score_stride: usize,
    /// Factor of the scores.
    pub(crate) scale: f32,
    /// Scores are capped smoothly to ± this; 0 means no cap.
    pub(crate) cap: f32,
    /// Greatest number of keys that a token sees, including its own.
    pub(crate) window: usize,
}

impl Attention {
    fn rows(&self) -> usize {
        self.tokens * self.group
    }

    /// Number of keys that a row sees.
    fn length(&self, row: usize) -> usize {
        self.seen + row / self.group
    }

    /// The first key that a row sees.
    fn first(&self, row: usize) -> usize {
        self.length(row).saturating_sub(self.window)
    }

    /// The first page that any row sees: rows are in order of position.
    fn first_page(&self) -> usize {
        self.first(0) / PAGE
    }

    fn longest(&self) -> usize {
        self.seen + self.tokens - 1
    }

    /// Element offset of a row in queries and outputs.
    fn offset(&self, row: usize) -> usize {
        row / self.group * self.stride + row % self.group * self.head
    }
}

/// Computes all rows.
///
/// # Safety
/// The machine has `S`. All addresses in `job` are valid for the shapes it states, pages contain
/// `E`, and no other thread accesses the outputs and the scratch meanwhile.
#[inline(always)]
pub(crate) unsafe fn attend<S: Simd, E: Element>(job: &Attention) {
    // SAFETY: by the caller's contract; the splits cover each row and each page once.
    unsafe {
        for index in job.first_page()..job.longest().div_ceil(PAGE) {
            let page = *job.pages.add(index) as usize;
            let keys = job.keys.add(page * job.page_stride);
            // Pages are not contiguous, so only this code knows which comes next.
            if (index + 1) * PAGE < job.longest() {
                ask::<S, E>(
                    job.keys
                        .add(*job.pages.add(index + 1) as usize * job.page_stride),
                    job.head,
                );
            }
            ask::<S, E>(job.values.add(page * job.page_stride), job.head);
            for row in (0..job.rows()).step_by(TILE) {
                match job.rows() - row {
                    1 => score::<S, E, 1>(job, row, keys, index * PAGE),
                    2 => score::<S, E, 2>(job, row, keys, index * PAGE),
                    3 => score::<S, E, 3>(job, row, keys, index * PAGE),
                    _ => score::<S, E, TILE>(job, row, keys, index * PAGE),
                }
            }
        }
        for row in 0..job.rows() {
            let scores = job.scores.add(row * job.score_stride);
            if job.cap > 0.0 {
                bend::<S>(scores, job.first_page() * PAGE, job.longest(), job.cap);
            }
            softmax::<S>(
                scores,
                job.first_page() * PAGE,
                job.first(row)..job.length(row),
                job.longest(),
            );
        }
        for row in (0..job.rows()).step_by(TILE) {
            match job.rows() - row {
                1 => mix::<S, E, 1>(job, row),
                2 => mix::<S, E, 2>(job, row),
                3 => mix::<S, E, 3>(job, row),
                _ => mix::<S, E, TILE>(job, row),
            }
        }
    }
}

/// Prefetches a page's keys or values of one head.
#[inline(always)]
unsafe fn ask<S: Simd, E: Element>(block: *const u8, head: usize) {
    for line in (0..PAGE * head * E::BYTES).step_by(64) {
        // SAFETY: prefetching takes any address; the machine has `S`.
        unsafe { S::prefetch(block.wrapping_add(line)) };
    }
}

/// Scores of R rows against the sixteen keys of a page; even and odd head elements are summed
/// apart.
#[inline(always)]
unsafe fn score<S: Simd, E: Element, const R: usize>(
    job: &Attention,
    row: usize,
    keys: *const u8,
    at: usize,
) {
    // SAFETY: every row has `head` query elements and `longest` rounded up to a page of scores.
    unsafe {
        let mut q = [job.q; R];
        for r in 0..R {
            q[r] = job.q.add(job.offset(row + r));
        }
        let mut lane = 0;
        while lane < PAGE {
            let mut even = [S::zero(); R];
            let mut odd = [S::zero(); R];
            let mut d = 0;
            while d < job.head {
                let first = E::load::<S>(keys.add((d * PAGE + lane) * E::BYTES));
                let second = E::load::<S>(keys.add(((d + 1) * PAGE + lane) * E::BYTES));
                unrolled!(r < R, {
                    even[r] = S::fma(first, S::splat(*q[r].add(d)), even[r]);
                    odd[r] = S::fma(second, S::splat(*q[r].add(d + 1)), odd[r]);
                });
                d += 2;
            }
            unrolled!(r < R, {
                let total = S::mul(S::add(even[r], odd[r]), S::splat(job.scale));
                S::store(
                    job.scores.add((row + r) * job.score_stride + at + lane),
                    total,
                );
            });
            lane += S::LANES;
        }
    }
}

/// Caps the scores from `from` up to the end of `longest`'s page: cap × tanh(score / cap).
#[inline(always)]
unsafe fn bend<S: Simd>(scores: *mut f32, from: usize, longest: usize, cap: f32) {
    // SAFETY: the row is valid up to the end of the last page.
    unsafe {
        for i in (from..longest.next_multiple_of(PAGE)).step_by(S::LANES) {
            S::store(scores.add(i), capped::<S>(S::load(scores.add(i)), cap));
        }
    }
}

/// Turns the scores in `seen` into weights that sum to one, and the others from `from` up to the
/// end of `longest`'s page into zeros. Zeros change no sum, so weights do not depend on where the
/// rows that are computed together begin.
#[inline(always)]
unsafe fn softmax<S: Simd>(scores: *mut f32, from: usize, seen: Range<usize>, longest: usize) {
    let padded = longest.next_multiple_of(PAGE);
    // SAFETY: the row is valid up to the end of the last page.
    unsafe {
        for i in (from..seen.start).chain(seen.end..padded) {
            *scores.add(i) = f32::NEG_INFINITY;
        }
        let mut top = S::splat(f32::NEG_INFINITY);
        for i in (from..padded).step_by(S::LANES) {
            top = S::max(top, S::load(scores.add(i)));
        }
        let top = S::splat(S::largest(top));
        let mut total = S::zero();
        for i in (from..padded).step_by(S::LANES) {
            let weight = S::exp(S::sub(S::load(scores.add(i)), top));
            total = S::add(total, weight);
            S::store(scores.add(i), weight);
        }
        let inverse = S::splat(1.0 / S::sum(total));
        for i in (from..padded).step_by(S::LANES) {
            S::store(scores.add(i), S::mul(S::load(scores.add(i)), inverse));
        }
    }
}

/// Weighted sums of the values for R rows, in order of position.
#[inline(always)]
unsafe fn mix<S: Simd, E: Element, const R: usize>(job: &Attention, row: usize) {
    let vectors = job.head / S::LANES;
    let wide = if R == 4 && S::LANES == 8 { 2 } else { 4 };
    let mut vector = 0;
    // SAFETY: vectors stay inside the head; the rest is the caller's contract.
    unsafe {
        while vector + wide <= vectors {
            if wide == 4 {
                mix_part::<S, E, R, 4>(job, row, vector * S::LANES);
            } else {
                mix_part::<S, E, R, 2>(job, row, vector * S::LANES);
            }
            vector += wide;
        }
        while vector < vectors {
            mix_part::<S, E, R, 1>(job, row, vector * S::LANES);
            vector += 1;
        }
        // The rest of a head is computed together with preceding elements again, which get the same
        // values.
        match job.head {
            head if head % S::LANES == 0 => {}
            head if head > S::LANES => mix_part::<S, E, R, 1>(job, row, head - S::LANES),
            head => mix_alone::<E, R>(job, row, head),
        }
    }
}

/// Heads narrower than a vector, one element at a time.
#[inline(always)]
unsafe fn mix_alone<E: Element, const R: usize>(job: &Attention, row: usize, head: usize) {
    for r in row..row + R {
        for d in 0..head {
            // SAFETY: as in `mix_part`.
            unsafe {
                let weights = job.scores.add(r * job.score_stride);
                let mut sum = 0.0f32;
                for position in job.first(r)..job.length(r) {
                    let page = *job.pages.add(position / PAGE) as usize;
                    let element = position % PAGE * head + d;
                    let value =
                        E::read(job.values.add(page * job.page_stride + element * E::BYTES));
                    sum = value.mul_add(*weights.add(position), sum);
                }
                *job.out.add(job.offset(r) + d) = sum;
            }
        }
    }
}

/// Head elements `from .. from + D × lanes` of R outputs.
#[inline(always)]
unsafe fn mix_part<S: Simd, E: Element, const R: usize, const D: usize>(
    job: &Attention,
    row: usize,
    from: usize,
) {
    let length = job.length(row + R - 1);
    // SAFETY: positions below `length` have a page and a weight; the outputs belong to this job.
    unsafe {
        let weights = job.scores.add(row * job.score_stride);
        let mut sums = [[S::zero(); D]; R];
        for index in job.first(row) / PAGE..length.div_ceil(PAGE) {
            let page = *job.pages.add(index) as usize;
            let values = job.values.add(page * job.page_stride + from * E::BYTES);
            for token in 0..PAGE.min(length - index * PAGE) {
                let at = values.add(token * job.head * E::BYTES);
                let mut weight = [S::zero(); R];
                unrolled!(r < R, {
                    weight[r] = S::splat(*weights.add(r * job.score_stride + index * PAGE + token));
                });
                unrolled!(d < D, {
                    let value = E::load::<S>(at.add(d * S::LANES * E::BYTES));
                    unrolled!(r < R, { sums[r][d] = S::fma(value, weight[r], sums[r][d]) });
                });
            }
        }
        unrolled!(r < R, {
            let out = job.out.add(job.offset(row + r) + from);
            unrolled!(d < D, { S::store(out.add(d * S::LANES), sums[r][d]) });
        });
    }
}
