//! Writes runs. Owns the order that makes a commit durable: the run's copy, then one transaction
//! over index, entries and tally, then flush, sync, witness. Must not interpret records beyond
//! their keys.

use contract::record::Record;
use std::collections::BTreeSet;
use std::sync::{MutexGuard, PoisonError};

use contract::id::{Arm, RunId};
use contract::part::PartKey;
use contract::record::place_of;
use contract::run::{BlockDone, Notice, RunEnd, RunHeader};

use sled::{Batch, Tree};

use super::change::Change;
use super::database::{self, ANSWER};
use super::error::{Damage, StoreError};
use super::guard::{guarded, within};
use super::journal::TAKEN_BACK;
use super::key::{self, Entry};
use super::raw::Resume;
use super::witness::{self, Tally};
use super::{DB_DIR, Ledger, Store, archive, durable, rows};

impl Store {
    /// Begins a run, after all stored ones. Durable when it returns.
    ///
    /// # Errors
    /// When it was begun before, or the store cannot be written.
    pub fn begin_run(&self, header: &RunHeader) -> Result<(), StoreError> {
        let mut ledger = self.writable()?;
        if self.row(header.run)?.is_some() {
            return Err(StoreError::RunExists { run: header.run });
        }
        let header = &RunHeader {
            sequence: Some(self.next_place()?),
            ..header.clone()
        };
        let mut change = Change::new(header);
        self.add(
            &mut change,
            &key::entry(header.run, Entry::Header, 0),
            &header.seal()?,
        )?;
        self.commit(&mut ledger, &change)
    }

    /// Stores a part in its envelope, as received. Buffered: it becomes durable when its block is
    /// committed. Storing the same bytes again changes nothing.
    ///
    /// # Errors
    /// When the bytes are not an intact part with that key, another part has the key, its block is
    /// done, its run was not begun, or the store cannot be written.
    pub fn put_part(&self, place: &PartKey, sealed: &[u8]) -> Result<(), StoreError> {
        let found = place_of(sealed)?;
        if found != *place {
            return Err(StoreError::WrongPlace {
                said: place.clone(),
                found,
            });
        }
        let _ledger = self.writable()?;
        self.known_row(place.run)?;
        let key = key::part(place);
        match self.reading(place.run, || rows::get(&self.trees.parts, &key))? {
            Some(there) if there == sealed => return Ok(()),
            Some(_) => return Err(StoreError::PlaceTaken(place.clone())),
            None if self.is_closed(place)? => return Err(StoreError::BlockClosed(place.clone())),
            None => {}
        }
        self.put_part_row(place.run, &key, sealed)
    }

    /// Accepts a block: from here on it is done, and the parts stored for its attempt are its
    /// parts. Durable when it returns, with all those parts and the notices. Committing the same
    /// record again changes nothing.
    ///
    /// # Errors
    /// When an arm has no part, another record of the block was committed, its run was not begun,
    /// or the store cannot be written.
    pub fn commit_block(
        &self,
        run: RunId,
        block: &BlockDone,
        notices: &[Notice],
    ) -> Result<(), StoreError> {
        let mut ledger = self.writable()?;
        let mut change = Change::of(self.known_row(run)?);
        let key = key::entry(
            run,
            Entry::Block,
            key::block_number(block.cell, block.round),
        );
        let sealed = block.seal()?;
        if let Some(there) = self.reading(run, || rows::get(&self.trees.entries, &key))? {
            let (cell, round) = (block.cell, block.round);
            return if there == sealed {
                Ok(())
            } else {
                Err(StoreError::BlockExists { cell, round })
            };
        }
        let parts = self.accept(&mut change, block)?;
        self.add(&mut change, &key, &sealed)?;
        change.row.count_block(block, parts);
        notices
            .iter()
            .try_for_each(|notice| self.add_notice(&mut change, notice))?;
        self.commit(&mut ledger, &change)
    }

    /// Writes a notice. Durable when it returns.
    ///
    /// # Errors
    /// When its run was not begun or the store cannot be written.
    pub fn put_notice(&self, run: RunId, notice: &Notice) -> Result<(), StoreError> {
        self.put_notices(run, std::slice::from_ref(notice))
    }

