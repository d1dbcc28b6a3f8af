//! Overlay — a store with writes that have not reached it yet. Pure.
//!
//! A writer that runs several commands before it writes one batch uses it to show each command the effects of
//! the commands before it.

use super::{Cursors, Read, Store, StoreError, Visit, key};
use crate::effect::Write;
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

/// Reads through pending writes to the store below.
#[derive(Clone)]
pub struct Overlay<B> {
    base: B,
    /// Records that were put (`Some`) or deleted (`None`).
    records: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// Deleted ranges. The records in `records` were written after these deletions.
    deleted: Vec<(Vec<u8>, Vec<u8>)>,
    /// Whether elements were put.
    has_elements: bool,
}

impl<B: Read> Overlay<B> {
    /// An overlay over `base` without pending writes.
    pub fn new(base: B) -> Overlay<B> {
        Overlay { base, records: BTreeMap::new(), deleted: Vec::new(), has_elements: false }
    }

    /// Adds pending writes.
    pub fn add<'a>(&mut self, writes: impl IntoIterator<Item = &'a Write>) {
        for write in writes {
            match write {
                // The node's own records are written with each entry, so their bytes are replaced in place.
                Write::Put { key, value } if key.first() == Some(&key::NODE) => {
                    match self.records.get_mut(key) {
                        Some(Some(put)) => put.clone_from(value),
                        _ => drop(self.records.insert(key.clone(), Some(value.clone()))),
                    }
                }
                Write::Put { key, value } => {
                    self.has_elements |= key::element_owner(key).is_some();
                    self.records.insert(key.clone(), Some(value.clone()));
                }
                Write::Delete { key } => {
                    self.records.insert(key.clone(), None);
                }
                Write::DeleteRange { from, to } => {
                    self.records.retain(|key, _| key < from || key >= to);
                    self.deleted.push((from.clone(), to.clone()));
                }
            }
        }
    }

    /// The writes that bring the store below to the state that this overlay shows. Each record is written once, so
    /// there are at most as many writes as were added.
    pub fn into_writes(self) -> Vec<Write> {
        let ranges = self.deleted.into_iter().map(|(from, to)| Write::DeleteRange { from, to });
        let records = self.records.into_iter().map(|(key, put)| match put {
            Some(value) => Write::Put { key, value },
            None => Write::Delete { key },
        });
        ranges.chain(records).collect()
    }

    fn is_deleted(&self, key: &[u8]) -> bool {
        self.deleted.iter().any(|(from, to)| from.as_slice() <= key && key < to.as_slice())
    }
}

impl<B: Read> Read for Overlay<B> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.records.get(key) {
            Some(pending) => Ok(pending.clone()),
            None if self.is_deleted(key) => Ok(None),
            None => self.base.get(key),
        }
    }

    fn look(&self, key: &[u8], look: &mut dyn FnMut(&[u8])) -> Result<(), StoreError> {
        match self.records.get(key) {
            Some(Some(put)) => look(put),
            Some(None) => {}
            None if self.is_deleted(key) => {}
            None => self.base.look(key, look)?,
        }
        Ok(())
    }

    fn may_have_elements(&self, db: u8, name: &[u8]) -> bool {
        self.has_elements || self.base.may_have_elements(db, name)
    }

    fn cursors(&self) -> Option<&dyn Cursors> {
        self.base.cursors()
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        if !to.is_empty() && from >= to {
            return Ok(());
        }
        let end = if to.is_empty() { Bound::Unbounded } else { Bound::Excluded(to) };
        let mut pending = self.records.range::<[u8], _>((Bound::Included(from), end)).peekable();
        let mut stopped = false;
        self.base.scan(from, to, &mut |key, value| {
            while let Some((earlier, put)) = pending.next_if(|(own, _)| own.as_slice() < key) {
                if let Some(put) = put
                    && visit(earlier, put).is_break()
                {
                    stopped = true;
                    return ControlFlow::Break(());
                }
            }
            let outcome = match pending.next_if(|(own, _)| own.as_slice() == key) {
                Some((_, Some(put))) => visit(key, put),
                Some((_, None)) => ControlFlow::Continue(()),
                None if self.is_deleted(key) => ControlFlow::Continue(()),
                None => visit(key, value),
            };
            stopped = outcome.is_break();
            outcome
        })?;
        if !stopped {
            for (key, put) in pending {
                if let Some(put) = put
                    && visit(key, put).is_break()
                {
                    break;
                }
            }
        }
        Ok(())
    }
}

impl<B: Read> Store for Overlay<B> {
    fn write_all(&mut self, writes: &mut dyn Iterator<Item = &Write>) -> Result<(), StoreError> {
        self.add(writes);
        Ok(())
    }
}
