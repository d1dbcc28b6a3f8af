//! Store — ordered bytes: get, scan, atomic write, snapshot. The trait is pure; [`memory`] is a sorted map, `rocksdb`
//! (a feature) does I/O.
//!
//! Everything above speaks raw keys and values, whose bytes [`key`] and [`record`] define, so the models run
//! the very bytes that RocksDB holds.

mod dump;
#[doc(hidden)]
pub mod gate;
pub mod key;
pub mod memory;
#[doc(hidden)]
pub mod overlay;
#[doc(hidden)]
pub mod record;
#[cfg(feature = "rocksdb")]
pub mod rocksdb;

pub use dump::{Content, Dump, Element, Stored, dump, elements};

use crate::effect::Write;
use std::ops::ControlFlow;

/// Why a store could not answer. The node stops on it: a write that may or may not have happened cannot be
/// skipped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store's own I/O failed.
    #[error("store i/o failed: {0}")]
    Io(String),
    /// The disk has no room. The store writes nothing until there is room again, and may be asked again.
    #[error("no room on the store's disk: {0}")]
    NoSpace(String),
    /// The reader has read as much as it may where others wait. No store says so.
    #[error("more than may be read here")]
    TooMuch,
    /// A stored record does not have the shape that this version writes.
    #[error("stored record of {key} is damaged: {reason}")]
    Damaged {
        /// The raw key, escaped.
        key: String,
        /// What is wrong with its bytes.
        reason: &'static str,
    },
}

/// What [`Read::scan`] calls for each record: raw key, raw value; `Break` ends the scan.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// The numbers that SCAN and HSCAN hand out, and the places that they stand for.
pub trait Cursors {
    /// The name after which the scan with that cursor goes on; `None`: it is not known, or not any more.
    fn place(&self, cursor: u64) -> Option<Vec<u8>>;

    /// A cursor for going on after `name`, in the scan that came from `before` (0: it began). Never 0.
    fn keep(&self, before: u64, name: Vec<u8>) -> u64;
}

/// One consistent view of the stored bytes.
pub trait Read {
    /// The value of `key`. Errors: [`StoreError::Io`]: the caller stops the node.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Calls `look` with the value of `key`, not at all if there is none. A store that can lend the value spares the
    /// copy that [`Read::get`] makes. Errors: as there.
    fn look(&self, key: &[u8], look: &mut dyn FnMut(&[u8])) -> Result<(), StoreError> {
        if let Some(value) = self.get(key)? {
            look(&value);
        }
        Ok(())
    }

    /// Whether elements of the key `name` in database `db` may be stored; `false` only if there are none. A store that
    /// does not know says `true`, and its reader looks.
    fn may_have_elements(&self, db: u8, name: &[u8]) -> bool {
        let _ = (db, name);
        true
    }

    /// Where cursors of SCAN and HSCAN are kept; `None`: nowhere, and a scan of this store is one call.
    fn cursors(&self) -> Option<&dyn Cursors> {
        None
    }

    /// Calls `visit` for each record of `from..to` in the order of its keys, until it breaks. An empty `to` is
    /// the end of the store.
    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError>;
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
}

/// Ordered bytes that can be changed.
pub trait Store: Read {
    /// Does all the writes, in order, or none: no reader and no crash sees a part of them.
    fn write_all(&mut self, writes: &mut dyn Iterator<Item = &Write>) -> Result<(), StoreError>;

    /// [`Store::write_all`] of a slice.
    fn write(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        self.write_all(&mut writes.iter())
    }
}
