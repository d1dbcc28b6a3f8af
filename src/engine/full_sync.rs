//! Full sync — a replica puts its master's whole store into a new generation, and starts again on it. Does I/O.
//!
//! ```text
//! link      records ─▶ store of the new generation, log that begins after the head's entry     the old data are served
//! engine    the old role ends ─▶ file `node` of the new generation ─▶ `current` is renamed ─▶ the new role begins
//! ```

use super::following::ReplicaState;
use super::generations::Generations;
use super::identity::{Identity, IdentityError};
use super::open::Folders;
use super::{Meters, Settings, SharedFiles};
use crate::apply;
use crate::binlog::segment::{Options, Place, begin_at};
use crate::binlog::{Files, FolderId, Lsn, SegmentError, SegmentLog};
use crate::client::full_sync::Destination;
use crate::effect::Write;
use crate::expiry::Policy;
use crate::replication::snapshot::{Head, Record};
use crate::store::rocksdb::RocksStore;
use crate::store::{Store, StoreError, key};
use crate::sync::atomic::Ordering;
use crate::sync::{Arc, Mutex, lock};
use std::io;
use std::sync::Weak;
use std::sync::mpsc::Sender;

/// The store of the new generation is flushed whenever this many bytes of records were written to it.
const FLUSH_BYTES: usize = 64 << 20;

/// The way in which a replica takes full syncs.
pub struct Taking<F: Files> {
    /// The folders.
    pub generations: Arc<dyn Generations<F>>,
    /// Where the engine is told that a full sync is there.
    pub ready: Sender<Ready<F>>,
}

impl<F: Files> Clone for Taking<F> {
    fn clone(&self) -> Taking<F> {
        Taking { generations: Arc::clone(&self.generations), ready: self.ready.clone() }
    }
}

/// A full sync that has arrived, for the engine.
pub struct Ready<F: Files> {
    /// The new data.
    pub arrived: Arrived<F>,
    /// The replica that asked for it. If the node has another role meanwhile, the data are removed.
    pub replica: Weak<ReplicaState<F>>,
}

/// A generation that has everything but its file `node`.
pub struct Arrived<F> {
    /// Its number.
    pub number: u64,
    /// Its folders.
    pub folders: Folders<F>,
    folder: FolderId,
    head: Head,
}

