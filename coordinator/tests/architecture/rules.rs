//! The table itself. A path in `applies` or `except` ends with `/` for a folder. In `forbidden`,
//! `a::b` is that path and everything below it, `*::X` the name X anywhere, `x!` a macro.

use super::scan::Use;

/// One row of the table.
pub(crate) struct Rule {
    /// Name, for the message.
    pub(crate) name: &'static str,
    /// Files to which it applies.
    pub(crate) applies: &'static [&'static str],
    /// Exceptions among them.
    pub(crate) except: &'static [&'static str],
    /// What they must not use.
    pub(crate) forbidden: &'static [&'static str],
    /// Reason for the wall.
    pub(crate) reason: &'static str,
}

/// Direct dependencies of the crates whose walls Cargo enforces.
pub(crate) const DEPENDENCIES: &[(&str, &[&str])] = &[
    ("coordinator/stats/Cargo.toml", &["hdrhistogram", "statrs"]),
    (
        "worker/inference/Cargo.toml",
        // libc for one system call: permission to use AMX. Criterion and proptest are optional, for
        // the crate's own benches and tests, because development dependencies cannot be optional.
        &[
            "criterion",
            "half",
            "libc",
            "memmap2",
            "proptest",
            "safetensors",
            "serde",
            "serde_json",
            "thiserror",
            "tokenizers",
        ],
    ),
];

const EVERYWHERE: &[&str] = &[
    "coordinator/src/",
    "coordinator/stats/src/",
    "worker/src/",
    "worker/inference/src/",
];

