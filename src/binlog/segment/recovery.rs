//! Recovery — the files as a crash left them → a log that takes entries, or a refusal that says where.
//!
//! ```text
//! segment 1          segment 41                 last fsync point: 47
//! 1 .. 40            41 .. 47 | 48 49 5?
//! must be whole      must     | the tail: cut at the last good entry, 49
//! ```
//!
//! A segment before the last must be whole: the next one was begun after its fsync. What is kept of the tail is
//! *written again* before it is synced: after a failed fsync the system counts pages as written that are not on
//! the disk, and a later fsync, of a later run too, says yes and does nothing ("fsyncgate", PostgreSQL 2018).
//! Written again, they are dirty again.
//!
//! What it deliberately does not do: it does not say which entries the store lacks; the caller applies from its
//! marker, and an LSN that it needs and that is not there is [`SegmentError::Purged`].

use super::super::files::{File, Files};
use super::super::{Epoch, FolderId, Lsn};
use super::chain::{Broken, Chain, Running};
use super::error::{Covered, Damage, Found, SegmentError};
use super::header::{Header, first_lsn, segment_name};
use super::pack::Body;
use super::point::{POINTS, Point, Points, Run, Slot};
use super::{NEW, Options, Place, SegmentLog, create_segment};
use crate::time::Millis;
use std::sync::Arc;

/// What a start found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The first LSN that is still there; the next one to come if there is no entry.
    pub first: Lsn,
    /// The last LSN; 0 if there is no entry.
    pub last: Lsn,
    /// Log time of the last entry; zero if there was none.
    pub time: Millis,
    /// The last LSN of which the files can tell that a fsync had covered it before this start. All that is kept
    /// is durable now.
    pub durable: Lsn,
    /// Whether nothing that was acknowledged can be lost: a clean stop, or fsync `always` and nothing cut off.
    /// Otherwise the caller begins a new epoch. (Under `always` what is cut off was hardly acknowledged; yet the
    /// recorded point may be behind the last fsync, so damage just below that one is not told from a torn write.)
    pub clean: bool,
    /// Whether the last run came to a clean stop and all of it is there.
    pub stopped: bool,
    /// Each epoch that has entries, purged ones included, with its first LSN, in order.
    pub epochs: Vec<(Epoch, Lsn)>,
    /// Length of the tail that was cut off, bytes.
    pub cut_bytes: u64,
    /// The folder that the log belongs to; `None`: it was never told, see [`SegmentLog::set_folder`].
    pub folder: Option<FolderId>,
}

/// What the segments came to: the chain through them all, and the last one as it stands on the disk.
struct Read {
    places: Vec<Place>,
    chain: Chain,
    /// Where the last segment's good entries end, bytes.
    end: u64,
    /// Length of what follows there, bytes.
    cut_bytes: u64,
    /// What of it a fsync had covered.
    synced: Point,
    /// The last segment's bytes that none may have covered: from `synced` to `end`.
    tail: Vec<u8>,
}

impl<F: Files> SegmentLog<F> {
    /// Opens the log that is in `files`, or begins one at LSN 1 in an empty folder.
    ///
    /// Errors: `Damaged`, `Missing` — the files are not touched, a person decides; `Io`, `Fatal` — the disk.
    /// Cost: O(bytes of all segments) to read, the tail since the last fsync point to write, four fsyncs.
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
        // Purged segments may have stayed: the promise is about those from the recorded one on.
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

/// Takes a log away and begins one that goes on after `last`, which counts as an entry of `epoch` at `time`: nobody's
/// history has one like it, so no follower resumes. For a store that holds more than its log; [`SegmentLog::open`]
/// then opens it, and says that something may be lost.
///
/// Newest first, the folder synced after each: whatever a power loss brings back is the old log's beginning, still
/// shorter than the store, and the caller comes here again. Errors: `Io`, `Fatal`.
pub fn begin_after<F: Files>(files: &F, last: Lsn, epoch: Epoch, time: Millis) -> Result<(), SegmentError> {
    let mut names: Vec<String> = segments(files)?.into_iter().map(segment_name).collect();
    if files.list().map_err(SegmentError::io("list", "the log's folder"))?.iter().any(|name| name == POINTS) {
        names.push(POINTS.to_owned());
    }
    for name in names.iter().rev() {
        files.remove(name).map_err(SegmentError::io("remove", name))?;
        files.sync_directory().map_err(SegmentError::fatal("sync the folder of", name))?;
    }
    let header = Header { first: last.next(), time, epochs: vec![(epoch, last)], running: Running::Unknown };
    create_segment(files, &header).map(|_| ())
}

impl Read {
    fn place(&self) -> Place {
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

/// The first segment of a log that is not there yet. The file of points comes after it, so points without a
/// segment mean that the segments were taken away.
fn begin(files: &impl Files, has_points: bool, slot: Option<Slot>) -> Result<Read, SegmentError> {
    if has_points {
        let expected = slot.map_or(Lsn(1), |slot| slot.first);
        return Err(SegmentError::Missing { expected, found: Found::Nothing });
    }
    let (epochs, running) = (Vec::new(), Running::Known(0));
    let header = Header { first: Lsn(1), time: Millis::ZERO, epochs, running };
    let (_, start) = create_segment(files, &header)?;
    let synced = Point { segment: header.first, bytes: start, lsn: Lsn::NONE };
    let places = vec![Place { first: header.first, start, is_packed: false }];
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
        // A segment is packed when the next one is durable, which is not there.
        (true, Some(_)) => {
            Err(SegmentError::Missing { expected: read.chain.last.next(), found: Found::Nothing })
        }
        // [`begin_after`] takes the points away first, and a power loss may have come in between.
        (true, None) => go_on(files, read),
    }
}

/// Begins a segment after one that takes no entries.
fn go_on(files: &impl Files, mut read: Read) -> Result<Read, SegmentError> {
    let header = read.chain.next_header();
    let (_, start) = create_segment(files, &header)?;
    read.places.push(Place { first: header.first, start, is_packed: false });
    read.synced = Point { segment: header.first, bytes: start, lsn: read.chain.last };
    (read.end, read.tail) = (start, Vec::new());
    Ok(read)
}

/// The segments at both ends, which no neighbour misses, must be there.
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

/// Reads one segment, after those that `before` tells of.
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
    places.push(Place { first, start: start as u64, is_packed: false });
    let from = usize::try_from(synced.bytes).unwrap_or(usize::MAX).min(end);
    let (tail, cut_bytes) = (bytes[from..end].to_vec(), (bytes.len() - end) as u64);
    Ok(Read { places, chain, end: end as u64, cut_bytes, synced, tail })
}

/// Whether the slot of the last run, and what is there, prove that nothing acknowledged is lost.
fn is_clean(slot: Option<Slot>, read: &Read, is_new: bool) -> bool {
    let here = Point { segment: read.place().first, bytes: read.end, lsn: read.chain.last };
    match slot {
        None => is_new && here.lsn == Lsn::NONE,
        Some(Slot { run: Run::Unpromised, .. }) => false,
        Some(Slot { run: Run::Always, .. }) => read.cut_bytes == 0,
        Some(Slot { run: Run::Stopped, point, .. }) => read.cut_bytes == 0 && point == here,
    }
}

/// Cuts the tail, makes what is kept durable, and takes unfinished files away. The file to append to.
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
