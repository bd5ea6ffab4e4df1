//! Errors between a path and a loaded model. Each variant has the path or name concerned, so that
//! the message alone says what to do. Must not know requests: a request that cannot be served is a
//! [`crate::batcher::Refusal`].

use std::path::PathBuf;

use crate::json_error::JsonError;

/// Why a model could not be loaded. Messages complete "failed to load the model: …".
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The path does not exist.
    #[error("no model at {path}: the path does not exist")]
    PathMissing {
        /// The path.
        path: PathBuf,
    },
    /// A file of a model directory is missing.
    #[error("{file} is missing in {folder}")]
    FileMissing {
        /// The folder searched.
        folder: PathBuf,
        /// The missing file.
        file: String,
    },
    /// The file is neither a directory, nor `.safetensors`, nor a shard index.
    #[error("{path} is neither a model directory nor a .safetensors file")]
    NotAModel {
        /// The path.
        path: PathBuf,
    },
    /// The operating system reported an error.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The system has no memory for the kernels' copies of the weights.
    #[error("no memory for the weights: {source}")]
    Memory {
        /// The system's error.
        source: std::io::Error,
    },
    /// A settings file is not valid JSON.
    #[error("{path} {source}")]
    NotJson {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: JsonError,
    },
    /// A required setting is missing.
    #[error("{path} does not say {key}")]
    SettingMissing {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
    },
    /// A setting or component that this engine does not know, and that may change what the model
    /// computes.
    #[error("{path} says {key} = {value}, which this engine does not know and would ignore")]
    UnknownSetting {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// Its value.
        value: String,
    },
    /// A setting has two values in two places.
    #[error("{path} contradicts itself: {key} is {values}")]
    Contradiction {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The values.
        values: String,
    },
    /// An architecture that this engine does not compute.
    #[error("{path} names {named}, and this engine supports {families}")]
    Family {
        /// The configuration file.
        path: PathBuf,
        /// The class named in the file.
        named: String,
        /// The classes that the engine computes.
        families: String,
    },
    /// Weights quantised in a format that this engine does not read.
    #[error(
        "{path} says that the weights are quantised by {method}, and this engine reads F32, F16 and BF16: \
         use the unquantised original, or a GGUF of it, which `worker model import` converts"
    )]
    Quantised {
        /// The configuration file.
        path: PathBuf,
        /// Quantisation method.
        method: String,
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
        /// The accepted values.
        expected: String,
    },
    /// A file contains something other than its name says.
    #[error("{path} {what}")]
    NotWeights {
        /// The file.
        path: PathBuf,
        /// What the file is, and what to do.
        what: &'static str,
    },
    /// A link whose target does not exist.
    #[error("{path} is a link to {target}, which does not exist")]
    DanglingLink {
        /// The link.
        path: PathBuf,
        /// Its target.
        target: PathBuf,
    },
    /// The model exists in a format that this engine does not read.
    #[error("{folder} has {found} and no {file}: {way_out}")]
    OtherForm {
        /// The folder searched.
        folder: PathBuf,
        /// The file found.
        found: String,
        /// The file expected.
        file: &'static str,
        /// How to convert it.
        way_out: &'static str,
    },
    /// Some of several numbered files are missing.
    #[error(
        "{folder} has {found} of {count} numbered weight files and no index: {missing} is missing"
    )]
    ShardMissing {
        /// The folder searched.
        folder: PathBuf,
        /// Number of files found.
        found: usize,
        /// Number of files according to the names.
        count: usize,
        /// The first missing file.
        missing: String,
    },
    /// The index says that a tensor is in a file that does not contain it.
    #[error("the index places tensor {name} in {shard}, which does not hold it")]
    Misplaced {
        /// The tensor.
        name: String,
        /// The file.
        shard: String,
    },
    /// Two files contain a tensor and no index decides between them.
    #[error("tensor {name} is in {first} and in {second}, and no index says which to use")]
    TwoSources {
        /// The tensor.
        name: String,
        /// A file.
        first: String,
        /// Another.
        second: String,
    },
    /// A tensor that this engine does not know, and that may change what the model computes.
    #[error("tensor {name} is not part of a model of {family} and would be ignored")]
    UnknownTensor {
        /// Name of the tensor.
        name: String,
        /// The class of the model.
        family: &'static str,
    },
    /// The file has a separate head, although its settings say that it has none.
    #[error(
        "tie_word_embeddings is true and {head} differs from {embedding}: programs differ in which one they \
         use; set tie_word_embeddings to false, or remove the tensor"
    )]
    TwoHeads {
        /// The head's tensor.
        head: &'static str,
        /// The embedding's.
        embedding: &'static str,
    },
    /// A weight is NaN or infinite.
    #[error("tensor {name} holds {value} at {place:?}, which makes every answer wrong{hint}")]
    NotFinite {
        /// Name of the tensor.
        name: String,
        /// NaN or infinity.
        value: &'static str,
        /// Row and column.
        place: Vec<usize>,
        /// Possible origin of the value.
        hint: &'static str,
    },
    /// The weights file is shorter or longer than its header says.
    #[error("{path} is damaged: its header describes {expected} bytes, the file has {actual}")]
    WrongSize {
        /// The weights file.
        path: PathBuf,
        /// Bytes according to the header.
        expected: u64,
        /// Actual number of bytes.
        actual: u64,
    },
    /// The weights file's header cannot be parsed.
    #[error("{path} has a broken safetensors header: {reason}")]
    Header {
        /// The weights file.
        path: PathBuf,
        /// The parser's error.
        reason: String,
    },
    /// A tensor of the architecture is missing.
    #[error("tensor {name} is missing")]
    TensorMissing {
        /// Its Hugging Face name.
        name: String,
    },
    /// A tensor's shape differs from the one that the configuration implies.
    #[error("tensor {name} has shape {actual:?}, the configuration asks for {expected:?}")]
    TensorShape {
        /// Name of the tensor.
        name: String,
        /// Shape from the configuration.
        expected: Vec<usize>,
        /// Shape in the file.
        actual: Vec<usize>,
    },
    /// A tensor is stored in a format other than F32, F16 or BF16.
    #[error("tensor {name} is stored as {dtype}, and this engine reads F32, F16 and BF16")]
    TensorFormat {
        /// Name of the tensor.
        name: String,
        /// Its stored format.
        dtype: String,
    },
    /// The requested instruction set is not available on this machine or does not fit the model.
    #[error("the {isa} kernels cannot run here: {reason}")]
    IsaUnavailable {
        /// Name of the instruction set.
        isa: &'static str,
        /// The reason.
        reason: &'static str,
    },
    /// Helper threads could not be started.
    #[error("cannot start {threads} engine threads: {source}")]
    Threads {
        /// Number requested.
        threads: usize,
        /// The system's error.
        source: std::io::Error,
    },
}

