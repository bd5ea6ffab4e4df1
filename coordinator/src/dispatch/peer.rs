//! Whom dispatch talks to.

/// An agent or a worker, by the number of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u64);
