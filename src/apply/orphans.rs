//! Orphans — elements that an effect leaves behind, because its master had removed them already. Pure.
//!
//! A node removes what is dead by log time without an entry. A master that has removed a dead collection and stores something
//! else under its key finds nothing to clear away. A replica that still holds the dead collection would overwrite the metadata,
//! which is the only record that names its incarnation, and keep its elements for good:
//!
//! ```text
//! log       5: SADD k a b, dies at 900              9: SADD k c, incarnation 9; nothing is cleared
//! master    at 950 k is removed
//! replica   k still has the elements of 5           those of 5 are cleared in the batch of 9
//! ```
//!
//! No reader sees an orphan; only its space is lost.

use crate::binlog::Lsn;
use crate::command::clearing;
use crate::effect::{Effect, Key, Write};
use crate::store::record::{Life, life_of};
use crate::store::{Read, StoreError, key};
use std::collections::BTreeSet;

/// The metadata that an effect of entry `lsn` puts where there was no collection on the master, or another one: its raw key,
/// and whether it is that of a collection. Metadata that do not decode count as well; the store reports them when they are read.
fn created(effect: &Effect, lsn: Lsn) -> impl Iterator<Item = (&Vec<u8>, bool)> {
    let puts = effect.writes.iter().filter_map(|write| match write {
        Write::Put { key, value } if key::is_metadata(key) => Some((key, value)),
        _ => None,
    });
    puts.filter_map(move |(key, value)| match life_of(value) {
        None => Some((key, false)),
        Some(life) => (life.incarnation == lsn.0).then_some((key, true)),
    })
}

/// Whether one of `effects`, each with the LSN of its entry, may leave orphans on the store that `reader` reads, or of an earlier
/// one of them. Reads nothing.
pub(super) fn may_arise<'a>(reader: &dyn Read, effects: impl Iterator<Item = (Lsn, &'a Effect)>) -> bool {
    let mut in_batch = BTreeSet::new();
    for (lsn, effect) in effects {
        for (raw, is_collection) in created(effect, lsn) {
            let may_hold = |raw: &[u8]| reader.may_have_elements(raw[1], &raw[3..]);
            if may_hold(raw) || (!in_batch.is_empty() && in_batch.contains(raw)) {
                return true;
            }
            if is_collection {
                in_batch.insert(raw);
            }
        }
    }
    false
}

/// The writes that clear away what `effect`, of entry `lsn`, would leave behind on the store that `reader` reads. They go before
/// those of the effect. Two kinds of collections are left out: those that the effect clears itself, and those that were created
/// after the entry. A node that applies entries again after a crash meets the second kind. Errors: the store's.
pub(super) fn of(reader: &dyn Read, lsn: Lsn, effect: &Effect) -> Result<Vec<Write>, StoreError> {
    let mut clears = Vec::new();
    for (raw, _) in created(effect, lsn) {
        if !reader.may_have_elements(raw[1], &raw[3..]) {
            continue;
        }
        let mut stored: Option<Life> = None;
        reader.look(raw, &mut |bytes| stored = life_of(bytes))?;
        if let Some(life) = stored.filter(|life| life.incarnation < lsn.0) {
            let owner = Key::new(raw[1], &raw[3..]);
            clears.extend(clearing(&owner, life).filter(|clear| !effect.writes.contains(clear)));
        }
    }
    Ok(clears)
}
