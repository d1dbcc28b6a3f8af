//! Tail — the end of a master's log as replicas may see it, and who waits for it to move.

use crate::replication::Tail;
use crate::replication::feed::Seen;
use crate::sync::{Condvar, Mutex, lock};
use std::sync::PoisonError;
use std::time::Duration;

/// The tail, until it is closed.
#[derive(Debug, Default)]
pub struct SharedTail {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct State {
    tail: Tail,
    closed: bool,
    /// How many wait: to wake nobody is a call of the system all the same.
    waiting: usize,
}

impl SharedTail {
    /// The end of a log at a start.
    pub fn new(tail: Tail) -> SharedTail {
        SharedTail { state: Mutex::new(State { tail, closed: false, waiting: 0 }), moved: Condvar::new() }
    }

    /// Moves it forwards; what is behind where it is changes nothing.
    pub fn advance(&self, to: Tail) {
        let mut state = lock(&self.state);
        let tail = &mut state.tail;
        tail.last = tail.last.max(to.last);
        tail.time = tail.time.max(to.time);
        tail.bytes = tail.bytes.max(to.bytes);
        let waiting = state.waiting;
        drop(state);
        if waiting > 0 {
            self.moved.notify_all();
        }
    }

    /// Where it is.
    pub fn get(&self) -> Tail {
        lock(&self.state).tail
    }

    /// Waits until there is an entry or a time after `seen`, `at_most` so long, and gives the tail in any case; `None`
    /// once it is closed.
    pub fn wait(&self, seen: Seen, at_most: Duration) -> Option<Tail> {
        let mut state = lock(&self.state);
        let still = |State { tail, closed, .. }: &mut State| {
            !*closed && tail.last <= seen.last && (tail.time <= seen.time || tail.last != seen.last)
        };
        state.waiting += 1;
        let (mut state, _) =
            self.moved.wait_timeout_while(state, at_most, still).unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        (!state.closed).then_some(state.tail)
    }

    /// Wakes everyone up for good.
    pub fn close(&self) {
        lock(&self.state).closed = true;
        self.moved.notify_all();
    }
}
