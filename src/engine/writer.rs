//! Writer — the only thread of a master that writes. It turns requests into entries, a batch and replies. Does I/O.
//!
//! ```text
//! queue ─▶ run each on store + pending writes ─▶ append the group ─▶ one batch, marker in it ─▶ publish ─▶ reply
//!                                                  (one write)                          (lsn, clock, snapshot)
//! ```
//!
//! A failure before the group is in the log has no effect: the pending writes are dropped. After the group is in the log,
//! the store must take it. If the store fails then, the node ends, and the next start applies the group from the log. There
//! is one exception: if the disk has no room, the group waits, unanswered, until there is room, and later writes are
//! refused meanwhile.

use super::checkpoint::{Checkpoints, bytes_of};
use super::disk_errors::{DiskErrors, Refused};
use super::log::SharedLog;
use super::read::Cost;
use super::tail::SharedTail;
use super::{Clock, Meters};
use crate::apply::removed_write;
use crate::binlog::{Entry, Epoch, Files, Fsync, Lsn, SegmentError};
use crate::command::{Command, Reply};
use crate::effect::{Key, Write};
use crate::expiry::ExpiryPolicy;
use crate::node::{self, Master, Transaction, WATCHED_KEYS_MAX, Watch, Watched};
use crate::publication::MasterPublication;
use crate::queue::Queue;
use crate::replication::Tail;
use crate::server::room::{Replies, Room, Size};
use crate::store::overlay::Overlay;
use crate::store::rocksdb::{RocksStore, Snapshot};
use crate::store::{Store, StoreError};
use crate::sync::{Arc, Mutex, lock};
use crate::time::Millis;
use tokio::sync::oneshot;

/// The beginning of the reply to a write that is refused because of a disk.
pub const MISCONF: &str = "MISCONF Errors writing to the ";

/// A request to the writer.
#[derive(Debug)]
pub enum Request {
    /// Run a connection's commands in order, as long as there is room for their replies.
    Run {
        /// The commands; reads among them see the writes before them.
        commands: Vec<Command>,
        /// The room for the connection's replies.
        room: Room,
        /// The channel for the answer. If the connection no longer waits, the answer is dropped.
        reply: oneshot::Sender<Answer>,
    },
    /// Run a transaction: all of its commands or none, as one entry.
    Exec {
        /// The transaction.
        transaction: Transaction,
        /// The channel for the answer. If the connection no longer waits, the answer is dropped.
        reply: oneshot::Sender<ExecAnswer>,
    },
    /// Watch keys.
    Watch {
        /// The keys.
        keys: Vec<Key>,
        /// The channel for the watch, or the error reply.
        reply: oneshot::Sender<Result<Watch, String>>,
    },
    /// Remove these keys, if they are dead.
    Expire(Vec<Key>),
    /// Check whether a flush has ended, and whether the store's disk has room again.
    Look,
    /// Change the policy by which the log is synced.
    Fsync {
        /// The new policy.
        fsync: Fsync,
        /// The channel for the result.
        reply: oneshot::Sender<Result<(), SegmentError>>,
    },
}

/// The answer to a [`Request::Run`].
#[derive(Debug)]
pub struct Answer {
    /// One reply for each of the first commands. The other commands were not run.
    pub replies: Replies,
    /// All commands of the request. They are returned so that the connection frees them, not the writer, for which all
    /// connections wait.
    pub commands: Vec<Command>,
}

/// The answer to a [`Request::Exec`].
#[derive(Debug)]
pub struct ExecAnswer {
    /// The replies; an error is the reason for which nothing was run.
    pub ran: Result<node::Executed, String>,
    /// The transaction, which the connection frees.
    pub transaction: Transaction,
}

/// The writer's resources and its state.
pub struct Writer<F: Files> {
    /// The store, which only the writer writes.
    pub store: RocksStore,
    /// The log, to which only the writer appends.
    pub log: Arc<SharedLog<F>>,
    /// The state that readers are given, and the clock.
    pub publication: Arc<MasterPublication<Snapshot>>,
    /// The end of the log, as replicas may see it.
    pub tail: Arc<SharedTail>,
    /// The expiry policy, which decides what is logged.
    pub policy: Arc<dyn ExpiryPolicy + Send + Sync>,
    /// The node's own clocks.
    pub clock: Clock,
    /// The policy by which the log is synced.
    pub fsync: Fsync,
    /// The epoch of new entries.
    pub epoch: Epoch,
    /// The last entry that the store holds.
    pub last: Lsn,
    /// Log time.
    pub time: Millis,
    /// The latest deadline of a key that was removed without an entry.
    pub removed: Millis,
    /// The flushes of the store.
    pub checkpoints: Checkpoints,
    /// The current errors of the disks.
    pub errors: Arc<DiskErrors>,
    /// The keys that clients watch.
    pub watched: Watched,
    /// The watches that connections ended and that the table still has.
    pub unwatched: Arc<Mutex<Vec<Watch>>>,
    /// A group that is in the log, and for which the store had no room.
    pub waiting: Option<Waiting>,
    /// What the node measures.
    pub meters: Arc<Meters>,
}

