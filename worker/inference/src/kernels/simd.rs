//! The vector operations that the kernels use, one implementation for each instruction set, and the
//! stored number formats. Kernels generic over [`Simd`] are one source for all paths. Must not know
//! any kernel.
//!
//! Everything is `inline(always)`: an operation must be inside the function that enables the
//! instruction set, and inlining must not depend on a profile.

/// Repeats a block for each index below a constant of at most 8. Register tiles use it because a
/// loop that the optimiser unrolls too late leaves its accumulators in memory.
macro_rules! unrolled {
    ($index:ident < $count:expr, $body:block) => {
        unrolled!(@ $index, $count, $body, 0 1 2 3 4 5 6 7)
    };
    (@ $index:ident, $count:expr, $body:block, $($value:literal)*) => {
        $(if $value < $count {
            let $index: usize = $value;
            $body
        })*
    };
}
pub(crate) use unrolled;

/// One instruction set's view of a vector of f32.
///
/// # Safety
/// Every method may execute instructions of its set: callers run on a machine that has it, and
/// addresses are valid for `LANES` elements (no alignment needed).
pub(crate) trait Simd: Copy {
    /// A vector of `LANES` f32.
    type V: Copy;
    /// Elements of a vector: 8 or 16.
    const LANES: usize;
    /// Weight rows of the widest matrix tile: 4 or 8. Rows × [`Simd::TILE_COLUMNS`] accumulators
    /// fit in registers.
    const TILE_ROWS: usize;
    /// Batch columns of the widest matrix tile.
    const TILE_COLUMNS: usize;

    unsafe fn splat(value: f32) -> Self::V;
    unsafe fn load(from: *const f32) -> Self::V;
    unsafe fn load_bf16(from: *const u16) -> Self::V;
    unsafe fn load_f16(from: *const u16) -> Self::V;
    unsafe fn load_i8(from: *const i8) -> Self::V;
    unsafe fn store(to: *mut f32, value: Self::V);
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V;
    /// The larger of the two; `b` if either is NaN.
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    /// The smaller of the two; `b` if either is NaN.
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V;
    /// a × b + c, fused if the set has it.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// To the nearest integral value.
    unsafe fn round(a: Self::V) -> Self::V;
    /// 2ⁿ for integral n in −127 ..= 127; −127 gives 0.
    unsafe fn power_of_two(n: Self::V) -> Self::V;
    /// Sum of the lanes: halves are added until four are left, then (0 + 2) + (1 + 3).
    unsafe fn sum(a: Self::V) -> f32;
    /// Sums of the first [`Simd::TILE_ROWS`] vectors, each as [`Simd::sum`] gives it, stored in or
    /// added to as many neighbouring elements.
    unsafe fn fold_tile(a: [Self::V; 8], to: *mut f32, accumulate: bool);
    /// Largest lane; a NaN lane may or may not be the result.
    unsafe fn largest(a: Self::V) -> f32;
    /// Prefetches a cache line; any address is allowed.
    unsafe fn prefetch(at: *const u8);

    #[inline(always)]
    unsafe fn zero() -> Self::V {
        // SAFETY: the caller's promise of this trait.
        unsafe { Self::splat(0.0) }
    }

    /// eˣ within 2 ulp for −87 ≤ x ≤ 88; exactly 0 below −87.7; inputs above 88 count as 88. NaN
    /// stays NaN.
    ///
    /// Range reduction by n·ln 2 in two parts and the polynomial of Cephes `expf` (Moshier).
    #[inline(always)]
    unsafe fn exp(x: Self::V) -> Self::V {
        // SAFETY: the caller's promise of this trait.
        unsafe {
            let x = Self::max(Self::splat(-88.0), Self::min(Self::splat(88.0), x));
            let n = Self::round(Self::mul(x, Self::splat(std::f32::consts::LOG2_E)));
            let r = Self::fma(n, Self::splat(-0.693_359_4), x);
            let r = Self::fma(n, Self::splat(2.121_944_4e-4), r);
            let mut p = Self::splat(1.987_569_1e-4);
            for c in [
                1.398_199_9e-3,
                8.333_452e-3,
                4.166_579_6e-2,
                1.666_666_5e-1,
                0.5,
            ] {
                p = Self::fma(p, r, Self::splat(c));
            }
            let e = Self::add(Self::fma(Self::mul(r, r), p, r), Self::splat(1.0));
            Self::mul(e, Self::power_of_two(n))
        }
    }
}

/// A stored number format, read as f32.
pub(crate) trait Element {
    /// Bytes of one element.
    const BYTES: usize;

    /// Widens `S::LANES` elements.
    ///
    /// # Safety
    /// The machine has `S`; `from` is valid for `S::LANES` elements, alignment is not needed.
    unsafe fn load<S: Simd>(from: *const u8) -> S::V;

    /// Stores one value, rounded to nearest even.
    ///
    /// # Safety
    /// `to` is valid for one element, alignment is not needed.
    unsafe fn write(to: *mut u8, value: f32);

    /// Reads one value.
    ///
    /// # Safety
    /// `from` is valid for one element, alignment is not needed.
    unsafe fn read(from: *const u8) -> f32;
}

/// IEEE single.
pub(crate) struct F32;
/// IEEE half.
pub(crate) struct F16;
/// Brain float.
pub(crate) struct Bf16;
/// Whole numbers of eight bits.
pub(crate) struct Int8;

macro_rules! element {
    ($name:ident, $bytes:literal, $load:ident, $raw:ty, $to:expr, $from:expr) => {
        impl Element for $name {
            const BYTES: usize = $bytes;

            #[inline(always)]
            unsafe fn load<S: Simd>(from: *const u8) -> S::V {
                // SAFETY: the caller's promise; every `Simd` load is unaligned.
                unsafe { S::$load(from.cast()) }
            }

            #[inline(always)]
            unsafe fn write(to: *mut u8, value: f32) {
                let convert: fn(f32) -> $raw = $to;
                // SAFETY: the caller's promise.
                unsafe { to.cast::<$raw>().write_unaligned(convert(value)) }
            }

            #[inline(always)]
            unsafe fn read(from: *const u8) -> f32 {
                let convert: fn($raw) -> f32 = $from;
                // SAFETY: the caller's promise.
                convert(unsafe { from.cast::<$raw>().read_unaligned() })
            }
        }
    };
}

element!(F32, 4, load, f32, |value| value, |raw| raw);
element!(
    F16,
    2,
    load_f16,
    u16,
    |v| half::f16::from_f32(v).to_bits(),
    |r| half::f16::from_bits(r).to_f32()
);
element!(
    Int8,
    1,
    load_i8,
    i8,
    |v| v.round_ties_even() as i8,
    f32::from
);
element!(
    Bf16,
    2,
    load_bf16,
    u16,
    |v| half::bf16::from_f32(v).to_bits(),
    |r| half::bf16::from_bits(r).to_f32()
);
