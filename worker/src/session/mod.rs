//! The worker's side of the session: access to the coordinator ([`access`]), the [`link`] to it,
//! the pure [`machine`] that decides, and the loop of a worker process that connects them with the
//! measuring thread ([`join`]). Must not know how load is generated or measured.

pub mod access;
mod error;
pub mod join;
pub mod link;
mod listener;
pub mod machine;
mod measuring;
mod processors;
