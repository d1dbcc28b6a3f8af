//! Reading and purging — reads entries from an LSN on, and removes whole segments. Through [`Files`].

use super::super::files::Files;
use super::super::{DecodeError, Entry, Epoch, Head, Lsn, codec, decode, decode_head};
use super::chain::Running;
use super::error::{Covered, SegmentError};
use super::header::{Header, segment_name};
use super::pack::Body;
use super::{SegmentLog, SegmentStart};
use crate::time::Millis;
use std::ops::RangeInclusive;

/// A place in the log, which a reader keeps between reads: a replica's link remembers its place and needs no
/// search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    next: Lsn,
    segment: Lsn,
    offset: u64,
}

impl Cursor {
    /// The LSN that is read next.
    pub fn next(&self) -> Lsn {
        self.next
    }
}

/// A function that gets bytes that begin with an entry, and the LSN of the wanted entry. It returns the entry's LSN and
/// length, and keeps the entry if it is the wanted one.
type Visit<'a> = dyn FnMut(&[u8], Lsn) -> Result<(Lsn, usize), DecodeError> + 'a;

/// Consecutive entries as they are stored in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    /// Their bytes.
    pub bytes: Vec<u8>,
    /// The head of the last one; `None`: there is none.
    pub last: Option<Head>,
}

/// The facts about an entry and its successor that a handshake needs from the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Around {
    /// CRC32C over the checksums of the entries of the entry's epoch, through it; `None`: the entry is not in the log, or the
    /// log has a version that did not keep it.
    pub running: Option<u32>,
    /// Log time of the entry after it; `None`: there is none.
    pub next: Option<Millis>,
}

/// Number of bytes that are read at a time on the way to an entry.
const AROUND_BYTES: usize = 1 << 20;

impl<F: Files> SegmentLog<F> {
    /// A cursor before entry `from`. Errors: `Purged`. Cost: the first read scans the segment from its start.
    pub fn cursor(&self, from: Lsn) -> Result<Cursor, SegmentError> {
        let from = from.max(Lsn(1));
        let after = self.places.partition_point(|place| place.first <= from);
        match after.checked_sub(1).and_then(|at| self.places.get(at)) {
            Some(place) => Ok(Cursor { next: from, segment: place.first, offset: place.start }),
            None => Err(SegmentError::Purged { asked: from, first: self.first() }),
        }
    }

    /// Reads the next entries through `up_to`: about `bytes_max` bytes of them and at least one entry; none at
    /// the end. Under `always` a caller that must not show entries that are not durable passes
    /// [`SegmentLog::durable`].
    ///
    /// Errors: `Purged` — the segment was purged in the meantime; `Damaged`, `Io` — bytes that were good at the
    /// start have changed on the disk: the caller stops. The cursor is then unchanged.
    pub fn read(
        &self,
        cursor: &mut Cursor,
        up_to: Lsn,
        bytes_max: usize,
    ) -> Result<Vec<Entry>, SegmentError> {
        let mut entries = Vec::new();
        self.visit(cursor, up_to, bytes_max, &mut |bytes, next| {
            let (entry, used) = decode(bytes)?;
            let lsn = entry.lsn;
            if lsn == next {
                entries.push(entry);
            }
            Ok((lsn, used))
        })?;
        Ok(entries)
    }

    /// Like [`SegmentLog::read`], but returns the bytes of the entries: their checksums are checked, their
    /// payloads are not decoded.
    pub fn read_bytes(
        &self,
        cursor: &mut Cursor,
        up_to: Lsn,
        bytes_max: usize,
    ) -> Result<Stretch, SegmentError> {
        let mut stretch = Stretch::default();
        self.visit(cursor, up_to, bytes_max, &mut |bytes, next| {
            let (head, used) = decode_head(bytes)?;
            if head.lsn == next {
                stretch.bytes.extend_from_slice(&bytes[..used]);
                stretch.last = Some(head);
            }
            Ok((head.lsn, used))
        })?;
        Ok(stretch)
    }

    /// The running checksum at entry `lsn`, and the log time of the entry after it; see [`Around`]. Cost: nothing for the last
    /// entry; otherwise it scans a segment from its start, as the first read of a cursor does. Errors: `Damaged`, `Io`.
    pub fn around(&self, lsn: Lsn) -> Result<Around, SegmentError> {
        if lsn == self.last() {
            return Ok(Around { running: self.chain.running.known(), next: None });
        }
        let mut around = Around::default();
        if lsn.next() < self.first() || lsn > self.last() {
            return Ok(around);
        }
        let mut cursor = self.cursor(lsn.max(self.first()))?;
        if lsn >= self.first() {
            let (mut epoch, mut running) = self.before_segment(cursor.segment)?;
            let mut wanted = cursor;
            self.visit(&mut wanted, lsn, AROUND_BYTES, &mut |bytes, _| {
                let (head, used) = decode_head(bytes)?;
                running = running.then(epoch != Some(head.epoch), codec::checksum(&bytes[..used]));
                epoch = Some(head.epoch);
                Ok((head.lsn, used))
            })?;
            (around.running, cursor) = (running.known(), wanted);
        }
        around.next = self.read_bytes(&mut cursor, lsn.next(), 1)?.last.map(|head| head.time);
        Ok(around)
    }

