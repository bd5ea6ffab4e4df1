//! The vector operations in plain Rust: for machines without AVX2, and the reference for the other
//! paths. Eight lanes, so that buffers have the same layout. No fused multiply-add.

use super::simd::Simd;

/// Marker of the portable path.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

/// Eight lanes.
#[derive(Clone, Copy)]
#[repr(align(32))]
pub(crate) struct Lanes([f32; 8]);

#[inline(always)]
fn zip(a: Lanes, b: Lanes, f: impl Fn(f32, f32) -> f32) -> Lanes {
    Lanes(std::array::from_fn(|lane| f(a.0[lane], b.0[lane])))
}

// `unsafe fn` because of the trait's contract; nothing here needs an instruction set.
impl Simd for Portable {
    type V = Lanes;
    const LANES: usize = 8;
    const TILE_ROWS: usize = 4;
    const TILE_COLUMNS: usize = 2;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Lanes {
        Lanes([value; 8])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Lanes {
        // SAFETY: valid for eight elements by the trait's contract.
        Lanes(unsafe { from.cast::<[f32; 8]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Lanes {
        // SAFETY: valid for eight elements by the trait's contract.
        let raw = unsafe { from.cast::<[u16; 8]>().read_unaligned() };
        Lanes(raw.map(|bits| f32::from_bits(u32::from(bits) << 16)))
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> Lanes {
        // SAFETY: valid for eight elements by the trait's contract.
        let raw = unsafe { from.cast::<[u16; 8]>().read_unaligned() };
        Lanes(raw.map(|bits| half::f16::from_bits(bits).to_f32()))
    }

    #[inline(always)]
    unsafe fn load_i8(from: *const i8) -> Lanes {
        // SAFETY: valid for eight elements by the trait's contract.
        let raw = unsafe { from.cast::<[i8; 8]>().read_unaligned() };
        Lanes(raw.map(f32::from))
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, value: Lanes) {
        // SAFETY: valid for eight elements by the trait's contract.
        unsafe { to.cast::<[f32; 8]>().write_unaligned(value.0) }
    }

    #[inline(always)]
    unsafe fn add(a: Lanes, b: Lanes) -> Lanes {
        zip(a, b, |a, b| a + b)
    }

    #[inline(always)]
    unsafe fn sub(a: Lanes, b: Lanes) -> Lanes {
        zip(a, b, |a, b| a - b)
    }

    #[inline(always)]
    unsafe fn mul(a: Lanes, b: Lanes) -> Lanes {
        zip(a, b, |a, b| a * b)
    }

    #[inline(always)]
    unsafe fn div(a: Lanes, b: Lanes) -> Lanes {
        zip(a, b, |a, b| a / b)
    }

    #[inline(always)]
    unsafe fn max(a: Lanes, b: Lanes) -> Lanes {
        zip(a, b, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    unsafe fn min(a: Lanes, b: Lanes) -> Lanes {
        zip(a, b, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    unsafe fn fma(a: Lanes, b: Lanes, c: Lanes) -> Lanes {
        Lanes(std::array::from_fn(|lane| {
            a.0[lane] * b.0[lane] + c.0[lane]
        }))
    }

    #[inline(always)]
    unsafe fn round(a: Lanes) -> Lanes {
        // Adding 1.5 × 2²³ leaves no room for a fraction; magnitudes here stay far below 2²².
        Lanes(a.0.map(|value| (value + 12_582_912.0) - 12_582_912.0))
    }

    #[inline(always)]
    unsafe fn power_of_two(n: Lanes) -> Lanes {
        Lanes(n.0.map(|value| f32::from_bits(((value as i32 + 127) as u32) << 23)))
    }

    #[inline(always)]
    unsafe fn sum(a: Lanes) -> f32 {
        let half: [f32; 4] = std::array::from_fn(|lane| a.0[lane] + a.0[lane + 4]);
        (half[0] + half[2]) + (half[1] + half[3])
    }

    #[inline(always)]
    unsafe fn fold_tile(a: [Lanes; 8], to: *mut f32, accumulate: bool) {
        for (row, lanes) in a.into_iter().take(Self::TILE_ROWS).enumerate() {
            // SAFETY: `to` is valid for the rows of a tile; `sum` needs no instruction set.
            unsafe {
                let to = to.add(row);
                *to = if accumulate {
                    *to + Self::sum(lanes)
                } else {
                    Self::sum(lanes)
                };
            }
        }
    }

    #[inline(always)]
    unsafe fn largest(a: Lanes) -> f32 {
        a.0.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }

    #[inline(always)]
    unsafe fn prefetch(_at: *const u8) {}
}
