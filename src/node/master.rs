//! Master — requests → replies and log entries. Pure, but for its store.

use super::removal_with_deadline;
use crate::apply;
use crate::binlog::{Entry, Epoch, Lsn, Payload};
use crate::command::{Command, Reply, View};
use crate::effect::{Effect, Key, KeySet};
use crate::expiry::{ExpiryPolicy, Removal, RemovalLog};
use crate::store::{Store, StoreError};
use crate::time::Millis;

/// What happens to a master.
#[derive(Clone, Debug)]
pub enum Input {
    /// A client's command.
    Request {
        /// The command.
        command: Command,
        /// The master's clock.
        now: Millis,
        /// Randomness for RANDOMKEY and HRANDFIELD.
        random: u64,
    },
    /// Time to tell replicas the time.
    Heartbeat {
        /// The master's clock.
        now: Millis,
    },
    /// Physical removal of a key, if it is dead.
    Expire {
        /// The key.
        key: Key,
        /// The master's clock.
        now: Millis,
    },
}

/// What a master does about it, in this order: an entry is logged before the reply leaves.
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
/// Invariants: LSNs have no gap; log time never goes back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Master<S> {
    store: S,
    epoch: Epoch,
    last: Lsn,
    time: Millis,
    /// How far the wall clock, by which clients name instants, is ahead of log time, milliseconds; below 0: behind.
    offset_ms: i64,
    /// Keys that it removed and has not told of yet ([`RemovalLog::Late`]).
    untold: Vec<Key>,
}

impl<S: Store> Master<S> {
    /// A master of an empty history.
    pub fn new(store: S, epoch: Epoch) -> Master<S> {
        Master::resume(store, epoch, Lsn::NONE, Millis::ZERO)
    }

    /// A master whose store holds a history through entry `last`; what it does next is of `epoch`, and not before
    /// `time`.
    pub fn resume(store: S, epoch: Epoch, last: Lsn, time: Millis) -> Master<S> {
        Master { store, epoch, last, time, offset_ms: 0, untold: Vec::new() }
    }

    /// From now on instants that clients name are those of a wall clock that is `offset_ms` ahead of log time.
    pub fn set_offset(&mut self, offset_ms: i64) {
        self.offset_ms = offset_ms;
    }

    /// Its store.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Its store, and nothing else of it.
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

    /// Does what `input` asks for. Errors: the store's; the node stops.
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

    /// [`Input::Request`] of a command that stays the caller's: the reply, and the next entries at the end of `entries`,
    /// to be logged before it leaves. Errors: as [`Master::step`].
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
                self.expire(policy, key, now, entries)?;
            }
        }
        let view = View::new(&self.store, command.db(), self.time)
            .with_incarnation(self.last.next().0)
            .with_random(random)
            .with_offset(self.offset_ms);
        let (reply, effect) = command.execute(&view, self.time)?;
        if !effect.is_empty() {
            for payload in policy.logged_before(command, &effect, self.time) {
                self.last = self.last.next();
                entries.push(Entry { lsn: self.last, epoch: self.epoch, time: self.time, payload });
            }
            entries.push(self.append(effect, |effect, time| policy.logged(command, effect, time))?);
        }
        Ok(reply)
    }

    /// [`Input::Expire`] of a key that stays the caller's: if the policy wants replicas to be told, the entries that do are
    /// at the end of `entries`. Gives the deadline of a key that was removed without an entry that says so. Errors: as
    /// [`Master::step`].
    pub fn expire(
        &mut self,
        policy: &dyn ExpiryPolicy,
        key: &Key,
        now: Millis,
        entries: &mut Vec<Entry>,
    ) -> Result<Option<Millis>, StoreError> {
        self.time = self.time.max(now);
        let Some((effect, deadline)) = removal_with_deadline(&self.store, key, self.time)? else {
            return Ok(None);
        };
        match (policy.removal(), policy.removal_log()) {
            (Removal::ByMaster, RemovalLog::Once) => self.append_del(key, effect, entries)?,
            (Removal::ByMaster, RemovalLog::Twice) => {
                self.append_del(key, effect, entries)?;
                self.append_del(key, Effect::none(), entries)?;
            }
            (Removal::ByMaster, RemovalLog::Late) => {
                self.untold.push(key.clone());
                self.store.write(&effect.writes)?;
            }
            (removal, _) => {
                self.store.write(&effect.writes)?;
                return Ok((removal == Removal::LogTime).then_some(deadline));
            }
        }
        Ok(None)
    }

    /// Appends the DEL of each key that was removed and not told of.
    fn tell_of_removals(&mut self, entries: &mut Vec<Entry>) -> Result<(), StoreError> {
        for key in std::mem::take(&mut self.untold) {
            self.append_del(&key, Effect::none(), entries)?;
        }
        Ok(())
    }

    /// Writes `effect`, which removes `key`, and appends the DEL that tells of it.
    fn append_del(&mut self, key: &Key, effect: Effect, entries: &mut Vec<Entry>) -> Result<(), StoreError> {
        // DEL exists and takes one key, so this parses.
        if let Ok(del) = Command::parse(key.db, vec![b"DEL".to_vec(), key.name.clone()]) {
            entries.push(self.append(effect, |_, _| Payload::Command(del))?);
        }
        Ok(())
    }

    /// Writes `effect` as the next entry, and gives the entry as `logged` makes it.
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
