//! Checks whether a part is plausible. A worker is trusted to measure and nothing else: facts
//! stated twice must agree, facts stated once must be possible, and both must match the assignment.
//! Pure; the same for an arriving part, an import and a check of the store. Facts that only the
//! worker knows are listed in [`UNCHECKED`], with their use. Must not know where a part came from,
//! nor how it is used.

use std::fmt;
use std::time::Duration;

use super::{Part, PartKey};
use crate::identity::Sha256;
use crate::metric::Metric;
use crate::spec::{Planned, Scenario, Share};

mod course;
mod figures;
mod latencies;
mod load;
mod requests;
mod server;
mod spent;
mod text;

/// Expected properties of a part.
#[derive(Clone, Debug)]
pub struct Assigned<'a> {
    /// Run, trial, slot and attempt.
    pub place: &'a PartKey,
    /// The variant's name.
    pub variant: &'a str,
    /// Hash of its binary; `None` if not recorded.
    pub exe_sha256: Option<Sha256>,
    /// Whether the run collects profiles.
    pub instrumented: bool,
    /// The load and its share; `None` if not recorded.
    pub load: Option<Load<'a>>,
    /// Digest of the loaded model; `None` if not recorded.
    pub model_digest: Option<&'a str>,
    /// Engine threads that the worker reported after loading; `None` if not recorded.
    pub threads: Option<u32>,
    /// Processors of the host; `None` if unknown.
    pub processors: Option<u32>,
    /// Age of the program that wrote it.
    pub age: Age,
}

/// One worker's share of a load.
#[derive(Clone, Copy, Debug)]
pub struct Load<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// The share.
    pub share: Share,
}

/// Which fields a part must have. Older programs wrote fewer. Only parts of current workers must
/// have all of them; the fields that exist follow the same rules in every part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// From a current worker: every field is required.
    Today,
    /// Stored by any version: steps, slices of time and counts within the window may be missing.
    Any,
}

/// Why a part is rejected. Completes "accept a part: ".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartFault {
    /// It has another key.
    #[error("place: it is of {}, not of {}", Told(.found), Told(.expected))]
    Place {
        /// Key in the part.
        found: Box<PartKey>,
        /// Expected key.
        expected: Box<PartKey>,
    },
    /// Another build measured it.
    #[error("origin: it was measured by {found}, not by {expected}")]
    Origin {
        /// Hash in the part.
        found: String,
        /// Hash in the build manifest.
        expected: String,
    },
    /// An instrumented build measured where none should, or the reverse.
    #[error("instrumented: profile counters were {found}, which this run does not expect")]
    Instrumented {
        /// `on` or `off`.
        found: &'static str,
    },
    /// Requests were lost or counted twice.
    #[error("requests: {ended} of {planned} issued requests have an end (expected {expected})")]
    Requests {
        /// Requests with a known outcome.
        ended: u128,
        /// Planned requests in the part.
        planned: u64,
        /// Planned requests in the plan; `None` if not recorded.
        expected: Allowed,
    },
    /// Lengths that contradict the number of requests or each other.
    #[error("lengths: those it gives cannot be of its {planned} requests")]
    Lengths {
        /// Planned requests in the part.
        planned: u64,
    },
    /// The number of values in a histogram is wrong.
    #[error("values: {metric} holds {found} values where {expected} are expected")]
    Values {
        /// Name of the metric.
        metric: &'static str,
        /// Number of values in it.
        found: u64,
        /// Expected number, from the counts of requests and tokens.
        expected: u64,
    },
    /// Two statements of the same fact differ.
    #[error("differs: {field} is {found} where {by} says {expected}")]
    Differs {
        /// Name of the field.
        field: &'static str,
        /// Its value.
        found: u128,
        /// Name of the other statement.
        by: &'static str,
        /// Its value there.
        expected: u128,
    },
    /// A value is outside its possible range.
    #[error("range: {field} is {found}, outside of {least} to {most} by {by}")]
    Range {
        /// Name of the field.
        field: &'static str,
        /// Its value.
        found: u128,
        /// The least possible.
        least: u128,
        /// The greatest possible.
        most: u128,
        /// What sets the bounds.
        by: &'static str,
    },
    /// A number is not finite.
    #[error("finite: {field} is not a finite number")]
    Finite {
        /// Name of the field.
        field: &'static str,
    },
    /// Two times are in the wrong order.
    #[error("order: of request {index}, {later} is before {earlier}")]
    Order {
        /// Index of the request.
        index: u32,
        /// Name of the time that must be earlier.
        earlier: &'static str,
        /// Name of the time that must be later.
        later: &'static str,
    },
    /// A single request that is not in the share, is repeated, or is out of order.
    #[error("index: request {index} does not belong to this share, or is out of order")]
    Index {
        /// Index of the request in the whole list.
        index: u32,
    },
    /// The latencies of single requests contradict the histogram.
    #[error("records: the requests stored one by one do not have the values of {metric}")]
    Records {
        /// Name of the metric.
        metric: &'static str,
    },
    /// A text that cannot be shown or is too long.
    #[error("text: {field} is longer than {most} bytes or holds characters that cannot be shown")]
    Text {
        /// Name of the field.
        field: &'static str,
        /// Greatest length, bytes.
        most: usize,
    },
    /// A field is present although not requested, or missing although requested.
    #[error("presence: {field} is {}", if *.there { "there although nothing asks for it" } else { "missing" })]
    Presence {
        /// Name of the field.
        field: &'static str,
        /// Whether it is present.
        there: bool,
    },
}

