//! Segment errors — chosen by what the caller must do. Pure.

use super::super::{DecodeError, LogError, Lsn, TooLarge};
use super::header::HeaderError;
use super::packed::PackedError;
use std::io;

/// Why the segment files did not do what they were asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// The disk refused, and the log is as before: the caller refuses the write, and may try again.
    #[error("cannot {doing} {file}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// Name of the file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// A fsync failed, or what a failed write left could not be taken away again, or a promise is half recorded.
    /// The log is poisoned: it takes no more entries until the next start, and the node goes read-only.
    #[error("cannot {doing} {file}: {source}; the log takes no more entries until a restart")]
    Fatal {
        /// What was tried.
        doing: &'static str,
        /// Name of the file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// An earlier call failed with [`SegmentError::Fatal`]: the node is read-only.
    #[error("log takes no more entries: {reason}")]
    Poisoned {
        /// The first error.
        reason: String,
    },
    /// An entry cannot come next. The log is as before.
    #[error(transparent)]
    Order(#[from] LogError),
    /// An entry is too large. The log is as before.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// Bytes that a fsync had covered, or that can only have been written so, are not right: the node refuses to
    /// start, and a person decides.
    #[error("{file} is damaged at byte {offset}, where lsn {lsn} begins: {reason}; {covered}")]
    Damaged {
        /// Name of the file.
        file: String,
        /// Where in it, bytes from its start.
        offset: u64,
        /// The LSN that should stand there.
        lsn: Lsn,
        /// What is wrong.
        reason: Damage,
        /// Why it cannot be cut off.
        covered: Covered,
    },
    /// A packed segment does not give its bytes, which a fsync had covered: as `Damaged`.
    #[error("{file} is damaged at byte {offset}: {reason}; {covered}", covered = Covered::Whole)]
    Packed {
        /// Name of the file.
        file: String,
        /// Where in it, bytes from its start.
        offset: u64,
        /// What is wrong.
        reason: PackedError,
    },
    /// A segment is not there, in the middle or at either end: the node refuses to start.
    #[error("segment with lsn {expected} is missing: {found}")]
    Missing {
        /// First LSN that is lacking.
        expected: Lsn,
        /// What is there in its place.
        found: Found,
    },
    /// The LSN was purged: the replica that asks for it needs a full sync.
    #[error("lsn {asked} is purged: the log begins at {first}")]
    Purged {
        /// The LSN that was asked for.
        asked: Lsn,
        /// The first that is still there.
        first: Lsn,
    },
}

/// What is wrong with bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// They are no entry.
    #[error(transparent)]
    Entry(#[from] DecodeError),
    /// They are an entry that cannot come here.
    #[error(transparent)]
    Order(#[from] LogError),
    /// They are no header.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// They are a header that does not follow from the segments before it.
    #[error("header does not follow from the segments before it")]
    HeaderOrder,
    /// The file ends here.
    #[error("file ends")]
    End,
}

/// Why damage is not cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Covered {
    /// A fsync had covered it.
    #[error("fsync had covered {file_bytes} bytes of this file, through lsn {lsn}")]
    Synced {
        /// How much of this file, bytes.
        file_bytes: u64,
        /// The last LSN that it covered.
        lsn: Lsn,
    },
    /// A later segment follows, and none is begun before the fsync of the one before it.
    #[error("fsync had covered the whole file before the next segment was begun")]
    Whole,
    /// The checksum is right: the bytes were written so, by a program that knows more than this one.
    #[error("its checksum is right: another version wrote it")]
    WrittenSo,
}

/// What is there in place of a missing segment.
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
    /// Makes an error of the disk one that left the log as it was.
    pub(super) fn io(doing: &'static str, file: &str) -> impl FnOnce(io::Error) -> SegmentError {
        move |source| SegmentError::Io { doing, file: file.to_string(), source }
    }

    /// Makes an error of the disk one after which the log cannot be trusted with more.
    pub(super) fn fatal(doing: &'static str, file: &str) -> impl FnOnce(io::Error) -> SegmentError {
        move |source| SegmentError::Fatal { doing, file: file.to_string(), source }
    }
}
