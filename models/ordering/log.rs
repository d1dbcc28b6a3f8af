//! Programs — every sequence of commands up to a length and the log that each one results in, as a tree.
//!
//! The master, the engine's own code, runs each command once per place in the tree. A command that changes nothing (DEL
//! of a missing key) gets no entry and no place: its program equals a shorter one.

use super::alike::{alike, may_follow};
use crate::binlog::{Entry, Epoch, Lsn, Payload};
use crate::effect::Effect;
use crate::expiry::ExpiryPolicy;
use crate::invariant::Versions;
use crate::models::bounds::DRAWN;
use crate::models::request::Request;
use crate::node::Master;
use crate::ordering::{Admission, OrderingStrategy, Refused};
use crate::store::memory::MemoryStore;
use crate::store::{Dump, StoreError, dump};
use crate::time::Millis;
use rustc_hash::FxHashMap;

/// Place of a program in the tree; 0 is the empty program.
pub type ProgramIndex = u16;

/// One program and its log.
#[derive(Clone, Debug)]
pub struct Program {
    /// The program without its last command.
    pub parent: ProgramIndex,
    /// The last request; `None` for the empty program.
    pub request: Option<Request>,
    /// The last entry; `None` for the empty program.
    pub entry: Option<(Entry, Admission<'static>)>,
    /// Number of the last entry: equal entries of different programs have the same number.
    pub entry_number: u32,
    /// The error in the log; `None` if it holds the master's writes in their order.
    pub wrong: Option<WrongLog>,
    /// The places of the program's beginnings with 0, 1, 2, … entries; the last one is its own place.
    pub prefixes: Vec<ProgramIndex>,
    /// The master's store after the whole log.
    pub dump: Dump,
    /// The versions of the keys after the whole log.
    pub versions: Versions,
    /// The programs with one command more, indexed by that command's number in the alphabet.
    pub children: Vec<Option<ProgramIndex>>,
}

/// A place in a log that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongLog {
    /// What the last entry carries; `None` for nothing.
    pub carries: Option<Request>,
    /// The requests that the master has run since the entry before.
    pub newly_run: Vec<Request>,
    /// All requests that the master has run.
    pub run: Vec<Request>,
    /// Whether one of them is still to be logged.
    pub is_behind: bool,
}

/// All programs, each after its parent.
#[derive(Clone, Debug)]
pub struct Programs {
    programs: Vec<Program>,
    numbers: FxHashMap<Entry, u32>,
}

