//! Master — a node that takes writes: its threads, and how they are stopped. Does I/O: threads.
//!
//! ```text
//! connections ─▶ queue ─▶ writer ─▶ log, store ─▶ publication ─▶ connections that read
//!                  ▲                                 tail ─▶ feeds ─▶ replicas
//!                packer: compresses closed segments of the log, if the node is set to
//!                ticker: every 100 ms dead keys and a heartbeat; every second fsync and the ceiling
//! ```

use super::checkpoint::{Checkpoints, Needed};
use super::disk_errors::DiskErrors;
use super::feeds::Feeds;
use super::log::SharedLog;
use super::open::Opened;
use super::packer::Packer;
use super::tail::SharedTail;
use super::ticker::{self, Ticker};
use super::writer::{Answer, ExecAnswer, MISCONF, Request, Writer};
use super::{Clock, Failure, NodeError, Settings, SharedFiles};
use crate::apply;
use crate::binlog::log::epoch_of_start;
use crate::binlog::{Epoch, Files, Fsync, Lsn};
use crate::command::Command;
use crate::effect::Key;
use crate::expiry::{Policy, Removal};
use crate::node::{Executed, MasterClock, Transaction, Watch, Watched};
use crate::publication::{MasterPublication, Sight};
use crate::queue::Queue;
use crate::replication::{Ack, Tail};
use crate::server::room::{Replies, Room};
use crate::server::{Awaited, Reached};
use crate::store::StoreError;
use crate::store::rocksdb::{RocksStore, Snapshot};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, lock, thread};
use crate::time::{Elapsed, Millis};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The most requests that may wait for the writer. Each connection has at most one.
const QUEUE_ITEMS_MAX: usize = 100_000;

/// How often WAITAOF checks whether the node's own log is durable.
const OWN_LOOK: Duration = Duration::from_millis(10);
/// Redis's reply to a client that waits when its master becomes a replica.
const UNBLOCKED: &str =
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)";

/// The state that a master's threads share.
pub struct MasterState<F: Files> {
    /// The store; only the writer writes it.
    pub store: RocksStore,
    /// The log; only the writer appends to it.
    pub log: Arc<SharedLog<F>>,
    /// The state that readers are given.
    pub publication: Arc<MasterPublication<Snapshot>>,
    /// The end of the log, as replicas may see it.
    pub tail: Arc<SharedTail>,
    /// The requests to the writer.
    pub queue: Arc<Queue<Request>>,
    /// The first LSN that a replica still needs.
    pub needed: Needed,
    /// The epoch of new entries.
    pub epoch: Epoch,
    /// The expiry policy of the log's entries.
    pub expiry: Policy,
    /// Its own clocks.
    pub clock: Clock,
    /// Its replicas.
    pub feeds: Feeds,
    /// The current errors of the disks.
    pub errors: Arc<DiskErrors>,
    /// No dead key is removed before this instant; `None`: they are removed now.
    removals_from: Mutex<Option<Instant>>,
    /// Whether the ticker syncs the log every second.
    every_second: AtomicBool,
    /// The watches that connections ended. The writer, which has the table, takes them.
    unwatched: Arc<Mutex<Vec<Watch>>>,
}

/// A running master.
pub struct Master<F: Files> {
    shared: Arc<MasterState<F>>,
    writer: thread::JoinHandle<Result<Writer<F>, StoreError>>,
    ticker: Ticker<F>,
    packer: Packer,
}

