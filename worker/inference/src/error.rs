//! What can go wrong between a path and a loaded model. Each variant carries the path or name it is
//! about, so that the message alone tells what to do. It knows nothing of requests: a request that
//! cannot be served is a [`crate::batcher::Refusal`].

use std::path::PathBuf;

use crate::json_error::JsonError;

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
    /// A file of settings that is not JSON as every reader takes it.
    #[error("{path} {source}")]
    NotJson {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: JsonError,
    },
    /// A setting is absent that every model has.
    #[error("{path} does not say {key}")]
    SettingMissing {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
    },
    /// A setting or a part that this engine does not know, and which may change what the model
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
    /// A setting in two places, with two values.
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
        /// What it names.
        named: String,
        /// The classes it could name.
        families: String,
    },
    /// Weights in a form that only another program can multiply with.
    #[error(
        "{path} says that the weights are quantised by {method}, and this engine reads F32, F16 and BF16: \
         use the unquantised original, or a GGUF of it, which `worker model import` converts"
    )]
    Quantised {
        /// The configuration file.
        path: PathBuf,
        /// By which method.
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
        /// What would be accepted.
        expected: String,
    },
    /// A file holds something else than its name says.
    #[error("{path} {what}")]
    NotWeights {
        /// The file.
        path: PathBuf,
        /// What it is, and the way out.
        what: &'static str,
    },
    /// A link whose file is gone.
    #[error("{path} is a link to {target}, which does not exist")]
    DanglingLink {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// The model is there in a form that this engine does not read.
    #[error("{folder} has {found} and no {file}: {way_out}")]
    OtherForm {
        /// The folder searched.
        folder: PathBuf,
        /// What lies there.
        found: String,
        /// What should.
        file: &'static str,
        /// How to make the one from the other.
        way_out: &'static str,
    },
    /// Numbered files of which some are absent.
    #[error(
        "{folder} has {found} of {count} numbered weight files and no index: {missing} is missing"
    )]
    ShardMissing {
        /// The folder searched.
        folder: PathBuf,
        /// Files there.
        found: usize,
        /// Files that the names count.
        count: usize,
        /// The first absent.
        missing: String,
    },
    /// The index places a tensor in a file that does not hold it.
    #[error("the index places tensor {name} in {shard}, which does not hold it")]
    Misplaced {
        /// The tensor.
        name: String,
        /// The file.
        shard: String,
    },
    /// Two files hold a tensor and no index says which counts.
    #[error("tensor {name} is in {first} and in {second}, and no index says which to use")]
    TwoSources {
        /// The tensor.
        name: String,
        /// A file.
        first: String,
        /// Another.
        second: String,
    },
    /// A tensor that this engine does not know, and which may change what the model computes.
    #[error("tensor {name} is not part of a model of {family} and would be ignored")]
    UnknownTensor {
        /// Name of the tensor.
        name: String,
        /// The class of the model.
        family: &'static str,
    },
    /// The file has a head of its own and says that it has none.
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
    /// A weight that is no number.
    #[error("tensor {name} holds {value} at {place:?}, which makes every answer wrong{hint}")]
    NotFinite {
        /// Name of the tensor.
        name: String,
        /// NaN or infinity.
        value: &'static str,
        /// Row and column.
        place: Vec<usize>,
        /// Where it may come from.
        hint: &'static str,
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
        /// Name of the tensor.
        name: String,
        /// From the configuration.
        expected: Vec<usize>,
        /// In the file.
        actual: Vec<usize>,
    },
    /// A tensor is stored in a form that is not F32, F16 or BF16.
    #[error("tensor {name} is stored as {dtype}, and this engine reads F32, F16 and BF16")]
    TensorFormat {
        /// Name of the tensor.
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

/// Kinds of [`LoadError`], by what can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadFault {
    /// There is no model at the place, or not all of it.
    Missing,
    /// A file is not what whoever made it wrote.
    Damaged,
    /// The model is as it should be, and this engine does not compute it.
    Unsupported,
    /// The model's files contradict each other or themselves.
    Inconsistent,
    /// This machine or process has no room, threads or instructions.
    Machine,
}

impl LoadError {
    /// What kind of error it is.
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
