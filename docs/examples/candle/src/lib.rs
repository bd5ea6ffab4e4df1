//! candle's Llama as the engine under test: each request has its own cache and is answered by
//! greedy decoding, as in candle's own example. Threads inside an operation are rayon's.

use std::fs;
use std::path::PathBuf;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::llama::{Cache, Config, Llama, LlamaConfig};
use schemars::JsonSchema;
use serde::Deserialize;
use tokenizers::Tokenizer;
use worker::engine::linked::{
    self, Answer, BlockingEngine, Facts, LinkedEngine, OpenError, Registered, Setting, Tokenize,
};
use worker::engine::{EngineRequest, ErrorKind};

/// The engine that the worker program links.
pub const ENGINE: Registered = linked::blocking::<Candle>();

/// `[linked.options]` of a plan.
#[derive(Deserialize, JsonSchema)]
pub struct Options {
    /// Directory with config.json, tokenizer.json and model.safetensors.
    model: PathBuf,
}

pub struct Candle {
    model: Llama,
    config: Config,
    tokenizer: Tokenizer,
    facts: Facts,
}

impl LinkedEngine for Candle {
    const NAME: &'static str = "candle";
    type Options = Options;

    fn open(
        options: Options,
        setting: &Setting,
        phase: &mut dyn FnMut(&'static str),
    ) -> Result<Self, OpenError> {
        let file = |name: &str| options.model.join(name);
        let files = ["config.json", "model.safetensors"].map(file);
        let raw: LlamaConfig = serde_json::from_slice(&fs::read(&files[0])?)?;
        let config = raw.into_config(false);
        let weights = fs::read(&files[1])?;
        let facts = Facts {
            model_digest: worker::measure::model_digest(&files)?,
            weight_bytes: weights.len() as u64,
            max_context: config.max_position_embeddings as u32,
            threads: setting.threads as u32,
            kernels: "candle F32".to_owned(),
            ..Facts::default()
        };
        let builder = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu)?;
        let model = Llama::load(builder, &config)?;
        phase("weights");
        let tokenizer = Tokenizer::from_file(file("tokenizer.json"))?;
        Ok(Self {
            model,
            config,
            tokenizer,
            facts,
        })
    }

    fn facts(&self) -> Facts {
        self.facts.clone()
    }

    fn tokenizer(&self) -> Result<Tokenize, OpenError> {
        let tokenizer = self.tokenizer.clone();
        Ok(Box::new(move |text| {
            Ok(tokenizer.encode(text, true)?.get_ids().to_vec())
        }))
    }
}

impl Candle {
    /// Greedy decoding: the token with the largest logit.
    fn next(&self, tokens: &[u32], position: usize, cache: &mut Cache) -> candle_core::Result<u32> {
        let input = Tensor::new(tokens, &Device::Cpu)?.unsqueeze(0)?;
        let logits = self.model.forward(&input, position, cache)?;
        logits.squeeze(0)?.argmax(0)?.to_scalar()
    }

    fn stream(&self, request: &EngineRequest, answer: &mut Answer<'_>) -> candle_core::Result<()> {
        let mut cache = Cache::new(true, DType::F32, &self.config, &Device::Cpu)?;
        let (mut tokens, mut position) = (request.prompt.to_vec(), 0);
        loop {
            let token = self.next(&tokens, position, &mut cache)?;
            if !answer.token(token) {
                return Ok(());
            }
            position += tokens.len();
            tokens = vec![token];
        }
    }
}

impl BlockingEngine for Candle {
    fn answer(&self, request: &EngineRequest, answer: &mut Answer<'_>) -> Result<(), ErrorKind> {
        self.stream(request, answer).or(Err(ErrorKind::Internal))
    }
}
