//! Draft — a command's effect under construction. Pure.

use super::View;
use crate::effect::{Effect, Key, KeySet, Write};
use crate::store::record::{Life, Record, encode_element, encode_field, encode_string};
use crate::store::{StoreError, key};
use crate::time::Millis;
use std::collections::BTreeSet;

/// An effect under construction: each call adds writes and the key that they belong to.
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

    /// Writes the metadata of `name`. The caller writes the elements.
    pub fn put_record(&mut self, view: &View<'_>, name: &[u8], record: &Record) {
        self.put(view, name, record.encode());
    }

    fn put(&mut self, view: &View<'_>, name: &[u8], value: Vec<u8>) {
        self.writes.push(Write::Put { key: key::metadata_of(view.db(), name), value });
        self.keys.insert(view.key(name));
    }

    /// Sets `name` to the string `value` with `deadline`, whatever its type was. If the string replaces a
    /// collection, dead or alive, the elements of the collection are deleted.
    pub fn put_string(
        &mut self,
        view: &View<'_>,
        name: &[u8],
        value: &[u8],
        deadline: Option<Millis>,
    ) -> Result<(), StoreError> {
        let collection = view.collection_to_clear(name)?;
        self.put_string_over(view, name, value, deadline, collection);
        Ok(())
    }

    /// Like [`Draft::put_string`], for a caller that has already read which collection the string replaces.
    pub fn put_string_over(
        &mut self,
        view: &View<'_>,
        name: &[u8],
        value: &[u8],
        deadline: Option<Millis>,
        collection: Option<Life>,
    ) {
        collection.into_iter().for_each(|life| self.clear(view, name, life));
        self.put(view, name, encode_string(value, deadline));
    }

    /// Writes one element of `name` in the given incarnation.
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

    /// Writes field `field` of the hash `name` in the given incarnation: its value, and its deadline if it has one.
    pub fn put_field(
        &mut self,
        view: &View<'_>,
        name: &[u8],
        incarnation: u64,
        field: &[u8],
        (value, deadline): (&[u8], Option<Millis>),
    ) {
        let owner = view.key(name);
        let raw = key::element(&owner, incarnation, field);
        self.writes.push(Write::Put { key: raw, value: encode_field(value, deadline) });
        if let Some(deadline) = deadline {
            let raw = key::field_deadline(&owner, incarnation, deadline, field);
            self.writes.push(Write::Put { key: raw, value: Vec::new() });
        }
        self.keys.insert(owner);
    }

    /// Removes the record that says that field `field` of the hash `name` in the given incarnation dies at `deadline`.
    pub fn delete_field_deadline(
        &mut self,
        view: &View<'_>,
        name: &[u8],
        incarnation: u64,
        (deadline, field): (Millis, &[u8]),
    ) {
        let owner = view.key(name);
        self.writes.push(Write::Delete { key: key::field_deadline(&owner, incarnation, deadline, field) });
        self.keys.insert(owner);
    }

    /// Removes one element of `name` in the given incarnation.
    pub fn delete_element(&mut self, view: &View<'_>, name: &[u8], incarnation: u64, element: &[u8]) {
        let owner = view.key(name);
        self.writes.push(Write::Delete { key: key::element(&owner, incarnation, element) });
        self.keys.insert(owner);
    }

    /// Removes `name` and its elements, dead or alive. Adds no write if no bytes are stored.
    pub fn remove(&mut self, view: &View<'_>, name: &[u8]) -> Result<(), StoreError> {
        if let Some(stored) = view.stored_metadata(name)? {
            stored.life().into_iter().for_each(|life| self.clear(view, name, life));
            self.writes.push(Write::Delete { key: key::metadata_of(view.db(), name) });
            self.keys.insert(view.key(name));
        }
        Ok(())
    }

    /// Deletes the elements of the collection stored under `name`, dead or alive, if there is one.
    pub fn clear_elements(&mut self, view: &View<'_>, name: &[u8]) -> Result<(), StoreError> {
        let collection = view.collection_to_clear(name)?;
        collection.into_iter().for_each(|life| self.clear(view, name, life));
        Ok(())
    }

    fn clear(&mut self, view: &View<'_>, name: &[u8], life: Life) {
        let owner = view.key(name);
        self.writes.extend(clearing(&owner, life));
        self.keys.insert(owner);
    }

    /// The finished effect.
    pub fn finish(self) -> Effect {
        Effect { writes: self.writes, keys: KeySet::Keys(self.keys) }
    }
}

/// The writes that delete the records of a collection of `owner` beside its metadata.
pub(crate) fn clearing(owner: &Key, life: Life) -> impl Iterator<Item = Write> {
    let elements = key::elements(owner, life.incarnation);
    let deadlines = life.has_deadlines.then(|| key::field_deadlines(owner, life.incarnation));
    [elements].into_iter().chain(deadlines).map(|(from, to)| Write::DeleteRange { from, to })
}
