//! Why an import fails: one variant for each reason a user can act on.

use std::io;
use std::path::PathBuf;

use super::gguf::GgufError;
use crate::tokenizer::TokenizerError;

/// Why an import failed; each reads on from "failed to".
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
    /// The container is broken or not GGUF.
    #[error(transparent)]
    Container(#[from] GgufError),
    /// Not a model of the Llama family.
    #[error("import architecture {found}: {known} can be imported")]
    Architecture {
        /// As named in the file.
        found: String,
        /// Those that are known.
        known: String,
    },
    /// Required metadata or a tensor is absent.
    #[error("find {key} in the file")]
    Missing {
        /// Metadata key or tensor name.
        key: String,
    },
    /// Metadata of another type than the format says.
    #[error("understand {key} as {wanted}")]
    WrongKind {
        /// Metadata key.
        key: String,
        /// What belongs there.
        wanted: &'static str,
    },
    /// Numbers of heads, layers and sizes that do not fit each other.
    #[error("make sense of the numbers of heads, layers and sizes")]
    Sizes,
    /// A rotary scaling the engine does not have.
    #[error("import rotary scaling {kind}: linear, llama3 and yarn scaling can be imported")]
    RopeScaling {
        /// Name of the scaling, as the configuration gives it.
        kind: String,
    },
    /// Metadata that may change what the model computes, and that this importer does not know.
    #[error("import {key} = {value}: this program does not know it and would ignore it")]
    UnknownKey {
        /// Metadata key.
        key: String,
        /// Its value.
        value: String,
    },
    /// The same setting under two keys, with two values.
    #[error("make sense of {key}: {values}")]
    Contradiction {
        /// Metadata key.
        key: String,
        /// The values.
        values: String,
    },
    /// One of several files, and not the first.
    #[error("import part {number} of {count}: name the first, and the others are found beside it")]
    Part {
        /// Which it is.
        number: usize,
        /// How many there are.
        count: usize,
    },
    /// The first of several files under a name that does not count them.
    #[error(
        "find the other parts of {count}: their names must end in -00001-of-{count:05}.gguf and so on"
    )]
    PartName {
        /// How many there are.
        count: usize,
    },
    /// The files do not hold what the first says they do.
    #[error("find all tensors in the parts: {found} of {declared} are there")]
    PartTensors {
        /// Tensors found.
        found: usize,
        /// Tensors that the first part counts.
        declared: usize,
    },
    /// Not a model but a part or companion of one.
    #[error("import a GGUF of type {kind}: only whole models are")]
    Kind {
        /// As named in the file.
        kind: String,
    },
    /// A weight that is no number, or none in the format that is written.
    #[error(
        "import tensor {name}: it holds {value}, which makes every answer wrong; fetch or convert the file \
         again"
    )]
    NotFinite {
        /// As named in the file.
        name: String,
        /// NaN or infinity.
        value: &'static str,
    },
    /// A tensor that this architecture does not have, such as a bias.
    #[error("place tensor {name}: the architecture has no tensor of this name and would ignore it")]
    UnknownTensor {
        /// As named in the file.
        name: String,
    },
    /// A tensor whose shape contradicts the metadata.
    #[error("fit tensor {name} of shape {found:?} where {expected:?} belongs")]
    Shape {
        /// As named in the file.
        name: String,
        /// Rows first.
        found: Vec<usize>,
        /// Rows first.
        expected: Vec<usize>,
    },
    /// A tokenizer of an unknown kind, or one that cuts text in an unknown way.
    #[error("import tokenizer {kind}: {known} can be imported")]
    Tokenizer {
        /// Its name in the file.
        kind: String,
        /// Those that are known.
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
    /// The same token twice.
    #[error("give token {token:?} two ids")]
    DuplicateToken {
        /// Its text.
        token: String,
    },
    /// The tokenizer that was written cannot be read back.
    #[error("build a working tokenizer from the file")]
    Unusable(#[source] TokenizerError),
}
