//! Pool — stand-in until the real one lands.

use crate::apply::{Applier, Task};
use crate::binlog::{Entry, Lsn};
use crate::effect::Key;
use crate::ordering::{Admission, Ordering, Reads};
use crate::store::StoreError;
use crate::sync::{Arc, Condvar, Mutex, lock, wait};
use std::collections::BTreeMap;

/// Work.
pub trait Work: Send + Sync {
    /// Writes.
    fn write(&self, entries: &[Arc<Entry>], part: Option<&Key>, marker: Lsn) -> Result<(), StoreError>;
    /// Publishes.
    fn publish(&self, watermark: Lsn);
}

/// Limits.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Entries.
    pub entries_max: usize,
    /// Bytes.
    pub bytes_max: usize,
}

/// Stopped.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Stopped(pub String);

/// Hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Entry.
    pub entry: Lsn,
    /// Until.
    pub until_finished: Lsn,
}

struct State<O> {
    applier: Applier<O>,
    entries: BTreeMap<Lsn, (Arc<Entry>, usize)>,
    bytes: usize,
    stopped: Option<Stopped>,
    closed: bool,
}

/// Pool.
pub struct Pool<O> {
    limits: Limits,
    state: Mutex<State<O>>,
    moved: Condvar,
}

impl<O: Ordering> Pool<O> {
    /// New.
    pub fn new(applier: Applier<O>, limits: Limits, _holds: Vec<Hold>) -> Pool<O> {
        let state = State { applier, entries: BTreeMap::new(), bytes: 0, stopped: None, closed: false };
        Pool { limits, state: Mutex::new(state), moved: Condvar::new() }
    }

    /// Admit.
    pub fn admit(&self, entry: Arc<Entry>, bytes: usize) -> Result<(), Stopped> {
        let mut state = lock(&self.state);
        loop {
            if let Some(stopped) = &state.stopped {
                return Err(stopped.clone());
            }
            let room = state.entries.len() < self.limits.entries_max
                && (state.bytes + bytes <= self.limits.bytes_max || state.entries.is_empty());
            if room && state.applier.admits() {
                break;
            }
            state = wait(&self.moved, state);
        }
        if let Err(refused) = state.applier.admit(&Admission::of(&entry)) {
            let stopped = Stopped(refused.to_string());
            state.stopped = Some(stopped.clone());
            self.moved.notify_all();
            return Err(stopped);
        }
        state.bytes += bytes;
        state.entries.insert(entry.lsn, (entry, bytes));
        self.moved.notify_all();
        Ok(())
    }

    /// Works.
    pub fn run_worker(&self, worker: usize, work: &impl Work) {
        let mut state = lock(&self.state);
        loop {
            if state.stopped.is_some() {
                return;
            }
            let Some(Task { job, marker }) = state.applier.take(worker) else {
                if state.closed && state.entries.is_empty() {
                    return;
                }
                state = wait(&self.moved, state);
                continue;
            };
            let mut marker = marker;
            while marker.is_none() {
                state = wait(&self.moved, state);
                if state.stopped.is_some() {
                    return;
                }
                marker = state.applier.marker(&job);
            }
            let entries: Vec<Arc<Entry>> =
                state.entries.range(job.first..=job.last).map(|(_, (entry, _))| Arc::clone(entry)).collect();
            drop(state);
            let outcome = work.write(&entries, job.part.as_ref(), marker.unwrap_or_default());
            state = lock(&self.state);
            if let Err(error) = outcome {
                state.stopped = Some(Stopped(error.to_string()));
                self.moved.notify_all();
                return;
            }
            let before = state.applier.watermark();
            let after = state.applier.finish(worker, &job);
            while let Some(first) = state.entries.first_entry() {
                if *first.key() > after {
                    break;
                }
                let (_, bytes) = first.remove();
                state.bytes -= bytes;
            }
            match state.applier.ordering().reads() {
                Reads::Latest if after > before => work.publish(after),
                Reads::Published => {
                    if let Some(at) = state.applier.publishable() {
                        work.publish(at);
                        state.applier.published();
                    }
                }
                Reads::Latest => {}
            }
            self.moved.notify_all();
        }
    }

    /// Cut.
    pub fn request_cut(&self, work: &impl Work) {
        let mut state = lock(&self.state);
        if state.applier.ordering().reads() == Reads::Published && state.applier.admits() {
            state.applier.cut();
            if let Some(at) = state.applier.publishable() {
                work.publish(at);
                state.applier.published();
            }
        }
    }

    /// Watermark.
    pub fn watermark(&self) -> Lsn {
        lock(&self.state).applier.watermark()
    }

    /// Waits.
    pub fn wait_for(&self, lsn: Lsn) -> Result<(), Stopped> {
        let mut state = lock(&self.state);
        while state.applier.watermark() < lsn {
            if let Some(stopped) = &state.stopped {
                return Err(stopped.clone());
            }
            state = wait(&self.moved, state);
        }
        Ok(())
    }

    /// Close.
    pub fn close(&self) {
        lock(&self.state).closed = true;
        self.moved.notify_all();
    }

    /// Stopped.
    pub fn failed(&self) -> Option<String> {
        lock(&self.state).stopped.clone().map(|stopped| stopped.0)
    }
}
