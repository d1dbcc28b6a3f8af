//! A user's own strategies and policies, judged like those of the crate: one good, one subtly wrong.
//!
//! `models/README.md` shows this example. A strategy is a state machine: which job may start now, and on which worker?

#[path = "own_strategy/policies.rs"]
mod policies;

use replicheck::binlog::Lsn;
use replicheck::effect::{Key, KeySet};
use replicheck::expiry::Policy;
use replicheck::models::assignment::renamed_by;
use replicheck::models::bounds::{OrderingBounds, ordering_alphabet};
use replicheck::models::oracle::ordering as plain;
use replicheck::models::ordering::{self, Machine};
use replicheck::models::own_machine::{JudgeError, OrderingTrial, Programs, judge_ordering};
use replicheck::models::program;
use replicheck::models::report::Report;
use replicheck::models::timeline::timeline;
use replicheck::models::verdict::{Row, Verdict};
use replicheck::ordering::serial::Serial;
use replicheck::ordering::{Admission, Job, OrderingStrategy, Refused};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Any worker takes the oldest waiting entry, while fewer than `in_flight_max` are under way. With a maximum of one it is
/// serial and promises prefix. With a larger maximum, two entries of one key run at once, and it promises nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Turnstile {
    waiting: VecDeque<Lsn>,
    in_flight: usize,
    in_flight_max: usize,
}

impl Turnstile {
    fn new(in_flight_max: usize) -> Turnstile {
        Turnstile { waiting: VecDeque::new(), in_flight: 0, in_flight_max }
    }
}

impl OrderingStrategy for Turnstile {
    fn admit(&mut self, entry: &Admission) -> Result<(), Refused> {
        self.waiting.push_back(entry.lsn);
        Ok(())
    }

    fn take(&mut self, _worker: usize) -> Option<Job> {
        if self.in_flight == self.in_flight_max {
            return None;
        }
        let lsn = self.waiting.pop_front()?;
        self.in_flight += 1;
        Some(Job::whole(lsn))
    }

    fn finish(&mut self, _worker: usize, _job: &Job) {
        self.in_flight -= 1;
    }
}

/// A barrier that forgets what is in flight: FLUSHDB waits only until every earlier entry was *taken*, not until it is
/// finished, and counts as finished itself as soon as it is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct ForgetfulBarrier {
    waiting: VecDeque<Admission<'static>>,
    in_flight: Vec<Admission<'static>>,
}

impl OrderingStrategy for ForgetfulBarrier {
    fn admit(&mut self, entry: &Admission) -> Result<(), Refused> {
        self.waiting.push_back(entry.clone().into_owned());
        Ok(())
    }

    fn take(&mut self, _worker: usize) -> Option<Job> {
        let head = self.waiting.front()?;
        let is_barrier = *head.keys == KeySet::Everything;
        let conflicts = self.in_flight.iter().any(|other| other.keys.conflicts_with(&head.keys));
        if conflicts && !is_barrier {
            return None;
        }
        let entry = self.waiting.pop_front()?;
        let job = Job::whole(entry.lsn);
        if !is_barrier {
            self.in_flight.push(entry);
        }
        Some(job)
    }

    fn finish(&mut self, _worker: usize, job: &Job) {
        self.in_flight.retain(|entry| entry.lsn != job.first());
    }
}

const BOUNDS: OrderingBounds = OrderingBounds { length_max: 3, ..OrderingBounds::QUICK };

/// Judges a strategy that claims to keep every promise, over every program of the crate's commands.
fn judged<O: Machine>(name: &str, new: impl Fn(usize) -> O + Clone + Send + Sync + 'static) -> Vec<Row> {
    judge_ordering(name, &OrderingTrial::within(BOUNDS), new, |_| Verdict::Holds).expect("short programs")
}

