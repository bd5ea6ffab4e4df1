//! The decoder layers of a model: finds their parts in its files by the family's names. Must not
//! know how they are computed with.

use crate::aligned::padded;
use crate::config::{Config, LayerKind, Norms};
use crate::error::LoadError;
use crate::weights::{Matrix, Weights};

/// One decoder layer. Norms and biases that the architecture does not have are empty.
pub(crate) struct Layer {
    pub(crate) kind: LayerKind,
    pub(crate) attention_norm: Vec<f32>,
    pub(crate) q: Linear,
    pub(crate) k: Linear,
    pub(crate) v: Linear,
    /// Of the heads of queries, and of keys.
    pub(crate) head_norms: [Vec<f32>; 2],
    pub(crate) o: Linear,
    pub(crate) behind_attention: Vec<f32>,
    pub(crate) feed_norm: Vec<f32>,
    pub(crate) gate: Linear,
    pub(crate) up: Linear,
    pub(crate) down: Linear,
    pub(crate) behind_feed: Vec<f32>,
}

/// A matrix, and the bias added to its products.
pub(crate) struct Linear {
    pub(crate) matrix: Matrix,
    /// One number for each row, or none.
    pub(crate) bias: Vec<f32>,
}

impl Layer {
    /// Which of the model's rotary embeddings it uses.
    pub(crate) fn rope(&self, ropes: usize) -> usize {
        usize::from(self.kind.window.is_some()).min(ropes - 1)
    }

    pub(crate) fn matrices(&self) -> [&Matrix; 7] {
        [
            &self.q, &self.k, &self.v, &self.o, &self.gate, &self.up, &self.down,
        ]
        .map(|linear| &linear.matrix)
    }

    pub(crate) fn matrices_mut(&mut self) -> [&mut Matrix; 7] {
        let Self {
            q,
            k,
            v,
            o,
            gate,
            up,
            down,
            ..
        } = self;
        [q, k, v, o, gate, up, down].map(|linear| &mut linear.matrix)
    }
}

/// The parts of one layer in a file.
pub(crate) struct Parts<'a> {
    pub(crate) config: &'a Config,
    pub(crate) weights: &'a Weights,
    pub(crate) index: usize,
}

impl Parts<'_> {
    pub(crate) fn layer(&self) -> Result<Layer, LoadError> {
        let config = self.config;
        let (hidden, feed) = (config.hidden_size, config.intermediate_size);
        let (queries, keys) = (
            config.heads * config.head_dim,
            config.kv_heads * config.head_dim,
        );
        let biases = config.biases;
        let [q, k, v] = self.split(
            "self_attn",
            "qkv_proj",
            ["q_proj", "k_proj", "v_proj"],
            [queries, keys, keys],
        )?;
        let [gate, up, _] = self.split(
            "mlp",
            "gate_up_proj",
            ["gate_proj", "up_proj", ""],
            [feed, feed, 0],
        )?;
        let around = config.norms == Norms::AroundPlusOne;
        let behind = |part: &str| {
            if around {
                self.norm(part, hidden)
            } else {
                Ok(Vec::new())
            }
        };
        let head = |part: &str| {
            if config.head_norms {
                self.norm(part, config.head_dim)
            } else {
                Ok(Vec::new())
            }
        };
        Ok(Layer {
            kind: config.kinds[self.index],
            attention_norm: self.norm("input_layernorm", hidden)?,
            q: self.linear("self_attn.q_proj", q, biases.inputs, 1.0)?,
            k: self.linear("self_attn.k_proj", k, biases.inputs, 1.0)?,
            v: self.linear("self_attn.v_proj", v, biases.inputs, 1.0)?,
            head_norms: [head("self_attn.q_norm")?, head("self_attn.k_norm")?],
            o: self.whole("self_attn.o_proj", [hidden, queries], biases.output)?,
            behind_attention: behind("post_attention_layernorm")?,
            feed_norm: self.norm(
                if around {
                    "pre_feedforward_layernorm"
                } else {
                    "post_attention_layernorm"
                },
                hidden,
            )?,
            gate: self.linear("mlp.gate_proj", gate, biases.feed, 1.0)?,
            up: self.linear("mlp.up_proj", up, biases.feed, 1.0)?,
            down: self.whole("mlp.down_proj", [hidden, feed], biases.feed)?,
            behind_feed: behind("post_feedforward_layernorm")?,
        })
    }

    fn name(&self, part: &str) -> String {
        format!("model.layers.{}.{part}.weight", self.index)
    }

    fn norm(&self, part: &str, length: usize) -> Result<Vec<f32>, LoadError> {
        norm(self.config, self.weights, &self.name(part), length)
    }

    /// Matrices that are separate tensors, or stacked in one tensor; those without rows do not
    /// exist.
    fn split(
        &self,
        block: &str,
        together: &str,
        alone: [&str; 3],
        rows: [usize; 3],
    ) -> Result<[Matrix; 3], LoadError> {
        let (all, hidden) = (rows.iter().sum(), self.config.hidden_size);
        let find = |at: usize| match self.config.fused {
            true => {
                let first = rows[..at].iter().sum();
                self.weights.rows(
                    &self.name(&format!("{block}.{together}")),
                    [first, rows[at], all],
                    hidden,
                )
            }
            // The last of two is not used.
            false if rows[at] == 0 => self.weights.matrix(
                &self.name(&format!("{block}.{}", alone[0])),
                rows[0],
                hidden,
            ),
            false => self.weights.matrix(
                &self.name(&format!("{block}.{}", alone[at])),
                rows[at],
                hidden,
            ),
        };
        Ok([find(0)?, find(1)?, find(2)?])
    }

    /// A layer's output projection; its bias is scaled like the product it is added to.
    fn whole(
        &self,
        part: &str,
        [rows, columns]: [usize; 2],
        biased: bool,
    ) -> Result<Linear, LoadError> {
        let matrix = self.weights.matrix(&self.name(part), rows, columns)?;
        self.linear(part, matrix, biased, self.config.scales.residual)
    }

    fn linear(
        &self,
        part: &str,
        matrix: Matrix,
        biased: bool,
        scale: f32,
    ) -> Result<Linear, LoadError> {
        let name = format!("model.layers.{}.{part}.bias", self.index);
        let mut bias = if biased {
            self.weights.vector(&name, matrix.rows)?
        } else {
            Vec::new()
        };
        bias.iter_mut().for_each(|value| *value *= scale);
        Ok(Linear { matrix, bias })
    }
}

/// A norm's weights, padded with zeros.
fn norm(
    config: &Config,
    weights: &Weights,
    name: &str,
    length: usize,
) -> Result<Vec<f32>, LoadError> {
    let mut values = weights.vector(name, length)?;
    if config.norms != Norms::Before {
        values.iter_mut().for_each(|value| *value += 1.0);
    }
    values.resize(padded(length), 0.0);
    Ok(values)
}

/// The final norm, with the multiplier of the logits.
pub(crate) fn final_norm(config: &Config, weights: &Weights) -> Result<Vec<f32>, LoadError> {
    let mut values = norm(config, weights, "model.norm.weight", config.hidden_size)?;
    values
        .iter_mut()
        .for_each(|value| *value *= config.scales.logits);
    Ok(values)
}