impl<F: SharedFiles> Master<F> {
    /// Starts a master on an open folder, in a new epoch. `promoted_at`: the former master's time, as this node counted it
    /// while it was a replica, with the reading of the elapsed clock; `None`: log time continues from the folder's pair.
    /// Errors: the disk's; the store's; a thread cannot be started.
    pub fn start(
        settings: &Settings,
        opened: Opened<F>,
        promoted_at: Option<(Millis, Elapsed)>,
        failure: Failure,
    ) -> Result<Master<F>, super::StartError> {
        let Opened { store, log, files, mut identity, last, epochs, time: floor, clean, .. } = opened;
        let log = Arc::new(SharedLog::new(log));
        // The folder may be a backup or a clone. Another node that started from the same data has drawn a different epoch.
        let epoch = epoch_of_start(&epochs, identity.epoch(), fastrand::u32(..));
        tracing::info!(%epoch, %last, promoted = identity.is_follower(), clean, "new epoch");
        identity.set_follower(false);
        identity.set_epoch(epoch);
        identity.set_lost(false);
        let now = settings.clock.moment();
        let judging = settings.policy().judging();
        let mut clock = match promoted_at {
            Some(base) => MasterClock::new(judging, base, floor, now),
            None => MasterClock::started(judging, identity.pair(), settings.downtime_max_ms, floor, now),
        };
        clock.raise(ticker::raise_ceiling(&mut identity, &files, &clock, &settings.clock)?);
        let judged_at = clock.read(settings.clock.moment());
        let offset_ms = clock.offset_ms();
        let snapshot = store.snapshot(judged_at).ok_or(super::StartError::Gate)?;
        let publication = Arc::new(MasterPublication::new(clock, last, snapshot));
        let tail = Arc::new(SharedTail::new(
            Tail { last, time: judged_at, bytes: 0 },
            offset_ms,
            Arc::clone(&settings.meters),
        ));
        let needed: Needed = Arc::new(AtomicU64::new(u64::MAX));
        let policy = settings.policy();
        let raises_gate = policy.removal() != Removal::ByMaster;
        let notes_gate = policy.removal() == Removal::LogTime;
        let removed = apply::removed(&store)?;
        let errors = Arc::new(DiskErrors::new(Arc::clone(&settings.meters)));
        let unwatched = Arc::new(Mutex::new(Vec::new()));
        let checkpoints = Checkpoints::new(
            settings.flush_bytes,
            raises_gate,
            Arc::clone(&needed),
            Arc::clone(&errors),
            Arc::clone(&settings.meters),
        );
        let shared = Arc::new(MasterState {
            store: store.clone(),
            log: Arc::clone(&log),
            publication: Arc::clone(&publication),
            tail: Arc::clone(&tail),
            queue: Arc::new(Queue::new(QUEUE_ITEMS_MAX)),
            needed,
            epoch,
            expiry: settings.expiry,
            clock: settings.clock.clone(),
            feeds: Feeds::new(Arc::clone(&settings.meters.syncs)),
            errors: Arc::clone(&errors),
            removals_from: Mutex::new(None),
            every_second: AtomicBool::new(settings.fsync == Fsync::EverySec),
            unwatched: Arc::clone(&unwatched),
        });
        let writer = Writer {
            store,
            log,
            publication,
            tail,
            policy,
            clock: settings.clock.clone(),
            fsync: settings.fsync,
            epoch,
            last,
            time: judged_at,
            removed,
            checkpoints: checkpoints.of_master(notes_gate),
            errors,
            watched: Watched::default(),
            unwatched,
            waiting: None,
            meters: Arc::clone(&settings.meters),
        };
        let queue = Arc::clone(&shared.queue);
        let writer = thread::Builder::new().name("writer".to_owned()).spawn(move || {
            let ended = writer.run(&queue);
            if let Err(error) = &ended {
                // No request is answered any more. Each connection notices that its request was dropped.
                queue.close();
                failure.report(format!("store: {error}"));
            }
            ended
        })?;
        let ticker = Ticker::of_master(Arc::clone(&shared), files, identity)?;
        let packer = Packer::start(Arc::clone(&shared.log), settings.compression)?;
        Ok(Master { shared, writer, ticker, packer })
    }

    /// The state that its threads share.
    pub fn shared(&self) -> &Arc<MasterState<F>> {
        &self.shared
    }

    /// Stops the master: all queued requests are done, everything is made durable, the store is flushed. Returns the store,
    /// which readers may still use. Errors: a thread failed, or a disk did.
    pub fn stop(self) -> Result<RocksStore, NodeError> {
        self.shared.queue.close();
        self.shared.tail.close();
        self.shared.feeds.stop();
        let writer = self.writer.join().map_err(|_| NodeError::Panicked("the writer"))?;
        let mut writer = writer?;
        let (mut identity, files) = self.ticker.stop();
        drop(self.packer);
        writer.checkpoints.flush(&writer.store, &writer.log, writer.last, writer.time)?;
        // Readers and replicas were told no later instant than this.
        let now = self.shared.clock.moment();
        let told = self.shared.publication.read(now).clock;
        identity.set_heard(told);
        identity.set_pair(self.shared.publication.clock().pair(now));
        identity.write_ceiling(&files, told)?;
        self.shared.log.stop()?;
        Ok(writer.store)
    }
}

impl<F: Files> MasterState<F> {
    /// The state and the times for a reader now.
    pub fn sight(&self) -> Sight<Snapshot> {
        self.publication.read(self.clock.moment())
    }

    /// Has the writer run a connection's commands in order, as long as `room` has room for their replies. At least one of
    /// them is a write. Returns the replies, and the commands that were not run.
    pub async fn run(&self, commands: Vec<Command>, room: Room) -> (Replies, Vec<Command>) {
        let count = commands.len();
        let (reply, answer) = oneshot::channel();
        match self.ask(Request::Run { commands, room: room.clone(), reply }, answer).await {
            Ok(Answer { replies, mut commands }) => {
                commands.drain(..replies.count());
                (replies, commands)
            }
            Err(text) => room.failed(count, &text),
        }
    }

