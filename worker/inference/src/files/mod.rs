//! Finds the parts of a model on disk (configuration, tokenizer, weight files) and describes them
//! without reading the weights: existence, sizes, header, identity. Must not interpret the
//! architecture.

mod header;
mod locate;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use self::header::{Fnv, Header};
use crate::error::LoadError;

/// The files of one model; all existed when they were located.
#[derive(Debug, Clone)]
pub struct ModelFiles {
    /// `config.json`.
    pub config: PathBuf,
    /// `tokenizer.json`.
    pub tokenizer: PathBuf,
    /// Weight files in shard order.
    pub weights: Vec<PathBuf>,
    /// The file of each tensor, if there is an index.
    pub placed: Option<BTreeMap<String, usize>>,
}

/// Facts from the weight files' headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightFacts {
    /// 32 hexadecimal digits over sizes, headers and samples of the data: distinguishes models
    /// cheaply, but does not protect against deliberate deception.
    pub digest: String,
    /// Number of parameters stored.
    pub parameters: u64,
    /// Bytes of weight data, without headers.
    pub bytes: u64,
}

impl ModelFiles {
    /// Locates a model by its directory, one of its `.safetensors` files, or its shard index.
    ///
    /// # Errors
    /// The path or file that is missing.
    pub fn locate(path: &Path) -> Result<Self, LoadError> {
        let folder = if path.is_dir() {
            path
        } else {
            locate::folder_of(path)
        };
        if !path.exists() {
            locate::dangling(path)?;
            return Err(LoadError::PathMissing {
                path: path.to_owned(),
            });
        }
        let (weights, placed) = locate::weights(path, folder)?;
        Ok(Self {
            config: locate::present(folder, "config.json")?,
            tokenizer: locate::tokenizer(folder)?,
            weights,
            placed,
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
            let too_large = || LoadError::Header {
                path: path.clone(),
                reason: "its size overflows".to_owned(),
            };
            let sum = |total: u64, more| total.checked_add(more).ok_or_else(too_large);
            parameters = sum(parameters, header.parameters)?;
            bytes = sum(bytes, header.data_bytes)?;
            header.digest_into(path, &mut hash)?;
        }
        Ok(WeightFacts {
            digest: hash.hex(),
            parameters,
            bytes,
        })
    }

    /// The identity of the weights; see [`WeightFacts::digest`].
    ///
    /// # Errors
    /// As [`ModelFiles::facts`].
    pub fn digest(&self) -> Result<String, LoadError> {
        Ok(self.facts()?.digest)
    }
}
