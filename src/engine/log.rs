//! Log — the segment log behind a lock: the writer or link appends, feeds read, the ticker syncs. Does I/O, through the
//! log.

use crate::binlog::segment::{Around, Cursor};
use crate::binlog::{Entry, Epoch, Files, Fsync, Lsn, SegmentError, SegmentLog, Stretch};
use crate::compression::CompressionMethod;
use crate::sync::{Mutex, lock};

/// The least number of segments that a purge keeps, for replicas that reconnect: a quarter of a GB by default.
pub const SEGMENTS_KEPT_MIN: usize = 4;
/// The most segments that a purge keeps for slow replicas: 4 GB by default. A replica that needs older ones can no longer
/// resume.
pub const SEGMENTS_KEPT_MAX: usize = 64;

/// The state of a log, without its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogState {
    /// The first LSN that is not purged.
    pub first: Lsn,
    /// The last LSN.
    pub last: Lsn,
    /// The last LSN that a fsync has covered.
    pub durable: Lsn,
    /// Each epoch that has entries, with its first LSN.
    pub epochs: Vec<(Epoch, Lsn)>,
    /// The reason for which it accepts no more entries; `None`: it accepts them.
    pub poisoned: Option<String>,
}

/// A log that threads share. Each call holds the lock while the disk works, except for [`SharedLog::sync`] and
/// [`SharedLog::pack`].
pub struct SharedLog<F: Files> {
    log: Mutex<SegmentLog<F>>,
}

impl<F: Files> SharedLog<F> {
    /// Shares `log`.
    pub fn new(log: SegmentLog<F>) -> SharedLog<F> {
        SharedLog { log: Mutex::new(log) }
    }

    /// See [`SegmentLog::append`]. If `fsync` is `always`, the group is durable when this returns. Errors: as there.
    pub fn append(&self, group: &[Entry], fsync: Fsync) -> Result<(), SegmentError> {
        let mut log = lock(&self.log);
        log.append(group)?;
        Self::appended(&mut log, fsync)
    }

    /// See [`SegmentLog::append_received`]. If `fsync` is `always`, the group is durable when this returns. Errors: as
    /// there.
    pub fn append_received(&self, group: &[Entry], bytes: &[u8], fsync: Fsync) -> Result<(), SegmentError> {
        let mut log = lock(&self.log);
        log.append_received(group, bytes)?;
        Self::appended(&mut log, fsync)
    }

    fn appended(log: &mut SegmentLog<F>, fsync: Fsync) -> Result<(), SegmentError> {
        match fsync {
            Fsync::Always => match log.sync() {
                // The group is durable, but the fsync point was not recorded. The next sync records it.
                Err(error @ SegmentError::Io { .. }) => {
                    tracing::warn!(%error, "fsync point not recorded");
                    Ok(())
                }
                synced => synced.map(|_| ()),
            },
            Fsync::EverySec | Fsync::No => Ok(()),
        }
    }

    /// See [`SegmentLog::sync`]. Entries can be appended and read meanwhile.
    pub fn sync(&self) -> Result<Lsn, SegmentError> {
        let syncing = lock(&self.log).begin_sync()?;
        let outcome = syncing.run();
        lock(&self.log).end_sync(&syncing, outcome)
    }

    /// See [`SegmentLog::set_fsync`].
    pub fn set_fsync(&self, fsync: Fsync) -> Result<(), SegmentError> {
        lock(&self.log).set_fsync(fsync)
    }

    /// Removes segments below both `flushed` and `needed`. It keeps at least [`SEGMENTS_KEPT_MIN`] segments. Segments below
    /// `flushed` beyond the last [`SEGMENTS_KEPT_MAX`] are removed even if a replica needs them. See [`SegmentLog::purge_within`].
    pub fn purge(&self, flushed: Lsn, needed: Lsn) -> Result<usize, SegmentError> {
        lock(&self.log).purge_within(flushed, needed, SEGMENTS_KEPT_MIN..=SEGMENTS_KEPT_MAX)
    }

    /// Packs the oldest segment that is closed and not packed, see [`SegmentLog::begin_pack`]. Returns whether there was
    /// one. Entries can be appended and read meanwhile.
    pub fn pack(&self, codec: CompressionMethod) -> Result<bool, SegmentError> {
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

    /// The current state of the log.
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
