//! Room — accounts for the memory of replies: that of each client, and that of all clients together, which has a limit.
//!
//! ```text
//! node   reply, reply, … ─▶ Replies ─┐  counted as they are made
//!                                    ├─▶ Room of the client ─▶ Memory of all
//! client ◀─ bytes ◀─ Output ◀────────┘  counted until they are sent
//! ```
//!
//! A reply is counted after it is made, because its size is unknown before. While the limit is exceeded no thread makes a
//! further reply, except for replies that are known to be small: these may take a quarter of the limit more, so that clients
//! with small requests do not wait for others. So the memory held is at most five quarters of the limit plus, for each
//! thread that answers commands, one reply and its encoded bytes. The server disconnects the clients that hold the most
//! (`Clients::evict`), which frees memory. Connections that wait for memory go on one after the other, in the order in
//! which they came: if all went on at once, they would only occupy the processor and exceed the limit again.

use crate::command::Reply;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tokio::sync::Notify;

/// Bytes of replies after which a run stops. The next piece of the run starts when enough of them are sent.
const RUN_BYTES_MAX: usize = 1 << 20;
/// The most replies for which memory is reserved at the start of a run.
const REPLIES_EXPECTED_MAX: usize = 1024;
/// Bytes of replies that may be made before they are counted, so that small replies do not access the shared counter.
const UNCOUNTED_BYTES_MAX: usize = 4096;

/// The memory that the replies of all clients take.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The limit in bytes; 0 = no limit.
    limit: AtomicUsize,
    held: AtomicUsize,
    /// Notified when `held` is above the limit.
    over: Notify,
    /// One waiting connection is notified when `held` is no longer above the limit.
    freed: Notify,
    /// All connections that wait with a small reply are notified when `held` is no longer above the limit for them.
    freed_for_small: Notify,
}

impl Memory {
    pub(super) fn new(limit: usize) -> Memory {
        Memory { limit: AtomicUsize::new(limit), ..Memory::default() }
    }

    pub(super) fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Relaxed);
        self.over.notify_one();
        self.freed.notify_waiters();
        self.freed_for_small.notify_waiters();
    }

    pub(super) fn held(&self) -> usize {
        self.held.load(Relaxed)
    }

    /// The limit, if there is one.
    pub(super) fn limit(&self) -> Option<usize> {
        Some(self.limit.load(Relaxed)).filter(|&limit| limit > 0)
    }

    fn is_over(&self) -> bool {
        self.limit().is_some_and(|limit| self.held() > limit)
    }

    /// Whether small replies have to wait, too.
    fn is_full(&self) -> bool {
        self.limit().is_some_and(|limit| self.held() > limit_for_small(limit))
    }

    /// Waits until the limit is exceeded.
    pub(super) async fn over(&self) {
        while !self.is_over() {
            self.over.notified().await;
        }
    }

    fn take(&self, bytes: usize) {
        let before = self.held.fetch_add(bytes, Relaxed);
        let passed = |limit| before <= limit && before + bytes > limit;
        if self.limit().is_some_and(passed) {
            self.over.notify_one();
        }
    }

    fn free(&self, bytes: usize) {
        let before = self.held.fetch_sub(bytes, Relaxed);
        let passed = |limit| before > limit && before - bytes <= limit;
        if self.limit().is_some_and(passed) {
            self.freed.notify_one();
        }
        if self.limit().map(limit_for_small).is_some_and(passed) {
            self.freed_for_small.notify_waiters();
        }
    }
}

/// The limit for small replies.
fn limit_for_small(limit: usize) -> usize {
    limit.saturating_add(limit / 4)
}

/// The turn of a connection that waited for memory. When it is dropped, the next one goes on if the limit allows.
#[derive(Debug)]
pub(super) struct Turn(Arc<Memory>);

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.0.is_over() {
            self.0.freed.notify_one();
        }
    }
}

/// The count of one client's part of the memory. Clones share the same count.
#[derive(Clone, Debug, Default)]
pub struct Room {
    all: Arc<Memory>,
    held: Arc<AtomicUsize>,
}

impl Room {
    /// The room of a client without a limit.
    pub fn unlimited() -> Room {
        Room::default()
    }

    pub(super) fn of(all: &Arc<Memory>) -> Room {
        Room { all: Arc::clone(all), held: Arc::default() }
    }

    /// Bytes of memory that this client's replies take.
    pub(super) fn held(&self) -> usize {
        self.held.load(Relaxed)
    }

    /// Whether all clients together hold so much that small replies have to wait, too.
    pub(super) fn is_full(&self) -> bool {
        self.all.is_full()
    }

    /// Waits until all clients together are within the limit. A reply should be made before the turn is dropped.
    pub(super) async fn freed(&self) -> Turn {
        // A notification that nobody waits for is kept for the next one that waits, so none is missed.
        while self.all.is_over() {
            self.all.freed.notified().await;
        }
        Turn(Arc::clone(&self.all))
    }

