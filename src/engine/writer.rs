//! Writer — the one thread of a master that writes. Requests → entries, a batch, replies. Does I/O.
//!
//! ```text
//! queue ─▶ run each on store + pending writes ─▶ append the group ─▶ one batch, marker in it ─▶ publish ─▶ reply
//!                                                  (one write)                          (lsn, clock, snapshot)
//! ```
//!
//! Whatever fails before the log has the group leaves nothing behind: the pending writes are dropped. After the log has
//! it the store must take it; if that fails the node ends, and the next start applies it from the log. But for a disk without
//! room: then the group waits, unanswered, until there is room, and what comes meanwhile is refused.

use super::Clock;
use super::checkpoint::{Checkpoints, bytes_of};
use super::disk_errors::{DiskErrors, Refused};
use super::log::SharedLog;
use super::read::Cost;
use super::tail::SharedTail;
use crate::apply::removed_write;
use crate::binlog::{Entry, Epoch, Files, Fsync, Lsn, SegmentError};
use crate::command::{Command, Reply};
use crate::effect::{Key, Write};
use crate::expiry::ExpiryPolicy;
use crate::node::Master;
use crate::publication::MasterPublication;
use crate::queue::Queue;
use crate::replication::Tail;
use crate::server::room::{Replies, Room};
use crate::store::overlay::Overlay;
use crate::store::rocksdb::{RocksStore, Snapshot};
use crate::store::{Store, StoreError};
use crate::sync::Arc;
use crate::time::Millis;
use tokio::sync::oneshot;

/// What every refusal of a write begins with that a disk is the reason of.
const MISCONF: &str = "MISCONF Errors writing to the ";

/// What the writer is asked for.
#[derive(Debug)]
pub enum Request {
    /// A connection's commands, in order, as far as there is room for their replies.
    Run {
        /// The commands; reads among them see the writes before them.
        commands: Vec<Command>,
        /// What the connection's replies may take.
        room: Room,
        /// Where the answer goes; who no longer waits gets none.
        reply: oneshot::Sender<Answer>,
    },
    /// Removal of keys that seemed dead.
    Expire(Vec<Key>),
    /// A look at whether a flush has ended, and whether the store's disk has room again.
    Look,
    /// Another promise from now on.
    Fsync {
        /// The promise.
        fsync: Fsync,
        /// Where the outcome goes.
        reply: oneshot::Sender<Result<(), String>>,
    },
}

/// What [`Request::Run`] came to.
#[derive(Debug)]
pub struct Answer {
    /// One for each of the first commands; the others were not run.
    pub replies: Replies,
    /// The commands, all of them: who made them frees them, and the writer, whom all wait for, does not.
    pub commands: Vec<Command>,
}

/// What the writer needs, and what it has come to.
pub struct Writer<F: Files> {
    /// The store that it alone writes.
    pub store: RocksStore,
    /// The log that it alone appends to.
    pub log: Arc<SharedLog<F>>,
    /// What readers and replicas are shown.
    pub publication: Arc<MasterPublication<Snapshot>>,
    /// What replicas are shown.
    pub tail: Arc<SharedTail>,
    /// What is logged.
    pub policy: Arc<dyn ExpiryPolicy + Send + Sync>,
    /// The node's own clock.
    pub clock: Clock,
    /// What an acknowledgement promises.
    pub fsync: Fsync,
    /// The epoch of new entries.
    pub epoch: Epoch,
    /// The last entry.
    pub last: Lsn,
    /// Log time.
    pub time: Millis,
    /// The latest deadline of a key that was removed without an entry.
    pub removed: Millis,
    /// When to flush.
    pub checkpoints: Checkpoints,
    /// What the disks refuse.
    pub errors: Arc<DiskErrors>,
    /// A group that is logged, and that the store had no room for.
    pub waiting: Option<Waiting>,
}

/// A group that is in the log and not in the store.
pub struct Waiting {
    group: Vec<Request>,
    executed: Executed,
}

/// A group as it was executed, not logged yet.
struct Executed {
    entries: Vec<Entry>,
    /// Of each request that has replies.
    replies: Vec<Option<Replies>>,
    writes: Vec<Write>,
    time: Millis,
    removed: Millis,
}

impl<F: Files> Writer<F> {
    /// Serves the queue until it is closed and empty. Errors: the store's; the node ends.
    pub fn run(mut self, queue: &Queue<Request>) -> Result<Writer<F>, StoreError> {
        let mut requests = Vec::new();
        while queue.take(&mut requests) {
            let mut group = Vec::new();
            for request in requests.drain(..) {
                match request {
                    Request::Fsync { fsync, reply } => {
                        self.commit(std::mem::take(&mut group))?;
                        let outcome = self.log.set_fsync(fsync).map_err(|error| error.to_string());
                        if outcome.is_ok() {
                            self.fsync = fsync;
                        }
                        let _ = reply.send(outcome);
                    }
                    Request::Look => self.settle()?,
                    other => group.push(other),
                }
            }
            self.commit(group)?;
        }
        Ok(self)
    }

