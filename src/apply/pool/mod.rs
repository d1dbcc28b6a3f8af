//! Pool — entries in log order → written by workers as the strategy allows. Uses threads through
//! [`crate::sync`].
//!
//! ```text
//! admit(n) ──▶ [ lock: dispatch ] ──▶ worker 0 ── write ──▶ [ lock: finish, publish ] ──▶ wait_for(n)
//!   waits while full, or at a cut └─▶ worker 1 ── write ──▶ [ lock: finish, publish ]
//! ```
//!
//! The work under the lock is the pure `dispatch`; this file contains the lock, and decides which thread is woken
//! when. A worker is woken only when it has something to do, so the idle workers of a strategy cost nothing.
//!
//! An error or a panic in one worker stops the pool permanently: threads that wait get the reason, batches that are
//! being written are finished, and no more are begun. A write that failed may have happened, so skipping it is not
//! possible.
//!
//! It deliberately owns no thread, measures no time, and records no trace. For a trace, wrap [`Work`]; for times, give it
//! [`Waits`].

pub mod dispatch;
mod gate;
mod holds;
mod waits;

pub use holds::{Hold, Outcome};
pub use waits::{Wait, Waits};

use crate::apply::Applier;
use crate::binlog::{Entry, Lsn};
use crate::effect::Key;
use crate::ordering::{Job, OrderingStrategy, Queued, Refused};
use crate::store::StoreError;
use crate::sync::{self, Condvar, Mutex, MutexGuard, lock, thread, wait};
use dispatch::{Dispatch, Next};
use gate::Step;
use std::mem;
// Entries never change, so checkers need not explore how they are shared: this `Arc` is not the one of
// `sync`.
use std::sync::Arc;

/// The work of a pool: writing batches, and publishing LSNs.
pub trait Work: Send + Sync {
    /// Writes the entries of one job, or their part for `part`, as one batch with `marker` in it. Called outside the
    /// lock, by several workers at once if the strategy allows it. Errors: the pool stops.
    fn write(&self, entries: &[Arc<Entry>], part: Option<&Key>, marker: Lsn) -> Result<(), StoreError>;

    /// Publishes `watermark`: the watermark has moved there or, for a strategy whose readers see snapshots, a cut has
    /// been reached there. Called under the pool's lock, so it must not call the pool. The LSNs never go back. Under
    /// a strategy that shows prefixes no write is in progress during the call.
    fn publish(&self, watermark: Lsn);
}

/// Limits of what may be queued, that is, admitted and not finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Number of entries, at least 1.
    pub entries_max: usize,
    /// Number of bytes; a larger entry is admitted alone.
    pub bytes_max: usize,
}

/// The order in which batches are written, within what the strategy allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Schedule {
    /// The order in which the threads happen to run.
    #[default]
    Free,
    /// The order that these holds force, as far as the strategy allows it.
    Held(Vec<Hold>),
    /// The order of calls of [`Pool::let_write`] and [`Pool::let_finish`]: no job goes ahead without them,
    /// until the pool is closed.
    Gated,
}

/// The reason why a pool accepts no more entries.
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
    Panicked(ThreadRole),
    /// Its owner closed it; what was admitted before is finished.
    #[error("the worker pool is closed")]
    Closed,
    /// Its owner abandoned it.
    #[error("the worker pool is abandoned")]
    Abandoned,
}

/// Where a thread was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ThreadRole {
    /// In [`Pool::run_worker`], with its number.
    Worker(usize),
    /// In [`Pool::admit`] or [`Pool::request_cut`].
    Owner,
}

impl std::fmt::Display for ThreadRole {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ThreadRole::Worker(worker) => write!(out, "worker {worker}"),
            ThreadRole::Owner => write!(out, "the admitting thread"),
        }
    }
}

/// The state of a pool at some moment.
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
    /// The holds with their outcomes.
    pub holds: Vec<(Hold, Outcome)>,
    /// The jobs that wait at the gate to be written, and for nothing else, the oldest first.
    pub at_gate: Vec<Job>,
    /// The jobs that are written and wait at the gate to be finished, the oldest first.
    pub unfinished: Vec<Job>,
    /// The jobs that are being written or finished, or will be next.
    pub begun: Vec<Job>,
    /// The reason why it is stopped, if it is; a closed pool is not stopped.
    pub stopped: Option<Stopped>,
}

