//! Files that a load is made of: recorded traces and prompts. Must not know their formats
//! ([`crate::prompt_files`]).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::seconds;
use crate::identity::Sha256;

/// A file that every host has at the same path. It is read before a trial, and never sent over the
/// network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSpec {
    /// Relative to the plan's directory, until the plan is read.
    pub path: String,
    /// SHA-256 of its contents; filled in when the plan is read. Every worker checks its own copy
    /// against it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
}

/// The facts of a trace that are needed without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceFacts {
    /// Number of requests.
    pub requests: u32,
    /// Time from the first to the last request, seconds.
    #[serde(with = "seconds")]
    pub over: Duration,
}
