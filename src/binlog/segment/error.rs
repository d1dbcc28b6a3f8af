//! Segment errors — distinguished by what the caller must do. Pure.

use super::super::{DecodeError, LogError, Lsn, TooLarge};
use super::header::HeaderError;
use super::packed::PackedError;
use std::io;

/// An error of the segment files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// An I/O error, and the log is unchanged: the caller refuses the write, and may try again.
    #[error("cannot {doing} {file}: {source}")]
    Io {
        /// The operation that failed.
        doing: &'static str,
        /// Name of the file.
        file: String,
        /// The error of the system.
        source: io::Error,
    },
    /// An fsync failed, or the remains of a failed write could not be removed, or a promise is half recorded.
    /// The log is poisoned: it accepts no more entries until the next start, and the node goes read-only.
    #[error("cannot {doing} {file}: {source}; the log takes no more entries until a restart")]
    Fatal {
        /// The operation that failed.
        doing: &'static str,
        /// Name of the file.
        file: String,
        /// The error of the system.
        source: io::Error,
    },
    /// An earlier call failed with [`SegmentError::Fatal`]: the node is read-only.
    #[error("log takes no more entries: {reason}")]
    Poisoned {
        /// The first error.
        reason: String,
    },
    /// An entry cannot come next. The log is unchanged.
    #[error(transparent)]
    Order(#[from] LogError),
    /// An entry is too large. The log is unchanged.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// Bytes that an fsync had covered, or that must have been written like this, are wrong: the node refuses to
    /// start, and the operator decides.
    #[error("{file} is damaged at byte {offset}, where lsn {lsn} begins: {reason}; {covered}")]
    Damaged {
        /// Name of the file.
        file: String,
        /// Where in it, bytes from its start.
        offset: u64,
        /// The LSN of the entry that should begin there.
        lsn: Lsn,
        /// The damage.
        reason: Damage,
        /// The reason why it cannot be cut off.
        covered: Covered,
    },
    /// A packed segment, which an fsync had covered, cannot be read: see `Damaged`.
    #[error("{file} is damaged at byte {offset}: {reason}; {covered}", covered = Covered::Whole)]
    Packed {
        /// Name of the file.
        file: String,
        /// Where in it, bytes from its start.
        offset: u64,
        /// The reason why it cannot be read.
        reason: PackedError,
    },
    /// A segment is missing, in the middle or at either end: the node refuses to start.
    #[error("segment with lsn {expected} is missing: {found}")]
    Missing {
        /// First LSN that is missing.
        expected: Lsn,
        /// The file, or nothing, that was found instead.
        found: Found,
    },
    /// The LSN was purged: the replica that asks for it needs a full sync.
    #[error("lsn {asked} is purged: the log begins at {first}")]
    Purged {
        /// The LSN that was asked for.
        asked: Lsn,
        /// The first LSN that is still in the log.
        first: Lsn,
    },
}

/// The damage of bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// They are not an entry.
    #[error(transparent)]
    Entry(#[from] DecodeError),
    /// They are an entry that cannot come here.
    #[error(transparent)]
    Order(#[from] LogError),
    /// They are not a header.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// They are a header that does not follow from the segments before it.
    #[error("header does not follow from the segments before it")]
    HeaderOrder,
    /// The file ends here.
    #[error("file ends")]
    End,
}

/// The reason why damage is not cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Covered {
    /// An fsync had covered it.
    #[error("fsync had covered {file_bytes} bytes of this file, through lsn {lsn}")]
    Synced {
        /// Number of bytes of this file that it covered.
        file_bytes: u64,
        /// The last LSN that it covered.
        lsn: Lsn,
    },
    /// A later segment exists, and a segment is begun only after the fsync of the one before it.
    #[error("fsync had covered the whole file before the next segment was begun")]
    Whole,
    /// The checksum is right: the bytes were written like this by a program that knows more than this one.
    #[error("its checksum is right: another version wrote it")]
    WrittenSo,
}

/// The thing that was found instead of a missing segment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Found {
    /// Another segment.
    #[error("the next file is {0}")]
    File(String),
    /// Nothing.
    #[error("no file follows")]
    Nothing,
}

impl SegmentError {
    /// Converts an I/O error into one that left the log unchanged.
    pub(super) fn io(doing: &'static str, file: &str) -> impl FnOnce(io::Error) -> SegmentError {
        move |source| SegmentError::Io { doing, file: file.to_string(), source }
    }

    /// Converts an I/O error into one after which the log must not accept more entries.
    pub(super) fn fatal(doing: &'static str, file: &str) -> impl FnOnce(io::Error) -> SegmentError {
        move |source| SegmentError::Fatal { doing, file: file.to_string(), source }
    }
}
