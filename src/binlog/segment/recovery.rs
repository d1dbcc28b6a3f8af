//! Recovery — the files as a crash left them → a log that accepts entries, or an error with the place of the
//! damage.
//!
//! ```text
//! segment 1          segment 41                 last fsync point: 47
//! 1 .. 40            41 .. 47 | 48 49 5?
//! must be whole      must     | the tail: cut at the last good entry, 49
//! ```
//!
//! A segment before the last must be whole: the next one was begun after its fsync. The kept part of the tail
//! is *written again* before it is synced: after a failed fsync the system treats pages as written that are not
//! on the disk, and a later fsync, even in a later run, reports success and does nothing ("fsyncgate",
//! PostgreSQL 2018). The second write makes these pages dirty again.
//!
//! It deliberately does not determine which entries the store lacks: the caller applies entries from its marker
//! on, and gets [`SegmentError::Purged`] for an LSN that it needs and that is not in the log.

use super::super::files::{File, Files};
use super::super::{Epoch, FolderId, Lsn};
use super::chain::{Broken, Chain, Running};
use super::error::{Covered, Damage, Found, SegmentError};
use super::header::{Header, first_lsn, segment_name};
use super::pack::Body;
use super::point::{POINTS, Point, Points, Run, Slot};
use super::{NEW, Options, SegmentLog, SegmentStart, create_segment};
use crate::time::Millis;
use std::sync::Arc;

/// The result of opening the log at a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The first LSN that is still in the log; the next LSN if there is no entry.
    pub first: Lsn,
    /// The last LSN; 0 if there is no entry.
    pub last: Lsn,
    /// Log time of the last entry; zero if there was none.
    pub time: Millis,
    /// The last LSN that, according to the files, an fsync had covered before this start. All entries that are
    /// kept are durable now.
    pub durable: Lsn,
    /// Whether no acknowledged entry can be lost: after a clean stop, or under fsync `always` if nothing was cut
    /// off. Otherwise the caller begins a new epoch. (Under `always` the tail that is cut off was probably never
    /// acknowledged. But the recorded point may be behind the last fsync, so damage just before the place of that
    /// fsync cannot be distinguished from a torn write.)
    pub clean: bool,
    /// Whether the last run ended with a clean stop and all its entries are there.
    pub stopped: bool,
    /// Each epoch that has entries, with its first LSN, in order; see [`SegmentLog::epochs`].
    pub epochs: Vec<(Epoch, Lsn)>,
    /// Length of the tail that was cut off, bytes.
    pub cut_bytes: u64,
    /// The folder that the log belongs to; `None`: it was never set, see [`SegmentLog::set_folder`].
    pub folder: Option<FolderId>,
}

/// The segments as read: the chain through all of them, and the state of the last one on the disk.
struct Read {
    places: Vec<SegmentStart>,
    chain: Chain,
    /// Offset at which the good entries of the last segment end, in bytes.
    end: u64,
    /// Length of the tail after that offset, in bytes.
    cut_bytes: u64,
    /// The point in the last segment up to which an fsync had covered it.
    synced: Point,
    /// The bytes of the last segment that perhaps no fsync covered: from `synced` to `end`.
    tail: Vec<u8>,
}

impl<F: Files> SegmentLog<F> {
    /// Opens the log that is in `files`, or begins one at LSN 1 in an empty folder.
    ///
    /// Errors: `Damaged`, `Missing` — the files are not changed, and the operator decides; `Io`, `Fatal` —
    /// I/O errors. Cost: O(bytes of all segments) to read, the tail since the last fsync point to write, four
    /// fsyncs.
    pub fn open(files: F, options: Options) -> Result<(SegmentLog<F>, Recovered), SegmentError> {
        let (points, slot) = Points::open(&files)?;
        let mut read = match segments(&files)? {
            firsts if firsts.is_empty() => begin(&files, points.is_some(), slot)?,
            firsts => read_segments(&files, &firsts, slot)?,
        };
        let clean = is_clean(slot, &read, points.is_none());
        let stopped = clean && slot.is_some_and(|slot| slot.run == Run::Stopped);
        let file = make_durable(&files, &mut read)?;
        let point = Point { segment: read.place().first, bytes: read.end, lsn: read.chain.last };
        let first = read.places.first().map_or(Lsn::NONE, |place| place.first);
        read.chain.forget_epochs_before(first);
        // Purged segments may still be there: only the segments from the recorded one on are promised.
        let kept_from = slot.map_or(first, |slot| slot.first.max(first));
        let folder = slot.and_then(|slot| slot.folder);
        let now = Slot { run: options.fsync.run(), first: kept_from, point, folder };
        let points = match points {
            Some(mut points) => points.seal(&now).map(|()| points)?,
            None => Points::create(&files, &now)?,
        };
        let recovered = Recovered {
            first,
            last: read.chain.last,
            time: read.chain.time,
            durable: read.synced.lsn,
            clean,
            stopped,
            epochs: read.chain.epochs.clone(),
            cut_bytes: read.cut_bytes,
            folder,
        };
        let Read { places, chain, end, .. } = read;
        let log = SegmentLog {
            files,
            options,
            places,
            file: Arc::new(file),
            end,
            appended: 0,
            chain,
            point,
            recorded: point,
            kept_from,
            folder,
            points,
            poison: None,
        };
        Ok((log, recovered))
    }
}

