//! Why a run could not be carried out at all.

use std::net::SocketAddr;

use contract::descriptors::TooFew;

use super::ListenError;
use crate::dispatch::journal::JournalError;
use crate::fleet::launch::LaunchError;
use crate::fleet::session::TlsError;

/// Why a run could not be carried out at all.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The address cannot be bound.
    #[error("listen on {address}: {source}")]
    Bind {
        /// The requested address.
        address: SocketAddr,
        /// The system's error.
        source: std::io::Error,
    },
    /// The service's reflection failed.
    #[error("serve sessions: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// More sessions than open files allow.
    #[error(
        "serve {sessions} sessions, each of which is an open file: {few}, or ask for fewer slots"
    )]
    Descriptors {
        /// Number of sessions requested.
        sessions: u32,
        /// What is allowed.
        few: TooFew,
    },
    /// The address may not be used.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// An error of the credentials.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No agent could be launched.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// The journal could not be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// No runtime.
    #[error("start the runtime: {0}")]
    Runtime(std::io::Error),
}
