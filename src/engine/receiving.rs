//! Receiving — a replica takes what its link receives: into its log, to its workers, on to its own replicas. Does I/O.

use super::checkpoint::Checkpoints;
use super::disk_errors::Refused;
use super::following::ReplicaState;
use super::full_sync::{Arrived, Arriving, Ready, Taking};
use super::replica::DISK_PAUSE;
use super::settings::{Masterauth, Port};
use super::{Settings, SharedFiles};
use crate::apply;
use crate::apply::pool::Stopped;
use crate::binlog::{Entry, Files, Lsn, SegmentError};
use crate::client::full_sync::Destination;
use crate::client::link::{Follower, FollowerError, LinkError, LinkState};
use crate::compression::CompressionMethod;
use crate::expiry::ExpiryPolicy;
use crate::handover::hand_over;
use crate::replication::handshake::{Hello, Resume};
use crate::replication::lag::Marks;
use crate::replication::session::Stop;
use crate::replication::{Ack, Heartbeat, Offset, Tail};
use crate::secret::Secret;
use crate::store::StoreError;
use crate::store::rocksdb::RocksStore;
use crate::sync::atomic::Ordering;
use crate::sync::{Arc, Mutex, lock};
use crate::time::Millis;
use tokio::sync::Notify;

/// The link's follower: it takes everything that the link receives.
pub struct Sink<F: Files> {
    pub shared: Arc<ReplicaState<F>>,
    /// The codec that it requests from its master.
    pub compression: CompressionMethod,
    pub policy: Arc<dyn ExpiryPolicy + Send + Sync>,
    pub store: RocksStore,
    pub port: Port,
    pub masterauth: Masterauth,
    /// Notified when all clients have to be disconnected.
    pub disconnect: Arc<Notify>,
    /// Set when the link has to end.
    pub stop: Stop,
    /// The way in which it takes full syncs, and the node's settings; `None`: it takes none.
    pub taking: Option<(Taking<F>, Settings)>,
    /// A full sync that has arrived.
    pub arrived: Arc<Mutex<Option<Arrived<F>>>>,
}

/// The place in the log that the link has reached.
pub struct Received {
    pub checkpoints: Checkpoints,
    /// The last entry admitted, and its time.
    pub last: Lsn,
    pub time: Millis,
}

impl<F: Files> Sink<F> {
    /// Appends to the log. While the disk refuses, the link waits and retries, and so the master waits, too. Acks are still
    /// sent.
    fn append(&self, entries: &[Entry], bytes: &[u8]) -> Result<(), FollowerError> {
        loop {
            let fsync = *lock(&self.shared.fsync);
            let appended = self.shared.log.append_received(entries, bytes, fsync);
            let is_full = matches!(appended, Err(SegmentError::Io { .. }));
            let error = appended.as_ref().err().filter(|_| is_full).map(ToString::to_string);
            self.shared.applied.errors().set(Refused::Log, error);
            match appended {
                Err(error @ SegmentError::Io { .. }) => {
                    if self.stop.wait(DISK_PAUSE) {
                        return Err(failed(error));
                    }
                }
                done => return done.map_err(failed),
            }
        }
    }

    /// Lets its own replicas have the log through `last`, and the log time there.
    fn pass_on(&self, last: Lsn, time: Millis) {
        let bytes = self.shared.log.appended_bytes();
        self.shared.tail.advance(Tail { last, time, bytes });
    }

    /// Waits until all received entries are applied. Then no worker writes, and the dead keys are removed.
    fn quiesce(&self, received: &Received) -> Result<(), FollowerError> {
        // The log is synced here so that the disk works while the workers finish. An error is ignored: the flush syncs
        // again, and reports it.
        let _ = self.shared.log.sync();
        self.shared.pool.wait_for(received.last).map_err(failed)?;
        self.remove_the_dead().map_err(failed)
    }

    /// Does the work after a flush that has ended. Begins a flush if one is due: for the `bytes` that were received, or because
    /// it frees much space.
    fn checkpoint(&self, received: &mut Received, bytes: u64) -> Result<(), FollowerError> {
        received.checkpoints.end(&self.store, &self.shared.log).map_err(failed)?;
        let is_full = received.checkpoints.written(bytes);
        let is_due = received.checkpoints.cleared(&self.store) || is_full;
        if is_due || self.shared.has_large_dead.swap(false, Ordering::Relaxed) {
            self.quiesce(received)?;
            let Received { checkpoints, last, time } = received;
            let (store, log) = (&self.store, &self.shared.log);
            let mut begin = || checkpoints.begin(store, log, *last, *time).map(|_| checkpoints.is_refused());
            // Before it has begun, nothing is received: the store would hold more and more in memory.
            while begin().map_err(failed)? && !self.stop.wait(DISK_PAUSE) {}
        }
        Ok(())
    }

    /// Waits until all received entries are applied, and flushes the store.
    pub fn flush(&self, received: &mut Received) -> Result<(), FollowerError> {
        self.quiesce(received)?;
        let Received { checkpoints, last, time } = received;
        checkpoints.flush(&self.store, &self.shared.log, *last, *time).map_err(failed)
    }

