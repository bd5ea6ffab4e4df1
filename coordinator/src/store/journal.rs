//! The journal of a run: a file outside the database that grows with every commit, so that a run
//! can be restored whatever happens to the database. Owns the file's layout; must not know when it
//! is written.
//!
//! Integers big-endian:
//!
//! ```text
//! "PGOBJNL\n"                 8 bytes
//! layout                      u32
//! run id                      26 bytes
//! group*, one a commit:
//!   "PGOBGRP\n"               8 bytes
//!   length of the frames      u32
//!   state before, after       81 bytes each: records, hashes and end of the run
//!   frame*                    section u8, length u32, that many bytes: a sealed record
//!   BLAKE3 of all before      32 bytes
//! ```
//!
//! Sections are those of an export file; 20 withdraws the end. A group that does not match its hash
//! was either never acknowledged (the last one) or is damaged; the next is found by its first
//! bytes.

use contract::id::RunId;

use super::digest::SetHash;
use super::index::{AddendaTally, Row as IndexRow};

const MAGIC: &[u8; 8] = b"PGOBJNL\n";
const GROUP: &[u8; 8] = b"PGOBGRP\n";
/// The newest layout that can be read, and the one that is written.
const LAYOUT: u32 = 1;
/// Bytes before the first group.
const HEAD: usize = 8 + 4 + 26;
/// Length of a state, bytes.
const STATE: usize = 8 + 32 + 8 + 32 + 1;
/// Bytes of a group before its frames.
const GROUP_HEAD: usize = 8 + 4 + 2 * STATE;
const HASH: usize = 32;
/// The section that withdraws the end of a resumed run.
pub(super) const TAKEN_BACK: u8 = 20;

/// State of a run after a commit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct State {
    /// Committed records.
    pub(super) records: u64,
    /// Their hash.
    pub(super) content: SetHash,
    /// Tally of its addenda.
    pub(super) addenda: AddendaTally,
    /// Whether they include an end.
    pub(super) ended: bool,
}

/// One commit in the journal.
#[derive(Debug)]
pub(super) struct Group<'a> {
    /// State before the commit.
    pub(super) before: State,
    /// State after the commit.
    pub(super) after: State,
    /// Section and sealed record.
    pub(super) frames: Vec<(u8, &'a [u8])>,
    /// Offset of its end in the file.
    pub(super) end: usize,
}

/// A journal that was read.
#[derive(Debug)]
pub(super) struct Journal<'a> {
    /// Groups that match their hashes, in order.
    pub(super) groups: Vec<Group<'a>>,
    /// Whether there are bytes between or after them that belong to no group.
    pub(super) torn: bool,
    /// Number of groups from the beginning of the file without a gap.
    pub(super) unbroken: usize,
}

impl State {
    /// The state in an index row.
    pub(super) fn of(row: &IndexRow) -> Self {
        let ended = row.summary.end.is_some();
        Self {
            records: row.records,
            content: row.content,
            addenda: row.addenda,
            ended,
        }
    }

    /// Number of records without the end, which is the only one that can be withdrawn.
    pub(super) fn lasting(&self) -> u64 {
        self.records - u64::from(self.ended && self.records > 0)
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.records.to_be_bytes());
        bytes.extend_from_slice(self.content.as_bytes());
        bytes.extend_from_slice(&self.addenda.count.to_be_bytes());
        bytes.extend_from_slice(self.addenda.hash.as_bytes());
        bytes.push(u8::from(self.ended));
    }

    fn read(bytes: &[u8; STATE]) -> Self {
        let number =
            |at: usize| u64::from_be_bytes(*bytes[at..].first_chunk().expect("eight bytes"));
        let hash = |at: usize| SetHash::from_bytes(*bytes[at..].first_chunk().expect("32 bytes"));
        let addenda = AddendaTally {
            count: number(40),
            hash: hash(48),
        };
        Self {
            records: number(0),
            content: hash(8),
            addenda,
            ended: bytes[80] != 0,
        }
    }
}

/// The beginning of a journal.
pub(super) fn head(run: RunId) -> Vec<u8> {
    [&MAGIC[..], &LAYOUT.to_be_bytes(), run.as_str().as_bytes()].concat()
}

/// Encodes one commit.
pub(super) fn group(before: State, after: State, frames: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (section, record) in frames {
        body.push(*section);
        body.extend_from_slice(&length(record).to_be_bytes());
        body.extend_from_slice(record);
    }
    let mut bytes = GROUP.to_vec();
    bytes.extend_from_slice(&length(&body).to_be_bytes());
    before.write(&mut bytes);
    after.write(&mut bytes);
    bytes.append(&mut body);
    let hash = blake3::hash(&bytes);
    bytes.extend_from_slice(hash.as_bytes());
    bytes
}

