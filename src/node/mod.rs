//! Node — a master and a replica as state machines. Pure, except for the stores that they hold.
//!
//! The expiry policy is not part of a node's state: it is passed to each step.

mod clock;
#[cfg(test)]
mod field_tests;
mod fields;
mod master;
#[cfg(test)]
mod orphan_tests;
mod replica;
mod serial_replica;
mod start;
mod watched;

pub use clock::{MasterClock, Pair, STEP_MS, Step};
pub use fields::{DeadFields, FIELDS_MAX, dead_fields};
pub use master::{Executed, Input as MasterInput, Master, Output as MasterOutput, Replies, Transaction};
pub use replica::{Readers, Replica};
pub use serial_replica::SerialReplica;
pub use start::{Start, start};
pub use watched::{WATCHED_KEYS_MAX, Watch, Watched, WatchedKey};

use crate::command::{Draft, View};
use crate::effect::{Effect, Key};
use crate::store::{Read, StoreError};
use crate::time::Millis;

/// The effect that removes what is dead at `now` under `key`: the key with all its records, or else at most [`FIELDS_MAX`]
/// fields of a hash. It is empty if nothing is dead. Errors: the store's.
pub fn removal_of_dead(reader: &dyn Read, key: &Key, now: Millis) -> Result<Effect, StoreError> {
    Ok(removal_with_deadline(reader, key, now)?.map_or_else(Effect::none, |(effect, _)| effect))
}

/// Like [`removal_of_dead`], with the latest deadline of what the effect removes; `None`: nothing is dead.
pub fn removal_with_deadline(
    reader: &dyn Read,
    key: &Key,
    now: Millis,
) -> Result<Option<(Effect, Millis)>, StoreError> {
    if let Some(whole) = removal_of_key(reader, key, now)? {
        return Ok(Some(whole));
    }
    Ok(dead_fields(reader, key, now, FIELDS_MAX)?.map(|dead| (dead.effect, dead.latest)))
}

/// The effect that removes `key` with all its records, and the instant at which it died; `None`: it is not stored, or not
/// dead.
fn removal_of_key(reader: &dyn Read, key: &Key, now: Millis) -> Result<Option<(Effect, Millis)>, StoreError> {
    let view = View::new(reader, key.db, now);
    let stored = view.stored_metadata(&key.name)?.filter(|stored| stored.is_dead(now));
    let Some(deadline) = stored.and_then(|stored| stored.dies_at()) else { return Ok(None) };
    let mut draft = Draft::new();
    draft.remove(&view, &key.name)?;
    Ok(Some((draft.finish(), deadline)))
}
