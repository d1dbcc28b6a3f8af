//! Fsync point — the place up to which the log is known to be durable, in a small file beside the segments.
//! Pure, except for the [`Files`] that it gets.
//!
//! The file `durable` has four slots, 4096 bytes apart so that they share no page and no sector; of the whole
//! slots the one with the highest sequence counts. After an fsync of the log the point is written to slot 2 or 3,
//! which is *not* synced itself: under `always` that would double the number of fsyncs. A power loss may leave an
//! older point in these slots, or both torn. Then less is known than was true, but never more, because a point is
//! written only after the fsync that it records.
//!
//! ```text
//! slot 0    sequence 4   lsn 30   sealed
//! slot 1    sequence 5   lsn 30   sealed                      fsync through 44 → slot 2, sequence 8
//! slot 2    sequence 6   lsn 40
//! slot 3    sequence 7   lsn 42   ← counts
//! ```
//!
//! The point is not a record between the entries, for two reasons. A reader that finds damage reads no further,
//! and the point that says how far the fsync reached would be behind the damage; a search for it would have to
//! distinguish a record from bytes that a client chose. And a replica's segments would not equal its master's
//! byte for byte.
//!
//! The slot also holds what the next start must know: whether the log was stopped cleanly, whether every acknowledged
//! entry was synced (`always`), and the first LSN that was not purged. [`Points::seal`] changes these: it writes
//! slots 0 and 1, one after the other, and syncs each, so that one of them is whole at any time and no older slot can
//! count again. A clean stop must be revoked in this way before the first append of the next run; otherwise a run
//! that lost everything would look like no run.
//!
//! ```text
//! offset  bytes  what
//! 0       8      magic "RCDURABL"
//! 8       4      version, 2
//! 12      4      run: 0 not promised, 1 always, 2 stopped
//! 16      8      sequence: the highest counts
//! 24      8      first LSN kept
//! 32      8      first LSN of the segment that was synced
//! 40      8      number of its bytes that were synced
//! 48      8      last LSN in these bytes
//! 56      16     id of the node's folder, 0 if it is not known; not in version 1
//! 72      4      CRC32C of all before
//! ```

use super::super::files::{File, Files};
use super::super::{FolderId, Lsn};
use super::error::SegmentError;
use std::io;

/// Name of the file.
pub(super) const POINTS: &str = "durable";
const MAGIC: [u8; 8] = *b"RCDURABL";
const VERSION: u32 = 2;
const FOLDER_AT: usize = 56;
const CONTENT_BYTES: usize = FOLDER_AT + 16;
const SLOT_BYTES: usize = CONTENT_BYTES + 4;
const SLOTS: [u64; 4] = [0, 4096, 8192, 12288];
const SEALED: [u64; 2] = [SLOTS[0], SLOTS[1]];
const RECORDED: [u64; 2] = [SLOTS[2], SLOTS[3]];

/// A place in the log; everything before it was synced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Point {
    /// First LSN of the segment.
    pub segment: Lsn,
    /// Offset in the segment, in bytes.
    pub bytes: u64,
    /// Last LSN before the place.
    pub lsn: Lsn,
}

/// The promise of the run that wrote a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    /// Entries may have been acknowledged before they were synced.
    Unpromised,
    /// No entry was acknowledged before it was synced.
    Always,
    /// The run ended cleanly, after a last fsync.
    Stopped,
}

/// The contents of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub run: Run,
    /// No segment at or after the one that begins here was purged.
    pub first: Lsn,
    pub point: Point,
    /// The folder that the log belongs to, if it is known.
    pub folder: Option<FolderId>,
}

/// The file, and which of the recorded slots is next.
#[derive(Debug)]
pub(super) struct Points<F> {
    file: F,
    sequence: u64,
    next: usize,
}

impl<F: File> Points<F> {
    /// Opens the file. Returns it, if there is one, and its newest whole slot, if there is one.
    pub fn open(files: &impl Files<File = F>) -> Result<(Option<Points<F>>, Option<Slot>), SegmentError> {
        let names = files.list().map_err(SegmentError::io("list", "the log's folder"))?;
        if !names.iter().any(|name| name == POINTS) {
            return Ok((None, None));
        }
        let file = files.open(POINTS).map_err(SegmentError::io("open", POINTS))?;
        let mut newest: Option<(u64, u64, Slot)> = None;
        for offset in SLOTS {
            let bytes = file.read_at(offset, SLOT_BYTES).map_err(SegmentError::io("read", POINTS))?;
            if let Some((sequence, slot)) = decode(&bytes)
                && newest.is_none_or(|(newest, ..)| sequence > newest)
            {
                newest = Some((sequence, offset, slot));
            }
        }
        let (sequence, offset) = newest.map_or((0, 0), |(sequence, offset, _)| (sequence, offset));
        let next = usize::from(offset == RECORDED[0]);
        Ok((Some(Points { file, sequence, next }), newest.map(|(.., slot)| slot)))
    }

