//! Export files: one run, self-contained. Owns their layout; must not know the database.
//!
//! Integers big-endian:
//!
//! ```text
//! "PGOBRUN\n"                 8 bytes
//! layout                      u32
//! run id                      26 bytes
//! frame*                      section u8, length u32, that many bytes: a sealed record
//! end                         section 0 u8, number of frames u32
//! BLAKE3 of all before        32 bytes
//! ```
//!
//! Sections are in ascending order: 1 header, 2 block, 3 notice, 4 end of the run, 5 noise floors
//! of its verdict, 8 annotation, 9 calibration, 16 accepted part, 17 superseded part. Within a
//! section, records are in the order of their keys, so that equal runs give equal files. Later
//! layouts keep the first twelve bytes. History: 1, the first; 2 has sections 5, 8 and 9, and is
//! written only if one of them is needed, so that older programs can read other files.

use std::path::{Path, PathBuf};

use contract::files;
use contract::id::RunId;
use contract::part::Part;
use contract::record::{Record, place_of};
use contract::run::{BlockDone, RunHeader};

use super::error::{Damage, StoreError};
use super::key::{self, Entry};
use super::raw::{RawRun, RunRecord};
use super::rows::Row;

/// Extension of export files.
pub(super) const ENDING: &str = "bench";
const MAGIC: &[u8; 8] = b"PGOBRUN\n";
/// The newest layout that is read.
const LAYOUT: u32 = 2;
/// The layout of files without any of the later sections.
const FIRST: u32 = 1;
const END: u8 = 0;
pub(super) const ACCEPTED: u8 = 16;
const SUPERSEDED: u8 = 17;
/// Greatest size of an export file, bytes; it is read as a whole.
const LARGEST: u64 = 8 << 30;
/// Only in journals: a notice preceded by its number, eight bytes.
pub(super) const NUMBERED_NOTICE: u8 = 19;
/// Bytes of the hash at the end.
const HASH: usize = 32;

/// Reads a run from an export file, checking all of it. Needs no store.
///
/// # Errors
/// When the file cannot be read, is damaged, or is from a newer program.
pub fn read_archive(path: &Path) -> Result<RunRecord, StoreError> {
    let (run, raw) = load(path)?;
    raw.open(run).map_err(|damage| StoreError::ArchiveDamaged {
        path: path.to_owned(),
        damage,
    })
}

/// Whether a file with this beginning is an export file, of any layout.
#[must_use]
pub fn is_archive(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

/// Checks, as an import does, that an export file is complete and its parts are plausible, one part
/// at a time. Returns how the run began. Needs no store.
///
/// # Errors
/// When the file cannot be read, is damaged, or is from a newer program.
pub fn check_archive(path: &Path) -> Result<RunHeader, StoreError> {
    let (run, raw) = load(path)?;
    raw.prove(run).map_err(|damage| StoreError::ArchiveDamaged {
        path: path.to_owned(),
        damage,
    })
}

/// The frames of an incomplete export file, as far as they can be separated.
pub(super) fn frames(bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let mut rest = bytes
        .get(MAGIC.len() + size_of_val(&LAYOUT) + 26..)
        .unwrap_or_default();
    let mut frames = Vec::new();
    while let Some((section, after)) = rest.split_first().filter(|(section, _)| **section != END) {
        let Some((length, after)) = after.split_first_chunk::<4>() else {
            break;
        };
        let Some((record, after)) = after.split_at_checked(u32::from_be_bytes(*length) as usize)
        else {
            break;
        };
        frames.push((*section, record));
        rest = after;
    }
    frames
}

/// All export files or journals of a directory, by extension, sorted by name and so by time.
pub(super) fn beside(dir: &Path, ending: &str) -> Result<Vec<PathBuf>, StoreError> {
    let error = |source| StoreError::io("list", dir, source);
    let entries = match std::fs::read_dir(dir) {
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(error)?,
    };
    let paths = entries
        .map(|entry| Ok(entry.map_err(error)?.path()))
        .collect::<Result<Vec<_>, StoreError>>()?;
    let mut paths: Vec<_> = paths
        .into_iter()
        .filter(|path| path.extension().is_some_and(|x| x == ending))
        .collect();
    paths.sort();
    Ok(paths)
}

/// Reads a run from the bytes of an export file, checking all of it. Newer layouts count as damage
/// here.
///
/// # Errors
/// When the bytes are not those of an export file.
pub fn decode_archive(bytes: &[u8]) -> Result<RunRecord, Damage> {
    let (run, raw) = decode(bytes)?;
    raw.open(run)
}

/// Reads the records of an export file and checks that they belong together, without opening its
/// parts.
pub(super) fn load(path: &Path) -> Result<(RunId, RawRun), StoreError> {
    let bytes =
        files::read(path, LARGEST).map_err(|source| StoreError::io("read", path, source))?;
    let newer = bytes
        .strip_prefix(MAGIC)
        .and_then(|rest| rest.first_chunk())
        .map(|b| u32::from_be_bytes(*b));
    if let Some(found) = newer.filter(|found| *found > LAYOUT) {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known: LAYOUT,
        });
    }
    decode(&bytes).map_err(|damage| StoreError::ArchiveDamaged {
        path: path.to_owned(),
        damage,
    })
}

