//! Dispatch — admitted entries → a job for each worker; finished jobs → room, watermark, the LSN to publish.
//! Pure.
//!
//! A worker's job is chosen when the state changes, not when its thread wakes up: what a worker holds is a function of
//! the order in which entries were admitted and jobs finished. So no thread is woken in vain, and the pool can tell
//! without the threads whether everything is stuck behind a hold.
//!
//! ```text
//! worker 0   idle ─ given 1 ─ writing 1 ─ written 1 ─ idle
//! worker 1   idle ─ given 2 ─ (held, or not its turn) ────── writing 2 ─ written 2 ─ idle
//! ```
//!
//! The states of a worker are the applier's ([`Worker`]). This module adds the worker that gets a job first, limits,
//! holds, a gate, the bytes in memory, and the end of a pool.

use super::gate::{Gate, Step};
use super::holds::Holds;
use super::{Limits, PoolState, Schedule, Stopped, Wait};
use crate::apply::{Applier, Worker};
use crate::binlog::{Entry, Lsn};
use crate::effect::{Key, KeySet};
use crate::ordering::{Admission, Job, OrderingStrategy, Places, Queued, Reads};
use std::mem;
use std::sync::Arc;

/// Whether the pool continues.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// No more entries are admitted; the queued ones are finished.
    Closed,
    /// No more batches are begun.
    Stopped(Stopped),
}

/// The next step of a worker.
#[derive(Clone, Debug)]
pub enum Next {
    /// It writes this batch, then calls [`Dispatch::wrote`].
    Write(Batch),
    /// It reports its job as finished with [`Dispatch::finish`].
    Finish,
    /// It waits until [`Dispatch::has_news_for`] is true for it.
    Wait,
    /// It ends.
    End,
}

/// One job, with everything that is needed to write it.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The entries.
    pub entries: Vec<Arc<Entry>>,
    /// The key whose part of the one entry this is; `None` for whole entries.
    pub part: Option<Key>,
    /// The marker to be written with them.
    pub marker: Lsn,
}

/// An entry that is admitted and not finished.
#[derive(Clone, Debug)]
struct Unfinished {
    /// `None`: a worker has taken all of it.
    entry: Option<Arc<Entry>>,
    bytes: usize,
    /// Whether it names no key, so that a strategy may have it wait for all entries, and all entries for it.
    is_keyless: bool,
}

/// The state of a pool.
///
/// Each call changes the applier by steps that the ordering model has, too (`tests/models/dispatch.rs`).
///
/// Invariants: `entries` holds the entries that are admitted and not finished, and `bytes` is the sum of their bytes;
/// after [`Dispatch::settle`] no idle worker could take a job, and the workers are not all stuck behind a hold.
#[derive(Clone, Debug)]
pub struct Dispatch<O> {
    applier: Applier<O>,
    limits: Limits,
    /// A thread that waits for room to admit an entry is woken when no more than this is queued. Waking it costs more than
    /// admitting an entry, so there should be room for many. With holds it is woken as soon as one entry fits, because a
    /// hold may wait for just the next entry.
    wakes_below: Limits,
    holds: Holds,
    gate: Gate,
    entries: Places<Unfinished>,
    bytes: usize,
    /// Entries that are written and whose memory is not freed yet: see [`Dispatch::spent`].
    spent: Vec<Vec<Arc<Entry>>>,
    phase: Phase,
    /// The bytes of the entry that waits to be admitted.
    waiting_bytes: Option<usize>,
}

impl<O: OrderingStrategy> Dispatch<O> {
    /// A pool that admits entries; `applier` determines where the log continues.
    pub fn new(applier: Applier<O>, limits: Limits, schedule: Schedule) -> Dispatch<O> {
        let wakes_below = match schedule {
            Schedule::Free => Limits { entries_max: limits.entries_max / 2, bytes_max: limits.bytes_max / 2 },
            Schedule::Held(_) | Schedule::Gated => limits,
        };
        let is_gated = schedule == Schedule::Gated;
        let holds = if let Schedule::Held(holds) = schedule { holds } else { Vec::new() };
        Dispatch {
            entries: Places::new(),
            bytes: 0,
            spent: Vec::new(),
            applier,
            limits,
            wakes_below,
            holds: Holds::new(holds),
            gate: Gate::new(is_gated),
            phase: Phase::Open,
            waiting_bytes: None,
        }
    }

    /// The strategy and its workers.
    pub fn applier(&self) -> &Applier<O> {
        &self.applier
    }