    /// Creates a new file with this slot in it, and makes it durable.
    pub fn create(files: &impl Files<File = F>, slot: &Slot) -> Result<Points<F>, SegmentError> {
        let new = super::new_name(POINTS);
        let file = files.create(&new).map_err(SegmentError::io("create", &new))?;
        let mut points = Points { file, sequence: 0, next: 0 };
        // All slots are written, so that the file never grows again: a full disk then cannot prevent a point
        // from being written.
        RECORDED.iter().try_for_each(|_| points.record(slot))?;
        points.seal(slot)?;
        files.rename(&new, POINTS).map_err(SegmentError::io("rename", &new))?;
        files.sync_directory().map_err(SegmentError::fatal("sync the folder of", POINTS))?;
        Ok(points)
    }

    /// Overwrites the older one of slots 2 and 3. The two alternate only after a success: a failed write may have
    /// torn this slot, and the other one is then the newest whole one.
    pub fn record(&mut self, slot: &Slot) -> Result<(), SegmentError> {
        self.write(RECORDED[self.next], slot).map_err(SegmentError::io("write", POINTS))?;
        self.next = 1 - self.next;
        Ok(())
    }

    fn write(&mut self, offset: u64, slot: &Slot) -> io::Result<()> {
        let bytes = encode(self.sequence + 1, slot);
        self.file.write_at(offset, &bytes)?;
        self.sequence += 1;
        Ok(())
    }

    /// Writes the slot durably, to slots 0 and 1. A failure is fatal although the log itself is whole: one slot
    /// may hold a promise, such as `always`, that the caller then does not keep, and after a power loss that slot
    /// might count.
    pub fn seal(&mut self, slot: &Slot) -> Result<(), SegmentError> {
        for offset in SEALED {
            self.write(offset, slot).map_err(SegmentError::fatal("write", POINTS))?;
            self.file.sync().map_err(SegmentError::fatal("sync", POINTS))?;
        }
        Ok(())
    }
}

fn encode(sequence: u64, slot: &Slot) -> Vec<u8> {
    let run: u32 = match slot.run {
        Run::Unpromised => 0,
        Run::Always => 1,
        Run::Stopped => 2,
    };
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(&run.to_be_bytes());
    let Point { segment, bytes, lsn } = slot.point;
    for number in [sequence, slot.first.0, segment.0, bytes, lsn.0] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out.extend_from_slice(&slot.folder.map_or(0, |folder| folder.0).to_be_bytes());
    let checksum = crc32c::crc32c(&out);
    out.extend_from_slice(&checksum.to_be_bytes());
    out
}

/// The slot's sequence and contents; `None` if it is torn, damaged, never written or of another version.
fn decode(bytes: &[u8]) -> Option<(u64, Slot)> {
    let content_bytes = match u32::from_be_bytes(*bytes.get(8..)?.first_chunk()?) {
        1 => FOLDER_AT,
        VERSION => CONTENT_BYTES,
        _ => return None,
    };
    let (content, stored) = bytes.split_at_checked(content_bytes)?;
    let right = stored.first_chunk() == Some(&crc32c::crc32c(content).to_be_bytes());
    let known = content.starts_with(&MAGIC);
    let run = match u32::from_be_bytes(*content[12..].first_chunk()?) {
        0 => Run::Unpromised,
        1 => Run::Always,
        2 => Run::Stopped,
        _ => return None,
    };
    let number = |at: usize| content.get(at..)?.first_chunk().copied().map(u64::from_be_bytes);
    let point = Point { segment: Lsn(number(32)?), bytes: number(40)?, lsn: Lsn(number(48)?) };
    let folder = content.get(FOLDER_AT..)?.first_chunk().copied().map(u128::from_be_bytes);
    let folder = folder.filter(|&bits| bits != 0).map(FolderId);
    (right && known).then_some((number(16)?, Slot { run, first: Lsn(number(24)?), point, folder }))
}
