//! Queue — a queue from many producers to one consumer, which takes all waiting items at once, as a group. Threads through
//! [`crate::sync`].

use crate::sync::{Condvar, Mutex, lock, wait};
use std::mem;

/// The reason for which an item was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotQueued {
    /// The queue is closed.
    #[error("the node is stopping")]
    Closed,
    /// The queue is full.
    #[error("too many requests are waiting")]
    Full,
}

#[derive(Debug)]
struct Waiting<T> {
    items: Vec<T>,
    closed: bool,
    /// Whether the consumer sleeps and no producer has taken the duty to wake it.
    asleep: bool,
}

/// The items that wait for the consumer, in order.
///
/// Invariants: at most `items_max` items wait; every item that was queued before the queue was closed is taken.
#[derive(Debug)]
pub struct Queue<T> {
    items_max: usize,
    waiting: Mutex<Waiting<T>>,
    came: Condvar,
}

/// The duty to wake the sleeping consumer. Dropping this wakes the consumer, so drop it before the thread that holds it
/// goes to sleep.
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

    /// Queues `item`. It never waits. Errors: [`NotQueued`]; the item is dropped.
    pub fn push(&self, item: T) -> Result<(), NotQueued> {
        self.push_asleep(item).map(drop)
    }

    /// Like [`Queue::push`], but does not wake a sleeping consumer until the [`Wake`] is dropped. Other producers can queue
    /// items meanwhile, and the consumer is woken once for all of them. `None`: the consumer is awake, or another producer
    /// holds the [`Wake`].
    pub fn push_asleep(&self, item: T) -> Result<Option<Wake<'_>>, NotQueued> {
        let mut waiting = lock(&self.waiting);
        if waiting.closed {
            return Err(NotQueued::Closed);
        }
        if waiting.items.len() >= self.items_max {
            return Err(NotQueued::Full);
        }
        waiting.items.push(item);
        // The woken consumer takes the lock, so the lock is released before the consumer is woken.
        Ok(mem::take(&mut waiting.asleep).then(|| Wake { came: &self.came }))
    }

    /// Waits until there are items, and moves all of them into `group`, which is emptied first. `false`: the queue is
    /// closed and empty. Only one thread may call this.
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

    /// Closes the queue for new items. Items that are already queued will still be taken.
    pub fn close(&self) {
        let mut waiting = lock(&self.waiting);
        waiting.closed = true;
        waiting.asleep = false;
        self.came.notify_all();
    }
}
