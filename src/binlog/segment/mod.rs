//! Segments — groups of entries → files that survive a power loss, and back. Through [`Files`]: no clock, no thread.
//!
//! ```text
//! 00000000000000000001.binlog   header  1 2 3 4 5              whole and durable: a later one was begun; perhaps `packed`
//! 00000000000000000006.binlog   header  6 7 8 9                groups are appended here, one write each
//! durable                       fsync point: 00..06, 8         see `point`
//! ```
//!
//! The caller decides when to sync. [`Fsync`] is what it promised its clients; it is recorded for the next
//! start:
//!
//! ```text
//! always      append(group)  sync()  acknowledge
//! everysec    append(group)  acknowledge                       sync() about every second
//! no          append(group)  acknowledge                       sync() never; a new segment syncs the one before
//! ```
//!
//! A failed fsync poisons the log. The system may have dropped the bytes that it could not write and marked their
//! pages clean: a second fsync then succeeds although nothing is on the disk (PostgreSQL's "fsyncgate", 2018;
//! fsync(2), since Linux 4.13 each handle gets the error once). So the only correct reaction is to accept no more
//! entries, and to find out at the next start what is on the disk.

mod chain;
mod error;
mod header;
mod pack;
mod packed;
mod point;
mod read;
mod recovery;

pub use error::{Covered, Damage, Found, SegmentError};
pub use header::HeaderError;
pub use pack::Packing;
pub use packed::PackedError;
pub use read::{Around, Cursor, Stretch};
pub use recovery::{Place, Recovered, begin_after, begin_at};

use super::files::{File, Files};
use super::{Entry, Epoch, FolderId, Lsn, codec};
use crate::names::named;
use chain::{Chain, GroupError};
use header::{Header, segment_name};
use point::{Point, Points, Run, Slot};
use std::io;
use std::sync::Arc;

/// The promise that the caller makes with an acknowledgement; the log only records it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsync {
    /// The entry is durable: the caller syncs before it acknowledges or sends.
    Always,
    /// The entry is durable a second later.
    EverySec,
    /// No promise.
    No,
}

named!(Fsync, what "appendfsync"; Always "always", EverySec "everysec", No "no");

impl Fsync {
    fn run(self) -> Run {
        match self {
            Fsync::Always => Run::Always,
            Fsync::EverySec | Fsync::No => Run::Unpromised,
        }
    }
}

/// Options of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Length in bytes from which on a segment gets no further group. One group may exceed it.
    pub segment_bytes_max: u64,
    /// The promise of the caller.
    pub fsync: Fsync,
}

impl Default for Options {
    fn default() -> Options {
        Options { segment_bytes_max: 64 << 20, fsync: Fsync::EverySec }
    }
}

/// A sync in progress: of the last segment as it was when the sync began.
#[derive(Debug)]
pub struct Syncing<F> {
    /// `None`: all was synced before.
    file: Option<Arc<F>>,
    here: Point,
}

impl<F: File> Syncing<F> {
    /// Runs the fsync. Errors: I/O errors. Pass the result to [`SegmentLog::end_sync`].
    pub fn run(&self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), |file| file.sync())
    }
}

/// One segment: its first LSN, and the offset in the file at which that entry begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct SegmentStart {
    first: Lsn,
    start: u64,
    /// Whether its file is a packed one.
    is_packed: bool,
}

/// The log's files, open for one writer.
///
/// Invariants: every segment except the last is durable as a whole, and only such a segment may be packed; `durable ≤ last`;
/// everything that `durable` and the recorded fsync point include was synced before; once poisoned, no call changes a file.
#[derive(Debug)]
pub struct SegmentLog<F: Files> {
    files: F,
    options: Options,
    places: Vec<SegmentStart>,
    /// The last segment.
    file: Arc<F::File>,
    /// The offset at which its entries end, in bytes.
    end: u64,
    /// Bytes of the entries that this run appended.
    appended: u64,
    chain: Chain,
    /// The point through which this run has synced.
    point: Point,
    /// The point that was last written to a slot.
    recorded: Point,
    /// No segment from this one on was purged.
    kept_from: Lsn,
    /// The folder that the log belongs to.
    folder: Option<FolderId>,
    points: Points<F::File>,
    poison: Option<String>,
}

