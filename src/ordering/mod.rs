//! Ordering — admitted entries → jobs for workers. Pure.
//!
//! A replica has the entries of the log in order and W workers to apply them. An ordering strategy decides when
//! an entry may start and on which worker; everything else (what an entry does, when it is durable, how far the
//! watermark has come) is the same for all strategies. The life of an entry:
//!
//! ```text
//! admit ──▶ take ──▶ write ──▶ finish
//!   │         │        │          └ the strategy is told; entries that waited may be taken now
//!   │         │        └ one atomic batch on the store, marker included
//!   │         └ a worker asks for work and gets a job: one or more whole entries, or one key's part of one entry
//!   └ in log order, one after the other
//! ```
//!
//! | strategy | file | promises |
//! |---|---|---|
//! | `first_key` | [`first_key`] | nothing |
//! | `key_hash` | [`key_hash`] | nothing |
//! | `serial` | [`serial`] | prefix |
//! | `barrier` | [`barrier`] | per_key_order |
//! | `sequence` | [`sequence`] | prefix |
//! | `writeset` | [`writeset`] | per_key_order |
//! | `writeset_snapshots` | [`writeset_snapshots`] | prefix |
//!
//! The rows of [`Strategy`] say all of this once; `tests/README.md` says how to add one. `key_hash` is the first founding bug.
//!
//! A strategy of your own implements [`OrderingStrategy`] and derives `Clone, Debug, PartialEq, Eq, Hash`; the models
//! judge it as they judge these (`tests/own_strategy.rs`).

pub mod barrier;
pub mod first_key;
pub mod key_hash;
mod lanes;
mod last_of;
mod places;
pub mod sequence;
pub mod serial;
mod strategy;
mod wrapper;
pub mod writeset;
pub mod writeset_snapshots;

pub use lanes::lane_of;
pub use last_of::LastOf;
pub use places::Places;
pub use strategy::{AnyStrategy, Level, Strategy};
pub use wrapper::Wrapper;

use crate::binlog::{Entry, Lsn, Payload};
use crate::effect::{Key, KeySet};
use std::borrow::Cow;

/// The facts of an entry by which a strategy decides.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Admission<'a> {
    /// The entry's number: one more than that of the entry admitted before it.
    pub lsn: Lsn,
    /// The keys that it touches; for a command entry also those that it reads.
    pub keys: Cow<'a, KeySet>,
    /// Its first key as the command named it; `None` if it has no key.
    pub first_key: Option<Cow<'a, Key>>,
    /// Whether it can be applied one key at a time. Every effect can, and so can the commands that a master can split, and
    /// transactions of these.
    pub splittable: bool,
}

impl Admission<'_> {
    /// The facts of `entry`.
    pub fn of(entry: &Entry) -> Admission<'_> {
        let parts = entry.payload.parts();
        let (first_key, splittable) = (parts.iter().find_map(first_key_of), parts.iter().all(is_splittable));
        Admission { lsn: entry.lsn, keys: entry.keys(), first_key, splittable }
    }

    /// An entry that touches `keys`; the other arguments are as the fields say.
    pub fn new(lsn: Lsn, keys: KeySet, first_key: Option<Key>, splittable: bool) -> Admission<'static> {
        Admission { lsn, keys: Cow::Owned(keys), first_key: first_key.map(Cow::Owned), splittable }
    }

    /// The same facts, no longer borrowed from the entry.
    pub fn into_owned(self) -> Admission<'static> {
        Admission {
            lsn: self.lsn,
            keys: Cow::Owned(self.keys.into_owned()),
            first_key: self.first_key.map(|key| Cow::Owned(key.into_owned())),
            splittable: self.splittable,
        }
    }
}

/// The first key of one part of an entry.
fn first_key_of(part: &Payload) -> Option<Cow<'_, Key>> {
    match part {
        Payload::Effect(effect) => effect.first_key(),
        Payload::Command(command) => command.first_key().map(Cow::Owned),
        Payload::Transaction(parts) => parts.iter().find_map(first_key_of),
    }
}

/// Whether one part of an entry can be applied one key at a time.
fn is_splittable(part: &Payload) -> bool {
    match part {
        Payload::Effect(_) => true,
        Payload::Command(command) => command.is_splittable(),
        Payload::Transaction(parts) => parts.iter().all(is_splittable),
    }
}

/// A piece of work for one worker, written as one batch.
///
/// Entries of one batch take effect together, in their order in the log, as if workers had taken, written and
/// finished them one after the other, never two at once. So a batch may hold an entry together with the entries that it
/// depends on, and entries that are not next to each other in the log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Job {
    /// The entries, at least one, in the order of the log.
    pub lsns: Vec<Lsn>,
    /// The key, if this is one key's part of one entry; `None` for whole entries.
    pub part: Option<Key>,
}

