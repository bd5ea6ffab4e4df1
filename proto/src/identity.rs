//! Facts of a build and of its host. Whether two of them are comparable is decided elsewhere.

use serde::{Deserialize, Serialize};

/// A SHA-256 digest, 32 bytes, shown in hexadecimal.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256(pub [u8; 32]);

/// What a binary reports about itself. The same for all variants of one source tree, except for the
/// hash of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildInfo {
    /// Version of the package.
    pub version: String,
    /// Architecture and operating system it was built for.
    pub target: String,
    /// Hash of the running executable, read by the process itself.
    pub exe_sha256: Sha256,
    /// Built with profile counters: its latencies are not used.
    pub instrumented: bool,
}

/// Facts of a host, and how busy it was when it joined. Facts that change during a trial
/// (frequency, load) are measured with the trial.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HostFacts {
    /// Host name, as the system gives it.
    pub hostname: String,
    /// Processor model as the kernel names it.
    pub cpu_model: String,
    /// Processors online.
    pub cores: u32,
    /// Memory, bytes.
    pub memory_bytes: u64,
    /// Kernel release.
    pub kernel: String,
    /// Processor features.
    pub cpu_flags: Vec<String>,
    /// Microcode revision; empty if not visible.
    pub microcode: String,
    /// Frequency governor; empty if not visible.
    pub governor: String,
    /// Tightest memory limit of the control groups, bytes; zero if there is none.
    pub cgroup_memory_bytes: u64,
    /// Tightest processor quota of the control groups, in processors; zero if there is none.
    pub cgroup_cpus: f64,
    /// Number of memory nodes (NUMA); zero if not visible.
    pub numa_nodes: u32,
    /// Online hardware threads of the first core: 1 means no SMT; zero if not visible.
    pub threads_per_core: u32,
    /// Whether processors may exceed their nominal frequency: `on` or `off`; empty if not visible.
    pub boost: String,
    /// Load average over the minute before it joined: mean number of processes that ran or waited
    /// for a processor.
    pub load_average: f64,
    /// Share of all processor time since boot that the hypervisor took, 0 to 1.
    pub stolen: f64,
    /// Processors that the process may run on; zero in older records, and then absent in JSON.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u32>"))]
    pub processors: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Version of this package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

impl Sha256 {
    /// From a slice of 32 bytes; `None` for any other length.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// From 64 hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// The first twelve digits, enough to distinguish builds.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

impl std::fmt::Display for Sha256 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Sha256 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_hex(&text)
            .ok_or_else(|| serde::de::Error::custom("64 hexadecimal digits are expected"))
    }
}

/// A string in JSON.
#[cfg(feature = "schema")]
impl schemars::JsonSchema for Sha256 {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Sha256".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        String::json_schema(generator)
    }
}
