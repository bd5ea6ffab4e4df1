//! Remaining exceptions from the walls. Both tables only shrink: an entry that is no longer needed
//! fails the test.

/// Uses within a room that close a circle of files: from, to, and why each is still there. This
/// table only shrinks.
pub(crate) const CIRCLES: &[(&str, &str, &str)] = &[
    (
        "coordinator/src/build/bolt.rs",
        "coordinator/src/build/pipeline.rs",
        "a step takes the pipeline it is a step of",
    ),
    (
        "coordinator/src/build/toolchain.rs",
        "coordinator/src/build/profdata.rs",
        "the toolchain asks which llvm-profdata fits it",
    ),
    (
        "coordinator/src/build/workspace.rs",
        "coordinator/src/build/choice.rs",
        "a build's choices are read where it is built",
    ),
    (
        "coordinator/src/build/variant.rs",
        "coordinator/src/build/error.rs",
        "an error names the variant that it is about",
    ),
    (
        "coordinator/src/report/document/cell.rs",
        "coordinator/src/report/document/run.rs",
        "one document in pieces",
    ),
    (
        "coordinator/src/report/document/layout.rs",
        "coordinator/src/report/document/run.rs",
        "one document in pieces",
    ),
    (
        "coordinator/src/report/document/metric.rs",
        "coordinator/src/report/document/layout.rs",
        "one document in pieces",
    ),
    (
        "coordinator/src/report/json/convert/metrics.rs",
        "coordinator/src/report/json/convert/layouts.rs",
        "the conversion of that document",
    ),
];

/// Greatest number of lines of a file.
pub(crate) const MOST_LINES: usize = 400;

/// Longer files, and why. This table only shrinks.
pub(crate) const LONG: &[(&str, &str)] = &[
    ("coordinator/src/history/trend.rs", "to be split"),
    (
        "coordinator/stats/tests/validity.rs",
        "one theme, asserted case by case",
    ),
    (
        "coordinator/tests/dispatch/fleet.rs",
        "one theme, asserted case by case",
    ),
    (
        "coordinator/tests/fleet/security.rs",
        "one theme, asserted case by case",
    ),
    (
        "coordinator/tests/protocol.rs",
        "one theme, asserted case by case",
    ),
    (
        "coordinator/tests/store/faults.rs",
        "one theme, asserted case by case",
    ),
    (
        "worker/inference/tests/gguf.rs",
        "one theme, asserted case by case",
    ),
    ("worker/src/load/driver.rs", "to be split"),
    (
        "worker/tests/processes/agents.rs",
        "one theme, asserted case by case",
    ),
    (
        "worker/tests/trials/vetting.rs",
        "one theme, asserted case by case",
    ),
];
