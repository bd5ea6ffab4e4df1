//! Why there is no session.

use std::time::Duration;

/// Why there is no session, or it was lost. Messages complete "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The address is invalid.
    #[error("use the coordinator's address `{address}`: {reason}")]
    Address {
        /// The given address.
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
        /// The given address.
        address: String,
        /// The user who owns the port.
        user: u32,
    },
    /// The coordinator refuses this peer for good.
    #[error("join the coordinator at {address}: {message}")]
    Refused {
        /// Address of the coordinator.
        address: String,
        /// Its sentence.
        message: String,
    },
    /// The coordinator could not be reached in time.
    #[error("reach the coordinator at {address} within {} s: {reason}", patience.as_secs_f64())]
    Unreachable {
        /// Address of the coordinator.
        address: String,
        /// How long it was tried.
        patience: Duration,
        /// The last failure.
        reason: String,
    },
    /// Nothing was received for the length of the lease.
    #[error("hear from the coordinator: it sent nothing for {} s, so this process \
             stops", lease.as_secs_f64())]
    Silent {
        /// The coordinator's lease.
        lease: Duration,
    },
    /// The stream ended or broke.
    #[error("keep the session with the coordinator: {reason}")]
    Broken {
        /// The transport's error.
        reason: String,
    },
}