impl Job {
    /// The whole entry `lsn`.
    pub fn whole(lsn: Lsn) -> Job {
        Job { lsns: vec![lsn], part: None }
    }

    /// The entries from `first` to `last`, as one batch.
    pub fn run(first: Lsn, last: Lsn) -> Job {
        Job { lsns: (first.0..=last.0).map(Lsn).collect(), part: None }
    }

    /// These entries, as one batch; `None` if there are none.
    pub fn of(lsns: Vec<Lsn>) -> Option<Job> {
        (!lsns.is_empty()).then_some(Job { lsns, part: None })
    }

    /// The part of entry `lsn` that touches `key`.
    pub fn part(lsn: Lsn, key: Key) -> Job {
        Job { lsns: vec![lsn], part: Some(key) }
    }

    /// The first entry.
    pub fn first(&self) -> Lsn {
        self.lsns.first().copied().unwrap_or_default()
    }

    /// The last entry.
    pub fn last(&self) -> Lsn {
        self.lsns.last().copied().unwrap_or_default()
    }
}

/// How many entries, or parts of entries, wait for which worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queued {
    /// In the lane of each worker. An entry in several lanes counts in each.
    pub workers: Vec<usize>,
    /// For any worker.
    pub any: usize,
}

/// What readers of the replica are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reads {
    /// The store as it is, which may be a state that the master never had.
    Latest,
    /// The store between two batches, published together with its clock. Batches are written one at a time in log order, so each
    /// such state is one that the master had.
    BetweenBatches,
    /// The snapshot that was published last: see [`Snapshots`].
    Published,
}

/// The error of a strategy that is given an entry for which it is not defined. The replica stops with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{strategy} cannot apply entry {lsn}: {reason}")]
pub struct Refused {
    /// The strategy's name.
    pub strategy: &'static str,
    /// The entry.
    pub lsn: Lsn,
    /// Why.
    pub reason: &'static str,
    /// Whether the strategy declares that it is not defined for such entries. A checker leaves out programs that have them;
    /// any other refusal stops a replica for good, and breaks *progress*.
    pub declared: bool,
}

/// A pure state machine that decides when an entry may start, and on which worker.
///
/// Order of calls: `admit` in log order while [`OrderingStrategy::admits`]; `take(w)` by a worker that has no job;
/// `finish(w, job)` by the worker that took the job, after its batch was written. The default methods are those
/// of a strategy without a commit order and without snapshots.
pub trait OrderingStrategy {
    /// Whether the next entry may be admitted now.
    fn admits(&self) -> bool {
        true
    }

    /// Notes the next entry of the log. Errors: [`Refused`]; the replica then stops for good.
    fn admit(&mut self, entry: &Admission<'_>) -> Result<(), Refused>;

    /// Gives a job that `worker` (0, 1, …) may start now. The strategy counts the job as in flight from then on.
    fn take(&mut self, worker: usize) -> Option<Job>;

    /// Whether the batch of this job in flight may be written now.
    fn may_write(&self, _job: &Job) -> bool {
        true
    }

    /// Notes that `worker` is done with `job`: its batch is written.
    fn finish(&mut self, worker: usize, job: &Job);

    /// How snapshots are published; `None`: the strategy publishes none.
    fn snapshots(&self) -> Option<&dyn Snapshots> {
        None
    }

    /// As [`OrderingStrategy::snapshots`], to be changed.
    fn snapshots_mut(&mut self) -> Option<&mut dyn Snapshots> {
        None
    }

    /// What readers are given.
    fn reads(&self) -> Reads {
        if self.snapshots().is_some() { Reads::Published } else { Reads::Latest }
    }

    /// The entries that wait for a worker, for figures alone; `None`: one queue for all workers.
    fn queued(&self) -> Option<Queued> {
        None
    }

    /// The entry because of which `worker`, which has no job and gets none, may not start what waits for it, for figures alone;
    /// `None`: nothing waits for it.
    fn held_up_by(&self, _worker: usize) -> Option<Lsn> {
        None
    }

    /// Whether `take` and `finish` treat all workers alike. A checker may then treat two states as one if they differ only in
    /// which worker does what.
    fn interchangeable_workers(&self) -> bool {
        false
    }

    /// Whether the worker of a key is given by [`lane_of`]. A checker then also explores which keys share a lane.
    fn has_lanes(&self) -> bool {
        false
    }
}

/// What a strategy does that publishes snapshots, beside [`OrderingStrategy`].
///
/// Order of calls: `cut`; then, as soon as there is something `publishable`, a snapshot is taken and `published`.
pub trait Snapshots {
    /// Asks for a snapshot to be published at the last admitted entry.
    fn cut(&mut self);

    /// The LSN at which a snapshot taken now can be published.
    fn publishable(&self) -> Option<Lsn>;

    /// Notes that the snapshot was published.
    fn published(&mut self);
}
