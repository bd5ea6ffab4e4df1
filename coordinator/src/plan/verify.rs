//! How much of a model is compared between hosts. Must not know how.

use serde::{Deserialize, Serialize};

/// How much of the model's files must be the same on every host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verify {
    /// Headers, sizes, and samples of the weights: nothing is read that is not needed.
    #[default]
    Header,
    /// Every byte, by SHA-256, read once by each host's agent.
    Full,
}

impl Verify {
    /// Plans of the default are written as they always were.
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde asks for a reference"
    )]
    pub(super) fn is_header(&self) -> bool {
        *self == Self::Header
    }
}
