//! Gate — controls a pool from outside: no job is written or finished before it is let through. Pure.
//!
//! A [`Hold`](super::Hold) says beforehand which entry waits for which, and yields by itself. Behind a gate nothing
//! continues by itself: the replay of a counterexample sees the jobs that wait at the gate, lets one through, looks at
//! what a reader sees, and lets the next one through. A job that the strategy has not given to a worker is not at the
//! gate. A job that is written waits at the gate once more, until its worker may finish it: a batch that is written in
//! between carries the marker of a watermark that does not count this job.
//!
//! ```text
//! key_hash   1 SET a   2 SET a   3 FLUSHDB        at the gate: 1, 3       2 arrives when 1 is finished
//! barrier                                         at the gate: 1          3 arrives when 1 and 2 are finished
//! ```

use crate::ordering::Job;
use std::collections::BTreeSet;

/// The jobs that were let through and have not passed yet; `None`: there is no gate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Gate(Option<BTreeSet<(Step, Job)>>);

/// The step that a job waits for at the gate.
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

    /// Lets all jobs through from now on.
    pub(super) fn open(&mut self) {
        self.0 = None;
    }

    /// Records that `job` has passed: if it arrives again, it waits again.
    pub(super) fn pass(&mut self, step: Step, job: &Job) {
        if let Some(let_through) = &mut self.0 {
            let_through.remove(&(step, job.clone()));
        }
    }
}
