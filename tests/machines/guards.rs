//! Every strategy's machine against the machine that its theorem is about, on every log of up to six entries over three keys,
//! and of up to four where batches have other sizes.
//!
//! `proofs/oracle/guards.ml` walks the machines extracted from the proofs, this test walks the engine's machines, and both
//! write the same lines, one for each log. For up to five entries, a line holds every state that any interleaving of admit,
//! take, finish, cut and publish reaches: the jobs offered to each worker, the jobs in flight that may be written, and what may
//! be published. For six entries (with snapshots, for five too) all entries are admitted, and the line holds every set of
//! entries that can be finished, with the jobs then in flight.
//! A batch of several entries is, on the proofs' side, the state after they are written and finished one after the other
//! without any other step between; the oracle fails if one of them is not offered in its turn.
//! `tests/golden/guards/lines.txt` has the oracle's lines of logs with one and two entries, and for longer logs a CRC32C of
//! the lines that begin alike (`proofs/run --record` writes the file, `proofs/run` compares it).
//!
//! ```text
//! writeset a,*  …  ..>1! o.>-!1 x.>2! xo>-!2 xx>-!      o in flight, x finished, . neither; > offered; ! writable
//! sequence_2 a,a  ..>1-2! oo>-!1-2 xx>-! …              1-2: entries 1 and 2 in one batch
//! ```

use replicheck::binlog::Lsn;
use replicheck::effect::{Key, KeySet};
use replicheck::ordering::{
    Admission, AnyStrategy, Job, Level, OrderingStrategy, Reads, Snapshots, Strategy, lane_of,
};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

/// The oracle's lines, as recorded.
const RECORDED: &str = include_str!("../golden/guards/lines.txt");
/// The number of first entries under which the lines of longer logs are recorded.
const IN_FULL: usize = 2;
/// The keys that an entry may touch: keys by their letters, `*` for everything, `-` for nothing.
const KINDS: [&str; 9] = ["a", "b", "c", "ab", "ac", "bc", "abc", "*", "-"];

/// A strategy, and the parameters of its machine.
struct Case {
    name: &'static str,
    strategy: Strategy,
    workers: usize,
    /// The lane of each of the three keys; without meaning for strategies that have no lanes.
    lanes: &'static [usize],
    /// The most entries in a batch.
    limit: usize,
    /// The number of entries in the longest logs.
    entries: usize,
    /// Up to this number of entries all interleavings are walked; for longer logs, all sets of finished entries.
    interleaved: usize,
}

/// The state of a machine on its way through a log.
#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    machine: AnyStrategy,
    /// The jobs in flight, each with its worker; 0 where all workers are alike.
    in_flight: Vec<(Job, usize)>,
}

impl State {
    fn publishable(&self) -> Option<Lsn> {
        self.machine.snapshots()?.publishable()
    }

    /// Does nothing where the strategy publishes no snapshots.
    fn snapshots(&mut self, does: fn(&mut dyn Snapshots)) {
        self.machine.snapshots_mut().into_iter().for_each(does);
    }
}

/// The identity of a state: what is in flight, what is finished (four bits for each entry: one for all of it and one for the
/// part of each key), whether admission is closed, and for each entry in flight behind others of its batch, the batch's first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct StateId {
    closed: bool,
    finished: u32,
    in_flight: u32,
    behind: u32,
}

/// All states of a log, each with the jobs that are offered in it.
type States = BTreeMap<StateId, (State, String)>;

/// A callback for each log and its line.
type Note<'a> = dyn FnMut(&[&'static str], &str) + 'a;

/// `value` in the four bits of each of the job's entries.
fn at_entries(job: &Job, value: impl Fn(Lsn) -> u32) -> u32 {
    job.lsns.iter().map(|&lsn| value(lsn) << (4 * (number(lsn) - 1))).sum()
}

fn bits(job: &Job) -> u32 {
    let part = job.part.as_ref().map_or(0, |key| 1 + u32::from(key.name[0] - b'a'));
    at_entries(job, |_| 1 << part)
}

fn behind(job: &Job) -> u32 {
    at_entries(job, |lsn| if lsn == job.first() { 0 } else { number(job.first()) })
}

fn number(lsn: Lsn) -> u32 {
    u32::try_from(lsn.0).expect("few")
}

fn digit(lsn: Lsn) -> char {
    char::from_digit(number(lsn), 10).expect("few")
}

fn write_job(line: &mut String, job: &Job) {
    line.push(digit(job.first()));
    line.extend(job.lsns.iter().skip(1).flat_map(|&lsn| ['-', digit(lsn)]));
    line.extend(job.part.as_ref().map(|key| char::from(key.name[0])));
}

