//! Gate — a pool driven from outside: no job is written, or finished, that was not let through. Pure.
//!
//! A [`Hold`](super::Hold) says beforehand which entry waits for which, and yields by itself. Behind a gate nothing
//! goes on by itself: who replays a counterexample sees which jobs stand there, lets one through, looks at what a reader
//! sees, and lets the next one through. What the strategy has not given to a worker does not stand there. A job that is
//! written stands there once more, until its worker may say so: a batch that is written meanwhile carries the marker of a
//! watermark that does not count it.
//!
//! ```text
//! key_hash   1 SET a   2 SET a   3 FLUSHDB        at the gate: 1, 3       2 comes there when 1 is finished
//! barrier                                         at the gate: 1          3 comes there when 1 and 2 are finished
//! ```

use crate::ordering::Job;
use std::collections::BTreeSet;

/// The jobs that were let through and have not gone; `None`: there is no gate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Gate(Option<BTreeSet<(Step, Job)>>);

/// What a job is kept from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Step {
    /// Being written.
    Write,
    /// Being finished, once it is written.
    Finish,
}

impl Gate {
    pub(super) fn new(is_there: bool) -> Gate {
        Gate(is_there.then(BTreeSet::new))
    }

    /// Whether `job` waits here.
    pub(super) fn keeps(&self, step: Step, job: &Job) -> bool {
        self.0.as_ref().is_some_and(|let_through| !let_through.contains(&(step, job.clone())))
    }

    pub(super) fn let_through(&mut self, step: Step, job: Job) {
        if let Some(let_through) = &mut self.0 {
            let_through.insert((step, job));
        }
    }

    /// Lets all through from now on.
    pub(super) fn open(&mut self) {
        self.0 = None;
    }

    /// Notes that `job` has gone: if it comes again, it waits again.
    pub(super) fn pass(&mut self, step: Step, job: &Job) {
        if let Some(let_through) = &mut self.0 {
            let_through.remove(&(step, job.clone()));
        }
    }
}
