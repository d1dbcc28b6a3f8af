//! Replica — computes the times that a replica's readers are given from the entries that it received and published. Pure:
//! it holds no store and no lock. Its caller reports what was received and what is published.
//!
//! ```text
//! stream      6 (t 40)   heartbeat 45   7 (t 50)
//! published   5          6              6             7
//! log time    38         45             45            50          the times after 6 are heard when 6 is published
//! ```
//!
//! Log time advances with the state that readers see: with n entries published, the clock c satisfies t(n) ≤ c, and c ≤
//! t(n+1) once entry n+1 is received. An estimate that readers were told before entry n+1 arrived may be later; it is not
//! withdrawn. Silence is measured by the elapsed clock from the last receipt, so neither a stalled worker nor a step of the
//! wall clock looks like a silent master. The master's offset, too, changes with the state that readers see.
//!
//! Which worker writes which entry, and when, is decided by [`crate::ordering`] and [`crate::apply::Applier`].

use crate::binlog::Lsn;
use crate::expiry::{Clocks, ExpiryPolicy, LogTime, Reading, Removal};
use crate::invariant;
use crate::time::{Elapsed, Millis, Moment};
use std::collections::VecDeque;

/// Whether readers are let in.
///
/// Before a loss of data, readers may have seen entries that the log no longer has. Before a crash, readers may have been
/// told a log time that came with a heartbeat. Heartbeats are not logged, so a key that a reader saw dead would be alive
/// again after the crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Readers {
    /// Readers are let in.
    In,
    /// Readers wait until the master has sent the end of its log.
    WaitForMaster,
    /// Readers wait until the master has sent all entries up to this one, and a time after it.
    WaitForTail(Lsn),
    /// Readers wait until this entry is published. The time after it is then heard.
    WaitFor(Lsn),
}

/// The times of one entry and of the heartbeats after it, which are heard once the entry is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Waiting {
    after: Lsn,
    /// The first of these times, which is the entry's own if it was received.
    first: Millis,
    /// The last of these times.
    last: Millis,
}

/// The state of a replica without its store, its log and its workers.
///
/// Invariants: `published` never decreases. Log time never goes back, except in [`Replica::ends`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Replica {
    /// The last entry that readers see.
    published: Lsn,
    log_time: LogTime,
    /// Times that were received but are not heard yet, in log order.
    waiting: VecDeque<Waiting>,
    /// The master's offset at the state that readers see, in milliseconds.
    offset_ms: i64,
    /// Offsets that were received, each with the entry after which it holds and which is not published yet; in log order.
    offsets: VecDeque<(Lsn, i64)>,
    /// Milliseconds of silence after which log time is estimated; `None`: never.
    limit_ms: Option<u64>,
    /// Readers are told no time of a heartbeat and no estimate beyond this instant. It does not limit the times of entries,
    /// because these are in the log.
    ceiling: Millis,
    readers: Readers,
}

impl Replica {
    /// A replica whose readers see all entries up to `published`, at log time `log_time`. `limit_ms`: milliseconds of silence
    /// after which log time is estimated; `None`: never.
    pub fn new(published: Lsn, log_time: LogTime, limit_ms: Option<u64>, readers: Readers) -> Replica {
        let (waiting, offsets) = (VecDeque::new(), VecDeque::new());
        let ceiling = Millis(u64::MAX);
        Replica { published, log_time, waiting, offset_ms: 0, offsets, limit_ms, ceiling, readers }
    }

    /// The same replica with this offset of the master, which holds until another one is received.
    #[must_use]
    pub fn with_offset(self, offset_ms: i64) -> Replica {
        Replica { offset_ms, ..self }
    }

    /// Sets the ceiling, which must be durable: from now on readers are told no time of a heartbeat and no estimate beyond
    /// it. A new replica has no ceiling.
    pub fn set_ceiling(&mut self, ceiling: Millis) {
        self.ceiling = ceiling;
    }

    /// See [`Replica::set_ceiling`].
    pub fn ceiling(&self) -> Millis {
        self.ceiling
    }

    /// The last entry that readers see.
    pub fn published(&self) -> Lsn {
        self.published
    }

    /// The latest master's time that was heard.
    pub fn heard(&self) -> Millis {
        self.log_time.heard()
    }

    /// The elapsed clock at the last receipt; 0 if log time is never estimated.
    pub fn received_at(&self) -> Elapsed {
        self.log_time.received_at()
    }

    /// The master's offset at the state that readers see, in milliseconds. EXPIRETIME uses it for its reply.
    pub fn offset_ms(&self) -> i64 {
        self.offset_ms
    }

    /// Notes that entry `lsn` was received when the elapsed clock said `now`. `time`: the master's time of the entry.
    /// Called in log order, before the entry is applied.
    pub fn receive(&mut self, lsn: Lsn, time: Millis, now: Elapsed) {
        self.note(lsn, time, now);
        // The entry's time is a time after the entry before it.
        self.told_after(Lsn(lsn.0.saturating_sub(1)), lsn);
    }