/// Names for the keys of the crate's commands; the first row has the crate's own names.
const NAMES: [[&str; 4]; 4] =
    [["a", "b", "c", "h"], ["a", "bb", "cc", "h"], ["x", "{t}b", "c", "h7"], ["q.12", "b", "zz", "h"]];

/// The invariants that some program of at most two commands breaks by a plain search, under one or more of the names.
fn plainly_broken<O: Machine>(workers: usize, new: impl Fn(usize) -> O) -> BTreeSet<&'static str> {
    let mut broken = BTreeSet::new();
    for names in NAMES {
        let pairs = NAMES[0].iter().zip(names).map(|(old, new)| (Key::new(0, *old), Key::new(0, new)));
        let alphabet = renamed_by(&ordering_alphabet(), &pairs.collect::<BTreeMap<_, _>>());
        for (first, second) in alphabet.iter().flat_map(|one| alphabet.iter().map(move |two| (one, two))) {
            let commands = [first.clone(), second.clone()];
            let programs =
                ordering::Programs::only(&commands, &*Policy::Effects.get()).expect("two commands");
            let question = plain::Question {
                programs: &programs,
                workers,
                crashes_max: 0,
                reads_after_crash: false,
                tail_may_be_lost: false,
            };
            broken.extend(plain::opinion(&question, &new).broken.into_keys().map(|broken| broken.name()));
        }
    }
    broken
}

/// The verdict of one invariant.
fn verdict(rows: &[Row], invariant: &str) -> Verdict {
    rows.iter().find(|row| row.invariant == invariant).expect("it is judged").verdict
}

#[test]
fn own_strategy_one_at_a_time_keeps_every_promise() {
    let rows = judged("turnstile", |_| Turnstile::new(1));
    assert!(rows.iter().all(|row| row.is_as_expected(false)), "{}", table(&rows));
}

#[test]
fn finds_own_strategy_that_lets_one_key_run_twice_at_once() {
    let rows = judged("turnstile", Turnstile::new);
    for broken in ["convergence", "per_key_order", "prefix", "monotonic_reads"] {
        assert_eq!(verdict(&rows, broken), Verdict::Violated, "{broken}\n{}", table(&rows));
    }
    assert_eq!(verdict(&rows, "progress"), Verdict::Holds);
}

#[test]
fn finds_own_barrier_that_forgets_what_is_in_flight() {
    let rows = judged("forgetful", |_| ForgetfulBarrier::default());
    assert_eq!(verdict(&rows, "convergence"), Verdict::Violated, "{}", table(&rows));
    let row = rows.iter().find(|row| row.invariant == "convergence").expect("it is judged");
    let story = row.counterexample.as_ref().expect("it is broken");
    assert_eq!(story.program.last().map(String::as_str), Some("FLUSHDB"));
    assert!(timeline(story, 100).contains("FLUSHDB"));
}

/// The reaction of a strategy to FLUSHDB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum AtFlush {
    Admits,
    ClosesForEver,
    Refuses { declared: bool },
}

/// `serial`, but it does nothing after a FLUSHDB, or nothing at all, according to `at_flush`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Idle {
    inner: Serial,
    at_flush: AtFlush,
    never_takes: bool,
    closed: bool,
}

impl Idle {
    fn new(at_flush: AtFlush) -> Idle {
        Idle { inner: Serial::new(3), at_flush, never_takes: false, closed: false }
    }
}

impl replicheck::ordering::Wrapper for Idle {
    type Inner = Serial;

    fn inner(&self) -> &Serial {
        &self.inner
    }

    fn inner_mut(&mut self) -> &mut Serial {
        &mut self.inner
    }

    fn admits(&self) -> bool {
        !self.closed
    }

    fn admit(&mut self, entry: &Admission) -> Result<(), Refused> {
        match (self.at_flush, *entry.keys == KeySet::Everything) {
            (AtFlush::Refuses { declared }, true) => {
                let reason = "an entry that touches everything";
                return Err(Refused { strategy: "idle", lsn: entry.lsn, reason, declared });
            }
            (AtFlush::ClosesForEver, true) => self.closed = true,
            _ => {}
        }
        OrderingStrategy::admit(&mut self.inner, entry)
    }

