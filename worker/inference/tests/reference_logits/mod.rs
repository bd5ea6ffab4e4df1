//! Reads a fixture of reference logits (`scripts/reference/src/main.rs` describes its layout) and
//! compares the engine's with it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use inference::config::KvFormat;
use inference::model::Model;
use inference::score::score;

/// Logits of one model over several texts.
#[derive(Debug)]
pub(crate) struct Reference {
    pub(crate) fingerprint: u64,
    samples: Vec<u32>,
    pub(crate) texts: Vec<Text>,
}

/// A text, and the reference's prediction after each of its tokens.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) tokens: Vec<u32>,
    positions: Vec<Position>,
}

/// The highest logits, best first, and those of the sampled ids.
#[derive(Debug)]
struct Position {
    top: Vec<(u32, f32)>,
    samples: Vec<f32>,
}

/// Agreement of the engine with the reference.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Agreement {
    positions: usize,
    /// Positions at which the reference itself is undecided: its two best are within the margin.
    excluded: usize,
    /// Positions, including undecided ones, at which the engine's best token differs.
    other_best: usize,
    /// Greatest gap between the reference's two best among those.
    widest_missed: f32,
    worst: f32,
    sum: f64,
    compared: usize,
}

/// Required agreement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The best token must be the same if the reference's two best differ by more than this.
    pub(crate) margin: f32,
    /// Largest difference of any logit.
    pub(crate) difference: f32,
    /// Greatest mean difference: less variable than the greatest, so the sharper test.
    pub(crate) mean: f64,
    /// Greatest share of positions within the margin.
    pub(crate) excluded: f64,
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (head, rest) = self.0.split_first_chunk().expect("the fixture is whole");
        self.0 = rest;
        *head
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn f32(&mut self) -> f32 {
        f32::from_le_bytes(self.take())
    }

    fn text(&mut self, top: u32, samples: usize) -> Text {
        let length = self.u32();
        let tokens = (0..length).map(|_| self.u32()).collect();
        let positions = (0..length).map(|_| Position {
            top: (0..top).map(|_| (self.u32(), self.f32())).collect(),
            samples: (0..samples).map(|_| self.f32()).collect(),
        });
        Text {
            positions: positions.collect(),
            tokens,
        }
    }
}

impl Reference {
    /// Reads `tests/fixtures/NAME.logits`.
    pub(crate) fn read(name: &str) -> Self {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/{name}.logits"));
        let bytes = std::fs::read(path).expect("the fixture is in the repository");
        let mut cursor = Cursor(&bytes);
        assert_eq!(&cursor.take(), b"LOGITS01");
        let fingerprint = u64::from_le_bytes(cursor.take());
        let (_vocabulary, top, count) = (cursor.u32(), cursor.u32(), cursor.u32());
        let samples: Vec<u32> = (0..count).map(|_| cursor.u32()).collect();
        let texts = (0..cursor.u32())
            .map(|_| cursor.text(top, samples.len()))
            .collect();
        assert!(cursor.0.is_empty());
        Self {
            fingerprint,
            samples,
            texts,
        }
    }

    /// Scores the first texts (all: `usize::MAX`) and compares every stored logit.
    pub(crate) fn judge(
        &self,
        model: &Arc<Model>,
        kv: KvFormat,
        texts: usize,
        limits: Limits,
    ) -> Agreement {
        let mut agreement = Agreement::default();
        for text in self.texts.iter().take(texts) {
            let rows = score(model, &text.tokens, kv).expect("threads can be started");
            assert_eq!(rows.len(), text.positions.len());
            for (position, row) in text.positions.iter().zip(&rows) {
                agreement.add(position, &self.samples, row, limits.margin);
            }
        }
        agreement
    }
}

impl Agreement {
    fn add(&mut self, position: &Position, samples: &[u32], row: &[f32], margin: f32) {
        let gap = position.top[0].1 - position.top[1].1;
        let best = (0u32..)
            .zip(row)
            .max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)));
        self.positions += 1;
        self.excluded += usize::from(gap <= margin);
        if best.map(|(id, _)| id) != Some(position.top[0].0) {
            self.other_best += 1;
            self.widest_missed = self.widest_missed.max(gap);
        }
        let sampled = samples
            .iter()
            .copied()
            .zip(position.samples.iter().copied());
        for (id, expected) in position.top.iter().copied().chain(sampled) {
            let difference = (row[id as usize] - expected).abs();
            // A NaN must count as the worst, and `max` would drop it.
            self.worst = if difference.is_nan() {
                f32::INFINITY
            } else {
                self.worst.max(difference)
            };
            self.sum += f64::from(difference);
            self.compared += 1;
        }
    }

    fn mean(&self) -> f64 {
        self.sum / self.compared as f64
    }

    /// Checks the limits; the error lists those exceeded.
    pub(crate) fn keeps(&self, limits: Limits) -> Result<(), String> {
        let same = self.other_best == 0 || self.widest_missed <= limits.margin;
        let close = self.worst <= limits.difference && self.mean() <= limits.mean;
        let decided = self.excluded as f64 <= limits.excluded * self.positions as f64;
        match same && close && decided {
            true => Ok(()),
            false => Err(format!(
                "best tokens {same}, differences {close}, decided {decided}: {self}"
            )),
        }
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} positions, {} excluded; {} with another best token (widest gap {:.4}); |Δ| mean {:.6}, worst {:.6}",
            self.positions,
            self.excluded,
            self.other_best,
            self.widest_missed,
            self.mean(),
            self.worst
        )
    }
}

/// FNV-1a over the length and about 64 thousand evenly spaced bytes: distinguishes models cheaply.
pub(crate) fn fingerprint(bytes: &[u8]) -> u64 {
    let step = (bytes.len() >> 16).max(1) | 1;
    let picked = bytes.iter().step_by(step).copied();
    let all = (bytes.len() as u64).to_le_bytes().into_iter().chain(picked);
    all.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
