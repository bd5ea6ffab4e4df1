//! The number formats of GGUF tensors: sizes, and dequantisation to F32 one whole block at a time.
//! Each product is rounded where ggml rounds it, so that values equal ggml's to the bit. Must not
//! know tensor names or files.
//!
//! Block layouts: <https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h>.

use half::bf16;

use super::superblocks::{self, half_at};

/// A number format that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Quant(u32);

/// Number in the file, name, values and bytes of a block, and the function that appends a block's
/// values.
type Format = (u32, &'static str, usize, usize, fn(&[u8], &mut Vec<f32>));

/// Every supported format.
const FORMATS: [Format; 15] = [
    (0, "F32", 1, 4, |block, out| {
        out.push(f32::from_le_bytes([block[0], block[1], block[2], block[3]]));
    }),
    (1, "F16", 1, 2, |block, out| out.push(half_at(block, 0))),
    (2, "Q4_0", 32, 18, q4_0),
    (3, "Q4_1", 32, 20, q4_1),
    (6, "Q5_0", 32, 22, q5_0),
    (7, "Q5_1", 32, 24, q5_1),
    (8, "Q8_0", 32, 34, q8_0),
    (10, "Q2_K", 256, 84, superblocks::q2_k),
    (11, "Q3_K", 256, 110, superblocks::q3_k),
    (12, "Q4_K", 256, 144, superblocks::q4_k),
    (13, "Q5_K", 256, 176, superblocks::q5_k),
    (14, "Q6_K", 256, 210, superblocks::q6_k),
    (20, "IQ4_NL", 32, 18, superblocks::iq4_nl),
    (23, "IQ4_XS", 256, 136, superblocks::iq4_xs),
    (30, "BF16", 1, 2, |block, out| {
        out.push(bf16::from_le_bytes([block[0], block[1]]).to_f32());
    }),
];

/// Names of unsupported formats.
const OTHERS: [(u32, &str); 19] = [
    (9, "Q8_1"),
    (15, "Q8_K"),
    (16, "IQ2_XXS"),
    (17, "IQ2_XS"),
    (18, "IQ3_XXS"),
    (19, "IQ1_S"),
    (21, "IQ3_S"),
    (22, "IQ2_S"),
    (24, "I8"),
    (25, "I16"),
    (26, "I32"),
    (27, "I64"),
    (28, "F64"),
    (29, "IQ1_M"),
    (34, "TQ1_0"),
    (35, "TQ2_0"),
    (36, "IQ4_NL_4_4"),
    (39, "MXFP4"),
    (40, "NVFP4"),
];

impl Quant {
    /// From the number in the file; the error is the name, or number, of the format.
    pub(crate) fn from_id(id: u32) -> Result<Self, String> {
        if FORMATS.iter().any(|format| format.0 == id) {
            return Ok(Self(id));
        }
        let other = OTHERS.iter().find(|(other, _)| *other == id);
        Err(other.map_or_else(|| format!("number {id}"), |(_, name)| (*name).to_owned()))
    }

    /// The names of all supported formats.
    pub(crate) fn names() -> String {
        FORMATS.map(|format| format.1).join(", ")
    }

    fn format(self) -> &'static Format {
        FORMATS
            .iter()
            .find(|format| format.0 == self.0)
            .expect("it was made from one of them")
    }

    /// The name that GGUF tools use.
    pub(crate) fn name(self) -> &'static str {
        self.format().1
    }

    /// Bytes of a tensor, fastest dimension first; `None` if the rows are not whole blocks or the
    /// size exceeds 64 bits.
    pub(crate) fn bytes(self, dimensions: &[u64]) -> Option<u64> {
        let &(_, _, values, bytes, _) = self.format();
        let blocks = dimensions
            .first()
            .unwrap_or(&1)
            .checked_div(values as u64)?;
        if blocks * values as u64 != *dimensions.first().unwrap_or(&1) {
            return None;
        }
        let row = blocks.checked_mul(bytes as u64)?;
        dimensions
            .iter()
            .skip(1)
            .try_fold(row, |size, &d| size.checked_mul(d))
    }

    /// Bytes of one row of this many values, which must be whole blocks.
    pub(crate) fn row_bytes(self, columns: usize) -> usize {
        let &(_, _, values, bytes, _) = self.format();
        columns / values * bytes
    }

    /// Appends the values of whole blocks.
    pub(crate) fn dequantise(self, bytes: &[u8], out: &mut Vec<f32>) {
        let &(_, _, _, size, append) = self.format();
        bytes
            .chunks_exact(size)
            .for_each(|block| append(block, out));
    }
}