    fn take(&mut self, worker: usize) -> Option<Job> {
        if self.never_takes { None } else { OrderingStrategy::take(&mut self.inner, worker) }
    }
}

#[test]
fn finds_own_strategies_that_pass_by_doing_nothing() {
    let never = Idle { never_takes: true, ..Idle::new(AtFlush::Admits) };
    let cases = [
        (Idle::new(AtFlush::Admits), Verdict::Holds, ""),
        (Idle::new(AtFlush::ClosesForEver), Verdict::Violated, "would admit no entry more"),
        (
            Idle::new(AtFlush::Refuses { declared: false }),
            Verdict::Violated,
            "an entry that touches everything",
        ),
        (Idle::new(AtFlush::Refuses { declared: true }), Verdict::Holds, ""),
        (never, Verdict::Violated, "no worker can go on"),
    ];
    for (machine, expected, why) in cases {
        let name = format!("{machine:?}");
        let plain = plainly_broken(2, |_| machine.clone());
        let rows = judged("idle", move |_| machine.clone());
        let row = rows.iter().find(|row| row.invariant == "progress").expect("it is judged");
        assert_eq!(row.verdict, expected, "{name}\n{}", table(&rows));
        let told = row.counterexample.as_ref().map(|story| story.conclusion.to_string()).unwrap_or_default();
        assert!(told.contains(why), "{name}: {told}");
        let declared = name.contains("declared: true");
        assert_eq!(row.bounds.contains("left out"), declared, "{name}: {}", row.bounds);
        assert_eq!(
            plain.contains("progress"),
            expected == Verdict::Violated,
            "{name}: a plain search differs"
        );
    }
}

/// A hash function of a key's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Hashes {
    Crc16,
    Length,
    FirstByte,
    /// `a` has one worker, and all other names have another one.
    OnlyA,
}

impl Hashes {
    fn of(self, name: &[u8]) -> usize {
        match self {
            Hashes::Crc16 => crc16(name),
            Hashes::Length => name.len(),
            Hashes::FirstByte => usize::from(name[0]),
            Hashes::OnlyA => usize::from(name == b"a"),
        }
    }
}

/// Lanes by a hash of an entry's first key, and a correct barrier at FLUSHDB: bug R03.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ByFirstKey {
    waiting: VecDeque<(Lsn, Option<usize>)>,
    in_flight: Vec<Option<usize>>,
    workers: usize,
    hash: Hashes,
}

impl ByFirstKey {
    fn new(workers: usize, hash: Hashes) -> ByFirstKey {
        ByFirstKey { waiting: VecDeque::new(), in_flight: Vec::new(), workers, hash }
    }
}

impl OrderingStrategy for ByFirstKey {
    fn admit(&mut self, entry: &Admission) -> Result<(), Refused> {
        let lane = entry.first_key.as_ref().map(|key| self.hash.of(&key.name) % self.workers);
        self.waiting.push_back((entry.lsn, lane));
        Ok(())
    }

    fn take(&mut self, worker: usize) -> Option<Job> {
        if self.in_flight.contains(&None) || self.in_flight.contains(&Some(worker)) {
            return None;
        }
        let is_ours = |(_, lane): &(Lsn, Option<usize>)| lane.is_none() || *lane == Some(worker);
        let place = self.waiting.iter().position(is_ours)?;
        let barrier = self.waiting.iter().position(|(_, lane)| lane.is_none());
        if barrier.is_some_and(|barrier| {
            barrier < place || (barrier == place && (place > 0 || !self.in_flight.is_empty()))
        }) {
            return None;
        }
        let (lsn, lane) = self.waiting.remove(place)?;
        self.in_flight.push(lane);
        Some(Job::whole(lsn))
    }

