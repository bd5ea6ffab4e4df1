//! Converts rates to shares of the machine's limits: pure arithmetic over the sizes of a model.
//! Must not know how anything was measured.
//!
//! Only unavoidable work counts: reading each stored weight once in a step, and a multiplication
//! and an addition for each weight and token. Attention, norms and the cache are extra, so true
//! shares are slightly larger.

use inference::config::Config;

/// The unavoidable work of a model's passes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Work {
    /// Weights of all layers' matrices.
    layers: f64,
    /// Weights of the output head.
    head: f64,
    /// Stored bytes that a step reads.
    bytes: f64,
}

/// Several values of one figure.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spread {
    /// In the order they were measured.
    pub(super) samples: Vec<f64>,
    /// The middle one, or the mean of the two in the middle; NaN without samples.
    pub(super) median: f64,
    /// The smallest.
    pub(super) min: f64,
    /// The largest.
    pub(super) max: f64,
}

impl Work {
    /// `step_bytes` are the bytes of matrices that a step reads.
    pub(super) fn of(config: &Config, step_bytes: usize) -> Self {
        let hidden = config.hidden_size;
        let attention = 2 * hidden * (config.heads + config.kv_heads) * config.head_dim;
        let feed_forward = 3 * hidden * config.intermediate_size;
        Self {
            layers: (config.layers * (attention + feed_forward)) as f64,
            head: (config.vocab_size * hidden) as f64,
            bytes: step_bytes as f64,
        }
    }

    /// Bytes of weights that a decode step reads, for any batch size.
    pub(super) fn step_bytes(&self) -> usize {
        self.bytes.round() as usize
    }

    /// Share of the memory bandwidth (GB/s) used by decode at a rate (tokens/s over the batch).
    pub(super) fn read_share(&self, batch: usize, rate: f64, bandwidth: f64) -> f64 {
        rate / batch as f64 * self.bytes / (bandwidth * 1e9)
    }

    /// Share of the peak (10⁹ operations per second) used by decode at a rate (tokens/s).
    pub(super) fn decode_share(&self, rate: f64, peak: f64) -> f64 {
        2.0 * (self.layers + self.head) * rate / (peak * 1e9)
    }

    /// Share of the peak used by prefill of a prompt at a rate (tokens/s); the head counts once for
    /// each prompt.
    pub(super) fn prefill_share(&self, prompt: usize, rate: f64, peak: f64) -> f64 {
        2.0 * (self.layers + self.head / prompt as f64) * rate / (peak * 1e9)
    }
}

impl Spread {
    pub(super) fn of(samples: Vec<f64>) -> Self {
        let mut sorted = samples.clone();
        sorted.sort_by(f64::total_cmp);
        let (middle, last) = (sorted.len() / 2, sorted.len().saturating_sub(1));
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        Self {
            median: f64::midpoint(at(last - last.min(middle)), at(middle)),
            min: at(0),
            max: at(last),
            samples,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config() -> Config {
        let text = r#"{"architectures": ["LlamaForCausalLM"], "hidden_size": 576, "intermediate_size": 1536,
            "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3, "head_dim": 64,
            "vocab_size": 49152, "rms_norm_eps": 1e-5, "tie_word_embeddings": true}"#;
        Config::parse(text, Path::new("config.json")).unwrap()
    }

    fn work() -> Work {
        Work::of(&config(), 269_030_016)
    }

    /// Limits and figures published for this model: 19.6 GB/s give 73 tokens/s, 212 GFLOP/s give
    /// 780 and 1000.
    #[test]
    fn a_machine_at_its_floors_has_shares_of_one() {
        let work = work();
        assert_eq!(work.step_bytes(), 269_030_016);
        assert!((work.read_share(1, 73.0, 19.6) - 1.0).abs() < 0.01);
        assert!((work.read_share(8, 8.0 * 73.0, 19.6) - 1.0).abs() < 0.01);
        assert!((work.decode_share(788.0, 212.0) - 1.0).abs() < 0.01);
        assert!((work.prefill_share(512, 998.0, 212.0) - 1.0).abs() < 0.01);
    }

    #[test]
    fn shares_follow_what_they_are_made_of() {
        let work = work();
        assert!(
            (work.read_share(1, 36.5, 19.6) - 0.5).abs() < 0.01,
            "half the rate"
        );
        assert!(
            (work.read_share(2, 73.0, 19.6) - 0.5).abs() < 0.01,
            "a batch shares what is read"
        );
        assert!(
            (work.read_share(1, 73.0, 39.2) - 0.5).abs() < 0.01,
            "twice the machine"
        );
        assert!(
            work.prefill_share(1, 700.0, 212.0) > work.prefill_share(512, 700.0, 212.0) * 1.2,
            "the head"
        );
    }

    #[test]
    fn spreads_are_of_the_middle_and_the_ends() {
        let spread = Spread::of(vec![5.0, 1.0, 2.0]);
        assert_eq!((spread.median, spread.min, spread.max), (2.0, 1.0, 5.0));
        assert_eq!(spread.samples, [5.0, 1.0, 2.0]);
        assert_eq!(Spread::of(vec![4.0, 1.0, 2.0, 9.0]).median, 3.0);
        assert_eq!(Spread::of(vec![4.0]).median, 4.0);
        assert!(Spread::of(vec![]).median.is_nan());
    }
}
