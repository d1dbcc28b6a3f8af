//! Full sync — the steps of a master and a replica while the master's store is copied. Plain data and its words.

use crate::binlog::Lsn;
use crate::effect::Key;
use std::fmt;

/// A step of a full sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyDeed {
    /// The master purges its log, which then begins with this entry.
    Purge(Lsn),
    /// The master no longer keeps its log for a replica that has a copy.
    Forget,
    /// The replica connects, names its last entry, and is refused with this reply.
    Refused(Lsn, String),
    /// The replica asks for the whole store.
    Ask,
    /// The master takes the snapshot of the state after this entry.
    Snapshot(Lsn),
    /// The head arrives; the records are said to be the state after this entry.
    Head(Lsn),
    /// A record of this key arrives.
    Record(Key),
    /// An entry arrives among the records.
    Entry(Lsn),
    /// The end arrives.
    End,
    /// The replica rejects a message, and hangs up.
    HangUp,
    /// The connection is lost, and the replica takes the records so far for the whole store.
    LoseEnd,
    /// The replica starts again on the copy, whose last entry this is.
    Switch(Lsn),
}

impl fmt::Display for CopyDeed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CopyDeed::Purge(first) => write!(out, "purges its log, which now begins with entry {first}"),
            CopyDeed::Forget => out.write_str("keeps its log for the copy no longer: a minute has passed"),
            // The text after the first semicolon tells an operator what to do.
            CopyDeed::Refused(last, reply) => {
                let reason = reply.split(';').next().unwrap_or_default();
                write!(out, "connects, has entry {last} last, and is refused: {reason}")
            }
            CopyDeed::Ask => out.write_str("asks for the whole store; the master keeps its log from now on"),
            CopyDeed::Snapshot(lsn) => write!(out, "takes a snapshot of the state after entry {lsn}"),
            CopyDeed::Head(lsn) => write!(out, "receives the head of a copy of the state after entry {lsn}"),
            CopyDeed::Record(key) => write!(out, "receives the record of {key}"),
            CopyDeed::Entry(lsn) => write!(out, "receives entry {lsn} among the records"),
            CopyDeed::End => out.write_str("receives the end of the copy, and stores it"),
            CopyDeed::HangUp => out.write_str("gets a message that may not come next, and hangs up"),
            CopyDeed::LoseEnd => {
                out.write_str("loses its connection, and takes what has arrived for the whole store")
            }
            CopyDeed::Switch(lsn) => {
                write!(out, "makes the copy current, and starts again on the state after entry {lsn}")
            }
        }
    }
}
