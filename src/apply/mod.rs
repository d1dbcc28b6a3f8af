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

pub mod pool;
mod watermark;

pub use watermark::Watermark;

use crate::binlog::{Entry, Lsn, Payload};
use crate::command::View;
use crate::effect::{Effect, Key, KeySet, Write};
use crate::ordering::{Admission, Job, Ordering, Refused};
use crate::store::overlay::Overlay;
use crate::store::{Read, Store, StoreError, key};
use crate::time::Millis;
use std::borrow::{Borrow, Cow};
use std::collections::BTreeMap;

/// At which instants a command entry runs on the replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Instants {
    /// The instant from which durations count.
    pub now: Millis,
    /// The instant at which stored records are judged dead or alive.
    pub judged_at: Millis,
}

/// The pure part of a worker pool: a strategy, what is in flight, and the watermark. A pool of threads keeps it
/// behind one lock; a model steps it.
///
/// Invariants: entries are admitted without gaps; the watermark never goes back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Applier<O> {
    ordering: O,
    watermark: Watermark,
    admitted: Lsn,
    /// What the store held when it began: the strategy knows nothing of the entries up to here.
    began_at: Lsn,
    /// For entries of several keys, which may be done a part at a time: the number of parts still to do.
    parts: BTreeMap<Lsn, usize>,
}

impl<O: Ordering> Applier<O> {
    /// Nothing admitted; the store holds all up to `marker`.
    pub fn new(ordering: O, marker: Lsn) -> Applier<O> {
        Applier {
            ordering,
            watermark: Watermark::at(marker),
            admitted: marker,
            began_at: marker,
            parts: BTreeMap::new(),
        }
    }

    /// The strategy.
    pub fn ordering(&self) -> &O {
        &self.ordering
    }

    /// The last entry admitted.
    pub fn admitted(&self) -> Lsn {
        self.admitted
    }

    /// The last entry that the store held when it began.
    pub fn began_at(&self) -> Lsn {
        self.began_at
    }

    /// The highest L with all entries ≤ L written.
    pub fn watermark(&self) -> Lsn {
        self.watermark.low()
    }

    /// Whether entry `lsn` was admitted, and is written, all parts of it.
    pub fn is_finished(&self, lsn: Lsn) -> bool {
        self.watermark.is_done(lsn)
    }

    /// Whether the next entry may be admitted now.
    pub fn admits(&self) -> bool {
        self.ordering.admits()
    }

    /// Admits the entry after the last admitted one. Errors: [`Refused`]: the replica stops. Panics: on a gap,
    /// which is a bug of the caller.
    pub fn admit(&mut self, entry: &Admission<'_>) -> Result<(), Refused> {
        assert_eq!(entry.lsn, self.admitted.next(), "lsn gap at admission");
        self.ordering.admit(entry)?;
        self.admitted = entry.lsn;
        if let KeySet::Keys(keys) = &*entry.keys
            && keys.len() > 1
        {
            self.parts.insert(entry.lsn, keys.len());
        }
        Ok(())
    }

    /// A job for `worker`, which must hold none.
    pub fn take(&mut self, worker: usize) -> Option<Job> {
        self.ordering.take(worker)
    }

    /// The marker for the batch of `job`; `None` while the strategy does not let it be written.
    pub fn marker(&self, job: &Job) -> Option<Lsn> {
        let is_last_part = |lsn| self.parts.get(lsn).is_none_or(|&parts| parts == 1);
        let completes = job.part.is_none() || job.lsns.iter().all(is_last_part);
        let done = if completes { job.lsns.as_slice() } else { &[] };
        self.ordering.may_write(job).then(|| self.watermark.with(done))
    }

    /// Notes that `worker` has written the batch of `job`. Gives the watermark.
    pub fn finish(&mut self, worker: usize, job: &Job) -> Lsn {
        self.ordering.finish(worker, job);
        for &lsn in &job.lsns {
            let left = self.parts.get(&lsn).map_or(0, |parts| parts.saturating_sub(1));
            if job.part.is_some() && left > 0 {
                self.parts.insert(lsn, left);
            } else {
                self.parts.remove(&lsn);
                self.watermark.done(lsn);
            }
        }
        self.watermark.low()
    }

    /// See [`Ordering::cut`].
    pub fn cut(&mut self) {
        self.ordering.cut();
    }

    /// See [`Ordering::publishable`]. A strategy that was given no entry yet may publish what the store began with.
    pub fn publishable(&self) -> Option<Lsn> {
        self.ordering.publishable().map(|at| at.max(self.began_at))
    }

    /// See [`Ordering::published`].
    pub fn published(&mut self) {
        self.ordering.published();
    }
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
    if part.is_none() && entries.clone().all(|entry| logged(entry).is_some()) {
        return write_effects(store, entries.filter_map(logged), marker);
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

/// Writes `effects` as one atomic batch with the marker in it. Errors: the store's.
pub fn write_effects<'a, S: Store>(
    store: &mut S,
    effects: impl Iterator<Item = &'a Effect>,
    marker: Lsn,
) -> Result<(), StoreError> {
    let marker = marker_write(marker);
    store.write_all(&mut effects.flat_map(|effect| &effect.writes).chain([&marker]))
}

/// The effect of an entry that is one.
fn logged(entry: &Entry) -> Option<&Effect> {
    match &entry.payload {
        Payload::Effect(effect) => Some(effect),
        Payload::Command(_) => None,
    }
}

/// What sets the marker to `lsn`: part of a batch, or alone where all through `lsn` is written. Parallel strategies may
/// leave a marker below the watermark: a batch that took its marker early may be written late.
pub fn marker_write(lsn: Lsn) -> Write {
    Write::Put { key: key::marker(), value: lsn.0.to_be_bytes().to_vec() }
}

/// The marker in the store: 0 if nothing was ever written. Errors: the store's; a marker of the wrong length.
pub fn marker(store: &dyn Read) -> Result<Lsn, StoreError> {
    let Some(bytes) = store.get(&key::marker())? else { return Ok(Lsn(0)) };
    let bytes = <[u8; 8]>::try_from(bytes.as_slice())
        .map_err(|_| StoreError::Damaged { key: "marker".to_owned(), reason: "not eight bytes" })?;
    Ok(Lsn(u64::from_be_bytes(bytes)))
}
