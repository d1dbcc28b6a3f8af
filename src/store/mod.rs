//! Store — ordered bytes: get, scan, atomic write, snapshot. The trait is pure; [`memory`] is a sorted map, `rocksdb`
//! (a feature) does I/O.
//!
//! All layers above use raw keys and values, whose bytes are defined in [`key`] and [`record`]. So the models
//! work on exactly the bytes that RocksDB holds.

mod dump;
pub mod element;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod gate;
pub mod key;
pub mod memory;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod overlay;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod record;
#[cfg(test)]
mod record_tests;
#[cfg(feature = "rocksdb")]
pub mod rocksdb;

pub use dump::{Content, Dump, Element, Fields, Stored, dump, elements};

use crate::effect::Write;
use std::ops::ControlFlow;

/// An error of a store. The node stops after it: a write that may or may not have happened cannot be skipped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store's own I/O failed.
    #[error("store i/o failed: {0}")]
    Io(String),
    /// The disk is full. The store writes nothing until there is room again; the caller may retry.
    #[error("no room on the store's disk: {0}")]
    NoSpace(String),
    /// The reader has read as much as it may while others wait. No store returns this error.
    #[error("more than may be read here")]
    TooMuch,
    /// A stored record does not have the shape that this version writes.
    #[error("stored record of {key} is damaged: {reason}")]
    Damaged {
        /// The raw key, escaped.
        key: String,
        /// The damage of its bytes.
        reason: &'static str,
    },
}

/// The function that [`Read::scan`] calls for each record, with its raw key and raw value; `Break` ends the
/// scan.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// The cursors of SCAN and HSCAN: numbers for clients, each with the place at which its scan continues.
pub trait Cursors {
    /// The name after which the scan with this cursor continues; `None`: the cursor is unknown, or no longer
    /// known.
    fn place(&self, cursor: u64) -> Option<Vec<u8>>;

    /// Returns a cursor with which a scan continues after `name`; it is never 0. `before` is the cursor of
    /// the current call (0: the scan began with it).
    fn keep(&self, before: u64, name: Vec<u8>) -> u64;
}

/// One consistent view of the stored bytes.
pub trait Read {
    /// The value of `key`. Errors: [`StoreError::Io`], after which the caller stops the node.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Calls `look` with the value of `key`; does not call it if there is none. A store that can lend the value
    /// avoids the copy that [`Read::get`] makes. Errors: those of [`Read::get`].
    fn look(&self, key: &[u8], look: &mut dyn FnMut(&[u8])) -> Result<(), StoreError> {
        if let Some(value) = self.get(key)? {
            look(&value);
        }
        Ok(())
    }

    /// Whether elements of the key `name` in database `db` may be stored; `false` only if there are none. A store that
    /// does not know returns `true`, and the reader then reads.
    fn may_have_elements(&self, db: u8, name: &[u8]) -> bool {
        let _ = (db, name);
        true
    }

    /// The kept cursors of SCAN and HSCAN; `None`: none are kept, and a scan of this store is one call.
    fn cursors(&self) -> Option<&dyn Cursors> {
        None
    }

    /// Calls `visit` for each record of `from..to` in the order of its keys, until it breaks. An empty `to` is
    /// the end of the store.
    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError>;

    /// [`Read::scan`] in the reverse order.
    fn scan_back(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError>;
}

impl<R: Read + ?Sized> Read for &R {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        (**self).get(key)
    }

    fn look(&self, key: &[u8], look: &mut dyn FnMut(&[u8])) -> Result<(), StoreError> {
        (**self).look(key, look)
    }

    fn may_have_elements(&self, db: u8, name: &[u8]) -> bool {
        (**self).may_have_elements(db, name)
    }

    fn cursors(&self) -> Option<&dyn Cursors> {
        (**self).cursors()
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        (**self).scan(from, to, visit)
    }

    fn scan_back(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        (**self).scan_back(from, to, visit)
    }
}

/// Ordered bytes that can be changed.
pub trait Store: Read {
    /// Applies all writes in order, or none: neither a reader nor a crash exposes a part of them.
    fn write_all(&mut self, writes: &mut dyn Iterator<Item = &Write>) -> Result<(), StoreError>;

    /// [`Store::write_all`] of a slice.
    fn write(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        self.write_all(&mut writes.iter())
    }
}