    /// Executes, logs, writes, publishes and answers one group.
    fn commit(&mut self, group: Vec<Request>) -> Result<(), StoreError> {
        if group.is_empty() {
            return Ok(());
        }
        self.settle()?;
        if let Some(error) = self.errors.store() {
            self.refuse(group, &format!("{MISCONF}store: {error}"));
            return Ok(());
        }
        let stepped = |after, step| self.tail.step(after, step);
        let (now, offset_ms) = self.publication.begin(self.clock.moment(), stepped);
        let executed = self.execute(&group, now, offset_ms)?;
        let appended = self.log.append(&executed.entries, self.fsync);
        let is_refused = !matches!(&appended, Ok(()) | Err(SegmentError::TooLarge(_)));
        self.errors
            .set(Refused::Log, appended.as_ref().err().filter(|_| is_refused).map(ToString::to_string));
        match appended {
            Ok(()) => self.apply(Waiting { group, executed }),
            // One of them makes an entry that is too large: which one shows when each is a group of its own.
            Err(SegmentError::TooLarge(_)) if group.len() > 1 => {
                self.publication.refuse();
                drop(executed);
                group.into_iter().try_for_each(|request| self.commit(vec![request]))
            }
            Err(error) => {
                self.publication.refuse();
                let text = match error {
                    SegmentError::TooLarge(error) => format!("ERR {error}"),
                    error => format!("{MISCONF}binlog: {error}"),
                };
                self.refuse(group, &text);
                Ok(())
            }
        }
    }

    /// The store takes a group that is logged, readers see it and clients are answered; without room it waits.
    fn apply(&mut self, logged: Waiting) -> Result<(), StoreError> {
        match self.write(&logged.executed) {
            Ok(()) => {
                self.errors.set(Refused::Batch, None);
                self.publish();
                answer(logged.group, logged.executed.replies);
                Ok(())
            }
            Err(StoreError::NoSpace(error)) => {
                self.errors.set(Refused::Batch, Some(error));
                self.waiting = Some(logged);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Gives the store what it had no room for, if it has room now, and does what follows from a flush that has ended.
    fn settle(&mut self) -> Result<(), StoreError> {
        if let Some(logged) = self.waiting.take() {
            self.apply(logged)?;
        }
        self.checkpoints.end(&self.store, &self.log)
    }

    fn execute(&self, group: &[Request], now: Millis, offset_ms: i64) -> Result<Executed, StoreError> {
        let pending = Overlay::new(self.store.clone());
        let mut master = Master::resume(pending, self.epoch, self.last, now.max(self.time));
        master.set_offset(offset_ms);
        let (mut entries, mut replies) = (Vec::new(), Vec::with_capacity(group.len()));
        let mut removed = self.removed;
        for request in group {
            let mut answers = None;
            match request {
                Request::Run { commands, room, .. } => {
                    let answers = answers.insert(room.replies(commands.len()));
                    for command in commands {
                        if !answers.has_room() {
                            break;
                        }
                        let random = fastrand::u64(..);
                        answers.push(master.request(&*self.policy, command, now, random, &mut entries)?);
                    }
                }
                Request::Expire(keys) => {
                    for key in keys {
                        let deadline = master.expire(&*self.policy, key, now, &mut entries)?;
                        removed = removed.max(deadline.unwrap_or_default());
                    }
                }
                Request::Fsync { .. } | Request::Look => {}
            }
            replies.push(answers);
        }
        let time = master.time();
        let mut writes = master.into_store().into_writes();
        if removed > self.removed {
            writes.push(removed_write(removed));
        }
        Ok(Executed { entries, replies, writes, time, removed })
    }

    /// The group is in the log: the store takes it, as one batch.
    fn write(&mut self, executed: &Executed) -> Result<(), StoreError> {
        if !executed.writes.is_empty() {
            self.store.write(&executed.writes)?;
        }
        self.time = executed.time;
        self.removed = executed.removed;
        if let Some(entry) = executed.entries.last() {
            self.last = entry.lsn;
        }
        let cleared = self.checkpoints.cleared(&self.store, &executed.writes);
        let due = self.checkpoints.written(bytes_of(&executed.writes)) || cleared;
        if due {
            self.checkpoints.begin(&self.store, &self.log, self.last, self.time)?;
        }
        Ok(())
    }

    /// Answers a group that was not logged: its writes are refused, and its reads see what all others see.
    fn refuse(&self, group: Vec<Request>, text: &str) {
        for request in group {
            // Keys that are dead are found again, ten times a second: no line for each of them.
            if let Request::Run { commands, room, reply } = request {
                tracing::error!(error = text, commands = commands.len(), "refused");
                let sight = self.publication.read(self.clock.moment());
                let answer = |command: &Command| match command.is_write() {
                    true => Reply::Error(text.to_owned()),
                    // Any cost is some reply.
                    false => super::read(&sight, command, Cost::Any).unwrap_or(Reply::Null),
                };
                let mut replies = room.replies(commands.len());
                replies.fill(&commands, answer);
                let _ = reply.send(Answer { replies, commands });
            }
        }
    }

    fn publish(&self) {
        // The gate is never beyond log time, as a checkpoint raises it to that at most: there is a snapshot.
        match self.store.snapshot(self.time) {
            Some(snapshot) => self.publication.publish(self.last, snapshot),
            None => {
                tracing::error!(last = %self.last, "readers do not see the last group: compaction is beyond it");
                self.publication.refuse();
            }
        }
        let bytes = self.log.appended_bytes();
        self.tail.advance(Tail { last: self.last, time: self.time, bytes });
    }
}

fn answer(group: Vec<Request>, replies: Vec<Option<Replies>>) {
    for answered in group.into_iter().zip(replies) {
        if let (Request::Run { commands, reply, .. }, Some(replies)) = answered {
            let _ = reply.send(Answer { replies, commands });
        }
    }
}
