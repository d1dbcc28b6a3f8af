//! One state of a RocksDB store, for one reader.

use super::shared::Shared;
use super::{io_error, scan};
use crate::store::{Read, StoreError, Visit};
use crate::time::Millis;
use self_cell::self_cell;
use std::fmt;
use std::sync::Arc;

type Pinned<'a> = ::rocksdb::Snapshot<'a>;

self_cell!(
    /// RocksDB's snapshot with the database that it is of.
    struct Held {
        owner: Arc<Shared>,
        #[covariant]
        dependent: Pinned,
    }
);

/// The state of a store after one batch: what later batches change is not seen. It can be given to other threads and
/// shared among them, and it keeps the store open.
///
/// Invariants: as long as it lives, the gate is not beyond the instant at which it is judged.
pub struct Snapshot {
    held: Held,
    judged_at: Millis,
}

impl Snapshot {
    pub(super) fn take(shared: &Arc<Shared>, judged_at: Millis) -> Option<Snapshot> {
        // The gate first: once the reader is noted, nothing that he may find alive is dropped.
        let admitted = shared.change_gate(|gate| gate.enter(judged_at));
        admitted.then(|| {
            let held = Held::new(Arc::clone(shared), |shared| shared.db.snapshot());
            Snapshot { held, judged_at }
        })
    }

    /// The instant at which its reader judges records dead or alive; a later one will do as well.
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
        let number = self.held.borrow_dependent().sequence_number();
        write!(out, "Snapshot({number}, judged at {})", self.judged_at)
    }
}

impl Read for Snapshot {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.held.borrow_dependent().get(key).map_err(io_error)
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        scan(from, to, visit, |bounds| self.held.borrow_dependent().raw_iterator_opt(bounds))
    }
}
