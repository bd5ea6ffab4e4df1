//! The small kernels between the matrix products: normalisation, gate, rotation, the largest logit. Rows are
//! padded with zeros to whole vectors, so none has a tail.

use super::simd::Simd;

/// out = x / √(mean(x²) + eps) × weight, over rows padded with zeros.
///
/// # Safety
/// The machine has `S`; the three addresses are valid for `length` rounded up to 16 elements.
#[inline(always)]
pub(crate) unsafe fn rms_norm<S: Simd>(
    x: *const f32,
    weight: *const f32,
    out: *mut f32,
    length: usize,
    eps: f32,
) {
    let padded = length.next_multiple_of(S::LANES);
    // SAFETY: the caller's promise.
    unsafe {
        let mut squares = S::zero();
        for i in (0..padded).step_by(S::LANES) {
            let value = S::load(x.add(i));
            squares = S::fma(value, value, squares);
        }
        let factor = S::splat(1.0 / (S::sum(squares) / length as f32 + eps).sqrt());
        for i in (0..padded).step_by(S::LANES) {
            let value = S::mul(S::load(x.add(i)), factor);
            S::store(out.add(i), S::mul(value, S::load(weight.add(i))));
        }
    }
}

/// gate = gate / (1 + e^−gate) × up, over `length` elements rounded up to 16.
///
/// # Safety
/// The machine has `S`; both addresses are valid for `length` rounded up to 16 elements.
#[inline(always)]
pub(crate) unsafe fn gate<S: Simd>(gate: *mut f32, up: *const f32, length: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        for i in (0..length).step_by(S::LANES) {
            let value = S::load(gate.add(i));
            let divisor = S::add(S::splat(1.0), S::exp(S::sub(S::zero(), value)));
            S::store(gate.add(i), S::mul(S::div(value, divisor), S::load(up.add(i))));
        }
    }
}

/// The index of the first largest of `length` values; `None` if any is NaN or infinite.
///
/// # Safety
/// The machine has `S`; `values` is valid for `length` elements.
#[inline(always)]
pub(crate) unsafe fn first_largest<S: Simd>(values: *const f32, length: usize) -> Option<usize> {
    // SAFETY: the caller's promise.
    unsafe {
        let (mut top, mut doubt) = (S::splat(f32::NEG_INFINITY), S::zero());
        let whole = length - length % S::LANES;
        for i in (0..whole).step_by(S::LANES) {
            let value = S::load(values.add(i));
            top = S::max(top, value);
            // Zero times a finite number is zero, and NaN otherwise.
            doubt = S::fma(value, S::zero(), doubt);
        }
        let tail = std::slice::from_raw_parts(values.add(whole), length - whole);
        if !S::sum(doubt).is_finite() || tail.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let top = tail.iter().copied().fold(S::largest(top), f32::max);
        std::slice::from_raw_parts(values, length).iter().position(|&value| value == top)
    }
}
