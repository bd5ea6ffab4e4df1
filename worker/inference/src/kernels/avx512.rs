//! The vector operations with AVX-512F and VL. Used only after both were detected.

use std::arch::x86_64::*;

use super::simd::Simd;

/// Marker of the AVX-512 path.
#[derive(Clone, Copy)]
pub(crate) struct Avx512;

// SAFETY of the blocks below, all alike: the trait's contract says that the machine has the
// instructions and that addresses are valid for `LANES` elements; all memory instructions used are
// the unaligned ones.
macro_rules! avx {
    ($body:expr) => {
        // SAFETY: see above.
        unsafe { $body }
    };
}

/// Sums of the low and high halves, twice.
#[inline(always)]
unsafe fn fold(v: __m512) -> __m128 {
    avx!({
        let high = _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(v)));
        let v = _mm256_add_ps(_mm512_castps512_ps256(v), high);
        _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v))
    })
}

/// The folded halves of two vectors, side by side.
#[inline(always)]
unsafe fn halves(a: __m512, b: __m512) -> __m512 {
    avx!(_mm512_add_ps(
        _mm512_shuffle_f32x4::<0x44>(a, b),
        _mm512_shuffle_f32x4::<0xee>(a, b)
    ))
}

/// The folded quarters of four vectors, given as two results of [`halves`].
#[inline(always)]
unsafe fn join(a: __m512, b: __m512) -> __m512 {
    avx!(_mm512_add_ps(
        _mm512_shuffle_f32x4::<0x88>(a, b),
        _mm512_shuffle_f32x4::<0xdd>(a, b)
    ))
}

impl Simd for Avx512 {
    type V = __m512;
    const LANES: usize = 16;
    const TILE_ROWS: usize = 8;
    const TILE_COLUMNS: usize = 3;

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m512 {
        avx!(_mm512_set1_ps(value))
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m512 {
        avx!(_mm512_loadu_ps(from))
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> __m512 {
        avx!({
            let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide))
        })
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> __m512 {
        avx!(_mm512_cvtph_ps(_mm256_loadu_si256(from.cast())))
    }

    #[inline(always)]
    unsafe fn load_i8(from: *const i8) -> __m512 {
        avx!(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(
            from.cast()
        ))))
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, value: __m512) {
        avx!(_mm512_storeu_ps(to, value));
    }

    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        avx!(_mm512_add_ps(a, b))
    }

    #[inline(always)]
    unsafe fn sub(a: __m512, b: __m512) -> __m512 {
        avx!(_mm512_sub_ps(a, b))
    }

    #[inline(always)]
    unsafe fn mul(a: __m512, b: __m512) -> __m512 {
        avx!(_mm512_mul_ps(a, b))
    }

    #[inline(always)]
    unsafe fn div(a: __m512, b: __m512) -> __m512 {
        avx!(_mm512_div_ps(a, b))
    }

    #[inline(always)]
    unsafe fn max(a: __m512, b: __m512) -> __m512 {
        avx!(_mm512_max_ps(a, b))
    }

    #[inline(always)]
    unsafe fn min(a: __m512, b: __m512) -> __m512 {
        avx!(_mm512_min_ps(a, b))
    }

    #[inline(always)]
    unsafe fn fma(a: __m512, b: __m512, c: __m512) -> __m512 {
        avx!(_mm512_fmadd_ps(a, b, c))
    }

    #[inline(always)]
    unsafe fn round(a: __m512) -> __m512 {
        avx!(_mm512_roundscale_ps::<
            { _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC },
        >(a))
    }

    #[inline(always)]
    unsafe fn power_of_two(n: __m512) -> __m512 {
        avx!({
            let biased = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
            _mm512_castsi512_ps(_mm512_slli_epi32::<23>(biased))
        })
    }

    #[inline(always)]
    unsafe fn sum(a: __m512) -> f32 {
        avx!({
            let four = fold(a);
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        })
    }

    #[inline(always)]
    unsafe fn fold_tile(a: [__m512; 8], to: *mut f32, accumulate: bool) {
        avx!({
            let first = join(halves(a[0], a[1]), halves(a[2], a[3]));
            let second = join(halves(a[4], a[5]), halves(a[6], a[7]));
            let two = _mm512_add_ps(
                _mm512_unpacklo_ps(first, second),
                _mm512_unpackhi_ps(first, second),
            );
            let one = _mm512_add_ps(two, _mm512_permute_ps::<0x4e>(two));
            let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 0, 0, 0, 0, 0, 0, 0, 0);
            let sums = _mm512_castps512_ps256(_mm512_permutexvar_ps(order, one));
            let sums = if accumulate {
                _mm256_add_ps(_mm256_loadu_ps(to), sums)
            } else {
                sums
            };
            _mm256_storeu_ps(to, sums);
        });
    }

    #[inline(always)]
    unsafe fn largest(a: __m512) -> f32 {
        avx!(_mm512_reduce_max_ps(a))
    }

    #[inline(always)]
    unsafe fn prefetch(at: *const u8) {
        avx!(_mm_prefetch::<_MM_HINT_T0>(at.cast()));
    }
}