    /// Waits until small replies may be made.
    pub(super) async fn freed_for_small(&self) {
        loop {
            // It registers for the notification before it checks, so that it misses none.
            let mut news = std::pin::pin!(self.all.freed_for_small.notified());
            news.as_mut().enable();
            if !self.is_full() {
                return;
            }
            news.await;
        }
    }

    /// A charge of this client that counts nothing yet.
    pub(super) fn charge(&self) -> Charge {
        Charge { room: self.clone(), bytes: 0 }
    }

    /// An empty list for the replies of a run of `commands` commands.
    pub fn replies(&self, commands: usize) -> Replies {
        Replies {
            made: Vec::with_capacity(commands.min(REPLIES_EXPECTED_MAX)),
            bytes: 0,
            charge: self.charge(),
        }
    }

    /// Answers each of `commands` commands with the same error, and leaves no command to be run.
    pub fn failed<C>(&self, commands: usize, text: &str) -> (Replies, Vec<C>) {
        let mut replies = self.replies(commands);
        (0..commands).for_each(|_| replies.push(Reply::Error(text.to_owned())));
        (replies, Vec::new())
    }
}

/// A number of bytes that is counted for a client until this is dropped.
#[derive(Debug)]
pub(super) struct Charge {
    room: Room,
    bytes: usize,
}

impl Charge {
    /// Counts `bytes` instead of the number counted before.
    pub(super) fn set(&mut self, bytes: usize) {
        match bytes.checked_sub(self.bytes) {
            Some(0) => {}
            Some(more) => {
                self.room.held.fetch_add(more, Relaxed);
                self.room.all.take(more);
            }
            None => {
                self.room.held.fetch_sub(self.bytes - bytes, Relaxed);
                self.room.all.free(self.bytes - bytes);
            }
        }
        self.bytes = bytes;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// The size of a reply, as far as it is known before the reply is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// At most about 64 KB.
    Small,
    /// Any size.
    Any,
}

/// The replies of a run, in the order of its commands. Their memory is counted until this is dropped.
#[derive(Debug)]
pub struct Replies {
    made: Vec<Reply>,
    bytes: usize,
    charge: Charge,
}

impl Replies {
    /// Whether a further command of the run may be answered. Call it before each command. It is false if the run has used
    /// up its bytes, and for all runs while all clients together hold more than the limit for replies of this size.
    pub fn has_room(&self, size: Size) -> bool {
        let is_over = match size {
            Size::Small => self.charge.room.is_full(),
            Size::Any => self.charge.room.all.is_over(),
        };
        self.bytes < RUN_BYTES_MAX && !is_over
    }

    /// Adds the next reply of the run.
    pub fn push(&mut self, reply: Reply) {
        self.bytes += reply.bytes();
        if self.bytes - self.charge.bytes > UNCOUNTED_BYTES_MAX {
            self.charge.set(self.bytes);
        }
        self.made.push(reply);
    }

    /// Bytes of memory that the replies take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The number of replies, which is the number of commands answered.
    pub fn count(&self) -> usize {
        self.made.len()
    }

    /// All replies.
    pub fn as_slice(&self) -> &[Reply] {
        &self.made
    }

    /// All replies. Their memory is no longer counted.
    pub fn into_vec(self) -> Vec<Reply> {
        self.made
    }

    /// Answers `commands`, the next ones of the run, by calling `answer` for each in order, as long as there is room.
    pub fn fill<C>(&mut self, commands: &[C], mut answer: impl FnMut(&C) -> Reply) {
        self.fill_until(commands, Size::Any, |command| Some(answer(command)));
    }

    /// Like [`Replies::fill`], but for replies of this size, and it stops at the first command for which `answer` returns
    /// `None`. Returns whether there was none.
    pub fn fill_until<C>(
        &mut self,
        commands: &[C],
        size: Size,
        mut answer: impl FnMut(&C) -> Option<Reply>,
    ) -> bool {
        for command in commands {
            if !self.has_room(size) {
                break;
            }
            let Some(reply) = answer(command) else { return false };
            self.push(reply);
        }
        true
    }