/// Number of requests that a plan allows, if known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed(pub Option<Planned>);

/// Fields that only the worker knows, each with its use.
pub const UNCHECKED: &[(&str, &str)] = &[
    (
        "token_digest",
        "compared with the other arms' alone: a lie shows as other tokens",
    ),
    (
        "window.clock_uncertainty",
        "the worker repeats what it was told; a doubt about the start of several workers",
    ),
    (
        "window.start_late",
        "bounded by the window; of bursts it is the lateness; a doubt about several workers' start",
    ),
    (
        "prompt_tokens",
        "where lengths are drawn or come from a file it is bounded alone; shown, not compared",
    ),
    (
        "sent.asked",
        "at least what was sent, less what was cut; shown, not compared",
    ),
    ("cold", "bounded; shown, not compared"),
    (
        "usage.cpu_user",
        "bounded by the host's processors; shown, and its share of others' time a warning",
    ),
    ("usage.cpu_system", "as usage.cpu_user"),
    (
        "usage.driver_cpu",
        "bounded by the window; a doubt about the generator",
    ),
    ("usage.peak_rss_bytes", "bounded; shown"),
    ("usage.involuntary_switches", "bounded; shown"),
    ("usage.major_faults", "bounded; shown"),
    (
        "usage.host_ticks",
        "bounded; a warning about other programs and hypervisors",
    ),
    ("usage.host_steal_ticks", "at most host_ticks; as that"),
    ("usage.host_busy_ticks", "at most host_ticks; as that"),
    (
        "usage.frequency",
        "bounded and ordered; a warning about the clock",
    ),
    (
        "usage.floor",
        "finite and bounded; a doubt about the generator",
    ),
    ("engine.steps", "bounded; shown"),
    ("engine.peak_running", "bounded; shown"),
    ("engine.peak_waiting", "bounded; shown"),
    ("engine.peak_kv_bytes", "at most kv_bytes_total; shown"),
    ("engine.kv_bytes_total", "bounded; shown"),
    ("engine.kernels", "text; shown"),
    ("engine.stepping", "bounded; shown as a share"),
    ("engine.scheduling", "at most stepping; shown as a share"),
    ("engine.prefix_hit_tokens", "bounded; shown"),
    ("engine.engine_processors", "bounded; shown"),
    ("engine.load_processors", "bounded; shown"),
    (
        "engine.server",
        "moments are held against ITL, all else is bounded; shown, and says what ITL is",
    ),
    (
        "engine.model_sha256",
        "what the worker said when it had loaded decides; shown",
    ),
    (
        "requests.started_ns",
        "of requests that were not answered; drawn in traces",
    ),
    (
        "requests.first_token_ns",
        "of requests that were not answered; drawn in traces",
    ),
    ("run_in", "bounded by the load; counted nowhere"),
];