impl<F: Files> SegmentLog<F> {
    /// Appends a group with one write; it is not durable yet.
    ///
    /// Errors: `Order`, `TooLarge`, `Io` — the log is unchanged, and no entry of the group ever reappears;
    /// `Fatal` — poisoned now, and the next start may find a part of the group; `Poisoned`. Cost: O(bytes);
    /// if a segment is full, also two fsyncs and one of the folder.
    pub fn append(&mut self, group: &[Entry]) -> Result<(), SegmentError> {
        self.refuse_if_poisoned()?;
        let bytes = self.chain.encode(group).map_err(|error| match error {
            GroupError::Order(error) => SegmentError::Order(error),
            GroupError::TooLarge(error) => SegmentError::TooLarge(error),
        })?;
        self.append_bytes(group, &bytes)
    }

    /// Like [`SegmentLog::append`], for a group that was received: `bytes` are the bytes from which it was decoded,
    /// and each entry has only one encoding. Errors: those of [`SegmentLog::append`].
    pub fn append_received(&mut self, group: &[Entry], bytes: &[u8]) -> Result<(), SegmentError> {
        self.refuse_if_poisoned()?;
        self.chain.check(group)?;
        debug_assert!(self.chain.encode(group).is_ok_and(|encoded| encoded == bytes), "other entries");
        self.append_bytes(group, bytes)
    }

