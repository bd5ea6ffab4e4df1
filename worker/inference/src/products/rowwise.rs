//! The small kernels, each on single rows of tokens.

use crate::aligned::padded;
use crate::model::Model;
use crate::shared::Shared;
use crate::team::Team;

/// Rotates the beginning of each head of a row: the first half is paired with the second half.
pub(crate) fn rotate(row: &mut [f32], head: usize, cosines: &[f32], sines: &[f32]) {
    for head in row.chunks_exact_mut(head) {
        let (first, second) = head[..2 * cosines.len()].split_at_mut(cosines.len());
        for ((a, b), (cosine, sine)) in first.iter_mut().zip(second).zip(cosines.iter().zip(sines))
        {
            (*a, *b) = (*a * cosine - *b * sine, *b * cosine + *a * sine);
        }
    }
}

/// Normalises each head of a row: x / √(mean(x²) + eps) × weight.
pub(crate) fn normalise_heads(row: &mut [f32], head: usize, weight: &[f32], eps: f32) {
    for head in row.chunks_exact_mut(head) {
        // Eight sums, so that the order of additions depends only on the head and vectors can be
        // used.
        let mut sums = [0.0f32; 8];
        head.iter()
            .enumerate()
            .for_each(|(at, x)| sums[at % 8] += x * x);
        let [a, b, c, d, e, f, g, h] = sums;
        let mean = (((a + e) + (c + g)) + ((b + f) + (d + h))) / head.len() as f32;
        let factor = 1.0 / (mean + eps).sqrt();
        head.iter_mut()
            .zip(weight)
            .for_each(|(x, w)| *x = *x * factor * w);
    }
}

/// Multiplies rows of `width` elements; a factor of 1 changes nothing.
pub(crate) fn scale(rows: &mut [f32], width: usize, count: usize, factor: f32) {
    if factor != 1.0 {
        rows[..count * padded(width)]
            .iter_mut()
            .for_each(|x| *x *= factor);
    }
}

/// Normalises each token's row.
pub(crate) fn normalise(
    team: &mut Team,
    model: &Model,
    from: &mut [f32],
    norm: &[f32],
    to: &mut [f32],
    tokens: usize,
) {
    norm_rows(team, model, [from, to], norm, tokens, false);
}

/// Normalises each token's row in place and adds it to another.
pub(crate) fn normalise_into(
    team: &mut Team,
    model: &Model,
    from: &mut [f32],
    norm: &[f32],
    to: &mut [f32],
    tokens: usize,
) {
    norm_rows(team, model, [from, to], norm, tokens, true);
}

pub(super) fn norm_rows(
    team: &mut Team,
    model: &Model,
    [from, to]: [&mut [f32]; 2],
    norm: &[f32],
    tokens: usize,
    add: bool,
) {
    let (hidden, eps) = (model.config.hidden_size, model.config.rms_norm_eps);
    let row = padded(hidden);
    assert!(row <= norm.len(), "a norm is padded as rows are");
    let (from, to) = (Shared::new(from), Shared::new(to));
    per_token(team, tokens, &|token| {
        // SAFETY: each token's rows are touched by one task and lie inside their buffers; rows and
        // norm are padded to 16 elements. The kernel reads what it overwrites before it does.
        unsafe {
            let (x, out) = (from.slice(token * row, row), to.slice(token * row, row));
            let at = x.as_mut_ptr();
            let result = if add { at } else { out.as_mut_ptr() };
            (model.kernels.rms_norm)(at, norm.as_ptr(), result, hidden, eps);
            if add {
                out.iter_mut().zip(x).for_each(|(out, x)| *out += *x);
            }
        }
    });
}

/// Runs `body` for each token, several tokens in each task.
pub(crate) fn per_token(team: &mut Team, tokens: usize, body: &(dyn Fn(usize) + Sync)) {
    team.run(tokens.div_ceil(TOKENS_PER_TASK), &|task| {
        let first = task.index * TOKENS_PER_TASK;
        (first..tokens.min(first + TOKENS_PER_TASK)).for_each(body);
    });
}

/// Tokens in one task of the small kernels.
pub(super) const TOKENS_PER_TASK: usize = 8;
