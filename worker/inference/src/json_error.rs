//! Why a text is not acceptable JSON.

/// What is wrong with a JSON text. Messages continue the file's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The file is empty.
    #[error("is empty")]
    Empty,
    /// The file is a Git LFS pointer.
    #[error("is a pointer of Git LFS, not the file itself: run `git lfs pull` where it was cloned")]
    Pointer,
    /// UTF-8 with a byte order mark, which JSON does not allow.
    #[error(
        "begins with a byte order mark, which JSON does not allow: save it as UTF-8 without one"
    )]
    ByteOrderMark,
    /// UTF-16.
    #[error("is UTF-16: save it as UTF-8")]
    Utf16,
    /// NaN or Infinity: Python writes them, but JSON does not have them.
    #[error("holds NaN or Infinity, which JSON does not have: write null or a number in its place")]
    NotFinite,
    /// A duplicate key, which readers treat differently.
    #[error("gives the key {key:?} twice: leave one of them")]
    Twice {
        /// The key that occurs twice.
        key: String,
    },
    /// Anything else.
    #[error("is not JSON: {reason}")]
    Syntax {
        /// The parser's error.
        reason: String,
    },
}
