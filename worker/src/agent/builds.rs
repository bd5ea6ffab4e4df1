//! Where an agent finds the binaries it is told to start: its own program, a directory that was
//! filled beforehand, the path on the coordinator, or a cache filled by the coordinator. Every
//! binary is identified by its SHA-256 and checked before use; the cache is trimmed before anything
//! is added. Must not know who asks, nor start anything.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use contract::identity::Sha256;
use contract::message::BuildChunk;
use sha2::Digest;

use super::cache;
use crate::measure::{exe_sha256, file_sha256};

/// Greatest size of a build, bytes: far above any, and a limit on how much of the disk a
/// coordinator can fill.
const LARGEST: u64 = 1 << 30;

/// Sources of builds.
#[derive(Clone, Debug)]
pub struct Builds {
    /// Directory filled by the host's administrator.
    pub directory: Option<PathBuf>,
    /// Cache filled by coordinators; `None` if uploads are disabled.
    pub cache: Option<PathBuf>,
}

/// Result of the search for a build.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Found at this path.
    At(PathBuf),
    /// Must be fetched.
    Missing {
        /// Whether a damaged copy was found in the cache.
        damaged: bool,
    },
}

/// Why a build is not available. Messages complete "failed to …".
#[derive(Debug, thiserror::Error)]
pub(super) enum BuildError {
    #[error(
        "find the build {}: this agent fetches no builds from a coordinator (--no-upload); put the file \
         into the directory of --builds-dir, or start the agent without that flag", sha256.short()
    )]
    NoUpload { sha256: Sha256 },
    #[error("keep the build {} in {}: {source}", sha256.short(), path.display())]
    Keep {
        sha256: Sha256,
        path: PathBuf,
        source: io::Error,
    },
    #[error("fetch the build {}: {reason}", sha256.short())]
    Refused { sha256: Sha256, reason: String },
    #[error("fetch the build {}: the fetched file has another hash, {}", sha256.short(), found.short())]
    Hash { sha256: Sha256, found: Sha256 },
    #[error("fetch the build {}: it is larger than {LARGEST} bytes", sha256.short())]
    TooLarge { sha256: Sha256 },
}

/// A build that is being fetched.
#[derive(Debug)]
pub(super) struct Download {
    sha256: Sha256,
    draft: PathBuf,
    file: File,
    hash: sha2::Sha256,
    offset: u64,
    replaces: bool,
}

/// Result of receiving a piece.
#[derive(Debug)]
pub(super) enum Received {
    /// More is needed, from this offset on.
    Next(u64),
    /// The build is complete.
    Whole {
        /// Size, bytes.
        size: u64,
        /// A damaged copy was replaced.
        replaced: bool,
    },
}

impl Builds {
    /// With a cache in the user's cache directory, unless uploads are disabled.
    #[must_use]
    pub fn new(directory: Option<PathBuf>, upload: bool, home: Option<PathBuf>) -> Self {
        let cache = home.map_or_else(std::env::temp_dir, |home| home.join(".cache"));
        Self {
            directory,
            cache: upload.then(|| cache.join("pgo-benchmarks/builds")),
        }
    }

    /// Searches for a build; reads whole files.
    pub(super) fn find(&self, sha256: Sha256, told: &Path) -> Result<Found, BuildError> {
        let is_it = |path: &PathBuf| file_sha256(path).is_ok_and(|found| found == sha256);
        // The file may have been replaced since; it is checked again before it is started.
        let own = std::env::current_exe()
            .ok()
            .filter(|_| exe_sha256() == sha256);
        let prepared = || {
            let directory = self.directory.as_ref()?;
            let names = [
                Some(sha256.to_string()),
                told.file_name().map(|name| name.display().to_string()),
            ];
            names
                .into_iter()
                .flatten()
                .map(|name| directory.join(name))
                .find(&is_it)
        };
        if let Some(path) = own.or_else(prepared) {
            return Ok(Found::At(path));
        }
        if self.cache.is_none() {
            return Err(BuildError::NoUpload { sha256 });
        }
        let told = told.to_owned();
        if is_it(&told) {
            return Ok(Found::At(told));
        }
        let kept = self.kept(sha256);
        // Before it is read: from here on it is in use.
        cache::touch(&kept);
        if is_it(&kept) {
            Ok(Found::At(kept))
        } else {
            Ok(Found::Missing {
                damaged: kept.exists(),
            })
        }
    }

    /// Path of a build in the cache.
    pub(super) fn kept(&self, sha256: Sha256) -> PathBuf {
        self.cache
            .clone()
            .unwrap_or_default()
            .join(sha256.to_string())
    }

    /// Begins a download.
    pub(super) fn download(&self, sha256: Sha256, replaces: bool) -> Result<Download, BuildError> {
        let path = self.kept(sha256);
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        cache::evict(&folder, cache::BOUNDS);
        let draft = path.with_extension(std::process::id().to_string());
        let begun = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .and_then(|()| {
                OpenOptions::new()
                    .write(true)
                    .create(true)
                    .truncate(true)
                    .mode(0o700)
                    .open(&draft)
            });
        let file = begun.map_err(|source| BuildError::Keep {
            sha256,
            path: folder,
            source,
        })?;
        Ok(Download {
            sha256,
            draft,
            file,
            hash: sha2::Sha256::new(),
            offset: 0,
            replaces,
        })
    }
}

