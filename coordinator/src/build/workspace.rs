//! What Cargo knows of the workspace that is built: its root, the package and the binary, and which
//! crates a profile may reach. Owns how a package is chosen where none is named; must not know
//! flags or revisions.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::flags::Flags;
use super::{BuildError, BuildOptions, WorkspaceError, tool};

/// The package that is built where several have a binary: that of this project.
const USUAL: &str = "worker";
/// The Cargo profile of variants where the workspace defines it, and of others.
const PROFILES: [&str; 2] = ["variant", "release"];
/// In a crate's manifest: `[package.metadata.pgo-benchmarks] profile-hook = true` asks for
/// `--cfg profile_hook` in instrumented builds, also outside of the workspace.
const METADATA: (&str, &str) = ("pgo-benchmarks", "profile-hook");

/// One workspace, with what of it is built.
#[derive(Debug, Clone)]
pub(super) struct Workspace {
    pub(super) root: PathBuf,
    pub(super) package: String,
    pub(super) binary: String,
    pub(super) cargo_profile: String,
    pub(super) crates: Crates,
    /// Manifests of crates by path that lie outside of the workspace's directory.
    pub(super) outside: Vec<PathBuf>,
}

/// Names of crates by what is done to them.
#[derive(Debug, Clone, Default)]
pub(super) struct Crates {
    /// Of the workspace.
    pub(super) members: BTreeSet<String>,
    /// Dependencies that the user lists for the profile.
    pub(super) listed: BTreeSet<String>,
    /// Dependencies with the profile hook.
    pub(super) hooked: BTreeSet<String>,
}

/// The answer of `cargo metadata`, as far as it is read.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: BTreeSet<String>,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    manifest_path: PathBuf,
    source: Option<String>,
    targets: Vec<Target>,
    default_run: Option<String>,
    metadata: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

impl Workspace {
    /// The workspace that the options ask for, as Cargo sees it.
    ///
    /// # Errors
    /// When there is none, or no single package and binary is meant.
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
        // Features are those of the package in whose directory Cargo is asked.
        let mut arguments = vec!["--filter-platform", triple];
        arguments.extend(options.features.iter().map(String::as_str));
        let folder = package.manifest_path.parent().unwrap_or(&options.root);
        let whole = metadata(options, folder, &arguments)?;
        let others: Vec<&Package> = whole
            .packages
            .iter()
            .filter(|package| !whole.workspace_members.contains(&package.id))
            .collect();
        let outside = others
            .iter()
            .filter(|package| package.source.is_none())
            .filter(|package| !package.manifest_path.starts_with(&whole.workspace_root));
        Ok(Self {
            package: package.name.clone(),
            binary: binary.to_owned(),
            cargo_profile,
            crates: Crates {
                members: names(members.iter().copied()),
                listed: listed(&options.profile_crates, &members, &others)?,
                hooked: names(others.iter().copied().filter(|package| package.is_hooked())),
            },
            outside: outside
                .map(|package| package.manifest_path.clone())
                .collect(),
            root: whole.workspace_root,
        })
    }
}

impl Crates {
    /// Those that get the flags of a build.
    pub(super) fn in_scope_of(&self, flags: &Flags) -> impl Iterator<Item = &String> {
        let listed = self.listed.iter().filter(|_| flags.listed);
        self.members.iter().chain(listed)
    }
}

impl Package {
    fn binaries(&self) -> Vec<&str> {
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

/// The manifest that Cargo would take in this directory.
fn nearest_manifest(folder: &Path) -> Option<PathBuf> {
    let mut manifests = folder.ancestors().map(|folder| folder.join("Cargo.toml"));
    manifests.find(|manifest| manifest.is_file())
}

/// Cargo's own words, without the command that was run to get them.
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

/// The one that is named; else the one whose manifest it is, the only one with a binary, or the
/// worker.
fn chosen_package<'a>(
    members: &[&'a Package],
    own: Option<&Path>,
    wanted: Option<&str>,
) -> Result<&'a Package, WorkspaceError> {
    let with_binary: Vec<&Package> = members
        .iter()
        .copied()
        .filter(|package| !package.binaries().is_empty())
        .collect();
    let find = |is: &dyn Fn(&Package) -> bool| with_binary.iter().copied().find(|one| is(one));
    if let Some(wanted) = wanted {
        let found = members.iter().copied().find(|one| one.name == wanted);
        return found.ok_or_else(|| WorkspaceError::NoSuchPackage {
            name: wanted.to_owned(),
            known: names(with_binary).into_iter().collect(),
        });
    }
    let own = find(&|one| own == Some(&one.manifest_path));
    let only = || {
        with_binary
            .first()
            .copied()
            .filter(|_| with_binary.len() == 1)
    };
    own.or_else(only)
        .or_else(|| find(&|one| one.name == USUAL))
        .ok_or_else(|| WorkspaceError::WhichPackage {
            known: names(with_binary.clone()).into_iter().collect(),
        })
}

/// The one that is named; else the only one, that of `default-run`, or the one named as the package.
fn chosen_binary<'a>(
    package: &'a Package,
    wanted: Option<&str>,
) -> Result<&'a str, WorkspaceError> {
    let binaries = package.binaries();
    let find = |name: &str| binaries.iter().copied().find(|binary| *binary == name);
    let found = match wanted {
        Some(wanted) => find(wanted),
        None if binaries.len() == 1 => binaries.first().copied(),
        None => package
            .default_run
            .as_deref()
            .and_then(find)
            .or_else(|| find(&package.name)),
    };
    found.ok_or_else(|| WorkspaceError::NoSuchBinary {
        package: package.name.clone(),
        wanted: wanted.map(str::to_owned),
        known: binaries.into_iter().map(str::to_owned).collect(),
    })
}

