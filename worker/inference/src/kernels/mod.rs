//! The arithmetic of the engine. One source for each kernel, generic over the vector operations;
//! each instruction set has its own copies behind function pointers, chosen once. The pointers also
//! prevent profile-driven inlining of kernels. Must not know models, sequences or threads.
#![expect(
    unsafe_code,
    reason = "vector instructions and raw weight bytes; these files are made for it"
)]
#![expect(
    clippy::needless_range_loop,
    reason = "indices into register tiles unroll; iterator closures may not inline"
)]

#[cfg(target_arch = "x86_64")]
mod amx;
mod attention;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod floors;
mod matmul;
mod pointwise;
mod portable;
mod sample;
mod simd;
#[cfg(all(test, feature = "property-tests"))]
mod tests;

pub(crate) use attention::{Attention, PAGE};
pub use floors::Stretch;
pub(crate) use matmul::{MatMul, SCRATCH};
pub use sample::SampleProduct;
pub(crate) use simd::{Bf16, Element, F32};

use crate::config::{Activation, KvFormat};

/// An instruction set that has kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    /// Plain Rust.
    Portable,
    /// AVX2, FMA and F16C.
    Avx2,
    /// AVX-512F and VL.
    Avx512,
    /// AVX-512, and AMX for products with BF16 weights.
    Amx,
}

/// The kernels of one instruction set. Each pointer has the safety contract of the function it
/// names.
pub(crate) struct Kernels {
    pub(crate) isa: Isa,
    /// [`matmul::rows`].
    pub(crate) matmul: unsafe fn(&MatMul, usize, usize, *mut f32),
    attend_bf16: unsafe fn(&Attention),
    attend_f32: unsafe fn(&Attention),
    /// [`pointwise::rms_norm`].
    pub(crate) rms_norm: unsafe fn(*const f32, *const f32, *mut f32, usize, f32),
    /// [`pointwise::gate`].
    gate: unsafe fn(*mut f32, *const f32, usize),
    /// [`pointwise::gate_gelu`].
    gate_gelu: unsafe fn(*mut f32, *const f32, usize),
    /// [`pointwise::cap`].
    pub(crate) cap: unsafe fn(*mut f32, usize, f32),
    first_largest: unsafe fn(*const f32, usize) -> Option<usize>,
    /// [`floors::read`].
    read: unsafe fn(*const f32, usize) -> f32,
    /// [`floors::multiply_add`].
    multiply_add: unsafe fn(usize) -> f32,
    /// Accumulators of the widest matrix tile.
    tile: usize,
    /// The layout of BF16 weights for products, if the set needs one.
    pub(crate) tiles: Option<Tiles>,
}

/// Another layout of weights and of the x that is multiplied with them.
#[derive(Clone, Copy)]
pub(crate) struct Tiles {
    /// Rows of W in one task are a multiple of this.
    pub(crate) rows: usize,
    /// Bytes of W with this many rows and columns.
    pub(crate) packed_bytes: fn(usize, usize) -> usize,
    /// Lays out rows of W with this many columns in zeroed memory.
    pub(crate) pack: fn(&[u8], usize, &mut [u8]),
    /// Bytes of one row of x with this many columns.
    pub(crate) split_bytes: fn(usize) -> usize,
    /// Lays out one row of x with this many columns, zero up to the next multiple of 16.
    pub(crate) split: unsafe fn(*const f32, usize, *mut u8),
}

impl Isa {
    /// A name for reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Amx => "amx",
        }
    }

    /// The sets this machine has, widest last.
    pub fn available() -> Vec<Self> {
        [Self::Portable, Self::Avx2, Self::Avx512, Self::Amx]
            .into_iter()
            .filter(|isa| isa.detected())
            .collect()
    }

    #[cfg(target_arch = "x86_64")]
    fn detected(self) -> bool {
        match self {
            Self::Portable => true,
            Self::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && is_x86_feature_detected!("f16c")
            }
            // Without VL the upper sixteen registers have no narrow form, and tiles spill.
            Self::Avx512 => {
                Self::Avx2.detected()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
            }
            Self::Amx => Self::Avx512.detected() && amx::granted(),
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn detected(self) -> bool {
        self == Self::Portable
    }

    /// Elements of a vector.
    pub(crate) fn lanes(self) -> usize {
        match self {
            Self::Portable | Self::Avx2 => 8,
            Self::Avx512 | Self::Amx => 16,
        }
    }

    /// The kernels, if this machine has the set.
    pub(crate) fn kernels(self) -> Option<&'static Kernels> {
        if !self.detected() {
            return None;
        }
        match self {
            Self::Portable => Some(&portable_path::KERNELS),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => Some(&avx2_path::KERNELS),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Some(&avx512_path::KERNELS),
            #[cfg(target_arch = "x86_64")]
            Self::Amx => Some(&amx_path::KERNELS),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 | Self::Amx => None,
        }
    }
}

