//! Tail — the end of a node's log as its replicas may see it. Feeds wait here for new entries.

use super::Meters;
use crate::binlog::Lsn;
use crate::node::Step;
use crate::replication::sender::Seen;
use crate::replication::{Offset, Tail};
use crate::sync::atomic::Ordering;
use crate::sync::{Arc, Condvar, Mutex, lock};
use crate::time::Millis;
use std::sync::PoisonError;
use std::time::Duration;

/// The most offsets that are kept for replicas that are behind. The oldest is dropped first.
const OFFSETS_MAX: usize = 64;

/// The tail of a node's log, which feeds can wait for until it is closed.
#[derive(Debug)]
pub struct SharedTail {
    state: Mutex<State>,
    moved: Condvar,
    meters: Arc<Meters>,
}

#[derive(Debug)]
struct State {
    tail: Tail,
    /// The master's offsets since its start, oldest first. There is always at least one.
    offsets: Vec<Offset>,
    closed: bool,
    /// Number of threads that wait. A notification costs a system call even if no thread waits, so it is skipped then.
    waiting: usize,
}

impl SharedTail {
    /// The tail at the start of a node, with the offset there. `meters` count its clock's steps.
    pub fn new(tail: Tail, offset_ms: i64, meters: Arc<Meters>) -> SharedTail {
        let offsets = vec![Offset { time: tail.time, after: tail.last, offset_ms }];
        SharedTail {
            state: Mutex::new(State { tail, offsets, closed: false, waiting: 0 }),
            moved: Condvar::new(),
            meters,
        }
    }

    /// Notes a step of the master's wall clock, which was measured after entry `after`.
    pub fn step(&self, after: Lsn, step: Step) {
        tracing::warn!(%after, by_ms = step.by_ms, offset_ms = step.offset_ms, "the wall clock was set; log time is not affected");
        self.meters.clock_steps.fetch_add(1, Ordering::Relaxed);
        self.note_offset(Offset { time: step.time, after, offset_ms: step.offset_ms });
    }

    /// Notes a new offset of the master.
    pub fn note_offset(&self, offset: Offset) {
        let mut state = lock(&self.state);
        state.offsets.retain(|before| before.after < offset.after);
        state.offsets.push(offset);
        let late = state.offsets.len().saturating_sub(OFFSETS_MAX);
        state.offsets.drain(..late);
    }

    /// The master's offset after entry `after`, and the entry after which the next offset holds; `None`: there is no later
    /// offset.
    pub fn offset(&self, after: Lsn) -> (Offset, Option<Lsn>) {
        let state = lock(&self.state);
        let next =
            state.offsets.iter().position(|offset| offset.after > after).unwrap_or(state.offsets.len());
        // For entries before the first known offset, the first known offset is returned.
        let at = next.max(1);
        let mut offset = state.offsets[..at].last().copied().unwrap_or_default();
        if offset.after > after {
            // The replica still receives entries that are older than this offset.
            offset.time = Millis::ZERO;
        }
        (Offset { after, ..offset }, state.offsets.get(at).map(|offset| offset.after))
    }

    /// Moves the tail forwards. A field of `to` that is not greater than the current one changes nothing.
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

    /// Number of steps of the wall clock since the start of the node.
    pub fn steps(&self) -> u64 {
        self.meters.clock_steps.load(Ordering::Relaxed)
    }

    /// The current tail.
    pub fn get(&self) -> Tail {
        lock(&self.state).tail
    }

    /// Waits until there is an entry or a time after `seen`, but no longer than `at_most`. Returns the tail in any case;
    /// `None` once it is closed.
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

    /// Closes the tail, and wakes all waiting threads.
    pub fn close(&self) {
        lock(&self.state).closed = true;
        self.moved.notify_all();
    }
}
