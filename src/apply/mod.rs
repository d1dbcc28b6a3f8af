//! Apply — jobs and their entries → one atomic batch on the store, marker included; jobs done → watermark.
//! Pure, but for the store that it is given.
//!
//! The marker is the watermark that holds once the batch is written. It is part of the batch, so a store that
//! comes back after a crash with some prefix of its batches says itself from where the log must run again:
//!
//! ```text
//! batches written   1 [marker 1]   3 [marker 1]   2 [marker 3]
//! crash keeps       1 [marker 1]   3 [marker 1]                   → run again from 2; 3 runs twice
//! ```
//!
//! Running effects again changes nothing once the rerun has reached the end of what was written before; on the way
//! there it passes through states that never were, so readers wait. Running a command twice may change the value for
//! good (INCR): the models say where.

mod applier;
#[doc(hidden)]
pub mod pool;
mod watermark;

pub use applier::{Applier, Worker};
pub use watermark::Watermark;

use crate::binlog::{Entry, FolderId, Lsn, Payload};
use crate::command::View;
use crate::effect::{Effect, Key, KeySet, Write};
use crate::store::overlay::Overlay;
use crate::store::{Read, Store, StoreError, key};
use crate::time::Millis;
use std::borrow::{Borrow, Cow};

/// At which instants a command entry runs on the replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Instants {
    /// The instant from which durations count.
    pub now: Millis,
    /// The instant at which stored records are judged dead or alive.
    pub judged_at: Millis,
}

/// What `entry`, or its part for `part`, comes to on a store that `reader` reads. An effect is what it is; a
/// command is executed. Errors: the store's.
pub fn effect_of<'a>(
    reader: &dyn Read,
    entry: &'a Entry,
    part: Option<&Key>,
    instants: Instants,
) -> Result<Cow<'a, Effect>, StoreError> {
    match (&entry.payload, part) {
        (Payload::Effect(effect), None) => Ok(Cow::Borrowed(effect)),
        (Payload::Effect(effect), Some(key)) => {
            let writes = effect.part(key).cloned().collect();
            Ok(Cow::Owned(Effect { writes, keys: KeySet::of([key.clone()]) }))
        }
        (Payload::Command(command), part) => {
            let command = part.map_or_else(|| command.clone(), |key| command.part(key));
            let view = View::new(reader, command.db(), instants.judged_at).with_incarnation(entry.lsn.0);
            // The replica ignores the reply, as Pika's does: what a command comes to is its effect.
            command.execute(&view, instants.now).map(|(_, effect)| Cow::Owned(effect))
        }
    }
}

/// Writes the entries of one job as one atomic batch with the marker in it. `instants` are asked for command
/// entries. Errors: the store's; then the batch is not written, and the node stops.
pub fn write_batch<S: Store>(
    store: &mut S,
    entries: &[impl Borrow<Entry>],
    part: Option<&Key>,
    marker: Lsn,
    instants: &dyn Fn(&Entry) -> Instants,
) -> Result<(), StoreError> {
    let entries = entries.iter().map(Borrow::borrow);
    // Whole effects are what they are: nothing is read, nothing is kept.
    if part.is_none() && entries.clone().all(|entry| entry.payload.effect().is_some()) {
        return write_effects(store, entries.filter_map(|entry| entry.payload.effect()), marker);
    }
    let mut effects = Vec::with_capacity(entries.len());
    {
        let mut pending = Overlay::new(&*store);
        for entry in entries {
            let effect = effect_of(&pending, entry, part, instants(entry))?;
            pending.add(&effect.writes);
            effects.push(effect);
        }
    }
    write_effects(store, effects.iter().map(|effect| &**effect), marker)
}

/// Writes `entries`, which follow the marker in the log, as one atomic batch, in log order: what a node does with its log
/// when it starts. Gives the new marker, the last of them; without entries nothing is written, and there is none. Errors:
/// the store's; then the batch is not written, and the node does not start.
pub fn write_recovered<S: Store>(
    store: &mut S,
    entries: &[impl Borrow<Entry>],
    instants: &dyn Fn(&Entry) -> Instants,
) -> Result<Option<Lsn>, StoreError> {
    let Some(last) = entries.last().map(|entry| entry.borrow().lsn) else { return Ok(None) };
    write_batch(store, entries, None, last, instants)?;
    Ok(Some(last))
}

/// Writes `effects` as one atomic batch with the marker in it. Errors: the store's.
pub fn write_effects<'a, S: Store>(
    store: &mut S,
    effects: impl Iterator<Item = &'a Effect>,
    marker: Lsn,
) -> Result<(), StoreError> {
    let marker = marker_write(marker);
    store.write_all(&mut effects.flat_map(|effect| &effect.writes).chain([&marker]))
}

/// What sets the marker to `lsn`: part of a batch, or alone where all through `lsn` is written. Parallel strategies may
/// leave a marker below the watermark: a batch that took its marker early may be written late.
pub fn marker_write(lsn: Lsn) -> Write {
    Write::Put { key: key::marker(), value: lsn.0.to_be_bytes().to_vec() }
}

/// Notes that a key with this deadline was removed without an entry in the log. It is part of the batch that removes the key. A
/// replica tells it to its next master (`replication::handshake`).
pub fn removed_write(deadline: Millis) -> Write {
    Write::Put { key: key::removed(), value: deadline.0.to_be_bytes().to_vec() }
}

/// The latest deadline for which a key was removed: 0 if none was. Errors: the store's; a record of the wrong length.
pub fn removed(store: &dyn Read) -> Result<Millis, StoreError> {
    number(store, &key::removed(), "removed").map(Millis)
}

/// The marker in the store: 0 if nothing was ever written. Errors: the store's; a marker of the wrong length.
pub fn marker(store: &dyn Read) -> Result<Lsn, StoreError> {
    number(store, &key::marker(), "marker").map(Lsn)
}

/// Notes the folder that the store belongs to.
pub fn folder_write(folder: FolderId) -> Write {
    Write::Put { key: key::folder(), value: folder.0.to_be_bytes().to_vec() }
}

/// The folder that the store belongs to; `None`: it was never told. Errors: the store's; a record of the wrong length.
pub fn folder(store: &dyn Read) -> Result<Option<FolderId>, StoreError> {
    Ok(own_record(store, &key::folder(), "folder")?.map(|bytes| FolderId(u128::from_be_bytes(bytes))))
}

/// The number in one of the node's own records; 0 if it is not there.
fn number(store: &dyn Read, key: &[u8], name: &str) -> Result<u64, StoreError> {
    Ok(own_record(store, key, name)?.map_or(0, u64::from_be_bytes))
}

/// One of the node's own records.
fn own_record<const N: usize>(
    store: &dyn Read,
    key: &[u8],
    name: &str,
) -> Result<Option<[u8; N]>, StoreError> {
    let Some(bytes) = store.get(key)? else { return Ok(None) };
    let bytes = <[u8; N]>::try_from(bytes.as_slice())
        .map_err(|_| StoreError::Damaged { key: name.to_owned(), reason: "of the wrong length" })?;
    Ok(Some(bytes))
}
