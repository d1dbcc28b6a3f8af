//! Ticker — what a node does by the clock. Does I/O: a thread, fsync, the ceiling's file.

use super::following;
use super::identity::{Identity, IdentityError};
use super::master::Shared;
use super::sweep::Sweep;
use super::writer::Request;
use super::{Clock, Place};
use crate::binlog::Files;
use crate::sync::atomic::Ordering;
use crate::sync::{Arc, thread};
use crate::time::Millis;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// From one tick to the next. Heartbeats are sent, and so log time on an idle replica is behind by about that.
const TICK: Duration = Duration::from_millis(100);
/// From one fsync to the next under `everysec`, and from one look at the ceiling to the next.
const SYNC: Duration = Duration::from_secs(1);
/// How near log time comes to the ceiling before there is a new one.
const CEILING_NEAR_MS: u64 = 2_500;
/// How far log time is lifted at most to where a replica has heard it. A node that was promoted is behind the others by
/// as much as it was late, and no more.
const LIFT_MAX_MS: u64 = 3_600_000;

/// Makes a ceiling durable that is ahead of the clock, and not below log time. Errors: the disk's; log
/// time stays below the old one.
pub fn raise_ceiling(
    identity: &mut Identity,
    files: &impl Files,
    time: Millis,
    clock: &Clock,
) -> Result<Millis, IdentityError> {
    // Log time that is ahead of the clock stands still: it needs no room above it.
    let ceiling = time.max(Millis(clock.now().0.saturating_add(clock.ceiling_ahead_ms())));
    identity.write_ceiling(files, ceiling)?;
    Ok(ceiling)
}

/// A thread that ticks until it is stopped.
pub struct Ticker<F> {
    stop: Sender<()>,
    thread: thread::JoinHandle<(Identity, F)>,
}

impl<F: Place> Ticker<F> {
    /// The ticker of a master: heartbeats, dead keys, fsync, the ceiling.
    pub fn of_master(shared: Arc<Shared<F>>, files: F, identity: Identity) -> io::Result<Ticker<F>> {
        let mut duties = MasterDuties { shared, files, identity, sweep: Sweep::default() };
        Ticker::spawn(move |stopped| {
            let mut kept = Instant::now();
            while tick(&stopped, TICK, &duties.shared.clock) {
                duties.lift();
                duties.shared.heartbeat();
                duties.expire();
                if kept.elapsed() >= SYNC {
                    kept = Instant::now();
                    duties.keep_promises();
                }
            }
            (duties.identity, duties.files)
        })
    }

    /// The ticker of a replica: cuts for strategies that publish snapshots, dead keys, fsync.
    pub fn of_replica(
        shared: Arc<following::Shared<F>>,
        snapshot_interval_ms: u64,
        files: F,
        identity: Identity,
    ) -> io::Result<Ticker<F>> {
        let interval = Duration::from_millis(snapshot_interval_ms.max(1));
        Ticker::spawn(move |stopped| {
            let [mut synced, mut cut, mut looked] = [Instant::now(); 3];
            let mut sweep = Sweep::default();
            while tick(&stopped, interval.min(TICK), &shared.clock) {
                if cut.elapsed() >= interval {
                    cut = Instant::now();
                    shared.pool.request_cut(&shared.applied);
                }
                if looked.elapsed() >= TICK {
                    looked = Instant::now();
                    shared.note_dead(&mut sweep);
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

    /// A thread that does `duties`, which end when [`tick`] says so.
    fn spawn(duties: impl FnOnce(Receiver<()>) -> (Identity, F) + Send + 'static) -> io::Result<Ticker<F>> {
        let (stop, stopped) = channel();
        let thread = thread::Builder::new().name("ticker".to_owned()).spawn(move || duties(stopped))?;
        Ok(Ticker { stop, thread })
    }

    /// Ends it and gives back what it kept.
    pub fn stop(self) -> (Identity, F) {
        drop(self.stop);
        // Its duties do not panic; if they do, so does who stops it.
        self.thread.join().expect("the ticker does not panic")
    }
}

/// Waits for the next tick; `false`: there is none. A clock that is set by hand has no ticks.
fn tick(stopped: &Receiver<()>, interval: Duration, clock: &Clock) -> bool {
    if clock.is_by_hand() {
        // It ends with an error: nothing is ever sent.
        return stopped.recv().is_ok();
    }
    matches!(stopped.recv_timeout(interval), Err(RecvTimeoutError::Timeout))
}

struct MasterDuties<F: Files> {
    shared: Arc<Shared<F>>,
    files: F,
    identity: Identity,
    sweep: Sweep,
}

impl<F: Files> MasterDuties<F> {
    /// Log time goes on from where a replica has heard it elsewhere: its readers judged by that.
    fn lift(&mut self) {
        let told = Millis(self.shared.told.load(Ordering::Relaxed));
        let (_, time) = self.shared.last();
        if told <= time {
            return;
        }
        if told.since(time) > LIFT_MAX_MS {
            tracing::warn!(%told, %time, "a replica's log time is too far ahead: it stands still there meanwhile");
            self.shared.told.store(0, Ordering::Relaxed);
            return;
        }
        self.raise(told);
        // The clock goes as far as it is asked to, but for the ceiling and a group that is under way.
        self.shared.publication.read(told);
    }

    /// Asks the writer to remove some keys that are dead.
    fn expire(&mut self) {
        let (_, now) = self.shared.last();
        let keys = match self.sweep.dead_keys(&self.shared.store, now) {
            Ok(keys) => keys,
            Err(error) => return tracing::warn!(%error, "no look at deadlines"),
        };
        if !keys.is_empty() {
            // A full or closed queue: they are found again.
            let _ = self.shared.queue.push(Request::Expire(keys));
        }
    }

    fn keep_promises(&mut self) {
        if self.shared.syncs_every_second()
            && let Err(error) = self.shared.log.sync()
        {
            tracing::error!(%error, "fsync failed");
        }
        let (_, time) = self.shared.last();
        self.raise(time);
    }

    /// Sees to it that the ceiling is well beyond the clock, and not below `time`.
    fn raise(&mut self, time: Millis) {
        let (ceiling, now) = (self.identity.ceiling(), self.shared.clock.now());
        if ceiling < time || ceiling.since(now) < CEILING_NEAR_MS {
            match raise_ceiling(&mut self.identity, &self.files, time, &self.shared.clock) {
                Ok(ceiling) => self.shared.publication.raise(ceiling),
                Err(error) => tracing::error!(%error, "log time may come to stand: no new ceiling"),
            }
        }
    }
}
