//! The command line of the worker: names and flags only.

mod referee;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use contract::credentials::Secrets;
use inference::kernels::Isa;
use inference::model::WeightForm;
use inference::synth::Preset;

use crate::agent::{Builds, Settings};
use crate::bench;
use crate::session::access::{Access, COORDINATOR};

pub use referee::RefereeArgs;

/// One measured process, or the agent of a host that starts such processes.
#[derive(Debug, Parser)]
#[command(name = "worker", version, about, after_help = NOTES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Register this host with a coordinator and start workers for it
    Agent(AgentArgs),
    /// Join a coordinator as a measured process; an agent starts it and passes everything in its
    /// environment
    Join,
    /// Write and check models
    Model {
        /// Which of it.
        #[command(subcommand)]
        command: ModelCommand,
    },
    /// Measure the engine in this process beside the limits of the machine
    Bench(BenchArgs),
    /// Measure the generator limit: the load generator on one core with an engine that does no work
    GeneratorLimit(GeneratorLimitArgs),
    /// Serve answers whose token times are all drawn beforehand, and log when they were really
    /// sent: the reference for a load generator's figures
    Referee(RefereeArgs),
    /// The name of `generator-limit` until version 0.2
    #[command(hide = true)]
    Floor(GeneratorLimitArgs),
}

/// Flags of `bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Model directory or file [default: models/default]
    #[arg(long, env = "BENCH_MODEL_PATH", value_name = "PATH")]
    pub model: Option<PathBuf>,
    /// Threads of the engine and of the machine limits [default: one for each processor]
    #[arg(long, value_parser = positive)]
    threads: Option<usize>,
    /// Kernels to use [default: the widest that machine and model support]
    #[arg(long)]
    isa: Option<IsaName>,
    /// Form of the matrices in memory; for another form than the file's, the loss of accuracy is
    /// measured too
    #[arg(long, default_value = "as-stored", value_name = "FORM")]
    weights: FormName,
    /// Batch sizes for measuring decode
    #[arg(long, value_delimiter = ',', default_value = "1,8,32,128", value_parser = positive)]
    batches: Vec<usize>,
    /// Tokens of the prompt for measuring prefill
    #[arg(long, default_value = "512", value_parser = positive)]
    prompt: usize,
    /// Megabytes of the buffer for measuring read bandwidth [default: twice the largest cache, 256
    /// to 1074]
    #[arg(long, value_name = "MB", value_parser = positive)]
    buffer: Option<usize>,
    /// Repetitions of everything
    #[arg(long, default_value = "5", value_parser = positive)]
    pub repeat: usize,
    /// Instead of measuring, check in this many random combinations of batch, chunk size, threads
    /// and kernels that every request gets the same tokens as alone
    #[arg(long, value_name = "COMPOSITIONS", value_parser = positive)]
    pub invariance: Option<usize>,
    /// How to print
    #[arg(long, default_value = "human")]
    pub output: BenchOutput,
}

/// Flags of `generator-limit`.
#[derive(Clone, Copy, Debug, Args)]
pub struct GeneratorLimitArgs {
    /// Repetitions of everything except pacing
    #[arg(long, default_value = "5", value_parser = positive)]
    pub repeat: usize,
    /// Also measure the lateness of Poisson arrivals at this many requests a second
    #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
    pub pace: Option<f64>,
    /// Seconds to send at that rate
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds, requires = "pace")]
    pub seconds: Duration,
    /// How to print
    #[arg(long, default_value = "human")]
    pub output: BenchOutput,
}

/// Names of instruction sets.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum IsaName {
    /// Plain Rust
    Portable,
    /// AVX2, FMA and F16C
    Avx2,
    /// AVX-512F and VL
    Avx512,
    /// AVX-512, and AMX for products with BF16 weights
    Amx,
}

/// Forms of a model's matrices in memory.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum FormName {
    /// As the file has them
    AsStored,
    /// Rounded to eight bits with a factor for each row
    Int8,
}

/// Forms of the output of `bench` and `generator-limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BenchOutput {
    /// A table
    Human,
    /// One JSON document
    Json,
}

