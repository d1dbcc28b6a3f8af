//! Snapshot — one state of a RocksDB store, for one reader.

use super::open_store::OpenStore;
use super::{Order, io_error, scan};
use crate::store::{Cursors, Read, StoreError, Visit};
use crate::time::Millis;
use ::rocksdb::{DB, ReadOptions};
use self_cell::self_cell;
use std::fmt;
use std::sync::Arc;

/// RocksDB's snapshot, and the options for reading it. The options are a C++ object, so they are created once
/// and not at each read.
struct Pinned<'a> {
    snapshot: ::rocksdb::Snapshot<'a>,
    reading: ReadOptions,
}

impl<'a> Pinned<'a> {
    fn of(db: &'a DB) -> Pinned<'a> {
        let (snapshot, mut reading) = (db.snapshot(), ReadOptions::default());
        reading.set_snapshot(&snapshot);
        Pinned { snapshot, reading }
    }
}

self_cell!(
    /// RocksDB's snapshot together with the database that it belongs to.
    struct Held {
        owner: Arc<OpenStore>,
        #[covariant]
        dependent: Pinned,
    }
);

/// The state of a store after one batch; changes by later batches are not visible. It can be sent to other threads
/// and shared among them, and it keeps the store open.
///
/// Invariants: as long as it lives, the gate is not beyond the instant at which it is judged.
pub struct Snapshot {
    held: Held,
    judged_at: Millis,
}

impl Snapshot {
    pub(super) fn take(shared: &Arc<OpenStore>, judged_at: Millis) -> Option<Snapshot> {
        // The gate comes first: once the reader has entered, no record that it may find alive is dropped.
        let admitted = shared.change_gate(|gate| gate.enter(judged_at));
        admitted.then(|| {
            let held = Held::new(Arc::clone(shared), |shared| Pinned::of(&shared.db));
            Snapshot { held, judged_at }
        })
    }

    /// The instant at which its reader judges records dead or alive; the reader may also judge at a later
    /// one.
    pub fn judged_at(&self) -> Millis {
        self.judged_at
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.held.borrow_owner().change_gate(|gate| gate.leave(self.judged_at));
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.held.borrow_dependent().snapshot.sequence_number();
        write!(out, "Snapshot({number}, judged at {})", self.judged_at)
    }
}

impl Read for Snapshot {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let (db, pinned) = (&self.held.borrow_owner().db, self.held.borrow_dependent());
        db.get_opt(key, &pinned.reading).map_err(io_error)
    }

    fn look(&self, key: &[u8], look: &mut dyn FnMut(&[u8])) -> Result<(), StoreError> {
        let (db, pinned) = (&self.held.borrow_owner().db, self.held.borrow_dependent());
        let value = db.get_pinned_opt(key, &pinned.reading).map_err(io_error)?;
        value.iter().for_each(|value| look(value));
        Ok(())
    }

    fn cursors(&self) -> Option<&dyn Cursors> {
        Some(&self.held.borrow_owner().cursors)
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        scan(from, to, visit, Order::Forth, |bounds| {
            self.held.borrow_dependent().snapshot.raw_iterator_opt(bounds)
        })
    }

    fn scan_back(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        scan(from, to, visit, Order::Back, |bounds| {
            self.held.borrow_dependent().snapshot.raw_iterator_opt(bounds)
        })
    }
}
