//! What a strategy promises, by the functions of `src/invariant.rs`: checked after every batch, at the end, and after a
//! crash at any moment.

use crate::apply::pool::Work;
use crate::publication::ReplicaPublication;
use crate::sync::{Mutex, lock};
use replicheck::apply::{Instants, marker, write_batch};
use replicheck::binlog::{Entry, Lsn};
use replicheck::effect::{Key, KeySet};
use replicheck::expiry::LogTime;
use replicheck::invariant::{self, State, Versions};
use replicheck::models::expected::{OrderingChoice, ordering};
use replicheck::models::verdict::Verdict;
use replicheck::ordering::Strategy;
use replicheck::store::memory::MemoryStore;
use replicheck::store::{Dump, StoreError, dump};
use replicheck::time::Millis;
use std::collections::BTreeSet;
use std::sync::Arc;

pub const INVARIANTS: [&str; 5] =
    ["convergence", "per_key_order", "prefix", "monotonic_reads", "exactly_once"];

/// What `strategy` promises for effects.
pub fn promised(strategy: Strategy) -> Vec<&'static str> {
    let choice = OrderingChoice { strategy, commands: false, reads_after_crash: false };
    INVARIANTS.into_iter().filter(|name| ordering(choice, name) == Verdict::Holds).collect()
}

/// No command of these logs asks for the time.
const INSTANTS: fn(&Entry) -> Instants = |_| Instants { now: Millis::ZERO, judged_at: Millis::ZERO };

/// A log, and the master after 0, 1, 2, … entries of it.
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

    /// The instant before which no reader of the first `lsn` entries judges, and the one beyond which none does.
    pub fn clocks(&self, lsn: Lsn) -> (Millis, Millis) {
        let at = usize::try_from(lsn.0).expect("small");
        let first = at.checked_sub(1).map_or(Millis::ZERO, |before| self.entries[before].time);
        (first, self.entries.get(at).map_or(Millis(u64::MAX), |next| next.time))
    }

    fn states(&self) -> Vec<&Versions> {
        self.versions.iter().collect()
    }

    /// What a reader who saw `seen` breaks by seeing `sees`.
    pub fn look(&self, seen: &Versions, sees: &Versions) -> BTreeSet<&'static str> {
        let states = self.states();
        let before = invariant::prefix(&states, Lsn::NONE, seen).unwrap_or_default();
        let held = [
            ("per_key_order", invariant::per_key_order(&states, seen, sees)),
            ("prefix", invariant::prefix(&states, before, sees).is_some()),
            ("monotonic_reads", invariant::monotonic_reads(seen, sees)),
        ];
        held.into_iter().filter(|(_, holds)| !holds).map(|(name, _)| name).collect()
    }
}

/// What was written.
#[derive(Clone, Default)]
struct Held {
    store: MemoryStore,
    versions: Versions,
    /// Entries and parts of entries that were written.
    written: BTreeSet<(Lsn, Option<Key>)>,
    /// Entries of which something was written when it was there already.
    twice: BTreeSet<Lsn>,
}

impl Held {
    fn write(&mut self, entries: &[&Entry], part: Option<&Key>, marker: Lsn) -> Result<(), StoreError> {
        write_batch(&mut self.store, entries, part, marker, &INSTANTS)?;
        for entry in entries {
            let keys = part.map_or_else(|| entry.keys().into_owned(), |key| KeySet::of([key.clone()]));
            self.versions.write(&keys, entry.lsn);
            if !self.written.insert((entry.lsn, part.cloned())) {
                self.twice.insert(entry.lsn);
            }
        }
        Ok(())
    }

    fn marker(&self) -> Lsn {
        marker(&self.store).expect("written by write_batch")
    }
}

struct Disk {
    held: Held,
    /// What was held after 0, 1, 2, … batches.
    batches: Vec<Held>,
    /// Readers are let in when this LSN is published.
    opens_at: Option<Lsn>,
    seen: Versions,
    broken: BTreeSet<&'static str>,
}

/// What is done wrong on purpose, outside the strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    Nothing,
    /// The marker is the last entry of the batch, whatever is missing below it.
    MarkerSkipsGaps,
}

/// A replica's store in memory, with a reader who looks after every batch, or at what is published.
pub struct Judge {
    pub history: Arc<History>,
    disk: Mutex<Disk>,
    /// Whether readers see the store as it is.
    live: bool,
    wrong: Wrong,
    /// Whether a crash at any batch is looked at, too.
    crashes: bool,
    /// What other threads are given, as the engine does it.
    publication: Option<ReplicaPublication<Versions>>,
}

