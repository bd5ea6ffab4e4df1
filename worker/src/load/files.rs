//! The files a load is made of, opened and held to their hashes before a trial. Owns the reading; the formats are the
//! contract's ([`contract::listed`]). It must not know when anything is sent.

use std::collections::BTreeMap;
use std::path::PathBuf;

use contract::identity::Sha256;
use contract::listed::{self, Entry, ListedError};
use contract::spec::{FileSpec, PromptSet, PromptSpec, Scenario, Shape};
use sha2::Digest;

/// Why a file cannot be used. Messages complete "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is not here.
    #[error("read {path}: {source}; every host needs the file at this path")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It is another.
    #[error(
        "use {path}: its contents differ from what the plan was made with; copy the file to every host again"
    )]
    Differs {
        /// Which.
        path: PathBuf,
    },
    /// It is not what it should be.
    #[error("use {path}: failed to {source}")]
    Listed {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        source: ListedError,
    },
    /// No prompt of the set that is asked for.
    #[error("find a prompt of the {set:?} set in {path}: give it more prompts")]
    NoneOfSet {
        /// Which.
        path: PathBuf,
        /// The set.
        set: PromptSet,
    },
}

/// What the files of a scenario hold.
#[derive(Debug, Default)]
pub struct Files {
    /// The trace that its shape replays, cut to the requests it has.
    pub trace: Option<Vec<Entry>>,
    texts: BTreeMap<(String, u32), Vec<listed::Text>>,
}

impl Files {
    /// Opens all files of a scenario.
    ///
    /// # Errors
    /// When one is not there, is another, or cannot be understood.
    pub fn open(scenario: &Scenario) -> Result<Self, FileError> {
        let mut files = Self::default();
        if let Shape::Trace { file, .. } = &scenario.shape {
            let mut entries = listed::trace(&read(file)?).map_err(|source| not_so(file, source))?;
            entries.truncate(scenario.requests() as usize);
            files.trace = Some(entries);
        }
        for (_, prompt, _) in scenario.asks() {
            if let Some(file) = &prompt.file {
                let texts =
                    listed::texts(&read(file)?, prompt.turns).map_err(|source| not_so(file, source))?;
                files.texts.insert((file.path.clone(), prompt.turns), texts);
            }
        }
        Ok(files)
    }

    /// The text of this number in a set of a prompt's file, counted around; `None` where it has no file.
    ///
    /// # Errors
    /// When the set is empty.
    pub fn text(
        &self,
        prompt: &PromptSpec,
        set: PromptSet,
        number: usize,
    ) -> Result<Option<&str>, FileError> {
        let Some(file) = &prompt.file else { return Ok(None) };
        let texts = self.texts.get(&(file.path.clone(), prompt.turns)).map_or(&[][..], Vec::as_slice);
        let of_set = || texts.iter().filter(|text| text.set == set);
        let count = of_set().count();
        let missing = || FileError::NoneOfSet { path: PathBuf::from(&file.path), set };
        let at = number.checked_rem(count).ok_or_else(missing)?;
        Ok(of_set().nth(at).map(|text| text.text.as_str()))
    }
}

fn read(file: &FileSpec) -> Result<String, FileError> {
    let path = PathBuf::from(&file.path);
    let bytes = std::fs::read(&path).map_err(|source| FileError::Read { path: path.clone(), source })?;
    if file.sha256.is_some_and(|wanted| Sha256(sha2::Sha256::digest(&bytes).into()) != wanted) {
        return Err(FileError::Differs { path });
    }
    // A tokenizer takes replacement characters as any other text.
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

fn not_so(file: &FileSpec, source: ListedError) -> FileError {
    FileError::Listed { path: PathBuf::from(&file.path), source }
}
