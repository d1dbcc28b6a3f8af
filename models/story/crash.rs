//! Crash — the steps of a node that writes, flushes, crashes and starts. Plain data and its words.

use crate::binlog::{Epoch, Lsn};
use std::fmt;

/// A step of a node, other than taking a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CrashDeed {
    /// It receives entries of its master.
    Receive(Entries),
    /// Entries are appended to its log.
    Append(Entries),
    /// Its log is synced through this entry.
    Sync(Lsn),
    /// Entries are written to its store.
    Apply {
        /// Which.
        entries: Entries,
        /// Whether their marker is in the batch.
        marker: bool,
    },
    /// The marker is written to its store.
    Mark(Lsn),
    /// Readers and followers are given entries.
    Publish(Entries),
    /// Clients are told that their writes are done.
    Reply(Entries),
    /// A flush of the store begins.
    BeginFlush(Flushed),
    /// The flush ends.
    EndFlush(Flushed),
    /// It crashes.
    Crash {
        /// Whether it loses power, and is not killed.
        is_power_loss: bool,
        /// In what, if not between two steps.
        during: Option<(During, u8)>,
    },
    /// It starts.
    Start {
        /// The marker of its store.
        marker: Lsn,
        /// The last entry of its log.
        last: Lsn,
        /// Whether the log is a new one.
        is_new_log: bool,
        /// As master it is in this epoch.
        epoch: Option<Epoch>,
    },
    /// It does not start, for this reason.
    Refuse(String),
}

/// Consecutive entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entries {
    /// The first one.
    pub first: Lsn,
    /// The last one.
    pub last: Lsn,
}

/// The state that a flush writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flushed {
    /// The marker.
    pub marker: Lsn,
    /// The log has been synced through this entry.
    pub durable: Lsn,
    /// The first entry that the log still has, if some are purged in the same step.
    pub purged_to: Option<Lsn>,
}

/// The step that a crash interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum During {
    /// The write of a group to the log.
    Append,
    /// The fsync of the log.
    Sync,
    /// The purge of the log.
    Purge,
    /// The start.
    Start,
}

impl fmt::Display for Entries {
    /// `entry 1`, `entries 1 to 2`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first >= self.last {
            true => write!(out, "entry {}", self.last),
            false => write!(out, "entries {} to {}", self.first, self.last),
        }
    }
}

impl fmt::Display for CrashDeed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CrashDeed::Receive(entries) => write!(out, "receives {entries}"),
            CrashDeed::Append(entries) => write!(out, "appends {entries} to its log"),
            CrashDeed::Sync(Lsn::NONE) => out.write_str("syncs its log, which is empty"),
            CrashDeed::Sync(lsn) => write!(out, "syncs its log, through entry {lsn}"),
            CrashDeed::Apply { entries, marker: true } => {
                write!(out, "writes {entries} to its store, with marker {}", entries.last)
            }
            CrashDeed::Apply { entries, marker: false } => {
                write!(out, "writes {entries} to its store, without a marker")
            }
            CrashDeed::Mark(lsn) => write!(out, "writes marker {lsn} to its store"),
            CrashDeed::Publish(entries) => write!(out, "shows {entries} to readers and followers"),
            CrashDeed::Reply(entries) => {
                write!(out, "tells its clients that {entries} is done", entries = Done(*entries))
            }
            CrashDeed::BeginFlush(flushed) => {
                let Flushed { marker, durable, .. } = flushed;
                write!(
                    out,
                    "begins to flush its store, with marker {marker}; the log is synced through {durable}"
                )?;
                flushed.fmt_purge(out)
            }
            CrashDeed::EndFlush(flushed) => {
                write!(out, "has flushed its store, with marker {}", flushed.marker)?;
                flushed.fmt_purge(out)
            }
            CrashDeed::Crash { is_power_loss, during } => {
                out.write_str(if *is_power_loss { "loses power" } else { "is killed" })?;
                match during {
                    None => Ok(()),
                    Some((during, at)) => write!(out, " {during}, at its change {} of a file", at + 1),
                }
            }
            CrashDeed::Start { marker, last, is_new_log, epoch } => {
                write!(out, "starts with marker {marker} and a log through {last}")?;
                if *is_new_log {
                    out.write_str(", which is a new one, as the store was ahead of the old one")?;
                }
                epoch.map_or(Ok(()), |epoch| write!(out, ", in epoch {epoch}"))
            }
            CrashDeed::Refuse(reason) => write!(out, "does not start: {reason}"),
        }
    }
}

/// Entries as the subject of *is done*.
struct Done(Entries);

impl fmt::Display for Done {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Entries { first, last } = self.0;
        match first >= last {
            true => write!(out, "entry {last}"),
            false => write!(out, "each of the entries {first} to {last}"),
        }
    }
}

impl Flushed {
    fn fmt_purge(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.purged_to
            .map_or(Ok(()), |first| write!(out, "; the log is purged, and begins with entry {first}"))
    }
}

impl fmt::Display for During {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            During::Append => "while it appends to its log",
            During::Sync => "while it syncs its log",
            During::Purge => "while it purges its log",
            During::Start => "while it starts",
        })
    }
}
