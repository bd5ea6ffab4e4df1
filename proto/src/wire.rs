//! The session on the wire: the generated service of `bench.v1` and the one translation between its
//! messages and the project's own. Generated types leave this module only as the opaque items of
//! the streams.

pub mod control;
pub mod engine;
mod hello;
mod load;
mod session;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::mirror::Mirror;

pub use pb::bench_client::BenchClient;
pub use pb::bench_server::{Bench, BenchServer};
pub use pb::{FromPeer as FromPeerItem, ToPeer as ToPeerItem};

/// Greatest message that either side accepts, bytes; parts are sent in much smaller pieces.
pub const MESSAGE_LIMIT: usize = 1024 * 1024;

/// The compiled descriptors of all protos, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.bin"));

pub(crate) mod pb {
    #![expect(
        missing_docs,
        reason = "generated code; the proto files carry the documentation"
    )]
    #![expect(unreachable_pub, unused_qualifications, reason = "generated code")]
    #![expect(
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        reason = "generated code"
    )]
    #![expect(clippy::large_enum_variant, reason = "generated code; a hello is rare")]
    tonic::include_proto!("bench.v1");
}

/// A message that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("understand a message: `{0}` is missing or impossible")]
pub struct WireError(pub &'static str);

fn required<T>(value: Option<T>, field: &'static str) -> Result<T, WireError> {
    value.ok_or(WireError(field))
}

/// A message with the same fields as one of our types.
fn own<M, T: Mirror<M>>(message: M) -> Result<T, WireError> {
    T::from_message(message).map_err(WireError)
}

/// Specs from the plan travel in the plan's own format, so that there is one translation of them.
fn to_json(spec: &impl Serialize) -> String {
    serde_json::to_string(spec).expect("a checked plan holds finite numbers and string keys")
}

fn from_json<T: DeserializeOwned>(json: &str, field: &'static str) -> Result<T, WireError> {
    serde_json::from_str(json).map_err(|_| WireError(field))
}
