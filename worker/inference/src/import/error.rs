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
    #[error("import architecture {found}, only llama is known")]
    Architecture {
        /// As named in the file.
        found: String,
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
    #[error("import rotary scaling {kind}, only llama3's is known")]
    RopeScaling {
        /// Its name.
        kind: String,
    },
    /// A tensor that this architecture does not have, such as a bias.
    #[error("place tensor {name}")]
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
    /// A tokenizer that is not byte-level BPE, or cuts text in an unknown way.
    #[error("import tokenizer {kind}")]
    Tokenizer {
        /// Its name in the file.
        kind: String,
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