/// Reads a journal: its run and its groups; `None` if even its beginning is lost.
pub(super) fn read(run: RunId, bytes: &[u8]) -> Option<Journal<'_>> {
    bytes.strip_prefix(&head(run)[..])?;
    let mut journal = Journal {
        groups: Vec::new(),
        torn: false,
        unbroken: 0,
    };
    let mut at = HEAD;
    while at < bytes.len() {
        if let Some(group) = read_group(bytes, at) {
            at = group.end;
            let follows = journal
                .groups
                .last()
                .is_none_or(|last| last.after == group.before);
            if follows && !journal.torn && journal.unbroken == journal.groups.len() {
                journal.unbroken += 1;
            }
            journal.groups.push(group);
            continue;
        }
        journal.torn = true;
        let rest = &bytes[at + 1..];
        match rest.windows(GROUP.len()).position(|window| window == GROUP) {
            Some(next) => at += 1 + next,
            None => break,
        }
    }
    Some(journal)
}

/// The layout of a journal from a newer program, if it is one.
pub(super) fn newer(bytes: &[u8]) -> Option<u32> {
    let layout = bytes
        .strip_prefix(MAGIC)?
        .first_chunk()
        .map(|b| u32::from_be_bytes(*b))?;
    (layout > LAYOUT).then_some(layout)
}

/// The newest layout that is read.
pub(super) const fn known() -> u32 {
    LAYOUT
}

fn read_group(bytes: &[u8], at: usize) -> Option<Group<'_>> {
    let whole = bytes.get(at..)?;
    let rest = whole.strip_prefix(GROUP)?;
    let length = u32::from_be_bytes(*rest.first_chunk()?) as usize;
    let body_end = GROUP_HEAD.checked_add(length)?;
    let hash = whole.get(body_end..body_end + HASH)?;
    if blake3::hash(&whole[..body_end]).as_bytes() != hash {
        return None;
    }
    let before = State::read(whole[12..].first_chunk()?);
    let after = State::read(whole[12 + STATE..].first_chunk()?);
    let frames = read_frames(&whole[GROUP_HEAD..body_end])?;
    Some(Group {
        before,
        after,
        frames,
        end: at + body_end + HASH,
    })
}

fn read_frames(mut rest: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let mut frames = Vec::new();
    while let Some((section, after)) = rest.split_first() {
        let (length, after) = after.split_first_chunk::<4>()?;
        let (record, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        frames.push((*section, record));
        rest = after;
    }
    Some(frames)
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("a commit is far below 4 GiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(records: u64) -> State {
        let mut content = SetHash::default();
        content.toggle(b"k", &records.to_be_bytes());
        State {
            records,
            content,
            addenda: AddendaTally::default(),
            ended: records == 3,
        }
    }

    fn journal(run: RunId) -> Vec<u8> {
        let one = group(State::default(), state(1), &[(1, b"header".to_vec())]);
        let two = group(state(1), state(2), &[(16, vec![7; 300]), (2, Vec::new())]);
        let three = group(state(2), state(3), &[(4, b"end".to_vec())]);
        [head(run), one, two, three].concat()
    }

    #[test]
    fn what_was_written_is_read() {
        let run = RunId::new(1, [1; 10]);
        let bytes = journal(run);
        let read = read(run, &bytes).unwrap();
        assert_eq!((read.groups.len(), read.unbroken, read.torn), (3, 3, false));
        assert_eq!(
            read.groups[1].frames,
            [(16, &[7_u8; 300][..]), (2, &[][..])]
        );
        assert_eq!(
            (read.groups[2].before, read.groups[2].after),
            (state(2), state(3))
        );
        assert_eq!(
            (read.groups[2].end, state(3).lasting(), state(2).lasting()),
            (bytes.len(), 2, 2)
        );
        assert!(super::read(RunId::new(2, [1; 10]), &bytes).is_none());
    }

    #[test]
    fn a_flip_costs_its_own_group_and_no_other() {
        let run = RunId::new(1, [1; 10]);
        let whole = journal(run);
        for at in HEAD..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            let read = read(run, &bytes).unwrap();
            assert_eq!((read.groups.len(), read.torn), (2, true), "byte {at}");
        }
    }

    #[test]
    fn a_cut_leaves_the_groups_before_it() {
        let run = RunId::new(1, [1; 10]);
        let whole = journal(run);
        let ends: Vec<_> = read(run, &whole)
            .unwrap()
            .groups
            .iter()
            .map(|group| group.end)
            .collect();
        for cut in HEAD..whole.len() {
            let read = read(run, &whole[..cut]).unwrap();
            assert_eq!(
                read.groups.len(),
                ends.iter().filter(|end| **end <= cut).count(),
                "cut {cut}"
            );
        }
    }
}
