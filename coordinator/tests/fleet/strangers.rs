//! Unauthorised callers.
#![expect(clippy::disallowed_types, reason = "a stranger keeps to no protocol")]

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use contract::credentials::Credentials;
use contract::id::Ticket;
use contract::identity::{BuildInfo, HostFacts};
use contract::message::{FromPeer, Hello, Role};
use contract::wire::{BenchClient, FromPeerItem};
use tokio_stream::StreamExt;
use tonic::Status;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

/// Connections that send nothing.
pub(crate) fn half_open(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    let connect = |_| TcpStream::connect_timeout(&address, Duration::from_secs(10)).unwrap();
    (0..count).map(connect).collect()
}

/// A caller that trusts the coordinator and presents this certificate, or none.
pub(crate) fn endpoint(address: SocketAddr, authority: &Path, own: Option<&Path>) -> Endpoint {
    let authority = Credentials::read(authority).unwrap().authority;
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority));
    if let Some(own) = own {
        let own = Credentials::read(own).unwrap();
        tls = tls.identity(Identity::from_pem(own.certificate, own.key));
    }
    Endpoint::from_shared(format!("https://{address}"))
        .unwrap()
        .tls_config(tls)
        .unwrap()
}

/// Sends these messages; returns how many answers came, and how the session ended.
pub(crate) fn say(endpoint: &Endpoint, words: Vec<FromPeer>) -> (usize, Option<Status>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let channel = match endpoint.connect().await {
            Ok(channel) => channel,
            Err(error) => return (0, Some(Status::unavailable(error.to_string()))),
        };
        let words: Vec<FromPeerItem> = words.into_iter().map(FromPeerItem::from).collect();
        // Sent, and then held open.
        let outgoing = tokio_stream::iter(words).chain(tokio_stream::pending());
        let mut client = BenchClient::new(channel);
        let mut down = match client.session(outgoing).await {
            Ok(answer) => answer.into_inner(),
            Err(status) => return (0, Some(status)),
        };
        let mut heard = 0;
        loop {
            match down.message().await {
                Ok(Some(_)) => heard += 1,
                Ok(None) => return (heard, None),
                Err(status) => return (heard, Some(status)),
            }
        }
    })
}

pub(crate) fn hello(token: &str, hostname: String) -> FromPeer {
    FromPeer::Hello(Box::new(Hello {
        protocol: contract::PROTOCOL,
        token: token.into(),
        pid: 1,
        build: BuildInfo::default(),
        host: HostFacts {
            hostname,
            ..HostFacts::default()
        },
        role: Role::Worker {
            ticket: Ticket(u64::MAX),
        },
    }))
}
