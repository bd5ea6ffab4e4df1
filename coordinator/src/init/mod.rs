//! Projects for a new engine: a package that links its own engine, written from template files that
//! are themselves a working engine. Owns which files a project has and what is filled in; must not
//! build anything.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

mod name;

pub use name::{Name, NameError};

/// How the engine takes its requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// One call answers one request
    #[default]
    Blocking,
    /// Each step advances all requests: continuous batching
    Step,
}

/// A project to write.
#[derive(Clone, Debug)]
pub struct Project {
    /// Its directory: empty, or not yet created.
    pub dir: PathBuf,
    /// Name of its package.
    pub name: Name,
    /// Kind of its engine.
    pub kind: Kind,
    /// The directory of the worker library.
    pub worker: PathBuf,
}

/// Why the project could not be written.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The directory contains other files.
    #[error("write a project into {}: it is not empty; name a directory that is, or a new one", .0.display())]
    NotEmpty(PathBuf),
    /// The command was not called from within a checkout.
    #[error(
        "find the worker library: there is no checkout of PGO Benchmarks at or above {}; name its \
         directory `worker` with --worker-path",
        .0.display()
    )]
    NoWorker(PathBuf),
    /// The given directory is not that of the library.
    #[error(
        "use {} as the worker library: it has no Cargo.toml of a package `worker`; name the directory \
         `worker` of a checkout of PGO Benchmarks with --worker-path",
        .0.display()
    )]
    NotTheWorker(PathBuf),
    /// A path that a Cargo manifest cannot hold.
    #[error("name {} in a Cargo.toml: it is not UTF-8; move the checkout", .0.display())]
    NotUnicode(PathBuf),
    /// The name is not valid.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The operating system refused.
    #[error("write {}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

const MANIFEST: &str = include_str!("../../templates/engine/manifest.toml");
const MODEL: &str = include_str!("../../templates/engine/model.rs");
const MAIN: &str = include_str!("../../templates/engine/main.rs");
const CONFORMANCE: &str = include_str!("../../templates/engine/conformance.rs");
const PLAN: &str = include_str!("../../templates/engine/plan.toml");
const README: &str = include_str!("../../templates/engine/README.md");
const IGNORED: &str = include_str!("../../templates/engine/gitignore");

impl Kind {
    fn engine(self) -> &'static str {
        match self {
            Self::Blocking => include_str!("../../templates/engine/blocking.rs"),
            Self::Step => include_str!("../../templates/engine/step.rs"),
        }
    }
}

impl Project {
    /// Writes all files; returns their paths.
    ///
    /// # Errors
    /// When the directory is not empty, the library is not at the given path, or the operating
    /// system refuses.
    pub fn write(&self) -> Result<Vec<PathBuf>, InitError> {
        let worker = library(&self.worker)?;
        let worker = worker
            .to_str()
            .ok_or_else(|| InitError::NotUnicode(worker.clone()))?;
        let manifest = MANIFEST.replace(
            "\"WORKER\"",
            &toml::Value::String(worker.to_owned()).to_string(),
        );
        empty(&self.dir)?;
        [
            ("Cargo.toml", manifest.as_str()),
            ("src/lib.rs", self.kind.engine()),
            ("src/main.rs", MAIN),
            ("src/model.rs", MODEL),
            ("tests/conformance.rs", CONFORMANCE),
            ("plan.toml", PLAN),
            ("README.md", README),
            (".gitignore", IGNORED),
        ]
        .into_iter()
        .map(|(path, text)| {
            let path = self.dir.join(path);
            new_file(&path, &self.name.fill(text))
                .map(|()| path.clone())
                .map_err(|source| InitError::Io { path, source })
        })
        .collect()
    }
}

/// The worker library of the checkout that contains `dir`.
///
/// # Errors
/// When no checkout contains it.
pub fn nearest_library(dir: &Path) -> Result<PathBuf, InitError> {
    let mut above = dir.ancestors().map(|folder| folder.join("worker"));
    above
        .find(|folder| is_library(folder))
        .ok_or_else(|| InitError::NoWorker(dir.to_owned()))
}

fn library(path: &Path) -> Result<PathBuf, InitError> {
    let wrong = || InitError::NotTheWorker(path.to_owned());
    is_library(path).then_some(()).ok_or_else(wrong)?;
    path.canonicalize().map_err(|source| InitError::Io {
        path: path.to_owned(),
        source,
    })
}

fn is_library(folder: &Path) -> bool {
    let text = contract::files::read_text(&folder.join("Cargo.toml"), contract::files::TEXT);
    let manifest: Option<toml::Table> = text.ok().and_then(|text| text.parse().ok());
    manifest.is_some_and(|manifest| {
        let name = manifest
            .get("package")
            .and_then(|package| package.get("name"));
        name.and_then(toml::Value::as_str) == Some("worker")
    })
}

/// Creates the directory, or checks that it is empty.
fn empty(dir: &Path) -> Result<(), InitError> {
    let failed = |source| InitError::Io {
        path: dir.to_owned(),
        source,
    };
    fs::create_dir_all(dir).map_err(failed)?;
    match fs::read_dir(dir).map_err(failed)?.next() {
        None => Ok(()),
        Some(_) => Err(InitError::NotEmpty(dir.to_owned())),
    }
}

/// Never replaces an existing file.
fn new_file(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    File::create_new(path)?.write_all(text.as_bytes())
}
