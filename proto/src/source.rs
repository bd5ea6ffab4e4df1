//! Reads text files that users wrote, in the same way for coordinator and worker: regular files of
//! a bounded size, in UTF-8 with or without a byte-order mark, line by line or as one stream,
//! hashed at the same time. Must not know their formats ([`crate::prompt_files`]), and holds at
//! most one line of a file.

use std::fs::File;
use std::io::{self, BufRead, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use sha2::Digest;

use crate::identity::Sha256;

/// Greatest size of a plan, bytes.
pub const MOST_PLAN: u64 = 16 << 20;
/// Greatest size of a trace, bytes.
pub const MOST_TRACE: u64 = 1 << 30;
/// Greatest size of a prompt file, bytes.
pub const MOST_PROMPTS: u64 = 8 << 30;
/// Greatest size of one line, or of one prompt or conversation of a JSON array, bytes.
pub const MOST_LINE: usize = 16 << 20;

const CHUNK: usize = 64 << 10;

const MARK: &str = "\u{feff}";

/// Why a file is not read. Messages complete "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It does not exist, permission is denied, or the disk failed.
    #[error("read it: {0}")]
    Read(#[from] io::Error),
    /// Not a regular file, so its end is not known before it is read.
    #[error(
        "read it: it is {0}, and only a regular file has an end that is known; write it into one first"
    )]
    NotRegular(&'static str),
    /// Larger than allowed.
    #[error("read it: it has {bytes} bytes or more, and at most {most} are allowed; divide it")]
    TooLarge {
        /// Its size, as far as known.
        bytes: u64,
        /// The limit.
        most: u64,
    },
    /// Another encoding, by its byte-order mark.
    #[error("read it as UTF-8: it is in {0}; convert it with `iconv -f {0} -t UTF-8 FILE > NEW`")]
    Encoding(&'static str),
    /// Not UTF-8.
    #[error(
        "read line {line} as UTF-8: it has invalid bytes; convert the file with `iconv -t UTF-8`"
    )]
    Utf8 {
        /// Line number, from one.
        line: usize,
    },
    /// A zero byte.
    #[error(
        "read line {line} as text: it has a zero byte, as in binary files and in UTF-16; convert it to UTF-8"
    )]
    Zero {
        /// Line number, from one.
        line: usize,
    },
    /// A line longer than allowed.
    #[error("read line {line}: it is longer than {MOST_LINE} bytes; divide it")]
    LongLine {
        /// Line number, from one.
        line: usize,
    },
    /// An array element longer than allowed.
    #[error("read it: one of its prompts is longer than {MOST_LINE} bytes; divide it")]
    LongElement,
}

/// A text, from beginning to end. Its output is UTF-8 without a byte-order mark and without zero
/// bytes.
pub struct Text<R> {
    inner: R,
    /// Bytes that may still be read: a file can be longer than its reported size, or grow.
    left: u64,
    most: u64,
    hash: sha2::Sha256,
    /// Bytes that were read but not consumed; those before `checked` are valid text.
    chunk: Vec<u8>,
    taken: usize,
    checked: usize,
    ended: bool,
    begun: bool,
    /// Number of line ends before the chunk.
    lines: usize,
    /// Number of line ends returned by [`Text::line`].
    told: usize,
}

impl Text<File> {
    /// Opens a regular file of at most `most` bytes. For anything else, returns an error at once.
    ///
    /// # Errors
    /// When it does not exist, is not a regular file, or is larger.
    pub fn open(path: &Path, most: u64) -> Result<Self, SourceError> {
        // Checked before it is opened, because opening a device may have effects; and after,
        // because it may have been replaced.
        regular(&std::fs::metadata(path)?, most)?;
        let file = std::fs::OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)?;
        regular(&file.metadata()?, most)?;
        Ok(Self {
            left: most,
            most,
            ..Self::of(file)
        })
    }
}

fn regular(facts: &std::fs::Metadata, most: u64) -> Result<(), SourceError> {
    let kind = facts.file_type();
    let other = [
        (kind.is_dir(), "a directory"),
        (kind.is_fifo(), "a named pipe"),
        (kind.is_socket(), "a socket"),
        (kind.is_block_device() || kind.is_char_device(), "a device"),
        (!kind.is_file(), "no file"),
    ];
    match other.into_iter().find(|(is, _)| *is) {
        Some((_, what)) => Err(SourceError::NotRegular(what)),
        None if facts.len() > most => Err(SourceError::TooLarge {
            bytes: facts.len(),
            most,
        }),
        None => Ok(()),
    }
}

impl<R: Read> Text<R> {
    /// A text from its first byte on.
    pub fn of(inner: R) -> Self {
        Self {
            inner,
            left: u64::MAX,
            most: u64::MAX,
            hash: sha2::Sha256::new(),
            chunk: Vec::with_capacity(CHUNK),
            taken: 0,
            checked: 0,
            ended: false,
            begun: false,
            lines: 0,
            told: 0,
        }
    }