/// Removes a log and begins one that continues after `last`. Entry `last` counts as an entry of `epoch` at `time`: no
/// other history has such an entry, so no follower resumes. This is for a store that holds more than its log.
/// [`SegmentLog::open`] then opens the new log, and reports that something may be lost.
///
/// The newest file is removed first, and the folder is synced after each: whatever a power loss brings back is a
/// beginning of the old log. That is still shorter than the store, so the caller calls this again. Errors: `Io`,
/// `Fatal`.
pub fn begin_after<F: Files>(files: &F, last: Lsn, epoch: Epoch, time: Millis) -> Result<(), SegmentError> {
    let mut names: Vec<String> = segments(files)?.into_iter().map(segment_name).collect();
    if files.list().map_err(SegmentError::io("list", "the log's folder"))?.iter().any(|name| name == POINTS) {
        names.push(POINTS.to_owned());
    }
    for name in names.iter().rev() {
        files.remove(name).map_err(SegmentError::io("remove", name))?;
        files.sync_directory().map_err(SegmentError::fatal("sync the folder of", name))?;
    }
    begin_at(files, &Place { last, time, epoch: (epoch, last), running: None })
}

/// The place in another log after which a log begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The entry at that place, which the new log does not have.
    pub last: Lsn,
    /// No later time than that of the next entry.
    pub time: Millis,
    /// The epoch of that entry, and its first LSN.
    pub epoch: (Epoch, Lsn),
    /// The running checksum through that entry; `None`: it is not known.
    pub running: Option<u32>,
}

/// Begins a log after `place` in an empty folder. [`SegmentLog::open`] then opens it. Errors: `Io`, `Fatal`.
pub fn begin_at<F: Files>(files: &F, place: &Place) -> Result<(), SegmentError> {
    let &Place { last, time, epoch, running } = place;
    let running = running.map_or(Running::Unknown, Running::Known);
    let header = Header { first: last.next(), time, epochs: vec![epoch], running };
    create_segment(files, &header).map(|_| ())
}

impl Read {
    fn place(&self) -> SegmentStart {
        self.places.last().copied().unwrap_or_default()
    }
}

/// The first LSNs of the segments, ascending.
fn segments(files: &impl Files) -> Result<Vec<Lsn>, SegmentError> {
    let names = files.list().map_err(SegmentError::io("list", "the log's folder"))?;
    let mut firsts: Vec<Lsn> = names.iter().filter_map(|name| first_lsn(name)).collect();
    firsts.sort_unstable();
    Ok(firsts)
}

/// Creates the first segment of a new log. The file of points is created after it, so points without a
/// segment mean that the segments were removed.
fn begin(files: &impl Files, has_points: bool, slot: Option<Slot>) -> Result<Read, SegmentError> {
    if has_points {
        let expected = slot.map_or(Lsn(1), |slot| slot.first);
        return Err(SegmentError::Missing { expected, found: Found::Nothing });
    }
    let (epochs, running) = (Vec::new(), Running::Known(0));
    let header = Header { first: Lsn(1), time: Millis::ZERO, epochs, running };
    let (_, start) = create_segment(files, &header)?;
    let synced = Point { segment: header.first, bytes: start, lsn: Lsn::NONE };
    let places = vec![SegmentStart { first: header.first, start, is_packed: false }];
    Ok(Read { places, chain: Chain::before(&header), end: start, cut_bytes: 0, synced, tail: Vec::new() })
}

fn read_segments(files: &impl Files, firsts: &[Lsn], slot: Option<Slot>) -> Result<Read, SegmentError> {
    let newest = firsts.last().copied().unwrap_or_default();
    check_ends(firsts, slot)?;
    let mut read: Option<Read> = None;
    for &first in firsts {
        if let Some(before) = &read
            && before.chain.last.next() != first
        {
            let found = Found::File(segment_name(first));
            return Err(SegmentError::Missing { expected: before.chain.last.next(), found });
        }
        let mut body = Body::open(files, first)?;
        let bytes = body.read_at(0, usize::MAX)?;
        let recorded = slot.map(|slot| slot.point).filter(|point| point.segment == first);
        let is_packed = body.is_packed();
        let is_last = first == newest && !is_packed;
        let mut now = read_segment(first, &bytes, read, recorded, is_last)?;
        now.places
            .iter_mut()
            .filter(|place| place.first == first)
            .for_each(|place| place.is_packed = is_packed);
        read = Some(now);
    }
    let read = read.ok_or(SegmentError::Missing { expected: Lsn(1), found: Found::Nothing })?;
    match (read.place().is_packed, slot) {
        (false, _) => Ok(read),
        // A segment is packed only when the next one is durable, and the next one is missing.
        (true, Some(_)) => {
            Err(SegmentError::Missing { expected: read.chain.last.next(), found: Found::Nothing })
        }
        // [`begin_after`] removes the points first, and a power loss may have interrupted it.
        (true, None) => go_on(files, read),
    }
}

