//! The keys of the database: big-endian, so that they sort by run, scenario, round, arm, slot and
//! attempt. Owns only this layout; must not know the values. Every key ends with four bytes of
//! sequence number, added by [`super::rows`], which splits long values.

use contract::id::{Arm, Attempt, RunId, TrialKey};
use contract::part::PartKey;

/// Bytes of a run's id.
const RUN: usize = 26;
/// Run 26, scenario 4, round 4, arm 1, slot 4, attempt 4, kind 1.
const PART: usize = RUN + 18;
/// Bytes of a key made by [`entry`]. Keys of parts are longer.
pub(super) const ENTRY: usize = RUN + 9;
/// The only kind of record with a part's key so far: the part as received.
const WHOLE_PART: u8 = 1;

/// Records of a run other than its parts, in the order of an export file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Entry {
    /// The header; one.
    Header = 1,
    /// A completed block; its number is made of scenario and round.
    Block = 2,
    /// A notice, numbered in order of arrival.
    Notice = 3,
    /// The end; one.
    End = 4,
    /// The noise floors of its verdict; one.
    Floors = 5,
    /// A user's annotation, numbered by its hash.
    Annotation = 8,
    /// Noise floors of a calibration that ended with this run, numbered by their hash.
    Calibration = 9,
}

impl Entry {
    const ALL: [Self; 7] = [
        Self::Header,
        Self::Block,
        Self::Notice,
        Self::End,
        Self::Floors,
        Self::Annotation,
        Self::Calibration,
    ];

    /// Whether it is an addendum, which the content hash does not cover.
    pub(super) fn is_addendum(self) -> bool {
        matches!(self, Self::Annotation | Self::Calibration)
    }

    pub(super) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|entry| *entry as u8 == number)
    }
}

/// Prefix of all keys of a run, in every tree.
pub(super) fn run(run: RunId) -> Vec<u8> {
    run.as_str().as_bytes().to_vec()
}

/// The run a key belongs to.
pub(super) fn run_of(key: &[u8]) -> Option<RunId> {
    std::str::from_utf8(key.get(..RUN)?).ok()?.parse().ok()
}

/// Prefix of all entries of a kind.
pub(super) fn entries(of: RunId, entry: Entry) -> Vec<u8> {
    let mut key = run(of);
    key.push(entry as u8);
    key
}

/// Run 26, entry 1, number 8.
pub(super) fn entry(of: RunId, entry: Entry, number: u64) -> Vec<u8> {
    let mut key = entries(of, entry);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// Which entry a key made by [`entry`] names.
pub(super) fn entry_of(key: &[u8]) -> Option<Entry> {
    Entry::from_number(*key.get(RUN)?)
}

/// The number in a key made by [`entry`].
pub(super) fn number_of(key: &[u8]) -> u64 {
    key.get(RUN + 1..)
        .and_then(<[u8]>::first_chunk)
        .map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// The number of a block.
pub(super) fn block_number(scenario: u32, round: u32) -> u64 {
    u64::from(scenario) << 32 | u64::from(round)
}

/// Prefix of all parts of a block, of every attempt.
pub(super) fn block_parts(of: RunId, scenario: u32, round: u32) -> Vec<u8> {
    let mut key = run(of);
    key.extend_from_slice(&block_number(scenario, round).to_be_bytes());
    key
}

/// The key of a part.
pub(super) fn part(place: &PartKey) -> Vec<u8> {
    let mut key = block_parts(place.run, place.key.cell, place.key.round);
    key.push(u8::try_from(place.key.arm.number()).expect("there are three arms"));
    key.extend_from_slice(&place.slot.to_be_bytes());
    key.extend_from_slice(&place.attempt.0.to_be_bytes());
    key.push(WHOLE_PART);
    key
}

/// The part that a key made by [`part`] names; `None` for another kind of record.
pub(super) fn place_of(key: &[u8]) -> Option<PartKey> {
    let run = run_of(key)?;
    let word = |at: usize| {
        key.get(at..at + 4)
            .map(|b| u32::from_be_bytes(b.try_into().expect("four bytes")))
    };
    let (scenario, round) = (word(RUN)?, word(RUN + 4)?);
    let arm = Arm::from_number(u32::from(*key.get(RUN + 8)?))?;
    let (slot, attempt) = (word(RUN + 9)?, word(RUN + 13)?);
    let whole = key.len() == PART && key[PART - 1] == WHOLE_PART;
    whole.then_some(PartKey {
        run,
        key: TrialKey {
            cell: scenario,
            round,
            arm,
        },
        slot,
        attempt: Attempt(attempt),
    })
}

/// The key of an addendum; its number is the beginning of its hash.
pub(super) fn of_addendum(run: RunId, kind: Entry, sealed: &[u8]) -> Vec<u8> {
    let hash = blake3::hash(sealed);
    let number = hash
        .as_bytes()
        .first_chunk()
        .expect("a hash is longer than a number");
    entry(run, kind, u64::from_be_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(scenario: u32, round: u32, arm: Arm, slot: u32, attempt: u32) -> PartKey {
        let key = TrialKey {
            cell: scenario,
            round,
            arm,
        };
        PartKey {
            run: RunId::new(7, [1; 10]),
            key,
            slot,
            attempt: Attempt(attempt),
        }
    }

    #[test]
    fn the_order_of_keys_is_the_order_of_places() {
        let sorted = [
            place(0, 0, Arm::A, 0, 0),
            place(0, 0, Arm::A, 0, 300),
            place(0, 0, Arm::A, 255, 0),
            place(0, 0, Arm::A2, 0, 0),
            place(0, 256, Arm::A, 0, 0),
            place(1, 0, Arm::B, 0, 0),
        ];
        let keys: Vec<_> = sorted.iter().map(part).collect();
        assert!(keys.is_sorted());
        assert!(keys[0].starts_with(&block_parts(sorted[0].run, 0, 0)));
        assert!(!keys[4].starts_with(&block_parts(sorted[0].run, 0, 0)));
    }

    #[test]
    fn a_key_names_its_place() {
        let there = place(3, 4, Arm::B, 5, 6);
        assert_eq!(place_of(&part(&there)), Some(there.clone()));
        let mut other_kind = part(&there);
        *other_kind.last_mut().expect("keys are not empty") = 2;
        assert_eq!(place_of(&other_kind), None);
        assert_eq!(
            entry_of(&entry(there.run, Entry::Notice, 9)),
            Some(Entry::Notice)
        );
    }
}
