//! Why there is no session.

use std::time::Duration;

/// Why there is no session, or no longer one. Messages complete "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The address is no address.
    #[error("use the coordinator's address `{address}`: {reason}")]
    Address {
        /// As given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A token would be sent to another user.
    #[error(
        "use the coordinator's address `{address}`: user {user} of this host listens there, is neither this \
         user nor root, and would get the token; use https:// with --credentials DIR, or give --insecure"
    )]
    ToAnotherUser {
        /// As given.
        address: String,
        /// Whose the port is.
        user: u32,
    },
    /// The coordinator does not want this peer, and trying again cannot help.
    #[error("join the coordinator at {address}: {message}")]
    Refused {
        /// Of the coordinator.
        address: String,
        /// Its sentence.
        message: String,
    },
    /// Nobody answered within the patience.
    #[error("reach the coordinator at {address} within {} s: {reason}", patience.as_secs_f64())]
    Unreachable {
        /// Of the coordinator.
        address: String,
        /// How long it was tried.
        patience: Duration,
        /// The last failure.
        reason: String,
    },
    /// No word for the length of the lease.
    #[error("hear from the coordinator: it sent nothing for {} s, so this process \
             stops", lease.as_secs_f64())]
    Silent {
        /// The lease it gave.
        lease: Duration,
    },
    /// The stream ended or broke.
    #[error("keep the session with the coordinator: {reason}")]
    Broken {
        /// What the transport says.
        reason: String,
    },
}
