//! Draft — a command's effect while it is being written down. Pure.

use super::View;
use crate::effect::{Effect, Key, KeySet, Write};
use crate::store::record::{Collection, Record, Value, encode_element};
use crate::store::{StoreError, key};
use crate::time::Millis;
use std::collections::BTreeSet;

/// An effect under construction: each call notes writes and the key that they belong to.
#[derive(Debug, Default)]
pub struct Draft {
    writes: Vec<Write>,
    keys: BTreeSet<Key>,
}

impl Draft {
    /// An empty draft.
    pub fn new() -> Draft {
        Draft::default()
    }

    /// Writes the metadata of `name`. Elements are the caller's to write.
    pub fn put_record(&mut self, view: &View<'_>, name: &[u8], record: &Record) {
        let owner = view.key(name);
        self.writes.push(Write::Put { key: key::metadata(&owner), value: record.encode() });
        self.keys.insert(owner);
    }

    /// Makes `name` the string `value` with that deadline, whatever it was, and clears away the elements of a
    /// collection that it replaces, dead or alive.
    pub fn put_string(
        &mut self,
        view: &View<'_>,
        name: &[u8],
        value: Vec<u8>,
        deadline: Option<Millis>,
    ) -> Result<(), StoreError> {
        self.clear_elements(view, name)?;
        self.put_record(view, name, &Record { deadline, value: Value::String(value) });
        Ok(())
    }

    /// Makes `name` a collection with that metadata; the elements are the caller's to write.
    pub fn put_hash(
        &mut self,
        view: &View<'_>,
        name: &[u8],
        collection: Collection,
        deadline: Option<Millis>,
    ) {
        self.put_record(view, name, &Record { deadline, value: Value::Hash(collection) });
    }

    /// Writes one element of `name` in that incarnation.
    pub fn put_element(
        &mut self,
        view: &View<'_>,
        name: &[u8],
        incarnation: u64,
        element: &[u8],
        value: &[u8],
    ) {
        let owner = view.key(name);
        let raw = key::element(&owner, incarnation, element);
        self.writes.push(Write::Put { key: raw, value: encode_element(value) });
        self.keys.insert(owner);
    }

    /// Removes one element of `name` in that incarnation.
    pub fn delete_element(&mut self, view: &View<'_>, name: &[u8], incarnation: u64, element: &[u8]) {
        let owner = view.key(name);
        self.writes.push(Write::Delete { key: key::element(&owner, incarnation, element) });
        self.keys.insert(owner);
    }

    /// Removes `name` with all that belongs to it, dead or alive. Notes nothing if no bytes are stored.
    pub fn remove(&mut self, view: &View<'_>, name: &[u8]) -> Result<(), StoreError> {
        if view.stored_record(name)?.is_some() {
            self.clear_elements(view, name)?;
            let owner = view.key(name);
            self.writes.push(Write::Delete { key: key::metadata(&owner) });
            self.keys.insert(owner);
        }
        Ok(())
    }

    /// Clears away the elements of the collection stored under `name`, dead or alive, if it is one.
    pub fn clear_elements(&mut self, view: &View<'_>, name: &[u8]) -> Result<(), StoreError> {
        if let Some(Record { value: Value::Hash(collection), .. }) = view.stored_record(name)? {
            let owner = view.key(name);
            let (from, to) = key::elements(&owner, collection.incarnation);
            self.writes.push(Write::DeleteRange { from, to });
            self.keys.insert(owner);
        }
        Ok(())
    }

    /// The finished effect.
    pub fn finish(self) -> Effect {
        Effect { writes: self.writes, keys: KeySet::Keys(self.keys) }
    }
}