/// The crates that the patterns name; a pattern that names none is a mistake.
fn listed(
    patterns: &[String],
    members: &[&Package],
    others: &[&Package],
) -> Result<BTreeSet<String>, WorkspaceError> {
    let mut found = BTreeSet::new();
    for pattern in patterns {
        let matching = |one: &&&Package| matches(pattern, &one.name);
        let of_pattern = names(others.iter().filter(matching).copied());
        if of_pattern.is_empty() && !members.iter().any(|one| matches(pattern, &one.name)) {
            return Err(WorkspaceError::NoSuchCrate {
                pattern: pattern.clone(),
            });
        }
        found.extend(of_pattern);
    }
    Ok(found)
}

/// Whether a name is the pattern's, in which `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, tail)) => name.strip_prefix(head).is_some_and(|rest| {
            (0..=rest.len())
                .filter(|at| rest.is_char_boundary(*at))
                .any(|at| matches(tail, &rest[at..]))
        }),
    }
}

fn names<'a>(packages: impl IntoIterator<Item = &'a Package>) -> BTreeSet<String> {
    packages
        .into_iter()
        .map(|package| package.name.clone())
        .collect()
}

/// This project's own, where the workspace has it.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, binaries: &[&str], default_run: Option<&str>) -> Package {
        let target = |name: &&str| Target {
            name: (*name).to_owned(),
            kind: vec!["bin".to_owned()],
        };
        Package {
            id: format!("path+file:///w/{name}"),
            name: name.to_owned(),
            manifest_path: PathBuf::from(format!("/w/{name}/Cargo.toml")),
            source: None,
            targets: binaries.iter().map(target).collect(),
            default_run: default_run.map(str::to_owned),
            metadata: None,
        }
    }

    #[test]
    fn a_package_is_chosen_where_one_is_meant_and_asked_for_where_several_may_be() {
        let (lib, one, two) = (
            package("lib", &[], None),
            package("one", &["one"], None),
            package("two", &["two"], None),
        );
        let worker = package("worker", &["worker"], None);
        let chosen = |all: &[&Package], own: Option<&Path>, wanted: Option<&str>| {
            chosen_package(all, own, wanted)
                .map(|package| package.name.clone())
                .map_err(|error| error.to_string())
        };
        assert_eq!(chosen(&[&lib, &one], None, None).as_deref(), Ok("one"));
        assert_eq!(
            chosen(&[&one, &two], Some(&two.manifest_path), None).as_deref(),
            Ok("two")
        );
        assert_eq!(
            chosen(&[&one, &two, &worker], None, None).as_deref(),
            Ok("worker")
        );
        assert_eq!(
            chosen(&[&one, &two], None, Some("one")).as_deref(),
            Ok("one")
        );
        let which =
            chosen(&[&lib, &one, &two], Some(&lib.manifest_path), None).expect_err("two have one");
        assert!(
            which.contains("--package") && which.contains("one, two"),
            "{which}"
        );
        let other = chosen(&[&one, &two], None, Some("tow")).expect_err("no such package");
        assert!(
            other.contains("`tow`") && other.contains("one, two"),
            "{other}"
        );
    }

    #[test]
    fn a_binary_is_chosen_as_cargo_does() {
        let chosen = |package: &Package, wanted| {
            chosen_binary(package, wanted)
                .map(str::to_owned)
                .map_err(|error| error.to_string())
        };
        assert_eq!(
            chosen(&package("a", &["x"], None), None).as_deref(),
            Ok("x")
        );
        assert_eq!(
            chosen(&package("a", &["x", "a"], None), None).as_deref(),
            Ok("a")
        );
        assert_eq!(
            chosen(&package("a", &["x", "y"], Some("y")), None).as_deref(),
            Ok("y")
        );
        assert_eq!(
            chosen(&package("a", &["x", "y"], None), Some("x")).as_deref(),
            Ok("x")
        );
        let which = chosen(&package("a", &["x", "y"], None), None).expect_err("two are there");
        assert!(which.contains("--bin") && which.contains("x, y"), "{which}");
        let none = chosen(&package("a", &[], None), None).expect_err("a library");
        assert!(none.contains("has no binary"), "{none}");
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name) in [
            ("gemm*", "gemm-f32"),
            ("gemm*", "gemm"),
            ("*-core", "a-core"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("gemm", "gemm-f32"), ("gemm*", "agemm"), ("a*b", "ac")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
        let (own, other) = (
            package("app", &["app"], None),
            package("candle-nn", &[], None),
        );
        let of = |patterns: &[&str]| {
            let patterns: Vec<String> = patterns.iter().map(|one| (*one).to_owned()).collect();
            listed(&patterns, &[&own], &[&other]).map_err(|error| error.to_string())
        };
        assert_eq!(
            of(&["candle*"]),
            Ok(BTreeSet::from(["candle-nn".to_owned()]))
        );
        assert_eq!(
            of(&["app"]),
            Ok(BTreeSet::new()),
            "it has the profile anyway"
        );
        assert!(of(&["candel*"]).expect_err("misspelt").contains("candel*"));
    }
}
