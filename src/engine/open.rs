//! Open — opens a node's folder as the last run left it, and brings store and log into agreement. Does I/O.
//!
//! ```text
//! binlog   1 2 3 4 5 6 7 8 9│torn        the tail that no fsync covered is cut after its last valid entry
//! store    1 2 3 4 5 6│                  the marker in the last flushed batch: 6
//! open     apply 7 8 9                   a restart uses the same code as replication
//! ```
//!
//! Store, log and the identity file `node` each contain the id of their folder, so that parts of two folders are not
//! mistaken for one node. Data without an identity file is refused: a start that treated it as a new folder would lose its
//! epoch and its ceiling.
//!
//! A disk that loses data after an fsync can leave a store that is ahead of its log. On a master the store is then the only
//! complete copy: a new log begins after the marker, in a new epoch. No follower can resume from it, because the entries
//! before the marker are lost. On a replica the folder is refused: the replica's master still has the entries.

use super::Settings;
use super::identity::{Identity, IdentityError};
use crate::apply;
use crate::binlog::log::epoch_of_start;
use crate::binlog::segment::{Options, begin_after};
use crate::binlog::{Disk, Entry, Epoch, Files, FolderId, Lsn, SegmentError, SegmentLog};
use crate::node::{Start, start};
use crate::store::rocksdb::RocksStore;
use crate::store::{Store as _, StoreError};
use crate::time::Millis;
use std::io;
use std::path::{Path, PathBuf};

/// Bytes of one read of the log.
const READ_BYTES: usize = 4 << 20;

/// An open folder. The store holds the effects of all entries of the log.
pub struct Opened<F: Files> {
    /// The store.
    pub store: RocksStore,
    /// The log.
    pub log: SegmentLog<F>,
    /// The folder of the identity file.
    pub files: F,
    /// The content of the identity file.
    pub identity: Identity,
    /// The last entry of the log.
    pub last: Lsn,
    /// Each epoch that has entries, with its first LSN.
    pub epochs: Vec<(Epoch, Lsn)>,
    /// No reader was told a log time after this one. A master's log time never goes back before it.
    pub time: Millis,
    /// The latest log time that the node has heard from its master, see [`Identity::heard`].
    pub heard: Millis,
    /// Whether it is certain that no acknowledged write is lost.
    pub clean: bool,
    /// Whether the last run stopped cleanly, so that the folder has everything that its readers saw, and the latest instant
    /// that they were told. If not, a replica lets no reader in until it has caught up with its master's log.
    pub stopped: bool,
}

/// The folders of a node's files.
#[derive(Clone, Debug)]
pub struct Folders<F> {
    /// The folder of the identity file `node`.
    pub node: F,
    /// The folder of the log's segments.
    pub binlog: F,
    /// The folder of the store.
    pub store: PathBuf,
}

impl Folders<Disk> {
    /// Opens the folders of a node in `dir`, and creates them if they do not exist. Errors: the disk's.
    pub fn in_dir(dir: &Path) -> io::Result<Folders<Disk>> {
        let (node, binlog) = (Disk::open(dir)?, Disk::open(dir.join("binlog"))?);
        Ok(Folders { node, binlog, store: dir.join("store") })
    }
}

/// The reason for which a folder cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder cannot be created or read.
    #[error("cannot open the folder: {0}")]
    Folder(#[from] io::Error),
    /// The identity file cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The log cannot be opened or read.
    #[error("binlog: {0}")]
    Log(#[from] SegmentError),
    /// The store is locked by another process.
    #[error("the folder is in use by another process")]
    InUse,
    /// The store cannot be opened, read or written.
    #[error("store: {0}")]
    Store(#[from] StoreError),
    /// There is data in the folder, but no identity file.
    #[error(
        "the folder has a store or a log, but no file `node`: restore that file from a copy of the folder, or start in an empty \
         folder"
    )]
    NoIdentity,
    /// The folder has parts of two folders.
    #[error(
        "the folder was put together from two: its {part} is of folder {found}, its file `node` is of folder {expected}; \
         restore the {part} that belongs here, or start in an empty folder"
    )]
    OtherFolder {
        /// `store` or `log`.
        part: &'static str,
        /// The folder id in that part.
        found: FolderId,
        /// The folder id in the identity file.
        expected: FolderId,
    },
    /// The folder cannot be used as a copy of a master's folder, as `--take-copy` requests.
    #[error("--take-copy: {0}")]
    NoCopy(&'static str),
    /// A replica's store holds entries that its log does not have: the disk lost data after an fsync.
    #[error(
        "the store holds entries through {marker}, the log ends at {last}: the disk lost what fsync had promised; \
         start the replica in an empty folder"
    )]
    Ahead {
        /// The store's marker.
        marker: Lsn,
        /// The log's end.
        last: Lsn,
    },
}

