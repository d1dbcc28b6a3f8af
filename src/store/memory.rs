//! The store in memory: a sorted map. Pure. The models and the tests of threads use it, and it is the
//! reference for the RocksDB store.

use super::{Read, Store, StoreError, Visit};
use crate::effect::Write;
use std::collections::BTreeMap;
use std::ops::Bound;

/// A sorted map of raw keys to raw values. Cost: O(log n) per key. It never fails.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemoryStore {
    records: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// All records in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.records.iter().map(|(key, value)| (key.as_slice(), value.as_slice()))
    }

    /// The records of `from..to`; an empty `to` is the end of the store.
    fn range(&self, from: &[u8], to: &[u8]) -> impl DoubleEndedIterator<Item = (&Vec<u8>, &Vec<u8>)> {
        // A map refuses a range that ends before it begins.
        let end = if to.is_empty() { Bound::Unbounded } else { Bound::Excluded(to.max(from)) };
        self.records.range::<[u8], _>((Bound::Included(from), end))
    }

    /// Applies one write.
    pub fn apply(&mut self, write: &Write) {
        match write {
            Write::Put { key, value } => {
                self.records.insert(key.clone(), value.clone());
            }
            Write::Delete { key } => {
                self.records.remove(key);
            }
            Write::DeleteRange { from, to } => self.records.retain(|key, _| key < from || key >= to),
        }
    }
}

impl Read for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.records.get(key).cloned())
    }

    fn look(&self, key: &[u8], look: &mut dyn FnMut(&[u8])) -> Result<(), StoreError> {
        if let Some(value) = self.records.get(key) {
            look(value);
        }
        Ok(())
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let _ = self.range(from, to).try_for_each(|(key, value)| visit(key, value));
        Ok(())
    }

    fn scan_back(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let _ = self.range(from, to).rev().try_for_each(|(key, value)| visit(key, value));
        Ok(())
    }
}

impl Store for MemoryStore {
    fn write_all(&mut self, writes: &mut dyn Iterator<Item = &Write>) -> Result<(), StoreError> {
        writes.for_each(|write| self.apply(write));
        Ok(())
    }
}
