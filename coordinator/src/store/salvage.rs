//! Assembles one run from everything left of it: an export file, a journal, an old database.
//! Committed records never change, so one source can supply what another has lost; only the end of
//! a run can be withdrawn. Owns the decision what is proved and what is missing; reads no files.

use std::collections::{BTreeMap, BTreeSet};

use contract::addendum::{Annotation, NoiseFloors};
use contract::id::RunId;
use contract::part::Part;
use contract::record::{Record, place_of};
use contract::run::{BlockDone, Notice, RunEnd, RunHeader};

use super::archive;
use super::error::Damage;
use super::index::Row as IndexRow;
use super::journal::{Journal, State, TAKEN_BACK};
use super::key::{self, Entry};
use super::raw::RawRun;

/// Source of a run's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Its export file.
    Export,
    /// Its journal.
    Journal,
    /// The old database.
    Database,
}

impl Source {
    /// Its name for users.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Export => "export file",
            Self::Journal => "journal",
            Self::Database => "old database",
        }
    }
}

/// What was found of one run so far.
#[derive(Debug)]
pub(super) struct Pieces {
    run: RunId,
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
    parts: BTreeMap<Vec<u8>, Vec<u8>>,
    end: Option<Vec<u8>>,
    /// Blocks whose parts are known to be complete.
    proved: BTreeSet<(u32, u32)>,
    /// States of the run that sources claim.
    claims: Vec<State>,
    from: BTreeSet<Source>,
    /// Its position in the old database, if that still has it.
    sequence: Option<u64>,
}

/// The restorable part of a run.
#[derive(Debug)]
pub(super) struct Salvaged {
    /// Its records.
    pub(super) raw: RawRun,
    /// The index row that follows from them.
    pub(super) row: IndexRow,
    /// Their sources.
    pub(super) from: BTreeSet<Source>,
    /// Number of records that some source mentions and none supplied.
    pub(super) lacks: u64,
}

impl Pieces {
    pub(super) fn of(run: RunId) -> Self {
        let (entries, parts, end) = (BTreeMap::new(), BTreeMap::new(), None);
        let (proved, claims, from) = (BTreeSet::new(), Vec::new(), BTreeSet::new());
        Self {
            run,
            entries,
            parts,
            end,
            proved,
            claims,
            from,
            sequence: None,
        }
    }

    /// Takes a run whose checksum or index row proves that it is complete.
    pub(super) fn take_whole(&mut self, source: Source, raw: RawRun) -> Result<(), Damage> {
        let state = State::of(&raw.index_row(self.run)?);
        self.proved
            .extend(raw.blocks()?.iter().map(|block| (block.cell, block.round)));
        // The state with more records is the later one; with equal states, the copy is preferred.
        if self
            .claims
            .iter()
            .all(|claim| claim.lasting() < state.lasting())
        {
            self.end = raw.of(Entry::End).next().map(<[u8]>::to_vec);
        }
        self.claims.push(state);
        let RawRun {
            entries,
            parts,
            superseded,
            addenda,
        } = raw;
        let rows = entries
            .into_iter()
            .chain(addenda)
            .chain(parts)
            .chain(superseded);
        rows.for_each(|(key, sealed)| self.take(source, key, sealed));
        Ok(())
    }

    /// Takes the position from the old database's index; for an imported run no other record has
    /// it.
    pub(super) fn take_place(&mut self, row: &IndexRow) {
        self.sequence = self.sequence.or(row.summary.sequence);
    }

    /// Takes the commits of a journal.
    pub(super) fn take_journal(&mut self, journal: &Journal<'_>) {
        for group in &journal.groups {
            for (section, record) in &group.frames {
                self.take_frame(Source::Journal, *section, record, true);
            }
            self.claims.push(group.after);
        }
    }

    /// Takes single records of an incomplete export file.
    pub(super) fn take_frames(&mut self, frames: &[(u8, &[u8])]) {
        let mut notices = 0;
        for (section, record) in frames {
            let numbered =
                (*section == Entry::Notice as u8).then(|| archive::numbered(notices, record));
            notices += u64::from(numbered.is_some());
            match numbered {
                Some(record) => {
                    self.take_frame(Source::Export, archive::NUMBERED_NOTICE, &record, false);
                }
                None => self.take_frame(Source::Export, *section, record, false),
            }
        }
    }

    /// Takes single records of a database in which the run is incomplete, and its index row.
    pub(super) fn take_loose(&mut self, row: Option<&IndexRow>, rows: Vec<(Vec<u8>, Vec<u8>)>) {
        let first = self.claims.is_empty();
        for (key, sealed) in rows {
            match key::entry_of(&key).filter(|_| key.len() == key::ENTRY) {
                Some(Entry::End) if first => self.end = Some(sealed),
                Some(Entry::End) => {}
                _ => self.take(Source::Database, key, sealed),
            }
        }
        self.claims.extend(row.map(State::of));
    }

    fn take_frame(&mut self, source: Source, section: u8, record: &[u8], proved: bool) {
        if section == TAKEN_BACK {
            self.end = None;
            return;
        }
        let Ok((key, sealed)) = archive::keyed(self.run, section, record) else {
            return;
        };
        if section == Entry::End as u8 {
            self.end = Some(sealed);
            self.from.insert(source);
            return;
        }
        if section == Entry::Block as u8
            && proved
            && let Ok(block) = BlockDone::open(&sealed)
        {
            self.proved.insert((block.cell, block.round));
        }
        self.take(source, key, sealed);
    }