/// Four-bit codes: first the low halves of all bytes, then the high halves.
fn nibbles(packed: &[u8]) -> impl Iterator<Item = u8> {
    packed
        .iter()
        .map(|q| q & 15)
        .chain(packed.iter().map(|q| q >> 4))
}

/// The same with a separate fifth bit, in the order of the values.
fn fives(high: &[u8], packed: &[u8]) -> impl Iterator<Item = u8> {
    let high = u32::from_le_bytes([high[0], high[1], high[2], high[3]]);
    nibbles(packed)
        .enumerate()
        .map(move |(at, code)| code + 16 * (high >> at & 1) as u8)
}

fn q4_0(block: &[u8], out: &mut Vec<f32>) {
    let scale = half_at(block, 0);
    out.extend(nibbles(&block[2..]).map(|q| f32::from(q.cast_signed() - 8) * scale));
}

fn q4_1(block: &[u8], out: &mut Vec<f32>) {
    let (scale, least) = (half_at(block, 0), half_at(block, 2));
    out.extend(nibbles(&block[4..]).map(|q| f32::from(q) * scale + least));
}

fn q5_0(block: &[u8], out: &mut Vec<f32>) {
    let scale = half_at(block, 0);
    out.extend(fives(&block[2..6], &block[6..]).map(|q| f32::from(q.cast_signed() - 16) * scale));
}

fn q5_1(block: &[u8], out: &mut Vec<f32>) {
    let (scale, least) = (half_at(block, 0), half_at(block, 2));
    out.extend(fives(&block[4..8], &block[8..]).map(|q| f32::from(q) * scale + least));
}

fn q8_0(block: &[u8], out: &mut Vec<f32>) {
    let scale = half_at(block, 0);
    out.extend(
        block[2..]
            .iter()
            .map(|q| f32::from(q.cast_signed()) * scale),
    );
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn bytes(hex: &Value) -> Vec<u8> {
        let digits = hex.as_str().unwrap().as_bytes().as_chunks::<2>().0;
        digits
            .iter()
            .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    /// Our values, and those of llama.cpp's own package for the same blocks, as bits.
    fn both(format: &Value, blocks: &[u8]) -> [Vec<u32>; 2] {
        let quant = Quant::from_id(format["id"].as_u64().unwrap() as u32).unwrap();
        let mut values = Vec::new();
        quant.dequantise(blocks, &mut values);
        let expected = bytes(&format["values"])
            .as_chunks()
            .0
            .iter()
            .map(|&b| u32::from_le_bytes(b))
            .collect();
        [values.into_iter().map(f32::to_bits).collect(), expected]
    }

    #[test]
    fn every_quantised_format_is_read_as_llama_cpp_reads_it_to_the_bit() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/quants.json");
        let formats: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let formats = formats.as_object().unwrap();
        let quantised = FORMATS.iter().filter(|format| format.2 > 1);
        for &(_, name, values, size, _) in quantised {
            let format = formats
                .get(name)
                .unwrap_or_else(|| panic!("{name} is in no fixture"));
            let mut blocks = bytes(&format["blocks"]);
            assert_eq!(blocks.len() % size, 0);
            let [found, expected] = both(format, &blocks);
            assert_eq!(found.len(), blocks.len() / size * values, "{name}");
            assert_eq!(found, expected, "{name}");
            // Counter-check: one flipped bit of a code is noticed.
            let code = size + if name == "Q3_K" { 40 } else { size / 2 };
            blocks[code] ^= 1;
            assert_ne!(both(format, &blocks)[0], expected, "{name}");
        }
    }
}
