//! SHA-256 of files, bytes and labelled fields. Must not know what is hashed.

use std::io::Read;
use std::path::Path;

use contract::files;
use contract::identity::Sha256;
use sha2::Digest;

use super::BuildError;

/// Bytes read at a time.
const CHUNK: usize = 1 << 16;

/// Combines labelled fields into one digest. Lengths are hashed too, so no two lists of fields
/// collide.
pub(super) struct Fields(sha2::Sha256);

impl Fields {
    pub(super) fn new(purpose: &str) -> Self {
        Self(sha2::Sha256::new()).field("purpose", purpose)
    }

    pub(super) fn field(mut self, label: &str, value: &str) -> Self {
        for text in [label, value] {
            self.0.update((text.len() as u64).to_le_bytes());
            self.0.update(text.as_bytes());
        }
        self
    }

    pub(super) fn fields<'a>(
        self,
        label: &str,
        values: impl IntoIterator<Item = &'a String>,
    ) -> Self {
        values
            .into_iter()
            .fold(self, |digest, value| digest.field(label, value))
    }

    pub(super) fn hex(self) -> String {
        Sha256(self.0.finalize().into()).to_string()
    }
}

/// SHA-256 of a file's bytes.
///
/// # Errors
/// When the file cannot be read.
pub fn file_sha256(path: &Path) -> Result<Sha256, BuildError> {
    let mut file = files::open(path).map_err(BuildError::io(path))?;
    let mut hasher = sha2::Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = file.read(&mut chunk).map_err(BuildError::io(path))?;
        if read == 0 {
            return Ok(Sha256(hasher.finalize().into()));
        }
        hasher.update(&chunk[..read]);
    }
}

/// SHA-256 of bytes in memory.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Sha256 {
    Sha256(sha2::Sha256::digest(bytes).into())
}

/// SHA-256 of a file as lower-case hex.
pub(super) fn file(path: &Path) -> Result<String, BuildError> {
    file_sha256(path).map(|digest| digest.to_string())
}

/// SHA-256 of bytes as lower-case hex.
pub(super) fn bytes(bytes: &[u8]) -> String {
    sha256(bytes).to_string()
}