    /// The first source to supply a record is credited with it.
    fn take(&mut self, source: Source, key: Vec<u8>, sealed: Vec<u8>) {
        let is_end = key.len() == key::ENTRY && key::entry_of(&key) == Some(Entry::End);
        if is_end || !key.starts_with(&key::run(self.run)) || !opens(&key, &sealed) {
            return;
        }
        let rows = if key.len() == key::ENTRY {
            &mut self.entries
        } else {
            &mut self.parts
        };
        if let std::collections::btree_map::Entry::Vacant(free) = rows.entry(key) {
            free.insert(sealed);
            self.from.insert(source);
        }
    }

    /// The run assembled from these pieces.
    pub(super) fn put_together(self) -> Result<Salvaged, Damage> {
        let sequence = self.sequence;
        let mut salvaged = self.joined()?;
        salvaged.row.summary.sequence = sequence.or(salvaged.row.summary.sequence);
        Ok(salvaged)
    }

    fn joined(mut self) -> Result<Salvaged, Damage> {
        let whole = self.assembled()?;
        let row = whole.index_row(self.run)?;
        let state = State::of(&row);
        if self.claims.contains(&state) && self.missing(&state) == 0 {
            return Ok(Salvaged {
                raw: whole,
                row,
                from: self.from,
                lacks: 0,
            });
        }
        // Nothing proves the whole, so each block must be proved separately.
        for block in whole.blocks()? {
            let place = (block.cell, block.round);
            if !self.proved.contains(&place) && !self.adds_up(&whole, &block)? {
                let number = key::block_number(block.cell, block.round);
                self.entries
                    .remove(&key::entry(self.run, Entry::Block, number));
            }
        }
        self.number_notices();
        let mut raw = self.assembled()?;
        let mut lacks = self.missing(&State::of(&raw.index_row(self.run)?));
        if lacks > 0 && self.end.take().is_some() {
            // Without its end the run can be resumed, and missing blocks are measured again.
            raw = self.assembled()?;
            lacks = self.missing(&State::of(&raw.index_row(self.run)?));
        }
        let row = raw.index_row(self.run)?;
        // If no source claims exactly this state, there may have been more records.
        let vouched = self.claims.contains(&State::of(&row));
        Ok(Salvaged {
            raw,
            row,
            from: self.from,
            lacks: lacks.max(u64::from(!vouched)),
        })
    }

    fn assembled(&self) -> Result<RawRun, Damage> {
        let mut raw = RawRun::default();
        let end = self
            .end
            .clone()
            .map(|end| (key::entry(self.run, Entry::End, 0), end));
        let mut entries: Vec<_> = self.entries.clone().into_iter().chain(end).collect();
        entries.sort();
        raw.sort_entries(entries);
        raw.sort_parts(self.parts.clone().into_iter().collect())?;
        raw.header(self.run)?;
        Ok(raw)
    }

    /// Number of records in the most complete claim that this state lacks.
    fn missing(&self, state: &State) -> u64 {
        let most = |of: fn(&State) -> u64| self.claims.iter().map(of).max().unwrap_or(0);
        most(State::lasting).saturating_sub(state.lasting())
            + most(|claim| claim.addenda.count).saturating_sub(state.addenda.count)
    }

    /// Whether a block is complete: its parts must plan as many requests as it says.
    fn adds_up(&self, raw: &RawRun, block: &BlockDone) -> Result<bool, Damage> {
        let prefix = key::block_parts(self.run, block.cell, block.round);
        let (mut planned, mut arms) = (0, BTreeSet::new());
        for (_, sealed) in raw.parts.iter().filter(|(key, _)| key.starts_with(&prefix)) {
            let part = Part::open(sealed)?;
            planned += part.outcomes.planned;
            arms.insert(part.place.key.arm);
        }
        Ok(planned == block.planned_requests && block.order.iter().all(|arm| arms.contains(arm)))
    }

    /// Numbers notices without gaps.
    fn number_notices(&mut self) {
        let prefix = key::entries(self.run, Entry::Notice);
        let (notices, others) = std::mem::take(&mut self.entries)
            .into_iter()
            .partition::<Vec<_>, _>(|(k, _)| k.starts_with(&prefix));
        let numbered = (0..)
            .zip(notices)
            .map(|(n, (_, v))| (key::entry(self.run, Entry::Notice, n), v));
        self.entries = others.into_iter().chain(numbered).collect();
    }
}

/// Whether a record can be decoded and matches its key.
fn opens(key: &[u8], sealed: &[u8]) -> bool {
    if key.len() != key::ENTRY {
        return key::place_of(key)
            .is_some_and(|place| place_of(sealed).is_ok_and(|said| said == place));
    }
    match key::entry_of(key) {
        Some(Entry::Header) => RunHeader::open(sealed).is_ok(),
        Some(Entry::Block) => BlockDone::open(sealed).is_ok(),
        Some(Entry::Notice) => Notice::open(sealed).is_ok(),
        Some(Entry::End) => RunEnd::open(sealed).is_ok(),
        Some(Entry::Floors | Entry::Calibration) => NoiseFloors::open(sealed).is_ok(),
        Some(Entry::Annotation) => Annotation::open(sealed).is_ok(),
        None => false,
    }
}
