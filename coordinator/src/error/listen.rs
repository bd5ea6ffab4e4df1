//! Why an address may not be used.

use std::net::SocketAddr;
use std::path::PathBuf;

use contract::credentials::CredentialsError;
use contract::shell;

/// Why an address may not be used.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Anyone could connect.
    #[error(
        "listen on {address}: anything but loopback needs --credentials DIR (`coordinator certs init` writes one), or \
         --insecure"
    )]
    Open {
        /// The requested address.
        address: SocketAddr,
    },
    /// Agents would not know where to connect.
    #[error("listen on {address}: agents need a name or address to dial, give --advertise HOST")]
    NoName {
        /// The requested address.
        address: SocketAddr,
    },
    /// Agents could not connect to this name.
    #[error(
        "advertise `{name}`: give only a host name or address, like bench.example, 10.0.0.1 or ::1; the \
         port comes from --listen"
    )]
    Advertise {
        /// As given.
        name: String,
    },
    /// Others can read what must be kept to oneself.
    #[error(
        "listen on {address}: other users of this host can read {}; run `chmod go-rwx {}`, and make new \
         ones with `coordinator certs rotate` if they may have been read",
        listed(paths),
        shell::words(paths)
    )]
    Exposed {
        /// The requested address.
        address: SocketAddr,
        /// The files.
        paths: Vec<PathBuf>,
    },
    /// Agents that are already running could not know the token.
    #[error(
        "wait for running agents: they need the token, so set PGO_BENCH_TOKEN or give --credentials DIR"
    )]
    NoToken,
    /// A file.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

fn listed(paths: &[PathBuf]) -> String {
    paths
        .iter()
        .map(|path| path.display().to_string())
        .collect::<Vec<_>>()
        .join(", ")
}