/// The reason for which a full sync cannot be stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreSyncError {
    /// A folder or a file cannot be created.
    #[error("folder: {0}")]
    Folder(#[from] io::Error),
    /// The store cannot be written.
    #[error("store: {0}")]
    Store(#[from] StoreError),
    /// The log cannot be begun.
    #[error("binlog: {0}")]
    Log(#[from] SegmentError),
    /// The file `node` cannot be read or written.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A record is not one of users' data.
    #[error("the master sent a record that is not a user's")]
    NotData,
    /// Records came before the head.
    #[error("the master sent records before the head")]
    NoHead,
}

/// The new generation while a full sync arrives. It is removed when this is dropped, unless everything has arrived.
pub struct Arriving<F: SharedFiles> {
    generations: Arc<dyn Generations<F>>,
    options: Options,
    /// What has begun to arrive, with its store.
    begun: Option<(Arrived<F>, RocksStore)>,
    unflushed: usize,
    /// The place where the generation is put when it is complete.
    complete: Arc<Mutex<Option<Arrived<F>>>>,
    meters: Arc<Meters>,
    /// Whether it has begun and has neither been completed nor failed.
    is_under_way: bool,
}

impl<F: SharedFiles> Arriving<F> {
    /// A place for a full sync of a node with these settings.
    pub fn new(
        taking: &Taking<F>,
        settings: &Settings,
        complete: Arc<Mutex<Option<Arrived<F>>>>,
    ) -> Arriving<F> {
        let options = Options { segment_bytes_max: settings.segment_bytes_max, fsync: settings.fsync };
        let generations = Arc::clone(&taking.generations);
        let meters = Arc::clone(&settings.meters);
        Arriving { generations, options, begun: None, unflushed: 0, complete, meters, is_under_way: false }
    }

    fn try_begin(&mut self, head: &Head) -> Result<(), StoreSyncError> {
        self.is_under_way = true;
        self.meters.received.begun.fetch_add(1, Ordering::Relaxed);
        let (number, folders) = self.generations.create()?;
        let folder = FolderId(fastrand::u128(1..));
        let opened = RocksStore::open(&folders.store);
        let arrived = Arrived { number, folders, folder, head: *head };
        match opened {
            Ok(store) => self.begun = Some((arrived, store)),
            Err(error) => {
                self.generations.remove(number);
                return Err(error.into());
            }
        }
        Ok(())
    }

    fn try_records(&mut self, records: Vec<Record>) -> Result<(), StoreSyncError> {
        let Some((_, store)) = &mut self.begun else { return Err(StoreSyncError::NoHead) };
        if records.iter().any(|(raw, _)| key::owner(raw).is_none()) {
            return Err(StoreSyncError::NotData);
        }
        self.unflushed += records.iter().map(|(raw, value)| raw.len() + value.len()).sum::<usize>();
        let puts: Vec<Write> = records.into_iter().map(|(key, value)| Write::Put { key, value }).collect();
        store.write(&puts)?;
        // There is no log from which these records could be had again, so a crash loses this generation as a whole, and a
        // flush in the middle of it is harmless.
        if self.unflushed >= FLUSH_BYTES {
            store.flush()?;
            self.unflushed = 0;
        }
        Ok(())
    }

    fn try_finish(&mut self) -> Result<(), StoreSyncError> {
        let Some((arrived, mut store)) = self.begun.take() else { return Err(StoreSyncError::NoHead) };
        let outcome = finish(&arrived, &mut store, self.options);
        drop(store);
        match outcome {
            Ok(()) => {
                *lock(&self.complete) = Some(arrived);
                self.is_under_way = false;
                self.meters.received.complete.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                self.generations.remove(arrived.number);
                return Err(error);
            }
        }
        Ok(())
    }
}

/// Completes the store, and begins the log. Both are durable when this returns.
fn finish<F: SharedFiles>(
    arrived: &Arrived<F>,
    store: &mut RocksStore,
    options: Options,
) -> Result<(), StoreSyncError> {
    let Arrived { folders, folder, head, .. } = arrived;
    let mut own = vec![apply::marker_write(head.last), apply::folder_write(*folder)];
    if head.removed.0 > 0 {
        own.push(apply::removed_write(head.removed));
    }
    store.write(&own)?;
    store.flush()?;
    if head.last > Lsn::NONE {
        let place = Place { last: head.last, time: head.time, epoch: head.epoch, running: head.running };
        begin_at(&folders.binlog, &place)?;
    }
    let (mut log, _) = SegmentLog::open(folders.binlog.clone(), options)?;
    log.set_folder(*folder)?;
    log.stop()?;
    Ok(())
}

impl<F: SharedFiles> Destination for Arriving<F> {
    fn begin(&mut self, head: &Head) -> Result<(), String> {
        self.try_begin(head).map_err(|error| error.to_string())
    }

    fn records(&mut self, records: Vec<Record>) -> Result<(), String> {
        self.try_records(records).map_err(|error| error.to_string())
    }

    fn finish(&mut self) -> Result<(), String> {
        self.try_finish().map_err(|error| error.to_string())
    }
}

impl<F: SharedFiles> Drop for Arriving<F> {
    fn drop(&mut self) {
        if self.is_under_way {
            self.meters.received.failed.fetch_add(1, Ordering::Relaxed);
        }
        if let Some((arrived, store)) = self.begun.take() {
            drop(store);
            self.generations.remove(arrived.number);
        }
    }
}

impl<F: SharedFiles> Arrived<F> {
    /// Writes the file `node` and makes the generation current. `before`: the folder of the file `node` until now. Its role has
    /// ended, so its file has the latest instant that readers were told, and the epoch of its last run as a master.
    ///
    /// Errors: the old generation is still current.
    pub fn make_current(
        &self,
        before: &F,
        expiry: Policy,
        generations: &dyn Generations<F>,
    ) -> Result<(), StoreSyncError> {
        let mut identity = Identity::new(expiry, self.folder);
        let mut ceiling = self.head.time;
        if let Some(before) = Identity::read(before)? {
            identity.set_epoch(before.epoch());
            ceiling = ceiling.max(before.ceiling());
        }
        identity.set_follower(true);
        identity.set_heard(self.head.time);
        identity.set_offset_ms(self.head.offset_ms);
        identity.write_ceiling(&self.folders.node, ceiling)?;
        generations.make_current(self.number)?;
        Ok(())
    }
}
