//! The small kernels between the matrix products: normalisation, gate, rotation, the largest logit.
//! Rows are padded with zeros to whole vectors, so there is no remainder.

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
            S::store(
                gate.add(i),
                S::mul(S::div(value, divisor), S::load(up.add(i))),
            );
        }
    }
}

/// gate = gate × Φ(gate) × up, with Φ approximated by the hyperbolic tangent, over `length`
/// elements rounded up to 16.
///
/// # Safety
/// As [`gate`].
#[inline(always)]
pub(crate) unsafe fn gate_gelu<S: Simd>(gate: *mut f32, up: *const f32, length: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        for i in (0..length).step_by(S::LANES) {
            let value = S::load(gate.add(i));
            let cube = S::mul(S::mul(value, value), value);
            // (1 + tanh u) / 2 = 1 / (1 + e^−2u), with 2u = √(8/π) (x + 0.044715 x³).
            let twice = S::mul(
                S::splat(1.595_769_2),
                S::fma(cube, S::splat(0.044_715), value),
            );
            let divisor = S::add(S::splat(1.0), S::exp(S::sub(S::zero(), twice)));
            S::store(
                gate.add(i),
                S::mul(S::div(value, divisor), S::load(up.add(i))),
            );
        }
    }
}

/// cap × tanh(value / cap).
///
/// # Safety
/// The machine has `S`.
#[inline(always)]
pub(crate) unsafe fn capped<S: Simd>(value: S::V, cap: f32) -> S::V {
    // SAFETY: the caller's promise.
    unsafe {
        let double = S::exp(S::mul(value, S::splat(2.0 / cap)));
        let part = S::div(S::splat(2.0 * cap), S::add(double, S::splat(1.0)));
        S::sub(S::splat(cap), part)
    }
}

/// Caps `length` values smoothly to ± cap.
///
/// # Safety
/// The machine has `S`; `values` is valid for `length` elements.
#[inline(always)]
pub(crate) unsafe fn cap<S: Simd>(values: *mut f32, length: usize, cap: f32) {
    // SAFETY: the caller's promise; the last vector is copied out and back, so it overlaps none
    // before it.
    unsafe {
        let whole = length - length % S::LANES;
        for i in (0..whole).step_by(S::LANES) {
            S::store(values.add(i), capped::<S>(S::load(values.add(i)), cap));
        }
        let mut rest = [0.0f32; 16];
        std::ptr::copy_nonoverlapping(values.add(whole), rest.as_mut_ptr(), length - whole);
        S::store(rest.as_mut_ptr(), capped::<S>(S::load(rest.as_ptr()), cap));
        std::ptr::copy_nonoverlapping(rest.as_ptr(), values.add(whole), length - whole);
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
            // Zero times a finite number is zero, otherwise NaN.
            doubt = S::fma(value, S::zero(), doubt);
        }
        let tail = std::slice::from_raw_parts(values.add(whole), length - whole);
        if !S::sum(doubt).is_finite() || tail.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let top = tail.iter().copied().fold(S::largest(top), f32::max);
        std::slice::from_raw_parts(values, length)
            .iter()
            .position(|&value| value == top)
    }
}
