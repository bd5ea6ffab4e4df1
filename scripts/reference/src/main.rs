//! Writes reference logits of a Llama-shaped model directory. Candle computes them in F32, one
//! token at a time, over texts that candle itself continues greedily.
//!
//! Layout of the output, little endian: magic, fingerprint of the weights (u64), vocabulary (u32),
//! K (u32), S (u32), the S sampled ids (u32 each), number of texts (u32); then for each text its
//! length (u32), its tokens (u32 each) and for each position the K highest logits, best first, as
//! id (u32) and logit (f32), and the logits of the S sampled ids (f32).

use std::error::Error;
use std::fs;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::llama::{Cache, Config, Llama, LlamaConfig};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const MAGIC: &[u8; 8] = b"LOGITS01";
const TOP: usize = 8;
const SAMPLES: u32 = 4;
const USAGE: &str = "reference MODEL_DIR (TOKENS.json | counting) NEW_TOKENS OUT";

struct Reference {
    model: Llama,
    config: Config,
}

/// Token texts with which generation begins.
type Prompts = Vec<Vec<u32>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, prompts, new, out] = arguments.as_slice() else { return Err(USAGE.into()) };
    let reference = Reference::load(Path::new(dir))?;
    let vocabulary = u32::try_from(reference.config.vocab_size)?;
    let prompts = if prompts == "counting" { counting(vocabulary) } else { read(prompts)? };
    let samples: Vec<u32> = (0..SAMPLES).map(|s| s * (vocabulary - 1) / (SAMPLES - 1)).collect();
    let mut bytes = MAGIC.to_vec();
    bytes.extend(fingerprint(&fs::read(Path::new(dir).join("model.safetensors"))?).to_le_bytes());
    let counts = [vocabulary, TOP as u32, SAMPLES];
    bytes.extend(counts.iter().chain(&samples).flat_map(|n| n.to_le_bytes()));
    bytes.extend((prompts.len() as u32).to_le_bytes());
    for prompt in prompts {
        let (tokens, logits) = reference.score(prompt, new.parse()?)?;
        bytes.extend((tokens.len() as u32).to_le_bytes());
        bytes.extend(tokens.iter().flat_map(|t| t.to_le_bytes()));
        logits.iter().for_each(|row| position(row, &samples, &mut bytes));
    }
    Ok(fs::write(out, bytes)?)
}

impl Reference {
    fn load(dir: &Path) -> Result<Self> {
        let raw: LlamaConfig = serde_json::from_slice(&fs::read(dir.join("config.json"))?)?;
        let config = raw.into_config(false);
        let weights = fs::read(dir.join("model.safetensors"))?;
        let builder = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu)?;
        Ok(Self { model: Llama::load(builder, &config)?, config })
    }

    /// The prompt and its greedy continuation, and the logits after each of these tokens.
    fn score(&self, mut tokens: Vec<u32>, new: usize) -> Result<(Vec<u32>, Vec<Vec<f32>>)> {
        let mut cache = Cache::new(true, DType::F32, &self.config, &Device::Cpu)?;
        let (prompt, mut logits) = (tokens.len(), Vec::new());
        while logits.len() < prompt + new {
            let at = logits.len();
            let input = Tensor::new(&tokens[at..=at], &Device::Cpu)?.unsqueeze(0)?;
            let row: Vec<f32> = self.model.forward(&input, at, &mut cache)?.squeeze(0)?.to_vec1()?;
            if tokens.len() == at + 1 && at + 1 < prompt + new {
                tokens.push(descending(&row)[0]);
            }
            logits.push(row);
        }
        Ok((tokens, logits))
    }
}

/// Three texts of made-up tokens (short, medium and long) for models without a language.
fn counting(vocabulary: u32) -> Prompts {
    [5, 40, 150].map(|n| (0..n).map(|i| (i * i * 37 + i * 11 + n) % vocabulary).collect()).into()
}

fn read(path: &str) -> Result<Prompts> {
    let rows: serde_json::Value = serde_json::from_slice(&fs::read(path)?)?;
    let rows = rows.as_array().ok_or("the token fixture is a list")?;
    let prompts = rows.iter().filter(|row| row["prompt"] == true).map(|row| row["ids"].clone());
    Ok(prompts.map(serde_json::from_value).collect::<std::result::Result<_, _>>()?)
}

fn position(row: &[f32], samples: &[u32], bytes: &mut Vec<u8>) {
    for id in &descending(row)[..TOP] {
        bytes.extend(id.to_le_bytes());
        bytes.extend(row[*id as usize].to_le_bytes());
    }
    bytes.extend(samples.iter().flat_map(|&id| row[id as usize].to_le_bytes()));
}

fn descending(row: &[f32]) -> Vec<u32> {
    let mut ids: Vec<u32> = (0..row.len() as u32).collect();
    ids.sort_by(|&a, &b| row[b as usize].total_cmp(&row[a as usize]).then(a.cmp(&b)));
    ids
}

/// FNV-1a over the length and about 64 thousand evenly spaced bytes: a cheap way to tell models
/// apart.
fn fingerprint(bytes: &[u8]) -> u64 {
    let step = (bytes.len() >> 16).max(1) | 1;
    let picked = bytes.iter().step_by(step).copied();
    let all = (bytes.len() as u64).to_le_bytes().into_iter().chain(picked);
    all.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}