    /// Runs a transaction on the writer. Errors: the reason for which nothing was run.
    pub async fn exec(&self, transaction: Transaction) -> Result<Executed, String> {
        let (reply, answer) = oneshot::channel();
        let ExecAnswer { ran, transaction } = self.ask(Request::Exec { transaction, reply }, answer).await?;
        drop(transaction);
        ran
    }

    /// Watches `keys` from now on. Errors: the error reply.
    pub async fn watch(&self, keys: Vec<Key>) -> Result<Watch, String> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Watch { keys, reply }, answer).await?
    }

    /// Ends `watch`.
    pub fn unwatch(&self, watch: Watch) {
        lock(&self.unwatched).push(watch);
    }

    /// The reason for which a write would be refused now without a try; `None`: it would be tried.
    pub fn refusal(&self) -> Option<String> {
        self.errors.store().map(|error| format!("{MISCONF}store: {error}"))
    }

    /// Queues a request, and waits for its answer. Errors: an error reply.
    async fn ask<T>(&self, request: Request, answer: oneshot::Receiver<T>) -> Result<T, String> {
        match self.queue.push_asleep(request) {
            Ok(None) => {}
            // Other connections that have something to run go first, so that the writer is woken once for all of them.
            Ok(Some(wake)) => {
                tokio::task::yield_now().await;
                drop(wake);
            }
            Err(error) => return Err(format!("ERR {error}")),
        }
        answer.await.map_err(|_| "ERR the node has stopped".to_owned())
    }

    /// Waits until what readers see has reached where `awaited` says, or until its timeout. Errors: the node stops to be a master.
    pub async fn wait(&self, awaited: Awaited) -> Result<Reached, String> {
        let (target, _) = self.last();
        let end = awaited.timeout.map(|timeout| tokio::time::Instant::now() + timeout);
        // Replicas acknowledge at once what comes before a heartbeat.
        self.heartbeat();
        loop {
            let acked = self.feeds.acked();
            tokio::pin!(acked);
            // From here on no ack is missed.
            acked.as_mut().enable();
            if self.feeds.stopping().is_set() {
                return Err(UNBLOCKED.to_owned());
            }
            let own = self.log.state().durable >= target;
            let has = |ack: &Ack| ack.counts(target, awaited.durable);
            let reached = Reached { own, replicas: self.feeds.count(has) };
            let is_enough = (own || !awaited.own) && reached.replicas >= awaited.replicas;
            let now = tokio::time::Instant::now();
            if is_enough || end.is_some_and(|end| now >= end) {
                return Ok(reached);
            }
            // Nobody tells that the node's own log was synced.
            let look = now + if awaited.own && !own { OWN_LOOK } else { Duration::from_secs(3600) };
            let until = end.map_or(look, |end| end.min(look));
            // A timeout is not an error: the loop looks at what has been reached.
            let _ = tokio::time::timeout_at(until, acked).await;
        }
    }

    /// Changes the policy by which the log is synced. Errors: the log's; the node is stopped.
    pub async fn set_fsync(&self, fsync: Fsync) -> Result<(), NodeError> {
        let (reply, outcome) = oneshot::channel();
        self.queue.push(Request::Fsync { fsync, reply })?;
        outcome.await.map_err(|_| NodeError::Stopped)??;
        self.every_second.store(fsync == Fsync::EverySec, Ordering::Relaxed);
        Ok(())
    }

    /// Removes no dead key before the instant `until`; `None`: removes them again.
    pub fn hold_removals(&self, until: Option<Instant>) {
        *lock(&self.removals_from) = until;
    }

    /// Whether dead keys are removed now.
    pub fn removes(&self) -> bool {
        lock(&self.removals_from).is_none_or(|from| from <= Instant::now())
    }

    /// Whether the ticker syncs the log every second.
    pub fn syncs_every_second(&self) -> bool {
        self.every_second.load(Ordering::Relaxed)
    }

    /// Sends replicas the log time after the last entry, unless a group is being executed.
    pub fn heartbeat(&self) {
        let stepped = |after, step| self.tail.step(after, step);
        if let Some((last, time)) = self.publication.heartbeat(self.clock.moment(), stepped) {
            self.tail.advance(Tail { last, time, bytes: 0 });
        }
    }

    /// The last entry that readers see, and log time.
    pub fn last(&self) -> (Lsn, Millis) {
        let (lsn, time, _) = self.seen();
        (lsn, time)
    }

    /// Like [`MasterState::last`], with the offset of the wall clock in milliseconds.
    pub fn seen(&self) -> (Lsn, Millis, i64) {
        let sight = self.publication.read(self.clock.moment());
        (sight.lsn, sight.clock, sight.offset_ms)
    }
}