/// Checks that a part does not contradict itself.
///
/// # Errors
/// The first fault found.
pub fn alone(part: &Part) -> Result<(), PartFault> {
    text::check(part)?;
    requests::counts(part)?;
    latencies::check(part)?;
    course::check(part)?;
    requests::records(part)?;
    server::check(part)?;
    spent::check(part)
}

/// Checks that a part does not contradict itself and matches its assignment.
///
/// # Errors
/// The first fault found.
pub fn assigned(part: &Part, to: &Assigned<'_>) -> Result<(), PartFault> {
    origin(part, to)?;
    if let Some(load) = to.load {
        load::planned(part, load)?;
    }
    alone(part)?;
    if to.age == Age::Today {
        course::complete(part)?;
    }
    if let Some(load) = to.load {
        load::check(part, load, to.age)?;
    }
    spent::known(part, to)
}

/// Checks a part that arrived this long after its worker was told to start.
///
/// # Errors
/// When its window is longer than that, so it was invented or sent too early.
pub fn took(part: &Part, since_start: Duration) -> Result<(), PartFault> {
    // Both clocks are crystals: a thousandth is ten times the deviation of a bad one.
    let most = since_start + since_start / 1000;
    figures::at_most(
        "usage.wall",
        figures::ns(part.usage.wall),
        "the time since its start",
        figures::ns(most),
    )
}

fn origin(part: &Part, to: &Assigned<'_>) -> Result<(), PartFault> {
    if part.place != *to.place {
        let (found, expected) = (Box::new(part.place.clone()), Box::new(to.place.clone()));
        return Err(PartFault::Place { found, expected });
    }
    let origin = &part.origin;
    let sha = to.exe_sha256.unwrap_or(origin.exe_sha256);
    if origin.exe_sha256 != sha || origin.variant != to.variant {
        let name =
            |variant: &str, sha: &Sha256| format!("`{}` ({})", variant.escape_debug(), sha.short());
        return Err(PartFault::Origin {
            found: name(&origin.variant, &origin.exe_sha256),
            expected: name(to.variant, &sha),
        });
    }
    if origin.instrumented != to.instrumented {
        return Err(PartFault::Instrumented {
            found: if origin.instrumented { "on" } else { "off" },
        });
    }
    Ok(())
}

impl PartFault {
    /// The name of the kind, as its sentence begins.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Place { .. } => "place",
            Self::Origin { .. } => "origin",
            Self::Instrumented { .. } => "instrumented",
            Self::Requests { .. } => "requests",
            Self::Lengths { .. } => "lengths",
            Self::Values { .. } => "values",
            Self::Differs { .. } => "differs",
            Self::Range { .. } => "range",
            Self::Finite { .. } => "finite",
            Self::Order { .. } => "order",
            Self::Index { .. } => "index",
            Self::Records { .. } => "records",
            Self::Text { .. } => "text",
            Self::Presence { .. } => "presence",
        }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(planned) => planned.fmt(f),
            None => f.write_str("all"),
        }
    }
}

/// A part's key as text.
struct Told<'a>(&'a PartKey);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PartKey {
            run,
            key,
            slot,
            attempt,
        } = self.0;
        write!(f, "{key} slot {slot} attempt {} of run {run}", attempt.0)
    }
}

/// Metrics with exactly one value for each answered request.
const ONE_EACH: [Metric; 6] = [
    Metric::E2e,
    Metric::Ttft,
    Metric::Queue,
    Metric::Prefill,
    Metric::Decode,
    Metric::Service,
];
