//! Additions to a run: annotations and calibrations, which the content hash does not cover, and the
//! noise floors of its verdict, which it does. An addendum is keyed by the hash of its bytes, so
//! that two stores with the same run can be merged. Owns their meaning for the index; must not know
//! how a floor is found.

use contract::addendum::{Annotation, AnnotationKind, NoiseFloors};
use contract::id::RunId;
use contract::record::Record;

use super::change::Change;
use super::error::{Damage, StoreError};
use super::index::RunSummary;
use super::key::{self, Entry};
use super::raw::{RawRun, set_addenda};
use super::rows::{self, Row};
use super::{Ledger, Store};

impl RunSummary {
    /// Applies annotations, oldest first, to the row.
    pub(super) fn annotate(&mut self, annotations: &[Annotation]) {
        (self.tags, self.note, self.expected) = Default::default();
        for Annotation { kind, text, .. } in annotations {
            match kind {
                AnnotationKind::Tag if !self.tags.contains(text) => self.tags.push(text.clone()),
                AnnotationKind::Tag => {}
                AnnotationKind::Untag => self.tags.retain(|tag| tag != text),
                AnnotationKind::Note => self.note.clone_from(text),
                AnnotationKind::Expected => self.expected.clone_from(text),
            }
        }
    }
}

impl Store {
    /// Adds a user's annotation to a run. Durable when it returns; adding the same again changes
    /// nothing.
    ///
    /// # Errors
    /// When there is no such run, it is damaged, or the store cannot be written.
    pub fn annotate(&self, run: RunId, annotation: &Annotation) -> Result<(), StoreError> {
        let sealed = annotation.seal()?;
        let mut ledger = self.writable()?;
        self.join(
            &mut ledger,
            run,
            vec![(key::of_addendum(run, Entry::Annotation, &sealed), sealed)],
        )
        .map(drop)
    }

    /// Adds the noise floors of a calibration to the last of its runs. Durable when it returns.
    ///
    /// # Errors
    /// When there is no such run, it is damaged, or the store cannot be written.
    pub fn put_calibration(&self, run: RunId, floors: &NoiseFloors) -> Result<(), StoreError> {
        let sealed = floors.seal()?;
        let mut ledger = self.writable()?;
        self.join(
            &mut ledger,
            run,
            vec![(key::of_addendum(run, Entry::Calibration, &sealed), sealed)],
        )
        .map(drop)
    }

    /// Fixes the noise floors of a run; existing ones are kept. Durable when it returns.
    ///
    /// # Errors
    /// When the run was not begun or the store cannot be written.
    pub fn put_floors(&self, run: RunId, floors: &NoiseFloors) -> Result<(), StoreError> {
        let mut ledger = self.writable()?;
        let mut change = Change::of(self.known_row(run)?);
        let key = key::entry(run, Entry::Floors, 0);
        if self
            .reading(run, || rows::get(&self.trees.entries, &key))?
            .is_some()
        {
            return Ok(());
        }
        self.add(&mut change, &key, &floors.seal()?)?;
        self.commit(&mut ledger, &change)
    }

    /// Every stored calibration, in the order of the runs it belongs to. Reads the index, and the
    /// addenda of runs that have any.
    ///
    /// # Errors
    /// When the store is damaged or cannot be read.
    pub fn calibrations(&self) -> Result<Vec<NoiseFloors>, StoreError> {
        let mut found = Vec::new();
        for RunSummary { run, .. } in self.runs()? {
            if self.known_row(run)?.addenda.count > 0 {
                let prefix = key::entries(run, Entry::Calibration);
                found.extend(self.reading(run, || {
                    rows::scan(&self.trees.entries, &prefix)
                        .map(|row| Ok(NoiseFloors::open(&row?.1)?))
                        .collect::<Result<Vec<_>, Damage>>()
                })?);
            }
        }
        Ok(found)
    }

    /// Merges addenda with a run's existing ones. Returns whether any was new. Reads nothing else
    /// of the run.
    pub(super) fn join(
        &self,
        ledger: &mut Ledger,
        run: RunId,
        addenda: Vec<Row>,
    ) -> Result<bool, StoreError> {
        let mut change = Change::of(self.known_row(run)?);
        let mut raw = RawRun {
            addenda: self.stored_addenda(run)?,
            ..RawRun::default()
        };
        self.reading(run, || raw.check_addenda(&change.row))?;
        let new: Vec<Row> = addenda
            .into_iter()
            .filter(|row| !raw.addenda.contains(row))
            .collect();
        if new.is_empty() {
            return Ok(false);
        }
        new.iter()
            .try_for_each(|(key, sealed)| self.add_beside(&mut change, key, sealed))?;
        raw.addenda.extend(new);
        raw.addenda.sort();
        self.reading(run, || set_addenda(&mut change.row, &raw))?;
        self.commit(ledger, &change)?;
        Ok(true)
    }

    fn stored_addenda(&self, run: RunId) -> Result<Vec<Row>, StoreError> {
        let mut rows = Vec::new();
        for entry in [Entry::Annotation, Entry::Calibration] {
            let prefix = key::entries(run, entry);
            rows.extend(self.reading(run, || {
                rows::scan(&self.trees.entries, &prefix).collect::<Result<Vec<_>, _>>()
            })?);
        }
        Ok(rows)
    }
}
