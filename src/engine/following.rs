//! Following — a node that follows a master: its threads, and how they are stopped. Does I/O: threads, through the link.
//!
//! ```text
//! link (one thread, reconnects) ─▶ log ─▶ pool ─▶ workers ─▶ store
//! ticker: every 100 ms a cut for strategies that publish snapshots, and a search for dead keys; every second an fsync
//! packer: compresses closed segments of the log, if the node is set to
//! ```

use super::checkpoint::{Checkpoints, Needed};
use super::disk_errors::Refused;
use super::full_sync::{Arrived, Arriving, Ready, Taking};
use super::log::SharedLog;
use super::open::Opened;
use super::packer::Packer;
use super::read::{self, Cost};
use super::reclaim::is_large;
use super::replica::{Applied, DISK_PAUSE, Sight};
use super::settings::{Machine, Masterauth, Port};
use super::ticker::Ticker;
use super::{Address, Clock, Failure, NodeError, Settings, SharedFiles, StartError};
use crate::apply::pool::{Limits, Pool, Stopped};
use crate::apply::{self, Applier};
use crate::binlog::{Entry, Files, Fsync, Lsn, SegmentError};
use crate::client::full_sync::Destination;
use crate::client::link::{Follower, FollowerError, Link, LinkError, LinkState};
use crate::command::{Command, Kind, Reply};
use crate::compression::CompressionMethod;
use crate::effect::Key;
use crate::expiry::{ExpiryPolicy, Judging, Policy};
use crate::handover::hand_over;
use crate::node::{Pair, Readers, Transaction, Watch};
use crate::replication::handshake::{Hello, Resume};
use crate::replication::lag::Marks;
use crate::replication::session::{Stop, Timing};
use crate::replication::{Ack, Heartbeat, Offset};
use crate::secret::Secret;
use crate::store::rocksdb::RocksStore;
use crate::store::{StoreError, key};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, Mutex, lock, thread};
use crate::time::{Elapsed, Millis};
use std::collections::BTreeSet;
use tokio::sync::Notify;

/// The approximate number of dead keys that are collected for the next flush. Each of them makes the flush a little longer.
const DEAD_MAX: usize = 10_000;

/// The state that a replica's threads share.
pub struct ReplicaState<F: Files> {
    /// Its master.
    pub master: Address,
    /// The work of the workers, and the state that readers see.
    pub applied: Applied,
    /// The workers' queue.
    pub pool: Pool<Machine>,
    /// Its own log.
    pub log: Arc<SharedLog<F>>,
    /// The link's state, and since when it is up or down.
    pub link: Mutex<(LinkState, Elapsed)>,
    /// The marks from which its lag is computed.
    pub marks: Mutex<Marks>,
    /// Its own clocks.
    pub clock: Clock,
    fsync: Mutex<Fsync>,
    /// Whether a key that was found dead has much data in files. The store is then flushed at the next heartbeat.
    has_large_dead: AtomicBool,
    /// Keys that were found dead, about [`DEAD_MAX`] at most. They are removed when the store is flushed.
    dead: Mutex<BTreeSet<Key>>,
}

/// The reply to a write.
pub const READONLY: &str = "READONLY You can't write against a read only replica.";

/// The reply to a command that reads the state `sight`; `None`: it costs more than `cost`.
pub fn read_at(sight: &Sight, command: &Command, cost: Cost) -> Option<Reply> {
    let at = read::Instant { clock: sight.clock, offset_ms: sight.offset_ms };
    read::read(&*sight.snapshot, command, at, cost)
}

/// A running replica.
pub struct Following<F: Files> {
    shared: Arc<ReplicaState<F>>,
    workers: Vec<thread::JoinHandle<()>>,
    link: thread::JoinHandle<Sink<F>>,
    stop: Stop,
    ticker: Ticker<F>,
    packer: Packer,
}