/// Classes of [`LoadError`], by what can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadFault {
    /// There is no model at the path, or a part of it is missing.
    Missing,
    /// A file differs from what was written.
    Damaged,
    /// The model is intact, but this engine does not compute it.
    Unsupported,
    /// The model's files contradict each other or themselves.
    Inconsistent,
    /// This machine or process lacks memory, threads or instructions.
    Machine,
}

impl LoadError {
    /// The class of this error.
    #[must_use]
    pub fn fault(&self) -> LoadFault {
        match self {
            Self::PathMissing { .. } | Self::FileMissing { .. } | Self::NotAModel { .. } => {
                LoadFault::Missing
            }
            Self::Io { .. }
            | Self::NotWeights { .. }
            | Self::DanglingLink { .. }
            | Self::ShardMissing { .. }
            | Self::WrongSize { .. }
            | Self::Header { .. }
            | Self::NotFinite { .. } => LoadFault::Damaged,
            Self::Family { .. }
            | Self::Quantised { .. }
            | Self::Unsupported { .. }
            | Self::UnknownSetting { .. }
            | Self::UnknownTensor { .. }
            | Self::TensorFormat { .. } => LoadFault::Unsupported,
            Self::NotJson { .. }
            | Self::OtherForm { .. }
            | Self::SettingMissing { .. }
            | Self::Contradiction { .. }
            | Self::Misplaced { .. }
            | Self::TwoSources { .. }
            | Self::TwoHeads { .. }
            | Self::TensorMissing { .. }
            | Self::TensorShape { .. } => LoadFault::Inconsistent,
            Self::Memory { .. } | Self::IsaUnavailable { .. } | Self::Threads { .. } => {
                LoadFault::Machine
            }
        }
    }
}