/// A group that is in the log, but not in the store.
pub struct Waiting {
    group: Vec<Request>,
    executed: Executed,
}

/// The result of executing a group. It is not logged yet.
struct Executed {
    entries: Vec<Entry>,
    /// The outcome of each request.
    made: Vec<Made>,
    writes: Vec<Write>,
    time: Millis,
    removed: Millis,
}

/// The outcome of one request.
enum Made {
    /// The replies to a run.
    Replies(Replies),
    /// The replies to a transaction.
    Exec(node::Executed),
    /// Nothing that is answered.
    Nothing,
}

impl<F: Files> Writer<F> {
    /// Serves the queue until it is closed and empty. Errors: the store's; the node then ends.
    pub fn run(mut self, queue: &Queue<Request>) -> Result<Writer<F>, StoreError> {
        let mut requests = Vec::new();
        while queue.take(&mut requests) {
            self.end_watches();
            let mut group = Vec::new();
            for request in requests.drain(..) {
                match request {
                    Request::Fsync { fsync, reply } => {
                        self.commit(std::mem::take(&mut group))?;
                        let outcome = self.log.set_fsync(fsync);
                        if outcome.is_ok() {
                            self.fsync = fsync;
                        }
                        let _ = reply.send(outcome);
                    }
                    Request::Watch { keys, reply } => {
                        // Between two groups: the client sees all of the earlier group, and every later one is a change.
                        self.commit(std::mem::take(&mut group))?;
                        // If the connection no longer waits, nobody will end the watch.
                        if let Err(Ok(watch)) = reply.send(self.watch(&keys)?) {
                            self.watched.unwatch(&watch, self.epoch);
                        }
                    }
                    Request::Look => self.settle()?,
                    other => group.push(other),
                }
            }
            self.commit(group)?;
        }
        Ok(self)
    }

    /// Ends the watches that connections ended.
    fn end_watches(&mut self) {
        for watch in std::mem::take(&mut *lock(&self.unwatched)) {
            self.watched.unwatch(&watch, self.epoch);
        }
    }

