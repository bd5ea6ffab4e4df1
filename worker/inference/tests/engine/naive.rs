//! The architecture written again as simply as possible in f64 from its description, token by token
//! without a cache: the engine must agree within rounding.

use inference::config::KvFormat;
use inference::kernels::Isa;
use inference::score::score;

use crate::random_model::{Random, SMALL, Shape};

struct Naive {
    shape: Shape,
    tensors: Vec<(String, Vec<usize>, Vec<f64>)>,
}

impl Naive {
    fn new(shape: Shape) -> Self {
        let bytes = shape.weights(&shape.tensors());
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let values = |name: &str| {
            let pairs = file.tensor(name).unwrap().data().as_chunks::<2>().0;
            pairs
                .iter()
                .map(|pair| half::bf16::from_le_bytes(*pair).to_f64())
                .collect()
        };
        let tensors = shape
            .tensors()
            .into_iter()
            .map(|(name, size)| (name.clone(), size, values(&name)));
        Self {
            shape,
            tensors: tensors.collect(),
        }
    }

    fn tensor(&self, name: &str) -> &[f64] {
        &self
            .tensors
            .iter()
            .find(|(known, ..)| known == name)
            .unwrap()
            .2
    }

    fn product(&self, name: &str, x: &[f64]) -> Vec<f64> {
        self.tensor(name)
            .chunks(x.len())
            .map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum())
            .collect()
    }

    fn norm(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let mean = x.iter().map(|v| v * v).sum::<f64>() / x.len() as f64;
        x.iter()
            .zip(self.tensor(name))
            .map(|(v, w)| v / (mean + 1e-5).sqrt() * w)
            .collect()
    }

    fn rotated(&self, mut row: Vec<f64>, position: usize) -> Vec<f64> {
        let half = self.shape.head / 2;
        for head in row.chunks_mut(2 * half) {
            for i in 0..half {
                let angle = position as f64 / 10_000f64.powf(i as f64 / half as f64);
                let (a, b) = (head[i], head[i + half]);
                head[i] = a * angle.cos() - b * angle.sin();
                head[i + half] = b * angle.cos() + a * angle.sin();
            }
        }
        row
    }

    fn attend(&self, q: &[f64], keys: &[Vec<f64>], values: &[Vec<f64>]) -> Vec<f64> {
        let width = self.shape.head;
        let shared = self.shape.heads / self.shape.kv_heads;
        let head = |index: usize| {
            let of = |row: &[f64]| row[index / shared * width..][..width].to_vec();
            let q = &q[index * width..][..width];
            let dot = |key: &Vec<f64>| of(key).iter().zip(q).map(|(k, q)| k * q).sum::<f64>();
            let weights: Vec<f64> = keys
                .iter()
                .map(|key| (dot(key) / (width as f64).sqrt()).exp())
                .collect();
            let total: f64 = weights.iter().sum();
            let mix = |i| {
                weights
                    .iter()
                    .zip(values)
                    .map(|(w, row)| w * of(row)[i])
                    .sum::<f64>()
                    / total
            };
            (0..width).map(mix).collect::<Vec<_>>()
        };
        (0..self.shape.heads).flat_map(head).collect()
    }

    fn logits(&self, tokens: &[u32]) -> Vec<Vec<f64>> {
        let hidden = self.shape.hidden;
        let embed = |&token: &u32| {
            self.tensor("model.embed_tokens.weight")[token as usize * hidden..][..hidden].to_vec()
        };
        let mut stream: Vec<Vec<f64>> = tokens.iter().map(embed).collect();
        for layer in 0..self.shape.layers {
            self.layer(layer, &mut stream);
        }
        let head =
            |x: &Vec<f64>| self.product("lm_head.weight", &self.norm("model.norm.weight", x));
        stream.iter().map(head).collect()
    }

    fn layer(&self, layer: usize, stream: &mut [Vec<f64>]) {
        let name = |part: &str| format!("model.layers.{layer}.{part}.weight");
        let add = |x: &mut [f64], y: Vec<f64>| x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
        let normed: Vec<_> = stream
            .iter()
            .map(|x| self.norm(&name("input_layernorm"), x))
            .collect();
        let all = |part: &str| -> Vec<_> {
            normed
                .iter()
                .map(|x| self.product(&name(part), x))
                .collect()
        };
        let turned = |rows: Vec<Vec<f64>>| -> Vec<_> {
            rows.into_iter()
                .enumerate()
                .map(|(at, row)| self.rotated(row, at))
                .collect()
        };
        let (queries, keys) = (
            turned(all("self_attn.q_proj")),
            turned(all("self_attn.k_proj")),
        );
        let values = all("self_attn.v_proj");
        for (at, x) in stream.iter_mut().enumerate() {
            let mixed = self.attend(&queries[at], &keys[..=at], &values[..=at]);
            add(x, self.product(&name("self_attn.o_proj"), &mixed));
            let normed = self.norm(&name("post_attention_layernorm"), x);
            let gate = self.product(&name("mlp.gate_proj"), &normed);
            let up = self.product(&name("mlp.up_proj"), &normed);
            let gated: Vec<f64> = gate
                .iter()
                .zip(up)
                .map(|(g, u)| g / (1.0 + (-g).exp()) * u)
                .collect();
            add(x, self.product(&name("mlp.down_proj"), &gated));
        }
    }
}

fn distance(exact: &[Vec<f64>], rows: &[Vec<f32>]) -> f64 {
    let pairs = exact.iter().flatten().zip(rows.iter().flatten());
    pairs
        .map(|(a, b)| (a - f64::from(*b)).abs())
        .fold(0.0, f64::max)
}

#[test]
fn the_engine_computes_the_architecture() {
    for shape in [
        SMALL,
        Shape {
            head: 24,
            heads: 3,
            kv_heads: 3,
            feed: 64,
            seed: 9,
            ..SMALL
        },
    ] {
        let tokens = Random(5).tokens(50, shape.vocab);
        let exact = Naive::new(shape).logits(&tokens);
        let wide = |isa: &Isa| matches!(isa, Isa::Avx512 | Isa::Amx);
        for isa in Isa::available()
            .into_iter()
            .filter(|isa| !wide(isa) || shape.head == 16)
        {
            let rows = score(&shape.load(2, Some(isa)), &tokens, KvFormat::F32).unwrap();
            assert!(
                distance(&exact, &rows) < 2e-5,
                "{isa:?}: {}",
                distance(&exact, &rows)
            );
        }
        // Counter-check: one different early token is far outside the bound later.
        let other: Vec<u32> = std::iter::once((tokens[0] + 1) % 131)
            .chain(tokens[1..].iter().copied())
            .collect();
        let rows = score(&shape.load(1, None), &other, KvFormat::F32).unwrap();
        assert!(distance(&exact[40..], &rows[40..]) > 1e-3);
    }
}
