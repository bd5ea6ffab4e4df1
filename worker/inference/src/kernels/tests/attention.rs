//! One attention computation and its exact value.

use super::*;

pub(super) struct Case {
    pub(super) tokens: usize,
    pub(super) group: usize,
    pub(super) head: usize,
    pub(super) before: usize,
    pub(super) seed: u64,
    pub(super) format: KvFormat,
    pub(super) window: usize,
    pub(super) cap: f32,
}

impl Case {
    pub(super) fn weight_format(&self) -> WeightFormat {
        match self.format {
            KvFormat::F32 => WeightFormat::F32,
            KvFormat::Bf16 => WeightFormat::Bf16,
        }
    }

    pub(super) fn length(&self) -> usize {
        self.before + self.tokens
    }

    pub(super) fn queries(&self) -> Vec<f32> {
        numbers(self.seed, self.tokens * self.group * self.head)
            .iter()
            .map(|q| 4.0 * q)
            .collect()
    }

    /// Keys or values by position.
    pub(super) fn rows(&self, seed: u64) -> Vec<f32> {
        stored(
            &numbers(seed, self.length() * self.head),
            self.weight_format(),
        )
        .1
    }

    /// Pages in reverse order, with garbage after the last token.
    pub(super) fn pages(&self, seed: u64, transposed: bool) -> Vec<u8> {
        let (rows, count) = (self.rows(seed), self.length().div_ceil(PAGE));
        let mut pages = numbers(seed + 7, count * PAGE * self.head);
        for (index, &value) in rows.iter().enumerate() {
            let (position, i) = (index / self.head, index % self.head);
            let (page, token) = (count - 1 - position / PAGE, position % PAGE);
            let inside = if transposed {
                i * PAGE + token
            } else {
                token * self.head + i
            };
            pages[page * PAGE * self.head + inside] = value;
        }
        stored(&pages, self.weight_format()).0
    }

    pub(super) fn compute(&self, kernels: &Kernels, first: usize, tokens: usize) -> Vec<f32> {
        let (keys, values) = (
            self.pages(self.seed + 1, true),
            self.pages(self.seed + 2, false),
        );
        let count = self.length().div_ceil(PAGE);
        let table: Vec<u32> = (0..count as u32).rev().collect();
        let stride = self.group * self.head;
        let q = self.queries();
        let mut out = vec![0.0; tokens * stride];
        let mut scores = vec![f32::NAN; tokens * self.group * count * PAGE];
        let job = Attention {
            q: q[first * stride..].as_ptr(),
            stride,
            tokens,
            group: self.group,
            head: self.head,
            keys: keys[1..].as_ptr(),
            values: values[1..].as_ptr(),
            page_stride: PAGE * self.head * self.format.bytes(),
            pages: table.as_ptr(),
            seen: self.before + first + 1,
            out: out.as_mut_ptr(),
            scores: scores.as_mut_ptr(),
            score_stride: count * PAGE,
            scale: 1.0 / (self.head as f32).sqrt(),
            cap: self.cap,
            window: self.window,
        };
        // SAFETY: the buffers have the shapes stated, and the path was detected.
        unsafe { kernels.attend(self.format)(&job) };
        out
    }

    /// Exact outputs, token by token and head by head.
    pub(super) fn exact(&self) -> Vec<f64> {
        let (queries, keys, values) = (
            self.queries(),
            self.rows(self.seed + 1),
            self.rows(self.seed + 2),
        );
        let rows = queries.chunks(self.head).enumerate();
        let row = |(row, q): (usize, &[f32])| {
            self.exact_row(self.before + row / self.group + 1, q, &keys, &values)
        };
        rows.flat_map(row).collect()
    }

    pub(super) fn exact_row(
        &self,
        length: usize,
        q: &[f32],
        keys: &[f32],
        values: &[f32],
    ) -> Vec<f64> {
        let dot = |key: &[f32]| {
            key.iter()
                .zip(q)
                .map(|(&k, &q)| f64::from(k) * f64::from(q))
                .sum::<f64>()
        };
        let root = (self.head as f64).sqrt();
        let first = length.saturating_sub(self.window);
        let (keys, values) = (&keys[first * self.head..], &values[first * self.head..]);
        let cap = f64::from(self.cap);
        let bent = |score: f64| {
            if cap > 0.0 {
                cap * (score / cap).tanh()
            } else {
                score
            }
        };
        let scores: Vec<f64> = keys
            .chunks(self.head)
            .take(length - first)
            .map(|key| bent(dot(key) / root))
            .collect();
        let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = scores.iter().map(|score| (score - top).exp()).collect();
        let total: f64 = weights.iter().sum();
        let mixed = |i| {
            weights
                .iter()
                .zip(values.chunks(self.head))
                .map(|(w, v)| w * f64::from(v[i]))
                .sum::<f64>()
        };
        (0..self.head).map(|i| mixed(i) / total).collect()
    }
}
