//! Where an agent finds the binaries it is told to start: among its own, in a directory that was
//! filled beforehand, at the path the coordinator knows it by, or in a cache that the coordinator
//! fills. Everything is known by its SHA-256 and checked before it is used; the cache is bounded
//! before anything is added to it. Must not know who asks, nor start anything.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use contract::identity::Sha256;
use contract::message::BuildChunk;
use sha2::Digest;

use super::cache;
use crate::measure::{exe_sha256, file_sha256};

/// Largest build that is taken, bytes: far above any, and a bound on what a coordinator can fill a
/// disk with.
const LARGEST: u64 = 1 << 30;

/// Where builds may come from.
#[derive(Clone, Debug)]
pub struct Builds {
    /// Filled by whoever set up the host.
    pub directory: Option<PathBuf>,
    /// Filled from coordinators; `None` where nothing may come from them.
    pub cache: Option<PathBuf>,
}

/// What was found of a build.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Here it is.
    At(PathBuf),
    /// It is to be fetched.
    Missing {
        /// What was kept under its name is something else by now.
        damaged: bool,
    },
}

/// Why there is no build. Messages complete "failed to …".
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

/// A build on its way here.
#[derive(Debug)]
pub(super) struct Download {
    sha256: Sha256,
    draft: PathBuf,
    file: File,
    hash: sha2::Sha256,
    offset: u64,
    replaces: bool,
}

/// What follows from a piece.
#[derive(Debug)]
pub(super) enum Received {
    /// More is to come, from this byte on.
    Next(u64),
    /// It is here, whole.
    Whole {
        /// Bytes.
        size: u64,
        /// A damaged copy was replaced.
        replaced: bool,
    },
}

impl Builds {
    /// A cache in the user's own directory for such things, unless nothing may come from a
    /// coordinator.
    #[must_use]
    pub fn new(directory: Option<PathBuf>, upload: bool, home: Option<PathBuf>) -> Self {
        let cache = home.map_or_else(std::env::temp_dir, |home| home.join(".cache"));
        Self {
            directory,
            cache: upload.then(|| cache.join("pgo-benchmarks/builds")),
        }
    }

    /// Looks for a build; reads whole files.
    pub(super) fn find(&self, sha256: Sha256, told: &Path) -> Result<Found, BuildError> {
        let is_it = |path: &PathBuf| file_sha256(path).is_ok_and(|found| found == sha256);
        // Its file may have been replaced since; whoever starts it checks once more.
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

    /// Where a build is kept.
    pub(super) fn kept(&self, sha256: Sha256) -> PathBuf {
        self.cache
            .clone()
            .unwrap_or_default()
            .join(sha256.to_string())
    }

    /// Begins to fetch one.
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
    /// Takes the piece that was asked for. An old one is asked for anew.
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
        // Nothing is left behind of what did not come whole; what did has another name by now.
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
