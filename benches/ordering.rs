//! Ordering — a log → a replica's store, with each strategy: entries per second, next to RocksDB alone.
//!
//! It measures the shipped worker pool, strategy, batches and publication, on RocksDB in a temporary folder. It does
//! not include the replica's own log (see `binlog`) and the network (see `peers`).

mod baseline;
mod measure;
mod raw;
mod results;
mod workload;

use measure::{Bench, Run, median};
use raw::Raw;
use replicheck::apply::Applier;
use replicheck::apply::pool::{Limits, Pool, Stopped};
use replicheck::binlog::{Entry, Lsn};
use replicheck::engine::{Applied, Machine, Own, Settings};
use replicheck::handover::hand_over;
use replicheck::models::measured::{BEHIND, BEHIND_AT_MOST};
use replicheck::node::Readers;
use replicheck::ordering::Strategy;
use replicheck::store::rocksdb::RocksStore;
use replicheck::time::Millis;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};
use workload::{BASE, Keys, Workload};

/// Number of entries that arrive from the link at a time.
const GROUP: usize = 512;

/// Strategies of your own: one line each, with a name and the function (workers, entries in a batch at most) that makes the
/// machine. They are in every table beside the shipped ones:
///
/// ```ignore
/// ("turnstile", |_workers, _batch| Box::new(Turnstile::new(1))),
/// ```
const OWN: &[(&str, New)] = &[];

/// Makes the machine of a strategy.
type New = fn(usize, usize) -> Machine;

/// A strategy that is measured.
#[derive(Clone, Copy)]
struct Candidate {
    name: &'static str,
    /// The shipped strategy.
    strategy: Strategy,
    /// What runs in its place.
    own: Option<New>,
}

impl Candidate {
    fn of(strategy: Strategy) -> Candidate {
        Candidate { name: strategy.name(), strategy, own: None }
    }

    fn all() -> Vec<Candidate> {
        let own = OWN.iter().map(|&(name, new)| Candidate {
            name,
            own: Some(new),
            ..Candidate::of(Strategy::Serial)
        });
        Strategy::ALL.iter().copied().map(Candidate::of).chain(own).collect()
    }
}

/// The settings of a replica.
#[derive(Clone, Copy)]
struct Setup {
    candidate: Candidate,
    workers: usize,
    batch: usize,
    interval_ms: u64,
    /// Whether the pool's waits are measured, as a node does.
    measures: bool,
}

impl Setup {
    fn params(&self, workload: &Workload) -> Value {
        let mut params = workload.params();
        params["workers"] = self.workers.into();
        params["batch"] = self.batch.into();
        params
    }

    /// Applies `log`. Returns the time, and for each read how old the state was that readers saw, in
    /// milliseconds.
    fn apply(&self, log: &[Entry]) -> (Duration, Vec<f64>) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = Settings {
            ordering: self.candidate.strategy,
            own: Own {
                ordering: self
                    .candidate
                    .own
                    .map(|new| -> Arc<dyn Fn(usize, usize) -> Machine + Send + Sync> { Arc::new(new) }),
                policy: None,
            },
            workers: self.workers,
            batch_entries_max: self.batch,
            ..Settings::new(folder.path())
        };
        let store = RocksStore::open(&folder.path().join("store")).expect("a store");
        let applied =
            Arc::new(Applied::new(&settings, store, Lsn::NONE, (Millis::ZERO, Millis::ZERO, 0), Readers::In));
        let limits = Limits { entries_max: settings.queue_entries_max, bytes_max: settings.queue_bytes_max };
        let applier = Applier::new(settings.machine(), self.workers, Lsn::NONE);
        let pool = Pool::new(applier, limits, settings.schedule.clone());
        let meters = Arc::clone(&settings.meters);
        let pool = Arc::new(if self.measures { pool.with_waits(meters) } else { pool });
        let workers = Pool::spawn(&pool, &applied);
        let groups: Vec<Vec<Entry>> = log.chunks(GROUP).map(<[Entry]>::to_vec).collect();
        let last = log.last().map_or(Lsn::NONE, |entry| entry.lsn);
        let (stop, stopped) = channel::<()>();
        let mut received: Vec<Instant> = Vec::with_capacity(log.len());
        let mut ages = Vec::new();
        let (time, interval) = (Instant::now(), Duration::from_millis(self.interval_ms));
        let time = thread::scope(|scope| {
            let (pool, applied) = (&pool, &applied);
            scope.spawn(move || {
                while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(interval) {
                    pool.request_cut(&**applied);
                }
            });
            for group in groups {
                let share = BYTES_OF_AN_ENTRY;
                let receive = |entries: &[Entry]| {
                    applied.receive(entries);
                    let now = Instant::now();
                    received.extend(entries.iter().map(|_| now));
                    let (seen, _) = applied.seen();
                    let unseen = usize::try_from(seen.0).ok().and_then(|seen| received.get(seen));
                    ages.extend(unseen.map(|&since| (now - since).as_secs_f64() * 1e3));
                };
                hand_over(pool, group, share, |_| Ok::<(), Stopped>(()), receive, |entry| entry)
                    .expect("nothing fails");
            }
            pool.wait_for(last).expect("nothing fails");
            drop(stop);
            time.elapsed()
        });
        pool.close();
        workers.into_iter().for_each(|worker| worker.join().expect("no panic"));
        (time, ages)
    }
}

