//! Reads runs: listings from the index alone, whole runs with every check. Must not know how
//! anything is written.

use std::collections::BTreeMap;

use contract::id::{Attempt, RunId};
use contract::part::{Part, PartKey};
use contract::record::Record;
use contract::run::{RunEnd, RunHeader};

use super::error::{Damage, StoreError};
use super::guard::guarded;
use super::index::{Row, RunSummary};
use super::key::Entry;
use super::raw::{self, Accepted, RawRun, Resume, RunRecord};
use super::{Store, key, rows};
use crate::record::Stored;

/// Name of the newest run.
const LATEST: &str = "latest";

impl Store {
    /// All runs in the order in which they were stored. Reads only the index.
    ///
    /// # Errors
    /// When the store is damaged or cannot be read.
    pub fn runs(&self) -> Result<Vec<RunSummary>, StoreError> {
        let mut runs = self.index(Row::summary_of)?;
        runs.sort_by_key(RunSummary::place);
        Ok(runs)
    }

    /// The run with this id or beginning of an id (upper or lower case), or `latest`, the last one
    /// stored.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub fn find(&self, wanted: &str) -> Result<RunId, StoreError> {
        if wanted == LATEST {
            let newest = self.index(Row::place_of)?.into_iter().max();
            return newest
                .map(|(_, run)| run)
                .ok_or_else(|| StoreError::NoRuns {
                    dir: self.dir.clone(),
                });
        }
        if self.listed(b"", |ids| ids.next().transpose())?.is_none() {
            return Err(StoreError::NoRuns {
                dir: self.dir.clone(),
            });
        }
        let upper = wanted.to_ascii_uppercase();
        let candidates: Vec<_> = self.listed(upper.as_bytes(), |ids| ids.collect())?;
        match candidates[..] {
            [one] if !wanted.is_empty() => Ok(one),
            [] => Err(StoreError::NoSuchRun {
                wanted: wanted.to_owned(),
            }),
            _ => Err(StoreError::Ambiguous {
                wanted: wanted.to_owned(),
                candidates,
            }),
        }
    }

    /// A run's index row.
    ///
    /// # Errors
    /// When there is no such run or the store cannot be read.
    pub fn summary(&self, run: RunId) -> Result<RunSummary, StoreError> {
        Ok(self.known_row(run)?.summary.spelt_out())
    }

    /// How a run ended; `None` during the run, and after a crash. Reads nothing else of it.
    ///
    /// # Errors
    /// When its record is damaged or the store cannot be read.
    pub fn end(&self, run: RunId) -> Result<Option<RunEnd>, StoreError> {
        let sealed = self.reading(run, || {
            rows::get(&self.trees.entries, &key::entry(run, Entry::End, 0))
        })?;
        self.reading(run, || {
            Ok(sealed.as_deref().map(RunEnd::open).transpose()?)
        })
    }

    /// A run's header. Reads nothing else of it.
    ///
    /// # Errors
    /// When there is no such run, its record is damaged, or the store cannot be read.
    pub fn header(&self, run: RunId) -> Result<RunHeader, StoreError> {
        let key = key::entry(run, Entry::Header, 0);
        let sealed = self.reading(run, || rows::get(&self.trees.entries, &key))?;
        let sealed = sealed.ok_or_else(|| StoreError::NoSuchRun {
            wanted: run.to_string(),
        })?;
        self.reading(run, || Ok(RunHeader::open(&sealed)?))
    }

    /// A whole run, checked against what was committed. Each part takes about 1.5 MB when decoded;
    /// [`Self::visit_parts`] reads one at a time.
    ///
    /// # Errors
    /// When there is no such run, or it is damaged.
    pub fn read_run(&self, run: RunId) -> Result<RunRecord, StoreError> {
        let raw = self.raw_run(run)?;
        self.reading(run, || raw.open(run))
    }

    /// A run without its parts: `parts` is empty, and only their number is checked. Their bytes are
    /// checked when they are visited.
    ///
    /// # Errors
    /// When there is no such run, or it is damaged.
    pub fn read_outline(&self, run: RunId) -> Result<RunRecord, StoreError> {
        let (raw, accepted, superseded) = self.raw_outline(run)?;
        drop(accepted);
        let mut outline = self.reading(run, || raw.outline(run))?;
        outline.superseded = superseded;
        Ok(outline)
    }

    /// Passes every accepted part to `visit`, by scenario, round, arm and slot, after checking that
    /// all bytes of the run are those that were committed. Holds one part at a time.
    ///
    /// # Errors
    /// When there is no such run, or it is damaged; if only decoding reveals the damage, the parts
    /// before it have been visited.
    pub fn visit_parts(&self, run: RunId, mut visit: impl FnMut(Part)) -> Result<(), StoreError> {
        let row = self.known_row(run)?;
        let (raw, ..) = self.raw_outline(run)?;
        let accepted = self.reading(run, || raw.accepted())?;
        let mut content = raw.content();
        self.each_part(run, &accepted, |(key, sealed)| {
            content.toggle(&key, &sealed);
            Ok(())
        })?;
        self.reading(run, || {
            if content == row.content {
                Ok(())
            } else {
                Err(Damage::Content)
            }
        })?;
        self.each_part(run, &accepted, |row| {
            visit(raw::open_part(&row)?);
            Ok(())
        })
    }

    /// Reads one run completely and checks its parts, as an import does, one at a time.
    ///
    /// # Errors
    /// When there is no such run, or it is damaged.
    pub fn prove(&self, run: RunId) -> Result<(), StoreError> {
        let outline = self.read_outline(run)?;
        let stored = Stored::of(&outline.header);
        let mut first = None;
        self.visit_parts(run, |part| {
            let PartKey { key, slot, .. } = part.place;
            let fault = stored.vet(&part).err().filter(|_| first.is_none());
            first = first.take().or(fault.map(|fault| Damage::Fault {
                key,
                slot,
                fault: Box::new(fault),
            }));
        })?;
        first.map_or(Ok(()), |damage| Err(StoreError::RunDamaged { run, damage }))
    }

    /// Each accepted part of a run with its key.
    fn each_part(
        &self,
        run: RunId,
        accepted: &Accepted,
        mut take: impl FnMut(rows::Row) -> Result<(), Damage>,
    ) -> Result<(), StoreError> {
        let mut rows = rows::scan(&self.trees.parts, &key::run(run));
        while let Some(row) = self.reading(run, || rows.next().transpose())? {
            if accepted.takes(&row.0) {
                take(row).map_err(|damage| StoreError::RunDamaged { run, damage })?;
            }
        }
        Ok(())
    }

    /// The records of a run without its parts, and the keys of the parts: accepted, and superseded.
    fn raw_outline(&self, run: RunId) -> Result<(RawRun, Vec<PartKey>, Vec<PartKey>), StoreError> {
        let row = self.known_row(run)?;
        self.reading(run, || {
            let prefix = key::run(run);
            let mut raw = RawRun::default();
            raw.sort_entries(rows::scan(&self.trees.entries, &prefix).collect::<Result<_, _>>()?);
            let takes = raw.accepted()?;
            let keys = rows::keys(&self.trees.parts, &prefix).collect::<Result<Vec<_>, _>>()?;
            let (accepted, superseded) = keys.iter().partition::<Vec<_>, _>(|key| takes.takes(key));
            raw.check_outline(accepted.len() as u64, &row)?;
            let places = |keys: Vec<&Vec<u8>>| {
                keys.into_iter()
                    .filter_map(|key| key::place_of(key))
                    .collect()
            };
            Ok((raw, places(accepted), places(superseded)))
        })
    }

    /// Where a run would continue; changes nothing.
    ///
    /// # Errors
    /// When there is no such run, or it is damaged.
    pub fn progress(&self, run: RunId) -> Result<Resume, StoreError> {
        let (raw, accepted, superseded) = self.raw_outline(run)?;
        let (header, blocks) =
            self.reading(run, || Ok((raw.header_with_hosts(run)?, raw.blocks()?)))?;
        let mut next_attempts = BTreeMap::new();
        for place in accepted.into_iter().chain(superseded) {
            let next = next_attempts
                .entry((place.key.cell, place.key.round))
                .or_insert(Attempt(0));
            *next = (*next).max(Attempt(place.attempt.0 + 1));
        }
        Ok(Resume {
            header,
            blocks,
            next_attempts,
        })
    }

    /// The position of the next run.
    pub(super) fn next_place(&self) -> Result<u64, StoreError> {
        let last = self
            .index(Row::place_of)?
            .into_iter()
            .filter_map(|(sequence, _)| sequence)
            .max();
        Ok(last.unwrap_or(0) + 1)
    }

    /// The position of a run from another store: next to the last of those that began before it by
    /// their clocks, so that an imported old run is never the latest.
    pub(super) fn place_by_clock(&self, run: RunId) -> Result<Option<u64>, StoreError> {
        let before = self
            .index(Row::place_of)?
            .into_iter()
            .filter(|(_, other)| *other < run);
        Ok(before.filter_map(|(sequence, _)| sequence).max())
    }

    /// Decodes part of every row, in order of ids.
    fn index<T>(&self, of: fn(&[u8]) -> Result<T, Damage>) -> Result<Vec<T>, StoreError> {
        let read = || {
            rows::scan(&self.trees.index, b"")
                .map(|row| of(&row?.1))
                .collect()
        };
        guarded(read)
            .and_then(|all| all)
            .map_err(|damage| self.damaged(damage))
    }

    /// The ids of all runs, in order.
    pub(super) fn ids(&self) -> Result<Vec<RunId>, StoreError> {
        self.listed(b"", |ids| ids.collect())
    }

    /// Collects from the ids with this prefix, in order.
    fn listed<T>(
        &self,
        beginning: &[u8],
        take: impl FnOnce(
            &mut dyn DoubleEndedIterator<Item = Result<RunId, Damage>>,
        ) -> Result<T, Damage>,
    ) -> Result<T, StoreError> {
        let mut ids = rows::keys(&self.trees.index, beginning)
            .map(|key| key::run_of(&key?).ok_or(Damage::Index));
        guarded(|| take(&mut ids))
            .and_then(|taken| taken)
            .map_err(|damage| self.damaged(damage))
    }

    /// The sealed records of a run, checked against its index row.
    pub(super) fn raw_run(&self, run: RunId) -> Result<RawRun, StoreError> {
        let row = self.known_row(run)?;
        self.reading(run, || {
            let prefix = key::run(run);
            let mut raw = RawRun::default();
            raw.sort_entries(rows::scan(&self.trees.entries, &prefix).collect::<Result<_, _>>()?);
            raw.sort_parts(rows::scan(&self.trees.parts, &prefix).collect::<Result<_, _>>()?)?;
            raw.check(&row)?;
            Ok(raw)
        })
    }

    pub(super) fn known_row(&self, run: RunId) -> Result<Row, StoreError> {
        self.row(run)?.ok_or_else(|| StoreError::NoSuchRun {
            wanted: run.to_string(),
        })
    }

    pub(super) fn row(&self, run: RunId) -> Result<Option<Row>, StoreError> {
        self.reading(run, || {
            match rows::get(&self.trees.index, &key::run(run))? {
                Some(bytes) => Ok(Some(Row::from_bytes(&bytes)?)),
                None => Ok(None),
            }
        })
    }

    /// Reads from a run; a failure of the database then counts as the run's damage.
    pub(super) fn reading<T>(
        &self,
        run: RunId,
        read: impl FnOnce() -> Result<T, Damage>,
    ) -> Result<T, StoreError> {
        match guarded(read).and_then(|result| result) {
            Ok(value) => Ok(value),
            // Reading moves pages in and out of memory, so a full device can fail here too.
            Err(Damage::Engine(source @ sled::Error::Io(_))) => {
                Err(StoreError::engine("read", &self.dir, source))
            }
            Err(damage) => Err(StoreError::RunDamaged { run, damage }),
        }
    }
}
