//! The workspace to build, from Cargo's metadata: its root, the package and the binary, and the
//! crates that a profile may cover. Owns the queries to Cargo; must not know revisions.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::choice::{chosen_binary, chosen_package, listed};
use super::flags::Flags;
use super::{BuildError, BuildOptions, WorkspaceError, tool};

/// Default Cargo profiles: `variant` if the workspace defines it, otherwise `release`.
const PROFILES: [&str; 2] = ["variant", "release"];
/// In a crate's manifest, `[package.metadata.pgo-benchmarks] profile-hook = true` asks for `--cfg
/// profile_hook` in instrumented builds, also outside the workspace.
const METADATA: (&str, &str) = ("pgo-benchmarks", "profile-hook");

/// A workspace, and the part of it to build.
#[derive(Debug, Clone)]
pub(super) struct Workspace {
    pub(super) root: PathBuf,
    pub(super) package: String,
    pub(super) binary: String,
    pub(super) cargo_profile: String,
    pub(super) crates: Crates,
}

/// Names of crates, grouped by the flags they get.
#[derive(Debug, Clone, Default)]
pub(super) struct Crates {
    /// Workspace members.
    pub(super) members: BTreeSet<String>,
    /// Dependencies that the user lists for the profile.
    pub(super) listed: BTreeSet<String>,
    /// Dependencies with the profile hook.
    pub(super) hooked: BTreeSet<String>,
}

/// The fields of `cargo metadata` that are used.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: BTreeSet<String>,
    workspace_root: PathBuf,
}

/// One package, with Cargo's field names.
#[derive(Deserialize)]
pub(super) struct Package {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) manifest_path: PathBuf,
    pub(super) targets: Vec<Target>,
    pub(super) default_run: Option<String>,
    #[serde(default)]
    pub(super) dependencies: Vec<Dependency>,
    pub(super) metadata: Option<serde_json::Value>,
}

/// A dependency of a package.
#[derive(Deserialize)]
pub(super) struct Dependency {
    /// Its directory, if it is a path dependency.
    path: Option<PathBuf>,
}

/// A library, binary, test ….
#[derive(Deserialize)]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) kind: Vec<String>,
}

impl Workspace {
    /// The workspace that the options ask for, as Cargo sees it.
    ///
    /// # Errors
    /// When there is none, or the package or binary is ambiguous.
    pub(super) fn find(options: &BuildOptions, triple: &str) -> Result<Self, BuildError> {
        let alone = metadata(options, &options.root, &["--no-deps"])?;
        let members: Vec<&Package> = alone.packages.iter().collect();
        let own = nearest_manifest(&options.root);
        let package = chosen_package(&members, own.as_deref(), options.package.as_deref())?;
        let binary = chosen_binary(package, options.binary.as_deref())?;
        let cargo_profile = match &options.cargo_profile {
            Some(name) => name.clone(),
            None => usual_profile(&alone.workspace_root)?.to_owned(),
        };
        // Cargo takes features from the package in whose directory it runs.
        let mut arguments = vec!["--filter-platform", triple];
        arguments.extend(options.features.iter().map(String::as_str));
        let folder = package.manifest_path.parent().unwrap_or(&options.root);
        let whole = metadata(options, folder, &arguments)?;
        let others: Vec<&Package> = whole
            .packages
            .iter()
            .filter(|package| !whole.workspace_members.contains(&package.id))
            .collect();
        Ok(Self {
            package: package.name.clone(),
            binary: binary.to_owned(),
            cargo_profile,
            crates: Crates {
                members: names(members.iter().copied()),
                listed: listed(&options.profile_crates, &members, &others)?,
                hooked: names(others.iter().copied().filter(|package| package.is_hooked())),
            },
            root: whole.workspace_root,
        })
    }
}

impl Crates {
    /// The crates that get the flags of a build.
    pub(super) fn in_scope_of(&self, flags: &Flags) -> impl Iterator<Item = &String> {
        let listed = self.listed.iter().filter(|_| flags.listed);
        self.members.iter().chain(listed)
    }
}

impl Package {
    pub(super) fn binaries(&self) -> Vec<&str> {
        let is_binary = |target: &&Target| target.kind.iter().any(|kind| kind == "bin");
        let binaries = self.targets.iter().filter(is_binary);
        binaries.map(|target| target.name.as_str()).collect()
    }

    fn is_hooked(&self) -> bool {
        let (table, key) = METADATA;
        let value = self
            .metadata
            .as_ref()
            .and_then(|all| all.get(table)?.get(key)?.as_bool());
        value == Some(true)
    }
}

/// Directories of path dependencies outside `top`. Nothing is resolved, so no lock file is written.
pub(super) fn dependencies_outside(options: &BuildOptions, top: &Path) -> Vec<PathBuf> {
    let Ok(alone) = metadata(options, &options.root, &["--no-deps"]) else {
        return Vec::new();
    };
    let dependencies = alone
        .packages
        .into_iter()
        .flat_map(|package| package.dependencies);
    let paths = dependencies.filter_map(|dependency| dependency.path);
    paths.filter(|path| !path.starts_with(top)).collect()
}

fn metadata(
    options: &BuildOptions,
    folder: &Path,
    arguments: &[&str],
) -> Result<Metadata, BuildError> {
    let mut command = Command::new("cargo");
    command
        .args(["metadata", "--format-version", "1"])
        .args(arguments)
        .args(options.offline.then_some("--offline"))
        .args(options.locked.then_some("--locked"))
        .current_dir(folder);
    let text = tool::stdout(&mut command, "install Rust with rustup (https://rustup.rs)")
        .map_err(|error| no_workspace(folder, error))?;
    serde_json::from_str(&text).map_err(|error| {
        let reason = format!("the answer of `cargo metadata` is not understood: {error}");
        WorkspaceError::Unreadable {
            path: folder.to_owned(),
            reason,
        }
        .into()
    })
}

/// The manifest that Cargo would use in this directory.
fn nearest_manifest(folder: &Path) -> Option<PathBuf> {
    let mut manifests = folder.ancestors().map(|folder| folder.join("Cargo.toml"));
    manifests.find(|manifest| manifest.is_file())
}

/// Cargo's own error message, without the command that was run.
fn no_workspace(folder: &Path, error: BuildError) -> BuildError {
    let BuildError::ToolFailed { stderr, .. } = error else {
        return error;
    };
    if is_stale_lock(&stderr) {
        return WorkspaceError::StaleLock.into();
    }
    let reason = stderr.trim().trim_start_matches("error: ").to_owned();
    WorkspaceError::Unreadable {
        path: folder.to_owned(),
        reason,
    }
    .into()
}

/// Whether Cargo refused to change a lock file.
pub(super) fn is_stale_lock(stderr: &str) -> bool {
    stderr.contains("lock file") && stderr.contains("--locked")
}

/// This project's own profile, if the workspace has it.
fn usual_profile(root: &Path) -> Result<&'static str, BuildError> {
    let manifest = root.join("Cargo.toml");
    let text = contract::files::read_text(&manifest, contract::files::TEXT)
        .map_err(BuildError::io(&manifest))?;
    let table: toml::Table = text.parse().unwrap_or_default();
    let has = |name: &str| {
        table
            .get("profile")
            .is_some_and(|all| all.get(name).is_some())
    };
    let [own, other] = PROFILES;
    Ok(if has(own) { own } else { other })
}

pub(super) fn names<'a>(packages: impl IntoIterator<Item = &'a Package>) -> BTreeSet<String> {
    packages
        .into_iter()
        .map(|package| package.name.clone())
        .collect()
}
