//! When a measured window ends, and the objectives of its requests. Must not know how either is
//! determined.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Share, seconds};

/// Stop rule of a window. Both minimums must be reached, as in MLPerf.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StopSpec {
    /// Ends after this many requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<u32>,
    /// Ends after this time, seconds: nothing more is sent, and requests in flight run to their
    /// end.
    #[serde(skip_serializing_if = "Option::is_none", with = "seconds::optional")]
    pub duration: Option<Duration>,
    /// Least number of requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_requests: Option<u32>,
    /// Least duration, seconds.
    #[serde(skip_serializing_if = "Option::is_none", with = "seconds::optional")]
    pub min_duration: Option<Duration>,
    /// The window fails once this share of requests has ended without an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_error_rate: Option<f64>,
    /// The window fails once requests in flight and time to first token keep growing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub over_saturation: bool,
}

/// What a request must achieve to count as good, seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Objectives {
    /// Time to first token.
    #[serde(skip_serializing_if = "Option::is_none", with = "seconds::optional")]
    pub ttft: Option<Duration>,
    /// Time per output token; answers of one token always meet it.
    #[serde(skip_serializing_if = "Option::is_none", with = "seconds::optional")]
    pub tpot: Option<Duration>,
    /// End to end.
    #[serde(skip_serializing_if = "Option::is_none", with = "seconds::optional")]
    pub e2e: Option<Duration>,
}

/// Number of requests of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planned {
    /// Fixed beforehand.
    Exactly(u32),
    /// Closed loops ended by time have as many as fit; the plan gives only an upper bound.
    AtMost(u32),
}

impl StopSpec {
    /// Whether no rule is set.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Objectives {
    /// Whether there is no objective.
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
    /// The greatest possible number.
    #[must_use]
    pub fn most(self) -> u32 {
        match self {
            Self::Exactly(requests) | Self::AtMost(requests) => requests,
        }
    }

    /// The part that belongs to one share.
    #[must_use]
    pub fn of(self, share: Share) -> Self {
        match self {
            Self::Exactly(requests) => Self::Exactly(share.count(requests)),
            Self::AtMost(requests) => Self::AtMost(share.count(requests)),
        }
    }

    /// Whether a window with this many requests matches the plan.
    #[must_use]
    pub fn allows(self, requests: u64) -> bool {
        match self {
            Self::Exactly(planned) => requests == u64::from(planned),
            Self::AtMost(most) => requests <= u64::from(most),
        }
    }
}
