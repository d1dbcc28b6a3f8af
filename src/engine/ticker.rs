//! Ticker — the periodic work of a node. Does I/O: a thread, fsync, the identity file with the ceiling.

use super::following;
use super::identity::{Identity, IdentityError};
use super::master::MasterState;
use super::writer::Request;
use super::{Clock, SharedFiles};
use crate::binlog::Files;
use crate::node::{MasterClock, Pair};
use crate::sync::{Arc, thread};
use crate::time::Millis;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// The time between two ticks. It is also the time between heartbeats, so the log time of an idle replica is behind by
/// about that much.
const TICK: Duration = Duration::from_millis(100);
/// The time between two fsyncs with appendfsync `everysec`, and between two checks of the ceiling.
const SYNC: Duration = Duration::from_secs(1);
/// A new ceiling is written when log time is closer to the old one than this, in milliseconds.
const CEILING_NEAR_MS: u64 = 2_500;
/// Writes a ceiling ahead of the time that `counted` counts, and the pair, to the identity file. Errors: the disk's; log
/// time then stays below the old ceiling.
pub fn raise_ceiling(
    identity: &mut Identity,
    files: &impl Files,
    counted: &MasterClock,
    clock: &Clock,
) -> Result<Millis, IdentityError> {
    let now = clock.moment();
    // While log time is ahead of the counted time it does not advance, so it needs no higher ceiling.
    let ceiling = counted.next_ceiling(now, clock.ceiling_ahead_ms());
    identity.set_pair(counted.pair(now));
    identity.write_ceiling(files, ceiling)?;
    Ok(ceiling)
}

/// Keeps a replica's ceiling well ahead of the master's time, as the replica counts it. The ceiling is lowered only after
/// clients were disconnected; `forgotten` is how often that had happened at the last call.
fn raise_replicas_ceiling<F: Files>(
    shared: &following::ReplicaState<F>,
    files: &impl Files,
    identity: &mut Identity,
    forgotten: &mut u64,
) {
    let Some(log) = shared.applied.counted() else { return };
    let (is_lower, now) = (shared.applied.forgotten() != *forgotten, shared.clock.moment());
    // During silence the counted time is ahead of the estimate by the limit, so the ceiling is never below the time that
    // readers are told.
    if !is_lower && identity.ceiling().since(log) >= CEILING_NEAR_MS {
        return;
    }
    let ahead = Millis(log.0.saturating_add(shared.clock.ceiling_ahead_ms()));
    let ceiling = if is_lower { ahead } else { ahead.max(identity.ceiling()) };
    identity.set_pair(Pair { log, wall: now.wall });
    match identity.write_ceiling(files, ceiling) {
        Ok(()) => {
            shared.applied.set_ceiling(ceiling);
            *forgotten = shared.applied.forgotten();
        }
        Err(error) => tracing::error!(%error, "cannot write a new ceiling: log time may stop at the old one"),
    }
}

/// A thread that does periodic work until it is stopped.
pub struct Ticker<F> {
    stop: Sender<()>,
    thread: thread::JoinHandle<(Identity, F)>,
}

impl<F: SharedFiles> Ticker<F> {
    /// Starts the ticker of a master: heartbeats, removal of dead keys, fsync, the ceiling. Errors: the thread's.
    pub fn of_master(shared: Arc<MasterState<F>>, files: F, identity: Identity) -> io::Result<Ticker<F>> {
        let steps = shared.tail.steps();
        let mut duties = MasterDuties { shared, files, identity, swept: Vec::new(), steps };
        Ticker::spawn(move |stopped| {
            let mut kept = Instant::now();
            while tick(&stopped, TICK, &duties.shared.clock) {
                duties.shared.heartbeat();
                if duties.shared.tail.steps() != duties.steps {
                    duties.raise();
                }
                duties.expire();
                if kept.elapsed() >= SYNC {
                    kept = Instant::now();
                    duties.keep_promises();
                }
            }
            (duties.identity, duties.files)
        })
    }

