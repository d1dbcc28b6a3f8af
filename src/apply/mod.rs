//! Apply — jobs and their entries → one atomic batch on the store, marker included; finished jobs →
//! watermark. Pure, except for the store that it gets.
//!
//! The marker is the watermark that holds once the batch is written. It is part of the batch, so a store that
//! a crash has reset to some prefix of its batches itself says from which entry the log must be applied
//! again:
//!
//! ```text
//! batches written   1 [marker 1]   3 [marker 1]   2 [marker 3]
//! crash keeps       1 [marker 1]   3 [marker 1]                   → apply again from 2; 3 is applied twice
//! ```
//!
//! Applying effects again changes nothing once it has reached the end of what was written before. On the way there
//! it passes through states that never existed, so readers wait. Running a command twice may change the value
//! permanently (INCR): the models show where.

mod applier;
mod orphans;
#[cfg_attr(not(inner_docs), doc(hidden))]
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

/// The instants at which a command entry runs on the replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Instants {
    /// The instant from which durations count.
    pub now: Millis,
    /// The instant at which stored records are judged dead or alive.
    pub judged_at: Millis,
}

/// The effect of `entry`, or of its part for the key `part`, on the store that `reader` reads. An effect
/// entry already holds it; a command is executed. Errors: those of the store.
pub fn effect_of<'a>(
    reader: &dyn Read,
    entry: &'a Entry,
    part: Option<&Key>,
    instants: Instants,
) -> Result<Cow<'a, Effect>, StoreError> {
    effect_of_payload(reader, &entry.payload, entry.lsn, part, instants)
}

fn effect_of_payload<'a>(
    reader: &dyn Read,
    payload: &'a Payload,
    lsn: Lsn,
    part: Option<&Key>,
    instants: Instants,
) -> Result<Cow<'a, Effect>, StoreError> {
    match (payload, part) {
        (Payload::Effect(effect), None) => Ok(Cow::Borrowed(effect)),
        (Payload::Effect(effect), Some(key)) => {
            let writes = effect.part(key).cloned().collect();
            Ok(Cow::Owned(Effect { writes, keys: KeySet::of([key.clone()]) }))
        }
        (Payload::Command(command), part) => {
            let command = part.map_or_else(|| command.clone(), |key| command.part(key));
            let view = View::new(reader, command.db(), instants.judged_at).with_incarnation(lsn.0);
            // The replica ignores the reply, as Pika's does; only the effect matters.
            command.execute(&view, instants.now).map(|(_, effect)| Cow::Owned(effect))
        }
        (Payload::Transaction(parts), key) => {
            let mut pending = Overlay::new(reader);
            let mut whole = Effect::none();
            for payload in parts.iter().filter(|part| key.is_none_or(|key| part.keys().contains(key))) {
                let effect = effect_of_payload(&pending, payload, lsn, key, instants)?;
                pending.add(&effect.writes);
                whole = whole.then(effect.into_owned());
            }
            Ok(Cow::Owned(whole))
        }
    }
}

/// Writes the entries of one job as one atomic batch with the marker in it. `instants` is called for command
/// entries. Errors: those of the store; then the batch is not written, and the node stops.
pub fn write_batch<S: Store>(
    store: &mut S,
    entries: &[impl Borrow<Entry>],
    part: Option<&Key>,
    marker: Lsn,
    instants: &dyn Fn(&Entry) -> Instants,
) -> Result<(), StoreError> {
    let entries = entries.iter().map(Borrow::borrow);
    // Whole effects can be written as they are: nothing is read, and nothing is copied.
    if part.is_none() && entries.clone().all(|entry| entry.payload.effect().is_some()) {
        let effects = entries.clone().filter_map(|entry| Some((entry.lsn, entry.payload.effect()?)));
        if !orphans::may_arise(&*store, effects.clone()) {
            return write_effects(store, effects.map(|(_, effect)| effect), marker);
        }
    }
    let mut effects = Vec::with_capacity(entries.len());
    {
        let mut pending = Overlay::new(&*store);
        for entry in entries {
            let mut effect = effect_of(&pending, entry, part, instants(entry))?;
            // A command that runs here finds what is stored here, and clears it away itself.
            if !matches!(entry.payload, Payload::Command(_)) {
                let clears = orphans::of(&pending, entry.lsn, &effect)?;
                if !clears.is_empty() {
                    effect.to_mut().writes.splice(0..0, clears);
                }
            }
            pending.add(&effect.writes);
            effects.push(effect);
        }
    }
    write_effects(store, effects.iter().map(|effect| &**effect), marker)
}

/// Writes `entries`, which follow the marker in the log, as one atomic batch, in log order. A node does this with its log
/// when it starts. Returns the new marker, which is the last LSN; `None`: there were no entries, and nothing is written.
/// Errors: those of the store; then the batch is not written, and the node does not start.
pub fn write_recovered<S: Store>(
    store: &mut S,
    entries: &[impl Borrow<Entry>],
    instants: &dyn Fn(&Entry) -> Instants,
) -> Result<Option<Lsn>, StoreError> {
    let Some(last) = entries.last().map(|entry| entry.borrow().lsn) else { return Ok(None) };
    write_batch(store, entries, None, last, instants)?;
    Ok(Some(last))
}

/// Writes `effects` as one atomic batch with the marker in it. Errors: those of the store.
pub fn write_effects<'a, S: Store>(
    store: &mut S,
    effects: impl Iterator<Item = &'a Effect>,
    marker: Lsn,
) -> Result<(), StoreError> {
    let marker = marker_write(marker);
    store.write_all(&mut effects.flat_map(|effect| &effect.writes).chain([&marker]))
}

/// The write that sets the marker to `lsn`. It is part of a batch, or alone if all entries through `lsn` are written.
/// Parallel strategies may leave a marker below the watermark: a batch that took its marker early may be written late.
pub fn marker_write(lsn: Lsn) -> Write {
    Write::Put { key: key::marker(), value: lsn.0.to_be_bytes().to_vec() }
}

/// The write that records that a key with this deadline was removed without an entry in the log. It is part of the batch that
/// removes the key. A replica reports it to its next master (`replication::handshake`).
pub fn removed_write(deadline: Millis) -> Write {
    Write::Put { key: key::removed(), value: deadline.0.to_be_bytes().to_vec() }
}

/// The latest deadline for which a key was removed: 0 if none was. Errors: those of the store; a record of the wrong length.
pub fn removed(store: &dyn Read) -> Result<Millis, StoreError> {
    number(store, &key::removed(), "removed").map(Millis)
}

/// The marker in the store: 0 if nothing was ever written. Errors: those of the store; a marker of the wrong length.
pub fn marker(store: &dyn Read) -> Result<Lsn, StoreError> {
    number(store, &key::marker(), "marker").map(Lsn)
}

/// The write that records the folder that the store belongs to.
pub fn folder_write(folder: FolderId) -> Write {
    Write::Put { key: key::folder(), value: folder.0.to_be_bytes().to_vec() }
}

/// The folder that the store belongs to; `None`: it was never recorded. Errors: those of the store; a record of the
/// wrong length.
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
