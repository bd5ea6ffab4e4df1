//! The record of the built variants: written atomically, and read by every command that runs or
//! compares variants. Owns the file format and the checks that binaries on disk are those that were
//! built; must not know how they are made.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use contract::files;

use serde::{Deserialize, Serialize};

use super::artifact::Artifact;
use super::profile::ProfileReport;
use super::sources::{GitState, Sources};
use super::training::TrainingReport;
use super::variant::{Scope, VariantName};
use super::{BuildError, digest};

/// Format of the manifest. 1: first, one scope for all variants. 2: scope is a property of the
/// variant.
pub const FORMAT: u32 = 2;
/// Name of the file.
pub const FILE_NAME: &str = "manifest.json";

/// The record of all built variants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Format of this file.
    pub format: u32,
    /// Settings that all builds share.
    pub settings: Settings,
    /// Commit of the sources, if they are in a git checkout.
    pub git: Option<GitState>,
    /// The sources themselves.
    pub sources: Sources,
    /// Built variants by name.
    pub variants: BTreeMap<String, VariantRecord>,
    /// The instrumented programs, by scope. They are not variants: their measurements must not be
    /// recorded.
    pub instrumented: BTreeMap<Scope, VariantRecord>,
    /// Builds with profiles that must not help, by name.
    pub controls: BTreeMap<String, VariantRecord>,
    /// The profiles of optimised variants, by scope.
    pub profiles: BTreeMap<Scope, ProfileRecord>,
    /// Total count of the last accepted profile for each training; kept when sources change.
    pub accepted_totals: BTreeMap<String, u64>,
    /// Warnings, by variant.
    pub warnings: BTreeMap<String, Vec<String>>,
}

/// Settings that all builds of one manifest share. Their digest with a scope is stored with each
/// profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Package built.
    pub package: String,
    /// Binary built.
    pub binary: String,
    /// Cargo profile.
    pub cargo_profile: String,
    /// Digest of all profile tables of the workspace.
    pub cargo_profiles_digest: String,
    /// Target triple.
    pub target: String,
    /// First line of `rustc -vV`.
    pub rustc: String,
    /// LLVM version of the compiler.
    pub llvm: String,
    /// Cargo's version line.
    pub cargo: String,
    /// Flags for every crate of every build.
    pub rustflags: Vec<String>,
    /// Settings of the environment and of Cargo's configuration that can change code, as `name =
    /// value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cargo_settings: Vec<String>,
    /// Cargo's arguments that choose features.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// Dependencies that the profile of `pgo-crates` covers, as the user named them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profile_crates: Vec<String>,
}

/// One build and the flags that distinguish it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VariantRecord {
    /// The binary.
    #[serde(flatten)]
    pub artifact: Artifact,
    /// All flags given to workspace crates.
    pub flags: Vec<String>,
    /// Wall time of the build, seconds.
    pub build_seconds: f64,
    /// An earlier build with the same code, if there is one.
    pub identical_to: Option<String>,
    /// Seed of the function order, if the linker shuffled the functions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout_seed: Option<u32>,
    /// The counts that BOLT used, if it ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bolt: Option<BoltRecord>,
}

/// The counts from which BOLT laid out a finished program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoltRecord {
    /// Version of LLVM that BOLT is part of.
    pub version: String,
    /// Path of the merged counts relative to the directory of the manifest.
    pub path: PathBuf,
    /// SHA-256 of that file.
    pub sha256: String,
    /// The training.
    pub training: TrainingReport,
}

/// The profile a variant was optimised with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProfileRecord {
    /// Path relative to the directory of the manifest.
    pub path: PathBuf,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Digest of the settings it was recorded with.
    pub settings_digest: String,
    /// Version of the `llvm-profdata` that merged it.
    pub llvm_profdata: u32,
    /// The training; `None` for a profile that was given.
    pub training: Option<TrainingReport>,
    /// Statistics of the profile.
    pub report: ProfileReport,
}

impl Settings {
    /// Whether both give the same baseline; the list of crates concerns only profiles.
    #[must_use]
    pub fn concern_the_same_baseline(&self, other: &Self) -> bool {
        let unlisted = |settings: &Self| Self {
            profile_crates: Vec::new(),
            ..settings.clone()
        };
        unlisted(self) == unlisted(other)
    }

    /// Differences other than sources and dependencies, for people.
    pub(super) fn differences_from(&self, other: &Self) -> Vec<String> {
        let mut all = Vec::new();
        for (name, one, other) in [
            ("the compiler", &self.rustc, &other.rustc),
            (
                "the Cargo profile",
                &self.cargo_profile,
                &other.cargo_profile,
            ),
        ] {
            if one != other {
                all.push(format!("{name} ({one} → {other})"));
            }
        }
        for (name, differs) in [
            (
                "the tables of Cargo profiles",
                self.cargo_profiles_digest != other.cargo_profiles_digest,
            ),
            ("compiler flags", self.rustflags != other.rustflags),
            (
                "settings of Cargo's configuration",
                self.cargo_settings != other.cargo_settings,
            ),
        ] {
            if differs {
                all.push(name.to_owned());
            }
        }
        all
    }

