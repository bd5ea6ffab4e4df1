//! Products with BF16 weights on AMX: sixteen rows of W times sixteen tokens in one instruction.
//! Each x is split into three BF16 parts whose sum is exactly x, so that all products are exact and
//! only the F32 sums round, as on the other paths. Weights are stored in tiles, made once when
//! loading. Must not know models or threads.

use std::arch::asm;
use std::arch::x86_64::*;

use super::Tiles;
use super::matmul::MatMul;

/// The layouts that [`rows`] needs.
pub(super) const TILES: Tiles = Tiles {
    rows: ROWS,
    packed_bytes,
    pack,
    split_bytes,
    split,
};

/// Rows of W in a task are a multiple of this: two adjacent tiles.
const ROWS: usize = 32;
/// Rows of W in a tile, and tokens in a tile.
const SIDE: usize = 16;
/// Columns of W in a tile.
const DEPTH: usize = 32;
/// Bytes of a row of a tile.
const LINE: usize = 64;
/// Bytes of a tile.
const TILE: usize = SIDE * LINE;
/// Bytes of one token's three parts of [`DEPTH`] columns.
const PARTS: usize = 3 * LINE;
/// Number of streams from which the next block's weights are prefetched at once.
const PLACES: usize = 8;

/// Whether this processor has AMX for BF16 and the system allows this process to use it. The
/// request makes the system reserve space for tiles, so if the answer is yes, the path may run on
/// every thread started later.
pub(super) fn granted() -> bool {
    const TILE_AND_BF16: u32 = 1 << 24 | 1 << 22;
    const REQUEST: libc::c_long = 0x1023;
    const TILE_DATA: libc::c_long = 18;
    let features = __cpuid_count(7, 0).edx;
    // SAFETY: a system call that takes two numbers and touches no memory.
    features & TILE_AND_BF16 == TILE_AND_BF16
        && unsafe { libc::syscall(libc::SYS_arch_prctl, REQUEST, TILE_DATA) } == 0
}

/// Bytes of a matrix in tiles.
fn packed_bytes(rows: usize, columns: usize) -> usize {
    rows * columns.next_multiple_of(DEPTH) * 2
}

/// Bytes of a token's parts.
fn split_bytes(columns: usize) -> usize {
    columns.div_ceil(DEPTH) * PARTS
}

/// Lays BF16 rows out in tiles: within a tile, pairs of neighbouring columns of sixteen rows are
/// adjacent, as the instruction requires. Columns missing in the last tile stay as in `out`, which
/// must be zero.
fn pack(rows: &[u8], columns: usize, out: &mut [u8]) {
    let depth = columns.div_ceil(DEPTH);
    let groups = rows
        .chunks_exact(SIDE * columns * 2)
        .zip(out.chunks_exact_mut(depth * TILE));
    for (group, tiles) in groups {
        for (n, row) in group.chunks_exact(columns * 2).enumerate() {
            for (pair, bytes) in row.chunks(4).enumerate() {
                let at = pair / SIDE * TILE + pair % SIDE * LINE + 4 * n;
                tiles[at..at + bytes.len()].copy_from_slice(bytes);
            }
        }
    }
}

/// Splits a row of x, zero from `columns` up to the next multiple of 16, into parts.
///
/// # Safety
/// The machine has AVX-512F. `x` is valid up to that multiple, `out` for [`split_bytes`].
#[target_feature(enable = "avx512f")]
unsafe fn split(x: *const f32, columns: usize, out: *mut u8) {
    let readable = columns.next_multiple_of(SIDE);
    let top = _mm512_set1_epi32(0xffff_0000_u32.cast_signed());
    for half in 0..2 * columns.div_ceil(DEPTH) {
        // SAFETY: reads stay below the readable end, writes inside this half of this token's parts.
        unsafe {
            let mut rest = if half * SIDE < readable {
                _mm512_loadu_ps(x.add(half * SIDE))
            } else {
                _mm512_setzero_ps()
            };
            let to = out.add(half / 2 * PARTS + half % 2 * (LINE / 2));
            for part in 0..3 {
                // Truncation keeps eight bits of the significand; three times eight is all of it.
                let bits = _mm512_and_si512(_mm512_castps_si512(rest), top);
                let short = _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(bits));
                _mm256_storeu_si256(to.add(part * LINE).cast(), short);
                rest = _mm512_sub_ps(rest, _mm512_castsi512_ps(bits));
            }
        }
    }
}