    /// Writes all or none of the notices, so that a burst of losses costs one commit. Durable when
    /// it returns.
    ///
    /// # Errors
    /// When their run was not begun or the store cannot be written.
    pub fn put_notices(&self, run: RunId, notices: &[Notice]) -> Result<(), StoreError> {
        if notices.is_empty() {
            return Ok(());
        }
        let mut ledger = self.writable()?;
        let mut change = Change::of(self.known_row(run)?);
        notices
            .iter()
            .try_for_each(|notice| self.add_notice(&mut change, notice))?;
        self.commit(&mut ledger, &change)
    }

    /// Ends a run, replacing an earlier end. Durable when it returns.
    ///
    /// # Errors
    /// When it was not begun or the store cannot be written.
    pub fn end_run(&self, run: RunId, end: &RunEnd) -> Result<(), StoreError> {
        let mut ledger = self.writable()?;
        let mut change = Change::of(self.known_row(run)?);
        self.take_end(&mut change)?;
        self.add(&mut change, &key::entry(run, Entry::End, 0), &end.seal()?)?;
        change.row.set_end(Some(end));
        self.commit(&mut ledger, &change)
    }

    /// Resumes a run: withdraws its end, if it has one, and returns what is done. Durable when it
    /// returns.
    ///
    /// # Errors
    /// When there is no such run, it is damaged, or the store cannot be written.
    pub fn resume_run(&self, run: RunId) -> Result<Resume, StoreError> {
        let mut ledger = self.writable()?;
        let resume = self.progress(run)?;
        let mut change = Change::of(self.known_row(run)?);
        if self.take_end(&mut change)? {
            self.commit(&mut ledger, &change)?;
        }
        Ok(resume)
    }

