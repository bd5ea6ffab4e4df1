//! What can be wrong with the servers of a plan, one sentence each. Must not know how it is found.

/// What can be wrong with servers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerProblem {
    /// Nothing to run.
    #[error(
        "names none: write [server] with a `command`, and a [[server.variant]] for each variant"
    )]
    NoVariant,
    /// Two of one name.
    #[error("names `{0}` twice, names must differ")]
    Twice(String),
    /// Neither started nor found.
    #[error("of `{0}` has neither a `command` nor a `url`: give one of them")]
    Nothing(String),
    /// Both.
    #[error("of `{0}` has both a `command` and a `url`: leave one of them out")]
    Both(String),
    /// An address for what has none.
    #[error("of `{0}` has a `url`, and an exec engine is always started: give a `command`")]
    Address(String),
    /// A place that nothing fills.
    #[error("of `{0}` holds {{program}} in its command: give it a `program`")]
    NoProgram(String),
    /// A program that nothing uses.
    #[error(
        "of `{0}` has a `program` that its command does not use: put {{program}} into `command`"
    )]
    UnusedProgram(String),
    /// It would listen where nobody looks.
    #[error("of `{0}` is not told where to listen: put {{port}} into `command`")]
    NoPort(String),
    /// It listens nowhere.
    #[error("of `{0}` holds {{port}}, and an exec engine listens nowhere: leave it out")]
    Port(String),
    /// Options that belong to another protocol.
    #[error("has a table [server.openai], and an {0} engine has no use for it: leave it out")]
    Options(&'static str),
    /// A slip.
    #[error("of `{variant}` holds {found}, which stands for nothing{}", hint(.near))]
    Placeholder {
        /// Whose.
        variant: String,
        /// As given.
        found: String,
        /// What was probably meant.
        near: Option<String>,
    },
    /// Whoever waits longer gives up first.
    #[error(
        "may take {start} s until it is ready, longer than `timeouts.load` allows: raise that as well"
    )]
    Start {
        /// Seconds.
        start: u64,
    },
}

fn hint(near: &Option<String>) -> String {
    near.as_ref()
        .map_or_else(String::new, |near| format!(", did you mean {near}?"))
}