/// Begins a segment after one that accepts no entries.
fn go_on(files: &impl Files, mut read: Read) -> Result<Read, SegmentError> {
    let header = read.chain.next_header();
    let (_, start) = create_segment(files, &header)?;
    read.places.push(SegmentStart { first: header.first, start, is_packed: false });
    read.synced = Point { segment: header.first, bytes: start, lsn: read.chain.last };
    (read.end, read.tail) = (start, Vec::new());
    Ok(read)
}

/// Checks that the segments at both ends are there; no neighbour shows that they are missing.
fn check_ends(firsts: &[Lsn], slot: Option<Slot>) -> Result<(), SegmentError> {
    let (Some(slot), Some(&oldest), Some(&newest)) = (slot, firsts.first(), firsts.last()) else {
        return Ok(());
    };
    if oldest > slot.first {
        let found = Found::File(segment_name(oldest));
        return Err(SegmentError::Missing { expected: slot.first, found });
    }
    if newest < slot.point.segment {
        return Err(SegmentError::Missing { expected: slot.point.segment, found: Found::Nothing });
    }
    Ok(())
}

/// Reads one segment, which follows those in `before`.
fn read_segment(
    first: Lsn,
    bytes: &[u8],
    before: Option<Read>,
    recorded: Option<Point>,
    is_last: bool,
) -> Result<Read, SegmentError> {
    let damaged = |offset: usize, lsn, reason, covered| {
        let (file, offset) = (segment_name(first), offset as u64);
        SegmentError::Damaged { file, offset, lsn, reason, covered }
    };
    let decoded = Header::decode(bytes, first);
    let (header, start) = decoded.map_err(|error| damaged(0, first, error.into(), Covered::Whole))?;
    let (mut places, mut chain) =
        before.map_or_else(|| (Vec::new(), Chain::before(&header)), |before| (before.places, before.chain));
    if !chain.continues(&header) {
        return Err(damaged(0, first, Damage::HeaderOrder, Covered::Whole));
    }
    let begun = Point { segment: first, bytes: start as u64, lsn: chain.last };
    let synced = recorded.unwrap_or(begun);
    let (end, broken) = chain.scan(bytes, start);
    let lsn = chain.last.next();
    let ends_early = (end as u64) < synced.bytes || chain.last < synced.lsn;
    match broken {
        Some(Broken { damage, written_so: true }) => {
            return Err(damaged(end, lsn, damage, Covered::WrittenSo));
        }
        Some(Broken { damage, .. }) if !is_last => return Err(damaged(end, lsn, damage, Covered::Whole)),
        broken if ends_early => {
            let damage = broken.map_or(Damage::End, |broken| broken.damage);
            let covered = Covered::Synced { file_bytes: synced.bytes, lsn: synced.lsn };
            return Err(damaged(end, lsn, damage, covered));
        }
        _ => {}
    }
    places.push(SegmentStart { first, start: start as u64, is_packed: false });
    let from = usize::try_from(synced.bytes).unwrap_or(usize::MAX).min(end);
    let (tail, cut_bytes) = (bytes[from..end].to_vec(), (bytes.len() - end) as u64);
    Ok(Read { places, chain, end: end as u64, cut_bytes, synced, tail })
}

/// Whether the slot of the last run, together with the segments, proves that no acknowledged entry is lost.
fn is_clean(slot: Option<Slot>, read: &Read, is_new: bool) -> bool {
    let here = Point { segment: read.place().first, bytes: read.end, lsn: read.chain.last };
    match slot {
        None => is_new && here.lsn == Lsn::NONE,
        Some(Slot { run: Run::Unpromised, .. }) => false,
        Some(Slot { run: Run::Always, .. }) => read.cut_bytes == 0,
        Some(Slot { run: Run::Stopped, point, .. }) => read.cut_bytes == 0 && point == here,
    }
}

/// Cuts the tail off, makes the kept part durable, and removes unfinished files. Returns the file to append
/// to.
fn make_durable<F: Files>(files: &F, read: &mut Read) -> Result<F::File, SegmentError> {
    let name = segment_name(read.place().first);
    let file = files.open(&name).map_err(SegmentError::io("open", &name))?;
    if read.cut_bytes > 0 {
        file.truncate(read.end).map_err(SegmentError::io("truncate", &name))?;
    }
    if !read.tail.is_empty() {
        file.write_at(read.synced.bytes, &read.tail).map_err(SegmentError::io("write again", &name))?;
    }
    file.sync().map_err(SegmentError::fatal("sync", &name))?;
    read.tail = Vec::new();
    for name in files.list().map_err(SegmentError::io("list", "the log's folder"))? {
        if name.ends_with(NEW) {
            files.remove(&name).map_err(SegmentError::io("remove", &name))?;
        }
    }
    files.sync_directory().map_err(SegmentError::fatal("sync the folder of", &name))?;
    Ok(file)
}