/// The reasons why the tree of programs could not be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProgramsError {
    /// There are too many programs to number.
    #[error("more than {max} programs: use fewer commands or a shorter length", max = ProgramIndex::MAX)]
    TooMany,
    /// The store failed, which the store in memory does not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Programs {
    /// Builds every program of at most `length_max` commands of `alphabet`, logged as `policy` says. Errors: more than
    /// 65,535 programs.
    pub fn every(
        alphabet: &[Request],
        length_max: usize,
        policy: &dyn ExpiryPolicy,
    ) -> Result<Programs, ProgramsError> {
        let unlike: Vec<usize> = (0..alphabet.len()).collect();
        Programs::of_each_kind(alphabet, &unlike, (0, length_max), policy)
    }

    /// Like [`Programs::every`], but keeps only the first of several programs that differ only in values that nothing
    /// reads. Each program begins with the first `begins` commands of the alphabet, in order, which do not come again.
    pub fn every_unlike(
        alphabet: &[Request],
        begins: usize,
        length_max: usize,
        policy: &dyn ExpiryPolicy,
    ) -> Result<Programs, ProgramsError> {
        Programs::of_each_kind(alphabet, &alike(alphabet), (begins, length_max), policy)
    }

    fn of_each_kind(
        alphabet: &[Request],
        alike: &[usize],
        (begins, length_max): (usize, usize),
        policy: &dyn ExpiryPolicy,
    ) -> Result<Programs, ProgramsError> {
        let mut tree = Programs::root(alphabet.len());
        let (mut masters, mut taken) = (vec![Master::new(MemoryStore::new(), Epoch(1))], vec![Vec::new()]);
        let mut at = 0;
        while at < tree.programs.len() {
            let length = tree.programs[at].prefixes.len() - 1;
            if length < length_max {
                for (symbol, request) in alphabet.iter().enumerate() {
                    let is_due = if length < begins { symbol == length } else { symbol >= begins };
                    let is_new = is_due && may_follow(alike, &taken[at], symbol);
                    if is_new && tree.grow(&mut masters, at, symbol, request, policy)? {
                        taken.push(taken[at].iter().copied().chain([symbol]).collect());
                    }
                }
            }
            at += 1;
        }
        Ok(tree)
    }

    /// Builds one program and its beginnings.
    pub fn only(requests: &[Request], policy: &dyn ExpiryPolicy) -> Result<Programs, ProgramsError> {
        let mut tree = Programs::root(1);
        let mut masters = vec![Master::new(MemoryStore::new(), Epoch(1))];
        for request in requests {
            let at = tree.programs.len() - 1;
            tree.grow(&mut masters, at, 0, request, policy)?;
        }
        Ok(tree)
    }

    /// Replaces the log of a single program by one that went wrong: the entry after `n` others carries the effect of the write
    /// number `log[n]` (counted from 0), or nothing. The master runs its writes in their order, as many as the entries so far need.
    /// Only the catalogue uses this. Panics: if the length of `log` is not the number of writes, or if there is more than
    /// one program.
    #[must_use]
    pub fn with_log(mut self, log: &[Option<usize>]) -> Programs {
        let own = self.programs.clone();
        let write = |number: usize| own[number + 1].entry.as_ref().map(|(entry, _)| entry).expect("a write");
        let request = |number: usize| own[number + 1].request.clone();
        assert_eq!(own.len() - 1, log.len(), "a place in the log for each write");
        let carrier = |number: usize| log.iter().position(|of| *of == Some(number));
        let mut run = 0;
        for (place, program) in self.programs.iter_mut().enumerate().skip(1) {
            let carried = log[place - 1];
            let run_before = run;
            run = run.max(carried.map_or(place, |number| number + 1));
            program.dump = own[run].dump.clone();
            program.versions = Versions::default();
            for number in 0..run {
                // A version is the number of the entry that carries the write; for a write that is not logged, the
                // write's own place.
                let lsn = write(carrier(number).unwrap_or(number)).lsn;
                program.versions.write(&write(number).keys(), lsn);
            }
            let payload =
                carried.map_or_else(|| Payload::Effect(Effect::none()), |of| write(of).payload.clone());
            let entry = Entry { payload, ..write(place - 1).clone() };
            program.entry = Some((entry.clone(), Admission::of(&entry).into_owned()));
            program.wrong = Some(WrongLog {
                carries: carried.and_then(request),
                newly_run: (run_before..run).filter_map(request).collect(),
                run: (0..run).filter_map(request).collect(),
                is_behind: (0..run).any(|number| carrier(number).is_some_and(|at| at >= place)),
            });
        }
        self
    }

    /// The number of programs with an entry for which the strategy that `new` makes declares itself undefined.
    pub fn left_out<O: OrderingStrategy>(&self, new: &dyn Fn() -> O) -> usize {
        (1..self.programs.len()).filter(|&place| self.declared_undefined(place, new()).is_some()).count()
    }

    /// Why the strategy declares itself undefined for the program at a place, if it does.
    fn declared_undefined(&self, place: usize, mut machine: impl OrderingStrategy) -> Option<Refused> {
        let entries =
            self.programs[place].prefixes.iter().filter_map(|&prefix| self.at(prefix).entry.as_ref());
        let refusals = entries.filter_map(|(_, admission)| machine.admit(admission).err());
        refusals.into_iter().find(|refused| refused.declared)
    }

    /// Why the strategy declares itself undefined for the longest program, if it does.
    pub fn refusal(&self, machine: impl OrderingStrategy) -> Option<Refused> {
        self.declared_undefined(self.programs.len() - 1, machine)
    }

    /// For each LSN, one program for each distinct [`Admission`] that an entry with this LSN has.
    pub(super) fn admissions(&self) -> Vec<Vec<ProgramIndex>> {
        let mut found: Vec<Vec<(&Admission<'static>, ProgramIndex)>> =
            vec![Vec::new(); self.length_max() + 1];
        for (place, program) in (0..).zip(&self.programs) {
            let Some((_, admission)) = &program.entry else { continue };
            let known = &mut found[program.prefixes.len() - 1];
            if !known.iter().any(|(other, _)| *other == admission) {
                known.push((admission, place));
            }
        }
        found.into_iter().map(|known| known.into_iter().map(|(_, place)| place).collect()).collect()
    }

    /// The program at a place.
    pub fn at(&self, place: ProgramIndex) -> &Program {
        &self.programs[usize::from(place)]
    }

    /// The entry with that LSN in the log of a place. Panics: if the log has no such entry.
    pub fn entry(&self, place: ProgramIndex, lsn: Lsn) -> &(Entry, Admission<'static>) {
        self.at(self.prefix(place, lsn)).entry.as_ref().expect("only the empty program has no entry")
    }

    /// The requests of the program at a place, in order.
    pub fn requests(&self, place: ProgramIndex) -> impl Iterator<Item = &Request> {
        self.at(place).prefixes.iter().filter_map(|&prefix| self.at(prefix).request.as_ref())
    }

    /// The place of a program's beginning that has `length` entries. Panics: if the program has fewer.
    pub fn prefix(&self, place: ProgramIndex, length: Lsn) -> ProgramIndex {
        let length = usize::try_from(length.0).expect("an lsn of a short log");
        self.at(place).prefixes[length]
    }

    /// The LSN of the last entry of a program.
    pub fn length(&self, place: ProgramIndex) -> Lsn {
        Lsn(self.at(place).prefixes.len() as u64 - 1)
    }

    /// Number of programs, the empty one included.
    pub fn len(&self) -> usize {
        self.programs.len()
    }

    /// Always false: the empty program is always there.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The number of entries of the longest program.
    pub fn length_max(&self) -> usize {
        self.programs.last().map_or(0, |program| program.prefixes.len() - 1)
    }

    fn root(alphabet_len: usize) -> Programs {
        let root = Program {
            parent: 0,
            request: None,
            entry: None,
            entry_number: 0,
            wrong: None,
            prefixes: vec![0],
            dump: Dump::new(),
            versions: Versions::default(),
            children: vec![None; alphabet_len],
        };
        Programs { programs: vec![root], numbers: FxHashMap::default() }
    }

    /// Adds the program at place `at` with one more command, if that command results in an entry. Returns whether it
    /// does.
    fn grow(
        &mut self,
        masters: &mut Vec<Master<MemoryStore>>,
        at: usize,
        symbol: usize,
        request: &Request,
        policy: &dyn ExpiryPolicy,
    ) -> Result<bool, ProgramsError> {
        let mut master = masters[at].clone();
        let logged = request.run(&mut master, policy, (Millis::ZERO, DRAWN))?;
        let Some(entry) = logged.into_iter().next() else { return Ok(false) };
        let parent = &self.programs[at];
        let place = ProgramIndex::try_from(self.programs.len()).map_err(|_| ProgramsError::TooMany)?;
        let mut versions = parent.versions.clone();
        versions.write(&entry.keys(), entry.lsn);
        let next_number = u32::try_from(self.numbers.len()).map_err(|_| ProgramsError::TooMany)? + 1;
        let entry_number = *self.numbers.entry(entry.clone()).or_insert(next_number);
        let program = Program {
            entry_number,
            wrong: None,
            parent: ProgramIndex::try_from(at).map_err(|_| ProgramsError::TooMany)?,
            request: Some(request.clone()),
            prefixes: parent.prefixes.iter().copied().chain([place]).collect(),
            dump: dump(master.store())?,
            versions,
            children: vec![None; parent.children.len()],
            entry: Some((entry.clone(), Admission::of(&entry).into_owned())),
        };
        self.programs[at].children[symbol] = Some(place);
        self.programs.push(program);
        masters.push(master);
        Ok(true)
    }
}
