//! Inputs of a build: absolute directories, the settings that all builds share, and the parts of
//! the previous manifest that are still valid. Builds nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::inherited::Inherited;
use super::manifest::{FORMAT, Manifest, Settings};
use super::sources::Sources;
use super::toolchain::Toolchain;
use super::variant::{Scope, VariantName};
use super::workspace::Workspace;
use super::{BuildError, BuildOptions, digest};

/// The options with absolute directories: Cargo runs in another directory, and its dep-info has
/// absolute paths.
pub(super) fn absolute(options: &BuildOptions) -> Result<BuildOptions, BuildError> {
    let whole = |path: &Path| path.canonicalize().map_err(BuildError::io(path));
    let root = whole(&options.root)?;
    let out = std::path::absolute(&options.out).map_err(BuildError::io(&options.out))?;
    fs::create_dir_all(&out).map_err(BuildError::io(&out))?;
    let checkouts = &options.checkouts;
    Ok(BuildOptions {
        root,
        out: whole(&out)?,
        checkouts: std::path::absolute(checkouts).map_err(BuildError::io(checkouts))?,
        ..options.clone()
    })
}

pub(super) fn settings(
    options: &BuildOptions,
    workspace: &Workspace,
    tools: &Toolchain,
    inherited: &Inherited,
) -> Result<Settings, BuildError> {
    let manifest = workspace.root.join("Cargo.toml");
    let text = contract::files::read_text(&manifest, contract::files::TEXT)
        .map_err(BuildError::io(&manifest))?;
    let profiles = text
        .parse::<toml::Table>()
        .ok()
        .and_then(|table| table.get("profile").map(toml::Value::to_string));
    Ok(Settings {
        package: workspace.package.clone(),
        binary: workspace.binary.clone(),
        cargo_profile: workspace.cargo_profile.clone(),
        cargo_profiles_digest: digest::bytes(profiles.unwrap_or_default().as_bytes()),
        target: tools.rustc.host.clone(),
        rustc: tools.rustc.version.clone(),
        llvm: tools.rustc.llvm.clone(),
        cargo: tools.cargo.clone(),
        rustflags: options
            .rustflags
            .iter()
            .chain(&inherited.rustflags)
            .cloned()
            .collect(),
        cargo_settings: inherited.settings.clone(),
        features: options.features.clone(),
        profile_crates: options.profile_crates.clone(),
    })
}

/// The manifest to continue with: the old one if settings and sources are the same, otherwise an
/// empty one that keeps the counts of earlier trainings.
pub(super) fn carried_over(
    old: Manifest,
    settings: Settings,
    root: &Path,
    force: bool,
) -> Result<Manifest, BuildError> {
    let same = !force
        && old.settings.concern_the_same_baseline(&settings)
        && old.changed_sources(root)?.is_empty();
    Ok(match same {
        true if old.settings == settings => old,
        true => without_crates(old, settings),
        false => Manifest {
            accepted_totals: old.accepted_totals,
            ..empty(settings)
        },
    })
}

/// Drops what was made for another list of crates.
fn without_crates(old: Manifest, settings: Settings) -> Manifest {
    let mut manifest = Manifest { settings, ..old };
    manifest.variants.remove(VariantName::PgoCrates.as_str());
    manifest.warnings.remove(VariantName::PgoCrates.as_str());
    manifest.instrumented.remove(&Scope::Crates);
    manifest.profiles.remove(&Scope::Crates);
    manifest
}

pub(super) fn empty(settings: Settings) -> Manifest {
    Manifest {
        format: FORMAT,
        settings,
        git: None,
        sources: Sources::default(),
        variants: BTreeMap::new(),
        instrumented: BTreeMap::new(),
        controls: BTreeMap::new(),
        profiles: BTreeMap::new(),
        accepted_totals: BTreeMap::new(),
        warnings: BTreeMap::new(),
    }
}