/// Flags of `agent`.
#[derive(Debug, Args)]
pub struct AgentArgs {
    /// Address of the coordinator, like http://127.0.0.1:4100 or https://coordinator:4100
    #[arg(long, env = COORDINATOR, hide_env_values = true, value_name = "URL")]
    coordinator: String,
    /// Name of this host in the fleet [default: the host's name]
    #[arg(long)]
    name: Option<String>,
    /// Workers that this host may run at a time
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    slots: u32,
    /// Seconds to keep trying to reach a coordinator
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    patience: Duration,
    /// Reconnect without limit whenever a session is lost
    #[arg(long)]
    keep: bool,
    /// End when standard input ends: for launchers that hold the other end
    #[arg(long)]
    until_stdin_closes: bool,
    /// Directory with ca.pem, cert.pem, key.pem and token, as `coordinator certs` writes it
    #[arg(long, env = "PGO_BENCH_CREDENTIALS", value_name = "DIR")]
    pub credentials: Option<PathBuf>,
    /// Read token and credentials as one line of JSON from standard input: for launchers
    #[arg(long, conflicts_with = "credentials")]
    pub secrets_from_stdin: bool,
    /// Directory with builds installed in advance, named by variant or by SHA-256
    #[arg(long, value_name = "DIR")]
    builds_dir: Option<PathBuf>,
    /// Fetch no builds from the coordinator: start only this program and builds in --builds-dir
    #[arg(long)]
    no_upload: bool,
    /// Write this file when joined and remove it when the session ends: for the probes of a
    /// scheduler
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Send the token without TLS: to another host, where anyone on the network path can read it,
    /// or, with --credentials, to any process that listens on this host
    #[arg(long)]
    pub insecure: bool,
}

/// The verbs of `model`.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Turn a GGUF file into a model directory
    Import {
        /// The file
        file: PathBuf,
        /// The directory to create
        dir: PathBuf,
    },
    /// Write a model of a real architecture with random weights
    Synth {
        /// Which architecture
        #[arg(long, value_parser = preset)]
        preset: Preset,
        /// Seed of the weights; equal seeds give equal files
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// The directory to create
        dir: PathBuf,
    },
    /// Print the digest that names a model in records and reports
    Digest {
        /// A model directory or file
        path: PathBuf,
        /// Print the SHA-256 of all bytes of its files instead, which runs with `--verify-model`
        /// compare between hosts
        #[arg(long)]
        full: bool,
    },
}

const NOTES: &str = "The agent takes the fleet's token from PGO_BENCH_TOKEN, or from the directory of \
                     --credentials.\nExit codes: 0 ended as requested, 2 wrong usage or I/O, 3 refused by \
                     the coordinator, 4 coordinator not reached in time, 5 session lost";

impl AgentArgs {
    /// The settings, with secrets from any source.
    #[must_use]
    pub fn settings(self, secrets: Secrets) -> Settings {
        let Self {
            coordinator,
            name,
            slots,
            patience,
            keep,
            until_stdin_closes,
            ready_file,
            ..
        } = self;
        let access = Access {
            coordinator,
            secrets,
            insecure: self.insecure,
        };
        let builds = Builds::new(self.builds_dir, !self.no_upload, std::env::home_dir());
        Settings {
            access,
            name,
            slots,
            builds,
            patience,
            keep,
            until_stdin_closes,
            ready_file,
        }
    }
}

impl BenchArgs {
    /// What to measure with the given model: decode after prompts of 128 tokens, 32 steps at a
    /// time.
    #[must_use]
    pub fn settings(self, model: PathBuf) -> bench::Settings {
        let processors = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        bench::Settings {
            model,
            threads: self.threads.unwrap_or_else(processors),
            isa: self.isa.map(IsaName::isa),
            form: self.weights.form(),
            prompt: self.prompt,
            batches: self.batches,
            decode_prompt: 128,
            decode_steps: 32,
            repeats: self.repeat,
            memory_bytes: self.buffer.map_or_else(bench::beyond_caches, |megabytes| {
                megabytes.saturating_mul(1_000_000)
            }),
        }
    }
}

impl FormName {
    fn form(self) -> WeightForm {
        match self {
            Self::AsStored => WeightForm::AsStored,
            Self::Int8 => WeightForm::Int8,
        }
    }
}

impl IsaName {
    fn isa(self) -> Isa {
        match self {
            Self::Portable => Isa::Portable,
            Self::Avx2 => Isa::Avx2,
            Self::Avx512 => Isa::Avx512,
            Self::Amx => Isa::Amx,
        }
    }
}

fn positive(text: &str) -> Result<usize, String> {
    let number = text.trim().parse::<std::num::NonZero<usize>>();
    number
        .map(std::num::NonZero::get)
        .map_err(|_| "a positive number is expected".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text
        .parse()
        .map_err(|_| "a number is expected".to_owned())?;
    (0.1..=1e6)
        .contains(&rate)
        .then_some(rate)
        .ok_or_else(|| "0.1 to 1000000 is expected".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "a number of seconds is expected".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn preset(text: &str) -> Result<Preset, String> {
    text.parse::<Preset>().map_err(|error| error.to_string())
}
