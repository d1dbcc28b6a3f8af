//! Master — turns requests into replies and log entries. Pure, except for its store.

mod removal;
mod transaction;

pub use transaction::{Executed, Replies, Transaction};

use super::watched::Watched;
use crate::apply;
use crate::binlog::{Entry, Epoch, Lsn, Payload};
use crate::command::{Command, Reply, View};
use crate::effect::{Effect, Key, KeySet};
use crate::expiry::{ExpiryPolicy, Removal};
use crate::store::{Read, Store, StoreError};
use crate::time::Millis;

/// An input of a master.
#[derive(Clone, Debug)]
pub enum Input {
    /// A client's command.
    Request {
        /// The command.
        command: Command,
        /// The master's clock.
        now: Millis,
        /// Randomness for commands with a random outcome.
        random: u64,
    },
    /// A heartbeat is due: replicas are sent the log time.
    Heartbeat {
        /// The master's clock.
        now: Millis,
    },
    /// A key, or the dead fields of a hash, are to be removed physically.
    Expire {
        /// The key.
        key: Key,
        /// The master's clock.
        now: Millis,
    },
}

/// An output of a master. Outputs are done in order, so an entry is logged before the reply is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// The next entry of the log.
    Append(Entry),
    /// Log time for replicas, after all entries appended so far.
    Heartbeat(Millis),
    /// The reply to the request.
    Reply(Reply),
}

/// A master: its store, the last LSN and the log time of its history.
///
/// Invariants: LSNs are contiguous; log time never goes back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Master<S> {
    store: S,
    epoch: Epoch,
    last: Lsn,
    time: Millis,
    /// Wall time less log time, in milliseconds; below 0: the wall clock is behind. Clients name instants by wall time.
    offset_ms: i64,
    /// Removals that are not logged yet ([`crate::expiry::RemovalLog::Late`]): a DEL of each key, an HDEL of each group of fields.
    untold: Vec<Command>,
    /// The keys that clients watch.
    watched: Watched,
}

impl<S: Store> Master<S> {
    /// A master with an empty history.
    pub fn new(store: S, epoch: Epoch) -> Master<S> {
        Master::resume(store, epoch, Lsn::NONE, Millis::ZERO)
    }

    /// A master whose store holds a history through entry `last`. Its next entries are of `epoch`, and their time is at
    /// least `time`.
    pub fn resume(store: S, epoch: Epoch, last: Lsn, time: Millis) -> Master<S> {
        let (untold, watched) = (Vec::new(), Watched::default());
        Master { store, epoch, last, time, offset_ms: 0, untold, watched }
    }

    /// Sets the offset by which the instants that clients name are translated: wall time less log time, in milliseconds.
    pub fn set_offset(&mut self, offset_ms: i64) {
        self.offset_ms = offset_ms;
    }

    /// Its store.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Its store, without the rest of its state.
    pub fn into_store(self) -> S {
        self.store
    }

    /// The last entry of its log.
    pub fn last(&self) -> Lsn {
        self.last
    }

    /// Its log time.
    pub fn time(&self) -> Millis {
        self.time
    }

    /// Handles `input`. Errors: the store's; the node then stops.
    pub fn step(&mut self, policy: &dyn ExpiryPolicy, input: Input) -> Result<Vec<Output>, StoreError> {
        let mut entries = Vec::new();
        match input {
            Input::Heartbeat { now } => {
                self.time = self.time.max(now);
                self.tell_of_removals(&mut entries)?;
                Ok(entries.into_iter().map(Output::Append).chain([Output::Heartbeat(self.time)]).collect())
            }
            Input::Expire { key, now } => {
                self.expire(policy, &key, now, &mut entries)?;
                Ok(entries.into_iter().map(Output::Append).collect())
            }
            Input::Request { command, now, random } => {
                let reply = self.request(policy, &command, now, random, &mut entries)?;
                Ok(entries.into_iter().map(Output::Append).chain([Output::Reply(reply)]).collect())
            }
        }
    }

    /// Handles an [`Input::Request`] without taking the command. Returns the reply, and appends the new entries to
    /// `entries`, which must be logged before the reply is sent. Errors: as [`Master::step`].
    pub fn request(
        &mut self,
        policy: &dyn ExpiryPolicy,
        command: &Command,
        now: Millis,
        random: u64,
        entries: &mut Vec<Entry>,
    ) -> Result<Reply, StoreError> {
        self.time = self.time.max(now);
        let translated = if self.offset_ms == 0 { None } else { command.in_log_time(self.offset_ms) };
        let command = translated.as_ref().unwrap_or(command);
        self.tell_of_removals(entries)?;
        if policy.removal() == Removal::ByMaster
            && let KeySet::Keys(keys) = command.keys()
        {
            for key in &keys {
                // A replica would find the fields that are left alive.
                while self.remove_dead(policy, key, Some(command), entries)?.is_some() {}
            }
        }
        let view = self.view(&self.store, command, random);
        let (reply, effect) = command.execute(&view, self.time)?;
        if !effect.is_empty() {
            if !self.watched.is_empty() {
                let changed = self.watched.changed_by(&self.store, command, &effect, self.time)?;
                self.watched.change(changed);
            }
            for payload in policy.logged_before(command, &effect, self.time) {
                self.last = self.last.next();
                entries.push(Entry { lsn: self.last, epoch: self.epoch, time: self.time, payload });
            }
            entries.push(self.append(effect, |effect, time| policy.logged(command, effect, time))?);
        }
        Ok(reply)
    }

    /// The state that `reader` reads, as `command` sees it.
    fn view<'a>(&self, reader: &'a dyn Read, command: &Command, random: u64) -> View<'a> {
        View::new(reader, command.db(), self.time)
            .with_incarnation(self.last.next().0)
            .with_random(random)
            .with_offset(self.offset_ms)
    }

    /// Handles an [`Input::Expire`] without taking the key: removes the key if it is dead, and otherwise at most
    /// [`FIELDS_MAX`](super::FIELDS_MAX) dead fields of a hash. If the policy logs removals, it appends the entries to
    /// `entries`. Returns the latest deadline of what was removed by log time and without an entry. Errors: as [`Master::step`].
    pub fn expire(
        &mut self,
        policy: &dyn ExpiryPolicy,
        key: &Key,
        now: Millis,
        entries: &mut Vec<Entry>,
    ) -> Result<Option<Millis>, StoreError> {
        self.time = self.time.max(now);
        let removed = self.remove_dead(policy, key, None, entries)?;
        Ok(removed.filter(|_| policy.removal() == Removal::LogTime))
    }

    /// Writes `effect` to the store as the next entry. Returns the entry, with the payload that `logged` makes.
    fn append(
        &mut self,
        effect: Effect,
        logged: impl FnOnce(Effect, Millis) -> Payload,
    ) -> Result<Entry, StoreError> {
        let lsn = self.last.next();
        apply::write_effects(&mut self.store, [&effect].into_iter(), lsn)?;
        self.last = lsn;
        Ok(Entry { lsn, epoch: self.epoch, time: self.time, payload: logged(effect, self.time) })
    }
}
