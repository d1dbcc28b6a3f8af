//! Readers — what the nodes of a path of the ordering model were told → what their readers may see. Pure.

use replicheck::binlog::Lsn;
use replicheck::effect::KeySet;
use replicheck::engine::Given;
use replicheck::invariant::{State, Versions, convergence};
use replicheck::models::judged::InvariantSet;
use replicheck::models::ordering::{History, reader_looks, with_convergence};
use replicheck::ordering::Job;
use replicheck::store::Dump;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of both nodes, to judge what readers of the replica are given.
pub struct Readers {
    /// The master after 0, 1, 2, … entries.
    versions: Vec<Versions>,
    dumps: Vec<Dump>,
    /// What each entry was: the command, and the keys that it touches.
    entries: BTreeMap<Lsn, (String, KeySet)>,
    written: Vec<Job>,
    /// Entries of which something was written when it was in the store already.
    twice: BTreeSet<Lsn>,
    /// What a crash leaves: how many of the jobs, and who wrote each key last.
    flushed: (usize, Versions),
    /// Who wrote each key of the replica's store last.
    stored: Versions,
    /// The same of what readers are given, and of what they were given before.
    given: Versions,
    given_twice: BTreeSet<Lsn>,
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
            twice: BTreeSet::new(),
            flushed: (0, Versions::default()),
            stored: Versions::default(),
            given: Versions::default(),
            given_twice: BTreeSet::new(),
            saw: Versions::default(),
            applied: Lsn::NONE,
            broken: InvariantSet::default(),
        }
    }

    /// The master logged an entry.
    pub fn sent(&mut self, lsn: Lsn, command: String, keys: KeySet, master: &Given) {
        let mut versions = self.versions.last().cloned().unwrap_or_default();
        versions.write(&keys, lsn);
        self.versions.push(versions);
        self.dumps.push(master.stored.clone());
        self.entries.insert(lsn, (command, keys));
    }

    /// The replica wrote a job.
    pub fn wrote(&mut self, job: Job) {
        for &lsn in &job.lsns {
            let whole = self.entries.get(&lsn).map_or_else(KeySet::empty, |(_, keys)| keys.clone());
            let keys = job.part.clone().map_or(whole, |key| KeySet::of([key]));
            self.stored.write(&keys, lsn);
        }
        self.written.push(job);
    }

    /// The replica's store was flushed.
    pub fn flushed(&mut self) {
        self.flushed = (self.written.len(), self.stored.clone());
    }

    /// The replica was killed with `marker` on disk, and ran its log again after that. Gives the entries that were written
    /// twice.
    pub fn recovered(&mut self, marker: Lsn) -> &BTreeSet<Lsn> {
        let (jobs, versions) = std::mem::take(&mut self.flushed);
        self.written.truncate(jobs);
        self.stored = versions;
        for (&lsn, (_, keys)) in self.entries.range(marker.next()..) {
            self.stored.write(keys, lsn);
            if self.written.iter().any(|job| job.lsns.contains(&lsn)) {
                self.twice.insert(lsn);
            }
        }
        self.written = self.entries.keys().copied().map(Job::whole).collect();
        self.flushed();
        &self.twice
    }

    /// Whether all of the job is written, be it in other pieces.
    pub fn is_written(&self, wanted: &Job) -> bool {
        let has_part = |lsn: Lsn, key| {
            self.written.iter().any(|job| job.lsns.contains(&lsn) && job.part.as_ref() == key)
        };
        wanted.lsns.iter().all(|&lsn| {
            let all_parts = || match self.entries.get(&lsn) {
                Some((_, KeySet::Keys(keys))) => keys.iter().all(|key| has_part(lsn, Some(key))),
                _ => false,
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
            self.given_twice = self.twice.clone();
        }
        let history =
            History { versions: self.versions.iter().collect(), dumps: self.dumps.iter().collect() };
        let sees = State { versions: &self.given, dump: stored };
        let broken = reader_looks(&history, &self.saw, sees, &self.given_twice);
        let end =
            self.versions.last().zip(self.dumps.last()).map(|(versions, dump)| State { versions, dump });
        let is_at_end = self.applied == Lsn(self.versions.len() as u64 - 1);
        let converged = !is_stuck && (!is_at_end || end.is_none_or(|end| convergence(sees, end)));
        self.broken.0 |= with_convergence(broken, converged).0;
        self.saw = self.given.clone();
    }
}