    /// Digest of everything that must be equal for a profile of these crates to fit.
    #[must_use]
    pub fn digest(&self, scope: Scope) -> String {
        let mut settings = self.clone();
        if scope != Scope::Crates {
            settings.profile_crates.clear();
        }
        let text = serde_json::to_string(&settings).expect("settings are plain data");
        digest::Fields::new("settings")
            .field("json", &text)
            .field("scope", scope.as_str())
            .hex()
    }
}

impl Manifest {
    /// Reads the manifest in `dir`.
    ///
    /// # Errors
    /// When there is none or it cannot be understood; the message has the command to run.
    pub fn read(dir: &Path) -> Result<Self, BuildError> {
        let path = dir.join(FILE_NAME);
        let bad = |reason: String| BuildError::BadManifest {
            path: path.clone(),
            reason,
        };
        let text = match files::read_text(&path, files::TEXT) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(BuildError::NoManifest { path });
            }
            Err(source) => return Err(BuildError::Io { path, source }),
        };
        let format = serde_json::from_str::<Head>(&text)
            .map_err(|e| bad(e.to_string()))?
            .format;
        if format != FORMAT {
            return Err(bad(format!(
                "it has format {format}, this program reads {FORMAT}"
            )));
        }
        serde_json::from_str(&text).map_err(|e| bad(e.to_string()))
    }

    /// Writes the manifest to `dir` atomically: readers see the old one or the new one.
    pub(super) fn write(&self, dir: &Path) -> Result<(), BuildError> {
        let (path, fresh) = (dir.join(FILE_NAME), dir.join("manifest.json.new"));
        let text = serde_json::to_string_pretty(self).expect("a manifest is plain data");
        let file = fs::File::create(&fresh).map_err(BuildError::io(&fresh))?;
        std::io::Write::write_all(&mut &file, text.as_bytes()).map_err(BuildError::io(&fresh))?;
        file.sync_all().map_err(BuildError::io(&fresh))?;
        fs::rename(&fresh, &path).map_err(BuildError::io(&path))
    }

    /// The record of one variant.
    ///
    /// # Errors
    /// [`BuildError::NotBuilt`] with the command that builds it.
    pub fn variant(&self, name: VariantName) -> Result<&VariantRecord, BuildError> {
        self.variants
            .get(name.as_str())
            .ok_or_else(|| BuildError::NotBuilt {
                variant: name.to_string(),
            })
    }

    /// The profile a variant was optimised with, if it was.
    #[must_use]
    pub fn profile_of(&self, name: VariantName) -> Option<&ProfileRecord> {
        self.profiles.get(&name.scope()?)
    }

    /// Path of a variant's binary, after checking that it is the one that was built.
    ///
    /// # Errors
    /// When the variant is not built, its binary is gone, or its SHA-256 differs.
    pub fn verified_binary(&self, dir: &Path, name: VariantName) -> Result<PathBuf, BuildError> {
        self.variant(name)?.verify(dir, name.as_str())
    }

    /// Refuses two variants that are the same code.
    ///
    /// # Errors
    /// [`BuildError::IdenticalCode`], or [`BuildError::NotBuilt`].
    pub fn check_distinct(&self, one: VariantName, other: VariantName) -> Result<(), BuildError> {
        let text = &self.variant(one)?.artifact.text_sha256;
        if *text != self.variant(other)?.artifact.text_sha256 {
            return Ok(());
        }
        Err(BuildError::IdenticalCode {
            one: one.to_string(),
            other: other.to_string(),
            text: text.clone(),
        })
    }

    /// Sources under `root` that changed since the variants were built.
    ///
    /// # Errors
    /// When a source cannot be read.
    pub fn changed_sources(&self, root: &Path) -> Result<Vec<PathBuf>, BuildError> {
        Ok(self.sources.now(root)?.changed_from(&self.sources))
    }
}

impl VariantRecord {
    /// Path of the binary, after checking its SHA-256.
    pub(super) fn verify(&self, dir: &Path, name: &str) -> Result<PathBuf, BuildError> {
        let path = dir.join(&self.artifact.path);
        if !path.is_file() {
            return Err(BuildError::NotBuilt {
                variant: name.to_owned(),
            });
        }
        let found = digest::file(&path)?;
        if found == self.artifact.sha256 {
            return Ok(path);
        }
        let expected = self.artifact.sha256.clone();
        Err(BuildError::BinaryChanged {
            variant: name.to_owned(),
            path,
            expected,
            found,
        })
    }
}

impl ProfileRecord {
    /// Path of the profile, after checking its SHA-256.
    pub(super) fn verify(&self, dir: &Path) -> Result<PathBuf, BuildError> {
        let path = dir.join(&self.path);
        let found = digest::file(&path)?;
        if found == self.sha256 {
            return Ok(path);
        }
        Err(BuildError::ProfileDamaged {
            path,
            expected: self.sha256.clone(),
            found,
        })
    }
}

/// The field that every format has.
#[derive(Deserialize)]
struct Head {
    format: u32,
}
