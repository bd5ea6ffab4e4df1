//! The vector operations with AVX2, FMA and F16C. Used only after all three were detected.

use std::arch::x86_64::*;

use super::simd::Simd;

/// Marker of the AVX2 path.
#[derive(Clone, Copy)]
pub(crate) struct Avx2;

// SAFETY of the blocks below, all alike: the trait's contract says that the machine has the
// instructions and that addresses are valid for `LANES` elements; all memory instructions used are
// the unaligned ones.
macro_rules! avx {
    ($body:expr) => {
        // SAFETY: see above.
        unsafe { $body }
    };
}

/// Sums of the low and high halves.
#[inline(always)]
unsafe fn fold(v: __m256) -> __m128 {
    avx!(_mm_add_ps(
        _mm256_castps256_ps128(v),
        _mm256_extractf128_ps::<1>(v)
    ))
}

/// The folded halves of two vectors, side by side.
#[inline(always)]
unsafe fn join(a: __m256, b: __m256) -> __m256 {
    avx!(_mm256_add_ps(
        _mm256_permute2f128_ps::<0x20>(a, b),
        _mm256_permute2f128_ps::<0x31>(a, b)
    ))
}

impl Simd for Avx2 {
    type V = __m256;
    const LANES: usize = 8;
    const TILE_ROWS: usize = 4;
    const TILE_COLUMNS: usize = 3;

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m256 {
        avx!(_mm256_set1_ps(value))
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m256 {
        avx!(_mm256_loadu_ps(from))
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> __m256 {
        avx!({
            let wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast()));
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide))
        })
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> __m256 {
        avx!(_mm256_cvtph_ps(_mm_loadu_si128(from.cast())))
    }

    #[inline(always)]
    unsafe fn load_i8(from: *const i8) -> __m256 {
        avx!(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(
            from.cast()
        ))))
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, value: __m256) {
        avx!(_mm256_storeu_ps(to, value));
    }

    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        avx!(_mm256_add_ps(a, b))
    }

    #[inline(always)]
    unsafe fn sub(a: __m256, b: __m256) -> __m256 {
        avx!(_mm256_sub_ps(a, b))
    }

    #[inline(always)]
    unsafe fn mul(a: __m256, b: __m256) -> __m256 {
        avx!(_mm256_mul_ps(a, b))
    }

    #[inline(always)]
    unsafe fn div(a: __m256, b: __m256) -> __m256 {
        avx!(_mm256_div_ps(a, b))
    }

    #[inline(always)]
    unsafe fn max(a: __m256, b: __m256) -> __m256 {
        avx!(_mm256_max_ps(a, b))
    }

    #[inline(always)]
    unsafe fn min(a: __m256, b: __m256) -> __m256 {
        avx!(_mm256_min_ps(a, b))
    }

    #[inline(always)]
    unsafe fn fma(a: __m256, b: __m256, c: __m256) -> __m256 {
        avx!(_mm256_fmadd_ps(a, b, c))
    }

    #[inline(always)]
    unsafe fn round(a: __m256) -> __m256 {
        avx!(_mm256_round_ps::<
            { _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC },
        >(a))
    }

    #[inline(always)]
    unsafe fn power_of_two(n: __m256) -> __m256 {
        avx!({
            let biased = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
            _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased))
        })
    }

    #[inline(always)]
    unsafe fn sum(a: __m256) -> f32 {
        avx!({
            let four = fold(a);
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        })
    }

    #[inline(always)]
    unsafe fn fold_tile(a: [__m256; 8], to: *mut f32, accumulate: bool) {
        avx!({
            let first = join(a[0], a[1]);
            let second = join(a[2], a[3]);
            let two = _mm256_add_ps(
                _mm256_unpacklo_ps(first, second),
                _mm256_unpackhi_ps(first, second),
            );
            let one = _mm256_add_ps(two, _mm256_permute_ps::<0x4e>(two));
            let sums =
                _mm_unpacklo_ps(_mm256_castps256_ps128(one), _mm256_extractf128_ps::<1>(one));
            let sums = if accumulate {
                _mm_add_ps(_mm_loadu_ps(to), sums)
            } else {
                sums
            };
            _mm_storeu_ps(to, sums);
        });
    }

    #[inline(always)]
    unsafe fn largest(a: __m256) -> f32 {
        avx!({
            let m = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let m = _mm_max_ps(m, _mm_movehl_ps(m, m));
            _mm_cvtss_f32(_mm_max_ss(m, _mm_shuffle_ps::<1>(m, m)))
        })
    }

    #[inline(always)]
    unsafe fn prefetch(at: *const u8) {
        avx!(_mm_prefetch::<_MM_HINT_T0>(at.cast()));
    }
}
