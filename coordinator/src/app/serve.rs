//! The address that agents and workers connect to: bound, with or without TLS, and served until the
//! guard is dropped.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use contract::credentials::{Credentials, Secrets, Token, exposed};
use contract::wire::{BenchServer, DESCRIPTORS, MESSAGE_LIMIT};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::Server;
use tonic::transport::server::Router;

use super::entropy::entropy;
use crate::certs;
use crate::error::{ExecuteError, ListenError};
use crate::fleet::session::{self, AcceptLimits, Refusals, SessionService};

/// Connections that the system queues until they are accepted. Beyond this it drops the attempt,
/// and the caller tries again after a second.
const LISTEN_BACKLOG: u32 = 4096;
/// Callers that may be connected without an accepted hello, in addition to the expected ones,
/// because all workers of a fleet start at the same moment.
const WAITING: usize = 256;
/// Connections in total: a thousand hosts with a few slots each.
const CONNECTIONS: usize = 8192;
/// Time from the connection to an accepted hello, and from a stream to its hello.
pub(super) const HELLO_LIMIT: Duration = Duration::from_secs(10);
/// Streams that one connection may have open. Sessions may share a connection, and a session that
/// was given up keeps its stream for some leases; a caller beyond the limit waits silently. RFC
/// 9113 recommends at least 100. A connection that is not admitted may still introduce itself on
/// only one stream at a time, and the bytes it may send are limited for all its streams together.
const STREAMS: u32 = 128;
/// Bytes that a peer may send before they are read, for each stream and connection.
const WINDOW: u32 = 1024 * 1024;
/// Greatest size of a health or reflection request, bytes.
pub(super) const QUESTION: usize = 16 * 1024;
/// Greatest size of headers, bytes.
const HEADERS: u32 = 16 * 1024;

/// The address of a coordinator, and who may connect.
#[derive(Clone, Debug)]
pub(super) struct ListenConfig {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// The host's name or address, as agents see it.
    pub advertise: String,
    /// The coordinator's certificate and the fleet's token.
    pub secrets: Secrets,
    /// The previous token, for hosts that have not changed over yet.
    pub previous: Option<Token>,
    /// Secrets for the agents that this program starts.
    pub agents: Secrets,
    /// Allow unencrypted connections.
    pub insecure: bool,
    /// Warning to show before any connection is accepted.
    pub warning: Option<String>,
}

/// The command line's part of it.
pub(super) struct ListenArgs<'a> {
    pub listen: SocketAddr,
    pub advertise: Option<&'a str>,
    /// The coordinator's directory, as written by `certs`.
    pub credentials: Option<&'a Path>,
    /// A token from the environment.
    pub token: Option<Token>,
    pub insecure: bool,
}

impl ListenConfig {
    /// On loopback, with a fresh secret.
    pub(super) fn of_this_host() -> Self {
        let secrets = Secrets {
            token: fresh_token(),
            credentials: None,
        };
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let (advertise, agents) = (listen.ip().to_string(), secrets.clone());
        Self {
            listen,
            advertise,
            agents,
            secrets,
            previous: None,
            insecure: false,
            warning: None,
        }
    }

    /// As requested, if that is safe or explicitly allowed.
    ///
    /// # Errors
    /// When it is neither, or a file is missing.
    pub(super) fn new(wishes: &ListenArgs<'_>) -> Result<Self, ListenError> {
        let address = wishes.listen;
        if !address.ip().is_loopback() && wishes.credentials.is_none() && !wishes.insecure {
            return Err(ListenError::Open { address });
        }
        let advertise = match wishes.advertise {
            Some(name) => advertised(name).ok_or_else(|| ListenError::Advertise {
                name: name.to_owned(),
            })?,
            None if address.ip().is_unspecified() => return Err(ListenError::NoName { address }),
            None => bracketed(address.ip()),
        };
        let exposed = wishes.credentials.map(exposed).unwrap_or_default();
        let exposed = (!exposed.is_empty()).then_some(ListenError::Exposed {
            address,
            paths: exposed,
        });
        let warning = match exposed {
            Some(error) if !address.ip().is_loopback() => return Err(error),
            other => other.map(|error| format!("failed to {error}")),
        };
        let credentials = wishes.credentials.map(Credentials::read).transpose()?;
        let previous = wishes
            .credentials
            .filter(|_| wishes.token.is_none())
            .and_then(Token::read_previous);
        let token = match (&wishes.token, wishes.credentials) {
            (Some(token), _) => token.clone(),
            (None, Some(directory)) => Token::read(directory)?,
            (None, None) => fresh_token(),
        };
        let agents = wishes
            .credentials
            .map(|own| Credentials::read(&beside(own)))
            .transpose();
        // Only agents that this program starts need it; running agents have their own.
        let agents = Secrets {
            token: token.clone(),
            credentials: agents.unwrap_or(None),
        };
        let secrets = Secrets { token, credentials };
        let insecure = wishes.insecure;
        Ok(Self {
            listen: address,
            advertise,
            secrets,
            previous,
            agents,
            insecure,
            warning,
        })
    }

    /// The URL for agents, given the port.
    pub(super) fn url(&self, port: u16) -> String {
        let scheme = if self.secrets.credentials.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}:{port}", self.advertise)
    }
}

/// The agents' directory, next to the coordinator's.
fn beside(coordinator: &Path) -> PathBuf {
    coordinator
        .parent()
        .unwrap_or(Path::new(""))
        .join(certs::AGENT)
}