    /// Stores one part without checking whether it is allowed.
    pub(super) fn put_part_row(
        &self,
        run: RunId,
        key: &[u8],
        sealed: &[u8],
    ) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        self.reading(run, || {
            rows::put(&self.trees.parts, &mut batch, key, sealed)
        })?;
        self.apply(&self.trees.parts, batch, "store a part")
    }

    /// Writes records that no index row refers to yet. Buffered until the next commit.
    pub(super) fn apply(
        &self,
        tree: &Tree,
        batch: Batch,
        action: &'static str,
    ) -> Result<(), StoreError> {
        let tree = tree.clone();
        let applied = within(ANSWER, move || tree.apply_batch(batch))
            .map_err(|damage| self.damaged(damage))?;
        applied.map_err(|source| StoreError::engine(action, &self.dir, source))
    }

    /// Adds a record to a change.
    pub(super) fn add(
        &self,
        change: &mut Change,
        key: &[u8],
        sealed: &[u8],
    ) -> Result<(), StoreError> {
        self.add_beside(change, key, sealed)?;
        change.row.add(key, sealed);
        Ok(())
    }

    /// Adds an addendum, which the run's content hash does not cover.
    pub(super) fn add_beside(
        &self,
        change: &mut Change,
        key: &[u8],
        sealed: &[u8],
    ) -> Result<(), StoreError> {
        self.reading(change.run, || {
            rows::put(&self.trees.entries, &mut change.entries, key, sealed)
        })?;
        change.keep(key, sealed);
        Ok(())
    }

    /// Makes a change durable. After a failure half-way, memory and disk differ, and no further
    /// write is accepted.
    pub(super) fn commit(&self, ledger: &mut Ledger, change: &Change) -> Result<(), StoreError> {
        ledger.broken = true;
        self.copy_commit(ledger, change.run, change.states(), &change.frames)?;
        self.commit_copied(ledger, change)
    }

    /// Makes a change durable that the run's copy already has.
    pub(super) fn commit_copied(
        &self,
        ledger: &mut Ledger,
        change: &Change,
    ) -> Result<(), StoreError> {
        ledger.broken = true;
        let tally = change.next_tally(ledger.tally);
        guarded(|| self.transact(change, tally)).map_err(|damage| self.damaged(damage))??;
        self.make_durable()?;
        witness::save(&self.dir, tally)?;
        (ledger.tally, ledger.broken) = (tally, false);
        Ok(())
    }

    /// Flush, then sync: sled's flush hands bytes to the device without asking it to persist them.
    pub(super) fn make_durable(&self) -> Result<(), StoreError> {
        let db = self.db.clone();
        let flushed = within(ANSWER, move || db.flush()).map_err(|damage| self.damaged(damage))?;
        flushed.map_err(|source| StoreError::engine("flush", &self.dir, source))?;
        durable::sync(&self.dir.join(DB_DIR).join("db"))
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // A panic while the lock was held has set `broken` wherever that matters.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn writable(&self) -> Result<MutexGuard<'_, Ledger>, StoreError> {
        if let Some(snapshot) = self.snapshot {
            return Err(StoreError::InUse {
                dir: self.dir.clone(),
                holder: snapshot.holder,
            });
        }
        if self.scratch.is_some() {
            return Err(StoreError::ReadOnly {
                dir: self.dir.clone(),
            });
        }
        let mut ledger = self.ledger();
        if ledger.broken {
            return Err(StoreError::Broken {
                dir: self.dir.clone(),
            });
        }
        if ledger.older {
            // From its first write on, the store is one of this version, which has a copy of every
            // run.
            self.copy_missing(&mut ledger)?;
            ledger.older = false;
        }
        Ok(ledger)
    }

    fn transact(&self, change: &Change, tally: Tally) -> Result<(), StoreError> {
        let key = key::run(change.run);
        let mut index = Batch::default();
        rows::put(&self.trees.index, &mut index, &key, &change.row.to_bytes())
            .map_err(|damage| self.damaged(damage))?;
        database::transact(&self.trees, index, change.entries.clone(), tally)
            .map_err(|damage| self.damaged(damage))?
            .map_err(|source| StoreError::engine("commit", &self.dir, source))
    }

    /// Counts the parts of a block's accepted attempt into the row.
    fn accept(&self, change: &mut Change, block: &BlockDone) -> Result<u64, StoreError> {
        let prefix = key::block_parts(change.run, block.cell, block.round);
        let mut arms = BTreeSet::<Arm>::new();
        let (row, frames) = (&mut change.row, &mut change.frames);
        let parts = self.reading(change.run, || {
            let mut parts = 0;
            for stored in rows::scan(&self.trees.parts, &prefix) {
                let (key, sealed) = stored?;
                let Some(place) = key::place_of(&key).filter(|p| p.attempt == block.attempt) else {
                    continue;
                };
                arms.insert(place.key.arm);
                row.add(&key, &sealed);
                frames.push((archive::ACCEPTED, sealed));
                parts += 1;
            }
            Ok(parts)
        })?;
        match block.order.iter().find(|arm| !arms.contains(arm)) {
            None => Ok(parts),
            Some(&arm) => Err(StoreError::ArmMissing {
                cell: block.cell,
                round: block.round,
                attempt: block.attempt,
                arm,
            }),
        }
    }

    fn add_notice(&self, change: &mut Change, notice: &Notice) -> Result<(), StoreError> {
        let key = key::entry(change.run, Entry::Notice, change.row.notices);
        self.add(change, &key, &notice.seal()?)?;
        change.row.notices += 1;
        if let Some((_, host)) = &notice.host {
            change.row.add_host(host);
        }
        Ok(())
    }

    /// Withdraws the end. Returns whether there was one.
    fn take_end(&self, change: &mut Change) -> Result<bool, StoreError> {
        let key = key::entry(change.run, Entry::End, 0);
        let entries = &self.trees.entries;
        let Some(end) = self.reading(change.run, || rows::get(entries, &key))? else {
            return Ok(false);
        };
        self.reading(change.run, || {
            rows::remove(entries, &mut change.entries, &key)
        })?;
        change.row.take(&key, &end);
        change.frames.push((TAKEN_BACK, Vec::new()));
        change.row.set_end(None);
        Ok(true)
    }

    /// Whether the part's block was completed by the part's attempt.
    fn is_closed(&self, place: &PartKey) -> Result<bool, StoreError> {
        let number = key::block_number(place.key.cell, place.key.round);
        let key = key::entry(place.run, Entry::Block, number);
        let block = self.reading(place.run, || match rows::get(&self.trees.entries, &key)? {
            Some(sealed) => Ok(Some(BlockDone::open(&sealed)?)),
            None => Ok(None),
        })?;
        Ok(block.is_some_and(|block| block.attempt == place.attempt))
    }

    pub(super) fn damaged(&self, damage: Damage) -> StoreError {
        StoreError::Damaged {
            dir: self.dir.clone(),
            damage,
        }
    }
}