fn write_state(line: &mut String, log: &[&str], place: StateId, state: &State, offered: &str) {
    line.push(if place.closed { '|' } else { ' ' });
    for entry in 0..log.len() {
        let of_entry = |all: u32| (all >> (4 * entry)) & 15;
        line.push(match (of_entry(place.in_flight), of_entry(place.finished)) {
            (0, 0) => '.',
            (_, 1) => 'x',
            (1, _) => 'o',
            (parts, _) => char::from_digit(parts, 16).expect("four bits"),
        });
    }
    line.push_str(offered);
    line.push('!');
    for (job, _) in state.in_flight.iter().filter(|(job, _)| state.machine.may_write(job)) {
        write_job(line, job);
    }
    line.extend(state.publishable().into_iter().flat_map(|lsn| ['=', digit(lsn)]));
}

impl Case {
    /// A key for this letter: its name begins with the letter, and the engine's hash puts it into the letter's lane.
    fn key(&self, letter: u8) -> Key {
        let lane = self.lanes.get(usize::from(letter - b'a'));
        let names = (0_u32..).map(|n| Key::new(0, format!("{}{n}", char::from(letter))));
        let mut right = names.filter(|key| lane.is_none_or(|&lane| lane_of(key, self.workers) == lane));
        right.next().expect("endless")
    }

