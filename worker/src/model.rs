//! Digest over every byte of a model's files, and when it must be recomputed. The engine's own
//! digest covers headers, sizes and samples, and does not detect a damaged byte between two
//! samples. Reads whole files; must not know who asks, nor load anything.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use contract::identity::Sha256;
use inference::files::ModelFiles;
use sha2::Digest;

use crate::measure::file_sha256;

/// A file that could not be read to its end.
#[derive(Debug, thiserror::Error)]
#[error("read every byte of the model: {}: {source}", path.display())]
pub struct Unreadable {
    /// The file.
    pub path: PathBuf,
    /// The system's error.
    pub source: io::Error,
}

/// Digests of models, each computed once while the files are unchanged: same paths, sizes, times
/// and inodes. Times include that of the last change of the inode, which cannot be set back.
#[derive(Debug, Default)]
pub(crate) struct Digests(Mutex<BTreeMap<PathBuf, (Vec<State>, Sha256)>>);

/// State of a file that shows whether it was written since.
#[derive(Debug, PartialEq, Eq)]
struct State {
    path: PathBuf,
    inode: (u64, u64),
    size: u64,
    written: (i64, i64),
    changed: (i64, i64),
}

/// SHA-256 over the output of `sha256sum` for the model's files, in the order configuration,
/// tokenizer, weights, named without their directory: `cd DIR && sha256sum config.json
/// tokenizer.json model.safetensors | sha256sum` prints the same.
///
/// # Errors
/// The file that cannot be read.
pub fn sha256(files: &ModelFiles) -> Result<Sha256, Unreadable> {
    let mut list = sha2::Sha256::new();
    for path in all(files) {
        let hash = file_sha256(path).map_err(|source| Unreadable {
            path: path.clone(),
            source,
        })?;
        let name = path.file_name().unwrap_or_default().display();
        list.update(format!("{hash}  {name}\n"));
    }
    Ok(Sha256(list.finalize().into()))
}

fn all(files: &ModelFiles) -> impl Iterator<Item = &PathBuf> {
    [&files.config, &files.tokenizer]
        .into_iter()
        .chain(&files.weights)
}

impl Digests {
    /// The digest of the model at a path; `None` if there is none, because the loader has a better
    /// error for that. If it is being computed, waits for it.
    pub(crate) fn of(&self, path: &Path) -> Result<Option<Sha256>, Unreadable> {
        let Ok(files) = ModelFiles::locate(path) else {
            return Ok(None);
        };
        self.once(path, &files, || sha256(&files)).map(Some)
    }

    fn once(
        &self,
        path: &Path,
        files: &ModelFiles,
        compute: impl FnOnce() -> Result<Sha256, Unreadable>,
    ) -> Result<Sha256, Unreadable> {
        let state: Vec<State> = all(files).map(State::of).collect::<Result<_, _>>()?;
        // A digest is written atomically, even if a thread that computed one panicked.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, digest)) = known.get(path).filter(|(then, _)| *then == state) {
            return Ok(*digest);
        }
        let digest = compute()?;
        known.insert(path.to_owned(), (state, digest));
        Ok(digest)
    }
}

impl State {
    fn of(path: &PathBuf) -> Result<Self, Unreadable> {
        let facts = fs::metadata(path).map_err(|source| Unreadable {
            path: path.clone(),
            source,
        })?;
        Ok(Self {
            path: path.clone(),
            inode: (facts.dev(), facts.ino()),
            size: facts.size(),
            written: (facts.mtime(), facts.mtime_nsec()),
            changed: (facts.ctime(), facts.ctime_nsec()),
        })
    }
}

#[cfg(test)]
mod tests {
    use inference::synth::{self, Preset};

    use super::*;

    /// A model of less than a megabyte, most of which no sample covers.
    fn model(dir: &Path) -> (PathBuf, ModelFiles) {
        let model = dir.join("model");
        synth::write(Preset::Tiny, 1, &model).expect("it can be written");
        let files = ModelFiles::locate(&model).expect("it is there");
        (model, files)
    }

    /// Flips a bit in the middle of the weights.
    fn flip(files: &ModelFiles) {
        let mut bytes = fs::read(&files.weights[0]).expect("it is there");
        // Half-way between two samples.
        let at = bytes.len() / 2 + 4096;
        bytes[at] ^= 1;
        fs::write(&files.weights[0], bytes).expect("it is writable");
    }

    #[test]
    fn a_flipped_bit_that_headers_and_samples_hide_changes_the_digest() {
        let dir = tempfile::tempdir().expect("a directory");
        let (_, files) = model(dir.path());
        let digests = || {
            (
                files.digest().expect("it is a model"),
                sha256(&files).expect("it is readable"),
            )
        };
        let before = digests();
        assert_eq!(digests(), before);
        flip(&files);
        let after = digests();
        assert_eq!(
            after.0, before.0,
            "counter-check: the digest of header, size and samples misses it"
        );
        assert_ne!(after.1, before.1);
    }

    #[test]
    fn it_is_computed_once_for_a_state_of_the_files() {
        let dir = tempfile::tempdir().expect("a directory");
        let (path, files) = model(dir.path());
        let (digests, computed) = (Digests::default(), std::cell::Cell::new(0));
        let ask = || {
            let compute = || {
                computed.set(computed.get() + 1);
                sha256(&files)
            };
            digests
                .once(&path, &files, compute)
                .expect("it is readable")
        };
        let first = ask();
        assert_eq!((ask(), computed.get()), (first, 1));
        flip(&files);
        assert_ne!(ask(), first);
        assert_eq!(computed.get(), 2);
    }

    #[test]
    fn where_there_is_no_model_there_is_no_digest_and_one_that_cannot_be_read_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        assert!(matches!(
            Digests::default().of(&dir.path().join("none")),
            Ok(None)
        ));
        let (path, files) = model(dir.path());
        assert!(matches!(Digests::default().of(&path), Ok(Some(_))));
        fs::remove_file(&files.weights[0]).expect("it was there");
        let error = sha256(&files)
            .expect_err("the file was removed")
            .to_string();
        assert!(error.contains("model.safetensors"), "{error}");
    }
}
