//! The files of a load, opened and checked against their hashes before a trial. Owns the reading,
//! and keeps only the prompts that are sent; the formats are in the contract
//! ([`contract::prompt_files`]). Must not know when anything is sent.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use contract::prompt_files::{self, Entry, PromptFileError, Survey};
use contract::source::{MOST_PROMPTS, MOST_TRACE, SourceError, Text};
use contract::spec::{Assignment, FileSpec, PromptSet, PromptSpec, Scenario, Shape};

use super::requests::DIFFERENT;
use crate::stream::{Purpose, Stream};

/// Why a file cannot be used. Messages complete "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("use {path}: failed to {source}; every host needs the file at this path")]
    Read {
        /// The prompt or trace file.
        path: PathBuf,
        /// The reason.
        source: SourceError,
    },
    /// Its content differs.
    #[error(
        "use {path}: its contents differ from the file that the plan was made with; copy the file to every \
         host again"
    )]
    Differs {
        /// The prompt or trace file.
        path: PathBuf,
    },
    /// Its content is invalid.
    #[error("use {path}: failed to {source}")]
    Listed {
        /// The prompt or trace file.
        path: PathBuf,
        /// What is wrong.
        source: PromptFileError,
    },
    /// No prompt is in the required set.
    #[error("find a prompt of the {set:?} set in {path}: add more prompts")]
    NoneOfSet {
        /// The prompt file.
        path: PathBuf,
        /// The set.
        set: PromptSet,
    },
}

/// Contents of a scenario's files.
#[derive(Debug, Default)]
pub struct Files {
    /// The trace of its shape, cut to the requests it has.
    pub trace: Option<Vec<Entry>>,
    /// Index in a prompt file at which the first request begins; it differs for every seed, and so
    /// for every round.
    first: u64,
    texts: BTreeMap<(String, u32), Texts>,
}

/// The prompts of a file that are sent, by index in their set.
#[derive(Debug)]
struct Texts {
    survey: Survey,
    kept: BTreeMap<(PromptSet, u64), String>,
}

impl Files {
    /// Opens all files of an assignment.
    ///
    /// # Errors
    /// When one cannot be read, differs from the plan's, or is invalid.
    pub fn open(of: &Assignment) -> Result<Self, FileError> {
        let scenario = &of.scenario;
        let first = Stream::new(of.seed, Purpose::File, 0).below(1 << 20) as u64;
        let mut files = Self {
            first,
            ..Self::default()
        };
        if let Shape::Trace { file, .. } = &scenario.shape {
            let mut entries = read(file, MOST_TRACE, |_, text| prompt_files::trace(text))?;
            entries.truncate(scenario.requests() as usize);
            files.trace = Some(entries);
        }
        let numbers = first..first + u64::from(different(scenario));
        for (_, prompt, _) in scenario.asks() {
            if let Some(file) = &prompt.file {
                let texts = Texts::open(file, prompt.turns, numbers.clone())?;
                files.texts.insert((file.path.clone(), prompt.turns), texts);
            }
        }
        Ok(files)
    }

    /// The text of a request from a prompt file, wrapping around at the end of its set; `None` if
    /// the prompt has no file.
    ///
    /// # Errors
    /// When the set is empty.
    pub fn text(
        &self,
        prompt: &PromptSpec,
        set: PromptSet,
        index: u32,
    ) -> Result<Option<&str>, FileError> {
        let Some(file) = &prompt.file else {
            return Ok(None);
        };
        let texts = self.texts.get(&(file.path.clone(), prompt.turns));
        let text = texts.and_then(|texts| {
            let at = (self.first + u64::from(index)).checked_rem(size(&texts.survey, set))?;
            texts.kept.get(&(set, at))
        });
        text.map(|text| Some(text.as_str()))
            .ok_or_else(|| FileError::NoneOfSet {
                path: PathBuf::from(&file.path),
                set,
            })
    }
}

impl Texts {
    /// Reads a file twice: the number of prompts decides which of them are sent.
    fn open(file: &FileSpec, turns: u32, numbers: std::ops::Range<u64>) -> Result<Self, FileError> {
        let pass = |take: &mut dyn FnMut(prompt_files::Text)| {
            read(file, MOST_PROMPTS, |path, text| {
                prompt_files::prompts(path, text, turns, take)
            })
        };
        let survey = pass(&mut |_| ())?;
        let is_sent = |set, at| {
            let size = size(&survey, set);
            let from = numbers.start % size;
            numbers.end - numbers.start > (at + size - from) % size
        };
        let (mut kept, mut counts) = (BTreeMap::new(), BTreeMap::new());
        pass(&mut |one| {
            let count = counts.entry(one.set).or_insert(0_u64);
            if is_sent(one.set, *count) {
                kept.insert((one.set, *count), one.text);
            }
            *count += 1;
        })?;
        Ok(Self { survey, kept })
    }
}

fn size(survey: &Survey, set: PromptSet) -> u64 {
    match set {
        PromptSet::Evaluation => survey.evaluation,
        PromptSet::Training => survey.training,
    }
}

/// Number of different requests of a scenario over all slots; those of a trace all differ.
fn different(scenario: &Scenario) -> u32 {
    match scenario.shape {
        Shape::Trace { .. } => scenario.requests().max(DIFFERENT),
        _ => DIFFERENT,
    }
}

/// The contents of a file, if it is the one that the plan was made with.
fn read<T>(
    file: &FileSpec,
    most: u64,
    parse: impl FnOnce(&Path, &mut Text<std::fs::File>) -> Result<T, PromptFileError>,
) -> Result<T, FileError> {
    let path = Path::new(&file.path);
    let unread = |source| FileError::Read {
        path: path.to_owned(),
        source,
    };
    let mut text = Text::open(path, most).map_err(unread)?;
    let parsed = parse(path, &mut text);
    // If the copy differs, that is the cause of any other error in it.
    let differs = |sha256| file.sha256.is_some_and(|wanted| wanted != sha256);
    match (parsed, text.finish().map(differs)) {
        (_, Ok(true)) => Err(FileError::Differs {
            path: path.to_owned(),
        }),
        (Err(source), _) => Err(FileError::Listed {
            path: path.to_owned(),
            source,
        }),
        (Ok(_), Err(source)) => Err(unread(source)),
        (Ok(parsed), Ok(false)) => Ok(parsed),
    }
}
