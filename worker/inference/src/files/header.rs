//! The header of a safetensors file: its sizes, and the identity of a model's weights from headers
//! and samples. Must not know which files belong to a model.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::error::LoadError;
use crate::{json, opened};

/// Longest header accepted, in bytes; the same limit as the safetensors crate.
const MAX_HEADER: u64 = 100_000_000;
/// Pieces of weight data in the digest, for each file.
const SAMPLES: u64 = 32;
const SAMPLE_BYTES: u64 = 4096;

#[derive(Deserialize)]
struct Entry {
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

/// Fails if a weights file begins like a file of another type.
fn not_something_else(path: &Path, beginning: &[u8; 8]) -> Result<(), LoadError> {
    let what = match beginning {
        // Beginning of a Git LFS pointer.
        b"version " => {
            "is a pointer of Git LFS, not the weights themselves: run `git lfs pull` where it was cloned, or fetch the file"
        }
        [b'G', b'G', b'U', b'F', ..] => {
            "is a GGUF file: `worker model import` makes a model directory of it"
        }
        [b'P', b'K', 3, 4, ..] => {
            "is a PyTorch archive, not safetensors: save the model again with safe_serialization"
        }
        [b'<', b'!' | b'h' | b'H', ..] => {
            "is a web page, as a failed download leaves one: fetch the file again"
        }
        _ => return Ok(()),
    };
    Err(LoadError::NotWeights {
        path: path.to_owned(),
        what,
    })
}

/// The fields of a safetensors header that give sizes and identity.
pub(super) struct Header {
    text: Vec<u8>,
    pub(super) parameters: u64,
    pub(super) data_bytes: u64,
}

impl Header {
    pub(super) fn read(path: &Path) -> Result<Self, LoadError> {
        let io = |source| LoadError::Io {
            path: path.to_owned(),
            source,
        };
        let broken = |reason: String| LoadError::Header {
            path: path.to_owned(),
            reason,
        };
        let mut file = opened::regular(path).map_err(io)?;
        let actual = file.metadata().map_err(io)?.len();
        let mut prefix = [0; 8];
        if actual == 0 {
            return Err(LoadError::NotWeights {
                path: path.to_owned(),
                what: "is empty",
            });
        }
        file.read_exact(&mut prefix)
            .map_err(|_| LoadError::WrongSize {
                path: path.to_owned(),
                expected: 8,
                actual,
            })?;
        let length = u64::from_le_bytes(prefix);
        not_something_else(path, &prefix)?;
        if length > MAX_HEADER {
            return Err(broken(format!("its length field says {length} bytes")));
        }
        let mut text = vec![0; length as usize];
        file.read_exact(&mut text)
            .map_err(|_| LoadError::WrongSize {
                path: path.to_owned(),
                expected: 8 + length,
                actual,
            })?;
        let (parameters, data_bytes) = totals(&text).map_err(broken)?;
        let expected = data_bytes
            .checked_add(8 + length)
            .ok_or_else(|| broken("its offsets overflow".to_owned()))?;
        if expected != actual {
            return Err(LoadError::WrongSize {
                path: path.to_owned(),
                expected,
                actual,
            });
        }
        Ok(Self {
            text,
            parameters,
            data_bytes,
        })
    }

    pub(super) fn digest_into(&self, path: &Path, hash: &mut Fnv) -> Result<(), LoadError> {
        let io = |source| LoadError::Io {
            path: path.to_owned(),
            source,
        };
        hash.update(&self.data_bytes.to_le_bytes());
        hash.update(&self.text);
        let mut file = opened::regular(path).map_err(io)?;
        let start = 8 + self.text.len() as u64;
        let span = self.data_bytes.saturating_sub(SAMPLE_BYTES);
        let mut sample = vec![0; SAMPLE_BYTES.min(self.data_bytes) as usize];
        for piece in 0..SAMPLES {
            file.seek(SeekFrom::Start(start + span * piece / (SAMPLES - 1)))
                .map_err(io)?;
            file.read_exact(&mut sample).map_err(io)?;
            hash.update(&sample);
        }
        Ok(())
    }
}

/// Parameters and data bytes of a header text.
fn totals(text: &[u8]) -> Result<(u64, u64), String> {
    let Value::Object(entries) = json::parse(text).map_err(|error| error.to_string())? else {
        return Err("is no list of tensors".to_owned());
    };
    let (mut parameters, mut end) = (0u64, 0);
    for (name, value) in entries
        .into_iter()
        .filter(|(name, _)| name != "__metadata__")
    {
        let entry: Entry =
            serde_json::from_value(value).map_err(|error| format!("{name}: {error}"))?;
        let elements = entry
            .shape
            .iter()
            .try_fold(1u64, |product, &size| product.checked_mul(size));
        parameters = elements
            .and_then(|elements| elements.checked_add(parameters))
            .ok_or_else(|| format!("{name}: its shape overflows"))?;
        end = end.max(entry.data_offsets.1);
    }
    Ok((parameters, end))
}

/// FNV-1a with 128 bits (Fowler, Noll, Vo).
pub(super) struct Fnv(u128);

impl Fnv {
    pub(super) fn new() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 =
                (self.0 ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }

    pub(super) fn hex(&self) -> String {
        format!("{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals_of(shape: &str, end: &str) -> Result<(u64, u64), String> {
        let tensor = |name| {
            format!(r#""{name}":{{"dtype":"F32","shape":{shape},"data_offsets":[0,{end}]}}"#)
        };
        totals(format!("{{{},{}}}", tensor("a"), tensor("b")).as_bytes())
    }

    #[test]
    fn headers_whose_sums_overflow_are_errors() {
        assert_eq!(totals_of("[2,3]", "24"), Ok((12, 24)));
        assert!(totals_of("[9223372036854775808]", "24").is_err());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.safetensors");
        let text = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551615]}}"#;
        std::fs::write(
            &path,
            [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat(),
        )
        .unwrap();
        assert!(matches!(Header::read(&path), Err(LoadError::Header { .. })));
    }
}
