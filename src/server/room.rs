//! Room — memory that replies take: each client's, and that of all clients together, against one limit.
//!
//! ```text
//! node   reply, reply, … ─▶ Replies ─┐  counted as they are made
//!                                    ├─▶ Room of the client ─▶ Memory of all
//! client ◀─ bytes ◀─ Output ◀────────┘  counted until they are sent
//! ```
//!
//! A reply is counted once it is made, as nobody knows its size before. So what is held is at most the limit, and on each
//! thread that answers commands one reply, its bytes beside it. Whoever meets a full memory makes no further reply; the
//! server then closes those who hold most (`Clients::evict`), which makes room again.

use crate::command::Reply;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tokio::sync::Notify;

/// Bytes of replies after which a run ends: what is sent of them decides when the next piece runs.
const RUN_BYTES_MAX: usize = 1 << 20;
/// A longer run gets its memory as it goes on.
const REPLIES_EXPECTED_MAX: usize = 1024;
/// So much may be made before it is counted. Small replies do not touch what all clients share.
const UNCOUNTED_BYTES_MAX: usize = 4096;

/// What the replies of all clients take.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Bytes; 0 = none.
    limit: AtomicUsize,
    held: AtomicUsize,
    /// Told when it is no longer over its limit.
    freed: Notify,
}

impl Memory {
    pub(super) fn new(limit: usize) -> Memory {
        Memory { limit: AtomicUsize::new(limit), ..Memory::default() }
    }

    pub(super) fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Relaxed);
        self.freed.notify_waiters();
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

    fn free(&self, bytes: usize) {
        let before = self.held.fetch_sub(bytes, Relaxed);
        let passed = |limit| before > limit && before - bytes <= limit;
        if self.limit().is_some_and(passed) {
            self.freed.notify_waiters();
        }
    }
}

/// One client's part of the memory. Clones are the same part.
#[derive(Clone, Debug, Default)]
pub struct Room {
    all: Arc<Memory>,
    held: Arc<AtomicUsize>,
}

impl Room {
    /// Room of a client that nobody limits.
    pub fn unlimited() -> Room {
        Room::default()
    }

    pub(super) fn of(all: &Arc<Memory>) -> Room {
        Room { all: Arc::clone(all), held: Arc::default() }
    }

    /// Bytes that this client's replies take.
    pub(super) fn held(&self) -> usize {
        self.held.load(Relaxed)
    }

    /// Whether all clients together hold more than they may.
    pub fn is_over(&self) -> bool {
        self.all.is_over()
    }

    /// Waits until they do not.
    pub(super) async fn freed(&self) {
        loop {
            // Who asks for news before it looks misses none.
            let mut news = std::pin::pin!(self.all.freed.notified());
            news.as_mut().enable();
            if !self.is_over() {
                return;
            }
            news.await;
        }
    }

    /// Counts nothing yet.
    pub(super) fn charge(&self) -> Charge {
        Charge { room: self.clone(), bytes: 0 }
    }

    /// A place for the replies of a run of so many commands.
    pub fn replies(&self, commands: usize) -> Replies {
        Replies {
            made: Vec::with_capacity(commands.min(REPLIES_EXPECTED_MAX)),
            bytes: 0,
            charge: self.charge(),
        }
    }

    /// The same error for a run of so many commands, none of which is left to be run.
    pub fn failed<C>(&self, commands: usize, text: &str) -> (Replies, Vec<C>) {
        let mut replies = self.replies(commands);
        (0..commands).for_each(|_| replies.push(Reply::Error(text.to_owned())));
        (replies, Vec::new())
    }
}

/// Bytes that are counted, and are not any more once this is dropped.
#[derive(Debug)]
pub(super) struct Charge {
    room: Room,
    bytes: usize,
}