/// Computes the outputs of W's rows `first .. last`.
///
/// # Safety
/// [`granted`] returned true. `job.packed` and `job.split` hold the results of [`pack`] and
/// [`split`] for the job's W and x, both at a cache line; `first` and `last` are multiples of
/// [`ROWS`]; no other thread accesses these outputs meanwhile.
pub(super) unsafe fn rows(job: &MatMul, first: usize, last: usize) {
    let whole = job.batch / (2 * SIDE) * 2 * SIDE;
    // SAFETY: by the caller's contract; the tokens are inside the job's.
    unsafe {
        if whole > 0 {
            tokens(job, first, last, 0, whole);
        }
        if job.batch > whole {
            tokens(job, first, last, whole, job.batch - whole);
        }
    }
    // SAFETY: tiles are configured; releasing them saves the system from storing them with this
    // thread.
    unsafe { asm!("tilerelease", options(nostack, nomem)) };
}

/// The tile configuration, in the format of the instruction that loads it.
#[repr(C, align(64))]
struct Shape {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

impl Shape {
    /// Sums in tiles 0 to 3, parts of x in 4 and 5, weights in 6 and 7.
    fn new(tokens: usize) -> Self {
        let first = tokens.min(SIDE) as u8;
        let second = if tokens > SIDE {
            (tokens - SIDE).min(SIDE) as u8
        } else {
            first
        };
        let (mut row_bytes, mut rows) = ([0; 16], [0; 16]);
        row_bytes[..8].fill(LINE as u16);
        rows[..8].copy_from_slice(&[
            first, first, second, second, first, second, SIDE as u8, SIDE as u8,
        ]);
        Self {
            palette: 1,
            start_row: 0,
            reserved: [0; 14],
            row_bytes,
            rows,
        }
    }
}

/// `count` tokens from `token`: a multiple of 32, or fewer.
///
/// # Safety
/// As [`rows`].
unsafe fn tokens(job: &MatMul, first: usize, last: usize, token: usize, count: usize) {
    let shape = Shape::new(count);
    // SAFETY: a complete, valid configuration; tiles are available.
    unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const shape, options(nostack, readonly)) };
    let parts = split_bytes(job.columns);
    let depth = job.columns.div_ceil(DEPTH);
    for row in (first..last).step_by(ROWS) {
        let b = job.packed.wrapping_add(row / SIDE * depth * TILE);
        let next = if row + ROWS < last {
            b.wrapping_add(2 * depth * TILE)
        } else {
            job.then
        };
        for at in (token..token + count).step_by(2 * SIDE) {
            let block = Block {
                a: job.split.wrapping_add(at * parts),
                a_stride: parts,
                b,
                depth,
                y: job.y.wrapping_add(at * job.y_stride + row),
                y_stride: job.y_stride,
                accumulate: job.accumulate,
                next: if at == token { next } else { std::ptr::null() },
            };
            // SAFETY: tokens and rows lie inside the job's by the loops.
            unsafe {
                if count > SIDE {
                    block.two();
                } else {
                    block.one();
                }
            }
        }
    }
}

/// One register block: one or two tiles of tokens against two tiles of rows.
struct Block {
    a: *const u8,
    a_stride: usize,
    b: *const u8,
    depth: usize,
    y: *mut f32,
    y_stride: usize,
    accumulate: bool,
    /// Weights of the next block, to be prefetched meanwhile, or null.
    next: *const u8,
}

