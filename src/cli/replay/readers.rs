//! Readers — what the nodes of a path of the ordering model were told → what their readers may see. Pure.

use replicheck::binlog::{Entry, Lsn};
use replicheck::effect::{Key, KeySet};
use replicheck::engine::Given;
use replicheck::invariant::{State, Versions, convergence};
use replicheck::models::judged::InvariantSet;
use replicheck::models::ordering::{Data, reader_looks, with_convergence, with_progress};
use replicheck::ordering::Job;
use replicheck::store::Dump;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of both nodes, to judge what readers of the replica are given.
pub struct Readers {
    /// The master after 0, 1, 2, … entries.
    versions: Vec<Versions>,
    dumps: Vec<Dump>,
    /// What each entry was: the command, and the entry.
    entries: BTreeMap<Lsn, (String, Entry)>,
    written: Vec<Job>,
    /// What a crash leaves: how many of the jobs, and what they came to.
    flushed: (usize, Data),
    /// What the jobs came to: the last writer of each key, and what would be held if none had run twice.
    stored: Data,
    /// The same of what readers are given, and the versions that they were given before.
    given: Data,
    saw: Versions,
    /// The last entry that they see.
    pub applied: Lsn,
    /// What was broken.
    pub broken: InvariantSet,
}

impl Readers {
    /// Nothing was sent.
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

    /// The master logged an entry.
    pub fn sent(&mut self, entry: Entry, command: String, master: &Given) {
        let mut versions = self.versions.last().cloned().unwrap_or_default();
        versions.write(&entry.keys(), entry.lsn);
        self.versions.push(versions);
        self.dumps.push(master.stored.clone());
        self.entries.insert(entry.lsn, (command, entry));
    }

    /// The replica wrote a job.
    pub fn wrote(&mut self, job: Job) {
        self.write(&job);
        self.written.push(job);
    }

    /// Says whether any of the job was in the store already.
    fn write(&mut self, job: &Job) -> bool {
        let entries: Vec<&Entry> =
            job.lsns.iter().filter_map(|lsn| self.entries.get(lsn)).map(|(_, entry)| entry).collect();
        // The marker counts for nothing here: what the node's own was is asked after a crash.
        let (stored, repeats) = self.stored.write(&entries, job.part.as_ref(), Lsn::NONE, None);
        self.stored = stored;
        repeats
    }

    /// The replica's store was flushed.
    pub fn flushed(&mut self) {
        self.flushed = (self.written.len(), self.stored.clone());
    }

    /// The replica was killed with `marker` on disk, and ran its log again after that. Gives the entries that were written
    /// twice.
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

    /// Whether all of the job is written, be it in other pieces.
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

    /// A reader looks; `is_new`: he is given the store as it is now, or a newer snapshot.
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
