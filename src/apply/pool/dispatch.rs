//! Dispatch — entries admitted → a job for each worker; jobs done → room, watermark, what to publish. Pure.
//!
//! A worker's job is chosen when the state changes, not when its thread wakes up: what a worker holds is a function of
//! the order in which entries were admitted and jobs finished. So nobody is woken for nothing, and whether all is stuck
//! behind a hold can be told without asking the threads.
//!
//! ```text
//! worker 0   idle ─ given 1 ─ writing 1 ─ written 1 ─ idle
//! worker 1   idle ─ given 2 ─ (held, or not its turn) ────── writing 2 ─ written 2 ─ idle
//! ```
//!
//! The states of a worker are the applier's ([`Worker`]). What is added here: which worker goes first, limits, holds, a
//! gate, the bytes in memory, and how a pool ends.

use super::gate::{Gate, Step};
use super::holds::Holds;
use super::{Limits, PoolState, Schedule, Stopped};
use crate::apply::{Applier, Worker};
use crate::binlog::{Entry, Lsn};
use crate::effect::Key;
use crate::ordering::{Admission, Job, Ordering, Places, Reads};
use std::mem;
use std::sync::Arc;

/// Whether the pool goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// Nothing more is admitted; what is queued is finished.
    Closed,
    /// Nothing more is begun.
    Stopped(Stopped),
}

/// What a worker does next.
#[derive(Clone, Debug)]
pub enum Next {
    /// It writes this, then calls [`Dispatch::wrote`].
    Write(Batch),
    /// It says that it is done: [`Dispatch::finish`].
    Finish,
    /// It waits until [`Dispatch::has_news_for`] it.
    Wait,
    /// It ends.
    End,
}

/// One job with all that its writing takes.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The entries.
    pub entries: Vec<Arc<Entry>>,
    /// The key whose part of the one entry this is; `None` for whole entries.
    pub part: Option<Key>,
    /// The marker to be written with them.
    pub marker: Lsn,
}

/// The state of a pool.
///
/// Each call moves the applier by steps that the ordering model has, too (`tests/models/dispatch.rs`).
///
/// Invariants: `entries` are those admitted and not finished, `bytes` is their sum; after [`Dispatch::settle`] no idle
/// worker could take a job, and not all are stuck behind a hold.
#[derive(Clone, Debug)]
pub struct Dispatch<O> {
    applier: Applier<O>,
    limits: Limits,
    /// An admission that waits for room is woken when no more than this is queued. To be woken costs more than to admit an
    /// entry, so there should be room for many. A hold may wait for the very next entry: with holds it is woken at once.
    wakes_below: Limits,
    holds: Holds,
    gate: Gate,
    /// With its bytes; `None`: a worker has all of it in hand.
    entries: Places<(Option<Arc<Entry>>, usize)>,
    bytes: usize,
    /// What is written and not given back to memory yet: see [`Dispatch::spent`].
    spent: Vec<Vec<Arc<Entry>>>,
    phase: Phase,
    /// The bytes of the entry that waits to be admitted.
    waiting_bytes: Option<usize>,
}

impl<O: Ordering> Dispatch<O> {
    /// A pool that admits entries; `applier` says where the log goes on.
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

    /// Whether an entry of `bytes` may be admitted now. An entry larger than the limit is admitted alone. Errors: none
    /// will be, ever.
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

    /// An entry of `bytes` waits for room, or none does.
    pub fn set_waiting(&mut self, bytes: Option<usize>) {
        self.waiting_bytes = bytes;
    }

    /// Whether an admission that waits should look again.
    pub fn has_news_for_admission(&self) -> bool {
        let is_low =
            || self.entries.len() <= self.wakes_below.entries_max && self.bytes <= self.wakes_below.bytes_max;
        self.waiting_bytes.is_some_and(|bytes| self.admits(bytes).map_or(true, |admits| admits && is_low()))
    }

    /// Admits the entry after the last one. Errors: the strategy refuses it, and the pool is stopped.
    pub fn admit(&mut self, entry: Arc<Entry>, bytes: usize) -> Result<(), Stopped> {
        if let Err(refused) = self.applier.admit(&Admission::of(&entry)) {
            self.stop(Stopped::Refused(refused.clone()));
            return Err(Stopped::Refused(refused));
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.entries.push(entry.lsn, (Some(entry), bytes));
        Ok(())
    }

    /// What `worker` does next.
    pub fn begin(&mut self, worker: usize) -> Next {
        if !self.has_news_for(worker) {
            return Next::Wait;
        }
        // Also when the pool is stopped: what is written counts.
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
            let (entry, _) = self.entries.get_mut(lsn)?;
            if is_whole { entry.take() } else { entry.clone() }
        };
        let entries = job.lsns.iter().filter_map(in_hand).collect();
        Next::Write(Batch { entries, part: job.part.clone(), marker: *marker })
    }

    /// Notes that `worker` has written what it began, and needs these entries no more.
    pub fn wrote(&mut self, worker: usize, entries: Vec<Arc<Entry>>) {
        self.spent.push(entries);
        if let Worker::Writing(job, _) = &self.applier.workers()[worker] {
            self.gate.pass(Step::Write, job);
        }
        self.applier.wrote(worker);
    }

