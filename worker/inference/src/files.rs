//! Finds the parts of a model on disk (configuration, tokenizer, weight files) and describes them without
//! reading the weights: existence, sizes, header, identity. It must not interpret the architecture.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::LoadError;
use crate::opened;

const INDEX: &str = "model.safetensors.index.json";
const SINGLE: &str = "model.safetensors";
/// Longest header accepted, in bytes; the same limit as the safetensors crate.
const MAX_HEADER: u64 = 100_000_000;
/// Pieces of weight data that enter the digest, per file.
const SAMPLES: u64 = 32;
const SAMPLE_BYTES: u64 = 4096;

/// The files of one model, all of which existed when they were located.
#[derive(Debug, Clone)]
pub struct ModelFiles {
    /// `config.json`.
    pub config: PathBuf,
    /// `tokenizer.json`.
    pub tokenizer: PathBuf,
    /// Weight files in shard order.
    pub weights: Vec<PathBuf>,
}

/// What the weight files say of themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightFacts {
    /// 32 hexadecimal digits over sizes, headers and samples of the data: tells models apart cheaply, and is
    /// no protection against somebody who wants to deceive.
    pub digest: String,
    /// Number of parameters stored.
    pub parameters: u64,
    /// Bytes of weight data, without headers.
    pub bytes: u64,
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Entry {
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

impl ModelFiles {
    /// Locates a model by its directory, one of its `.safetensors` files, or its shard index.
    ///
    /// # Errors
    /// Names the path or the file that is missing.
    pub fn locate(path: &Path) -> Result<Self, LoadError> {
        if !path.exists() {
            return Err(LoadError::PathMissing { path: path.to_owned() });
        }
        let folder = if path.is_dir() { path } else { folder_of(path) };
        let weights = if path.is_dir() { weights_in(folder)? } else { weights_named(path, folder)? };
        Ok(Self {
            config: present(folder, "config.json")?,
            tokenizer: present(folder, "tokenizer.json")?,
            weights,
        })
    }

    /// Reads the headers and samples of the data.
    ///
    /// # Errors
    /// An unreadable, truncated or damaged weight file.
    pub fn facts(&self) -> Result<WeightFacts, LoadError> {
        let mut hash = Fnv::new();
        let (mut parameters, mut bytes) = (0, 0);
        for path in &self.weights {
            let header = Header::read(path)?;
            let too_large =
                || LoadError::Header { path: path.clone(), reason: "its size overflows".to_owned() };
            let sum = |total: u64, more| total.checked_add(more).ok_or_else(too_large);
            parameters = sum(parameters, header.parameters)?;
            bytes = sum(bytes, header.data_bytes)?;
            header.digest_into(path, &mut hash)?;
        }
        Ok(WeightFacts { digest: hash.hex(), parameters, bytes })
    }

    /// The identity of the weights; see [`WeightFacts::digest`].
    ///
    /// # Errors
    /// As [`ModelFiles::facts`].
    pub fn digest(&self) -> Result<String, LoadError> {
        Ok(self.facts()?.digest)
    }
}

/// The directory part of a path; `.` for a bare file name.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn present(folder: &Path, file: &str) -> Result<PathBuf, LoadError> {
    let path = folder.join(file);
    if path.is_file() {
        Ok(path)
    } else {
        Err(LoadError::FileMissing { folder: folder.to_owned(), file: file.to_owned() })
    }
}

fn weights_in(folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let index = folder.join(INDEX);
    if index.is_file() { shards(&index, folder) } else { Ok(vec![present(folder, SINGLE)?]) }
}

fn weights_named(path: &Path, folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    if name.ends_with(".index.json") {
        return shards(path, folder);
    }
    if !name.ends_with(".safetensors") {
        return Err(LoadError::NotAModel { path: path.to_owned() });
    }
    let index = folder.join(INDEX);
    if name != SINGLE && index.is_file() {
        let all = shards(&index, folder)?;
        if all.iter().any(|shard| shard.file_name() == path.file_name()) {
            return Ok(all);
        }
    }
    Ok(vec![path.to_owned()])
}

