//! Files that a load is made of: recorded traces and prompts. Must not know their formats
//! ([`crate::prompt_files`]).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::seconds;
use crate::identity::Sha256;

/// A file that every host has at the same path. It is read before a trial, and nothing of it
/// crosses the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSpec {
    /// Relative to the plan's own place, until the plan is read.
    pub path: String,
    /// Of its contents; filled in when the plan is read, and every worker holds its own copy to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
}

/// What of a trace must be known without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceFacts {
    /// Requests in it.
    pub requests: u32,
    /// From its first to its last, seconds.
    #[serde(with = "seconds")]
    pub over: Duration,
}