/// The bytes of a run's export file. Superseded parts that cannot be opened are left out: nothing
/// depends on them.
pub(super) fn encode(run: RunId, raw: &RawRun) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&layout_of(raw).to_be_bytes());
    bytes.extend_from_slice(run.as_str().as_bytes());
    let mut frames = 0;
    let mut push = |section: u8, record: &[u8]| {
        frame(&mut bytes, section, record);
        frames += 1;
    };
    for (key, record) in raw.entries.iter().chain(&raw.addenda) {
        push(
            key::entry_of(key).expect("entries have keys of entries") as u8,
            record,
        );
    }
    raw.parts.iter().for_each(|(_, part)| push(ACCEPTED, part));
    raw.superseded
        .iter()
        .filter(|(_, part)| Part::open(part).is_ok())
        .for_each(|(_, p)| push(SUPERSEDED, p));
    bytes.push(END);
    bytes.extend_from_slice(&u32::to_be_bytes(frames));
    let hash = blake3::hash(&bytes);
    bytes.extend_from_slice(hash.as_bytes());
    bytes
}

fn layout_of(raw: &RawRun) -> u32 {
    let newer = !raw.addenda.is_empty() || raw.of(Entry::Floors).next().is_some();
    if newer { LAYOUT } else { FIRST }
}

fn frame(bytes: &mut Vec<u8>, section: u8, record: &[u8]) {
    let length = u32::try_from(record.len()).expect("records are far below 4 GiB");
    bytes.push(section);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(record);
}

fn decode(bytes: &[u8]) -> Result<(RunId, RawRun), Damage> {
    let (body, hash) = bytes
        .split_last_chunk::<HASH>()
        .ok_or(Damage::NotAnArchive)?;
    let mut rest = body.strip_prefix(MAGIC).ok_or(Damage::NotAnArchive)?;
    if blake3::hash(body) != *hash {
        return Err(Damage::Checksum);
    }
    take(&mut rest, size_of_val(&LAYOUT))?;
    let run = std::str::from_utf8(take(&mut rest, 26)?)
        .ok()
        .and_then(|id| id.parse().ok());
    let run = run.ok_or(Damage::Contradiction("its run id is none"))?;
    let raw = decode_frames(run, rest)?;
    check_together(run, &raw)?;
    Ok((run, raw))
}