impl Download {
    /// Adds the piece that was requested. An old piece leads to a new request.
    pub(super) fn take(&mut self, chunk: &BuildChunk, kept: &Path) -> Result<Received, BuildError> {
        let sha256 = self.sha256;
        let bytes = chunk.bytes.as_ref().map_err(|reason| BuildError::Refused {
            sha256,
            reason: reason.clone(),
        })?;
        if chunk.offset != self.offset {
            return Ok(Received::Next(self.offset));
        }
        self.offset += bytes.len() as u64;
        if self.offset > LARGEST {
            return Err(BuildError::TooLarge { sha256 });
        }
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| BuildError::Keep {
                sha256,
                path,
                source,
            }
        };
        self.file.write_all(bytes).map_err(failed(&self.draft))?;
        self.hash.update(bytes);
        if !chunk.last {
            return Ok(Received::Next(self.offset));
        }
        let found = Sha256(self.hash.clone().finalize().into());
        if found != sha256 {
            return Err(BuildError::Hash { sha256, found });
        }
        self.file
            .sync_all()
            .and_then(|()| fs::rename(&self.draft, kept))
            .map_err(failed(kept))?;
        Ok(Received::Whole {
            size: self.offset,
            replaced: self.replaces,
        })
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        // Removes an incomplete download; a complete one has been renamed by now.
        let _ = fs::remove_file(&self.draft);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sha256(bytes: &[u8]) -> Sha256 {
        Sha256(sha2::Sha256::digest(bytes).into())
    }

    fn builds(dir: &Path) -> Builds {
        Builds {
            directory: Some(dir.join("prepared")),
            cache: Some(dir.join("cache")),
        }
    }

    fn piece(of: &[u8], offset: usize, last: bool, bytes: &[u8]) -> BuildChunk {
        BuildChunk {
            sha256: sha256(of),
            offset: offset as u64,
            bytes: Ok(bytes.to_vec()),
            last,
        }
    }

    fn fetch(builds: &Builds, all: &[u8], damaged: bool) -> Result<Received, BuildError> {
        let mut download = builds.download(sha256(all), damaged)?;
        let kept = builds.kept(sha256(all));
        let (front, back) = all.split_at(3);
        assert!(matches!(
            download.take(&piece(all, 0, false, front), &kept)?,
            Received::Next(3)
        ));
        assert!(
            matches!(
                download.take(&piece(all, 0, false, front), &kept)?,
                Received::Next(3)
            ),
            "an old piece"
        );
        download.take(&piece(all, 3, true, back), &kept)
    }

    #[test]
    fn a_build_is_found_by_its_hash_wherever_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let builds = builds(dir.path());
        let told = dir.path().join("pgo");
        assert_eq!(
            builds.find(sha256(b"build"), &told).unwrap(),
            Found::Missing { damaged: false }
        );
        assert!(matches!(
            fetch(&builds, b"build", false).unwrap(),
            Received::Whole {
                size: 5,
                replaced: false
            }
        ));
        let kept = builds.kept(sha256(b"build"));
        assert_eq!(
            builds.find(sha256(b"build"), &told).unwrap(),
            Found::At(kept)
        );
        fs::create_dir(dir.path().join("prepared")).unwrap();
        fs::write(dir.path().join("prepared/pgo"), b"build").unwrap();
        let prepared = Found::At(dir.path().join("prepared/pgo"));
        assert_eq!(builds.find(sha256(b"build"), &told).unwrap(), prepared);
        let strict = Builds {
            cache: None,
            ..builds
        };
        assert_eq!(strict.find(sha256(b"build"), &told).unwrap(), prepared);
        let error = strict
            .find(sha256(b"other"), &told)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("--no-upload") && error.contains("--builds-dir"),
            "{error}"
        );
    }

    #[test]
    fn a_damaged_copy_is_seen_and_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let builds = builds(dir.path());
        fetch(&builds, b"build", false).unwrap();
        let kept = builds.kept(sha256(b"build"));
        fs::write(&kept, b"built").unwrap();
        let found = builds.find(sha256(b"build"), Path::new("/none")).unwrap();
        assert_eq!(found, Found::Missing { damaged: true });
        assert!(matches!(
            fetch(&builds, b"build", true).unwrap(),
            Received::Whole { replaced: true, .. }
        ));
        assert_eq!(
            builds.find(sha256(b"build"), Path::new("/none")).unwrap(),
            Found::At(kept)
        );
    }

    #[test]
    fn what_is_not_what_was_promised_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let builds = builds(dir.path());
        let kept = builds.kept(sha256(b"build"));
        let mut download = builds.download(sha256(b"build"), false).unwrap();
        let wrong = download.take(&piece(b"build", 0, true, b"built"), &kept);
        assert!(matches!(wrong, Err(BuildError::Hash { .. })), "{wrong:?}");
        let refused = BuildChunk {
            bytes: Err("no such build".into()),
            ..piece(b"build", 0, true, b"")
        };
        let refused = download.take(&refused, &kept).unwrap_err().to_string();
        assert!(refused.ends_with("no such build"), "{refused}");
        drop(download);
        assert_eq!(fs::read_dir(dir.path().join("cache")).unwrap().count(), 0);
    }
}
