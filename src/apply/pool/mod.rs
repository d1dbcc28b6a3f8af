//! Pool — entries in log order → written by workers as the strategy lets them. Threads through [`crate::sync`].
//!
//! ```text
//! admit(n) ──▶ [ lock: dispatch ] ──▶ worker 0 ── write ──▶ [ lock: finish, publish ] ──▶ wait_for(n)
//!   waits while full, or at a cut └─▶ worker 1 ── write ──▶ [ lock: finish, publish ]
//! ```
//!
//! What happens under the lock is the pure `dispatch`; this file is the lock, and who is woken when. A worker is woken
//! when there is something for it, so one strategy's idle workers cost nothing.
//!
//! An error or a panic in one worker stops the pool for good: whoever waits learns the reason, what is being written is
//! finished, and nothing more is begun. A write that failed may have happened, so skipping it is not possible.
//!
//! What it deliberately does not do: it owns no thread, it counts no time, and it records no trace. Who wants one wraps
//! [`Work`].

pub mod dispatch;
mod gate;
mod holds;

pub use holds::{Hold, Outcome};

use crate::apply::Applier;
use crate::binlog::{Entry, Lsn};
use crate::effect::Key;
use crate::ordering::{Job, Ordering, Refused};
use crate::store::StoreError;
use crate::sync::{self, Condvar, Mutex, MutexGuard, lock, thread, wait};
use dispatch::{Dispatch, Next};
use gate::Step;
// Entries never change, so nothing about sharing them is to be explored: not the one of `sync`.
use std::sync::Arc;

/// What a pool does its work on.
pub trait Work: Send + Sync {
    /// Writes the entries of one job, or their part for `part`, as one batch with `marker` in it. Called outside the
    /// lock, by several workers at once if the strategy lets them. Errors: the pool stops.
    fn write(&self, entries: &[Arc<Entry>], part: Option<&Key>, marker: Lsn) -> Result<(), StoreError>;

    /// The watermark has moved to `watermark`, or, for a strategy whose readers see snapshots, a cut has been reached
    /// there. Called under the pool's lock, so it must not call the pool; LSNs never go back. Under a strategy that
    /// shows prefixes no write is under way.
    fn publish(&self, watermark: Lsn);
}

/// How much may be queued: admitted and not finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries, at least 1.
    pub entries_max: usize,
    /// Bytes; a larger entry is admitted alone.
    pub bytes_max: usize,
}

/// In which order batches are written, beyond what the strategy says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Schedule {
    /// As threads come.
    #[default]
    Free,
    /// As these say, as far as the strategy allows it.
    Held(Vec<Hold>),
    /// As [`Pool::let_write`] and [`Pool::let_finish`] say: nothing goes before, until the pool is closed.
    Gated,
}

/// Why a pool takes nothing more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// The strategy is not defined for an entry.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A thread panicked.
    #[error("{0} panicked")]
    Panicked(Place),
    /// Its owner closed it; what was admitted before is finished.
    #[error("the worker pool is closed")]
    Closed,
    /// Its owner abandoned it.
    #[error("the worker pool is abandoned")]
    Abandoned,
}

/// Where a thread was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In [`Pool::run_worker`], with its number.
    Worker(usize),
    /// In [`Pool::admit`] or [`Pool::request_cut`].
    Owner,
}

impl std::fmt::Display for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Worker(worker) => write!(out, "worker {worker}"),
            Place::Owner => write!(out, "the admitting thread"),
        }
    }
}

/// A pool as it is at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolState {
    /// The last entry admitted.
    pub admitted: Lsn,
    /// The highest L with all entries ≤ L written.
    pub watermark: Lsn,
    /// Entries admitted and not finished.
    pub queued_entries: usize,
    /// Their bytes, as they were given at admission.
    pub queued_bytes: usize,
    /// Whether an entry waits to be admitted: for room, or for a cut to be published.
    pub admission_waits: bool,
    /// The first entries of the jobs that are held now.
    pub held: Vec<Lsn>,
    /// The holds with what became of them.
    pub holds: Vec<(Hold, Outcome)>,
    /// The jobs that wait at the gate to be written, and for nothing else, the oldest first.
    pub at_gate: Vec<Job>,
    /// The jobs that are written and wait at the gate to be finished, the oldest first.
    pub unfinished: Vec<Job>,
    /// The jobs that are being written or finished, or will be next.
    pub begun: Vec<Job>,
    /// Why it stopped, if it did; a closed pool has not.
    pub stopped: Option<Stopped>,
}

/// Entries that are admitted while the lock is held once: the workers want it, too.
const ADMITTED_AT_ONCE: usize = 64;

struct Shared<O> {
    dispatch: Dispatch<O>,
    /// The workers that sleep. Who wakes one up strikes it off.
    asleep: Vec<bool>,
    /// Threads in [`Pool::wait_for`] that sleep.
    waiting: usize,
}

