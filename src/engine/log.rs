//! The segment log behind one lock: a writer appends, feeds read, a ticker syncs. Does I/O, through the log.

use crate::binlog::segment::{Around, Cursor};
use crate::binlog::{Entry, Epoch, Files, Fsync, Lsn, SegmentError, SegmentLog, Stretch};
use crate::compression::Codec;
use crate::sync::{Mutex, lock};

/// Segments that stay for replicas that come back: a quarter of a GB by default.
pub const SEGMENTS_KEPT_MIN: usize = 4;
/// Segments that stay for replicas that are slow: 4 GB by default. A replica that needs older ones is lost.
pub const SEGMENTS_KEPT_MAX: usize = 64;

/// What is known of a log without asking it for entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogState {
    /// The first LSN that is there.
    pub first: Lsn,
    /// The last LSN.
    pub last: Lsn,
    /// The last LSN that a fsync has covered.
    pub durable: Lsn,
    /// Each epoch that has entries, with its first LSN.
    pub epochs: Vec<(Epoch, Lsn)>,
    /// Why it takes no more entries, if it does not.
    pub poisoned: Option<String>,
}

/// A log that threads share. Every call but [`SharedLog::sync`] and [`SharedLog::pack`] takes the lock for as long as the
/// disk takes.
pub struct SharedLog<F: Files> {
    log: Mutex<SegmentLog<F>>,
}

impl<F: Files> SharedLog<F> {
    /// Shares `log`.
    pub fn new(log: SegmentLog<F>) -> SharedLog<F> {
        SharedLog { log: Mutex::new(log) }
    }

    /// See [`SegmentLog::append`]; under `always` it is durable when this returns.
    pub fn append(&self, group: &[Entry], fsync: Fsync) -> Result<(), SegmentError> {
        let mut log = lock(&self.log);
        log.append(group)?;
        Self::appended(&mut log, fsync)
    }

    /// See [`SegmentLog::append_received`], and durable if `fsync` says `always`. Errors: as there.
    pub fn append_received(&self, group: &[Entry], bytes: &[u8], fsync: Fsync) -> Result<(), SegmentError> {
        let mut log = lock(&self.log);
        log.append_received(group, bytes)?;
        Self::appended(&mut log, fsync)
    }

    fn appended(log: &mut SegmentLog<F>, fsync: Fsync) -> Result<(), SegmentError> {
        match fsync {
            Fsync::Always => match log.sync() {
                // Durable, and only not recorded as such: the next sync records it.
                Err(error @ SegmentError::Io { .. }) => {
                    tracing::warn!(%error, "fsync point not recorded");
                    Ok(())
                }
                synced => synced.map(|_| ()),
            },
            Fsync::EverySec | Fsync::No => Ok(()),
        }
    }

    /// See [`SegmentLog::sync`]. Entries are appended and read while the disk works.
    pub fn sync(&self) -> Result<Lsn, SegmentError> {
        let syncing = lock(&self.log).begin_sync()?;
        let outcome = syncing.run();
        lock(&self.log).end_sync(&syncing, outcome)
    }

    /// See [`SegmentLog::set_fsync`].
    pub fn set_fsync(&self, fsync: Fsync) -> Result<(), SegmentError> {
        lock(&self.log).set_fsync(fsync)
    }

    /// Takes away segments below `flushed` and `needed`, keeping at least [`SEGMENTS_KEPT_MIN`], and at most
    /// [`SEGMENTS_KEPT_MAX`] whoever needs them. See [`SegmentLog::purge`].
    pub fn purge(&self, flushed: Lsn, needed: Lsn) -> Result<usize, SegmentError> {
        let mut log = lock(&self.log);
        let wanted = needed.max(log.first_of_last(SEGMENTS_KEPT_MAX));
        let keep_from = flushed.min(wanted).min(log.first_of_last(SEGMENTS_KEPT_MIN));
        log.purge(keep_from)
    }

    /// Packs the oldest segment that is closed and not packed, see [`SegmentLog::begin_pack`]; whether there was one. Entries
    /// are appended and read meanwhile.
    pub fn pack(&self, codec: Codec) -> Result<bool, SegmentError> {
        let begun = lock(&self.log).begin_pack(codec)?;
        let Some(packing) = begun else { return Ok(false) };
        let outcome = packing.run();
        lock(&self.log).end_pack(packing, outcome).map(|()| true)
    }

    /// See [`SegmentLog::cursor`].
    pub fn cursor(&self, from: Lsn) -> Result<Cursor, SegmentError> {
        lock(&self.log).cursor(from)
    }

    /// See [`SegmentLog::read_bytes`].
    pub fn read_bytes(
        &self,
        cursor: &mut Cursor,
        up_to: Lsn,
        bytes_max: usize,
    ) -> Result<Stretch, SegmentError> {
        lock(&self.log).read_bytes(cursor, up_to, bytes_max)
    }

    /// See [`SegmentLog::around`].
    pub fn around(&self, lsn: Lsn) -> Result<Around, SegmentError> {
        lock(&self.log).around(lsn)
    }

    /// What is known of it now.
    pub fn state(&self) -> LogState {
        let log = lock(&self.log);
        LogState {
            first: log.first(),
            last: log.last(),
            durable: log.durable(),
            epochs: log.epochs().to_vec(),
            poisoned: log.poisoned().map(str::to_owned),
        }
    }

    /// See [`SegmentLog::stop`].
    pub fn stop(&self) -> Result<(), SegmentError> {
        lock(&self.log).stop()
    }

    /// See [`SegmentLog::appended_bytes`].
    pub fn appended_bytes(&self) -> u64 {
        lock(&self.log).appended_bytes()
    }
}