    fn admission(&self, lsn: usize, kind: &str) -> Admission<'static> {
        let keys = match kind {
            "*" => KeySet::Everything,
            "-" => KeySet::empty(),
            letters => KeySet::of(letters.bytes().map(|letter| self.key(letter))),
        };
        let first_key = match &keys {
            KeySet::Keys(keys) => keys.first().cloned(),
            KeySet::Everything => None,
        };
        Admission::new(Lsn(lsn as u64), keys, first_key, true)
    }

    fn take(&self, worker: usize, place: &mut StateId, state: &mut State) -> Option<Job> {
        let job = state.machine.take(worker)?;
        let (all, new) = (place.in_flight | place.finished, bits(&job));
        assert_eq!(all & new, 0, "{}: {job:?} is offered again", self.name);
        place.in_flight |= new;
        place.behind |= behind(&job);
        // The legacy strategies forget a job once it is taken.
        if self.strategy.promises() > Level::Nothing {
            let worker = if state.machine.interchangeable_workers() { 0 } else { worker };
            state.in_flight.push((job.clone(), worker));
            state.in_flight.sort();
        }
        Some(job)
    }

    fn finish(at: usize, place: &mut StateId, state: &mut State) {
        let (job, worker) = state.in_flight.remove(at);
        state.machine.finish(worker, &job);
        place.finished |= bits(&job);
        place.in_flight &= !bits(&job);
        place.behind &= !behind(&job);
    }

    /// The jobs offered in a state, and the states that one call leads to.
    fn next(&self, place: StateId, state: &State) -> (String, Vec<(StateId, State)>) {
        let (mut offered, mut next) = (String::from(">"), Vec::new());
        let mut same = state.clone();
        for worker in 0..self.workers {
            let mut after = place;
            match self.take(worker, &mut after, &mut same) {
                None => offered.push('-'),
                Some(job) => {
                    write_job(&mut offered, &job);
                    next.push((after, std::mem::replace(&mut same, state.clone())));
                }
            }
        }
        assert_eq!(&same, state, "{}: refusing a worker changes the machine", self.name);
        for at in 0..state.in_flight.len() {
            if state.machine.may_write(&state.in_flight[at].0) {
                let (mut place, mut after) = (place, state.clone());
                Self::finish(at, &mut place, &mut after);
                next.push((place, after));
            }
        }
        if state.machine.reads() == Reads::Published && (!place.closed || state.publishable().is_some()) {
            let mut after = state.clone();
            if place.closed {
                after.snapshots(|snapshots| snapshots.published())
            } else {
                after.snapshots(|snapshots| snapshots.cut())
            }
            next.push((StateId { closed: !place.closed, ..place }, after));
        }
        (offered, next)
    }

    /// All reachable states. The machine at a place does not depend on the way to it, so this covers all interleavings.
    fn reachable(&self, mut to_do: Vec<(StateId, State)>) -> States {
        let mut states = States::new();
        while let Some((place, state)) = to_do.pop() {
            match states.entry(place) {
                Slot::Occupied(known) => {
                    assert_eq!(known.get().0, state, "{}: two ways, two machines", self.name)
                }
                Slot::Vacant(slot) => {
                    let (offered, next) = self.next(place, &state);
                    to_do.extend(next);
                    slot.insert((state, offered));
                }
            }
        }
        states
    }

    /// Puts every job in flight that can be, then finishes every possible set of entries, in log order.
    fn finished_sets(&self, line: &mut String, log: &[&str], mut place: StateId, mut state: State) {
        for worker in 0..self.workers {
            while self.take(worker, &mut place, &mut state).is_some() {}
        }
        write_state(line, log, place, &state, "");
        let may = |at: &usize| {
            let (job, _) = &state.in_flight[*at];
            bits(job) > place.finished && state.machine.may_write(job)
        };
        let mut places: Vec<usize> = (0..state.in_flight.len()).filter(may).collect();
        let last = places.pop();
        let mut go = |at, mut state| {
            let mut place = place;
            Self::finish(at, &mut place, &mut state);
            self.finished_sets(line, log, place, state);
        };
        for at in places {
            go(at, state.clone());
        }
        if let Some(last) = last {
            go(last, state);
        }
    }

    /// Notes all logs that begin like `log`, whose states are `states`.
    fn walk(&self, log: &mut Vec<&'static str>, states: &States, note: &mut Note<'_>) {
        for kind in KINDS {
            log.push(kind);
            let entry = self.admission(log.len(), kind);
            let admit = |(&place, (state, _)): (&StateId, &(State, String))| {
                let mut state = state.clone();
                state.machine.admit(&entry).expect("effects are never refused");
                (place, state)
            };
            let mut line = String::new();
            let mut after = States::new();
            if log.len() <= self.interleaved {
                let open = states.iter().filter(|(_, (state, _))| state.machine.admits());
                after = self.reachable(open.map(admit).collect());
                for (&place, (state, offered)) in &after {
                    write_state(&mut line, log, place, state, offered);
                }
            } else if let Some(nothing_taken) = states.first_key_value() {
                let (place, state) = admit(nothing_taken);
                after.insert(place, (state.clone(), String::new()));
                let mut state = state;
                state.snapshots(|snapshots| snapshots.cut());
                self.finished_sets(&mut line, log, place, state);
            }
            note(log, &line);
            if log.len() < self.entries {
                self.walk(log, &after, note);
            }
            log.pop();
        }
    }

    fn walk_all(&self, note: &mut Note<'_>) {
        let machine = self.strategy.machine(self.workers, self.limit);
        let start = self.reachable(vec![(StateId::default(), State { machine, in_flight: Vec::new() })]);
        self.walk(&mut Vec::new(), &start, note);
    }

    /// Our lines, in the form in which the oracle's are recorded.
    fn lines(&self) -> Vec<String> {
        let mut recorded: Vec<(String, Vec<u32>)> = Vec::new();
        self.walk_all(&mut |log, line| match (log.len().checked_sub(IN_FULL + 1), recorded.last_mut()) {
            (Some(longer), Some((_, digests))) => {
                digests[longer] = crc32c::crc32c_append(digests[longer], line.as_bytes());
            }
            _ => {
                let digests = vec![0; self.entries - IN_FULL];
                recorded.push((format!("{} {}{line}", self.name, log.join(",")), digests));
            }
        });
        let digest = |(line, digests): (String, Vec<u32>)| {
            digests.iter().fold(line, |line, digest| format!("{line} {digest:08x}"))
        };
        recorded.into_iter().map(digest).collect()
    }

    /// Writes our lines of these logs beside the build; returns the command that compares them.
    fn show(&self, start: &str, entries: usize) -> String {
        let mut lines = String::new();
        self.walk_all(&mut |log, line| {
            if log.len() == entries && format!("{},", log.join(",")).starts_with(&format!("{start},")) {
                lines.push_str(&format!("{} {}{line}\n", self.name, log.join(",")));
            }
        });
        let file = format!("{}/guards-{}.txt", env!("CARGO_TARGET_TMPDIR"), self.name);
        std::fs::write(&file, lines).expect("our lines");
        let proofs = format!("target/proofs/guards show {} '{start}' {entries}", self.name);
        format!(
            "{}: {start} and {entries} entries in all: bash proofs/run; {proofs} | diff - {file}",
            self.name
        )
    }
}

/// The length of the shortest logs on which the two lines differ: the length of their own log, or one up to `entries` for
/// logs that begin like it.
fn differ(ours: &str, recorded: &str, entries: usize) -> Option<usize> {
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let (ours, recorded) = (words(ours), words(recorded));
    let digests = ours.len() - (entries - IN_FULL);
    if ours.len() != recorded.len() || ours[..digests] != recorded[..digests] {
        return Some(recorded[1].split(',').count());
    }
    let longer = (digests..ours.len()).find(|&at| ours[at] != recorded[at])?;
    Some(longer - digests + IN_FULL + 1)
}

