//! Tail — the end of a master's log as replicas may see it, and who waits for it to move.

use crate::replication::Tail;
use crate::replication::feed::Seen;
use crate::sync::{Condvar, Mutex, lock};
use std::sync::PoisonError;
use std::time::Duration;

/// The tail, until it is closed.
#[derive(Debug, Default)]
pub struct SharedTail {
    state: Mutex<(Tail, bool)>,
    moved: Condvar,
}

impl SharedTail {
    /// The end of a log at a start.
    pub fn new(tail: Tail) -> SharedTail {
        SharedTail { state: Mutex::new((tail, false)), moved: Condvar::new() }
    }

    /// Moves it forwards; what is behind where it is changes nothing.
    pub fn advance(&self, to: Tail) {
        let mut state = lock(&self.state);
        let (tail, _) = &mut *state;
        tail.last = tail.last.max(to.last);
        tail.time = tail.time.max(to.time);
        tail.bytes = tail.bytes.max(to.bytes);
        self.moved.notify_all();
    }

    /// Where it is.
    pub fn get(&self) -> Tail {
        lock(&self.state).0
    }

    /// Waits until there is an entry or a time after `seen`, `at_most` so long, and gives the tail in any case; `None`
    /// once it is closed.
    pub fn wait(&self, seen: Seen, at_most: Duration) -> Option<Tail> {
        let state = lock(&self.state);
        let still = |(tail, closed): &mut (Tail, bool)| {
            !*closed && tail.last <= seen.last && (tail.time <= seen.time || tail.last != seen.last)
        };
        let (state, _) =
            self.moved.wait_timeout_while(state, at_most, still).unwrap_or_else(PoisonError::into_inner);
        (!state.1).then_some(state.0)
    }

    /// Wakes everyone up for good.
    pub fn close(&self) {
        lock(&self.state).1 = true;
        self.moved.notify_all();
    }
}
