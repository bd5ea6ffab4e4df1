//! When a measured window is over, and what its requests are to achieve. Must not know how either
//! is found out.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Share, seconds};

/// When a window is over. Both minimums hold together, in the manner of MLPerf.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StopSpec {
    /// After so many requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<u32>,
    /// After so long, seconds: nothing is sent any more, what is in flight is still awaited.
    #[serde(skip_serializing_if = "Option::is_none", with = "seconds::optional")]
    pub duration: Option<Duration>,
    /// Not before so many requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_requests: Option<u32>,
    /// Not before so long, seconds.
    #[serde(skip_serializing_if = "Option::is_none", with = "seconds::optional")]
    pub min_duration: Option<Duration>,
    /// As soon as this share of requests has ended without an answer: the window has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_error_rate: Option<f64>,
    /// As soon as requests in flight and time to first token grow without end: the window has
    /// failed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub over_saturation: bool,
}

/// What a request is to achieve to count as good, seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Objectives {
    /// Time to first token.
    #[serde(skip_serializing_if = "Option::is_none", with = "seconds::optional")]
    pub ttft: Option<Duration>,
    /// Time per output token; answers of one token meet it.
    #[serde(skip_serializing_if = "Option::is_none", with = "seconds::optional")]
    pub tpot: Option<Duration>,
    /// End to end.
    #[serde(skip_serializing_if = "Option::is_none", with = "seconds::optional")]
    pub e2e: Option<Duration>,
}

/// How many requests a window has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planned {
    /// Known beforehand, whatever happens.
    Exactly(u32),
    /// Closed loops that time ends have as many as fit; the plan only bounds them.
    AtMost(u32),
}

impl StopSpec {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Objectives {
    /// Whether nothing is asked.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(requests) => write!(f, "{requests}"),
            Self::AtMost(requests) => write!(f, "at most {requests}"),
        }
    }
}

impl Planned {
    /// The greatest number it can be.
    #[must_use]
    pub fn most(self) -> u32 {
        match self {
            Self::Exactly(requests) | Self::AtMost(requests) => requests,
        }
    }

    /// What of it falls to one share.
    #[must_use]
    pub fn of(self, share: Share) -> Self {
        match self {
            Self::Exactly(requests) => Self::Exactly(share.count(requests)),
            Self::AtMost(requests) => Self::AtMost(share.count(requests)),
        }
    }

    /// Whether a window of so many requests can be what was planned.
    #[must_use]
    pub fn allows(self, requests: u64) -> bool {
        match self {
            Self::Exactly(planned) => requests == u64::from(planned),
            Self::AtMost(most) => requests <= u64::from(most),
        }
    }
}