    /// Whether an entry of `bytes` may be admitted now. An entry larger than the limit is admitted alone. Errors: no
    /// entry will be admitted any more.
    pub fn admits(&self, bytes: usize) -> Result<bool, Stopped> {
        match &self.phase {
            Phase::Open => {}
            Phase::Closed => return Err(Stopped::Closed),
            Phase::Stopped(reason) => return Err(reason.clone()),
        }
        let fits = self.entries.len() < self.limits.entries_max
            && self.bytes.saturating_add(bytes) <= self.limits.bytes_max;
        Ok(self.applier.admits() && (fits || self.entries.is_empty()))
    }

    /// The reason for which an entry is not admitted now.
    pub fn admission_wait(&self) -> Wait {
        if self.applier.admits() { Wait::Room } else { Wait::Cut }
    }

    /// Records that an entry of `bytes` waits for room; `None`: no entry waits.
    pub fn set_waiting(&mut self, bytes: Option<usize>) {
        self.waiting_bytes = bytes;
    }

    /// Whether a waiting admission should be woken to check again.
    pub fn has_news_for_admission(&self) -> bool {
        let is_low =
            || self.entries.len() <= self.wakes_below.entries_max && self.bytes <= self.wakes_below.bytes_max;
        self.waiting_bytes.is_some_and(|bytes| self.admits(bytes).map_or(true, |admits| admits && is_low()))
    }

    /// Admits the entry after the last one. Errors: the strategy refuses it, and the pool is stopped.
    pub fn admit(&mut self, entry: Arc<Entry>, bytes: usize) -> Result<(), Stopped> {
        let admission = Admission::of(&entry);
        let is_keyless = match &*admission.keys {
            KeySet::Everything => true,
            KeySet::Keys(keys) => keys.is_empty(),
        };
        if let Err(refused) = self.applier.admit(&admission) {
            self.stop(Stopped::Refused(refused.clone()));
            return Err(Stopped::Refused(refused));
        }
        self.bytes = self.bytes.saturating_add(bytes);
        drop(admission);
        self.entries.push(entry.lsn, Unfinished { bytes, is_keyless, entry: Some(entry) });
        Ok(())
    }

    /// The next step of `worker`.
    pub fn begin(&mut self, worker: usize) -> Next {
        if !self.has_news_for(worker) {
            return Next::Wait;
        }
        // Even if the pool is stopped: a written job counts.
        if matches!(&self.applier.workers()[worker], Worker::Written(job) if !self.gate.keeps(Step::Finish, job))
        {
            return Next::Finish;
        }
        if matches!(self.phase, Phase::Stopped(_)) {
            return Next::End;
        }
        self.applier.begin(worker);
        let Worker::Writing(job, marker) = &self.applier.workers()[worker] else { return Next::End };
        self.holds.keep(job);
        let is_whole = job.part.is_none();
        let in_hand = |&lsn| {
            let Unfinished { entry, .. } = self.entries.get_mut(lsn)?;
            if is_whole { entry.take() } else { entry.clone() }
        };
        let entries = job.lsns.iter().filter_map(in_hand).collect();
        Next::Write(Batch { entries, part: job.part.clone(), marker: *marker })
    }

    /// Records that `worker` has written its batch, and no longer needs these entries.
    pub fn wrote(&mut self, worker: usize, entries: Vec<Arc<Entry>>) {
        self.spent.push(entries);
        if let Worker::Writing(job, _) = &self.applier.workers()[worker] {
            self.gate.pass(Step::Write, job);
        }
        self.applier.wrote(worker);
    }

    /// Finishes the job that `worker` has written. Returns the LSN to publish, if one is due.
    pub fn finish(&mut self, worker: usize) -> Option<Lsn> {
        let before = self.applier.watermark();
        let job = self.applier.finish(worker)?;
        self.gate.pass(Step::Finish, &job);
        let after = self.applier.watermark();
        for &lsn in job.lsns.iter().filter(|&&lsn| self.applier.is_finished(lsn)) {
            if let Some(Unfinished { bytes, .. }) = self.entries.remove(lsn) {
                self.bytes = self.bytes.saturating_sub(bytes);
            }
        }
        match self.applier.ordering().reads() {
            _ if matches!(self.phase, Phase::Stopped(_)) => None,
            Reads::Latest | Reads::BetweenBatches => (after > before).then_some(after),
            Reads::Published => self.applier.publishable(),
        }
    }

    /// The written entries that are still in memory; the caller frees them outside the lock. A caller that admits
    /// entries always gets them: freeing them is as much work as creating them, and the workers have enough work. A
    /// worker gets them only when nothing is queued, because perhaps no thread will admit an entry any more.
    pub fn spent(&mut self, admits: bool) -> Vec<Vec<Arc<Entry>>> {
        if admits || self.entries.is_empty() { mem::take(&mut self.spent) } else { Vec::new() }
    }

