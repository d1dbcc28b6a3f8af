//! Judge — the master's states and what a reader of a replica saw → the broken invariants, each with its evidence. Pure.
//!
//! Nothing is judged here by rules of its own: versions are chosen for what was read, and the functions of [`crate::invariant`]
//! judge the choice.

use super::History;
use crate::binlog::Lsn;
use crate::effect::{Key, KeySet};
use crate::invariant::{self, AtRest, State, Versions};
use crate::models::invariants::Invariant;
use crate::store::Dump;

/// The result of one read of all keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// The number of requests that had been sent to the master when the reply was there.
    pub sent: usize,
    /// The keys with their values.
    pub dump: Dump,
}

/// The reads of one replica in one round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The keys that are read.
    pub keys: Vec<Key>,
    /// Whether a read shows all keys at one moment. Otherwise each key is judged alone.
    pub is_at_once: bool,
    /// The reads of one reader, in order.
    pub sights: Vec<Sight>,
    /// Where the replica was when the time allowed was over; `None`: its position is not known.
    pub rest: Option<AtRest>,
    /// The keys of the replica at the end, read after it had reached the master's position; `None`: it did not.
    pub end: Option<Dump>,
}

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub invariant: Invariant,
    /// How it was seen.
    pub evidence: Evidence,
}

/// The reads that break an invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The read before that matters, if one does.
    pub before: Option<Sight>,
    /// The read that breaks it.
    pub sees: Sight,
    /// Whether that is the read at the end of the log.
    pub is_at_end: bool,
    /// How, in sentences.
    pub how: String,
}

/// The verdicts on a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// The broken invariants, each once.
    pub broken: Vec<Broken>,
    /// The invariants that were put to the test.
    pub tested: Vec<Invariant>,
}

/// The verdicts on a recording.
pub fn judged(history: &History, recording: &Recording) -> Judged {
    let states = history.states();
    let mut reader = Reader {
        history,
        states: &states,
        recording,
        saw: Versions::default(),
        seen: Vec::new(),
        prefix: Lsn::NONE,
        judged: Judged::default(),
    };
    for sight in &recording.sights {
        reader.looks(sight, false);
    }
    let sent = history.requests();
    if let Some(end) = &recording.end {
        let sight = Sight { sent, dump: end.clone() };
        reader.looks(&sight, true);
        reader.ends(&sight);
    }
    if let Some(rest) = recording.rest {
        let nothing =
            Sight { sent, dump: recording.sights.last().map(|sight| sight.dump.clone()).unwrap_or_default() };
        let how = || {
            format!(
                "the replica is at {}, the master at {}, and the time allowed is over.",
                rest.applied, rest.logged
            )
        };
        reader.note(Invariant::Progress, invariant::progress(rest), (None, &nothing, true), how);
    }
    reader.judged
}

/// A reader, with what it saw so far.
struct Reader<'a> {
    history: &'a History,
    states: &'a [State<'a>],
    recording: &'a Recording,
    /// The chosen version of each key in the reads so far.
    saw: Versions,
    /// The read in which the chosen version of a key was first seen, by the key's place.
    seen: Vec<Option<Sight>>,
    /// The shortest prefix that the reads so far allow.
    prefix: Lsn,
    judged: Judged,
}

