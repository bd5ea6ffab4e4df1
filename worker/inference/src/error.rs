//! What can go wrong between a path and a loaded model. Each variant carries the path or name it is about,
//! so that the message alone tells what to do. It knows nothing of requests: a request that cannot be served
//! is a [`crate::batcher::Refusal`].

use std::path::PathBuf;

/// Why a model could not be loaded. Messages complete "failed to load the model: …".
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Nothing is there.
    #[error("no model at {path}: the path does not exist")]
    PathMissing {
        /// The path asked for.
        path: PathBuf,
    },
    /// A part of a model directory is absent.
    #[error("{file} is missing in {folder}")]
    FileMissing {
        /// The folder searched.
        folder: PathBuf,
        /// The file that should be in it.
        file: String,
    },
    /// The file is neither a directory, nor `.safetensors`, nor a shard index.
    #[error("{path} is neither a model directory nor a .safetensors file")]
    NotAModel {
        /// The path asked for.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system has no memory for weights laid out for the kernels in use.
    #[error("no memory for the weights: {source}")]
    Memory {
        /// What the system said.
        source: std::io::Error,
    },
    /// JSON that does not parse or lacks a field.
    #[error("{path} is not valid: {reason}")]
    Json {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        reason: String,
    },
    /// A value this engine does not support.
    #[error("{key} = {value} in {path} is not supported: {expected}")]
    Unsupported {
        /// The configuration file.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What would be accepted.
        expected: &'static str,
    },
    /// The weights file is shorter or longer than its header says.
    #[error("{path} is damaged: its header describes {expected} bytes, the file has {actual}")]
    WrongSize {
        /// The weights file.
        path: PathBuf,
        /// Bytes according to the header.
        expected: u64,
        /// Bytes present.
        actual: u64,
    },
    /// The weights file's header cannot be understood.
    #[error("{path} has a broken safetensors header: {reason}")]
    Header {
        /// The weights file.
        path: PathBuf,
        /// What the parser said.
        reason: String,
    },
    /// A tensor of the architecture is absent.
    #[error("tensor {name} is missing")]
    TensorMissing {
        /// Its Hugging Face name.
        name: String,
    },
    /// A tensor has another shape than the configuration implies.
    #[error("tensor {name} has shape {actual:?}, the configuration asks for {expected:?}")]
    TensorShape {
        /// Its name.
        name: String,
        /// From the configuration.
        expected: Vec<usize>,
        /// In the file.
        actual: Vec<usize>,
    },
    /// A tensor is stored in a form that is not F32, F16 or BF16.
    #[error("tensor {name} is stored as {dtype}, expected F32, F16 or BF16")]
    TensorFormat {
        /// Its name.
        name: String,
        /// Its stored form.
        dtype: String,
    },
    /// The asked-for instruction set is not on this machine or does not fit the model.
    #[error("the {isa} kernels cannot run here: {reason}")]
    IsaUnavailable {
        /// Name of the instruction set.
        isa: &'static str,
        /// Why not.
        reason: &'static str,
    },
    /// Helper threads could not be started.
    #[error("cannot start {threads} engine threads: {source}")]
    Threads {
        /// Number asked for.
        threads: usize,
        /// What the system said.
        source: std::io::Error,
    },
}
