//! Sends pieces of builds to agents that lack them. Serves only builds that this run uses,
//! addressed by hash.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use contract::identity::Sha256;
use contract::message::{BuildChunk, PART_CHUNK};

use crate::dispatch::job::Binary;

/// The next piece of a build.
pub(super) async fn piece(
    binaries: &BTreeMap<String, Binary>,
    sha256: Sha256,
    offset: u64,
) -> BuildChunk {
    let Some(binary) = binaries.values().find(|binary| binary.sha256 == sha256) else {
        let refused = "it is no build of this run".to_owned();
        return BuildChunk {
            sha256,
            offset,
            bytes: Err(refused),
            last: true,
        };
    };
    let path = binary.path.clone();
    let read = tokio::task::spawn_blocking(move || read(&path, offset))
        .await
        .map_err(io::Error::other);
    match read.and_then(|read| read) {
        Ok((bytes, last)) => BuildChunk {
            sha256,
            offset,
            bytes: Ok(bytes),
            last,
        },
        Err(error) => {
            let refused = format!("read {}: {error}", binary.path.display());
            BuildChunk {
                sha256,
                offset,
                bytes: Err(refused),
                last: true,
            }
        }
    }
}

/// Reads at most [`PART_CHUNK`] bytes, and says whether they reach the end of the file.
fn read(path: &Path, offset: u64) -> io::Result<(Vec<u8>, bool)> {
    let file = contract::files::open(path)?;
    let left = file.metadata()?.len().saturating_sub(offset);
    let mut bytes = vec![0; left.min(PART_CHUNK as u64) as usize];
    file.read_exact_at(&mut bytes, offset)?;
    let last = bytes.len() as u64 == left;
    Ok((bytes, last))
}
