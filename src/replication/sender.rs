//! Sender — the end of a master's log → which messages a replica gets next. Pure.
//!
//! ```text
//! sent through   tail   an offset holds after   →  offset   entries   heartbeat
//! 4              9      6                          old      5, 6      –             one that is measured later is sent later
//! 6              9      –                          new      7 – 9     –
//! 9              9      –                          –        –         if log time has advanced, or nothing was sent for long
//! ```
//!
//! The master's side of a session is this machine, the reading of the log, and [`super::order::Acks`] for the replica's acks.

use super::handshake::Resume;
use super::{Heartbeat, Offset, PROTOCOL_VERSION_OFFSET, Tail};
use crate::binlog::Lsn;
use crate::time::Millis;

/// The place in the log up to which entries and log time were sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    /// The last entry.
    pub last: Lsn,
    /// Log time after it.
    pub time: Millis,
}

/// The next messages: the offset, then entries. A heartbeat may follow: [`Sender::heartbeat`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Next {
    /// The offset of the master's wall clock.
    pub offset: Option<Offset>,
    /// Entries through this one, or a part of them; `None`: there are none to send.
    pub up_to: Option<Lsn>,
}

/// The messages that one replica has been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sender {
    seen: Seen,
    /// The offset that was sent last.
    offset_ms: Option<i64>,
    /// Whether the replica's version has offsets.
    has_offsets: bool,
}

impl Sender {
    /// The state after this answer, before the first message.
    pub fn new(resume: &Resume) -> Sender {
        let seen = Seen { last: Lsn(resume.from.0.saturating_sub(1)), time: Millis::ZERO };
        Sender { seen, offset_ms: None, has_offsets: resume.version >= PROTOCOL_VERSION_OFFSET }
    }

    /// The place up to which entries and log time were sent.
    pub fn seen(&self) -> Seen {
        self.seen
    }

    /// The next messages, if the log ends at `tail`. `offset`: the master's offset after the last entry sent, and the entry after
    /// which the next offset holds. So an offset is always sent before the entries that were written after it was measured.
    pub fn next(&mut self, tail: Tail, (offset, until): (Offset, Option<Lsn>)) -> Next {
        let is_new = self.has_offsets && self.offset_ms.replace(offset.offset_ms) != Some(offset.offset_ms);
        let up_to = until.map_or(tail.last, |until| until.min(tail.last));
        Next { offset: is_new.then_some(offset), up_to: (tail.last > self.seen.last).then_some(up_to) }
    }

    /// Notes that entries are sent, through this place.
    pub fn entries(&mut self, through: Seen) {
        self.seen = through;
    }

    /// The heartbeat after the entries. `is_due`: none was sent for long. Log time advances only at the end of the log: only there
    /// it is certain that no entry of an earlier time follows.
    pub fn heartbeat(&mut self, tail: Tail, is_due: bool) -> Option<Heartbeat> {
        let advances = self.seen.last == tail.last && tail.time > self.seen.time;
        if advances {
            self.seen.time = tail.time;
        }
        (advances || is_due).then_some(Heartbeat { time: self.seen.time, after: self.seen.last, tail })
    }
}