impl Judge {
    pub fn new(history: &Arc<History>, strategy: Strategy, wrong: Wrong) -> Judge {
        let held = Held::default();
        let disk = Disk {
            batches: vec![held.clone()],
            held,
            opens_at: None,
            seen: Versions::default(),
            broken: BTreeSet::new(),
        };
        let live = strategy != Strategy::WritesetSnapshots;
        Judge {
            history: Arc::clone(history),
            disk: Mutex::new(disk),
            live,
            wrong,
            crashes: true,
            publication: None,
        }
    }

    /// Of a replica that does not crash.
    pub fn without_crash(self) -> Judge {
        Judge { crashes: false, ..self }
    }

    /// With a publication for other threads.
    pub fn with_publication(self) -> Judge {
        let publication = ReplicaPublication::new(LogTime::at(Millis::ZERO, Millis::ZERO), None, Lsn::NONE);
        Judge { publication: Some(publication), ..self }
    }

    pub fn hear(&self, entry: &Entry) {
        if let Some(publication) = &self.publication {
            publication.hear(entry.lsn, entry.time, Millis::ZERO);
        }
    }

    /// What another thread reads: the last entry published, the instant to judge by, the state (`None`: the store as it
    /// is, which may be ahead).
    pub fn read(&self) -> (Lsn, Millis, Option<Arc<Versions>>) {
        let publication = self.publication.as_ref().expect("a judge with a publication");
        let (lsn, clock, published) = publication.read(Millis::ZERO);
        (lsn, clock.time, published)
    }

    /// The store as it is.
    pub fn latest(&self) -> Versions {
        lock(&self.disk).held.versions.clone()
    }

    fn looks(&self, disk: &mut Disk) {
        let broken = self.history.look(&disk.seen, &disk.held.versions);
        disk.broken.extend(broken);
        disk.seen = disk.held.versions.clone();
    }

    /// The same replica after a crash: of its batches all but the first `kept` of so many are lost, and readers are let
    /// in when `opens_at` is applied again.
    pub fn crashed(self, kept: impl FnOnce(usize) -> usize, opens_at: Lsn) -> Judge {
        {
            let mut disk = lock(&self.disk);
            let kept = kept(disk.batches.len() - 1);
            disk.batches.truncate(kept + 1);
            disk.held = disk.batches[kept].clone();
            disk.opens_at = Some(opens_at);
        }
        if self.publication.is_some() { self.with_publication() } else { self }
    }

    pub fn marker(&self) -> Lsn {
        lock(&self.disk).held.marker()
    }

    /// What is broken: on the way, at the end if that was `reached`, and after a crash that left any of the batches.
    fn broken(&self, reached: bool) -> BTreeSet<&'static str> {
        let disk = lock(&self.disk);
        let mut broken = disk.broken.clone();
        if reached {
            broken.extend(self.broken_at(self.history.end(), &disk.held));
        }
        for left in disk.batches.iter().filter(|_| self.crashes) {
            // The log has at least what was written.
            let end = left.written.last().map_or(Lsn::NONE, |(lsn, _)| *lsn);
            let mut again = left.clone();
            let runs_again = |entry: &&Arc<Entry>| entry.lsn > left.marker() && entry.lsn <= end;
            for entry in self.history.entries.iter().filter(runs_again) {
                again.write(&[entry], None, entry.lsn).expect("memory does not fail");
            }
            broken.extend(self.broken_at(end, &again));
        }
        broken
    }

    /// What is broken of a replica that has applied all up to `end`.
    fn broken_at(&self, end: Lsn, held: &Held) -> Vec<&'static str> {
        let length = usize::try_from(end.0).expect("small") + 1;
        let (versions, dumps) = (&self.history.versions[..length], &self.history.dumps[..length]);
        let held_dump = dump(&held.store).expect("written by write_batch");
        let replica = State { versions: &held.versions, dump: &held_dump };
        let master = State { versions: &versions[versions.len() - 1], dump: &dumps[dumps.len() - 1] };
        let mut broken = Vec::new();
        if !invariant::convergence(replica, master) {
            // Both levels say convergence first.
            broken.extend(["convergence", "per_key_order", "prefix"]);
        }
        if !invariant::exactly_once(replica, &held.twice, &dumps.iter().collect::<Vec<_>>()) {
            broken.push("exactly_once");
        }
        broken
    }

    /// Panics where one of `promised` is broken; `reached` as the log was applied to its end.
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
        disk.held.write(&entries, part, marker)?;
        let held = disk.held.clone();
        disk.batches.push(held);
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
            publication.publish(watermark, Millis::ZERO, |_| Some(self.latest()));
        }
    }
}