    /// Removes the keys that the ticker found dead. No worker may write meanwhile: an effect must not find a key that is
    /// partly removed.
    fn remove_the_dead(&self) -> Result<(), StoreError> {
        let Some(now) = self.shared.applied.removes_at() else { return Ok(()) };
        let dead = std::mem::take(&mut *lock(&self.shared.dead));
        self.shared.applied.remove_dead(&dead, now)
    }
}

impl From<Stopped> for FollowerError {
    fn from(stopped: Stopped) -> FollowerError {
        failed(stopped)
    }
}

fn failed(error: impl std::fmt::Display) -> FollowerError {
    FollowerError(error.to_string())
}

impl<F: SharedFiles> Follower for Sink<F> {
    fn hello(&self) -> Hello {
        let log = self.shared.log.state();
        // If the store cannot be read, its next write stops the node. Until then this value makes every master refuse the
        // replica.
        let removed = apply::removed(&self.store).unwrap_or_else(|error| {
            tracing::error!(%error, "cannot read the latest removed deadline");
            Millis(u64::MAX)
        });
        Hello {
            last: log.last,
            // If the log cannot be read there is no checksum. The error is reported by the next call that needs the log.
            checksum: self.shared.log.around(log.last).ok().and_then(|around| around.running),
            removed,
            port: self.port.load(Ordering::Relaxed),
            expiry: self.shared.expiry.name().to_owned(),
            epochs: log.epochs,
            codec: self.compression,
            ..Hello::default()
        }
    }

    fn resumed(&self, resume: Resume) -> Result<(), FollowerError> {
        *lock(&self.shared.marks) = Marks::new(lock(&self.shared.received).last);
        self.shared.applied.resumed(resume.last);
        Ok(())
    }

    fn entries(&self, entries: Vec<Entry>, bytes: &[u8]) -> Result<(), FollowerError> {
        let mut received = lock(&self.shared.received);
        let wall = self.shared.clock.moment().wall;
        let share = bytes.len() / entries.len().max(1);
        let end = entries.last().map(|entry| (entry.lsn, entry.time));
        let append = |entries: &[Entry]| self.append(entries, bytes);
        let receive = |entries: &[Entry]| self.shared.applied.receive(entries);
        let arrived = |entry| self.policy.arrived(entry, wall);
        hand_over(&self.shared.pool, entries, share, append, receive, arrived)?;
        (received.last, received.time) = end.unwrap_or((received.last, received.time));
        lock(&self.shared.marks).pass(received.last, bytes.len() as u64, received.time);
        self.pass_on(received.last, received.time);
        self.checkpoint(&mut received, bytes.len() as u64)
    }

    fn heartbeat(&self, heartbeat: Heartbeat) -> Result<(), FollowerError> {
        // The bound may rise meanwhile. It is read before the time is noted, so no time is passed on that was not noted.
        let bounded = self.shared.applied.bounded(heartbeat.time);
        if self.shared.applied.heartbeat(heartbeat) {
            tracing::warn!(
                master_time = heartbeat.tail.time.0,
                "readers were told a log time far beyond the master's: all clients are disconnected, and log time \
                 goes back to the master's"
            );
            self.disconnect.notify_one();
        }
        self.pass_on(heartbeat.after, bounded);
        self.checkpoint(&mut lock(&self.shared.received), 0)?;
        let mut marks = lock(&self.shared.marks);
        marks.pass(heartbeat.after, 0, heartbeat.time);
        marks.end(heartbeat.tail);
        Ok(())
    }

    fn offset(&self, offset: Offset) {
        let time = self.shared.applied.bounded(offset.time);
        self.shared.tail.note_offset(Offset { time, ..offset });
        self.shared.applied.offset(offset);
    }

    fn acks(&self) -> Ack {
        // The applied LSN is read before the log's state, so that it is never greater than the received LSN.
        let (applied, _) = self.shared.applied.seen();
        let log = self.shared.log.state();
        Ack { received: log.last, durable: log.durable, applied }
    }

    fn password(&self) -> Option<Secret> {
        lock(&self.masterauth).clone()
    }

    fn full_sync(&self, reason: &str) -> Option<Box<dyn Destination + '_>> {
        let Some((taking, settings)) = &self.taking else {
            tracing::warn!(reason, "this replica takes no full sync");
            return None;
        };
        Some(Box::new(Arriving::new(taking, settings, Arc::clone(&self.arrived))))
    }

    fn link(&self, state: LinkState) {
        self.shared.applied.meters().link(&state);
        if matches!(state, LinkState::Stopped { reason: LinkError::Replaced })
            && let Some((taking, _)) = &self.taking
            && let Some(arrived) = lock(&self.arrived).take()
        {
            let replica = Arc::downgrade(&self.shared);
            // Nobody receives it only if the node stops; then the next start removes the generation.
            let _ = taking.ready.send(Ready { arrived, replica });
        }
        let mut link = lock(&self.shared.link);
        let is_up = |state: &LinkState| matches!(state, LinkState::Up { .. });
        if is_up(&state) != is_up(&link.0) {
            link.1 = self.shared.clock.elapsed();
        }
        link.0 = state;
    }
}
