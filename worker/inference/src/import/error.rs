//! Import errors: one variant for each reason that a user can act on.

use std::io;
use std::path::PathBuf;

use super::gguf::GgufError;
use crate::tokenizer::TokenizerError;

/// Why an import failed. Messages continue "failed to".
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The source cannot be opened or read.
    #[error("read {}", path.display())]
    Source {
        /// The GGUF file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The target cannot be written.
    #[error("write the model directory {}", path.display())]
    Target {
        /// The directory.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The container is damaged or not GGUF.
    #[error(transparent)]
    Container(#[from] GgufError),
    /// Not a model of the Llama family.
    #[error("import architecture {found}: {known} can be imported")]
    Architecture {
        /// Name in the file.
        found: String,
        /// Known architectures.
        known: String,
    },
    /// Required metadata or a required tensor is missing.
    #[error("find {key} in the file")]
    Missing {
        /// Metadata key or tensor name.
        key: String,
    },
    /// Metadata has another type than the format specifies.
    #[error("understand {key} as {wanted}")]
    WrongKind {
        /// Metadata key.
        key: String,
        /// The expected type.
        wanted: &'static str,
    },
    /// Numbers of heads, layers and sizes are inconsistent.
    #[error("make sense of the numbers of heads, layers and sizes")]
    Sizes,
    /// The engine does not support this rotary scaling.
    #[error("import rotary scaling {kind}: linear, llama3 and yarn scaling can be imported")]
    RopeScaling {
        /// Name of the scaling, as the configuration gives it.
        kind: String,
    },
    /// Metadata that this importer does not know, and that may change what the model computes.
    #[error("import {key} = {value}: this program does not know it and would ignore it")]
    UnknownKey {
        /// Metadata key.
        key: String,
        /// Its value.
        value: String,
    },
    /// The same setting has two values under two keys.
    #[error("make sense of {key}: {values}")]
    Contradiction {
        /// Metadata key.
        key: String,
        /// The values.
        values: String,
    },
    /// One of several files, but not the first.
    #[error("import part {number} of {count}: name the first, and the others are found beside it")]
    Part {
        /// Its number.
        number: usize,
        /// Number of files.
        count: usize,
    },
    /// The first of several files, under a name without numbering.
    #[error(
        "find the other parts of {count}: their names must end in -00001-of-{count:05}.gguf and so on"
    )]
    PartName {
        /// Number of files.
        count: usize,
    },
    /// The files contain a different number of tensors than the first says.
    #[error("find all tensors in the parts: {found} of {declared} are there")]
    PartTensors {
        /// Tensors found.
        found: usize,
        /// Tensors according to the first part.
        declared: usize,
    },
    /// A component or companion of a model, not a model.
    #[error("import a GGUF of type {kind}: only whole models are")]
    Kind {
        /// Name in the file.
        kind: String,
    },
    /// A weight is not finite, or not finite in the format that is written.
    #[error(
        "import tensor {name}: it holds {value}, which makes every answer wrong; fetch or convert the file \
         again"
    )]
    NotFinite {
        /// Name in the file.
        name: String,
        /// NaN or infinity.
        value: &'static str,
    },
    /// A tensor that this architecture does not have, such as a bias.
    #[error("place tensor {name}: the architecture has no tensor of this name and would ignore it")]
    UnknownTensor {
        /// Name in the file.
        name: String,
    },
    /// A tensor whose shape contradicts the metadata.
    #[error("fit tensor {name} of shape {found:?} where {expected:?} belongs")]
    Shape {
        /// Name in the file.
        name: String,
        /// Shape found, rows first.
        found: Vec<usize>,
        /// Shape expected, rows first.
        expected: Vec<usize>,
    },
    /// A tokenizer of an unknown kind, or with an unknown way of splitting text.
    #[error("import tokenizer {kind}: {known} can be imported")]
    Tokenizer {
        /// Its name in the file.
        kind: String,
        /// Known kinds.
        known: String,
    },
    /// More tokens than embedding rows.
    #[error("fit {tokens} tokens into {rows} embedding rows")]
    VocabularySize {
        /// Tokens listed.
        tokens: usize,
        /// Rows of the embedding.
        rows: usize,
    },
    /// A token occurs twice.
    #[error("give token {token:?} two ids")]
    DuplicateToken {
        /// Its text.
        token: String,
    },
    /// The tokenizer that was written cannot be read back.
    #[error("build a working tokenizer from the file")]
    Unusable(#[source] TokenizerError),
}
