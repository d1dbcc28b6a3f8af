//! Segment header — the name of a segment, and the bytes before its entries. Pure.
//!
//! ```text
//! offset    bytes  what                                      name: first LSN, 20 digits, ".binlog"
//! 0         8      magic "RCBINLOG"
//! 8         4      version, 2
//! 12        8      LSN of the first entry
//! 20        8      log time of the entry before it, 0 if there was none, milliseconds
//! 28        4      number of epochs, n
//! 32        16n    each epoch and its first LSN, up to here: with them a fork is found; purged epochs may be left out
//! 32+16n    8      running checksum of the entry before it (see `chain.rs`), all ones if it is not known; not in version 1
//! 40+16n    4      CRC32C of all before
//! ```
//!
//! Numbers are big-endian, as in entries. A header is written and synced under another name first, so a file that
//! has a segment's name has a whole header.

use super::super::{Epoch, Lsn};
use super::chain::Running;
use crate::time::Millis;

const MAGIC: [u8; 8] = *b"RCBINLOG";
const VERSION: u32 = 2;
const RUNNING_BYTES: usize = 8;
const FIXED_BYTES: usize = 32;
const SUFFIX: &str = ".binlog";

/// The header of a segment: the state of the log before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub first: Lsn,
    pub time: Millis,
    pub epochs: Vec<(Epoch, Lsn)>,
    pub running: Running,
}

/// The reason why bytes are not a segment's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// They do not begin like a header, or end too early.
    #[error("not the header of a segment")]
    NotAHeader,
    /// The version is unknown.
    #[error("unknown segment version {0}")]
    UnknownVersion(u32),
    /// They were changed after they were written.
    #[error("header checksum is {stored:08x}, its bytes give {computed:08x}")]
    Checksum {
        /// The checksum that is stored in the header.
        stored: u32,
        /// The checksum of its bytes.
        computed: u32,
    },
    /// The file has another segment's name.
    #[error("header belongs to the segment that begins at lsn {0}")]
    OtherSegment(Lsn),
}

/// The name of the segment that begins with this LSN.
pub(super) fn segment_name(first: Lsn) -> String {
    format!("{:020}{SUFFIX}", first.0)
}

/// The first LSN according to a segment's name; `None` if it is not the name of a segment.
pub(super) fn first_lsn(name: &str) -> Option<Lsn> {
    let digits = name.strip_suffix(SUFFIX)?;
    let first = digits.parse().ok().map(Lsn)?;
    (segment_name(first) == name).then_some(first)
}

impl Header {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&VERSION.to_be_bytes());
        out.extend_from_slice(&self.first.0.to_be_bytes());
        out.extend_from_slice(&self.time.0.to_be_bytes());
        // Each epoch is a promotion or a start: there will never be four thousand million of them.
        out.extend_from_slice(&u32::try_from(self.epochs.len()).unwrap_or(u32::MAX).to_be_bytes());
        for (epoch, first) in &self.epochs {
            out.extend_from_slice(&epoch.0.to_be_bytes());
            out.extend_from_slice(&first.0.to_be_bytes());
        }
        let running = self.running.known().map_or(u64::MAX, u64::from);
        out.extend_from_slice(&running.to_be_bytes());
        let checksum = crc32c::crc32c(&out);
        out.extend_from_slice(&checksum.to_be_bytes());
        out
    }

    /// The header at the beginning of `bytes`, the file of segment `first`, and its length.
    pub fn decode(bytes: &[u8], first: Lsn) -> Result<(Header, usize), HeaderError> {
        let number = |at| array(bytes, at).map(u64::from_be_bytes);
        let (Some(version), Some(count)) = (short(bytes, 8), short(bytes, 28)) else {
            return Err(HeaderError::NotAHeader);
        };
        if !bytes.starts_with(&MAGIC) {
            return Err(HeaderError::NotAHeader);
        }
        let running_bytes = match version {
            1 => 0,
            VERSION => RUNNING_BYTES,
            other => return Err(HeaderError::UnknownVersion(other)),
        };
        let rows = usize::try_from(count).ok().and_then(|count| count.checked_mul(16));
        let rows_end = rows.and_then(|rows| rows.checked_add(FIXED_BYTES)).ok_or(HeaderError::NotAHeader)?;
        let end = rows_end.checked_add(running_bytes).ok_or(HeaderError::NotAHeader)?;
        let stored = short(bytes, end).ok_or(HeaderError::NotAHeader)?;
        let computed = crc32c::crc32c(&bytes[..end]);
        if stored != computed {
            return Err(HeaderError::Checksum { stored, computed });
        }
        let running =
            number(rows_end).filter(|_| version > 1).and_then(|running| u32::try_from(running).ok());
        let running = running.map_or(Running::Unknown, Running::Known);
        let epochs = (FIXED_BYTES..rows_end).step_by(16);
        let epochs = epochs.map(|at| Some((Epoch(number(at)?), Lsn(number(at + 8)?)))).collect::<Option<_>>();
        match (number(12), number(20), epochs) {
            (Some(own), _, _) if own != first.0 => Err(HeaderError::OtherSegment(Lsn(own))),
            (Some(_), Some(time), Some(epochs)) => {
                Ok((Header { first, time: Millis(time), epochs, running }, end + 4))
            }
            _ => Err(HeaderError::NotAHeader),
        }
    }
}

fn short(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_be_bytes)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}
