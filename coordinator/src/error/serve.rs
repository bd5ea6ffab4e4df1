//! Errors of a server and of its clients.

use std::path::PathBuf;

/// Why a server, or a command that speaks to one, failed.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A record of the queue cannot be read.
    #[error(
        "read the queue: its record `{key}` is damaged; `coordinator runs verify` checks the runs"
    )]
    Record {
        /// Its key.
        key: String,
    },
    /// A record of the queue was written by a newer program.
    #[error("read the queue: its record `{key}` has version {version}; use a newer program")]
    Newer {
        /// Its key.
        key: String,
        /// Its version.
        version: u32,
    },
    /// The file that tells clients where the server is.
    #[error("write or read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// No server.
    #[error(
        "find a server: none has the store {} open; start `coordinator serve` there, or give --server ADDRESS",
        dir.display()
    )]
    NoServer {
        /// The store.
        dir: PathBuf,
    },
    /// A token is missing.
    #[error(
        "speak to {address}: no token; set PGO_BENCH_CONTROL_TOKEN to one of the server's (in DIR/control of its store)"
    )]
    NoToken {
        /// The server.
        address: String,
    },
    /// The address cannot be used.
    #[error(
        "speak to {address}: {reason}; give http://HOST:PORT, or https://HOST:PORT with --credentials"
    )]
    Address {
        /// The address.
        address: String,
        /// What is wrong.
        reason: String,
    },
    /// The server cannot be reached.
    #[error("reach the server at {address}: {reason}")]
    Unreachable {
        /// The address.
        address: String,
        /// Why.
        reason: String,
    },
    /// A command that the server carried out has failed there.
    #[error("{sentence}")]
    Answered {
        /// Its exit code.
        code: u8,
        /// Why.
        sentence: String,
    },
    /// The server refused.
    #[error("{0}")]
    Refused(String),
    /// The stream ended before the job.
    #[error(
        "watch job {id}: the server ended the stream, because it ends or because this reader was too slow; \
         `coordinator watch {id}` goes on"
    )]
    StreamEnded {
        /// The job.
        id: u64,
    },
    /// The server's own loop is gone.
    #[error("reach the queue: the server is ending")]
    Ending,
}
