//! Owns the number formats of GGUF tensors: sizes, and dequantisation to F32 one whole block at a
//! time. It must not know tensor names or files.
//!
//! Block layouts: <https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h>.

use half::{bf16, f16};

/// Values in one block of the quantised formats.
const BLOCK: usize = 32;

/// A number format that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Quant {
    /// IEEE single.
    F32,
    /// IEEE half.
    F16,
    /// Brain float.
    Bf16,
    /// 4 bits, `d·(q−8)`, scale F16.
    Q4_0,
    /// 4 bits, `d·q + m`, scale and minimum F16.
    Q4_1,
    /// 8 bits, `d·q`, scale F16.
    Q8_0,
}

impl Quant {
    /// From the number in the file; the error is the name, or number, of the format.
    pub(crate) fn from_id(id: u32) -> Result<Self, String> {
        match id {
            0 => Ok(Self::F32),
            1 => Ok(Self::F16),
            2 => Ok(Self::Q4_0),
            3 => Ok(Self::Q4_1),
            8 => Ok(Self::Q8_0),
            30 => Ok(Self::Bf16),
            other => Err(unsupported_name(other).map_or_else(|| other.to_string(), str::to_owned)),
        }
    }

    /// As GGUF tools write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::Q4_0 => "Q4_0",
            Self::Q4_1 => "Q4_1",
            Self::Q8_0 => "Q8_0",
        }
    }

    /// Values and bytes of one block.
    fn block(self) -> (usize, usize) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::Bf16 => (1, 2),
            Self::Q4_0 => (BLOCK, 2 + BLOCK / 2),
            Self::Q4_1 => (BLOCK, 4 + BLOCK / 2),
            Self::Q8_0 => (BLOCK, 2 + BLOCK),
        }
    }

    /// Bytes of a tensor, fastest dimension first; `None` if the rows are not whole blocks or the
    /// size does not fit 64 bits.
    pub(crate) fn bytes(self, dimensions: &[u64]) -> Option<u64> {
        let (values, bytes) = self.block();
        let blocks = dimensions.first().unwrap_or(&1).checked_div(values as u64)?;
        if blocks * values as u64 != *dimensions.first().unwrap_or(&1) {
            return None;
        }
        let row = blocks.checked_mul(bytes as u64)?;
        dimensions.iter().skip(1).try_fold(row, |size, &d| size.checked_mul(d))
    }

    /// Bytes of one row of so many values; the row was checked to be whole blocks.
    pub(crate) fn row_bytes(self, columns: usize) -> usize {
        let (values, bytes) = self.block();
        columns / values * bytes
    }

    /// Appends the values of whole blocks.
    pub(crate) fn dequantise(self, bytes: &[u8], out: &mut Vec<f32>) {
        for block in bytes.chunks_exact(self.block().1) {
            match self {
                Self::F32 => out.push(f32::from_le_bytes([block[0], block[1], block[2], block[3]])),
                Self::F16 => out.push(half_at(block, 0)),
                Self::Bf16 => out.push(bf16::from_le_bytes([block[0], block[1]]).to_f32()),
                Self::Q4_0 => nibbles(&block[2..], half_at(block, 0), -8.0 * half_at(block, 0), out),
                Self::Q4_1 => nibbles(&block[4..], half_at(block, 0), half_at(block, 2), out),
                Self::Q8_0 => {
                    let scale = half_at(block, 0);
                    out.extend(block[2..].iter().map(|&q| f32::from(q.cast_signed()) * scale));
                }
            }
        }
    }
}

fn half_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// The low halves of all bytes come first, then the high halves.
fn nibbles(packed: &[u8], scale: f32, minimum: f32, out: &mut Vec<f32>) {
    out.extend(packed.iter().map(|&q| f32::from(q & 15) * scale + minimum));
    out.extend(packed.iter().map(|&q| f32::from(q >> 4) * scale + minimum));
}

fn unsupported_name(id: u32) -> Option<&'static str> {
    Some(match id {
        6 => "Q5_0",
        7 => "Q5_1",
        9 => "Q8_1",
        10 => "Q2_K",
        11 => "Q3_K",
        12 => "Q4_K",
        13 => "Q5_K",
        14 => "Q6_K",
        15 => "Q8_K",
        16 => "IQ2_XXS",
        17 => "IQ2_XS",
        18 => "IQ3_XXS",
        19 => "IQ1_S",
        20 => "IQ4_NL",
        21 => "IQ3_S",
        22 => "IQ2_S",
        23 => "IQ4_XS",
        24 => "I8",
        25 => "I16",
        26 => "I32",
        27 => "I64",
        28 => "F64",
        29 => "IQ1_M",
        34 => "TQ1_0",
        35 => "TQ2_0",
        39 => "MXFP4",
        _ => return None,
    })
}
