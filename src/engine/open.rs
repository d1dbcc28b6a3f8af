//! Open — a node's folder as the last run left it → store and log that agree. Does I/O.
//!
//! ```text
//! binlog   1 2 3 4 5 6 7 8 9│torn        the tail that no fsync covered is cut at its last good entry
//! store    1 2 3 4 5 6│                  the marker in the last flushed batch: 6
//! open     apply 7 8 9                   restart and replication are one path
//! ```
//!
//! Store, log and the file `node` say which folder they belong to, so that parts of two folders are not taken for a node, and
//! data without its file `node` is refused: a start that took it for a new folder would forget its epoch and its ceiling.
//!
//! A disk that lost what a fsync had promised can leave a store that is ahead of its log. On a master the store is the
//! truth that is left: its log begins anew after the marker, in a new epoch, and no follower resumes from it, since the
//! entries that would tell what the store holds are gone. A replica is refused: its master still has them.

use super::Settings;
use super::identity::{Identity, IdentityError};
use crate::apply;
use crate::binlog::log::epoch_of_start;
use crate::binlog::segment::{Options, begin_after};
use crate::binlog::{Disk, Entry, Epoch, Files, FolderId, Lsn, SegmentError, SegmentLog};
use crate::replication::handshake::START_AGAIN;
use crate::store::rocksdb::RocksStore;
use crate::store::{Store as _, StoreError};
use crate::time::Millis;
use std::io;
use std::path::Path;

/// Bytes of the log that are read at a time.
const READ_BYTES: usize = 4 << 20;

/// An open folder: the store holds all that the log holds.
pub struct Opened<F: Files> {
    /// The store.
    pub store: RocksStore,
    /// The log.
    pub log: SegmentLog<F>,
    /// The folder itself.
    pub files: F,
    /// What the folder says of itself.
    pub identity: Identity,
    /// The last entry.
    pub last: Lsn,
    /// Each epoch that has entries, with its first LSN.
    pub epochs: Vec<(Epoch, Lsn)>,
    /// No reader was told a later log time. A master's log time does not go back behind it.
    pub time: Millis,
    /// The master's time that a replica has heard.
    pub heard: Millis,
    /// Whether nothing that was acknowledged can be lost.
    pub clean: bool,
    /// Whether the last run stopped cleanly, with all that its readers saw and the latest instant that they judged by.
    /// If not, a replica lets no reader in before it has its master's tail.
    pub stopped: bool,
}

/// Where a node's files are, but for its store's.
#[derive(Clone, Debug)]
pub struct Folders<F> {
    /// The file `node`.
    pub node: F,
    /// The segments of the log.
    pub binlog: F,
}

impl Folders<Disk> {
    /// The folders of a node in `dir`, made if they are not there. Errors: the disk's.
    pub fn in_dir(dir: &Path) -> io::Result<Folders<Disk>> {
        Ok(Folders { node: Disk::open(dir)?, binlog: Disk::open(dir.join("binlog"))? })
    }
}

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder cannot be made or read.
    #[error("cannot open the folder: {0}")]
    Folder(#[from] io::Error),
    /// Its identity.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Its log.
    #[error("binlog: {0}")]
    Log(#[from] SegmentError),
    /// Its store is locked.
    #[error("the folder is in use by another process")]
    InUse,
    /// Its store.
    #[error("store: {0}")]
    Store(#[from] StoreError),
    /// There is data, and nothing that says whose it is.
    #[error(
        "the folder has a store or a log, and no file `node`: put it back from a copy of the folder, or start in an empty \
         folder"
    )]
    NoIdentity,
    /// The folder was put together from two.
    #[error(
        "the folder was put together from two: its {part} is of folder {found}, its file `node` of folder {expected}; put \
         the {part} back that belongs here, or start in an empty folder"
    )]
    OtherFolder {
        /// `store` or `log`.
        part: &'static str,
        /// What the part says.
        found: FolderId,
        /// What the file `node` says.
        expected: FolderId,
    },
    /// It was to be taken in as a copy.
    #[error("--take-copy: {0}")]
    NoCopy(&'static str),
    /// A replica's store holds entries that its log does not have: the disk lost what a fsync had promised.
    #[error(
        "the store holds entries through {marker}, the log ends at {last}: the disk lost what fsync had promised; \
         {START_AGAIN}"
    )]
    Ahead {
        /// The store's marker.
        marker: Lsn,
        /// The log's end.
        last: Lsn,
    },
}

