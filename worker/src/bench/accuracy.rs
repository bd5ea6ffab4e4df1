//! Loss of accuracy caused by a weight format: compares the logits of the same texts with those of
//! the stored format. Must not know speed.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use inference::config::KvFormat;
use inference::files::ModelFiles;
use inference::model::{LoadOptions, Model, WeightForm};
use inference::score::score;
use inference::tokenizer::Tokenizer;
use serde_json::{Value, json};

use super::{BenchError, Settings};
use crate::load::EVALUATION;

/// Differences over all texts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Accuracy {
    /// Number of tokens after which logits were compared.
    positions: usize,
    /// Number of these with a different best token.
    other_best: usize,
    /// Largest difference of any logit.
    worst: f32,
    /// Sum over all logits compared.
    sum: f64,
    compared: usize,
    /// Number of tokens with a known probability: all except the first of each text.
    predicted: usize,
    /// Sums of −ln probability of each next token: in this format, and as stored.
    surprise: [f64; 2],
}

impl Accuracy {
    /// `None` if the format is the file's.
    pub(super) fn of(model: &Arc<Model>, settings: &Settings) -> Result<Option<Self>, BenchError> {
        if model.form() == WeightForm::AsStored {
            return Ok(None);
        }
        let refused = |source| BenchError::Load {
            path: settings.model.clone(),
            source,
        };
        let unread = |reason: String| BenchError::Tokenizer { reason };
        let options = LoadOptions {
            threads: settings.threads,
            isa: settings.isa,
            form: WeightForm::AsStored,
        };
        let stored =
            Arc::new(Model::load(&settings.model, &options, &mut |_| ()).map_err(refused)?);
        let files = ModelFiles::locate(&settings.model).map_err(refused)?;
        let folder = files
            .config
            .parent()
            .expect("a located file lies in a folder");
        let tokenizer = Tokenizer::read(folder).map_err(|error| unread(error.to_string()))?;
        let mut accuracy = Self::default();
        for text in EVALUATION {
            let mut tokens = tokenizer
                .encode(text)
                .map_err(|error| unread(error.to_string()))?;
            tokens.truncate(model.config().context);
            let [other, stored] =
                [model, &stored].map(|model| score(model, &tokens, KvFormat::F32));
            let (other, stored) = (other.map_err(refused)?, stored.map_err(refused)?);
            if stored.iter().flatten().any(|logit| !logit.is_finite()) {
                return Err(BenchError::NotFinite);
            }
            accuracy.add(&tokens, &other, &stored);
        }
        Ok(Some(accuracy))
    }

    fn add(&mut self, tokens: &[u32], other: &[Vec<f32>], stored: &[Vec<f32>]) {
        for (index, (other, stored)) in other.iter().zip(stored).enumerate() {
            self.positions += 1;
            self.other_best += usize::from(best(other) != best(stored));
            for (a, b) in other.iter().zip(stored) {
                let difference = (a - b).abs();
                // A NaN must count as the worst, and `max` would drop it.
                self.worst = if difference.is_nan() {
                    f32::INFINITY
                } else {
                    self.worst.max(difference)
                };
                self.sum += f64::from(difference);
            }
            self.compared += stored.len();
            if let Some(&next) = tokens.get(index + 1) {
                self.predicted += 1;
                self.surprise[0] += surprise(other, next);
                self.surprise[1] += surprise(stored, next);
            }
        }
    }

    fn mean(&self) -> f64 {
        self.sum / self.compared as f64
    }

    /// Perplexity: in this format, and as stored.
    fn perplexity(&self) -> [f64; 2] {
        self.surprise.map(|sum| (sum / self.predicted as f64).exp())
    }

    pub(super) fn json(&self) -> Value {
        let [perplexity, stored] = self.perplexity();
        json!({
            "positions": self.positions, "other_best": self.other_best,
            "logit_difference": { "worst": self.worst, "mean": self.mean() },
            "perplexity": perplexity, "perplexity_as_stored": stored,
        })
    }
}

impl Display for Accuracy {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let [perplexity, stored] = self.perplexity();
        write!(
            f,
            "beside the stored weights, {} tokens: another best token after {}; logits differ by {:.3} on average and \
             {:.2} at most; perplexity {perplexity:.3} instead of {stored:.3} ({:+.2} %)",
            self.positions,
            self.other_best,
            self.mean(),
            self.worst,
            (perplexity / stored - 1.0) * 100.0
        )
    }
}

fn best(row: &[f32]) -> Option<usize> {
    (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]).then(b.cmp(&a)))
}

/// −ln of the probability of a token in a row of logits.
fn surprise(row: &[f32], token: u32) -> f64 {
    let top = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let total: f64 = row
        .iter()
        .map(|&logit| (f64::from(logit) - top).exp())
        .sum();
    top + total.ln() - f64::from(row[token as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_logits_differ_in_nothing_and_others_in_what_they_differ() {
        let stored = vec![vec![0.0, 1.0, 0.5], vec![2.0, 0.0, 0.0]];
        let mut same = Accuracy::default();
        same.add(&[0, 1], &stored, &stored);
        assert_eq!(
            (same.positions, same.other_best, same.worst, same.mean()),
            (2, 0, 0.0, 0.0)
        );
        assert_eq!(same.perplexity()[0], same.perplexity()[1]);

        let mut other = Accuracy::default();
        other.add(&[0, 1], &[vec![0.0, 0.4, 0.5], stored[1].clone()], &stored);
        assert_eq!((other.other_best, other.worst), (1, 0.6));
        assert!((other.mean() - 0.1).abs() < 1e-6);
        assert!(
            other.perplexity()[0] > other.perplexity()[1],
            "the next token became less likely"
        );
        other.add(&[0], &[vec![f32::NAN, 0.0, 0.0]], &[vec![0.0; 3]]);
        assert_eq!(other.worst, f32::INFINITY);
    }

    #[test]
    fn surprise_is_that_of_a_softmax() {
        assert!((surprise(&[0.0; 4], 2) - 4f64.ln()).abs() < 1e-12);
        assert!((surprise(&[1000.0, 0.0], 1) - 1000.0).abs() < 1e-9);
    }
}