/// All rows.
pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "stats is pure",
        applies: &["coordinator/stats/src/"],
        except: &[],
        forbidden: &[
            "*::Instant",
            "*::SystemTime",
            "std::fs",
            "std::net",
            "std::io",
            "std::env",
            "std::process",
            "std::thread",
            "contract",
            "tokio",
        ],
        reason: "it is told everything and answers; no clock, file, net, environment or thread",
    },
    Rule {
        name: "the pure stages",
        applies: &[
            "coordinator/src/plan/",
            "coordinator/src/schedule/",
            "coordinator/src/dispatch/",
            "coordinator/src/record",
        ],
        except: &["coordinator/src/dispatch/driver"],
        forbidden: &[
            "tokio",
            "tonic",
            "sled",
            "prost",
            "contract::wire",
            "*::Instant",
            "*::SystemTime",
            "crate::report",
            "std::net",
            "std::process",
            "std::thread",
            "std::env",
        ],
        reason: "plan, schedule, dispatch core and record are functions of their arguments",
    },
    Rule {
        name: "only plans are read from files",
        applies: &[
            "coordinator/src/schedule/",
            "coordinator/src/dispatch/",
            "coordinator/src/record",
        ],
        except: &["coordinator/src/dispatch/driver"],
        forbidden: &["std::fs", "std::io"],
        reason: "schedule, dispatch core and record touch no files",
    },
    Rule {
        name: "plan comes first",
        applies: &["coordinator/src/plan/"],
        except: &[],
        forbidden: &[
            "crate::schedule",
            "crate::dispatch",
            "crate::record",
            "crate::store",
            "crate::compare",
            "crate::report",
            "crate::fleet",
            "crate::build",
            "crate::cli",
        ],
        reason: "data goes one way: plan → schedule → dispatch → record → store → compare → report",
    },
    Rule {
        name: "schedule comes second",
        applies: &["coordinator/src/schedule/"],
        except: &[],
        forbidden: &[
            "crate::dispatch",
            "crate::record",
            "crate::store",
            "crate::compare",
            "crate::report",
            "crate::fleet",
            "crate::build",
            "crate::cli",
        ],
        reason: "data goes one way: plan → schedule → dispatch → record → store → compare → report",
    },
    Rule {
        name: "store and compare come late",
        applies: &["coordinator/src/store/", "coordinator/src/compare"],
        except: &[],
        forbidden: &[
            "crate::report",
            "crate::dispatch",
            "crate::fleet",
            "crate::cli",
        ],
        reason: "data goes one way: plan → schedule → dispatch → record → store → compare → report",
    },
    Rule {
        name: "the server's desk is pure",
        applies: &["coordinator/src/serve/", "coordinator/src/serve.rs"],
        except: &[],
        forbidden: &[
            "tokio",
            "tonic",
            "sled",
            "*::Instant",
            "*::SystemTime",
            "std::fs",
            "std::io",
            "std::net",
            "std::process",
            "std::thread",
            "std::env",
            "crate::store",
            "crate::fleet",
            "crate::dispatch",
            "crate::report",
            "crate::cli",
        ],
        reason: "queue and schedules are functions of events and the time",
    },
    Rule {
        name: "cli has clap types only",
        applies: &["coordinator/src/cli/"],
        except: &[],
        forbidden: &[
            "tokio",
            "tonic",
            "sled",
            "std::fs",
            "crate::dispatch",
            "crate::store",
            "crate::report",
            "crate::fleet",
        ],
        reason: "what a command does is wired elsewhere",
    },
    Rule {
        name: "sled is the store's",
        applies: EVERYWHERE,
        except: &["coordinator/src/store/"],
        forbidden: &["sled"],
        reason: "only store/ knows how runs are kept",
    },
    Rule {
        name: "only report prints",
        applies: EVERYWHERE,
        except: &[
            "coordinator/src/report/",
            "coordinator/src/report.rs",
            "coordinator/src/main.rs",
            "worker/src/main.rs",
            "worker/src/program.rs",
        ],
        forbidden: &[
            "print!",
            "println!",
            "eprint!",
            "eprintln!",
            "std::io::stdout",
            "std::io::stderr",
            "indicatif",
        ],
        reason: "stdout and stderr belong to report/ and to what `main` calls",
    },
    Rule {
        name: "report does not know the command line",
        applies: &["coordinator/src/report/", "coordinator/src/report.rs"],
        except: &[],
        forbidden: &["crate::cli", "crate::app"],
        reason: "what can be asked for is in crate::format, below both",
    },
    Rule {
        name: "phrases know no layout",
        applies: &["coordinator/src/report/phrases/"],
        except: &[],
        forbidden: &[
            "crate::report::tables",
            "crate::report::render",
            "crate::report::charts",
            "crate::report::pages",
            "crate::report::answers",
            "maud",
        ],
        reason: "language is made once, below every form",
    },
    Rule {
        name: "tables are data",
        applies: &["coordinator/src/report/tables/"],
        except: &[],
        forbidden: &[
            "crate::report::render",
            "crate::report::charts",
            "crate::report::pages",
            "crate::report::answers",
            "maud",
        ],
        reason: "a table is made once and rendered once a form",
    },
    Rule {
        name: "forms say nothing",
        applies: &["coordinator/src/report/render/"],
        except: &[],
        forbidden: &[
            "crate::report::charts",
            "crate::report::pages",
            "crate::report::answers",
            "crate::compare",
            "crate::history",
        ],
        reason: "a form renders tables and sentences, whatever they say",
    },
    Rule {
        name: "charts and pages do not know the commands",
        applies: &[
            "coordinator/src/report/charts/",
            "coordinator/src/report/pages/",
        ],
        except: &[],
        forbidden: &["crate::report::answers"],
        reason: "an answer takes a page, not the other way round",
    },
    Rule {
        name: "launchers start and never talk",
        applies: &[
            "coordinator/src/fleet/launch/",
            "coordinator/src/fleet/launch.rs",
        ],
        except: &[],
        forbidden: &["tonic", "contract::wire", "crate::fleet::session"],
        reason: "who is started dials in by itself",
    },
    Rule {
        name: "sessions talk and never start",
        applies: &[
            "coordinator/src/fleet/session/",
            "coordinator/src/fleet/session.rs",
        ],
        except: &[],
        forbidden: &["std::process", "tokio::process", "crate::fleet::launch"],
        reason: "one path for every launcher",
    },
    Rule {
        name: "tonic is for sessions, and for app to serve them",
        applies: EVERYWHERE,
        except: &[
            "coordinator/src/fleet/session",
            "coordinator/src/app",
            "worker/src/session/",
            "worker/src/engine/server/grpc.rs",
        ],
        forbidden: &["contract::wire", "tonic"],
        reason: "all others speak contract::message",
    },
    Rule {
        name: "the wire's items end at the sessions",
        applies: EVERYWHERE,
        except: &[
            "coordinator/src/fleet/session",
            "coordinator/src/app/control/",
            "worker/src/session/",
            "worker/src/engine/server/grpc.rs",
        ],
        forbidden: &[
            "contract::wire::FromPeerItem",
            "contract::wire::ToPeerItem",
            "tonic::Streaming",
            "tonic::Status",
        ],
        reason: "they are generated types; all others speak contract::message",
    },
    Rule {
        name: "generated types are the contract's",
        applies: EVERYWHERE,
        except: &[],
        forbidden: &["prost", "tonic_prost"],
        reason: "contract::wire and contract::record translate, once",
    },
    Rule {
        name: "inference is an engine and nothing else",
        applies: &["worker/inference/src/"],
        except: &[],
        forbidden: &[
            "*::Instant",
            "*::SystemTime",
            "std::net",
            "std::env",
            "std::process::Command",
            "std::process::exit",
            "tokio",
            "tonic",
            "contract",
        ],
        reason: "no network, no clock, no environment: the driver says when",
    },
    Rule {
        name: "the engine border",
        applies: &["worker/src/engine/"],
        except: &[],
        forbidden: &[
            "crate::load",
            "crate::measure",
            "crate::session",
            "crate::agent",
        ],
        reason: "an engine says what happened and knows neither load nor session",
    },
    Rule {
        name: "one engine speaks gRPC",
        applies: &["worker/src/engine/"],
        except: &["worker/src/engine/server/grpc.rs"],
        forbidden: &["tonic"],
        reason: "the others are in this process, or behind pipes",
    },
    Rule {
        name: "the worker does not know the coordinator",
        applies: &["worker/src/", "worker/inference/src/"],
        except: &[],
        forbidden: &["coordinator", "stats"],
        reason: "they share the contract alone",
    },
    Rule {
        name: "the coordinator does not know the worker",
        applies: &["coordinator/src/", "coordinator/stats/src/"],
        except: &[],
        forbidden: &["inference"],
        reason: "they share the contract alone",
    },
];

impl Rule {
    /// Whether it applies to the file.
    pub(crate) fn covers(&self, path: &str) -> bool {
        let within = |places: &[&str]| places.iter().any(|place| path.starts_with(place));
        within(self.applies) && !within(self.except)
    }

    /// The forbidden entry that the use matches, if any.
    pub(crate) fn forbids(&self, found: &Use) -> Option<&'static str> {
        self.forbidden
            .iter()
            .copied()
            .find(|forbidden| found.is(forbidden))
    }
}
