//! Edit — the effect of a command on collections under construction: reads see the writes before them. Pure.

use super::View;
use super::draft::clearing;
use crate::effect::{Effect, Key, KeySet, Write};
use crate::store::overlay::Overlay;
use crate::store::record::{Collection, Life, Record, encode_element};
use crate::store::{Read, Store, StoreError, key};
use std::collections::BTreeSet;

/// An effect under construction. Each record is written once in the finished effect, however often it was changed.
pub(super) struct Edit<'a> {
    view: View<'a>,
    pending: Overlay<&'a dyn Read>,
    keys: BTreeSet<Key>,
}

impl<'a> Edit<'a> {
    /// An edit of the state that `view` shows.
    pub(super) fn new(view: &View<'a>) -> Edit<'a> {
        Edit { view: *view, pending: Overlay::new(view.reader()), keys: BTreeSet::new() }
    }

    /// The state with the writes so far, in database `db`.
    pub(super) fn view(&self, db: u8) -> View<'_> {
        self.view.of(&self.pending).in_database(db)
    }

    /// The living record of `key`.
    pub(super) fn record(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.view(key.db).record(&key.name)
    }

    /// The metadata of a collection that is created now under `key`. The elements of a dead collection under that name are
    /// deleted. The caller writes the record and the elements.
    pub(super) fn create(&mut self, key: &Key) -> Result<Collection, StoreError> {
        if let Some(dead) = self.view(key.db).collection_to_clear(&key.name)? {
            self.clear_life(key, dead)?;
        }
        Ok(Collection { incarnation: self.view.incarnation(), count: 0 })
    }

    /// Writes the metadata of `key`. The caller writes the elements.
    pub(super) fn put_record(&mut self, key: &Key, record: &Record) -> Result<(), StoreError> {
        self.write(key, Write::Put { key: key::metadata(key), value: record.encode() })
    }

    /// Removes `key` and its elements, dead or alive. Adds no write if no bytes are stored.
    pub(super) fn remove(&mut self, key: &Key) -> Result<(), StoreError> {
        let Some(stored) = self.view(key.db).stored_metadata(&key.name)? else { return Ok(()) };
        if let Some(life) = stored.life() {
            self.clear_life(key, life)?;
        }
        self.write(key, Write::Delete { key: key::metadata(key) })
    }

    fn clear_life(&mut self, key: &Key, life: Life) -> Result<(), StoreError> {
        clearing(key, life).try_for_each(|write| self.write(key, write))
    }

    /// Deletes all elements of `key`, which has no deadlines of fields, in the given incarnation.
    pub(super) fn clear(&mut self, key: &Key, incarnation: u64) -> Result<(), StoreError> {
        let (from, to) = key::elements(key, incarnation);
        self.write(key, Write::DeleteRange { from, to })
    }

    /// Writes one element of `key` in the given incarnation.
    pub(super) fn put_element(
        &mut self,
        key: &Key,
        incarnation: u64,
        name: &[u8],
        value: &[u8],
    ) -> Result<(), StoreError> {
        let raw = key::element(key, incarnation, name);
        self.write(key, Write::Put { key: raw, value: encode_element(value) })
    }

    /// Deletes one element of `key` in the given incarnation.
    pub(super) fn delete_element(
        &mut self,
        key: &Key,
        incarnation: u64,
        name: &[u8],
    ) -> Result<(), StoreError> {
        self.write(key, Write::Delete { key: key::element(key, incarnation, name) })
    }

    /// Deletes the elements of `key` in the given incarnation whose names are in `from..to`.
    pub(super) fn delete_elements(
        &mut self,
        key: &Key,
        incarnation: u64,
        from: &[u8],
        to: &[u8],
    ) -> Result<(), StoreError> {
        let (from, to) = (key::element(key, incarnation, from), key::element(key, incarnation, to));
        self.write(key, Write::DeleteRange { from, to })
    }

    fn write(&mut self, key: &Key, write: Write) -> Result<(), StoreError> {
        self.keys.insert(key.clone());
        self.pending.write_all(&mut [write].iter())
    }

    /// The finished effect.
    pub(super) fn finish(self) -> Effect {
        Effect { writes: self.pending.into_writes(), keys: KeySet::Keys(self.keys) }
    }
}
