//! Gate — a pool driven from outside: no job is written that was not let through. Pure.
//!
//! A [`Hold`](super::Hold) says beforehand which entry waits for which, and yields by itself. Behind a gate nothing
//! goes on by itself: who replays a counterexample sees which jobs stand there, lets one through, looks at what a reader
//! sees, and lets the next one through. What the strategy has not given to a worker does not stand there.
//!
//! ```text
//! key_hash   1 SET a   2 SET a   3 FLUSHDB        at the gate: 1, 3       3 is let through, then 1, then 2
//! barrier                                         at the gate: 1          3 comes there when 1 and 2 are written
//! ```

use crate::ordering::Job;
use std::collections::BTreeSet;

/// The jobs that were let through and are not begun; `None`: there is no gate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Gate(Option<BTreeSet<Job>>);

impl Gate {
    pub(super) fn new(is_there: bool) -> Gate {
        Gate(is_there.then(BTreeSet::new))
    }

    /// Whether `job` waits here.
    pub(super) fn keeps(&self, job: &Job) -> bool {
        self.0.as_ref().is_some_and(|let_through| !let_through.contains(job))
    }

    pub(super) fn let_through(&mut self, job: Job) {
        if let Some(let_through) = &mut self.0 {
            let_through.insert(job);
        }
    }

    /// Lets all through from now on.
    pub(super) fn open(&mut self) {
        self.0 = None;
    }

    /// Notes that `job` is begun: if it comes again, it waits again.
    pub(super) fn pass(&mut self, job: &Job) {
        if let Some(let_through) = &mut self.0 {
            let_through.remove(job);
        }
    }
}