impl Block {
    /// # Safety
    /// As [`rows`], with tiles configured for more than 16 tokens.
    unsafe fn two(&self) {
        let y = self.y.wrapping_add(SIDE * self.y_stride);
        // SAFETY: tiles 0 to 3 are read from and written to this block's outputs; parts and weights
        // are read once each, `depth` times. The compiler knows of no tile register, so none of its
        // values can be lost.
        unsafe {
            self.begin();
            if self.accumulate {
                asm!("tileloadd tmm2, [{y} + {s}]", "tileloadd tmm3, [{y} + {s} + 64]",
                    y = in(reg) y, s = in(reg) 4 * self.y_stride, options(nostack, readonly));
            } else {
                asm!("tilezero tmm2", "tilezero tmm3", options(nostack, nomem));
            }
            for at in 0..self.depth {
                self.ask(at);
                let (a, b) = (
                    self.a.wrapping_add(at * PARTS),
                    self.b.wrapping_add(at * TILE),
                );
                asm!(
                    "tileloadd tmm6, [{b} + {line}]",
                    "tileloadd tmm7, [{c} + {line}]",
                    "tileloadd tmm4, [{a} + {s}]",
                    "tileloadd tmm5, [{d} + {s}]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "tdpbf16ps tmm2, tmm5, tmm6",
                    "tdpbf16ps tmm3, tmm5, tmm7",
                    "tileloadd tmm4, [{a} + {s} + 64]",
                    "tileloadd tmm5, [{d} + {s} + 64]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "tdpbf16ps tmm2, tmm5, tmm6",
                    "tdpbf16ps tmm3, tmm5, tmm7",
                    "tileloadd tmm4, [{a} + {s} + 128]",
                    "tileloadd tmm5, [{d} + {s} + 128]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "tdpbf16ps tmm2, tmm5, tmm6",
                    "tdpbf16ps tmm3, tmm5, tmm7",
                    a = in(reg) a,
                    d = in(reg) a.wrapping_add(SIDE * self.a_stride),
                    b = in(reg) b,
                    c = in(reg) b.wrapping_add(self.depth * TILE),
                    s = in(reg) self.a_stride,
                    line = in(reg) LINE,
                    options(nostack, readonly),
                );
            }
            self.end();
            asm!("tilestored [{y} + {s}], tmm2", "tilestored [{y} + {s} + 64], tmm3",
                y = in(reg) y, s = in(reg) 4 * self.y_stride, options(nostack));
        }
    }

    /// # Safety
    /// As [`rows`], with tiles configured for at most 16 tokens.
    unsafe fn one(&self) {
        // SAFETY: as in `two`.
        unsafe {
            self.begin();
            for at in 0..self.depth {
                self.ask(at);
                let b = self.b.wrapping_add(at * TILE);
                asm!(
                    "tileloadd tmm6, [{b} + {line}]",
                    "tileloadd tmm7, [{c} + {line}]",
                    "tileloadd tmm4, [{a} + {s}]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "tileloadd tmm5, [{a} + {s} + 64]",
                    "tdpbf16ps tmm0, tmm5, tmm6",
                    "tdpbf16ps tmm1, tmm5, tmm7",
                    "tileloadd tmm4, [{a} + {s} + 128]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    a = in(reg) self.a.wrapping_add(at * PARTS),
                    b = in(reg) b,
                    c = in(reg) b.wrapping_add(self.depth * TILE),
                    s = in(reg) self.a_stride,
                    line = in(reg) LINE,
                    options(nostack, readonly),
                );
            }
            self.end();
        }
    }

    /// Prefetches this step's share of the next block's weights into the second-level cache, from
    /// several streams at once: the processor's own prefetcher follows each of them, and memory is
    /// read faster than from one stream.
    #[inline(always)]
    fn ask(&self, at: usize) {
        if self.next.is_null() {
            return;
        }
        let (place, step) = (self.depth * 2 * TILE / PLACES, 2 * TILE / PLACES);
        let start = self.next.wrapping_add(at * step);
        for index in 0..PLACES {
            for line in (0..step).step_by(LINE) {
                // SAFETY: prefetching takes any address.
                unsafe {
                    _mm_prefetch::<_MM_HINT_T1>(start.wrapping_add(index * place + line).cast());
                };
            }
        }
    }

    /// The first tile of tokens starts from the outputs as they are, or from zero.
    ///
    /// # Safety
    /// Tiles are configured and the outputs valid.
    unsafe fn begin(&self) {
        // SAFETY: the caller's promise.
        unsafe {
            if self.accumulate {
                asm!("tileloadd tmm0, [{y} + {s}]", "tileloadd tmm1, [{y} + {s} + 64]",
                    y = in(reg) self.y, s = in(reg) 4 * self.y_stride, options(nostack, readonly));
            } else {
                asm!("tilezero tmm0", "tilezero tmm1", options(nostack, nomem));
            }
        }
    }

    /// Writes the first tile of tokens.
    ///
    /// # Safety
    /// As [`Block::begin`].
    unsafe fn end(&self) {
        // SAFETY: the caller's promise.
        unsafe {
            asm!("tilestored [{y} + {s}], tmm0", "tilestored [{y} + {s} + 64], tmm1",
                y = in(reg) self.y, s = in(reg) 4 * self.y_stride, options(nostack));
        }
    }
}
