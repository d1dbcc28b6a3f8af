//! The promises of a strategy, as the functions of `src/invariant.rs`: they are checked after every batch, at the end, and after
//! a crash at any moment.

use crate::apply::pool::Work;
use crate::publication::ReplicaPublication;
use crate::sync::{Mutex, lock};
use replicheck::apply::{Instants, write_batch};
use replicheck::binlog::{Entry, Lsn};
use replicheck::effect::Key;
use replicheck::expiry::LogTime;
use replicheck::expiry::log_clock::LogClock;
use replicheck::invariant::{self, State, Versions};
use replicheck::models::choice::OrderingChoice;
use replicheck::models::expected::ordering;
use replicheck::models::ordering::Data;
use replicheck::models::verdict::Verdict;
use replicheck::node::{Readers, Replica};
use replicheck::ordering::{Reads, Strategy};
use replicheck::store::memory::MemoryStore;
use replicheck::store::{Dump, StoreError, dump};
use replicheck::time::{Elapsed, Millis, Moment};
use std::collections::BTreeSet;
use std::sync::Arc;

pub const INVARIANTS: [&str; 5] =
    ["convergence", "per_key_order", "prefix", "monotonic_reads", "exactly_once"];

/// The invariants that `strategy` promises if the log holds effects.
pub fn promised(strategy: Strategy) -> Vec<&'static str> {
    let choice = OrderingChoice::effects(strategy);
    assert_eq!(INVARIANTS.len() + 1, replicheck::models::ordering::INVARIANTS.len(), "all but progress");
    let holds = |name: &&str| ordering(choice, name.parse().expect("an invariant")) == Verdict::Holds;
    INVARIANTS.into_iter().filter(holds).collect()
}

/// The instants of an entry. No command of these logs asks for the time.
const INSTANTS: fn(&Entry) -> Instants = |_| Instants { now: Millis::ZERO, judged_at: Millis::ZERO };

/// A log, and the master's state after 0, 1, 2, … entries of it.
pub struct History {
    pub entries: Vec<Arc<Entry>>,
    pub versions: Vec<Versions>,
    dumps: Vec<Dump>,
}

impl History {
    pub fn of(entries: Vec<Arc<Entry>>) -> History {
        let mut store = MemoryStore::new();
        let (mut versions, mut dumps) = (vec![Versions::default()], vec![Dump::new()]);
        for (at, entry) in entries.iter().enumerate() {
            write_batch(&mut store, &[&**entry], None, entry.lsn, &INSTANTS).expect("memory does not fail");
            let mut next = versions[at].clone();
            next.write(&entry.keys(), entry.lsn);
            versions.push(next);
            dumps.push(dump(&store).expect("memory does not fail"));
        }
        History { entries, versions, dumps }
    }

    pub fn end(&self) -> Lsn {
        self.entries.last().map_or(Lsn::NONE, |entry| entry.lsn)
    }

    /// The time before which no reader of the first `lsn` entries may judge, and the time after which none may.
    pub fn clocks(&self, lsn: Lsn) -> (Millis, Millis) {
        let at = usize::try_from(lsn.0).expect("small");
        let first = at.checked_sub(1).map_or(Millis::ZERO, |before| self.entries[before].time);
        (first, self.entries.get(at).map_or(Millis(u64::MAX), |next| next.time))
    }

    fn states(&self) -> Vec<State<'_>> {
        self.versions.iter().zip(&self.dumps).map(|(versions, dump)| State { versions, dump }).collect()
    }

    /// The length of the prefix that a reader sees; `None` if it sees no prefix.
    pub fn prefix(&self, sees: &Seen) -> Option<Lsn> {
        invariant::prefix(&self.states(), Lsn::NONE, sees.state())
    }

    /// The invariants that a reader breaks if it saw `saw` before and sees `sees` now.
    pub fn look(&self, saw: &Seen, sees: &Seen) -> BTreeSet<&'static str> {
        let states = self.states();
        let held = [
            ("per_key_order", invariant::per_key_order(&states, &saw.versions, sees.state())),
            ("prefix", invariant::prefix(&states, saw.versions.newest(), sees.state()).is_some()),
            ("monotonic_reads", invariant::monotonic_reads(&saw.versions, &sees.versions)),
        ];
        held.into_iter().filter(|(_, holds)| !holds).map(|(name, _)| name).collect()
    }
}

/// The state that a reader sees.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    versions: Versions,
    dump: Dump,
}

impl Seen {
    fn state(&self) -> State<'_> {
        State { versions: &self.versions, dump: &self.dump }
    }
}

fn seen(held: &Data) -> Seen {
    Seen { versions: held.versions.clone(), dump: held.dump() }
}

struct Disk {
    held: Data,
    /// The data after 0, 1, 2, … batches, each with the last entry of the log that was written by then.
    batches: Vec<(Data, Lsn)>,
    /// Readers are let in when this LSN is published.
    opens_at: Option<Lsn>,
    seen: Seen,
    broken: BTreeSet<&'static str>,
}

/// A fault on purpose, outside the strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    Nothing,
    /// The marker is the last entry of the batch, even if entries below it are missing.
    MarkerSkipsGaps,
}

/// A replica's store in memory, with a reader that reads after every batch, or the published state.
pub struct Judge {
    pub history: Arc<History>,
    disk: Mutex<Disk>,
    /// Whether readers see the live store.
    live: bool,
    wrong: Wrong,
    /// Whether a crash after any batch is checked, too.
    crashes: bool,
    /// The state for other threads, published as the engine does it.
    publication: Option<ReplicaPublication<Seen>>,
}