    /// Appends a group that may come next; `bytes` is its encoding.
    fn append_bytes(&mut self, group: &[Entry], bytes: &[u8]) -> Result<(), SegmentError> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.end >= self.options.segment_bytes_max && self.end > self.place().start {
            self.begin_segment()?;
        }
        let name = segment_name(self.place().first);
        if let Err(source) = self.file.write_at(self.end, bytes) {
            self.take_back(&name)?;
            return Err(SegmentError::io("append to", &name)(source));
        }
        self.end += bytes.len() as u64;
        self.appended += bytes.len() as u64;
        let mut rest = bytes;
        for entry in group {
            let (own, next) = rest.split_at(codec::encoded_bytes(entry).min(rest.len()));
            self.chain.push(entry, codec::checksum(own))?;
            rest = next;
        }
        Ok(())
    }

    /// Removes the remains of a failed write: a shorter next group would leave some of them after it. The
    /// removal is synced, so that a group that the caller refuses now does not reappear after a power loss.
    fn take_back(&mut self, name: &str) -> Result<(), SegmentError> {
        let truncated = self.file.truncate(self.end).map_err(SegmentError::fatal("truncate", name));
        self.poison_if_fatal(truncated)?;
        let synced = self.file.sync().map_err(SegmentError::fatal("sync", name));
        self.poison_if_fatal(synced)?;
        self.point = self.here();
        Ok(())
    }

    /// Makes all appended entries durable, and records this. Returns the last durable LSN.
    ///
    /// Errors: `Fatal` — poisoned; `Io` — the entries are durable, but this could not be recorded; the next
    /// call tries again. After any error the caller acknowledges nothing that waits for this sync. Cost: one
    /// fsync and one write of 76 bytes; nothing if there are no new entries.
    pub fn sync(&mut self) -> Result<Lsn, SegmentError> {
        let syncing = self.begin_sync()?;
        let outcome = syncing.run();
        self.end_sync(&syncing, outcome)
    }

    /// The first of the three steps of [`SegmentLog::sync`]: determines what has to be synced. [`Syncing::run`] does not
    /// need the log, so that entries may be appended during it; [`SegmentLog::end_sync`] must follow. Errors:
    /// `Poisoned`.
    pub fn begin_sync(&self) -> Result<Syncing<F::File>, SegmentError> {
        self.refuse_if_poisoned()?;
        let (here, is_new) = (self.here(), self.point != self.here());
        Ok(Syncing { file: is_new.then(|| Arc::clone(&self.file)), here })
    }

    /// The last of the three steps: records the outcome. Cost and errors: those of [`SegmentLog::sync`].
    pub fn end_sync(
        &mut self,
        syncing: &Syncing<F::File>,
        outcome: io::Result<()>,
    ) -> Result<Lsn, SegmentError> {
        self.refuse_if_poisoned()?;
        let name = segment_name(syncing.here.segment);
        self.poison_if_fatal(outcome.map_err(SegmentError::fatal("sync", &name)))?;
        // A later sync, or the start of the next segment, may have finished first.
        if syncing.here.lsn > self.point.lsn {
            self.point = syncing.here;
        }
        if self.recorded != self.point {
            self.points.record(&self.slot(self.options.fsync.run()))?;
            self.recorded = self.point;
        }
        Ok(self.point.lsn)
    }

    /// Begins the next segment. The segment before is synced first, which makes it permanently whole.
    fn begin_segment(&mut self) -> Result<(), SegmentError> {
        self.sync()?;
        let header = self.chain.next_header();
        let created = create_segment(&self.files, &header);
        let (file, start) = self.poison_if_fatal(created)?;
        self.places.push(SegmentStart { first: header.first, start, is_packed: false });
        (self.file, self.end) = (Arc::new(file), start);
        self.point = self.here();
        Ok(())
    }

    /// Changes what the caller promises from now on. All entries are synced, and the change is durable before this
    /// returns.
    pub fn set_fsync(&mut self, fsync: Fsync) -> Result<(), SegmentError> {
        self.sync()?;
        if fsync.run() != self.options.fsync.run() {
            self.seal(fsync.run(), self.kept_from)?;
        }
        self.options.fsync = fsync;
        Ok(())
    }

    /// Records the folder that the log belongs to; the record is durable when this returns. Errors: `Fatal`,
    /// `Poisoned`.
    pub fn set_folder(&mut self, folder: FolderId) -> Result<(), SegmentError> {
        self.refuse_if_poisoned()?;
        self.folder = Some(folder);
        self.seal(self.options.fsync.run(), self.kept_from)
    }

    /// Ends the log cleanly: the next start can prove that nothing was lost. The log accepts no more entries.
    pub fn stop(&mut self) -> Result<(), SegmentError> {
        self.sync()?;
        self.seal(Run::Stopped, self.kept_from)?;
        self.poison = Some("it was stopped".to_owned());
        Ok(())
    }

    /// The first LSN in the log; the next LSN if there is no entry.
    pub fn first(&self) -> Lsn {
        self.places.first().map_or(Lsn(1), |place| place.first)
    }

    /// The first LSN of the last `segments` segments (at least 1), or of all if there are fewer.
    pub fn first_of_last(&self, segments: usize) -> Lsn {
        let at = self.places.len().saturating_sub(segments.max(1));
        self.places.get(at).map_or(Lsn(1), |place| place.first)
    }

    /// The last LSN; 0 if there was none.
    pub fn last(&self) -> Lsn {
        self.chain.last
    }

    /// Bytes of the entries that this run appended.
    pub fn appended_bytes(&self) -> u64 {
        self.appended
    }

    /// The last LSN that an fsync has covered.
    pub fn durable(&self) -> Lsn {
        self.point.lsn
    }

    /// Each epoch that has entries, with its first LSN, in order. Epochs whose entries were all purged are
    /// left out, except that the newest epoch always stays.
    pub fn epochs(&self) -> &[(Epoch, Lsn)] {
        &self.chain.epochs
    }

    /// The reason why the log accepts no more entries; `None`: it accepts them.
    pub fn poisoned(&self) -> Option<&str> {
        self.poison.as_deref()
    }

    fn place(&self) -> SegmentStart {
        self.places.last().copied().unwrap_or_default()
    }

    fn here(&self) -> Point {
        Point { segment: self.place().first, bytes: self.end, lsn: self.chain.last }
    }

    fn slot(&self, run: Run) -> Slot {
        Slot { run, first: self.kept_from, point: self.point, folder: self.folder }
    }

    fn seal(&mut self, run: Run, kept_from: Lsn) -> Result<(), SegmentError> {
        let slot = Slot { first: kept_from, ..self.slot(run) };
        let sealed = self.points.seal(&slot);
        self.poison_if_fatal(sealed)?;
        self.recorded = self.point;
        Ok(())
    }

    fn refuse_if_poisoned(&self) -> Result<(), SegmentError> {
        match &self.poison {
            Some(reason) => Err(SegmentError::Poisoned { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    fn poison_if_fatal<T>(&mut self, result: Result<T, SegmentError>) -> Result<T, SegmentError> {
        if let Err(error @ SegmentError::Fatal { .. }) = &result {
            self.poison = Some(error.to_string());
        }
        result
    }
}

/// Suffix of the name of an unfinished file; a start removes such files.
const NEW: &str = ".new";

fn new_name(name: &str) -> String {
    format!("{name}{NEW}")
}

/// Creates a durable segment without entries. Returns its file, and the offset at which entries will begin.
/// The file gets its name when its header is durable.
fn create_segment<F: Files>(files: &F, header: &Header) -> Result<(F::File, u64), SegmentError> {
    let (name, bytes) = (segment_name(header.first), header.encode());
    let new = new_name(&name);
    let file = files.create(&new).map_err(SegmentError::io("create", &new))?;
    file.write_at(0, &bytes).map_err(SegmentError::io("write", &new))?;
    file.sync().map_err(SegmentError::fatal("sync", &new))?;
    files.rename(&new, &name).map_err(SegmentError::io("rename", &new))?;
    files.sync_directory().map_err(SegmentError::fatal("sync the folder of", &name))?;
    Ok((file, bytes.len() as u64))
}
