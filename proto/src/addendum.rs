//! Additions to a measurement: users' annotations of a run, and the noise floors of a calibration.
//! Must not know where they are stored or how a floor is found.

use crate::identity::Sha256;

/// A user's annotation of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// Wall clock, milliseconds since 1970.
    pub unix_ms: u64,
    /// Its kind.
    pub kind: AnnotationKind,
    /// The tag, or the sentence.
    pub text: String,
}

/// Kind of an annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AnnotationKind {
    /// Adds a tag.
    Tag,
    /// Removes a tag.
    Untag,
    /// A remark.
    Note,
    /// A remark that explains a change: a new level is expected to begin with this run.
    Expected,
}

/// Noise floors: how far A/A comparisons of one plan deviated from zero on one host class.
#[derive(Clone, Debug, PartialEq)]
pub struct NoiseFloors {
    /// When they were determined, milliseconds since 1970.
    pub unix_ms: u64,
    /// The series: the plan and model without keys that may differ within a history.
    pub series: String,
    /// The class of the hosts.
    pub host_class: String,
    /// Hash of the build that was compared with itself.
    pub baseline: Sha256,
    /// Number of A/A runs used.
    pub runs: u32,
    /// One for each scenario and measure.
    pub floors: Vec<NoiseFloor>,
}

/// The floor of one measure.
#[derive(Clone, Debug, PartialEq)]
pub struct NoiseFloor {
    /// Name of the scenario.
    pub scenario: String,
    /// Stable name of the measure.
    pub measure: String,
    /// A share: 0.02 is 2 %.
    pub share: f64,
}

impl AnnotationKind {
    const NAMES: [(Self, &'static str); 4] = [
        (Self::Tag, "tag"),
        (Self::Untag, "untag"),
        (Self::Note, "note"),
        (Self::Expected, "expected"),
    ];

    /// The stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(kind, _)| *kind == self)
            .expect("every kind has a name")
            .1
    }

    /// The kind of a stable name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(_, n)| *n == name)
            .map(|(kind, _)| *kind)
    }
}

impl NoiseFloors {
    /// The floor of a measure as a share; 0 if there is none.
    #[must_use]
    pub fn share(&self, scenario: &str, measure: &str) -> f64 {
        let here = |floor: &&NoiseFloor| floor.scenario == scenario && floor.measure == measure;
        self.floors
            .iter()
            .find(here)
            .map_or(0.0, |floor| floor.share)
    }
}