/// A worker pool around one strategy.
///
/// Invariants: entries are admitted without gaps; what is published never goes back; after an error nothing is begun.
/// Checked by: tests/threads, tests/threads_loom, tests/threads_shuttle.
pub struct Pool<O> {
    shared: Mutex<Shared<O>>,
    /// One a worker: there is something for it.
    workers: Vec<Condvar>,
    /// There is room, or there will be none.
    room: Condvar,
    /// The watermark moved, or will not.
    moved: Condvar,
}

impl<O: Ordering> Pool<O> {
    /// A pool of the workers of `applier`, all of which must be run: a job may be given to any of them. `applier` says
    /// where the log goes on.
    pub fn new(applier: Applier<O>, limits: Limits, schedule: Schedule) -> Pool<O> {
        let workers = applier.workers().len();
        let dispatch = Dispatch::new(applier, limits, schedule);
        Pool {
            shared: Mutex::new(Shared { dispatch, asleep: vec![false; workers], waiting: 0 }),
            workers: (0..workers).map(|_| Condvar::new()).collect(),
            room: Condvar::new(),
            moved: Condvar::new(),
        }
    }

    /// Admits the entry after the last one, of `bytes`; waits while the pool is full, or admits nothing before a cut is
    /// published. Called by one thread. Errors: [`Stopped`]; the entry was not admitted, and none will be.
    /// Panics: on a gap, which is a bug of the caller.
    pub fn admit(&self, entry: Arc<Entry>, bytes: usize) -> Result<(), Stopped> {
        self.admit_all([entry], bytes)
    }

    /// Admits the entries after the last one, of `bytes` each, one after the other, as [`Pool::admit`] does. Errors:
    /// [`Stopped`]: the first few may be admitted; no more will be.
    pub fn admit_all(
        &self,
        entries: impl IntoIterator<Item = Arc<Entry>>,
        bytes: usize,
    ) -> Result<(), Stopped> {
        let _sentinel = Sentinel { pool: self, place: Place::Owner };
        let mut entries = entries.into_iter().peekable();
        while entries.peek().is_some() {
            let mut shared = lock(&self.shared);
            for entry in entries.by_ref().take(ADMITTED_AT_ONCE) {
                shared = self.wait_for_room(shared, bytes)?;
                let outcome = shared.dispatch.admit(entry, bytes);
                shared.dispatch.settle(None);
                if outcome.is_err() {
                    self.wake(&mut shared);
                    return outcome;
                }
            }
            self.wake(&mut shared);
            let spent = shared.dispatch.spent(true);
            drop(shared);
            drop(spent);
        }
        Ok(())
    }