    /// Starts the ticker of a replica: cuts for strategies that publish snapshots, dead keys, fsync, the ceiling. Errors:
    /// the thread's.
    pub fn of_replica(
        shared: Arc<following::ReplicaState<F>>,
        snapshot_interval_ms: u64,
        files: F,
        mut identity: Identity,
    ) -> io::Result<Ticker<F>> {
        let interval = Duration::from_millis(snapshot_interval_ms.max(1));
        Ticker::spawn(move |stopped| {
            let [mut synced, mut cut, mut looked] = [Instant::now(); 3];
            let (mut swept, mut forgotten) = (Vec::new(), shared.applied.forgotten());
            while tick(&stopped, interval.min(TICK), &shared.clock) {
                if cut.elapsed() >= interval {
                    cut = Instant::now();
                    shared.pool.request_cut(&shared.applied);
                }
                if looked.elapsed() >= TICK {
                    looked = Instant::now();
                    raise_replicas_ceiling(&shared, &files, &mut identity, &mut forgotten);
                    shared.note_dead(&mut swept);
                }
                if synced.elapsed() >= SYNC && shared.syncs_every_second() {
                    synced = Instant::now();
                    if let Err(error) = shared.log.sync() {
                        tracing::error!(%error, "fsync failed");
                    }
                }
            }
            (identity, files)
        })
    }

    /// Starts a thread that runs `duties`, which end when [`tick`] returns `false`.
    fn spawn(duties: impl FnOnce(Receiver<()>) -> (Identity, F) + Send + 'static) -> io::Result<Ticker<F>> {
        let (stop, stopped) = channel();
        let thread = thread::Builder::new().name("ticker".to_owned()).spawn(move || duties(stopped))?;
        Ok(Ticker { stop, thread })
    }

    /// Ends the thread, and returns the identity and the files that it kept.
    pub fn stop(self) -> (Identity, F) {
        drop(self.stop);
        // The duties do not panic. If they do, this panics, too.
        self.thread.join().expect("the ticker does not panic")
    }
}

/// Waits for the next tick. `false`: the ticker is stopped. A clock that is set by hand has no ticks.
fn tick(stopped: &Receiver<()>, interval: Duration, clock: &Clock) -> bool {
    if clock.is_by_hand() {
        // Nothing is ever sent, so this waits until the sender is dropped.
        return stopped.recv().is_ok();
    }
    matches!(stopped.recv_timeout(interval), Err(RecvTimeoutError::Timeout))
}

struct MasterDuties<F: Files> {
    shared: Arc<MasterState<F>>,
    files: F,
    identity: Identity,
    /// The place in the store where the sweep for dead keys continues.
    swept: Vec<u8>,
    /// The number of steps of the wall clock when the identity file was last written.
    steps: u64,
}

impl<F: Files> MasterDuties<F> {
    /// Finds some dead keys, and asks the writer to remove them. Has the writer look at disks that were full.
    fn expire(&mut self) {
        if self.shared.removes() {
            self.remove_dead();
        }
        if self.shared.errors.store().is_some() {
            let _ = self.shared.queue.push(Request::Look);
        }
    }

    fn remove_dead(&mut self) {
        let (_, now) = self.shared.last();
        let keys = match self.shared.store.dead_keys(now, &mut self.swept) {
            Ok(keys) => keys,
            Err(error) => return tracing::warn!(%error, "cannot search for dead keys"),
        };
        // If the queue is full or closed the request is dropped: the keys will be found again.
        if !keys.is_empty() {
            let _ = self.shared.queue.push(Request::Expire(keys));
        }
    }

    fn keep_promises(&mut self) {
        if self.shared.syncs_every_second()
            && let Err(error) = self.shared.log.sync()
        {
            tracing::error!(%error, "fsync failed");
        }
        // A flush may have ended since the writer's last write.
        let _ = self.shared.queue.push(Request::Look);
        self.raise();
    }

    /// Writes a new ceiling and pair if log time is close to the ceiling, or if the wall clock was set.
    fn raise(&mut self) {
        let (counted, now) = (self.shared.publication.clock(), self.shared.clock.moment());
        let steps = self.shared.tail.steps();
        let is_near = self.identity.ceiling().since(counted.counted(now)) < CEILING_NEAR_MS;
        if is_near || steps != self.steps {
            match raise_ceiling(&mut self.identity, &self.files, &counted, &self.shared.clock) {
                Ok(ceiling) => {
                    self.steps = steps;
                    self.shared.publication.raise(ceiling);
                }
                Err(error) => {
                    tracing::error!(%error, "cannot write a new ceiling: log time may stop at the old one")
                }
            }
        }
    }
}
