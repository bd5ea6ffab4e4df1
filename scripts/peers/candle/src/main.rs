//! candle's Llama in F32 under N requests at once, each with its own KV cache. Like a server
//! without batching, it serves them in turn, one token at a time, with one thread or with several
//! that divide the requests among them. Loads once, then measures once for every line on standard
//! input and answers with one line of JSON: tokens per second. Threads inside an operation are
//! rayon's: set RAYON_NUM_THREADS.
//!
//!     candle-peer MODEL_DIR REQUESTS PROMPT_TOKENS STEPS SERVERS

use std::time::Instant;
use std::{env, fs, io, path::Path, thread};

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::llama::{Cache, Config, Llama, LlamaConfig};
use serde_json::json;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The requested load.
struct Load {
    requests: usize,
    prompt: usize,
    steps: usize,
    /// Number of threads; each serves its own requests.
    servers: usize,
}

/// One request in flight.
struct Request {
    cache: Cache,
    last: u32,
    position: usize,
}

/// The model, and the configuration for its caches.
struct Engine {
    model: Llama,
    config: Config,
}

impl Engine {
    fn load(dir: &Path) -> Result<Self, Failure> {
        let raw: LlamaConfig = serde_json::from_slice(&fs::read(dir.join("config.json"))?)?;
        let config = raw.into_config(false);
        let weights = fs::read(dir.join("model.safetensors"))?;
        let builder = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu)?;
        Ok(Self { model: Llama::load(builder, &config)?, config })
    }

    fn advance(&self, request: &mut Request, tokens: &[u32]) -> Result<(), Failure> {
        let input = Tensor::new(tokens, &Device::Cpu)?.unsqueeze(0)?;
        let logits = self.model.forward(&input, request.position, &mut request.cache)?;
        request.position += tokens.len();
        request.last = logits.squeeze(0)?.argmax(0)?.to_scalar::<u32>()?;
        Ok(())
    }

    fn begin(&self, id: usize, prompt: usize) -> Result<Request, Failure> {
        let cache = Cache::new(true, DType::F32, &self.config, &Device::Cpu)?;
        let mut request = Request { cache, last: 0, position: 0 };
        let tokens: Vec<u32> =
            (0..prompt).map(|i| ((i * 7919 + id * 104_729 + 1) % self.config.vocab_size) as u32).collect();
        self.advance(&mut request, &tokens)?;
        Ok(request)
    }

    /// Tokens per second of decode alone, and of the whole burst with its prompts.
    fn measure(&self, load: &Load) -> Result<serde_json::Value, Failure> {
        let start = Instant::now();
        let mut running: Vec<Vec<Request>> = self.shared(load, |ids| {
            ids.map(|id| self.begin(id, load.prompt)).collect()
        })?;
        let decoding = Instant::now();
        self.served(&mut running, load.steps)?;
        let decode = (load.requests * load.steps) as f64 / decoding.elapsed().as_secs_f64();
        let whole = (load.requests * (load.steps + 1)) as f64 / start.elapsed().as_secs_f64();
        Ok(json!({ format!("decode {}", load.requests): decode, "with prompts": whole }))
    }

    /// The result of each server for its share of the requests.
    fn shared<T: Send>(
        &self,
        load: &Load,
        serve: impl Fn(std::ops::Range<usize>) -> Result<T, Failure> + Sync,
    ) -> Result<Vec<T>, Failure> {
        let share = |server: usize| server * load.requests / load.servers..(server + 1) * load.requests / load.servers;
        thread::scope(|scope| {
            let servers: Vec<_> =
                (0..load.servers).map(|server| {
                    let serve = &serve;
                    scope.spawn(move || serve(share(server)))
                }).collect();
            servers.into_iter().map(|server| server.join().expect("candle does not panic")).collect()
        })
    }

    /// Gives every request `steps` tokens, one at a time in turn.
    fn served(&self, running: &mut [Vec<Request>], steps: usize) -> Result<(), Failure> {
        let serve = |requests: &mut Vec<Request>| {
            for _ in 0..steps {
                for request in requests.iter_mut() {
                    let last = request.last;
                    self.advance(request, &[last])?;
                }
            }
            Ok(())
        };
        thread::scope(|scope| {
            let servers: Vec<_> = running.iter_mut().map(|share| scope.spawn(move || serve(share))).collect();
            servers.into_iter().try_for_each(|server| server.join().expect("candle does not panic"))
        })
    }
}

fn main() -> Result<(), Failure> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [dir, requests, prompt, steps, servers] = args.as_slice() else {
        return Err("usage: candle-peer MODEL_DIR REQUESTS PROMPT_TOKENS STEPS SERVERS".into());
    };
    let load = Load {
        requests: requests.parse()?,
        prompt: prompt.parse()?,
        steps: steps.parse()?,
        servers: servers.parse()?,
    };
    let engine = Engine::load(Path::new(dir))?;
    println!("{}", json!({ "version": "candle 0.11, F32", "system": format!("{args:?}") }));
    for line in io::stdin().lines() {
        line?;
        println!("{}", engine.measure(&load)?);
    }
    Ok(())
}
