//! What a plan names and a worker's host must have. Must not look for it.

/// Something that must exist on a worker's host, and the plan's key that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// A file or directory.
    Path {
        /// The key.
        key: &'static str,
        /// As the worker uses it.
        path: String,
    },
    /// An environment variable.
    Variable {
        /// The key.
        key: &'static str,
        /// Its name.
        name: String,
    },
}
