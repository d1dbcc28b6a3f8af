//! Lag — how far a replica is behind: entries, bytes and milliseconds of log time. Pure, the same on both sides.
//!
//! ```text
//! marks    lsn 5    lsn 8            lsn 12                tail: lsn 20, 9000 ms, 700 bytes
//!          0 bytes  90 bytes         210 bytes             one mark a group that was sent, or received
//!          ?        8000 ms          8400 ms
//! applied           9                                      11 entries, 1000 ms (by the mark at or before it)
//! ```
//!
//! Where the log's end lies in bytes is not known before the session has reached it once: until then there is no lag
//! in bytes. Before the session was told where the log ends there is no lag at all.

use super::Tail;
use crate::binlog::Lsn;
use crate::time::Millis;
use std::collections::VecDeque;

/// Marks that are kept, at most; more groups under way than that make the lag in bytes and time coarser, never too small.
pub const MARKS_MAX: usize = 1024;

/// How far behind the end of the master's log. The default: nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Lag {
    /// Entries that are lacking; `None` as long as it is not known.
    pub entries: Option<u64>,
    /// Their bytes; `None` as long as it is not known.
    pub bytes: Option<u64>,
    /// Log time at the end, less log time here, milliseconds; `None` as long as it is not known.
    pub ms: Option<u64>,
}

impl Lag {
    /// Nothing is lacking.
    pub const NONE: Lag = Lag { entries: Some(0), bytes: Some(0), ms: Some(0) };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Mark {
    lsn: Lsn,
    /// Bytes of this session's entries through `lsn`.
    bytes: u64,
    time: Option<Millis>,
}

/// Where the groups of one session end, as far as lags still depend on it, and the log's end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Marks {
    marks: VecDeque<Mark>,
    /// The log's end, once it was told.
    tail: Option<Tail>,
    /// What the tail's count of bytes was before this session's first entry.
    base: Option<u64>,
}

impl Marks {
    /// A session that begins after entry `start`.
    pub fn new(start: Lsn) -> Marks {
        let mark = Mark { lsn: start, bytes: 0, time: None };
        Marks { marks: VecDeque::from([mark]), tail: None, base: None }
    }

    /// Notes that the session has come to `lsn` with `bytes` more, and to log time `time`.
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

    /// Notes the end of the master's log.
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

    /// The lag of who is at `lsn`. Places before it are forgotten, so `lsn` is not to go back.
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
            // Differences of counts that may begin anywhere.
            tail.bytes.wrapping_sub(base.wrapping_add(mark.bytes))
        });
        let ms = mark.and_then(|mark| mark.time).map(|time| tail.time.since(time));
        Lag { entries: Some(tail.last.0.saturating_sub(lsn.0)), bytes, ms }
    }
}