    fn finish(&mut self, worker: usize, _job: &Job) {
        let own = self.in_flight.iter().position(|lane| lane.is_none_or(|lane| lane == worker));
        own.map(|place| self.in_flight.remove(place));
    }
}

fn crc16(name: &[u8]) -> usize {
    let step = |crc: u16, byte: &u8| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    };
    usize::from(name.iter().fold(0, step)) % 16384
}

#[test]
fn finds_own_lanes_by_first_key_whatever_their_hash() {
    let judged = |hash: Hashes, workers: usize| {
        let bounds = OrderingBounds { length_max: 2, workers, crashes_max: 0, ..OrderingBounds::QUICK };
        let new = move |workers| ByFirstKey::new(workers, hash);
        judge_ordering("lanes", &OrderingTrial::within(bounds), new, |_| Verdict::Holds)
            .expect("short programs")
    };
    for hash in [Hashes::Crc16, Hashes::Length, Hashes::FirstByte] {
        for workers in [2, 3] {
            let rows = judged(hash, workers);
            assert_eq!(
                verdict(&rows, "convergence"),
                Verdict::Violated,
                "{hash:?} {workers}\n{}",
                table(&rows)
            );
            let plain = plainly_broken(workers, |workers| ByFirstKey::new(workers, hash));
            assert!(plain.contains("convergence"), "{hash:?} {workers}: a plain search differs");
        }
    }
    // Under this hash most keys never get two workers, so an invariant that is not broken is *incomplete*.
    let rows = judged(Hashes::OnlyA, 2);
    let row = rows.iter().find(|row| row.invariant == "progress").expect("it is judged");
    assert_eq!(row.verdict, Verdict::Incomplete, "{}", row.note);
    assert!(row.note.contains("b and c on two workers"), "{}", row.note);
}

#[test]
fn own_strategy_with_any_batch_and_length_is_judged_or_refused_in_words() {
    let expected = |_| Verdict::Holds;
    let judge =
        |trial: &OrderingTrial, batch| judge_ordering("serial", trial, move |_| Serial::new(batch), expected);
    for batch in [1, 3, 5, 100] {
        let rows = judged("serial", move |_| Serial::new(batch));
        assert!(rows.iter().all(|row| row.is_as_expected(false)), "{batch}\n{}", table(&rows));
    }
    let of_length = |length_max| OrderingTrial::within(OrderingBounds { length_max, ..BOUNDS });
    assert_eq!(judge(&of_length(0), 1), Err(JudgeError::NoProgram));
    assert!(judge(&of_length(1), 1).is_ok());
    assert!(matches!(judge(&of_length(6), 1), Err(JudgeError::Programs(_))));
    let no_worker = OrderingTrial::within(OrderingBounds { workers: 0, ..BOUNDS });
    assert_eq!(judge(&no_worker, 1), Err(JudgeError::Workers(0)));
}

#[test]
fn own_strategy_is_judged_on_a_program_of_ones_own_and_on_commands() {
    let program = program::parse(b"SET x 1\nINCR y\nRENAME x z\nINCR y\n").expect("a program");
    let trial =
        |commands| OrderingTrial { bounds: BOUNDS, programs: Programs::Only(program.clone()), commands };
    let judge = |commands, in_flight| {
        let new = move |_| Turnstile::new(in_flight);
        judge_ordering("turnstile", &trial(commands), new, |_| Verdict::Holds).expect("a short program")
    };
    assert!(judge(true, 1).iter().all(|row| row.verdict == Verdict::Holds), "{}", table(&judge(true, 1)));
    assert_eq!(verdict(&judge(true, 2), "convergence"), Verdict::Violated);
    assert_eq!(verdict(&judge(false, 2), "convergence"), Verdict::Violated);
}

fn table(rows: &[Row]) -> String {
    Report { rows, own_program: false, width: 100 }.verdict_table(rows[0].model)
}