/// Maximum number of entries that are admitted before the lock is released: the workers need it, too.
const ADMITTED_AT_ONCE: usize = 64;

struct Locked<O> {
    dispatch: Dispatch<O>,
    /// Whether each worker sleeps. The thread that wakes a worker clears its flag.
    asleep: Vec<bool>,
    /// The last wait of each worker that was told.
    told: Vec<Option<Wait>>,
    /// Number of threads that sleep in [`Pool::wait_for`].
    waiting: usize,
}

/// A worker pool around one strategy.
///
/// Invariants: entries are admitted without gaps; published LSNs never go back; after an error no batch is begun.
/// Checked by: tests/threads, tests/threads_loom, tests/threads_shuttle.
pub struct Pool<O> {
    shared: Mutex<Locked<O>>,
    /// One per worker: it has something to do.
    workers: Vec<Condvar>,
    /// There is room, or there never will be.
    room: Condvar,
    /// The watermark moved, or will not move any more.
    moved: Condvar,
    /// The receiver of its waits.
    waits: Option<Arc<dyn Waits>>,
}

impl<O: OrderingStrategy> Pool<O> {
    /// A pool with the workers of `applier`. All of them must be run, because a job may be given to any of them.
    /// `applier` determines where the log continues.
    pub fn new(applier: Applier<O>, limits: Limits, schedule: Schedule) -> Pool<O> {
        let workers = applier.workers().len();
        let dispatch = Dispatch::new(applier, limits, schedule);
        Pool {
            shared: Mutex::new(Locked {
                dispatch,
                asleep: vec![false; workers],
                told: vec![None; workers],
                waiting: 0,
            }),
            workers: (0..workers).map(|_| Condvar::new()).collect(),
            room: Condvar::new(),
            moved: Condvar::new(),
            waits: None,
        }
    }

    /// The same pool, which tells `waits` when its threads begin and end to wait.
    pub fn with_waits(self, waits: Arc<dyn Waits>) -> Pool<O> {
        Pool { waits: Some(waits), ..self }
    }

