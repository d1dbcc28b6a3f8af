//! Following — a node that follows a master: its threads, and how they are stopped. Does I/O: threads, through the link.
//!
//! ```text
//! link (one thread, reconnects) ─▶ log ─▶ pool ─▶ workers ─▶ store
//! ticker: every 100 ms a cut for strategies that publish snapshots, and a search for dead keys; every second an fsync
//! packer: compresses closed segments of the log, if the node is set to
//! ```

use super::checkpoint::{Checkpoints, Needed};
use super::feeds::Feeds;
use super::full_sync::Taking;
use super::log::SharedLog;
use super::open::Opened;
use super::packer::Packer;
use super::read::{self, Cost};
use super::receiving::{Received, Sink};
use super::reclaim::is_large;
use super::replica::{Applied, Sight};
use super::settings::Machine;
use super::tail::SharedTail;
use super::ticker::Ticker;
use super::{Address, Clock, Failure, NodeError, Settings, SharedFiles, StartError};
use crate::apply::Applier;
use crate::apply::pool::{Limits, Pool};
use crate::binlog::{Files, Fsync};
use crate::client::link::{Link, LinkState};
use crate::command::{Command, Kind, Reply};
use crate::effect::Key;
use crate::expiry::{Judging, Policy};
use crate::node::{Pair, Readers, Transaction, Watch};
use crate::replication::Tail;
use crate::replication::lag::Marks;
use crate::replication::session::{Stop, Timing};
use crate::store::key;
use crate::store::rocksdb::RocksStore;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
    /// The end of its log, as its own replicas may see it.
    pub tail: SharedTail,
    /// The first LSN that one of its own replicas still needs.
    pub needed: Needed,
    /// Its own replicas.
    pub feeds: Feeds,
    /// The expiry policy of the log's entries.
    pub expiry: Policy,
    /// The place in the log that the link has reached. Nothing is received while it is locked.
    pub received: Mutex<Received>,
    /// The link's state, and since when it is up or down.
    pub link: Mutex<(LinkState, Elapsed)>,
    /// The marks from which its lag is computed.
    pub marks: Mutex<Marks>,
    /// Its own clocks.
    pub clock: Clock,
    pub(super) fsync: Mutex<Fsync>,
    /// Whether a key that was found dead has much data in files. The store is then flushed at the next heartbeat.
    pub(super) has_large_dead: AtomicBool,
    /// Keys that were found dead, about [`DEAD_MAX`] at most. They are removed when the store is flushed.
    pub(super) dead: Mutex<BTreeSet<Key>>,
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
        let applied = Applied::new(settings, store.clone(), last, (heard, told, offset_ms), readers);
        let needed: Needed = Arc::new(AtomicU64::new(u64::MAX));
        // A policy that judges by the local clock, with a floor too, may later judge at an earlier instant, so compaction may
        // not drop keys.
        let raises_gate = policy.judging() == Judging::LogTime;
        let errors = Arc::clone(applied.errors());
        let checkpoints = Checkpoints::new(
            settings.flush_bytes,
            raises_gate,
            Arc::clone(&needed),
            errors,
            Arc::clone(&settings.meters),
        );
        let shared = Arc::new(ReplicaState {
            applied,
            pool: Pool::new(Applier::new(machine, workers, last), limits, settings.schedule.clone())
                .with_waits(Arc::clone(&settings.meters) as _),
            log: Arc::new(SharedLog::new(log)),
            tail: SharedTail::new(
                Tail { last, time: heard, bytes: 0 },
                offset_ms,
                Arc::clone(&settings.meters),
            ),
            needed: Arc::clone(&needed),
            feeds: Feeds::new(Arc::clone(&settings.meters.syncs)),
            expiry: settings.expiry,
            received: Mutex::new(Received { checkpoints, last, time: heard }),
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
        let stop = shared.applied.stop().clone();
        let sink = Sink {
            shared: Arc::clone(&shared),
            compression: settings.compression,
            policy,
            store,
            port: Arc::clone(&settings.port),
            masterauth: Arc::clone(&settings.masterauth),
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
        self.shared.tail.close();
        self.shared.feeds.stop();
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
        sink.flush(&mut lock(&self.shared.received))?;
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
