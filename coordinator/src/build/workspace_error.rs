//! Errors of the workspace to build. Each message is one whole sentence and says what to do.

use std::path::PathBuf;

/// A workspace, package, binary or crate does not exist, or a build cannot use it.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// Cargo finds no workspace, or cannot read it.
    #[error(
        "there is no Cargo workspace that can be built in {}: {reason}; name its manifest with \
         --manifest-path", path.display()
    )]
    Unreadable {
        /// Directory that was searched.
        path: PathBuf,
        /// Cargo's error message.
        reason: String,
    },
    /// `--manifest-path` does not name a manifest.
    #[error("{} is no manifest: --manifest-path takes the path of a file Cargo.toml", path.display())]
    NoManifestFile {
        /// The path.
        path: PathBuf,
    },
    /// A package that is not a member.
    #[error(
        "there is no package `{name}` in this workspace; packages with a binary are {}",
        listed(known)
    )]
    NoSuchPackage {
        /// The name.
        name: String,
        /// Members with a binary.
        known: Vec<String>,
    },
    /// No package was named, and there is no default.
    #[error(
        "name the package whose binary is the worker with --package; packages with a binary are {}",
        listed(known)
    )]
    WhichPackage {
        /// Members with a binary.
        known: Vec<String>,
    },
    /// A package without the binary, or with several.
    #[error("{}", no_binary(package, wanted.as_deref(), known))]
    NoSuchBinary {
        /// The package.
        package: String,
        /// The name, if one was given.
        wanted: Option<String>,
        /// Its binaries.
        known: Vec<String>,
    },
    /// A pattern of `--profile-crates` that matches no crate.
    #[error(
        "`{pattern}` of --profile-crates names no crate of this program; `cargo tree` lists them, \
         and `*` stands for any text"
    )]
    NoSuchCrate {
        /// The pattern.
        pattern: String,
    },
    /// The variant and the list of crates must be given together.
    #[error(
        "the variant `pgo-crates` and --profile-crates belong together: coordinator build \
         --variants baseline,pgo-crates --profile-crates NAMES"
    )]
    CratesApart,
    /// A revision whose lock file is out of date.
    #[error(
        "Cargo.lock does not fit the manifests of this revision, and a revision is built as it is; \
         commit the lock file that `cargo update --workspace` writes"
    )]
    StaleLock,
    /// The built program is not a worker.
    #[error(
        "`{binary}` does not speak the protocol: started as `{binary} join`, it {did}; a worker \
         dials the address in PGO_BENCH_COORDINATOR (docs/protocol.md)"
    )]
    NoWorker {
        /// The binary.
        binary: String,
        /// What it did instead.
        did: String,
    },
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}

fn no_binary(package: &str, wanted: Option<&str>, known: &[String]) -> String {
    match (wanted, known) {
        (_, []) => {
            format!("the package `{package}` has no binary; name one that has with --package")
        }
        (None, known) => format!(
            "the package `{package}` has several binaries; name one with --bin: {}",
            known.join(", ")
        ),
        (Some(wanted), known) => format!(
            "the package `{package}` has no binary `{wanted}`; it has {}",
            known.join(", ")
        ),
    }
}