fn shards(index: &Path, folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let json = |reason: String| LoadError::Json { path: index.to_owned(), reason };
    let text = opened::text(index, opened::INDEX)
        .map_err(|source| LoadError::Io { path: index.to_owned(), source })?;
    let parsed: Index = serde_json::from_str(&text).map_err(|error| json(error.to_string()))?;
    let names: BTreeSet<&String> = parsed.weight_map.values().collect();
    if names.is_empty() {
        return Err(json("weight_map names no file".to_owned()));
    }
    names.into_iter().map(|name| present(folder, name)).collect()
}

/// The part of a safetensors header that sizes and identity need.
struct Header {
    text: Vec<u8>,
    parameters: u64,
    data_bytes: u64,
}

impl Header {
    fn read(path: &Path) -> Result<Self, LoadError> {
        let io = |source| LoadError::Io { path: path.to_owned(), source };
        let broken = |reason: String| LoadError::Header { path: path.to_owned(), reason };
        let mut file = opened::regular(path).map_err(io)?;
        let actual = file.metadata().map_err(io)?.len();
        let mut prefix = [0; 8];
        file.read_exact(&mut prefix).map_err(|_| LoadError::WrongSize {
            path: path.to_owned(),
            expected: 8,
            actual,
        })?;
        let length = u64::from_le_bytes(prefix);
        if length > MAX_HEADER {
            return Err(broken(format!("its length field says {length} bytes")));
        }
        let mut text = vec![0; length as usize];
        file.read_exact(&mut text).map_err(|_| LoadError::WrongSize {
            path: path.to_owned(),
            expected: 8 + length,
            actual,
        })?;
        let (parameters, data_bytes) = totals(&text).map_err(broken)?;
        let expected =
            data_bytes.checked_add(8 + length).ok_or_else(|| broken("its offsets overflow".to_owned()))?;
        if expected != actual {
            return Err(LoadError::WrongSize { path: path.to_owned(), expected, actual });
        }
        Ok(Self { text, parameters, data_bytes })
    }

    fn digest_into(&self, path: &Path, hash: &mut Fnv) -> Result<(), LoadError> {
        let io = |source| LoadError::Io { path: path.to_owned(), source };
        hash.update(&self.data_bytes.to_le_bytes());
        hash.update(&self.text);
        let mut file = opened::regular(path).map_err(io)?;
        let start = 8 + self.text.len() as u64;
        let span = self.data_bytes.saturating_sub(SAMPLE_BYTES);
        let mut sample = vec![0; SAMPLE_BYTES.min(self.data_bytes) as usize];
        for piece in 0..SAMPLES {
            file.seek(SeekFrom::Start(start + span * piece / (SAMPLES - 1))).map_err(io)?;
            file.read_exact(&mut sample).map_err(io)?;
            hash.update(&sample);
        }
        Ok(())
    }
}

/// Parameters and data bytes of a header text.
fn totals(text: &[u8]) -> Result<(u64, u64), String> {
    let entries: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let (mut parameters, mut end) = (0u64, 0);
    for (name, value) in entries.into_iter().filter(|(name, _)| name != "__metadata__") {
        let entry: Entry = serde_json::from_value(value).map_err(|error| format!("{name}: {error}"))?;
        let elements = entry.shape.iter().try_fold(1u64, |product, &size| product.checked_mul(size));
        parameters = elements
            .and_then(|elements| elements.checked_add(parameters))
            .ok_or_else(|| format!("{name}: its shape overflows"))?;
        end = end.max(entry.data_offsets.1);
    }
    Ok((parameters, end))
}

/// FNV-1a with 128 bits (Fowler, Noll, Vo).
struct Fnv(u128);

impl Fnv {
    fn new() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    fn update(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }

    fn hex(&self) -> String {
        format!("{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals_of(shape: &str, end: &str) -> Result<(u64, u64), String> {
        let tensor = |name| format!(r#""{name}":{{"dtype":"F32","shape":{shape},"data_offsets":[0,{end}]}}"#);
        totals(format!("{{{},{}}}", tensor("a"), tensor("b")).as_bytes())
    }

    #[test]
    fn headers_whose_sums_overflow_are_errors() {
        assert_eq!(totals_of("[2,3]", "24"), Ok((12, 24)));
        assert!(totals_of("[9223372036854775808]", "24").is_err());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.safetensors");
        let text = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551615]}}"#;
        std::fs::write(&path, [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()).unwrap();
        assert!(matches!(Header::read(&path), Err(LoadError::Header { .. })));
    }
}