/// The length of each entry for the pool's limit of bytes; it does not matter here.
const BYTES_OF_AN_ENTRY: usize = 256;

fn main() {
    let mut bench =
        Bench::new("ordering", "how fast a replica applies a log, by strategy, workers, keys and batches");
    let commands = bench.mode.pick(300, 30_000, 100_000);
    let serial = Candidate::of(Strategy::Serial);
    let base = Setup { candidate: serial, workers: 2, batch: 256, interval_ms: 100, measures: true };
    let of = |workload| (base, workload);
    let points = [
        of(BASE),
        (Setup { workers: 1, ..base }, BASE),
        (Setup { workers: 4, ..base }, BASE),
        (Setup { batch: 1, ..base }, BASE),
        (Setup { workers: 4, batch: 1, ..base }, BASE),
        of(Workload { keys: Keys::Zipfian, ..BASE }),
        of(Workload { keys: Keys::Hot, ..BASE }),
        of(Workload { flushdb: 0.001, ..BASE }),
        of(Workload { flushdb: 0.01, ..BASE }),
        of(Workload { multi_key: 0.1, ..BASE }),
        of(Workload { value_bytes: 16, ..BASE }),
        of(Workload { value_bytes: 1_000, ..BASE }),
    ];
    for (setup, workload) in points {
        let log = workload.log(commands);
        for candidate in Candidate::all() {
            let setup = Setup { candidate, ..setup };
            rate_and_ages(&mut bench, setup, setup.params(&workload), &log);
        }
        bench.rate("limit: raw WriteBatch", setup.params(&workload), log.len() as u64, "entries", || {
            Raw::new().write(&log, setup.batch).into()
        });
    }
    snapshots(&mut bench, base);
    ratios(&mut bench, base, commands);
    bench.finish();
}

/// Measures entries per second, and how old the state is that readers see.
fn rate_and_ages(bench: &mut Bench, setup: Setup, params: Value, log: &[Entry]) {
    let (name, mut ages) = (setup.candidate.name, Vec::new());
    bench.rate(name, params.clone(), log.len() as u64, "entries", || {
        let limit = Some(Raw::new().write(log, setup.batch));
        let (time, seen) = setup.apply(log);
        ages.extend(seen);
        Run { time, limit }
    });
    let oldest = ages.iter().copied().reduce(f64::max);
    if let (Some(middle), Some(oldest)) = (median(ages), oldest) {
        bench.row(name, params.clone(), middle, BEHIND, None);
        bench.row(name, params, oldest, BEHIND_AT_MOST, None);
    }
}

/// Measures the cost of ordering; the two of each pair are measured in turn.
fn ratios(bench: &mut Bench, base: Setup, commands: usize) {
    let plain = BASE.log(commands);
    let flushed = Workload { flushdb: 0.01, ..BASE }.log(commands);
    let of = |strategy, workers, batch| Setup { candidate: Candidate::of(strategy), workers, batch, ..base };
    let pairs = [
        ("serial / key_hash", of(Strategy::Serial, 4, 256), &plain, of(Strategy::KeyHash, 4, 256)),
        ("serial / key_hash", of(Strategy::Serial, 4, 1), &plain, of(Strategy::KeyHash, 4, 1)),
        ("writeset / serial", of(Strategy::Writeset, 2, 256), &plain, of(Strategy::Serial, 2, 256)),
        (
            "barrier with 1 % FLUSHDB / without",
            of(Strategy::Barrier, 2, 256),
            &flushed,
            of(Strategy::Barrier, 2, 256),
        ),
    ];
    for (name, one, log, other) in pairs {
        let params = json!({ "workers": one.workers, "batch": one.batch, "value_bytes": BASE.value_bytes });
        bench.ratio(name, params, || Run { time: one.apply(log).0, limit: Some(other.apply(&plain).0) });
    }
    for strategy in [Strategy::Serial, Strategy::Barrier, Strategy::Writeset] {
        let (one, name) = (of(strategy, 2, 256), format!("{} measured / not measured", strategy.name()));
        let other = Setup { measures: false, ..one };
        let params = json!({ "workers": one.workers, "batch": one.batch, "flushdb": 0.01 });
        bench.ratio(&name, params, || Run {
            time: one.apply(&flushed).0,
            limit: Some(other.apply(&flushed).0),
        });
    }
}

/// Measures the cost and the benefit of the cut interval of `writeset_snapshots`.
fn snapshots(bench: &mut Bench, base: Setup) {
    let log = BASE.log(bench.mode.pick(300, 50_000, 300_000));
    for interval_ms in [1, 10, 100] {
        let setup = Setup { candidate: Candidate::of(Strategy::WritesetSnapshots), interval_ms, ..base };
        let mut params = setup.params(&BASE);
        params["cut_interval_ms"] = interval_ms.into();
        rate_and_ages(bench, setup, params, &log);
    }
}
