//! One run as sealed records with their keys: the common form of the database, an export file and a
//! reader. Owns decoding, and the check that the records are those that were committed; must not
//! know their source.

use std::collections::BTreeMap;

use contract::addendum::{Annotation, NoiseFloors};
use contract::id::{Attempt, RunId};
use contract::part::{Part, PartKey};
use contract::record::Record;
use contract::run::{BlockDone, Notice, RunEnd, RunHeader};

use super::digest::SetHash;
use super::error::Damage;
use super::index::{AddendaTally, Row as IndexRow};
use super::key::{self, Entry};
use super::rows::Row;
use super::witness::count;
use crate::record::Stored;

/// Additions to a run's measurement.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Addenda {
    /// The noise floors of its verdict, fixed before its findings were derived; `None` if there
    /// were none.
    pub floors: Option<NoiseFloors>,
    /// Users' annotations, in order.
    pub annotations: Vec<Annotation>,
    /// Calibrations that ended with this run, oldest first.
    pub calibrations: Vec<NoiseFloors>,
}

/// A run as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRecord {
    /// Its header, with every host that measured, including hosts that joined later.
    pub header: RunHeader,
    /// The completed blocks, by scenario and round.
    pub blocks: Vec<BlockDone>,
    /// Their accepted parts, by scenario, round, arm and slot.
    pub parts: Vec<Part>,
    /// Keys of parts that were stored but not accepted.
    pub superseded: Vec<PartKey>,
    /// Notices, in order of time.
    pub notices: Vec<Notice>,
    /// How it ended; `None` during the run, and after a crash.
    pub end: Option<RunEnd>,
    /// Its addenda.
    pub addenda: Addenda,
}

/// Where an interrupted run continues.
#[derive(Clone, Debug, PartialEq)]
pub struct Resume {
    /// Its header.
    pub header: RunHeader,
    /// The completed blocks, which are not run again.
    pub blocks: Vec<BlockDone>,
    /// For each scenario and round with stored parts: the first attempt without any.
    pub next_attempts: BTreeMap<(u32, u32), Attempt>,
}

/// Sealed records in the order of their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RawRun {
    /// Header, blocks, notices, end, noise floors.
    pub(super) entries: Vec<Row>,
    /// Accepted parts.
    pub(super) parts: Vec<Row>,
    /// Other parts, which no content hash covers.
    pub(super) superseded: Vec<Row>,
    /// Annotations and calibrations, which have their own hash.
    pub(super) addenda: Vec<Row>,
}

/// Decodes a part and checks that it has the right key.
pub(super) fn open_part((key, sealed): &Row) -> Result<Part, Damage> {
    let part = Part::open(sealed)?;
    let in_place = key::place_of(key).as_ref() == Some(&part.place);
    in_place
        .then_some(part)
        .ok_or(Damage::Contradiction("a part lies in another's place"))
}

/// The accepted attempt of every completed block.
#[derive(Debug)]
pub(super) struct Accepted(BTreeMap<(u32, u32), Attempt>);

impl Accepted {
    /// Whether the part with this key belongs to an accepted attempt.
    pub(super) fn takes(&self, key: &[u8]) -> bool {
        key::place_of(key)
            .is_some_and(|p| self.0.get(&(p.key.cell, p.key.round)) == Some(&p.attempt))
    }
}

impl RawRun {
    /// The header, checked to belong to this run.
    pub(super) fn header(&self, run: RunId) -> Result<RunHeader, Damage> {
        let mut headers = self.of(Entry::Header);
        let sealed = headers
            .next()
            .ok_or(Damage::Contradiction("there is no beginning"))?;
        if headers.next().is_some() {
            return Err(Damage::Contradiction("there are two beginnings"));
        }
        let header = RunHeader::open(sealed)?;
        if header.run != run {
            return Err(Damage::Contradiction("the beginning is another run's"));
        }
        Ok(header)
    }

    pub(super) fn blocks(&self) -> Result<Vec<BlockDone>, Damage> {
        self.of(Entry::Block)
            .map(|sealed| Ok(BlockDone::open(sealed)?))
            .collect()
    }

    pub(super) fn end(&self) -> Result<Option<RunEnd>, Damage> {
        Ok(self.of(Entry::End).next().map(RunEnd::open).transpose()?)
    }

    /// One at a time: there may be very many, and decoded they are several times as large.
    pub(super) fn notices(&self) -> impl Iterator<Item = Result<Notice, Damage>> {
        self.of(Entry::Notice)
            .map(|sealed| Ok(Notice::open(sealed)?))
    }

    /// The header, including hosts that got slots after the run had begun.
    pub(super) fn header_with_hosts(&self, run: RunId) -> Result<RunHeader, Damage> {
        let mut header = self.header(run)?;
        for notice in self.notices() {
            header.hosts.extend(notice?.host);
        }
        Ok(header)
    }

    /// Everything except the parts, decoded.
    pub(super) fn outline(&self, run: RunId) -> Result<RunRecord, Damage> {
        Ok(RunRecord {
            header: self.header_with_hosts(run)?,
            blocks: self.blocks()?,
            parts: Vec::new(),
            superseded: self
                .superseded
                .iter()
                .filter_map(|(key, _)| key::place_of(key))
                .collect(),
            notices: self.notices().collect::<Result<_, _>>()?,
            end: self.end()?,
            addenda: opened(self)?,
        })
    }

    /// Decodes one accepted part at a time, because each is large when decoded.
    pub(super) fn open_parts(&self) -> impl Iterator<Item = Result<Part, Damage>> {
        self.parts.iter().map(open_part)
    }

