//! The language of reports: figures, changes, verdicts, doubts, loads, provenance. All forms take
//! their text from here. Must not know of any layout.

pub(crate) mod across;
pub(crate) mod beside;
pub(crate) mod builds;
pub(crate) mod capacity;
pub(crate) mod changes;
pub(crate) mod doubts;
pub(crate) mod footnotes;
pub(crate) mod interim;
pub(crate) mod jobs;
pub(crate) mod layouts;
pub(crate) mod load;
pub(crate) mod notes;
pub(crate) mod provenance;
pub(crate) mod servers;
pub(crate) mod verdicts;
pub(crate) mod words;