/// Opens the folder of a node. `follows`: whether the node follows a master or is one. `store`: its store, if the process
/// already has it open.
///
/// Errors: [`OpenError`]; none of them loses an entry. Cost: it reads O(bytes of the log), and applies the entries after
/// the marker.
pub fn open<F: Files + Clone>(
    settings: &Settings,
    folders: Folders<F>,
    store: Option<RocksStore>,
    follows: bool,
) -> Result<Opened<F>, OpenError> {
    let Folders { node: files, binlog, store: of_rocksdb } = folders;
    let stored = Identity::read(&files)?;
    if let Some(identity) = &stored {
        identity.check(settings.expiry)?;
    }
    let options = Options { segment_bytes_max: settings.segment_bytes_max, fsync: settings.fsync };
    let mut store = match store {
        Some(store) => store,
        None => RocksStore::open(&of_rocksdb).map_err(in_use)?,
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
    // An earlier version wrote the identity file without a folder id.
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
        tracing::info!(last = %recovered.last, "the folder is used as a copy of a master's folder");
    }
    match start(marker, recovered.last, follows || identity.is_follower()) {
        Start::CatchUp => {}
        Start::Refuse => return Err(OpenError::Ahead { marker, last: recovered.last }),
        Start::NewLog => {
            tracing::error!(%marker, last = %recovered.last, "the store is ahead of the log: the disk lost what fsync had \
                promised; a new log begins after the marker, and no replica can resume");
            identity.set_epoch(epoch_of_start(&recovered.epochs, identity.epoch(), fastrand::u32(..)));
            // The epoch is made durable before the new log begins: that log has no entry yet that would show the epoch.
            let ceiling = identity.ceiling();
            identity.write_ceiling(&files, ceiling)?;
            begin_after(&binlog, marker, identity.epoch(), ceiling)?;
            (log, recovered) = SegmentLog::open(binlog, options)?;
        }
    }
    // A master executed an entry at the entry's time. A replica applies its entries as if they arrived now.
    let arrived = |entry: &Entry| if follows { settings.clock.moment().wall } else { entry.time };
    catch_up(settings, &mut store, &log, marker, &arrived)?;
    if recovered.folder.is_none() || of_store.is_none() {
        // The identity file is written first, so it always has the id if the log or the store has it.
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

/// Checks that a folder that no replica has used yet can be a copy of a master's. Errors: `NoCopy`.
fn check_copy(is_new: bool, follows: bool, stopped: bool) -> Result<(), OpenError> {
    match (follows, is_new, stopped) {
        (false, ..) => Err(OpenError::NoCopy("it requires --replicaof")),
        (_, true, _) => Err(OpenError::NoCopy("there is no copy in the folder")),
        (_, _, false) => Err(OpenError::NoCopy(
            "the copy is of a node that ran or was killed: stop its master with SHUTDOWN or SIGTERM, and copy its folder again",
        )),
        _ => Ok(()),
    }
}

/// Recognises a locked store by the text of RocksDB's error, because the error has no code for it.
fn in_use(error: StoreError) -> OpenError {
    match error {
        StoreError::Io(text) if text.contains("While lock file") => OpenError::InUse,
        error => OpenError::Store(error),
    }
}

/// Applies the entries after `marker` to the store.
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