fn check(case: &Case) {
    let recorded: Vec<&str> =
        RECORDED.lines().filter(|line| line.split(' ').next() == Some(case.name)).collect();
    let ours = case.lines();
    assert_eq!(ours.len(), KINDS.len() * (1 + KINDS.len()));
    assert_eq!(recorded.len(), ours.len(), "{}: recorded lines", case.name);
    let both = ours.iter().zip(&recorded);
    let lengths =
        both.filter_map(|(ours, recorded)| Some((differ(ours, recorded, case.entries)?, *recorded)));
    if let Some((entries, recorded)) = lengths.min_by_key(|(entries, _)| *entries) {
        let start = recorded.split(' ').nth(1).expect("a log");
        panic!("engine and proofs differ; {}", case.show(start, entries));
    }
}

const fn case(name: &'static str, strategy: Strategy, workers: usize, lanes: &'static [usize]) -> Case {
    Case { name, strategy, workers, lanes, limit: 1, entries: 6, interleaved: 5 }
}

/// Checks the case with batches of up to `limit` entries, under its name with the limit appended.
fn check_batched(name: &'static str, limit: usize, case: Case) {
    check(&Case { name, limit, entries: 4, interleaved: 4, ..case });
}

#[test]
fn guards_of_first_key_are_those_of_the_proofs() {
    check(&case("first_key", Strategy::FirstKey, 2, &[0, 1, 0]));
}

#[test]
fn guards_of_key_hash_are_those_of_the_proofs() {
    check(&case("key_hash", Strategy::KeyHash, 2, &[0, 1, 0]));
}

#[test]
fn guards_of_serial_are_those_of_the_proofs() {
    check(&Case { limit: 2, ..case("serial", Strategy::Serial, 1, &[]) });
}

#[test]
fn guards_of_sequence_are_those_of_the_proofs() {
    check(&case("sequence", Strategy::Sequence, 1, &[]));
}

#[test]
fn guards_of_barrier_are_those_of_the_proofs() {
    check(&case("barrier", Strategy::Barrier, 2, &[0, 1, 0]));
}

#[test]
fn guards_of_barrier_with_a_lane_a_key_are_those_of_the_proofs() {
    check(&case("barrier3", Strategy::Barrier, 3, &[0, 1, 2]));
}

#[test]
fn guards_of_writeset_are_those_of_the_proofs() {
    check(&case("writeset", Strategy::Writeset, 1, &[]));
}

#[test]
fn guards_of_writeset_snapshots_are_those_of_the_proofs() {
    // Each state exists twice, before and after the cut; the machine inside is the one of writeset.
    check(&Case { interleaved: 4, ..case("writeset_snapshots", Strategy::WritesetSnapshots, 1, &[]) });
}

#[test]
fn guards_of_serial_with_other_batches_are_those_of_the_proofs() {
    check_batched("serial_1", 1, case("serial", Strategy::Serial, 1, &[]));
    check_batched("serial_3", 3, case("serial", Strategy::Serial, 1, &[]));
}

#[test]
fn guards_of_sequence_with_batches_are_those_of_the_proofs() {
    check_batched("sequence_2", 2, case("sequence", Strategy::Sequence, 1, &[]));
    check_batched("sequence_3", 3, case("sequence", Strategy::Sequence, 1, &[]));
}

#[test]
fn guards_of_barrier_with_batches_are_those_of_the_proofs() {
    check_batched("barrier_2", 2, case("barrier", Strategy::Barrier, 2, &[0, 1, 0]));
    check_batched("barrier_3", 3, case("barrier", Strategy::Barrier, 2, &[0, 1, 0]));
    check_batched("barrier3_2", 2, case("barrier3", Strategy::Barrier, 3, &[0, 1, 2]));
    check_batched("barrier3_3", 3, case("barrier3", Strategy::Barrier, 3, &[0, 1, 2]));
}

#[test]
fn guards_of_writeset_with_batches_are_those_of_the_proofs() {
    check_batched("writeset_2", 2, case("writeset", Strategy::Writeset, 1, &[]));
    check_batched("writeset_3", 3, case("writeset", Strategy::Writeset, 1, &[]));
}

#[test]
fn guards_of_writeset_snapshots_with_batches_are_those_of_the_proofs() {
    check_batched("writeset_snapshots_2", 2, case("writeset_snapshots", Strategy::WritesetSnapshots, 1, &[]));
    check_batched("writeset_snapshots_3", 3, case("writeset_snapshots", Strategy::WritesetSnapshots, 1, &[]));
}

/// Strategies of which there is no proof.
const UNPROVED: &[Strategy] = &[];

#[test]
fn guards_every_strategy_is_recorded_or_said_to_be_unproved() {
    for strategy in Strategy::ALL {
        let is_recorded = RECORDED.lines().any(|line| line.split(' ').next() == Some(strategy.name()));
        assert_ne!(is_recorded, UNPROVED.contains(strategy), "{}", strategy.name());
    }
}