    fn wait_for_room<'a>(
        &'a self,
        mut shared: MutexGuard<'a, Shared<O>>,
        bytes: usize,
    ) -> Result<MutexGuard<'a, Shared<O>>, Stopped> {
        while !shared.dispatch.admits(bytes)? {
            // A hold may wait for an entry that has no room: it sees now that this one cannot come.
            shared.dispatch.set_waiting(Some(bytes));
            shared.dispatch.settle(None);
            self.wake(&mut shared);
            shared = wait(&self.room, shared);
            shared.dispatch.set_waiting(None);
        }
        Ok(shared)
    }

    /// The body of the thread of `worker` (0, 1, …): returns when the pool was closed and all is finished, or stopped.
    /// Panics: if `work` does, or there is no such worker; the pool is then stopped.
    pub fn run_worker(&self, worker: usize, work: &impl Work) {
        let _sentinel = Sentinel { pool: self, place: Place::Worker(worker) };
        let mut shared = lock(&self.shared);
        loop {
            match shared.dispatch.begin(worker) {
                Next::End => return,
                Next::Wait => {
                    shared.asleep[worker] = true;
                    shared = wait(&self.workers[worker], shared);
                    shared.asleep[worker] = false;
                }
                Next::Write(batch) => {
                    drop(shared);
                    let outcome = work.write(&batch.entries, batch.part.as_ref(), batch.marker);
                    shared = lock(&self.shared);
                    match outcome {
                        // Its end is the next thing that it is told, under the same lock, but for a gate.
                        Ok(()) => shared.dispatch.wrote(worker, batch.entries),
                        Err(error) => {
                            shared.dispatch.stop(Stopped::Store(error));
                            self.wake(&mut shared);
                        }
                    }
                }
                Next::Finish => {
                    self.finish(&mut shared, worker, work);
                    self.wake(&mut shared);
                    let spent = shared.dispatch.spent(false);
                    if !spent.is_empty() {
                        drop(shared);
                        drop(spent);
                        shared = lock(&self.shared);
                    }
                }
            }
        }
    }

    fn finish(&self, shared: &mut Shared<O>, worker: usize, work: &impl Work) {
        let before = shared.dispatch.watermark();
        let due = shared.dispatch.finish(worker);
        self.publish(shared, due, work);
        shared.dispatch.settle(Some(worker));
        if shared.waiting > 0 && shared.dispatch.watermark() > before {
            self.moved.notify_all();
        }
    }

    fn publish(&self, shared: &mut Shared<O>, due: Option<Lsn>, work: &impl Work) {
        if let Some(lsn) = due {
            work.publish(lsn);
            shared.dispatch.published();
        }
    }

    /// Asks for a snapshot at the last admitted entry, if readers of the strategy see snapshots: nothing more is admitted
    /// before it is published. `work` is the workers': it publishes at once if all is finished already.
    pub fn request_cut(&self, work: &impl Work) {
        let _sentinel = Sentinel { pool: self, place: Place::Owner };
        let mut shared = lock(&self.shared);
        let due = shared.dispatch.cut();
        self.publish(&mut shared, due, work);
        shared.dispatch.settle(None);
        self.wake(&mut shared);
    }

    /// Admits nothing more; the workers finish all that is queued, and end.
    pub fn close(&self) {
        let mut shared = lock(&self.shared);
        shared.dispatch.close();
        // A hold may wait for an entry that cannot come any more.
        shared.dispatch.settle(None);
        self.moved.notify_all();
        self.wake(&mut shared);
    }

    /// Admits and begins nothing more; the workers finish what they are writing, and end.
    pub fn abandon(&self) {
        self.stop(Stopped::Abandoned);
    }

    fn stop(&self, reason: Stopped) {
        let mut shared = lock(&self.shared);
        shared.dispatch.stop(reason);
        self.wake(&mut shared);
    }

    /// Wakes whoever has something to do.
    fn wake(&self, shared: &mut MutexGuard<'_, Shared<O>>) {
        let Shared { dispatch, asleep, .. } = &mut **shared;
        for (worker, asleep) in asleep.iter_mut().enumerate() {
            if *asleep && dispatch.has_news_for(worker) {
                *asleep = false;
                self.workers[worker].notify_one();
            }
        }
        if dispatch.has_news_for_admission() {
            self.room.notify_one();
        }
        if dispatch.stopped().is_some() {
            self.moved.notify_all();
        }
    }

    /// Lets the worker of `job`, one of [`PoolState::at_gate`], begin: the marker of its batch is settled. It still waits at
    /// the gate to be written. Nothing happens if no worker has the job.
    pub fn let_begin(&self, job: &Job) {
        lock(&self.shared).dispatch.let_begin(job);
    }

    /// Lets `job` through the gate to be written, once: one of [`PoolState::at_gate`], or one that will come there. Its marker
    /// is settled when the writing begins, unless [`Pool::let_begin`] settled it before.
    pub fn let_write(&self, job: Job) {
        self.let_through(Step::Write, job);
    }

    /// Lets `job` through the gate to be finished, once: one of [`PoolState::unfinished`], or one that will come there.
    pub fn let_finish(&self, job: Job) {
        self.let_through(Step::Finish, job);
    }

    fn let_through(&self, step: Step, job: Job) {
        let mut shared = lock(&self.shared);
        shared.dispatch.let_through(step, job);
        self.wake(&mut shared);
    }

    /// The highest L with all entries ≤ L written.
    pub fn watermark(&self) -> Lsn {
        lock(&self.shared).dispatch.watermark()
    }

    /// Waits until all up to `lsn` is written. Errors: [`Stopped`]; it is not, and will not be.
    pub fn wait_for(&self, lsn: Lsn) -> Result<(), Stopped> {
        let mut shared = lock(&self.shared);
        while !shared.dispatch.reached(lsn)? {
            shared.waiting += 1;
            shared = wait(&self.moved, shared);
            shared.waiting -= 1;
        }
        Ok(())
    }

    /// Why it stopped, if it did. A pool that was closed has not.
    pub fn stopped(&self) -> Option<Stopped> {
        lock(&self.shared).dispatch.stopped().cloned()
    }

    /// The pool as it is now.
    pub fn state(&self) -> PoolState {
        lock(&self.shared).dispatch.state()
    }
}

impl<O: Ordering + Send + 'static> Pool<O> {
    /// Starts a thread for each worker. They end as [`Pool::run_worker`] does; joining one gives its panic.
    pub fn spawn<W: Work + 'static>(
        pool: &sync::Arc<Pool<O>>,
        work: &sync::Arc<W>,
    ) -> Vec<thread::JoinHandle<()>> {
        let start = |worker| {
            let (pool, work) = (sync::Arc::clone(pool), sync::Arc::clone(work));
            thread::spawn(move || pool.run_worker(worker, &*work))
        };
        (0..pool.workers.len()).map(start).collect()
    }
}

/// Stops the pool when its thread panics, whether the lock was held or not.
struct Sentinel<'a, O: Ordering> {
    pool: &'a Pool<O>,
    place: Place,
}

impl<O: Ordering> Drop for Sentinel<'_, O> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.pool.stop(Stopped::Panicked(self.place));
        }
    }
}
