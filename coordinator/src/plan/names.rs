//! The names of the presets, and the name that was probably meant by a misspelt one.

/// All presets' names, in the order of listings.
pub const NAMES: [&str; 7] = [
    "single",
    "medium",
    "high",
    "demo",
    "closed-loop",
    "steady",
    "training",
];

/// The most similar of `names`, if one is similar enough.
#[must_use]
pub fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let similar = |other: &str| strsim::jaro_winkler(&name.to_lowercase(), other);
    names
        .into_iter()
        .map(|other| (similar(other), other))
        .filter(|(similarity, _)| *similarity >= 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| other)
}
