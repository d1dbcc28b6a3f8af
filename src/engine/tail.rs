//! Tail — the end of a master's log as replicas may see it, and who waits for it to move.

use crate::binlog::Lsn;
use crate::node::Step;
use crate::replication::feed::Seen;
use crate::replication::{Offset, Tail};
use crate::sync::{Condvar, Mutex, lock};
use crate::time::Millis;
use std::sync::PoisonError;
use std::time::Duration;

/// Offsets that are kept for late replicas, at most. The oldest is dropped first.
const OFFSETS_MAX: usize = 64;

/// The tail, until it is closed.
#[derive(Debug)]
pub struct SharedTail {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Debug)]
struct State {
    tail: Tail,
    /// The master's offsets since its start, oldest first: never none.
    offsets: Vec<Offset>,
    closed: bool,
    /// How often the wall clock was set.
    steps: u64,
    /// How many wait: to wake nobody is a call of the system all the same.
    waiting: usize,
}

impl SharedTail {
    /// The end of a log at a start, and the offset there.
    pub fn new(tail: Tail, offset_ms: i64) -> SharedTail {
        let offsets = vec![Offset { time: tail.time, after: tail.last, offset_ms }];
        SharedTail {
            state: Mutex::new(State { tail, offsets, closed: false, steps: 0, waiting: 0 }),
            moved: Condvar::new(),
        }
    }

    /// Notes a step of the master's wall clock, measured after entry `after`.
    pub fn step(&self, after: Lsn, step: Step) {
        tracing::warn!(%after, by_ms = step.by_ms, offset_ms = step.offset_ms, "the wall clock was set; log time goes on as before");
        self.note_offset(Offset { time: step.time, after, offset_ms: step.offset_ms });
    }

    /// Notes that the master's offset is another one after entry `after`.
    fn note_offset(&self, offset: Offset) {
        let mut state = lock(&self.state);
        state.steps += 1;
        state.offsets.retain(|before| before.after < offset.after);
        state.offsets.push(offset);
        let late = state.offsets.len().saturating_sub(OFFSETS_MAX);
        state.offsets.drain(..late);
    }

    /// The master's offset after entry `after`, and the entry after which the next one holds.
    pub fn offset(&self, after: Lsn) -> (Offset, Option<Lsn>) {
        let state = lock(&self.state);
        let next =
            state.offsets.iter().position(|offset| offset.after > after).unwrap_or(state.offsets.len());
        // For entries before the first known offset, the first known offset is told.
        let at = next.max(1);
        let mut offset = state.offsets[..at].last().copied().unwrap_or_default();
        if offset.after > after {
            // The replica still receives entries that are older than this offset.
            offset.time = Millis::ZERO;
        }
        (Offset { after, ..offset }, state.offsets.get(at).map(|offset| offset.after))
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

    /// How often the wall clock was set since the start.
    pub fn steps(&self) -> u64 {
        lock(&self.state).steps
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