    /// Requests a cut, if the strategy has cuts and none is in progress. Returns the LSN to publish, if that can be
    /// done at once.
    pub fn cut(&mut self) -> Option<Lsn> {
        let stopped = matches!(self.phase, Phase::Stopped(_));
        if stopped || self.applier.ordering().reads() != Reads::Published {
            return None;
        }
        if self.applier.admits() {
            self.applier.cut();
        }
        self.applier.publishable()
    }

    /// Records that the LSN that was due is published.
    pub fn published(&mut self) {
        if self.applier.ordering().reads() == Reads::Published {
            self.applier.published();
        }
    }

    /// Closes the pool: no more entries are admitted. The gate opens, because from now on jobs are not let
    /// through one by one.
    pub fn close(&mut self) {
        self.gate.open();
        if self.phase == Phase::Open {
            self.phase = Phase::Closed;
        }
    }

    /// Stops the pool: no more batches are begun. If it was stopped before, the first reason stays.
    pub fn stop(&mut self, reason: Stopped) {
        if !matches!(self.phase, Phase::Stopped(_)) {
            self.phase = Phase::Stopped(reason);
        }
    }

    /// Gives jobs to idle workers, to `first` before the others, and releases holds as long as nothing could
    /// continue.
    pub fn settle(&mut self, first: Option<usize>) {
        if matches!(self.phase, Phase::Stopped(_)) {
            return;
        }
        let alike = self.applier.ordering().interchangeable_workers();
        for worker in first.into_iter().chain(0..self.applier.workers().len()) {
            let is_idle = self.applier.workers()[worker] == Worker::Idle;
            if is_idle && self.applier.take(worker).is_none() && alike {
                break;
            }
        }
        while let Some(entry) = self.stuck() {
            self.holds.release(entry);
        }
    }

    /// The lowest held entry, if nothing can continue with the holds in place: no worker writes or may write, and
    /// no entry that a hold waits for can be admitted.
    fn stuck(&self) -> Option<Lsn> {
        let goes_on = |worker: &Worker| match worker {
            Worker::Idle => false,
            Worker::Taken(job) => self.is_ready(job),
            // A worker that writes or has written waits for nothing: a pool with holds has no gate.
            Worker::Writing(..) | Worker::Written(_) => true,
        };
        if self.applier.workers().iter().any(goes_on) {
            return None;
        }
        let can_come = match self.waiting_bytes {
            Some(bytes) => self.admits(bytes) == Ok(true),
            None => self.phase == Phase::Open && self.applier.admits(),
        };
        let holds = || self.given().flat_map(|job| self.holds.on(job, |lsn| self.applier.is_finished(lsn)));
        if can_come && holds().any(|hold| hold.until_finished > self.applier.admitted()) {
            return None;
        }
        holds().map(|hold| hold.entry).min()
    }

    fn given(&self) -> impl Iterator<Item = &Job> {
        self.applier.workers().iter().filter_map(|worker| match worker {
            Worker::Taken(job) => Some(job),
            Worker::Idle | Worker::Writing(..) | Worker::Written(_) => None,
        })
    }

    fn is_held(&self, job: &Job) -> bool {
        self.holds.on(job, |lsn| self.applier.is_finished(lsn)).next().is_some()
    }

    fn is_ready(&self, job: &Job) -> bool {
        !self.gate.keeps(Step::Write, job) && !self.is_held(job) && self.applier.ordering().may_write(job)
    }

    /// Fixes the marker of `job`, which still waits at the gate to be written. Does nothing if no worker has the job, or the
    /// strategy does not allow it to be written.
    pub fn let_begin(&mut self, job: &Job) {
        let has_it = |worker: &Worker| matches!(worker, Worker::Taken(given) if given == job);
        if let Some(worker) = self.applier.workers().iter().position(has_it) {
            self.applier.begin(worker);
        }
    }

    /// Lets `job` through the gate.
    pub(super) fn let_through(&mut self, step: Step, job: Job) {
        self.gate.let_through(step, job);
    }

    /// Whether `worker` has something to do: write, finish, or end.
    pub fn has_news_for(&self, worker: usize) -> bool {
        match (&self.phase, &self.applier.workers()[worker]) {
            (Phase::Stopped(_), _) => true,
            (_, Worker::Taken(job)) => self.is_ready(job),
            (_, Worker::Writing(job, _)) => !self.gate.keeps(Step::Write, job),
            (_, Worker::Written(job)) => !self.gate.keeps(Step::Finish, job),
            (Phase::Closed, Worker::Idle) => self.entries.is_empty(),
            _ => false,
        }
    }

