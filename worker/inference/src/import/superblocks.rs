//! Dequantisation of the formats with blocks of 256 values and inner scales: K-quants and IQ4. Each
//! product is rounded where ggml rounds it, so that values equal ggml's to the bit. Must not know
//! files.
//!
//! Block layouts: <https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h>.

use half::f16;

pub(super) fn half_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// Values of the four-bit codes of IQ4.
const IQ4: [i8; 16] = [
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
];

/// Two bits for each value; scale and minimum of sixteen values share a byte.
pub(super) fn q2_k(block: &[u8], out: &mut Vec<f32>) {
    let (scales, rest) = block.split_at(16);
    let (packed, factors) = rest.split_at(64);
    let (d, least) = (half_at(factors, 0), half_at(factors, 2));
    let mut scales = scales.iter();
    for packed in packed.chunks_exact(32) {
        for shift in [0, 2, 4, 6] {
            for part in packed.chunks_exact(16) {
                let scale = scales.next().expect("sixteen scales");
                let (factor, minimum) = (d * f32::from(scale & 15), least * f32::from(scale >> 4));
                out.extend(
                    part.iter()
                        .map(|q| factor * f32::from(q >> shift & 3) - minimum),
                );
            }
        }
    }
}

/// Two bits for each value and a third in a mask, scales of six bits.
pub(super) fn q3_k(block: &[u8], out: &mut Vec<f32>) {
    let (mask, rest) = block.split_at(32);
    let (packed, rest) = rest.split_at(64);
    let (low, high) = rest[..12].split_at(8);
    let d = half_at(rest, 12);
    let scale = |index: usize| {
        let four = low[index % 8] >> (index / 8 * 4) & 15;
        let two = high[index % 4] >> (index / 4 * 2) & 3;
        i16::from(four | two << 4) - 32
    };
    let mut index = 0;
    for (half, packed) in packed.chunks_exact(32).enumerate() {
        for step in 0..4 {
            let bit = 1u8 << (4 * half + step);
            for (part, mask) in packed.chunks_exact(16).zip(mask.chunks_exact(16)) {
                let factor = d * f32::from(scale(index));
                index += 1;
                let value = |(q, m): (&u8, &u8)| {
                    let code =
                        (q >> (2 * step) & 3).cast_signed() - if m & bit == 0 { 4 } else { 0 };
                    factor * f32::from(code)
                };
                out.extend(part.iter().zip(mask).map(value));
            }
        }
    }
}

/// The six-bit scale and minimum of 32 values; eight pairs are packed into twelve bytes.
fn scale_and_minimum(packed: &[u8], index: usize) -> (f32, f32) {
    let (scale, minimum) = match index {
        0..4 => (packed[index] & 63, packed[index + 4] & 63),
        _ => (
            packed[index + 4] & 15 | packed[index - 4] >> 6 << 4,
            packed[index + 4] >> 4 | packed[index] >> 6 << 4,
        ),
    };
    (f32::from(scale), f32::from(minimum))
}

/// Four bits for each value.
pub(super) fn q4_k(block: &[u8], out: &mut Vec<f32>) {
    let (d, least, scales) = (half_at(block, 0), half_at(block, 2), &block[4..16]);
    for (pair, packed) in block[16..].chunks_exact(32).enumerate() {
        for side in 0..2 {
            let (scale, minimum) = scale_and_minimum(scales, 2 * pair + side);
            let (factor, minimum) = (d * scale, least * minimum);
            out.extend(
                packed
                    .iter()
                    .map(|q| factor * f32::from(q >> (4 * side) & 15) - minimum),
            );
        }
    }
}

/// Four bits for each value and a separate fifth bit.
pub(super) fn q5_k(block: &[u8], out: &mut Vec<f32>) {
    let (d, least, scales) = (half_at(block, 0), half_at(block, 2), &block[4..16]);
    let high = &block[16..48];
    for (pair, packed) in block[48..].chunks_exact(32).enumerate() {
        for side in 0..2 {
            let index = 2 * pair + side;
            let (scale, minimum) = scale_and_minimum(scales, index);
            let (factor, minimum) = (d * scale, least * minimum);
            let value = |(q, h): (&u8, &u8)| {
                factor * f32::from(q >> (4 * side) & 15 | (h >> index & 1) << 4) - minimum
            };
            out.extend(packed.iter().zip(high).map(value));
        }
    }
}

/// Four bits for each value and two separate bits, scales of eight bits.
pub(super) fn q6_k(block: &[u8], out: &mut Vec<f32>) {
    let (low, rest) = block.split_at(128);
    let (high, rest) = rest.split_at(64);
    let (scales, d) = (&rest[..16], half_at(rest, 16));
    for half in 0..2 {
        let (low, high) = (&low[64 * half..], &high[32 * half..]);
        for quarter in 0..4 {
            for at in 0..32 {
                let four = low[at + 32 * (quarter % 2)] >> (4 * (quarter / 2)) & 15;
                let two = high[at] >> (2 * quarter) & 3;
                let code = (four | two << 4).cast_signed() - 32;
                let scale = scales[8 * half + 2 * quarter + at / 16].cast_signed();
                out.push(d * f32::from(scale) * f32::from(code));
            }
        }
    }
}

/// Four-bit codes that index a table of values.
pub(super) fn iq4_nl(block: &[u8], out: &mut Vec<f32>) {
    codes(half_at(block, 0), &block[2..], out);
}

/// The same with a six-bit scale for 32 values.
pub(super) fn iq4_xs(block: &[u8], out: &mut Vec<f32>) {
    let d = half_at(block, 0);
    let high = u16::from_le_bytes([block[2], block[3]]);
    for (index, packed) in block[8..].chunks_exact(16).enumerate() {
        let four = block[4 + index / 2] >> (4 * (index % 2)) & 15;
        let two = (high >> (2 * index) & 3) as u8;
        codes(
            d * f32::from((four | two << 4).cast_signed() - 32),
            packed,
            out,
        );
    }
}

fn codes(factor: f32, packed: &[u8], out: &mut Vec<f32>) {
    let value = |code: u8| factor * f32::from(IQ4[usize::from(code)]);
    out.extend(packed.iter().map(|q| value(q & 15)));
    out.extend(packed.iter().map(|q| value(q >> 4)));
}
