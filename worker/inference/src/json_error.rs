//! Why a text is not the JSON that is read here.

/// What is wrong with a JSON text. Messages read on from the file's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Nothing is in it.
    #[error("is empty")]
    Empty,
    /// Git LFS fetched no file, only its pointer.
    #[error("is a pointer of Git LFS, not the file itself: run `git lfs pull` where it was cloned")]
    Pointer,
    /// UTF-8 with a byte order mark, which JSON does not allow.
    #[error(
        "begins with a byte order mark, which JSON does not allow: save it as UTF-8 without one"
    )]
    ByteOrderMark,
    /// Two bytes a character.
    #[error("is UTF-16: save it as UTF-8")]
    Utf16,
    /// Python writes these, JSON does not have them.
    #[error("holds NaN or Infinity, which JSON does not have: write null or a number in its place")]
    NotFinite,
    /// Readers differ in which of them they take.
    #[error("gives the key {key:?} twice: leave one of them")]
    Twice {
        /// The key that occurs twice.
        key: String,
    },
    /// Anything else.
    #[error("is not JSON: {reason}")]
    Syntax {
        /// What the parser said.
        reason: String,
    },
}
