//! Why a job could not be carried out at all.

use std::net::SocketAddr;

use contract::descriptors::TooFew;

use super::ListenError;
use crate::dispatch::journal::JournalError;
use crate::fleet::launch::LaunchError;
use crate::fleet::session::TlsError;

/// Why a job could not be carried out at all.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// No address to listen on.
    #[error("listen on {address}: {source}")]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// The system's error.
        source: std::io::Error,
    },
    /// The service could not describe itself.
    #[error("serve sessions: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// More sessions than open files.
    #[error(
        "serve {sessions} sessions, each of which is an open file: {few}, or ask for fewer slots"
    )]
    Descriptors {
        /// Wished for.
        sessions: u32,
        /// What is allowed.
        few: TooFew,
    },
    /// The address may not be used.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The credentials.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No agent.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// Nothing can be kept.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// No runtime.
    #[error("start the runtime: {0}")]
    Runtime(std::io::Error),
}