impl Reader<'_> {
    fn looks(&mut self, sight: &Sight, is_at_end: bool) {
        let newest = self.history.through(sight.sent);
        let mut versions = Versions::default();
        let mut odd = None;
        self.seen.resize(self.recording.keys.len(), None);
        for (at, key) in self.recording.keys.iter().enumerate() {
            let content = sight.dump.get(key).map(|stored| &stored.content);
            let floor = self.saw.of(key);
            let version = self.history.versions_of(key, content, (floor, newest)).next();
            let older = || self.history.versions_of(key, content, (Lsn::NONE, floor)).last();
            // A value that the master never had is no older version.
            let chosen = version.or_else(older).unwrap_or(floor);
            if version.is_none() {
                odd.get_or_insert((at, chosen));
            }
            versions.write(&KeySet::of([key.clone()]), chosen);
        }
        let sees = State { versions: &versions, dump: &sight.dump };
        let before = odd.and_then(|(at, _)| self.seen[at].clone());
        let how = |reader: &Self| odd.map_or_else(String::new, |(at, older)| reader.told(at, older, sight));
        let in_order = invariant::per_key_order(self.states, &self.saw, sees);
        let is_monotonic = invariant::monotonic_reads(&self.saw, &versions);
        let evidence = (before.as_ref(), sight, is_at_end);
        let words = how(self);
        self.note(Invariant::PerKeyOrder, in_order, evidence, || words.clone());
        self.note(Invariant::MonotonicReads, is_monotonic, evidence, || words.clone());
        let once = self.history.once(&sight.dump);
        let is_once = invariant::exactly_once(&sight.dump, &once);
        self.note(Invariant::ExactlyOnce, is_once, (None, sight, is_at_end), || twice(&sight.dump, &once));
        if self.recording.is_at_once {
            self.looks_for_prefix(sight, newest, is_at_end);
        }
        for (at, key) in self.recording.keys.iter().enumerate() {
            if versions.of(key) > self.saw.of(key) || self.seen[at].is_none() {
                self.seen[at] = Some(sight.clone());
                let later = versions.of(key).max(self.saw.of(key));
                self.saw.write(&KeySet::of([key.clone()]), later);
            }
        }
    }

    fn looks_for_prefix(&mut self, sight: &Sight, newest: Lsn, is_at_end: bool) {
        let lengths = usize::try_from(self.prefix.0).unwrap_or(usize::MAX)
            ..=usize::try_from(newest.0).unwrap_or(usize::MAX);
        let states = self.states.get(lengths).unwrap_or_default();
        let length = states.iter().find_map(|state| {
            invariant::prefix(self.states, self.prefix, State { versions: state.versions, dump: &sight.dump })
        });
        let floor = self.prefix;
        let how = || {
            let longer = if floor == Lsn::NONE {
                String::new()
            } else {
                format!(" of {floor} writes or more, which the reader had seen before")
            };
            format!("no beginning of the log{longer} leaves these keys.")
        };
        self.note(Invariant::Prefix, length.is_some(), (None, sight, is_at_end), how);
        self.prefix = length.unwrap_or(self.prefix);
    }

    /// The read at the end of the log.
    fn ends(&mut self, sight: &Sight) {
        let Some(master) = self.states.last().copied() else { return };
        // The versions are chosen so as to fit: only the keys can differ.
        let replica = State { versions: master.versions, dump: &sight.dump };
        let is_equal = invariant::convergence(replica, master);
        let how =
            || "the replica has applied the whole log, and does not hold what its master holds.".to_owned();
        self.note(Invariant::Convergence, is_equal, (None, sight, true), how);
        if !is_equal {
            // Both levels demand convergence.
            for level in [Invariant::PerKeyOrder, Invariant::Prefix] {
                self.note(level, false, (None, sight, true), how);
            }
        }
    }

    fn note(
        &mut self,
        invariant: Invariant,
        holds: bool,
        (before, sees, is_at_end): (Option<&Sight>, &Sight, bool),
        how: impl Fn() -> String,
    ) {
        let judged = &mut self.judged;
        if !judged.tested.contains(&invariant) {
            judged.tested.push(invariant);
        }
        if !holds && judged.broken.iter().all(|broken| broken.invariant != invariant) {
            let evidence = Evidence { before: before.cloned(), sees: sees.clone(), is_at_end, how: how() };
            judged.broken.push(Broken { invariant, evidence });
        }
    }

    /// How a key shows what it may not.
    fn told(&self, at: usize, chosen: Lsn, sight: &Sight) -> String {
        let key = &self.recording.keys[at];
        let shown =
            |dump: &Dump| dump.get(key).map_or("nothing".to_owned(), |stored| stored.content.to_string());
        let floor = self.saw.of(key);
        let now = shown(&sight.dump);
        if chosen >= floor {
            return format!("the master never held {now} under {key} by then.");
        }
        let before = self.seen[at].as_ref().map_or_else(|| "nothing".to_owned(), |sight| shown(&sight.dump));
        format!(
            "a reader saw {key} = {before}, of write {floor} or later, and then {now}, of write {chosen} or earlier."
        )
    }
}

fn twice(sees: &Dump, once: &Dump) -> String {
    let odd = sees.iter().find(|(key, stored)| once.get(*key) != Some(*stored));
    odd.map_or_else(String::new, |(key, stored)| {
        format!("{key} = {} is more than all writes add to it.", stored.content)
    })
}
