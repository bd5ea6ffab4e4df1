//! Everything that can be wrong with the servers of a plan, one sentence each. Must not know how it
//! is detected.

/// What can be wrong with servers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerProblem {
    /// Nothing to run.
    #[error(
        "has no variant: write [server] with a `command`, and a [[server.variant]] for each variant"
    )]
    NoVariant,
    /// Two variants have this name.
    #[error("names `{0}` twice, names must differ")]
    Twice(String),
    /// Neither a command nor an address.
    #[error("of `{0}` has neither a `command` nor a `url`: give one of them")]
    Nothing(String),
    /// Both a command and an address.
    #[error("of `{0}` has both a `command` and a `url`: leave one of them out")]
    Both(String),
    /// An address for a protocol without one.
    #[error("of `{0}` has a `url`, and an exec engine is always started: give a `command`")]
    Address(String),
    /// A placeholder without a value.
    #[error("of `{0}` holds {{program}} in its command: give it a `program`")]
    NoProgram(String),
    /// A program that no command uses.
    #[error(
        "of `{0}` has a `program` that its command does not use: put {{program}} into `command`"
    )]
    UnusedProgram(String),
    /// The server would listen on a port that the worker does not know.
    #[error("of `{0}` is not told where to listen: put {{port}} into `command`")]
    NoPort(String),
    /// The engine does not listen on a port.
    #[error("of `{0}` holds {{port}}, and an exec engine listens nowhere: leave it out")]
    Port(String),
    /// Options that belong to another protocol.
    #[error(
        "has a table [server.{table}], and the engine is `{engine}`: leave it out, or write engine = \"{table}\""
    )]
    Options {
        /// The other protocol's table.
        table: &'static str,
        /// The plan's engine.
        engine: &'static str,
    },
    /// An unknown placeholder.
    #[error("of `{variant}` holds {found}, which stands for nothing{}", hint(.near))]
    Placeholder {
        /// The variant.
        variant: String,
        /// As given.
        found: String,
        /// The most similar placeholder.
        near: Option<String>,
    },
    /// The worker's load timeout would expire first.
    #[error(
        "may take {start} s until it is ready, longer than `timeouts.load` allows: raise that as well"
    )]
    Start {
        /// Seconds.
        start: u64,
    },
}

fn hint(near: &Option<String>) -> String {
    match near {
        Some(near) => format!(", did you mean {near}?"),
        None => "; {model}, {port}, {program} and {threads} do".to_owned(),
    }
}