impl Charge {
    /// Counts `bytes` in place of what was counted.
    pub(super) fn set(&mut self, bytes: usize) {
        match bytes.checked_sub(self.bytes) {
            Some(0) => {}
            Some(more) => {
                self.room.held.fetch_add(more, Relaxed);
                self.room.all.held.fetch_add(more, Relaxed);
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

/// The replies of a run, in the order of its commands. Their memory is counted as long as they are here.
#[derive(Debug)]
pub struct Replies {
    made: Vec<Reply>,
    bytes: usize,
    charge: Charge,
}

impl Replies {
    /// Whether a further command of the run may be answered. It is asked before each: a run that has used up its bytes ends,
    /// and all runs do while all clients together hold more than they may.
    pub fn has_room(&self) -> bool {
        self.bytes < RUN_BYTES_MAX && !self.charge.room.is_over()
    }

    /// Adds the next reply.
    pub fn push(&mut self, reply: Reply) {
        self.bytes += size(&reply);
        if self.bytes - self.charge.bytes > UNCOUNTED_BYTES_MAX {
            self.charge.set(self.bytes);
        }
        self.made.push(reply);
    }

    /// Bytes of memory that they take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many there are: so many of the run's commands are answered.
    pub fn count(&self) -> usize {
        self.made.len()
    }

    /// All of them.
    pub fn as_slice(&self) -> &[Reply] {
        &self.made
    }

    /// All of them, no longer counted.
    pub fn into_vec(self) -> Vec<Reply> {
        self.made
    }

    /// Answers `commands`, the next of a run, by `answer`, one after the other, as far as there is room.
    pub fn fill<C>(&mut self, commands: &[C], mut answer: impl FnMut(&C) -> Reply) {
        self.fill_until(commands, |command| Some(answer(command)));
    }

    /// As [`Replies::fill`], up to a command that `answer` does not answer; whether there was none.
    pub fn fill_until<C>(&mut self, commands: &[C], mut answer: impl FnMut(&C) -> Option<Reply>) -> bool {
        for command in commands {
            if !self.has_room() {
                break;
            }
            let Some(reply) = answer(command) else { return false };
            self.push(reply);
        }
        true
    }

    /// As [`Replies::fill`]: the replies, and the commands that were not run.
    pub fn answer<C>(mut self, mut commands: Vec<C>, answer: impl FnMut(&C) -> Reply) -> (Replies, Vec<C>) {
        let before = self.count();
        self.fill(&commands, answer);
        commands.drain(..self.count() - before);
        (self, commands)
    }
}

/// Bytes of memory that a reply takes; as bytes for the client it is not longer, but for a few.
pub(super) fn size(reply: &Reply) -> usize {
    let all = |replies: &[Reply]| replies.iter().map(size).sum::<usize>();
    let pairs = |pairs: &[(Reply, Reply)]| pairs.iter().map(|(a, b)| size(a) + size(b)).sum::<usize>();
    size_of::<Reply>()
        + match reply {
            Reply::Status(_) | Reply::Integer(_) | Reply::Null => 0,
            Reply::Error(text) => text.capacity(),
            Reply::Bulk(bytes) | Reply::Verbatim(bytes) => bytes.capacity(),
            Reply::Array(items) | Reply::Set(items) => all(items),
            Reply::Map(items) | Reply::Pairs(items) => pairs(items),
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
        // A higher limit lets them go on, and so does memory that is given back.
        all.set_limit(4 << 20);
        assert_eq!(two.replies(2).answer(vec![()], |()| Reply::OK).0.count(), 1);
        all.set_limit(1 << 20);
        drop(held);
        assert_eq!(two.replies(2).answer(vec![()], |()| Reply::OK).0.count(), 1);
        assert_eq!((one.held(), all.held()), (0, 0));
    }

    #[tokio::test]
    async fn who_waits_for_memory_is_told_when_some_is_given_back() {
        let all = Arc::new(Memory::new(100));
        let (one, two) = (Room::of(&all), Room::of(&all));
        let mut charge = one.charge();
        charge.set(200);
        let mut freed = std::pin::pin!(two.freed());
        let is_done = |freed: std::pin::Pin<&mut _>| {
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            Future::poll(freed, &mut context) == std::task::Poll::Ready(())
        };
        assert!(!is_done(freed.as_mut()));
        charge.set(101);
        assert!(!is_done(freed.as_mut()));
        charge.set(100);
        assert!(is_done(freed.as_mut()));
        charge.set(300);
        let mut freed = std::pin::pin!(two.freed());
        assert!(!is_done(freed.as_mut()));
        all.set_limit(0);
        assert!(is_done(freed.as_mut()));
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
            assert_eq!(size(&reply), expected, "{reply:?}");
        }
    }
}
