//! How long each phase of a trial may last. Owns the defaults; must not know who measures the time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Limits of the phases, in plans as whole seconds. A phase that exceeds its limit counts as a
/// loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// From the command to start a process until its hello.
    #[serde(with = "whole_seconds")]
    pub start: Duration,
    /// Opening the engine.
    #[serde(with = "whole_seconds")]
    pub load: Duration,
    /// From the start of the warm-up until the worker is armed.
    #[serde(with = "whole_seconds")]
    pub warmup: Duration,
    /// The measured window, if the requests' own timeouts would allow more.
    #[serde(with = "whole_seconds")]
    pub trial: Duration,
    /// From the last request's end until the part has arrived.
    #[serde(with = "whole_seconds")]
    pub report: Duration,
    /// A peer that is silent for this long is lost.
    #[serde(with = "whole_seconds")]
    pub lease: Duration,
    /// From asking a process to end until killing it.
    #[serde(with = "whole_seconds")]
    pub stop: Duration,
}

impl Timeouts {
    /// All limits with their keys in plans.
    #[must_use]
    pub fn entries(&self) -> [(&'static str, Duration); 7] {
        [
            ("start", self.start),
            ("load", self.load),
            ("warmup", self.warmup),
            ("trial", self.trial),
            ("report", self.report),
            ("lease", self.lease),
            ("stop", self.stop),
        ]
    }

    /// All limits, `factor` times as long.
    #[must_use]
    pub fn scaled(self, factor: u32) -> Self {
        Self {
            start: self.start * factor,
            load: self.load * factor,
            warmup: self.warmup * factor,
            trial: self.trial * factor,
            report: self.report * factor,
            lease: self.lease * factor,
            stop: self.stop * factor,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            start: seconds(60),
            load: seconds(300),
            warmup: seconds(600),
            trial: seconds(1800),
            report: seconds(60),
            lease: seconds(15),
            stop: seconds(10),
        }
    }
}

mod whole_seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        value: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(value.as_secs())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u32::deserialize(deserializer).map(|seconds| Duration::from_secs(seconds.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_name_every_limit() {
        let json = serde_json::to_value(Timeouts::default()).expect("serialises");
        let keys: Vec<&str> = json
            .as_object()
            .expect("a table")
            .keys()
            .map(String::as_str)
            .collect();
        let mut named: Vec<&str> = Timeouts::default()
            .entries()
            .iter()
            .map(|(key, _)| *key)
            .collect();
        named.sort_unstable();
        assert_eq!(keys.len(), named.len());
        assert!(
            named.iter().all(|key| json.get(key).is_some()),
            "{keys:?} {named:?}"
        );
    }
}
