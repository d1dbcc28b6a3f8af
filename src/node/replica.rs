//! Replica — entries and heartbeats, in log order → its store and its log time. Pure, but for its store.
//!
//! This is the part that has to do with time. In which order and on which worker entries are written is the
//! business of [`crate::ordering`] and [`crate::apply`].

use super::removal_of_dead;
use crate::apply;
use crate::binlog::{Entry, Lsn};
use crate::effect::Key;
use crate::expiry::{Clocks, ExpiryPolicy, LogTime, Reading, Removal};
use crate::store::{Store, StoreError};
use crate::time::Millis;

/// What happens to a replica.
#[derive(Clone, Debug)]
pub enum Input {
    /// The next entry of the log.
    Entry(Entry),
    /// The master's log time, after all entries received so far.
    Heartbeat(Millis),
    /// Physical removal of a key, if the policy finds it dead.
    Remove(Key),
}

/// A replica: its store, the last entry applied, and its log time.
///
/// Invariants: entries are applied without a gap; log time never goes back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Replica<S> {
    store: S,
    applied: Lsn,
    log_time: LogTime,
}

impl<S: Store> Replica<S> {
    /// A replica of an empty history.
    pub fn new(store: S) -> Replica<S> {
        Replica { store, applied: Lsn::NONE, log_time: LogTime::default() }
    }

    /// Its store.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// The last entry applied.
    pub fn applied(&self) -> Lsn {
        self.applied
    }

    /// Its log time.
    pub fn log_time(&self) -> &LogTime {
        &self.log_time
    }

    /// Does what `input` asks for when the replica's own clock says `local`. Errors: the store's; the node stops.
    /// Panics: on a gap between entries, which is a bug of the caller.
    pub fn step(
        &mut self,
        policy: &dyn ExpiryPolicy,
        log_clock_limit_ms: Option<u64>,
        input: Input,
        local: Millis,
    ) -> Result<(), StoreError> {
        match input {
            Input::Entry(entry) => {
                assert_eq!(entry.lsn, self.applied.next(), "lsn gap at the replica");
                let (lsn, time) = (entry.lsn, entry.time);
                let entry = policy.arrived(entry, local);
                let instants = |entry: &Entry| policy.instants(entry, local);
                apply::write_batch(&mut self.store, &[&entry], None, lsn, &instants)?;
                self.applied = lsn;
                self.log_time.hear(time, local, log_clock_limit_ms);
            }
            Input::Heartbeat(time) => self.log_time.hear(time, local, log_clock_limit_ms),
            Input::Remove(key) => {
                let now = match policy.removal() {
                    Removal::Local => local,
                    Removal::LogTime => self.log_time.heard(),
                    Removal::ByMaster => return Ok(()),
                };
                let effect = removal_of_dead(&self.store, &key, now)?;
                self.store.write(&effect.writes)?;
            }
        }
        Ok(())
    }

    /// By which instant readers judge when the replica's own clock says `local` and the latest that they were told is
    /// `told`.
    pub fn judges_at(
        &self,
        policy: &dyn ExpiryPolicy,
        log_clock_limit_ms: Option<u64>,
        local: Millis,
        told: Millis,
    ) -> Reading {
        let log_time = self.log_time.read(local, log_clock_limit_ms);
        policy.reads_at(Clocks { log_time, local, told })
    }
}
