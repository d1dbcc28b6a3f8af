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

use super::gate::{Gate, Step};
use super::holds::Holds;
use super::{Limits, PoolState, Schedule, Stopped};
use crate::apply::Applier;
use crate::binlog::{Entry, Lsn};
use crate::effect::Key;
use crate::ordering::{Admission, Job, Ordering, Places, Reads};
use std::mem;
use std::sync::Arc;

/// What a worker has.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Slot {
    /// Nothing, and there is nothing for it.
    Idle,
    /// A job that it has not begun to write.
    Given(Job),
    /// A job that it writes.
    Writing(Job),
    /// A job that it has written, and not said so.
    Written(Job),
}

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
pub(super) enum Next {
    /// Writes this, then calls [`Dispatch::wrote`].
    Write(Batch),
    /// Says that it is done: [`Dispatch::finish`].
    Finish,
    /// Waits until [`Dispatch::has_news_for`] it.
    Wait,
    /// Ends.
    End,
}

/// One job with all that its writing takes.
pub(super) struct Batch {
    pub(super) entries: Vec<Arc<Entry>>,
    pub(super) part: Option<Key>,
    pub(super) marker: Lsn,
}

/// The state of a pool.
///
/// Invariants: `entries` are those admitted and not finished, `bytes` is their sum; after [`Dispatch::settle`] no idle
/// worker could take a job, and not all are stuck behind a hold.
pub(super) struct Dispatch<O> {
    applier: Applier<O>,
    limits: Limits,
    /// Who waits for room is told when no more than this is queued. To be woken costs more than to admit an entry: he
    /// should find room for many. A hold may wait for the very next entry, so where there are any he is told at once.
    wakes_below: Limits,
    holds: Holds,
    gate: Gate,
    slots: Vec<Slot>,
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
    pub(super) fn new(
        applier: Applier<O>,
        workers: usize,
        limits: Limits,
        schedule: Schedule,
    ) -> Dispatch<O> {
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
            slots: vec![Slot::Idle; workers],
            phase: Phase::Open,
            waiting_bytes: None,
        }
    }

    /// Whether an entry of `bytes` may be admitted now. An entry larger than the limit is admitted alone. Errors: none
    /// will be, ever.
    pub(super) fn admits(&self, bytes: usize) -> Result<bool, Stopped> {
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
    pub(super) fn set_waiting(&mut self, bytes: Option<usize>) {
        self.waiting_bytes = bytes;
    }

    /// Whether who waits to admit an entry should look again.
    pub(super) fn has_news_for_admission(&self) -> bool {
        let is_low =
            || self.entries.len() <= self.wakes_below.entries_max && self.bytes <= self.wakes_below.bytes_max;
        self.waiting_bytes.is_some_and(|bytes| self.admits(bytes).map_or(true, |admits| admits && is_low()))
    }

    /// Admits the entry after the last one. Errors: the strategy refuses it, and the pool is stopped.
    pub(super) fn admit(&mut self, entry: Arc<Entry>, bytes: usize) -> Result<(), Stopped> {
        if let Err(refused) = self.applier.admit(&Admission::of(&entry)) {
            self.stop(Stopped::Refused(refused.clone()));
            return Err(Stopped::Refused(refused));
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.entries.push(entry.lsn, (Some(entry), bytes));
        Ok(())
    }

    /// What `worker` does next.
    pub(super) fn begin(&mut self, worker: usize) -> Next {
        if !self.has_news_for(worker) {
            return Next::Wait;
        }
        // Also when the pool is stopped: what is written counts.
        if matches!(&self.slots[worker], Slot::Written(job) if !self.gate.keeps(Step::Finish, job)) {
            return Next::Finish;
        }
        if matches!(self.phase, Phase::Stopped(_)) {
            return Next::End;
        }
        let Slot::Given(job) = mem::replace(&mut self.slots[worker], Slot::Idle) else { return Next::End };
        self.holds.keep(&job);
        self.gate.pass(Step::Write, &job);
        let is_whole = job.part.is_none();
        let in_hand = |&lsn| {
            let (entry, _) = self.entries.get_mut(lsn)?;
            if is_whole { entry.take() } else { entry.clone() }
        };
        let entries = job.lsns.iter().filter_map(in_hand).collect();
        // It is asked for only now: what was finished while the job waited counts.
        let marker = self.applier.marker(&job).unwrap_or_else(|| self.applier.watermark());
        let part = job.part.clone();
        self.slots[worker] = Slot::Writing(job);
        Next::Write(Batch { entries, part, marker })
    }

    /// Notes that `worker` has written what it began, and needs these entries no more.
    pub(super) fn wrote(&mut self, worker: usize, entries: Vec<Arc<Entry>>) {
        self.spent.push(entries);
        let slot = &mut self.slots[worker];
        if let Slot::Writing(job) = mem::replace(slot, Slot::Idle) {
            *slot = Slot::Written(job);
        }
    }

    /// `worker` says that what it has written is done. Gives the LSN to publish, if one is due.
    pub(super) fn finish(&mut self, worker: usize) -> Option<Lsn> {
        let Slot::Written(job) = mem::replace(&mut self.slots[worker], Slot::Idle) else { return None };
        self.gate.pass(Step::Finish, &job);
        let before = self.applier.watermark();
        let after = self.applier.finish(worker, &job);
        for &lsn in job.lsns.iter().filter(|&&lsn| self.applier.is_finished(lsn)) {
            if let Some((_, bytes)) = self.entries.remove(lsn) {
                self.bytes = self.bytes.saturating_sub(bytes);
            }
        }
        match self.applier.ordering().reads() {
            _ if matches!(self.phase, Phase::Stopped(_)) => None,
            Reads::Latest => (after > before).then_some(after),
            Reads::Published => self.applier.publishable(),
        }
    }

    /// The entries that are written and still in memory, for the caller to give back outside the lock. To one that
    /// admits entries, always: freeing them is as much work as making them, and the workers have enough. To a worker
    /// only when nothing is queued, as nobody may admit anything any more.
    pub(super) fn spent(&mut self, admits: bool) -> Vec<Vec<Arc<Entry>>> {
        if admits || self.entries.is_empty() { mem::take(&mut self.spent) } else { Vec::new() }
    }

    /// Asks for a cut, if the strategy knows them and none is under way. Gives the LSN to publish, if that can be done
    /// at once.
    pub(super) fn cut(&mut self) -> Option<Lsn> {
        let stopped = matches!(self.phase, Phase::Stopped(_));
        if stopped || self.applier.ordering().reads() == Reads::Latest {
            return None;
        }
        if self.applier.admits() {
            self.applier.cut();
        }
        self.applier.publishable()
    }

    /// Notes that what was to be published is.
    pub(super) fn published(&mut self) {
        if self.applier.ordering().reads() == Reads::Published {
            self.applier.published();
        }
    }

    /// Admits nothing more. Nobody stands at the gate any more to let jobs through.
    pub(super) fn close(&mut self) {
        self.gate.open();
        if self.phase == Phase::Open {
            self.phase = Phase::Closed;
        }
    }

    /// Begins nothing more. The first reason stays.
    pub(super) fn stop(&mut self, reason: Stopped) {
        if !matches!(self.phase, Phase::Stopped(_)) {
            self.phase = Phase::Stopped(reason);
        }
    }

    /// Gives jobs to idle workers, `first` before the others, and lets holds go while nothing could go on.
    pub(super) fn settle(&mut self, first: Option<usize>) {
        if matches!(self.phase, Phase::Stopped(_)) {
            return;
        }
        let alike = self.applier.ordering().interchangeable_workers();
        for worker in first.into_iter().chain(0..self.slots.len()) {
            if self.slots[worker] == Slot::Idle {
                match self.applier.take(worker) {
                    Some(job) => self.slots[worker] = Slot::Given(job),
                    None if alike => break,
                    None => {}
                }
            }
        }
        while let Some(entry) = self.stuck() {
            self.holds.release(entry);
        }
    }

    /// The lowest held entry, if nothing can go on while the holds stand: no worker writes or may, and no admission
    /// that one of them waits for can come.
    fn stuck(&self) -> Option<Lsn> {
        let goes_on = |slot: &Slot| match slot {
            Slot::Idle => false,
            Slot::Given(job) => self.is_ready(job),
            // One that is written waits for nothing: where there are holds there is no gate.
            Slot::Writing(_) | Slot::Written(_) => true,
        };
        if self.slots.iter().any(goes_on) {
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
        self.slots.iter().filter_map(|slot| match slot {
            Slot::Given(job) => Some(job),
            Slot::Idle | Slot::Writing(_) | Slot::Written(_) => None,
        })
    }

    fn is_held(&self, job: &Job) -> bool {
        self.holds.on(job, |lsn| self.applier.is_finished(lsn)).next().is_some()
    }

    fn is_ready(&self, job: &Job) -> bool {
        !self.gate.keeps(Step::Write, job) && !self.is_held(job) && self.applier.ordering().may_write(job)
    }

    /// Lets `job` through the gate.
    pub(super) fn let_through(&mut self, step: Step, job: Job) {
        self.gate.let_through(step, job);
    }

    /// Whether `worker` should do something: write, or end.
    pub(super) fn has_news_for(&self, worker: usize) -> bool {
        match (&self.phase, &self.slots[worker]) {
            (Phase::Stopped(_), _) => true,
            (_, Slot::Given(job)) => self.is_ready(job),
            (_, Slot::Written(job)) => !self.gate.keeps(Step::Finish, job),
            (Phase::Closed, Slot::Idle) => self.entries.is_empty(),
            _ => false,
        }
    }

    /// Whether all up to `lsn` is written. Errors: it never will be.
    pub(super) fn reached(&self, lsn: Lsn) -> Result<bool, Stopped> {
        let reached = self.applier.watermark() >= lsn;
        match &self.phase {
            Phase::Closed if lsn > self.applier.admitted() => Err(Stopped::Closed),
            Phase::Stopped(reason) if !reached => Err(reason.clone()),
            _ => Ok(reached),
        }
    }

    pub(super) fn watermark(&self) -> Lsn {
        self.applier.watermark()
    }

    pub(super) fn stopped(&self) -> Option<&Stopped> {
        match &self.phase {
            Phase::Stopped(reason) => Some(reason),
            Phase::Open | Phase::Closed => None,
        }
    }

    /// The jobs that the gate alone keeps from being written, the oldest first.
    fn at_gate(&self) -> Vec<Job> {
        let waits = |job: &&Job| self.gate.keeps(Step::Write, job) && self.applier.ordering().may_write(job);
        let mut jobs: Vec<Job> = self.given().filter(waits).cloned().collect();
        jobs.sort();
        jobs
    }

    /// The jobs that are written and that the gate keeps from being finished, the oldest first.
    fn unfinished(&self) -> Vec<Job> {
        let kept = |slot: &Slot| match slot {
            Slot::Written(job) if self.gate.keeps(Step::Finish, job) => Some(job.clone()),
            _ => None,
        };
        let mut jobs: Vec<Job> = self.slots.iter().filter_map(kept).collect();
        jobs.sort();
        jobs
    }

    /// The jobs that are being written or finished, or that nothing keeps from it.
    fn begun(&self) -> Vec<Job> {
        let begun = |slot: &Slot| match slot {
            Slot::Idle => None,
            Slot::Given(job) => self.is_ready(job).then(|| job.clone()),
            Slot::Writing(job) => Some(job.clone()),
            Slot::Written(job) => (!self.gate.keeps(Step::Finish, job)).then(|| job.clone()),
        };
        self.slots.iter().filter_map(begun).collect()
    }

    pub(super) fn state(&self) -> PoolState {
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