    /// Everything, decoded.
    pub(super) fn open(&self, run: RunId) -> Result<RunRecord, Damage> {
        let mut record = self.outline(run)?;
        record.parts = self.open_parts().collect::<Result<_, _>>()?;
        Ok(record)
    }

    /// Decodes everything, checks every part against the header, and keeps only the header.
    pub(super) fn prove(&self, run: RunId) -> Result<RunHeader, Damage> {
        let header = self.header_with_hosts(run)?;
        self.blocks()?;
        self.end()?;
        opened(self)?;
        let stored = Stored::of(&header);
        self.open_parts().try_for_each(|part| {
            let part = part?;
            let PartKey { key, slot, .. } = part.place;
            stored.vet(&part).map_err(|fault| Damage::Fault {
                key,
                slot,
                fault: Box::new(fault),
            })
        })?;
        Ok(header)
    }

    /// The index row that follows from these records.
    pub(super) fn index_row(&self, run: RunId) -> Result<IndexRow, Damage> {
        let mut row = IndexRow::new(&self.header_with_hosts(run)?);
        self.entries
            .iter()
            .chain(&self.parts)
            .for_each(|(key, sealed)| row.add(key, sealed));
        for block in self.blocks()? {
            let prefix = key::block_parts(run, block.cell, block.round);
            let parts = self
                .parts
                .iter()
                .filter(|(key, _)| key.starts_with(&prefix))
                .count();
            row.count_block(&block, parts as u64);
        }
        row.notices = self.of(Entry::Notice).count() as u64;
        row.set_end(self.end()?.as_ref());
        set_addenda(&mut row, self)?;
        Ok(row)
    }

    /// Fails unless these are the records for which the index row was written.
    pub(super) fn check(&self, row: &IndexRow) -> Result<(), Damage> {
        count("accepted parts", self.parts.len() as u64, row.summary.parts)?;
        count(
            "records",
            (self.entries.len() + self.parts.len()) as u64,
            row.records,
        )?;
        self.check_addenda(row)?;
        if self.content() == row.content {
            Ok(())
        } else {
            Err(Damage::Content)
        }
    }

    /// The same for records without parts; only the number of accepted parts is compared.
    pub(super) fn check_outline(&self, accepted: u64, row: &IndexRow) -> Result<(), Damage> {
        count("accepted parts", accepted, row.summary.parts)?;
        count("records", self.entries.len() as u64 + accepted, row.records)?;
        self.check_addenda(row)
    }

    /// The content hash of these records.
    pub(super) fn content(&self) -> SetHash {
        let mut content = SetHash::default();
        self.entries
            .iter()
            .chain(&self.parts)
            .for_each(|(key, sealed)| content.toggle(key, sealed));
        content
    }

    /// Fails unless these are the annotations and calibrations for which the index row was written.
    pub(super) fn check_addenda(&self, row: &IndexRow) -> Result<(), Damage> {
        let addenda = self.addenda_tally();
        count(
            "annotations and calibrations",
            addenda.count,
            row.addenda.count,
        )?;
        if addenda == row.addenda {
            Ok(())
        } else {
            Err(Damage::Content)
        }
    }

    /// Sorts entries into the run's own and addenda.
    pub(super) fn sort_entries(&mut self, entries: Vec<Row>) {
        let added = |row: &Row| key::entry_of(&row.0).is_some_and(Entry::is_addendum);
        (self.addenda, self.entries) = entries.into_iter().partition(added);
    }

    /// Tally of the addenda.
    pub(super) fn addenda_tally(&self) -> AddendaTally {
        let mut hash = SetHash::default();
        self.addenda
            .iter()
            .for_each(|(key, sealed)| hash.toggle(key, sealed));
        AddendaTally {
            count: self.addenda.len() as u64,
            hash,
        }
    }

    /// Sorts parts into accepted and superseded, as the blocks say.
    pub(super) fn sort_parts(&mut self, parts: Vec<Row>) -> Result<(), Damage> {
        let accepted = self.accepted()?;
        (self.parts, self.superseded) = parts.into_iter().partition(|(key, _)| accepted.takes(key));
        Ok(())
    }

    /// The attempts that the blocks accepted.
    pub(super) fn accepted(&self) -> Result<Accepted, Damage> {
        Ok(Accepted(
            self.blocks()?
                .iter()
                .map(|b| ((b.cell, b.round), b.attempt))
                .collect(),
        ))
    }

    pub(super) fn of(&self, entry: Entry) -> impl Iterator<Item = &[u8]> {
        self.entries
            .iter()
            .chain(&self.addenda)
            .filter(move |(key, _)| key::entry_of(key) == Some(entry))
            .map(|(_, v)| v.as_slice())
    }
}

/// Decodes addenda.
fn opened(raw: &RawRun) -> Result<Addenda, Damage> {
    let mut annotations = raw
        .of(Entry::Annotation)
        .map(Annotation::open)
        .collect::<Result<Vec<_>, _>>()?;
    annotations.sort_by(|a, b| (a.unix_ms, a.kind, &a.text).cmp(&(b.unix_ms, b.kind, &b.text)));
    let mut calibrations = raw
        .of(Entry::Calibration)
        .map(NoiseFloors::open)
        .collect::<Result<Vec<_>, _>>()?;
    calibrations.sort_by_key(|floors| floors.unix_ms);
    let floors = raw
        .of(Entry::Floors)
        .next()
        .map(NoiseFloors::open)
        .transpose()?;
    Ok(Addenda {
        floors,
        annotations,
        calibrations,
    })
}

/// Updates an index row to its run's addenda.
pub(super) fn set_addenda(row: &mut IndexRow, raw: &RawRun) -> Result<(), Damage> {
    row.summary.annotate(&opened(raw)?.annotations);
    row.addenda = raw.addenda_tally();
    Ok(())
}
