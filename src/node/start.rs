//! Start — what a start does with a store and a log that a crash has left at different entries. Pure.
//!
//! ```text
//! log     1 2 3 4 5        log     1 2 3              log     1 2 3
//! store   1 2 3            store   1 2 3 4 5          store   1 2 3 4 5
//! any: applies 4 and 5     master: a log from 6 on    replica: does not start
//! ```
//!
//! A store is flushed only after the fsync of its entries, so a store that is ahead of its log says that the disk has lost what an
//! fsync had promised. On a master the store is then the only complete copy. A replica's master still has the entries.

use crate::binlog::Lsn;

/// The action of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Start {
    /// It applies the entries after the store's marker, if there are any.
    CatchUp,
    /// It removes the log, and begins one after the marker, in a new epoch.
    NewLog,
    /// It ends: the store is ahead of the log.
    Refuse,
}

/// The action of a start whose store holds all entries through `marker` and whose log ends with entry `last`. `follows`: whether the
/// folder is a replica's, or becomes one.
pub fn start(marker: Lsn, last: Lsn, follows: bool) -> Start {
    match (marker > last, follows) {
        (false, _) => Start::CatchUp,
        (true, false) => Start::NewLog,
        (true, true) => Start::Refuse,
    }
}