    /// Like [`Replies::fill`], but returns the replies and the commands that were not run.
    pub fn answer<C>(mut self, mut commands: Vec<C>, answer: impl FnMut(&C) -> Reply) -> (Replies, Vec<C>) {
        let before = self.count();
        self.fill(&commands, answer);
        commands.drain(..self.count() - before);
        (self, commands)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(bytes: usize) -> Reply {
        Reply::bulk(vec![b'v'; bytes])
    }

    #[test]
    fn run_ends_once_its_bytes_are_used_up_and_hands_back_the_rest() {
        // (bytes of each reply, commands, answered)
        for (bytes, commands, expected) in
            [(0, 1024, 1024), (512, 1024, 1024), (100_000, 100, 11), (5 << 20, 100, 1), (0, 0, 0)]
        {
            let run: Vec<usize> = (0..commands).collect();
            let (replies, rest) = Room::unlimited().replies(2).answer(run, |_| bulk(bytes));
            assert_eq!(replies.count(), expected, "{bytes} × {commands}");
            assert_eq!(rest, (expected..commands).collect::<Vec<_>>(), "{bytes} × {commands}");
            let (failed, rest) = Room::unlimited().failed::<()>(commands, "ERR no");
            assert_eq!((failed.count(), rest.len()), (commands, 0));
        }
    }

    #[test]
    fn nobody_answers_while_all_hold_more_than_they_may() {
        let all = Arc::new(Memory::new(1 << 20));
        let (one, two) = (Room::of(&all), Room::of(&all));
        let (held, rest) = one.replies(2).answer(vec![(); 2], |()| bulk(2 << 20));
        assert_eq!((held.count(), rest.len()), (1, 1));
        assert!(one.held() >= 2 << 20 && two.held() == 0 && all.held() == one.held());
        let (none, rest) = two.replies(2).answer(vec![(); 2], |()| Reply::OK);
        assert_eq!((none.count(), rest.len()), (0, 2));
        // A higher limit lets the clients go on, and so does memory that is freed.
        all.set_limit(4 << 20);
        assert_eq!(two.replies(2).answer(vec![()], |()| Reply::OK).0.count(), 1);
        all.set_limit(1 << 20);
        drop(held);
        assert_eq!(two.replies(2).answer(vec![()], |()| Reply::OK).0.count(), 1);
        assert_eq!((one.held(), all.held()), (0, 0));
    }

    /// Polls once.
    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match future.poll(&mut context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }

    #[test]
    fn freed_memory_lets_those_who_wait_go_on_one_after_the_other() {
        let all = Arc::new(Memory::new(100));
        let room = Room::of(&all);
        let mut charge = room.charge();
        charge.set(200);
        let (mut first, mut second) = (Box::pin(room.freed()), Box::pin(room.freed()));
        assert!(poll(first.as_mut()).is_none() && poll(second.as_mut()).is_none());
        charge.set(101);
        assert!(poll(first.as_mut()).is_none());
        charge.set(100);
        let turn = poll(first.as_mut()).expect("within the limit");
        assert!(poll(second.as_mut()).is_none(), "it is the other's turn");
        // The turn is passed on only if the reply that was made has left room.
        charge.set(101);
        drop(turn);
        assert!(poll(second.as_mut()).is_none());
        charge.set(100);
        drop(poll(second.as_mut()).expect("within the limit"));
        // A connection that ends while it waits does not keep the turn.
        charge.set(300);
        let (mut third, mut fourth) = (Box::pin(room.freed()), Box::pin(room.freed()));
        assert!(poll(third.as_mut()).is_none() && poll(fourth.as_mut()).is_none());
        charge.set(0);
        drop(third);
        assert!(poll(fourth.as_mut()).is_some());
        charge.set(300);
        let mut fifth = Box::pin(room.freed());
        assert!(poll(fifth.as_mut()).is_none());
        all.set_limit(0);
        assert!(poll(fifth.as_mut()).is_some());
    }

    #[test]
    fn small_replies_are_made_beyond_the_limit_up_to_a_quarter_of_it() {
        let all = Arc::new(Memory::new(1000));
        let room = Room::of(&all);
        let mut charge = room.charge();
        // (bytes held, a small reply may be made, any reply may be made)
        for (held, small, any) in [
            (0, true, true),
            (1000, true, true),
            (1001, true, false),
            (1250, true, false),
            (1251, false, false),
        ] {
            charge.set(held);
            let replies = room.replies(1);
            assert_eq!((replies.has_room(Size::Small), replies.has_room(Size::Any)), (small, any), "{held}");
        }
        let mut freed = Box::pin(room.freed_for_small());
        assert!(poll(freed.as_mut()).is_none());
        charge.set(1250);
        assert!(poll(freed.as_mut()).is_some());
    }

    #[test]
    fn size_counts_what_is_inside() {
        let own = size_of::<Reply>();
        let cases = [
            (Reply::OK, own),
            (Reply::Integer(7), own),
            (Reply::bulk(vec![0; 100]), own + 100),
            (Reply::Array(vec![Reply::Null, Reply::bulk(vec![0; 10])]), 3 * own + 10),
            (Reply::Map(vec![(Reply::OK, Reply::bulk(vec![0; 10]))]), 3 * own + 10),
        ];
        for (reply, expected) in cases {
            assert_eq!(reply.bytes(), expected, "{reply:?}");
        }
    }
}