    /// Whether all entries up to `lsn` are written. Errors: they never will be.
    pub fn reached(&self, lsn: Lsn) -> Result<bool, Stopped> {
        let reached = self.applier.watermark() >= lsn;
        match &self.phase {
            Phase::Closed if lsn > self.applier.admitted() => Err(Stopped::Closed),
            Phase::Stopped(reason) if !reached => Err(reason.clone()),
            _ => Ok(reached),
        }
    }

    /// The highest L with all entries ≤ L written.
    pub fn watermark(&self) -> Lsn {
        self.applier.watermark()
    }

    /// The reason why the pool is stopped; `None`: it is not.
    pub fn stopped(&self) -> Option<&Stopped> {
        match &self.phase {
            Phase::Stopped(reason) => Some(reason),
            Phase::Open | Phase::Closed => None,
        }
    }

    /// The jobs that only the gate keeps from being written, the oldest first.
    fn at_gate(&self) -> Vec<Job> {
        self.jobs(|worker| match worker {
            Worker::Taken(job) => self.gate.keeps(Step::Write, job) && self.applier.ordering().may_write(job),
            Worker::Writing(job, _) => self.gate.keeps(Step::Write, job),
            Worker::Idle | Worker::Written(_) => false,
        })
    }

    /// The jobs that are written and that the gate keeps from being finished, the oldest first.
    fn unfinished(&self) -> Vec<Job> {
        self.jobs(|worker| matches!(worker, Worker::Written(job) if self.gate.keeps(Step::Finish, job)))
    }

    /// The jobs that are being written or finished, or that nothing keeps from being written or finished, the
    /// oldest first.
    fn begun(&self) -> Vec<Job> {
        self.jobs(|worker| match worker {
            Worker::Idle => false,
            Worker::Taken(job) => self.is_ready(job),
            Worker::Writing(job, _) => !self.gate.keeps(Step::Write, job),
            Worker::Written(job) => !self.gate.keeps(Step::Finish, job),
        })
    }

    fn jobs(&self, of: impl Fn(&Worker) -> bool) -> Vec<Job> {
        let workers = self.applier.workers().iter().filter(|worker| of(worker));
        let mut jobs: Vec<Job> = workers.filter_map(Worker::job).cloned().collect();
        jobs.sort();
        jobs
    }

    /// The reason why `worker` waits, although something is queued for it; `None`: it does not. Holds and gates do not count:
    /// they belong to tests and replays.
    pub fn wait_of(&self, worker: usize) -> Option<Wait> {
        let ordering = self.applier.ordering();
        match &self.applier.workers()[worker] {
            _ if self.stopped().is_some() => None,
            Worker::Idle => {
                let by = ordering.held_up_by(worker)?;
                let is_keyless = self.entries.get(by).is_some_and(|unfinished| unfinished.is_keyless);
                Some(if is_keyless { Wait::Barrier } else { Wait::Conflict })
            }
            Worker::Taken(job) => (!ordering.may_write(job)).then_some(Wait::Turn),
            Worker::Writing(..) | Worker::Written(_) => None,
        }
    }

    /// The entries that wait for a worker, and those that each worker has in its hand.
    pub fn queued(&self) -> (Queued, Vec<usize>) {
        let in_hand = |worker: &Worker| worker.job().map_or(0, |job| job.lsns.len());
        let in_hand: Vec<usize> = self.applier.workers().iter().map(in_hand).collect();
        let queued = self.applier.ordering().queued().unwrap_or_else(|| Queued {
            workers: vec![0; in_hand.len()],
            any: self.entries.len().saturating_sub(in_hand.iter().sum()),
        });
        (queued, in_hand)
    }

    /// The current state of the pool.
    pub fn state(&self) -> PoolState {
        let mut held: Vec<Lsn> = self.given().filter(|job| self.is_held(job)).map(Job::first).collect();
        held.sort_unstable();
        PoolState {
            admitted: self.applier.admitted(),
            watermark: self.applier.watermark(),
            queued_entries: self.entries.len(),
            queued_bytes: self.bytes,
            admission_waits: self.waiting_bytes.is_some(),
            held,
            holds: self.holds.outcomes().to_vec(),
            at_gate: self.at_gate(),
            unfinished: self.unfinished(),
            begun: self.begun(),
            stopped: self.stopped().cloned(),
        }
    }
}
