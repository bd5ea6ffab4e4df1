//! The control interface of a server, both ends: the gRPC service and its client, the roles of tokens,
//! and where clients find the server. Must not know what is measured.

mod access;
mod address;
mod client;
mod convert;
mod service;

pub(super) use access::Access;
pub(super) use address::Published;
pub(super) use client::{Client, Where};
pub(super) use service::{About, ControlService};