impl<F: SharedFiles> Following<F> {
    /// Starts a replica of `master` on an open folder. `disconnect` is notified when all clients have to be disconnected. `taking`:
    /// the way in which it takes a full sync; `None`: it takes none.
    /// Errors: the disk's; a thread cannot be started.
    pub fn start(
        settings: &Settings,
        opened: Opened<F>,
        master: Address,
        (failure, disconnect): (Failure, Arc<Notify>),
        taking: Option<Taking<F>>,
    ) -> Result<Following<F>, StartError> {
        let Opened { store, log, files, mut identity, last, time: told, heard, stopped, .. } = opened;
        let offset_ms = identity.offset_ms();
        identity.set_follower(true);
        identity.set_lost(!stopped);
        let ceiling = identity.ceiling();
        identity.write_ceiling(&files, ceiling)?;
        let policy = settings.policy();
        let limits = Limits { entries_max: settings.queue_entries_max, bytes_max: settings.queue_bytes_max };
        let machine = settings.machine();
        let workers = settings.workers.max(1);
        let readers = if stopped { Readers::In } else { Readers::WaitForMaster };
        let shared = Arc::new(ReplicaState {
            applied: Applied::new(settings, store.clone(), last, (heard, told, offset_ms), readers),
            pool: Pool::new(Applier::new(machine, workers, last), limits, settings.schedule.clone())
                .with_waits(Arc::clone(&settings.meters) as _),
            log: Arc::new(SharedLog::new(log)),
            link: Mutex::new((LinkState::Connecting, settings.clock.elapsed())),
            clock: settings.clock.clone(),
            marks: Mutex::new(Marks::new(last)),
            fsync: Mutex::new(settings.fsync),
            has_large_dead: AtomicBool::new(false),
            dead: Mutex::default(),
            master,
        });
        let workers = (0..workers)
            .map(|worker| {
                let (shared, failure) = (Arc::clone(&shared), failure.clone());
                thread::Builder::new().name(format!("worker {worker}")).spawn(move || {
                    shared.pool.run_worker(worker, &shared.applied);
                    if let Some(stopped) = shared.pool.stopped() {
                        failure.report(stopped.to_string());
                    }
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        // A policy that judges by the local clock, with a floor too, may later judge at an earlier instant, so compaction may
        // not drop keys.
        let raises_gate = policy.judging() == Judging::LogTime;
        let errors = Arc::clone(shared.applied.errors());
        let checkpoints = Checkpoints::new(
            settings.flush_bytes,
            raises_gate,
            Needed::new(u64::MAX.into()),
            errors,
            Arc::clone(&settings.meters),
        );
        let received = Mutex::new(Received { checkpoints, last, time: heard });
        let stop = shared.applied.stop().clone();
        let sink = Sink {
            shared: Arc::clone(&shared),
            expiry: settings.expiry,
            compression: settings.compression,
            policy,
            store,
            port: Arc::clone(&settings.port),
            masterauth: Arc::clone(&settings.masterauth),
            received,
            disconnect,
            stop: stop.clone(),
            taking: taking.filter(|_| settings.full_sync).map(|taking| (taking, settings.clone())),
            arrived: Arc::default(),
        };
        let link =
            Link { address: shared.master.to_string(), timing: Timing::default(), seed: fastrand::u64(..) };
        let link = {
            let stop = stop.clone();
            thread::Builder::new().name("link".to_owned()).spawn(move || {
                link.run(&sink, &stop);
                sink
            })?
        };
        let ticker = Ticker::of_replica(Arc::clone(&shared), settings.snapshot_interval_ms, files, identity)?;
        let packer = Packer::start(Arc::clone(&shared.log), settings.compression)?;
        Ok(Following { shared, workers, link, stop, ticker, packer })
    }

    /// The state that its threads share.
    pub fn shared(&self) -> &Arc<ReplicaState<F>> {
        &self.shared
    }

    /// Stops the replica: all received entries are applied, everything is made durable, the store is flushed. Returns the
    /// store, which readers may still use, and the master's time as the replica counted it, with the reading of the elapsed
    /// clock; `None`: nothing was received. Errors: a thread failed, or a disk did.
    pub fn stop(self) -> Result<(RocksStore, Option<(Millis, Elapsed)>), NodeError> {
        self.stop.set();
        let sink = self.link.join().map_err(|_| NodeError::Panicked("the link"))?;
        self.shared.pool.close();
        for worker in self.workers {
            worker.join().map_err(|_| NodeError::Panicked("a worker"))?;
        }
        let (mut identity, files) = self.ticker.stop();
        drop(self.packer);
        if let Some(stopped) = self.shared.pool.stopped() {
            return Err(stopped.into());
        }
        sink.flush(&mut lock(&sink.received))?;
        // The ceiling has to cover estimates, too, because readers judged by them.
        let (_, told) = self.shared.applied.seen();
        identity.set_lost(!self.shared.applied.lets_readers_in());
        identity.set_heard(self.shared.applied.heard());
        identity.set_offset_ms(self.shared.applied.offset_ms());
        let (counted, now) = (self.shared.applied.counted(), self.shared.clock.moment());
        if let Some(log) = counted {
            identity.set_pair(Pair { log, wall: now.wall });
        }
        identity.write_ceiling(&files, told.time)?;
        self.shared.log.stop()?;
        Ok((sink.store, counted.map(|counted| (counted, now.elapsed))))
    }
}

impl<F: Files> ReplicaState<F> {
    /// Answers one command of a connection; `None`: the read costs more than `cost`.
    pub fn run(&self, command: &Command, cost: Cost) -> Option<Reply> {
        let error = |text: &str| Some(Reply::Error(text.to_owned()));
        if command.is_write() {
            return error(READONLY);
        }
        match self.sight_for(command) {
            Ok(sight) => read_at(&sight, command, cost),
            Err(text) => error(text),
        }
    }

    /// The state and the times for a command that reads. Errors: the error reply of a command that cannot be answered now.
    fn sight_for(&self, command: &Command) -> Result<Sight, &'static str> {
        if command.kind() == Kind::Read && !self.applied.lets_readers_in() {
            return Err("LOADING replica is catching up after a crash");
        }
        self.sight()
    }

    /// The state and the times for readers. Errors: the error reply.
    fn sight(&self) -> Result<Sight, &'static str> {
        self.applied.sight().ok_or("TRYAGAIN the state was compacted meanwhile")
    }

    /// Begins a transaction: the state for all of its reads; `None`: a watched key may have been changed. Errors: the reason for
    /// which it is refused.
    pub fn begin(&self, transaction: &Transaction) -> Result<Option<Sight>, String> {
        if transaction.is_write() {
            return Err(READONLY.to_owned());
        }
        let reads = transaction.commands.iter().find(|command| command.kind() == Kind::Read);
        let sight = match reads {
            Some(command) => self.sight_for(command)?,
            None => self.sight()?,
        };
        // An entry that is published after the state was taken counts as a change, too.
        let (published, _) = self.applied.seen();
        let is_changed = |watch: &Watch| watch.is_changed_on_replica(published, sight.clock);
        Ok((!transaction.watches.iter().any(is_changed)).then_some(sight))
    }

    /// Watches `keys` from now on. Errors: the error reply.
    pub fn watch(&self, keys: &[Key]) -> Result<Watch, String> {
        // An entry that is published after this counts as a change, even if the state already shows it.
        let (published, _) = self.applied.seen();
        let sight = self.sight()?;
        let watch = Watch::on_replica(published, &*sight.snapshot, keys, sight.clock);
        watch.map_err(|error| format!("ERR {error}"))
    }

    /// Changes the policy by which the log is synced. Errors: the log's.
    pub fn set_fsync(&self, fsync: Fsync) -> Result<(), NodeError> {
        self.log.set_fsync(fsync)?;
        *lock(&self.fsync) = fsync;
        Ok(())
    }

    /// Searches the next stretch of the store for dead keys. `swept` is the place where the search continues.
    pub fn note_dead(&self, swept: &mut Vec<u8>) {
        let Some(now) = self.applied.removes_at() else { return };
        if lock(&self.dead).len() >= DEAD_MAX {
            return;
        }
        match self.applied.store().dead_keys(now, swept) {
            Ok(keys) => {
                let has_large_elements = |key: &Key| {
                    let (from, to) = key::elements_of(key);
                    is_large(self.applied.store(), &from, &to)
                };
                if keys.iter().any(has_large_elements) {
                    self.has_large_dead.store(true, Ordering::Relaxed);
                }
                lock(&self.dead).extend(keys);
            }
            Err(error) => tracing::warn!(%error, "cannot search for dead keys"),
        }
    }

    /// Whether the ticker syncs the log every second.
    pub fn syncs_every_second(&self) -> bool {
        *lock(&self.fsync) == Fsync::EverySec
    }
}

/// The link's follower: it takes everything that the link receives.
struct Sink<F: Files> {
    shared: Arc<ReplicaState<F>>,
    expiry: Policy,
    /// The codec that it requests from its master.
    compression: CompressionMethod,
    policy: Arc<dyn ExpiryPolicy + Send + Sync>,
    store: RocksStore,
    port: Port,
    masterauth: Masterauth,
    received: Mutex<Received>,
    /// Notified when all clients have to be disconnected.
    disconnect: Arc<Notify>,
    /// Set when the link has to end.
    stop: Stop,
    /// The way in which it takes full syncs, and the node's settings; `None`: it takes none.
    taking: Option<(Taking<F>, Settings)>,
    /// A full sync that has arrived.
    arrived: Arc<Mutex<Option<Arrived<F>>>>,
}

/// The place in the log that the link has reached.
struct Received {
    checkpoints: Checkpoints,
    /// The last entry admitted, and its time.
    last: Lsn,
    time: Millis,
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
    fn flush(&self, received: &mut Received) -> Result<(), FollowerError> {
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
            expiry: self.expiry.name().to_owned(),
            epochs: log.epochs,
            codec: self.compression,
            ..Hello::default()
        }
    }

    fn resumed(&self, resume: Resume) -> Result<(), FollowerError> {
        *lock(&self.shared.marks) = Marks::new(lock(&self.received).last);
        self.shared.applied.resumed(resume.last);
        Ok(())
    }

    fn entries(&self, entries: Vec<Entry>, bytes: &[u8]) -> Result<(), FollowerError> {
        let mut received = lock(&self.received);
        let wall = self.shared.clock.moment().wall;
        let share = bytes.len() / entries.len().max(1);
        let end = entries.last().map(|entry| (entry.lsn, entry.time));
        let append = |entries: &[Entry]| self.append(entries, bytes);
        let receive = |entries: &[Entry]| self.shared.applied.receive(entries);
        let arrived = |entry| self.policy.arrived(entry, wall);
        hand_over(&self.shared.pool, entries, share, append, receive, arrived)?;
        (received.last, received.time) = end.unwrap_or((received.last, received.time));
        lock(&self.shared.marks).pass(received.last, bytes.len() as u64, received.time);
        self.checkpoint(&mut received, bytes.len() as u64)
    }

    fn heartbeat(&self, heartbeat: Heartbeat) -> Result<(), FollowerError> {
        if self.shared.applied.heartbeat(heartbeat) {
            tracing::warn!(
                master_time = heartbeat.tail.time.0,
                "readers were told a log time far beyond the master's: all clients are disconnected, and log time \
                 goes back to the master's"
            );
            self.disconnect.notify_one();
        }
        self.checkpoint(&mut lock(&self.received), 0)?;
        let mut marks = lock(&self.shared.marks);
        marks.pass(heartbeat.after, 0, heartbeat.time);
        marks.end(heartbeat.tail);
        Ok(())
    }

    fn offset(&self, offset: Offset) {
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