    /// The next line without its end, with its number from one; `None` at the end of the text. A
    /// byte-order mark at its beginning is removed, because concatenated files have one in the
    /// middle.
    ///
    /// # Errors
    /// When it cannot be read, or is not text.
    pub fn line<'a>(
        &mut self,
        into: &'a mut String,
    ) -> Result<Option<(usize, &'a str)>, SourceError> {
        let mut bytes = std::mem::take(into).into_bytes();
        bytes.clear();
        let number = self.told + 1;
        loop {
            let ready = self.ready()?;
            if ready.is_empty() {
                break;
            }
            let end = ready.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(ready.len(), |at| at + 1);
            bytes.extend_from_slice(&ready[..taken]);
            self.taken += taken;
            if bytes.len() > MOST_LINE {
                return Err(SourceError::LongLine { line: number });
            }
            if end.is_some() {
                break;
            }
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        self.told = number;
        *into = String::from_utf8(bytes).map_err(|_| SourceError::Utf8 { line: number })?;
        let line = into.strip_suffix('\n').unwrap_or(into);
        let line = line.strip_suffix('\r').unwrap_or(line);
        Ok(Some((number, line.strip_prefix(MARK).unwrap_or(line))))
    }

    /// Bytes that were read and not consumed yet; empty only at the end.
    ///
    /// # Errors
    /// When it cannot be read, or is not text.
    pub fn ready(&mut self) -> Result<&[u8], SourceError> {
        while self.taken == self.checked && !(self.ended && self.checked == self.chunk.len()) {
            self.fill()?;
        }
        Ok(&self.chunk[self.taken..self.checked])
    }

    /// The hash of the whole file, including its byte-order mark.
    ///
    /// # Errors
    /// When the rest cannot be read.
    pub fn finish(mut self) -> Result<Sha256, SourceError> {
        while !self.ready()?.is_empty() {
            self.taken = self.checked;
        }
        Ok(Sha256(self.hash.finalize().into()))
    }

    fn fill(&mut self) -> Result<(), SourceError> {
        self.lines += ends(&self.chunk[..self.taken]);
        self.chunk.drain(..self.taken);
        (self.taken, self.checked) = (0, 0);
        // A byte-order mark is recognised by the first bytes, which may arrive one by one.
        loop {
            let had = self.chunk.len();
            self.chunk.resize(had + CHUNK, 0);
            let read = self.inner.read(&mut self.chunk[had..])?;
            self.chunk.truncate(had + read);
            let too_large = SourceError::TooLarge {
                bytes: self.most.saturating_add(1),
                most: self.most,
            };
            self.left = self.left.checked_sub(read as u64).ok_or(too_large)?;
            self.hash.update(&self.chunk[had..]);
            self.ended |= read == 0;
            if self.begun || self.ended || self.chunk.len() >= 4 {
                break;
            }
        }
        if !self.begun {
            self.begin()?;
        }
        self.check()
    }

    fn begin(&mut self) -> Result<(), SourceError> {
        self.begun = true;
        let marks: [(&[u8], _); 4] = [
            (&[0xFF, 0xFE, 0, 0], "UTF-32"),
            (&[0, 0, 0xFE, 0xFF], "UTF-32"),
            (&[0xFF, 0xFE], "UTF-16"),
            (&[0xFE, 0xFF], "UTF-16"),
        ];
        if let Some((_, name)) = marks.iter().find(|(mark, _)| self.chunk.starts_with(mark)) {
            return Err(SourceError::Encoding(name));
        }
        if self.chunk.starts_with(MARK.as_bytes()) {
            self.chunk.drain(..MARK.len());
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), SourceError> {
        self.checked = match std::str::from_utf8(&self.chunk) {
            Ok(_) => self.chunk.len(),
            // The rest of a character arrives with the next bytes.
            Err(error) if error.error_len().is_none() && !self.ended => error.valid_up_to(),
            Err(error) => {
                return Err(SourceError::Utf8 {
                    line: self.line_at(error.valid_up_to()),
                });
            }
        };
        match self.chunk[..self.checked]
            .iter()
            .position(|byte| *byte == 0)
        {
            Some(at) => Err(SourceError::Zero {
                line: self.line_at(at),
            }),
            None => Ok(()),
        }
    }

    fn line_at(&self, byte: usize) -> usize {
        self.lines + ends(&self.chunk[..byte]) + 1
    }
}

fn ends(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// For parsers that read a stream. Every failure is an error whose inner error is a
/// [`SourceError`].
impl<R: Read> Read for Text<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let taken = ready.len().min(into.len());
        into[..taken].copy_from_slice(&ready[..taken]);
        self.consume(taken);
        Ok(taken)
    }
}

impl<R: Read> BufRead for Text<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.ready().map_err(io::Error::other)
    }

    fn consume(&mut self, taken: usize) {
        self.taken += taken;
    }
}

/// The whole of a small file, and its hash.
///
/// # Errors
/// When it cannot be read, or is not text.
pub fn whole(path: &Path, most: u64) -> Result<(String, Sha256), SourceError> {
    let mut text = Text::open(path, most)?;
    let mut all = Vec::new();
    loop {
        let ready = text.ready()?;
        if ready.is_empty() {
            break;
        }
        all.extend_from_slice(ready);
        text.taken = text.checked;
    }
    let all = String::from_utf8(all).map_err(|_| SourceError::Utf8 { line: 1 })?;
    Ok((all, text.finish()?))
}

#[cfg(test)]
mod tests;