impl Kernels {
    /// [`attention::attend`] over a cache of this format.
    pub(crate) fn attend(&self, format: KvFormat) -> unsafe fn(&Attention) {
        match format {
            KvFormat::Bf16 => self.attend_bf16,
            KvFormat::F32 => self.attend_f32,
        }
    }

    /// [`pointwise::gate`] or [`pointwise::gate_gelu`].
    pub(crate) fn gate(&self, activation: Activation) -> unsafe fn(*mut f32, *const f32, usize) {
        match activation {
            Activation::Silu => self.gate,
            Activation::Gelu => self.gate_gelu,
        }
    }

    /// The index of the first largest value; `None` if any is NaN or infinite, or there is none.
    pub(crate) fn first_largest(&self, values: &[f32]) -> Option<usize> {
        // SAFETY: this table exists only where its instruction set was detected; the slice is
        // valid.
        unsafe { (self.first_largest)(values.as_ptr(), values.len()) }
    }
}

/// Copies of every kernel for one set, compiled with its instructions enabled, and their table.
macro_rules! path {
    ($module:ident, $isa:ident, $simd:ty, $rows:path, $tiles:expr, #[$($enable:tt)*]) => {
        mod $module {
            use super::*;

            #[$($enable)*]
            unsafe fn matmul_rows(job: &MatMul, first: usize, last: usize, scratch: *mut f32) {
                // SAFETY: the caller's contract, here and below.
                unsafe { $rows(job, first, last, scratch) }
            }

            #[$($enable)*]
            unsafe fn attend_bf16(job: &Attention) {
                // SAFETY: passed on.
                unsafe { attention::attend::<$simd, Bf16>(job) }
            }

            #[$($enable)*]
            unsafe fn attend_f32(job: &Attention) {
                // SAFETY: passed on.
                unsafe { attention::attend::<$simd, F32>(job) }
            }

            #[$($enable)*]
            unsafe fn rms_norm(x: *const f32, weight: *const f32, out: *mut f32, length: usize, eps: f32) {
                // SAFETY: passed on.
                unsafe { pointwise::rms_norm::<$simd>(x, weight, out, length, eps) }
            }

            #[$($enable)*]
            unsafe fn gate(gate: *mut f32, up: *const f32, length: usize) {
                // SAFETY: passed on.
                unsafe { pointwise::gate::<$simd>(gate, up, length) }
            }

            #[$($enable)*]
            unsafe fn gate_gelu(gate: *mut f32, up: *const f32, length: usize) {
                // SAFETY: passed on.
                unsafe { pointwise::gate_gelu::<$simd>(gate, up, length) }
            }

            #[$($enable)*]
            unsafe fn cap(values: *mut f32, length: usize, cap: f32) {
                // SAFETY: passed on.
                unsafe { pointwise::cap::<$simd>(values, length, cap) }
            }

            #[$($enable)*]
            unsafe fn first_largest(values: *const f32, length: usize) -> Option<usize> {
                // SAFETY: passed on.
                unsafe { pointwise::first_largest::<$simd>(values, length) }
            }

            #[$($enable)*]
            unsafe fn read(from: *const f32, length: usize) -> f32 {
                // SAFETY: passed on.
                unsafe { floors::read::<$simd>(from, length) }
            }

            #[$($enable)*]
            unsafe fn multiply_add(rounds: usize) -> f32 {
                // SAFETY: passed on.
                unsafe { floors::multiply_add::<$simd>(rounds) }
            }

            pub(super) static KERNELS: Kernels = Kernels {
                isa: Isa::$isa,
                matmul: matmul_rows,
                attend_bf16,
                attend_f32,
                rms_norm,
                gate,
                gate_gelu,
                cap,
                first_largest,
                read,
                multiply_add,
                tile: <$simd as simd::Simd>::TILE_ROWS * <$simd as simd::Simd>::TILE_COLUMNS,
                tiles: $tiles,
            };
        }
    };
}

path!(portable_path, Portable, portable::Portable, matmul::rows::<portable::Portable>, None, #[inline(never)]);
#[cfg(target_arch = "x86_64")]
path!(avx2_path, Avx2, avx2::Avx2, matmul::rows::<avx2::Avx2>, None, #[target_feature(enable = "avx2,fma,f16c")]);
#[cfg(target_arch = "x86_64")]
path!(
    avx512_path,
    Avx512,
    avx512::Avx512,
    matmul::rows::<avx512::Avx512>,
    None,
    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl")]
);
#[cfg(target_arch = "x86_64")]
path!(
    amx_path,
    Amx,
    avx512::Avx512,
    tiles_or_vectors,
    Some(amx::TILES),
    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl")]
);

/// [`amx::rows`] if the weights are in tiles, otherwise [`matmul::rows`]: a property of the matrix,
/// never of the batch.
///
/// # Safety
/// As both.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn tiles_or_vectors(job: &MatMul, first: usize, last: usize, scratch: *mut f32) {
    // SAFETY: passed on.
    unsafe {
        if job.packed.is_null() {
            matmul::rows::<avx512::Avx512>(job, first, last, scratch);
        } else {
            amx::rows(job, first, last);
        }
    }
}