fn decode_frames(run: RunId, mut rest: &[u8]) -> Result<RawRun, Damage> {
    let mut raw = RawRun::default();
    let mut frames = 0;
    loop {
        let section = take(&mut rest, 1)?[0];
        let number = take(&mut rest, 4)?;
        let number = u32::from_be_bytes(number.try_into().expect("four bytes were taken"));
        if section == END {
            let whole = number == frames && rest.is_empty();
            return whole
                .then_some(raw)
                .ok_or(Damage::Contradiction("it has more or fewer than it counts"));
        }
        let record = take(&mut rest, number as usize)?;
        place_frame(&mut raw, run, section, record)?;
        frames += 1;
    }
}

/// Adds a record under its key.
fn place_frame(raw: &mut RawRun, run: RunId, section: u8, record: &[u8]) -> Result<(), Damage> {
    let row = if section == Entry::Notice as u8 {
        // Notices come last among the older sections, so the last one gives their number.
        let last = raw
            .entries
            .last()
            .filter(|(key, _)| key::entry_of(key) == Some(Entry::Notice));
        let number = last.map_or(0, |(key, _)| key::number_of(key) + 1);
        (key::entry(run, Entry::Notice, number), record.to_vec())
    } else {
        keyed(run, section, record)?
    };
    let rows = match section {
        ACCEPTED => &mut raw.parts,
        SUPERSEDED => &mut raw.superseded,
        _ if Entry::from_number(section).is_some_and(Entry::is_addendum) => &mut raw.addenda,
        _ => &mut raw.entries,
    };
    push_sorted(rows, row)
}

/// A notice of a journal.
pub(super) fn numbered(number: u64, sealed: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes()[..], sealed].concat()
}

/// Derives the key of a record from the record itself; for a notice, from the number before it.
pub(super) fn keyed(run: RunId, section: u8, record: &[u8]) -> Result<Row, Damage> {
    if matches!(section, ACCEPTED | SUPERSEDED) {
        return Ok((key::part(&place_of(record)?), record.to_vec()));
    }
    if section == NUMBERED_NOTICE {
        let (number, sealed) = record
            .split_first_chunk()
            .ok_or(Damage::Contradiction("a notice has no number"))?;
        return Ok((
            key::entry(run, Entry::Notice, u64::from_be_bytes(*number)),
            sealed.to_vec(),
        ));
    }
    let entry = Entry::from_number(section)
        .ok_or(Damage::Contradiction("it has a section that is unknown"))?;
    let key = match entry {
        Entry::Annotation | Entry::Calibration => key::of_addendum(run, entry, record),
        Entry::Header | Entry::End | Entry::Floors => key::entry(run, entry, 0),
        Entry::Block => {
            let block = BlockDone::open(record)?;
            key::entry(run, entry, key::block_number(block.cell, block.round))
        }
        Entry::Notice => return Err(Damage::Contradiction("a notice has no number")),
    };
    Ok((key, record.to_vec()))
}

/// Rows are in ascending order, so duplicates are detected.
fn push_sorted(rows: &mut Vec<Row>, row: Row) -> Result<(), Damage> {
    if rows.last().is_some_and(|last| last.0 >= row.0) {
        return Err(Damage::Contradiction(
            "records are out of order or come twice",
        ));
    }
    rows.push(row);
    Ok(())
}

/// Checks that all records belong to this run, and that the blocks accept the accepted parts.
fn check_together(run: RunId, raw: &RawRun) -> Result<(), Damage> {
    raw.header(run)?;
    let mine = key::run(run);
    let foreign = raw
        .parts
        .iter()
        .chain(&raw.superseded)
        .any(|(key, _)| !key.starts_with(&mine));
    let accepted = raw.accepted()?;
    let is_in = |(key, _): &Row| accepted.takes(key);
    if foreign || !raw.parts.iter().all(is_in) || raw.superseded.iter().any(is_in) {
        return Err(Damage::Contradiction(
            "parts belong to another run or attempt",
        ));
    }
    Ok(())
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], Damage> {
    rest.split_off(..length)
        .ok_or(Damage::Contradiction("a record is longer than the file"))
}