/// A name or an address as written in a URL; `None` if it is neither.
fn advertised(name: &str) -> Option<String> {
    let bare = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(name);
    if let Ok(address) = bare.parse::<IpAddr>() {
        // Brackets are for IPv6 addresses.
        return (bare == name || address.is_ipv6()).then(|| bracketed(address));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    (!name.is_empty() && name.chars().all(plain)).then(|| name.to_owned())
}

fn bracketed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// A new secret for one run, or for a fleet.
pub(super) fn fresh_token() -> Token {
    Token::new(
        &entropy::<32>()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>(),
    )
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(LISTEN_BACKLOG)
}

/// The running service; it ends when this is dropped.
pub(super) struct Service {
    guard: oneshot::Sender<()>,
    server: JoinHandle<Result<(), tonic::transport::Error>>,
}

impl Service {
    /// Accepts no more sessions, and waits until every peer has received its last message and left,
    /// at most for `grace`.
    pub(super) async fn close(self, grace: Duration) {
        let Self { guard, server } = self;
        drop(guard);
        // Peers that have not left by then are cut off.
        drop(tokio::time::timeout(grace, server).await);
    }
}

/// Serves sessions until the returned service is closed, and returns the port. `expected` is the
/// number of sessions.
pub(super) async fn serve(
    sessions: SessionService,
    door: &ListenConfig,
    expected: usize,
) -> Result<(u16, Service), ExecuteError> {
    let refusals = sessions.refusals();
    let bench = BenchServer::new(sessions).max_decoding_message_size(MESSAGE_LIMIT);
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<BenchServer<SessionService>>().await;
    let router = server()
        .add_service(bench)
        .add_service(health_service.max_decoding_message_size(QUESTION));
    open(router, door, expected, refusals).await
}

/// A server with the limits on every connection.
pub(super) fn server() -> Server {
    Server::builder()
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .http2_max_header_list_size(HEADERS)
}

/// Serves these services and reflection until the returned service is closed, and returns the port.
/// A connection is closed unless the service admits it in time.
pub(super) async fn open(
    router: Router,
    door: &ListenConfig,
    expected: usize,
    refusals: Refusals,
) -> Result<(u16, Service), ExecuteError> {
    let bind = |source| ExecuteError::Bind {
        address: door.listen,
        source,
    };
    let listener = listen(door.listen).map_err(bind)?;
    let port = listener.local_addr().map_err(bind)?.port();
    let tls = door
        .secrets
        .credentials
        .as_ref()
        .map(session::acceptor)
        .transpose()?;
    let waiting = WAITING + expected;
    let limits = AcceptLimits {
        introduce: HELLO_LIMIT,
        waiting,
        connections: CONNECTIONS + expected,
    };
    let connections = session::open(listener, tls, limits, refusals);
    let reflect = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
    };
    // Supports old and new reflection clients: the older protocol differs only in its name.
    let (reflection, older) = (reflect().build_v1()?, reflect().build_v1alpha()?);
    let (guard, ended) = oneshot::channel::<()>();
    let server = router
        .add_service(reflection.max_decoding_message_size(QUESTION))
        .add_service(older.max_decoding_message_size(QUESTION))
        .serve_with_incoming_shutdown(connections, async {
            // Completes when the guard is dropped; no message is ever sent.
            drop(ended.await);
        });
    Ok((
        port,
        Service {
            guard,
            server: tokio::spawn(server),
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(listen: &str) -> ListenArgs<'static> {
        let listen = listen.parse().expect("an address");
        ListenArgs {
            listen,
            advertise: None,
            credentials: None,
            token: None,
            insecure: false,
        }
    }

    #[test]
    fn nothing_but_loopback_is_open_without_being_asked_for() {
        for open in ["0.0.0.0:1", "10.0.0.1:1", "[::]:1"] {
            assert!(
                matches!(
                    ListenConfig::new(&wishes(open)),
                    Err(ListenError::Open { .. })
                ),
                "{open}"
            );
            let named = ListenArgs {
                insecure: true,
                advertise: Some("h"),
                ..wishes(open)
            };
            assert_eq!(
                ListenConfig::new(&named).expect("asked for").url(7),
                "http://h:7"
            );
        }
        assert_eq!(
            ListenConfig::new(&wishes("[::1]:0"))
                .expect("loopback")
                .url(7),
            "http://[::1]:7"
        );
        for (name, url) in [
            ("::1", "http://[::1]:7"),
            ("[fe80::2]", "http://[fe80::2]:7"),
            ("a-b.c", "http://a-b.c:7"),
        ] {
            let named = ListenArgs {
                advertise: Some(name),
                ..wishes("127.0.0.1:0")
            };
            assert_eq!(ListenConfig::new(&named).expect(name).url(7), url);
        }
        for wrong in [
            "",
            "h:4100",
            "http://h",
            "[h]",
            "[10.0.0.1]",
            "::1:4100x",
            "a b",
            "h/x",
            "u@h",
        ] {
            let named = ListenArgs {
                advertise: Some(wrong),
                ..wishes("127.0.0.1:0")
            };
            assert!(
                matches!(
                    ListenConfig::new(&named),
                    Err(ListenError::Advertise { .. })
                ),
                "{wrong}"
            );
        }
        let nowhere = ListenArgs {
            insecure: true,
            ..wishes("0.0.0.0:1")
        };
        assert!(matches!(
            ListenConfig::new(&nowhere),
            Err(ListenError::NoName { .. })
        ));
    }

    #[test]
    fn every_run_of_this_host_has_a_token_of_its_own() {
        let (one, two) = (ListenConfig::of_this_host(), ListenConfig::of_this_host());
        assert_ne!(one.secrets.token, two.secrets.token);
        assert_eq!(one.secrets, one.agents);
    }
}
