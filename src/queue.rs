//! Queue — many producers → one consumer, who takes all that is there: a group. Threads through [`crate::sync`].

use crate::sync::{Condvar, Mutex, lock, wait};
use std::mem;

/// Why nothing was queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotQueued {
    /// The consumer takes nothing more.
    #[error("the node is stopping")]
    Closed,
    /// As many as the queue holds are waiting.
    #[error("too many requests are waiting")]
    Full,
}

#[derive(Debug)]
struct Waiting<T> {
    items: Vec<T>,
    closed: bool,
    /// Whether the consumer sleeps: only then is it woken.
    asleep: bool,
}

/// What waits for the consumer, in order.
///
/// Invariants: at most `items_max` wait; what was queued before the queue was closed is taken.
#[derive(Debug)]
pub struct Queue<T> {
    items_max: usize,
    waiting: Mutex<Waiting<T>>,
    came: Condvar,
}

/// The duty to wake the consumer, done when this is dropped: at the latest when whoever queues next would sleep himself.
#[derive(Debug)]
#[must_use]
pub struct Wake<'a> {
    came: &'a Condvar,
}

impl Drop for Wake<'_> {
    fn drop(&mut self) {
        self.came.notify_one();
    }
}

impl<T> Queue<T> {
    /// An empty queue for at most `items_max` items.
    pub fn new(items_max: usize) -> Queue<T> {
        let waiting = Waiting { items: Vec::new(), closed: false, asleep: false };
        Queue { items_max, waiting: Mutex::new(waiting), came: Condvar::new() }
    }

    /// Queues `item`; never waits. Errors: [`NotQueued`], and the item is gone.
    pub fn push(&self, item: T) -> Result<(), NotQueued> {
        self.push_asleep(item).map(drop)
    }

    /// As [`Queue::push`], but a consumer who sleeps sleeps on until the [`Wake`] is dropped, so that others may queue
    /// meanwhile: he is woken once for all of them. `None`: he is awake, or another has to wake him.
    pub fn push_asleep(&self, item: T) -> Result<Option<Wake<'_>>, NotQueued> {
        let mut waiting = lock(&self.waiting);
        if waiting.closed {
            return Err(NotQueued::Closed);
        }
        if waiting.items.len() >= self.items_max {
            return Err(NotQueued::Full);
        }
        waiting.items.push(item);
        // Who is woken takes the lock: it is given up first.
        Ok(mem::take(&mut waiting.asleep).then(|| Wake { came: &self.came }))
    }

    /// Waits until there is something, and takes it all into `group`, which is emptied first. `false`: the queue is
    /// closed and empty. Called by one thread only.
    pub fn take(&self, group: &mut Vec<T>) -> bool {
        group.clear();
        let mut waiting = lock(&self.waiting);
        while waiting.items.is_empty() && !waiting.closed {
            waiting.asleep = true;
            waiting = wait(&self.came, waiting);
        }
        waiting.asleep = false;
        mem::swap(&mut waiting.items, group);
        !group.is_empty()
    }

    /// Takes nothing more in. What is there will still be taken.
    pub fn close(&self) {
        let mut waiting = lock(&self.waiting);
        waiting.closed = true;
        waiting.asleep = false;
        self.came.notify_all();
    }
}