/// Opens the folder of a node that `follows` a master or is one; `store` is its store if the process has it open already.
///
/// Errors: [`OpenError`]; no entry is lost by any of them. Cost: O(bytes of the log) to read, and to apply what is after
/// the marker.
pub fn open<F: Files + Clone>(
    settings: &Settings,
    folders: Folders<F>,
    store: Option<RocksStore>,
    follows: bool,
) -> Result<Opened<F>, OpenError> {
    let Folders { node: files, binlog } = folders;
    let stored = Identity::read(&files)?;
    if let Some(identity) = &stored {
        identity.check(settings.expiry)?;
    }
    let options = Options { segment_bytes_max: settings.segment_bytes_max, fsync: settings.fsync };
    let mut store = match store {
        Some(store) => store,
        None => RocksStore::open(&settings.dir.join("store")).map_err(in_use)?,
    };
    let marker = apply::marker(&store)?;
    let (mut log, mut recovered) = SegmentLog::open(binlog.clone(), options)?;
    let of_store = apply::folder(&store)?;
    let is_new = marker == Lsn::NONE && recovered.last == Lsn::NONE;
    if stored.is_none() && (!is_new || of_store.or(recovered.folder).is_some()) {
        return Err(OpenError::NoIdentity);
    }
    let is_new = stored.is_none() && is_new;
    let drawn = FolderId(fastrand::u128(1..));
    let mut identity = stored.unwrap_or_else(|| Identity::new(settings.expiry, drawn));
    // An earlier version wrote the file `node` without it.
    let folder = identity.folder().or(of_store).or(recovered.folder).unwrap_or(drawn);
    for (part, found) in [("store", of_store), ("log", recovered.folder)] {
        if let Some(found) = found.filter(|&found| found != folder) {
            return Err(OpenError::OtherFolder { part, found, expected: folder });
        }
    }
    tracing::info!(first = %recovered.first, last = %recovered.last, durable = %recovered.durable, %marker,
        cut_bytes = recovered.cut_bytes, clean = recovered.clean, "log recovered");
    if settings.takes_copy && !identity.is_follower() {
        check_copy(is_new, follows, recovered.stopped)?;
        tracing::info!(last = %recovered.last, "the folder is taken in as a copy of a master's");
    }
    if marker > recovered.last {
        if follows || identity.is_follower() {
            return Err(OpenError::Ahead { marker, last: recovered.last });
        }
        tracing::error!(%marker, last = %recovered.last, "the store is ahead of the log: the disk lost what fsync had \
            promised; the log begins anew after the marker, and no replica can resume");
        identity.set_epoch(epoch_of_start(&recovered.epochs, identity.epoch(), fastrand::u32(..)));
        // Durable first: the new log alone would not say that the epoch is taken.
        let ceiling = identity.ceiling();
        identity.write_ceiling(&files, ceiling)?;
        begin_after(&binlog, marker, identity.epoch(), ceiling)?;
        (log, recovered) = SegmentLog::open(binlog, options)?;
    }
    // What a master logged, it executed when it logged it; what a replica received, it receives again.
    let arrived = |entry: &Entry| if follows { settings.clock.moment().wall } else { entry.time };
    catch_up(settings, &mut store, &log, marker, &arrived)?;
    if recovered.folder.is_none() || of_store.is_none() {
        // The file `node` first: it is never the one that is missing.
        identity.set_folder(folder);
        let ceiling = identity.ceiling();
        identity.write_ceiling(&files, ceiling)?;
        log.set_folder(folder)?;
        store.write(&[apply::folder_write(folder)])?;
    }
    Ok(Opened {
        last: recovered.last,
        epochs: recovered.epochs,
        time: recovered.time.max(identity.ceiling()),
        heard: recovered.time.max(identity.heard()),
        clean: recovered.clean && !identity.has_lost(),
        stopped: (recovered.stopped || is_new) && !identity.has_lost(),
        store,
        log,
        files,
        identity,
    })
}

/// Whether a folder that no replica has used yet can be a copy of a master's. Errors: `NoCopy`.
fn check_copy(is_new: bool, follows: bool, stopped: bool) -> Result<(), OpenError> {
    match (follows, is_new, stopped) {
        (false, ..) => Err(OpenError::NoCopy("it goes with --replicaof")),
        (_, true, _) => Err(OpenError::NoCopy("there is no copy in the folder")),
        (_, _, false) => Err(OpenError::NoCopy(
            "the copy is of a node that ran or was killed: stop its master with SHUTDOWN or SIGTERM, and copy its folder again",
        )),
        _ => Ok(()),
    }
}

/// RocksDB tells only in words that somebody else holds its lock.
fn in_use(error: StoreError) -> OpenError {
    match error {
        StoreError::Io(text) if text.contains("While lock file") => OpenError::InUse,
        error => OpenError::Store(error),
    }
}

/// Applies what the log has after `marker`.
fn catch_up(
    settings: &Settings,
    store: &mut RocksStore,
    log: &SegmentLog<impl Files>,
    marker: Lsn,
    local: &dyn Fn(&Entry) -> Millis,
) -> Result<(), OpenError> {
    if marker == log.last() {
        return Ok(());
    }
    let policy = settings.policy();
    let mut cursor = log.cursor(marker.next())?;
    loop {
        let entries = log.read(&mut cursor, log.last(), READ_BYTES)?;
        let entries: Vec<Entry> = entries
            .into_iter()
            .map(|entry| {
                let local = local(&entry);
                policy.arrived(entry, local)
            })
            .collect();
        let instants = |entry: &Entry| policy.instants(entry, local(entry));
        if apply::write_recovered(store, &entries, &instants)?.is_none() {
            return Ok(());
        }
    }
}