    /// Admits the entry after the last one, of `bytes`; waits while the pool is full, or while a cut is not published.
    /// Must be called by only one thread. Errors: [`Stopped`]; the entry was not admitted, and no entry will be.
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
        let _sentinel = Sentinel { pool: self, place: ThreadRole::Owner };
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
        mut shared: MutexGuard<'a, Locked<O>>,
        bytes: usize,
    ) -> Result<MutexGuard<'a, Locked<O>>, Stopped> {
        if shared.dispatch.admits(bytes)? {
            return Ok(shared);
        }
        let _noted = self.noted(shared.dispatch.admission_wait());
        while !shared.dispatch.admits(bytes)? {
            // A hold may wait for an entry for which there is no room: now it becomes known that this entry
            // cannot come.
            shared.dispatch.set_waiting(Some(bytes));
            shared.dispatch.settle(None);
            self.wake(&mut shared);
            shared = wait(&self.room, shared);
            shared.dispatch.set_waiting(None);
        }
        Ok(shared)
    }

    /// The body of the thread of `worker` (0, 1, …): returns when the pool was closed and everything is finished, or
    /// when it is stopped. Panics: if `work` panics, or there is no such worker; the pool is then stopped.
    pub fn run_worker(&self, worker: usize, work: &impl Work) {
        let _sentinel = Sentinel { pool: self, place: ThreadRole::Worker(worker) };
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
                        // Under the same lock its next step is to finish the job, unless a gate prevents it.
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

    fn finish(&self, shared: &mut Locked<O>, worker: usize, work: &impl Work) {
        let before = shared.dispatch.watermark();
        let due = shared.dispatch.finish(worker);
        self.publish(shared, due, work);
        shared.dispatch.settle(Some(worker));
        if shared.waiting > 0 && shared.dispatch.watermark() > before {
            self.moved.notify_all();
        }
    }

    fn publish(&self, shared: &mut Locked<O>, due: Option<Lsn>, work: &impl Work) {
        if let Some(lsn) = due {
            work.publish(lsn);
            shared.dispatch.published();
        }
    }

    /// Requests a snapshot at the last admitted entry, if readers of the strategy see snapshots: no more entries are
    /// admitted before it is published. `work` is that of the workers; the snapshot is published at once if everything is
    /// finished already.
    pub fn request_cut(&self, work: &impl Work) {
        let _sentinel = Sentinel { pool: self, place: ThreadRole::Owner };
        let mut shared = lock(&self.shared);
        let due = shared.dispatch.cut();
        self.publish(&mut shared, due, work);
        shared.dispatch.settle(None);
        self.wake(&mut shared);
    }

    /// Closes the pool: no more entries are admitted; the workers finish all queued entries, and end.
    pub fn close(&self) {
        let mut shared = lock(&self.shared);
        shared.dispatch.close();
        // A hold may wait for an entry that will never be admitted.
        shared.dispatch.settle(None);
        self.moved.notify_all();
        self.wake(&mut shared);
    }

    /// Abandons the pool: no more entries are admitted and no more batches are begun; the workers finish what
    /// they are writing, and end.
    pub fn abandon(&self) {
        self.stop(Stopped::Abandoned);
    }

    fn stop(&self, reason: Stopped) {
        let mut shared = lock(&self.shared);
        shared.dispatch.stop(reason);
        self.wake(&mut shared);
    }

    /// Tells that the owner's thread waits, until the result is dropped.
    fn noted(&self, wait: Wait) -> Option<Noted<'_>> {
        let waits = self.waits.as_deref()?;
        waits.note(ThreadRole::Owner, Some(wait));
        Some(Noted(waits))
    }

    /// Wakes the threads that have something to do, and tells which workers wait.
    fn wake(&self, shared: &mut MutexGuard<'_, Locked<O>>) {
        let Locked { dispatch, asleep, told, .. } = &mut **shared;
        if let Some(waits) = &self.waits {
            for (worker, told) in told.iter_mut().enumerate() {
                let now = dispatch.wait_of(worker);
                if now != mem::replace(told, now) {
                    waits.note(ThreadRole::Worker(worker), now);
                }
            }
        }
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

    /// Lets the worker of `job`, one of [`PoolState::at_gate`], begin: the marker of its batch is fixed. The job still waits
    /// at the gate to be written. Does nothing if no worker has the job.
    pub fn let_begin(&self, job: &Job) {
        lock(&self.shared).dispatch.let_begin(job);
    }

    /// Lets `job` through the gate to be written, once: one of [`PoolState::at_gate`], or one that will arrive there. Its
    /// marker is fixed when the writing begins, unless [`Pool::let_begin`] fixed it before.
    pub fn let_write(&self, job: Job) {
        self.let_through(Step::Write, job);
    }

    /// Lets `job` through the gate to be finished, once: one of [`PoolState::unfinished`], or one that will arrive
    /// there.
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

    /// Waits until all entries up to `lsn` are written. Errors: [`Stopped`]; they are not, and never will be.
    pub fn wait_for(&self, lsn: Lsn) -> Result<(), Stopped> {
        let mut shared = lock(&self.shared);
        if shared.dispatch.reached(lsn)? {
            return Ok(());
        }
        let _noted = self.noted(Wait::Drain);
        while !shared.dispatch.reached(lsn)? {
            shared.waiting += 1;
            shared = wait(&self.moved, shared);
            shared.waiting -= 1;
        }
        Ok(())
    }

    /// The reason why it is stopped, if it is. A pool that was closed is not stopped.
    pub fn stopped(&self) -> Option<Stopped> {
        lock(&self.shared).dispatch.stopped().cloned()
    }

    /// The highest L with all entries ≤ L written, the entries that wait for a worker, and those that each worker has in its hand.
    pub fn queued(&self) -> (Lsn, Queued, Vec<usize>) {
        let shared = lock(&self.shared);
        let (queued, in_hand) = shared.dispatch.queued();
        (shared.dispatch.watermark(), queued, in_hand)
    }

    /// The current state of the pool.
    pub fn state(&self) -> PoolState {
        lock(&self.shared).dispatch.state()
    }
}

impl<O: OrderingStrategy + Send + 'static> Pool<O> {
    /// Starts a thread for each worker. They end as [`Pool::run_worker`] does; joining a thread returns its
    /// panic.
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

/// Ends a wait of the owner's thread.
struct Noted<'a>(&'a dyn Waits);

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        self.0.note(ThreadRole::Owner, None);
    }
}

/// Stops the pool when its thread panics, whether the lock was held or not.
struct Sentinel<'a, O: OrderingStrategy> {
    pool: &'a Pool<O>,
    place: ThreadRole,
}

impl<O: OrderingStrategy> Drop for Sentinel<'_, O> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.pool.stop(Stopped::Panicked(self.place));
        }
    }
}