    /// Watches keys in the state that readers see. The inner error is an error reply. Errors: the store's.
    fn watch(&mut self, keys: &[Key]) -> Result<Result<Watch, String>, StoreError> {
        self.settle()?;
        // A group that waits for room was counted as a change already, and readers do not see it yet.
        if let (Some(_), Some(error)) = (&self.waiting, self.errors.store()) {
            return Ok(Err(format!("{MISCONF}store: {error}")));
        }
        let now = self.publication.read(self.clock.moment()).clock.max(self.time);
        let watch = self.watched.watch(self.epoch, &self.store, keys, now)?;
        Ok(watch.ok_or_else(|| format!("ERR more than {WATCHED_KEYS_MAX} keys would be watched")))
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
        match &appended {
            Ok(()) => self.watched.settle(),
            Err(_) => self.watched.undo(),
        }
        match appended {
            Ok(()) => self.apply(Waiting { group, executed }),
            // One of the requests makes an entry that is too large. To find it, each request is committed as its own group.
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

    /// Writes a logged group to the store, publishes it to readers, and answers the clients. If the disk has no room, the
    /// group waits in `waiting`.
    fn apply(&mut self, logged: Waiting) -> Result<(), StoreError> {
        match self.write(&logged.executed) {
            Ok(()) => {
                self.errors.set(Refused::Batch, None);
                self.publish();
                answer(logged.group, logged.executed.made);
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

    /// Retries the group for which the store had no room, and a flush that was refused, and does the work after a flush that has
    /// ended.
    fn settle(&mut self) -> Result<(), StoreError> {
        if let Some(logged) = self.waiting.take() {
            self.apply(logged)?;
        }
        self.checkpoints.end(&self.store, &self.log)?;
        if self.waiting.is_none() && self.checkpoints.is_refused() {
            self.checkpoints.begin(&self.store, &self.log, self.last, self.time)?;
        }
        Ok(())
    }

    fn execute(&mut self, group: &[Request], now: Millis, offset_ms: i64) -> Result<Executed, StoreError> {
        let pending = Overlay::new(self.store.clone());
        let mut master = Master::resume(pending, self.epoch, self.last, now.max(self.time));
        master.set_offset(offset_ms);
        let mut master = master.with_watched(std::mem::take(&mut self.watched));
        let (mut entries, mut made) = (Vec::new(), Vec::with_capacity(group.len()));
        let mut removed = self.removed;
        for request in group {
            made.push(match request {
                Request::Run { commands, room, .. } => {
                    let mut answers = room.replies(commands.len());
                    for command in commands {
                        let size = if command.reply_is_short() { Size::Small } else { Size::Any };
                        if !answers.has_room(size) {
                            break;
                        }
                        let random = fastrand::u64(..);
                        answers.push(master.request(&*self.policy, command, now, random, &mut entries)?);
                    }
                    Made::Replies(answers)
                }
                Request::Exec { transaction, .. } => {
                    let random = fastrand::u64(..);
                    Made::Exec(master.exec(&*self.policy, transaction, now, random, &mut entries)?)
                }
                Request::Expire(keys) => {
                    for key in keys {
                        let deadline = master.expire(&*self.policy, key, now, &mut entries)?;
                        removed = removed.max(deadline.unwrap_or_default());
                    }
                    Made::Nothing
                }
                Request::Watch { .. } | Request::Fsync { .. } | Request::Look => Made::Nothing,
            });
        }
        let time = master.time();
        self.watched = master.take_watched();
        let mut writes = master.into_store().into_writes();
        if removed > self.removed {
            writes.push(removed_write(removed));
        }
        Ok(Executed { entries, made, writes, time, removed })
    }

    /// Writes a logged group to the store, as one batch.
    fn write(&mut self, executed: &Executed) -> Result<(), StoreError> {
        if !executed.writes.is_empty() {
            self.store.write(&executed.writes)?;
            self.meters.wrote(executed.entries.len());
        }
        self.time = executed.time;
        self.removed = executed.removed;
        if let Some(entry) = executed.entries.last() {
            self.last = entry.lsn;
        }
        let is_full = self.checkpoints.written(bytes_of(&executed.writes));
        if self.checkpoints.cleared(&self.store) || is_full {
            self.checkpoints.begin(&self.store, &self.log, self.last, self.time)?;
        }
        Ok(())
    }

    /// Answers a group that was not logged. Its writes are refused with `text`, and its reads see the published state.
    fn refuse(&self, group: Vec<Request>, text: &str) {
        for request in group {
            let sight = self.publication.read(self.clock.moment());
            // With this cost there always is a reply.
            let read = |command: &Command| super::read(&sight, command, Cost::Any).unwrap_or(Reply::Null);
            match request {
                Request::Run { commands, room, reply } => {
                    tracing::error!(error = text, commands = commands.len(), "refused");
                    let answer = |command: &Command| match command.is_write() {
                        true => Reply::Error(text.to_owned()),
                        false => read(command),
                    };
                    let mut replies = room.replies(commands.len());
                    replies.fill(&commands, answer);
                    let _ = reply.send(Answer { replies, commands });
                }
                Request::Exec { transaction, reply } => {
                    let is_changed = |watch: &Watch| self.watched.is_changed(watch, self.epoch, sight.clock);
                    let ran = if transaction.is_write() {
                        tracing::error!(error = text, commands = transaction.commands.len(), "refused");
                        Err(text.to_owned())
                    } else if transaction.watches.iter().any(is_changed) {
                        Ok(node::Executed::Changed)
                    } else {
                        let mut replies = node::Replies::to(&transaction);
                        transaction.commands.iter().map(read).for_each(|reply| replies.push(reply));
                        Ok(replies.ran())
                    };
                    let _ = reply.send(ExecAnswer { ran, transaction });
                }
                // A refused removal of dead keys is not reported: the keys are found again ten times a second.
                Request::Expire(_) | Request::Watch { .. } | Request::Fsync { .. } | Request::Look => {}
            }
        }
    }

    fn publish(&self) {
        // There always is a snapshot: a checkpoint raises the gate to log time at most.
        match self.store.snapshot(self.time) {
            Some(snapshot) => self.publication.publish(self.last, snapshot),
            None => {
                tracing::error!(last = %self.last, "readers do not see the last group: compaction has gone beyond its time");
                self.publication.refuse();
            }
        }
        let bytes = self.log.appended_bytes();
        self.tail.advance(Tail { last: self.last, time: self.time, bytes });
    }
}

fn answer(group: Vec<Request>, made: Vec<Made>) {
    for answered in group.into_iter().zip(made) {
        match answered {
            (Request::Run { commands, reply, .. }, Made::Replies(replies)) => {
                let _ = reply.send(Answer { replies, commands });
            }
            (Request::Exec { transaction, reply }, Made::Exec(ran)) => {
                let _ = reply.send(ExecAnswer { ran: Ok(ran), transaction });
            }
            _ => {}
        }
    }
}