    /// `worker` says that what it has written is done. Gives the LSN to publish, if one is due.
    pub fn finish(&mut self, worker: usize) -> Option<Lsn> {
        let before = self.applier.watermark();
        let job = self.applier.finish(worker)?;
        self.gate.pass(Step::Finish, &job);
        let after = self.applier.watermark();
        for &lsn in job.lsns.iter().filter(|&&lsn| self.applier.is_finished(lsn)) {
            if let Some((_, bytes)) = self.entries.remove(lsn) {
                self.bytes = self.bytes.saturating_sub(bytes);
            }
        }
        match self.applier.ordering().reads() {
            _ if matches!(self.phase, Phase::Stopped(_)) => None,
            Reads::Latest | Reads::BetweenBatches => (after > before).then_some(after),
            Reads::Published => self.applier.publishable(),
        }
    }

    /// The entries that are written and still in memory, for the caller to give back outside the lock. To one that
    /// admits entries, always: freeing them is as much work as making them, and the workers have enough. To a worker
    /// only when nothing is queued, as nobody may admit anything any more.
    pub fn spent(&mut self, admits: bool) -> Vec<Vec<Arc<Entry>>> {
        if admits || self.entries.is_empty() { mem::take(&mut self.spent) } else { Vec::new() }
    }

    /// Asks for a cut, if the strategy knows them and none is under way. Gives the LSN to publish, if that can be done
    /// at once.
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

    /// Notes that what was to be published is.
    pub fn published(&mut self) {
        if self.applier.ordering().reads() == Reads::Published {
            self.applier.published();
        }
    }

    /// Admits nothing more. Jobs are not let through the gate any more one by one, so it opens.
    pub fn close(&mut self) {
        self.gate.open();
        if self.phase == Phase::Open {
            self.phase = Phase::Closed;
        }
    }

    /// Begins nothing more. The first reason stays.
    pub fn stop(&mut self, reason: Stopped) {
        if !matches!(self.phase, Phase::Stopped(_)) {
            self.phase = Phase::Stopped(reason);
        }
    }

    /// Gives jobs to idle workers, `first` before the others, and lets holds go while nothing could go on.
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

    /// The lowest held entry, if nothing can go on while the holds stand: no worker writes or may, and no admission
    /// that one of them waits for can come.
    fn stuck(&self) -> Option<Lsn> {
        let goes_on = |worker: &Worker| match worker {
            Worker::Idle => false,
            Worker::Given(job) => self.is_ready(job),
            // One that writes or has written waits for nothing: where there are holds there is no gate.
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
            Worker::Given(job) => Some(job),
            Worker::Idle | Worker::Writing(..) | Worker::Written(_) => None,
        })
    }

    fn is_held(&self, job: &Job) -> bool {
        self.holds.on(job, |lsn| self.applier.is_finished(lsn)).next().is_some()
    }

    fn is_ready(&self, job: &Job) -> bool {
        !self.gate.keeps(Step::Write, job) && !self.is_held(job) && self.applier.ordering().may_write(job)
    }

    /// Settles the marker of `job` behind the gate, where it still waits to be written. Nothing happens if no worker has it,
    /// or the strategy does not let it be written.
    pub fn let_begin(&mut self, job: &Job) {
        let has_it = |worker: &Worker| matches!(worker, Worker::Given(given) if given == job);
        if let Some(worker) = self.applier.workers().iter().position(has_it) {
            self.applier.begin(worker);
        }
    }

    /// Lets `job` through the gate.
    pub(super) fn let_through(&mut self, step: Step, job: Job) {
        self.gate.let_through(step, job);
    }

    /// Whether `worker` should do something: write, or end.
    pub fn has_news_for(&self, worker: usize) -> bool {
        match (&self.phase, &self.applier.workers()[worker]) {
            (Phase::Stopped(_), _) => true,
            (_, Worker::Given(job)) => self.is_ready(job),
            (_, Worker::Writing(job, _)) => !self.gate.keeps(Step::Write, job),
            (_, Worker::Written(job)) => !self.gate.keeps(Step::Finish, job),
            (Phase::Closed, Worker::Idle) => self.entries.is_empty(),
            _ => false,
        }
    }

    /// Whether all up to `lsn` is written. Errors: it never will be.
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

    /// Why it begins nothing more, if so.
    pub fn stopped(&self) -> Option<&Stopped> {
        match &self.phase {
            Phase::Stopped(reason) => Some(reason),
            Phase::Open | Phase::Closed => None,
        }
    }

    /// The jobs that the gate alone keeps from being written, the oldest first.
    fn at_gate(&self) -> Vec<Job> {
        self.jobs(|worker| match worker {
            Worker::Given(job) => self.gate.keeps(Step::Write, job) && self.applier.ordering().may_write(job),
            Worker::Writing(job, _) => self.gate.keeps(Step::Write, job),
            Worker::Idle | Worker::Written(_) => false,
        })
    }

    /// The jobs that are written and that the gate keeps from being finished, the oldest first.
    fn unfinished(&self) -> Vec<Job> {
        self.jobs(|worker| matches!(worker, Worker::Written(job) if self.gate.keeps(Step::Finish, job)))
    }

    /// The jobs that are being written or finished, or that nothing keeps from it, the oldest first.
    fn begun(&self) -> Vec<Job> {
        self.jobs(|worker| match worker {
            Worker::Idle => false,
            Worker::Given(job) => self.is_ready(job),
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

    /// The pool as it is now.
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
