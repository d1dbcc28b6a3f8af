//! Node — a master and a replica as state machines. Pure, but for the stores that they hold.
//!
//! The expiry policy is no part of a node's state: it is given to each step.

mod master;
mod replica;
mod serial_replica;

pub use master::{Input as MasterInput, Master, Output as MasterOutput};
pub use replica::{Readers, Replica};
pub use serial_replica::SerialReplica;

use crate::command::{Draft, View};
use crate::effect::{Effect, Key};
use crate::store::{Read, StoreError};
use crate::time::Millis;

/// What removes `key` with all that belongs to it, if it is stored and dead at `now`; an empty effect if not.
/// Errors: the store's.
pub fn removal_of_dead(reader: &dyn Read, key: &Key, now: Millis) -> Result<Effect, StoreError> {
    let view = View::new(reader, key.db, now);
    let mut draft = Draft::new();
    if view.stored_metadata(&key.name)?.is_some_and(|stored| stored.is_dead(now)) {
        draft.remove(&view, &key.name)?;
    }
    Ok(draft.finish())
}
