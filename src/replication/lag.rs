//! Lag — how far a replica is behind its master: entries, bytes and milliseconds of log time. Pure, and the same on both
//! sides.
//!
//! ```text
//! marks    lsn 5    lsn 8            lsn 12                tail: lsn 20, 9000 ms, 700 bytes
//!          0 bytes  90 bytes         210 bytes             one mark for each group sent, or received
//!          ?        8000 ms          8400 ms
//! applied           9                                      11 entries, 1000 ms (by the mark at or before it)
//! ```
//!
//! The byte position of the log's end is unknown until the session has reached the end once: until then the lag in bytes is
//! unknown. Until the session has received the end of the log, the whole lag is unknown.

use super::Tail;
use crate::binlog::Lsn;
use crate::time::Millis;
use std::collections::VecDeque;

/// The most marks that are kept. If more groups are in flight, the lag in bytes and time becomes coarser, but is never too
/// small.
pub const MARKS_MAX: usize = 1024;

/// The distance to the end of the master's log. By default everything is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Lag {
    /// Number of missing entries; `None`: unknown.
    pub entries: Option<u64>,
    /// Bytes of the missing entries; `None`: unknown.
    pub bytes: Option<u64>,
    /// Log time at the end less log time here, in milliseconds; `None`: unknown.
    pub ms: Option<u64>,
}

impl Lag {
    /// The lag if no entry is missing.
    pub const NONE: Lag = Lag { entries: Some(0), bytes: Some(0), ms: Some(0) };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Mark {
    lsn: Lsn,
    /// Bytes of this session's entries through `lsn`.
    bytes: u64,
    time: Option<Millis>,
}

/// The ends of a session's groups, as far as they are still needed to compute a lag, and the end of the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Marks {
    marks: VecDeque<Mark>,
    /// The end of the log, once it was received.
    tail: Option<Tail>,
    /// The value of [`Tail::bytes`] before this session's first entry; `None`: unknown.
    base: Option<u64>,
}

impl Marks {
    /// A session that begins after entry `start`.
    pub fn new(start: Lsn) -> Marks {
        let mark = Mark { lsn: start, bytes: 0, time: None };
        Marks { marks: VecDeque::from([mark]), tail: None, base: None }
    }

    /// Notes that the session has reached entry `lsn` after `bytes` more bytes, and log time `time`.
    pub fn pass(&mut self, lsn: Lsn, bytes: u64, time: Millis) {
        let before = self.marks.back().copied().unwrap_or(Mark { lsn: Lsn::NONE, bytes: 0, time: None });
        if before.lsn == lsn {
            self.marks.pop_back();
        }
        self.marks.push_back(Mark { lsn, bytes: before.bytes.wrapping_add(bytes), time: Some(time) });
        if self.marks.len() > MARKS_MAX {
            let mut keeps = (0..self.marks.len()).map(|at| at % 2 == 0);
            self.marks.retain(|_| keeps.next().unwrap_or(true));
        }
        self.find_base();
    }

    /// Notes the current end of the master's log.
    pub fn end(&mut self, tail: Tail) {
        self.tail = Some(tail);
        self.find_base();
    }

    fn find_base(&mut self) {
        let Some(tail) = self.tail else { return };
        if let Some(mark) = self.marks.back().filter(|mark| mark.lsn == tail.last) {
            self.base = Some(tail.bytes.wrapping_sub(mark.bytes));
        }
    }

    /// The lag at entry `lsn`. It drops the marks before `lsn`, so `lsn` must never decrease between calls.
    pub fn lag(&mut self, lsn: Lsn) -> Lag {
        while self.marks.get(1).is_some_and(|mark| mark.lsn <= lsn) {
            self.marks.pop_front();
        }
        let Some(tail) = self.tail else { return Lag::default() };
        if lsn >= tail.last {
            return Lag::NONE;
        }
        let mark = self.marks.front();
        let bytes = mark.zip(self.base).map(|(mark, base)| {
            // Both counts may begin at any number, so only their difference is used.
            tail.bytes.wrapping_sub(base.wrapping_add(mark.bytes))
        });
        let ms = mark.and_then(|mark| mark.time).map(|time| tail.time.since(time));
        Lag { entries: Some(tail.last.0.saturating_sub(lsn.0)), bytes, ms }
    }
}