impl Judge {
    pub fn new(history: &Arc<History>, strategy: Strategy, wrong: Wrong) -> Judge {
        let disk = Disk {
            batches: vec![(Data::default(), Lsn::NONE)],
            held: Data::default(),
            opens_at: None,
            seen: Seen::default(),
            broken: BTreeSet::new(),
        };
        let live = strategy.reads() != Reads::Published;
        Judge {
            history: Arc::clone(history),
            disk: Mutex::new(disk),
            live,
            wrong,
            crashes: true,
            publication: None,
        }
    }

    /// A judge of a replica that does not crash.
    pub fn without_crash(self) -> Judge {
        Judge { crashes: false, ..self }
    }

    /// A judge that also publishes states for other threads.
    pub fn with_publication(self) -> Judge {
        let publication =
            ReplicaPublication::new(Replica::new(Lsn::NONE, LogTime::default(), None, Readers::In));
        Judge { publication: Some(publication), ..self }
    }

    pub fn receive(&self, entries: &[Entry]) {
        if let Some(publication) = &self.publication {
            let receive = |replica: &mut Replica| {
                entries.iter().for_each(|entry| replica.receive(entry.lsn, entry.time, Elapsed::default()));
            };
            publication.tell(receive);
        }
    }

    /// What another thread reads: the last published entry, the time to judge by, and the published state (`None`: the live
    /// store, which may be ahead).
    pub fn read(&self) -> (Lsn, Millis, Option<Arc<Seen>>) {
        let publication = self.publication.as_ref().expect("a judge with a publication");
        let read = publication.read(&LogClock, Moment::default());
        (read.lsn, read.reading.time, read.snapshot)
    }

    /// The live store.
    pub fn latest(&self) -> Seen {
        seen(&lock(&self.disk).held)
    }

    fn looks(&self, disk: &mut Disk) {
        let sees = seen(&disk.held);
        let broken = self.history.look(&disk.seen, &sees);
        disk.broken.extend(broken);
        disk.seen = sees;
    }

    /// The same replica after a crash. It keeps the first batches: `kept` returns how many, given the number of all. Readers are
    /// let in when `opens_at` is applied again.
    pub fn crashed(self, kept: impl FnOnce(usize) -> usize, opens_at: Lsn) -> Judge {
        {
            let mut disk = lock(&self.disk);
            let kept = kept(disk.batches.len() - 1);
            disk.batches.truncate(kept + 1);
            disk.held = disk.batches[kept].0.clone();
            disk.opens_at = Some(opens_at);
        }
        if self.publication.is_some() { self.with_publication() } else { self }
    }

    pub fn marker(&self) -> Lsn {
        lock(&self.disk).held.marker()
    }

    /// The broken invariants: on the way, at the end if it was `reached`, and after a crash at any batch.
    fn broken(&self, reached: bool) -> BTreeSet<&'static str> {
        let disk = lock(&self.disk);
        let mut broken = disk.broken.clone();
        if reached {
            broken.extend(self.broken_at(self.history.end(), &disk.held));
        }
        for (left, end) in disk.batches.iter().filter(|_| self.crashes) {
            // The log holds at least the written entries.
            let mut again = left.clone();
            let runs_again = |entry: &&Arc<Entry>| entry.lsn > left.marker() && entry.lsn <= *end;
            for entry in self.history.entries.iter().filter(runs_again) {
                (again, _) = again.write(&[entry], None, entry.lsn, None);
            }
            broken.extend(self.broken_at(*end, &again));
        }
        broken
    }

    /// The invariants that a replica breaks if it has applied all entries up to `end`.
    fn broken_at(&self, end: Lsn, held: &Data) -> Vec<&'static str> {
        let end = usize::try_from(end.0).expect("small");
        let sees = seen(held);
        let master = State { versions: &self.history.versions[end], dump: &self.history.dumps[end] };
        let mut broken = Vec::new();
        if !invariant::convergence(sees.state(), master) {
            // Both levels include convergence.
            broken.extend(["convergence", "per_key_order", "prefix"]);
        }
        let once = held.dump_once();
        if !invariant::exactly_once(&sees.dump, once.as_ref().unwrap_or(&sees.dump)) {
            broken.push("exactly_once");
        }
        broken
    }

    /// Panics if one of `promised` is broken. `reached`: the log was applied to its end.
    pub fn assert_kept(&self, promised: &[&'static str], reached: bool) {
        let broken = self.broken(reached);
        let broken: Vec<_> = promised.iter().filter(|name| broken.contains(**name)).collect();
        assert!(broken.is_empty(), "broken: {broken:?}");
    }
}

impl Work for Judge {
    fn write(&self, entries: &[Arc<Entry>], part: Option<&Key>, marker: Lsn) -> Result<(), StoreError> {
        let entries: Vec<&Entry> = entries.iter().map(|entry| &**entry).collect();
        let last = entries.last().map_or(marker, |entry| entry.lsn);
        let marker = if self.wrong == Wrong::MarkerSkipsGaps { marker.max(last) } else { marker };
        let mut disk = lock(&self.disk);
        let (held, _) = disk.held.write(&entries, part, marker, None);
        let end = disk.batches.last().map_or(last, |(_, end)| last.max(*end));
        disk.batches.push((held.clone(), end));
        disk.held = held;
        if self.live && disk.opens_at.is_none() {
            self.looks(&mut disk);
        }
        Ok(())
    }

    fn publish(&self, watermark: Lsn) {
        if !self.live || self.publication.is_some() {
            let mut disk = lock(&self.disk);
            if disk.opens_at.is_some_and(|lsn| watermark < lsn) {
                return;
            }
            disk.opens_at = None;
            self.looks(&mut disk);
        }
        if let Some(publication) = &self.publication {
            publication.publish(watermark, |_| Some(self.latest()));
        }
    }
}
