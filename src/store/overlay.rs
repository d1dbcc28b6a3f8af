//! Overlay — a store with writes that have not reached it yet. Pure.
//!
//! A writer that runs several commands before it writes one batch uses it to show each command the effects of
//! the commands before it.

use super::{Cursors, Read, Store, StoreError, Visit, key};
use crate::effect::Write;
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

/// A record that was put (`Some`) or deleted (`None`).
type Pending<'a> = (&'a Vec<u8>, &'a Option<Vec<u8>>);

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

    /// The pending writes to records of `from..to`; an empty `to` is the end of the store.
    fn pending(&self, from: &[u8], to: &[u8]) -> impl DoubleEndedIterator<Item = Pending<'_>> {
        // A map refuses a range that ends before it begins.
        let end = if to.is_empty() { Bound::Unbounded } else { Bound::Excluded(to.max(from)) };
        self.records.range::<[u8], _>((Bound::Included(from), end))
    }

    /// Visits the records of the store below, which `scan` scans, merged with `pending`, which has the same order.
    fn merge<'a>(
        &self,
        pending: impl Iterator<Item = Pending<'a>>,
        comes_before: fn(&[u8], &[u8]) -> bool,
        visit: &mut Visit<'_>,
        scan: &dyn Fn(&mut Visit<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut show = |key: &[u8], put: Option<&[u8]>| match put {
            Some(put) => visit(key, put),
            None => ControlFlow::Continue(()),
        };
        let mut pending = pending.peekable();
        let mut stopped = false;
        scan(&mut |key, value| {
            let mut outcome = ControlFlow::Continue(());
            while outcome.is_continue()
                && let Some((earlier, put)) = pending.next_if(|(own, _)| comes_before(own, key))
            {
                outcome = show(earlier, put.as_deref());
            }
            if outcome.is_continue() {
                outcome = match pending.next_if(|(own, _)| own.as_slice() == key) {
                    Some((_, put)) => show(key, put.as_deref()),
                    None if self.is_deleted(key) => ControlFlow::Continue(()),
                    None => show(key, Some(value)),
                };
            }
            stopped = outcome.is_break();
            outcome
        })?;
        if !stopped {
            let _ = pending.try_for_each(|(key, put)| show(key, put.as_deref()));
        }
        Ok(())
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
        let comes_before = |own: &[u8], key: &[u8]| own < key;
        self.merge(self.pending(from, to), comes_before, visit, &|merged| self.base.scan(from, to, merged))
    }

    fn scan_back(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let comes_before = |own: &[u8], key: &[u8]| own > key;
        let pending = self.pending(from, to).rev();
        self.merge(pending, comes_before, visit, &|merged| self.base.scan_back(from, to, merged))
    }
}

impl<B: Read> Store for Overlay<B> {
    fn write_all(&mut self, writes: &mut dyn Iterator<Item = &Write>) -> Result<(), StoreError> {
        self.add(writes);
        Ok(())
    }
}