    /// The epoch and the running checksum of the entry before a segment, according to the header of that
    /// segment.
    fn before_segment(&self, first: Lsn) -> Result<(Option<Epoch>, Running), SegmentError> {
        let start = self.places.iter().find(|place| place.first == first).map_or(0, |place| place.start);
        let bytes = Body::open(&self.files, first)?.read_at(0, usize::try_from(start).unwrap_or(0))?;
        let (header, _) = Header::decode(&bytes, first).map_err(|error| SegmentError::Damaged {
            file: segment_name(first),
            offset: 0,
            lsn: first,
            reason: error.into(),
            covered: Covered::Whole,
        })?;
        let epoch = header.epochs.last().map(|&(epoch, _)| epoch);
        Ok((epoch, header.running))
    }

    fn visit(
        &self,
        cursor: &mut Cursor,
        up_to: Lsn,
        bytes_max: usize,
        visit: &mut Visit<'_>,
    ) -> Result<(), SegmentError> {
        let up_to = up_to.min(self.last());
        let mut here = *cursor;
        while here.next == cursor.next && here.next <= up_to {
            let Ok(at) = self.places.binary_search_by_key(&here.segment, |place| place.first) else {
                return Err(SegmentError::Purged { asked: here.next, first: self.first() });
            };
            let before = here;
            self.visit_some(&mut here, up_to, bytes_max, visit)?;
            if here != before {
                continue;
            }
            match self.places.get(at + 1) {
                Some(next) if next.first == here.next => {
                    (here.segment, here.offset) = (next.first, next.start);
                }
                // The segment holds less than before: another program truncated the file.
                _ => return Err(self.damaged(&here, DecodeError::Truncated { needed: 1 })),
            }
        }
        *cursor = here;
        Ok(())
    }

    /// Visits entries of the cursor's segment; the cursor does not move at the segment's end.
    fn visit_some(
        &self,
        here: &mut Cursor,
        up_to: Lsn,
        bytes_max: usize,
        visit: &mut Visit<'_>,
    ) -> Result<(), SegmentError> {
        let mut body = Body::open(&self.files, here.segment)?;
        let mut wanted = bytes_max.max(1);
        loop {
            let mut bytes = body.read_at(here.offset, wanted)?;
            if here.segment == self.place().first {
                // After the end there may be remains of a failed write.
                let left = usize::try_from(self.end.saturating_sub(here.offset)).unwrap_or(usize::MAX);
                bytes.truncate(left);
            }
            let is_all = bytes.len() < wanted;
            let (mut at, start) = (0, here.offset);
            while at < bytes.len() && here.next <= up_to {
                match visit(&bytes[at..], here.next) {
                    Ok((lsn, used)) => {
                        at += used;
                        here.offset = start + at as u64;
                        if lsn == here.next {
                            here.next = lsn.next();
                        }
                    }
                    Err(DecodeError::Truncated { needed }) if !is_all && at == 0 => {
                        // A single entry may be longer than the caller wanted.
                        wanted = needed;
                        break;
                    }
                    Err(DecodeError::Truncated { .. }) if !is_all => return Ok(()),
                    Err(error) => return Err(self.damaged(here, error)),
                }
            }
            if at > 0 || bytes.is_empty() || here.next > up_to {
                return Ok(());
            }
        }
    }

    fn damaged(&self, here: &Cursor, error: DecodeError) -> SegmentError {
        SegmentError::Damaged {
            file: segment_name(here.segment),
            offset: here.offset,
            lsn: here.next,
            reason: error.into(),
            covered: Covered::Synced { file_bytes: self.point.bytes, lsn: self.point.lsn },
        }
    }

    /// Like [`SegmentLog::purge`], of segments below both `flushed` and `needed`. At least `kept.start()` segments stay. Segments
    /// below `flushed` beyond the last `kept.end()` are removed even if they are needed.
    pub fn purge_within(
        &mut self,
        flushed: Lsn,
        needed: Lsn,
        kept: RangeInclusive<usize>,
    ) -> Result<usize, SegmentError> {
        let wanted = needed.max(self.first_of_last(*kept.end()));
        self.purge(flushed.min(wanted).min(self.first_of_last(*kept.start())))
    }

    /// Removes the oldest segments whose entries are all before `keep_from`, and returns how many. The last
    /// segment always stays. The caller passes the lowest of the flushed marker and the LSNs that replicas
    /// need.
    ///
    /// The oldest is removed first, and the folder is synced after each: whatever a power loss brings back, no
    /// segment is missing in the middle. Errors: `Io` — some may be removed, and a later call continues;
    /// `Fatal`, `Poisoned`.
    pub fn purge(&mut self, keep_from: Lsn) -> Result<usize, SegmentError> {
        self.refuse_if_poisoned()?;
        let whole = self.places.iter().skip(1).take_while(|place| place.first <= keep_from).count();
        if whole == 0 {
            return Ok(0);
        }
        let kept_from = self.places[whole].first;
        if kept_from > self.kept_from {
            self.seal(self.options.fsync.run(), kept_from)?;
            self.kept_from = kept_from;
            self.chain.forget_epochs_before(kept_from);
        }
        for _ in 0..whole {
            let SegmentStart { first, .. } = self.places[0];
            let name = segment_name(first);
            self.files.remove(&name).map_err(SegmentError::io("remove", &name))?;
            self.places.remove(0);
            let synced =
                self.files.sync_directory().map_err(SegmentError::fatal("sync the folder of", &name));
            self.poison_if_fatal(synced)?;
        }
        Ok(whole)
    }
}
