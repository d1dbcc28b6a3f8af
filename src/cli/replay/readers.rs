//! Readers — the orders that the nodes of a path of the ordering model got → what their readers may see.
//! Pure.

use replicheck::binlog::{Entry, Lsn};
use replicheck::effect::{Key, KeySet};
use replicheck::engine::ReaderView;
use replicheck::invariant::{State, Versions, convergence};
use replicheck::models::judged::InvariantSet;
use replicheck::models::ordering::{Data, reader_looks, with_convergence, with_progress};
use replicheck::ordering::Job;
use replicheck::store::Dump;
use std::collections::{BTreeMap, BTreeSet};

/// The facts about both nodes that are needed to judge what readers of the replica are given.
pub struct Readers {
    /// The versions of the master after 0, 1, 2, … entries; `dumps` are its stores.
    versions: Vec<Versions>,
    dumps: Vec<Dump>,
    /// For each LSN the command and the entry.
    entries: BTreeMap<Lsn, (String, Entry)>,
    written: Vec<Job>,
    /// The state that a crash leaves: the number of jobs, and the data after them.
    flushed: (usize, Data),
    /// The data after the jobs: the last writer of each key, and the store that would result if no job had
    /// run twice.
    stored: Data,
    /// The same for the state that readers are given; `saw` has the versions that they were given before.
    given: Data,
    saw: Versions,
    /// The last entry that they see.
    pub applied: Lsn,
    /// The broken invariants.
    pub broken: InvariantSet,
}

impl Readers {
    /// The state before any entry is sent.
    pub fn new() -> Readers {
        Readers {
            versions: vec![Versions::default()],
            dumps: vec![Dump::new()],
            entries: BTreeMap::new(),
            written: Vec::new(),
            flushed: (0, Data::default()),
            stored: Data::default(),
            given: Data::default(),
            saw: Versions::default(),
            applied: Lsn::NONE,
            broken: InvariantSet::default(),
        }
    }

    /// Records that the master logged an entry.
    pub fn sent(&mut self, entry: Entry, command: String, master: &ReaderView) {
        let mut versions = self.versions.last().cloned().unwrap_or_default();
        versions.write(&entry.keys(), entry.lsn);
        self.versions.push(versions);
        self.dumps.push(master.stored.clone());
        self.entries.insert(entry.lsn, (command, entry));
    }

    /// Records that the replica wrote a job.
    pub fn wrote(&mut self, job: Job) {
        self.write(&job);
        self.written.push(job);
    }

    /// Adds a job to the data. Returns whether any part of the job was in the store already.
    fn write(&mut self, job: &Job) -> bool {
        let entries: Vec<&Entry> =
            job.lsns.iter().filter_map(|lsn| self.entries.get(lsn)).map(|(_, entry)| entry).collect();
        // The marker does not matter here: the node's own marker is read after a crash.
        let (stored, repeats) = self.stored.write(&entries, job.part.as_ref(), Lsn::NONE, None);
        self.stored = stored;
        repeats
    }

    /// Records that the replica's store was flushed.
    pub fn flushed(&mut self) {
        self.flushed = (self.written.len(), self.stored.clone());
    }

    /// Records that the replica was killed with `marker` on disk, and applied its log again after it. Returns the entries
    /// that were written twice.
    pub fn recovered(&mut self, marker: Lsn) -> BTreeSet<Lsn> {
        let (jobs, stored) = std::mem::take(&mut self.flushed);
        self.written.truncate(jobs);
        self.stored = stored;
        let again: Vec<Lsn> = self.entries.range(marker.next()..).map(|(lsn, _)| *lsn).collect();
        let twice = again.into_iter().filter(|&lsn| self.write(&Job::whole(lsn))).collect();
        self.written = self.entries.keys().copied().map(Job::whole).collect();
        self.flushed();
        twice
    }

    /// Whether the whole job is written, perhaps in other pieces.
    pub fn is_written(&self, wanted: &Job) -> bool {
        let has_part = |lsn: Lsn, key: Option<&Key>| {
            self.written.iter().any(|job| job.lsns.contains(&lsn) && job.part.as_ref() == key)
        };
        wanted.lsns.iter().all(|&lsn| {
            let keys = self.entries.get(&lsn).map(|(_, entry)| entry.keys().into_owned());
            let all_parts = || match &keys {
                Some(KeySet::Keys(keys)) => keys.iter().all(|key| has_part(lsn, Some(key))),
                Some(KeySet::Everything) | None => false,
            };
            has_part(lsn, None) || wanted.part.as_ref().map_or_else(all_parts, |key| has_part(lsn, Some(key)))
        })
    }

    /// The entries of a job, with their commands.
    pub fn name(&self, job: &Job) -> String {
        let command = |lsn| self.entries.get(&lsn).map(|(command, _)| command.as_str()).unwrap_or_default();
        let entries: Vec<String> =
            job.lsns.iter().map(|&lsn| format!("entry {lsn} ({})", command(lsn))).collect();
        let part = job.part.as_ref().map(|key| format!(", its part for {key}")).unwrap_or_default();
        format!("{}{part}", entries.join(" and "))
    }

    /// Judges one read; `is_new`: the reader is given the current store, or a newer snapshot.
    pub fn look(&mut self, stored: &Dump, is_new: bool, is_stuck: bool) {
        if is_new {
            self.given = self.stored.clone();
        }
        let masters = self.versions.iter().zip(&self.dumps);
        let history: Vec<State<'_>> = masters.map(|(versions, dump)| State { versions, dump }).collect();
        let sees = State { versions: &self.given.versions, dump: stored };
        let once = self.given.dump_once();
        let broken = reader_looks(&history, &self.saw, sees, once.as_ref().unwrap_or(stored));
        let is_at_end = self.applied == Lsn(self.versions.len() as u64 - 1);
        let converged = !is_at_end || history.last().is_none_or(|end| convergence(sees, *end));
        self.broken.0 |= with_progress(with_convergence(broken, converged), !is_stuck).0;
        self.saw = self.given.versions.clone();
    }
}
