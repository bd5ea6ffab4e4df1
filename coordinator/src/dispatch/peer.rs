//! The identity of a peer within dispatch.

/// An agent or a worker, identified by its session number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u64);