    /// Notes that a heartbeat was received when the elapsed clock said `now`. `time`: the master's time, after entry
    /// `after`. Called in log order.
    pub fn heartbeat(&mut self, after: Lsn, time: Millis, now: Elapsed) {
        self.note(after, self.bounded(time), now);
        self.told_after(after, after);
    }

    /// Notes that the master's offset was received when the elapsed clock said `now`. It holds after entry `after`, from log time
    /// `time` on, which is heard with it. Called in log order.
    pub fn offset(&mut self, after: Lsn, time: Millis, offset_ms: i64, now: Elapsed) {
        match self.offsets.back_mut() {
            // Of two offsets after the same entry, the later one holds.
            Some((before, offset)) if *before == after => *offset = offset_ms,
            _ => self.offsets.push_back((after, offset_ms)),
        }
        self.note(after, self.bounded(time), now);
        self.take_offsets_that_are_due();
    }

    /// Notes that the master's log time was `tail` at the end of its log. Returns whether readers were told an estimate
    /// that is later than `tail` by more than the limit. In that case the estimate is forgotten, log time goes back, and
    /// the caller must disconnect readers that were told the estimate.
    pub fn ends(&mut self, tail: Millis) -> bool {
        let limit = self.limit_ms.map_or(Millis(u64::MAX), |limit| Millis(tail.0.saturating_add(limit)));
        self.log_time.forget_estimate(limit)
    }

    /// A time that is not in an entry, bounded by the ceiling. A replica passes no later one on to its own replicas: it may be
    /// promoted, and then its log time must not be behind theirs.
    pub fn bounded(&self, time: Millis) -> Millis {
        time.min(self.ceiling.max(self.heard()))
    }

    fn note(&mut self, after: Lsn, time: Millis, now: Elapsed) {
        self.log_time.receive(now, self.limit_ms, self.next_time());
        match self.waiting.back_mut() {
            // Only the last time after an entry is kept, so heartbeats do not accumulate while nothing is applied.
            Some(waiting) if waiting.after == after => waiting.last = waiting.last.max(time),
            _ => self.waiting.push_back(Waiting { after, first: time, last: time }),
        }
        self.hear_what_is_due();
    }

    /// Notes that all entries up to `lsn` are applied, and that readers see them from now on.
    pub fn publish(&mut self, lsn: Lsn) {
        debug_assert!(invariant::published_in_order(self.published, lsn), "{} after {}", lsn, self.published);
        self.published = lsn;
        self.hear_what_is_due();
        self.take_offsets_that_are_due();
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

    fn take_offsets_that_are_due(&mut self) {
        while let Some(&(after, offset_ms)) = self.offsets.front()
            && after <= self.published
        {
            self.offset_ms = offset_ms;
            self.offsets.pop_front();
        }
    }

    /// The time of the first entry that was received and is not published. No estimate may be later.
    fn next_time(&self) -> Option<Millis> {
        self.waiting.front().map(|waiting| waiting.first)
    }

    /// Notes that the master resumes the stream, and that the master's log ends with entry `tail`.
    pub fn resumed(&mut self, tail: Lsn) {
        if self.readers == Readers::WaitForMaster {
            self.readers = Readers::WaitForTail(tail);
        }
    }

    /// Notes that a time after entry `after` was received. It is heard once entry `known` is published.
    fn told_after(&mut self, after: Lsn, known: Lsn) {
        if let Readers::WaitForTail(tail) = self.readers
            && after >= tail
        {
            self.readers = if self.published >= known { Readers::In } else { Readers::WaitFor(known) };
        }
    }

    /// Whether readers are let in; if not, the condition that they wait for.
    pub fn readers(&self) -> Readers {
        self.readers
    }

    /// Log time when the elapsed clock says `now`.
    pub fn log_time(&self, now: Elapsed) -> Reading {
        let reading = self.log_time.read(now, self.limit_ms, self.next_time());
        let reading = Reading { time: self.bounded(reading.time), ..reading };
        debug_assert!(invariant::judged_at_what_is_seen(self.heard(), reading.time), "{reading:?}");
        reading
    }

    /// The instant by which readers judge at `now`. `told`: the latest instant by which a reader was answered.
    pub fn reads_at(&self, policy: &dyn ExpiryPolicy, now: Moment, told: Millis) -> Reading {
        policy.reads_at(Clocks { log_time: self.log_time(now.elapsed), local: now.wall, told })
    }

    /// The instant by which dead keys may be removed when the wall clock says `wall`. `None`: only the master removes keys.
    pub fn removes_at(&self, policy: &dyn ExpiryPolicy, wall: Millis) -> Option<Millis> {
        match policy.removal() {
            Removal::LogTime => Some(self.heard()),
            Removal::Local => Some(wall),
            Removal::ByMaster => None,
        }
    }
}
