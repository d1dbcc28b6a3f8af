//! Replica — what a replica received and published → what its readers are given. Pure: it holds no store and no lock, and
//! whoever drives it tells it what was written.
//!
//! ```text
//! stream      6 (t 40)   heartbeat 45   7 (t 50)
//! published   5          6              6             7
//! log time    38         45             45            50          the times of 6 are heard when 6 is published
//! ```
//!
//! Log time moves with what readers see: with n entries published, the clock c satisfies t(n) ≤ c ≤ t(n+1), estimated or
//! not. Silence counts from the last receipt, so a worker that stands still is no silent master.
//!
//! Which entry is written when, and by whom, is the business of [`crate::ordering`] and [`crate::apply::Applier`].

use crate::binlog::Lsn;
use crate::expiry::{Clocks, ExpiryPolicy, LogTime, Reading, Removal};
use crate::time::Millis;
use std::collections::VecDeque;

/// Whether readers are let in. After a loss they may have seen entries that the log no longer has; after a crash they may
/// have been told a log time that came with a heartbeat, which nobody logs: what they saw dead would live again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Readers {
    /// They are.
    In,
    /// Not before the master has said where its log ends.
    WaitForMaster,
    /// Not before the master has sent all through this entry, and a time after it.
    WaitForTail(Lsn),
    /// Not before this entry is published; the time after it is heard then.
    WaitFor(Lsn),
}

/// Times after one entry, heard once all through it is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Waiting {
    after: Lsn,
    /// The entry's own.
    first: Millis,
    /// That of the last heartbeat after it.
    last: Millis,
}

/// A replica, but for its store, its log and its workers.
///
/// Invariants: what is published never goes back; what [`Replica::reads_at`] gives under a policy that judges by log time
/// does not while the replica's own clock does not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Replica {
    /// The last entry that readers see.
    published: Lsn,
    log_time: LogTime,
    /// Times that were received and are not heard, in order.
    waiting: VecDeque<Waiting>,
    /// How long silence may last before log time is estimated, `None` = for ever.
    limit_ms: Option<u64>,
    readers: Readers,
}

impl Replica {
    /// Nothing beyond entry `published` is applied; log time goes on from `log_time`.
    pub fn new(published: Lsn, log_time: LogTime, limit_ms: Option<u64>, readers: Readers) -> Replica {
        Replica { published, log_time, waiting: VecDeque::new(), limit_ms, readers }
    }

    /// The last entry that readers see.
    pub fn published(&self) -> Lsn {
        self.published
    }

    /// The master's time that was heard last.
    pub fn heard(&self) -> Millis {
        self.log_time.heard()
    }

    /// The replica's own clock when it last received something; 0 where silence may last for ever.
    pub fn received_at(&self) -> Millis {
        self.log_time.received_at()
    }

    /// Entry `lsn`, made at `time`, was received when the replica's own clock said `local`. Called in log order, before the
    /// entry is applied.
    pub fn receive(&mut self, lsn: Lsn, time: Millis, local: Millis) {
        self.note(lsn, time, local);
        // It was made after the entry before it, and has the time of that.
        self.told_after(Lsn(lsn.0.saturating_sub(1)), lsn);
    }

    /// The master's time after entry `after` was `time`, as a heartbeat says that was received when the replica's own clock
    /// said `local`. Called in log order.
    pub fn heartbeat(&mut self, after: Lsn, time: Millis, local: Millis) {
        self.note(after, time, local);
        self.told_after(after, after);
    }

    fn note(&mut self, after: Lsn, time: Millis, local: Millis) {
        self.log_time.receive(local, self.limit_ms, self.next_time());
        match self.waiting.back_mut() {
            // They are heard at once, and the last one counts: heartbeats do not pile up while nothing is applied.
            Some(waiting) if waiting.after == after => waiting.last = waiting.last.max(time),
            _ => self.waiting.push_back(Waiting { after, first: time, last: time }),
        }
        self.hear_what_is_due();
    }

    /// All through `lsn` is applied, and readers see it from now on.
    pub fn publish(&mut self, lsn: Lsn) {
        self.published = lsn;
        self.hear_what_is_due();
        if let Readers::WaitFor(wanted) = self.readers
            && lsn >= wanted
        {
            self.readers = Readers::In;
        }
    }

    fn hear_what_is_due(&mut self) {
        while let Some(&Waiting { after, last, .. }) = self.waiting.front() {
            if after > self.published {
                break;
            }
            self.log_time.hear(last);
            self.waiting.pop_front();
        }
    }

    /// The time of the next entry, if it was received: no estimate passes it.
    fn next_time(&self) -> Option<Millis> {
        self.waiting.front().map(|waiting| waiting.first)
    }

    /// The master goes on with the log of this replica, and its own ends with entry `tail`.
    pub fn resumed(&mut self, tail: Lsn) {
        if self.readers == Readers::WaitForMaster {
            self.readers = Readers::WaitForTail(tail);
        }
    }

    /// A time after entry `after` came, which is heard once `known` is published.
    fn told_after(&mut self, after: Lsn, known: Lsn) {
        if let Readers::WaitForTail(tail) = self.readers
            && after >= tail
        {
            self.readers = if self.published >= known { Readers::In } else { Readers::WaitFor(known) };
        }
    }

    /// Whether readers are let in; if not, for what they wait.
    pub fn readers(&self) -> Readers {
        self.readers
    }

    /// Log time when the replica's own clock says `local`.
    pub fn log_time(&self, local: Millis) -> Reading {
        self.log_time.read(local, self.limit_ms, self.next_time())
    }

    /// By which instant readers judge when the replica's own clock says `local` and the latest that they were told is
    /// `told`.
    pub fn reads_at(&self, policy: &dyn ExpiryPolicy, local: Millis, told: Millis) -> Reading {
        policy.reads_at(Clocks { log_time: self.log_time(local), local, told })
    }

    /// The instant at which what is dead may be removed when the replica's own clock says `local`; `None`: the master sees
    /// to it.
    pub fn removes_at(&self, policy: &dyn ExpiryPolicy, local: Millis) -> Option<Millis> {
        match policy.removal() {
            Removal::LogTime => Some(self.heard()),
            Removal::Local => Some(local),
            Removal::ByMaster => None,
        }
    }
}
