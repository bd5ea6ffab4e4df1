//! The output formats of commands. The command line offers them, and the report writes them.

/// How results are printed. Data goes to stdout, progress to stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Tables and sentences
    Human,
    /// One document with a published schema
    Json,
    /// Ids and verdicts only
    Quiet,
    /// A comment for a pull request; comparisons only
    Markdown,
    /// Test results for a build server; comparisons only
    Junit,
    /// HdrHistogram interval log; reports only
    Hlog,
    /// HdrHistogram percentile distribution; reports only
    Hgrm,
    /// One row a value; reports only
    Csv,
    /// OpenMetrics text; reports only
    OpenMetrics,
    /// Chrome trace events; reports only
    Trace,
}
