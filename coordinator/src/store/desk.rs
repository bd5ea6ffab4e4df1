//! Records of the server: its queue and its schedules, in a tree of their own. They are no measurement:
//! the manifest does not count them, and no copy of them is outside the database. Owns their frame
//! and durability; must not know their content.

use contract::envelope::{self, Kind};
use sled::Batch;

use super::error::{Damage, StoreError};
use super::{Store, rows};

/// A record and its new value; `None` removes it.
pub type DeskChange = (String, Option<Vec<u8>>);

impl Store {
    /// Writes all or none of the records. Durable when it returns.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn write_desk(&self, changes: &[DeskChange]) -> Result<(), StoreError> {
        let ledger = self.writable()?;
        let tree = &self.trees.desk;
        let mut batch = Batch::default();
        for (key, value) in changes {
            let put = || match value {
                Some(value) => rows::put(
                    tree,
                    &mut batch,
                    key.as_bytes(),
                    &envelope::seal(Kind::Desk, value),
                ),
                None => rows::remove(tree, &mut batch, key.as_bytes()),
            };
            super::guard::guarded(put)
                .and_then(|put| put)
                .map_err(|damage| self.damaged(damage))?;
        }
        self.apply(tree, batch, "store the queue")?;
        self.make_durable()?;
        drop(ledger);
        Ok(())
    }

    /// Stores the sound ones of these records, which come from a damaged database.
    pub(super) fn restore_desk(
        &self,
        rows: impl Iterator<Item = rows::Row>,
    ) -> Result<(), StoreError> {
        let sound = |(key, sealed): rows::Row| {
            let value = envelope::open(Kind::Desk, &sealed).ok()?.to_vec();
            Some((String::from_utf8(key).ok()?, Some(value)))
        };
        let sound: Vec<DeskChange> = rows.filter_map(sound).collect();
        if sound.is_empty() {
            return Ok(());
        }
        self.write_desk(&sound)
    }

    /// All records whose key begins with `prefix`, in the order of their keys.
    ///
    /// # Errors
    /// When one of them is damaged or of a newer program, or the store cannot be read.
    pub fn read_desk(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let open = |row: Result<rows::Row, Damage>| {
            let (key, sealed) = row?;
            let value = envelope::open(Kind::Desk, &sealed)
                .map_err(|error| Damage::Record(error.into()))?;
            Ok((String::from_utf8_lossy(&key).into_owned(), value.to_vec()))
        };
        let read = || {
            rows::scan(&self.trees.desk, prefix.as_bytes())
                .map(open)
                .collect()
        };
        super::guard::guarded(read)
            .and_then(|read| read)
            .map_err(|damage| self.damaged(damage))
    }
}
