//! All pairs: every ordered pair of write commands, on one key and on two, under every ordering choice and every expiry
//! policy.
//!
//! A program first creates `a` and `b`, of one type, and then sends any two of the commands below, on `a` or on `b`. The
//! commands of other types are not sent to a key of this type, where they are refused; those that replace a key of any type
//! are sent to all.

use replicheck::command::{Command, Kind, line, table};
use replicheck::models::bounds::ExpiryBounds;
use replicheck::models::choice::{Choice, Kind as ChoiceKind};
use replicheck::models::expected;
use replicheck::models::experiment::{Experiment, Schedules, Setting, Workload};
use replicheck::models::expiry::Judges;
use replicheck::models::invariants::Invariant;
use replicheck::models::judged::Judged;
use replicheck::models::request::Request;
use replicheck::models::search::{Limits, Progress, search};
use replicheck::models::verdict::Verdict;
use replicheck::ordering::Level;
use replicheck::time::Millis;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The instant at which a run begins: not a whole second, so that rounding to seconds shows.
const START: Millis = Millis(1_000_000_457);

/// Commands that a key of any type takes. `a` stands for one key, `b` for another.
const ANY: &[&str] = &[
    "SET a 8",
    "SET a 8 PX 1507",
    "SETEX a 2 8",
    "PSETEX a 1507 8",
    "SETNX a 8",
    "MSET a 8 b 9",
    "MSETNX a 8 b 9",
    "DEL a",
    "UNLINK a b",
    "RENAME a b",
    "RENAMENX a b",
    "COPY a b REPLACE",
    "MOVE a 1",
    "EXPIRE a 2",
    "PEXPIRE a 1507",
    "EXPIREAT a 1000002",
    "PEXPIREAT a 1000001999",
    "PERSIST a",
    "SWAPDB 0 1",
    "FLUSHDB",
    "FLUSHALL",
    "SINTERSTORE a b",
    "SUNIONSTORE a b",
    "SDIFFSTORE a b",
    "ZRANGESTORE a b 0 -1",
    "ZUNIONSTORE a 1 b",
    "ZINTERSTORE a 1 b",
    "ZDIFFSTORE a 1 b",
    "BITOP NOT a b",
];

/// The name of a type, a command that creates a key of it, and commands that only such a key takes.
type OfType = (&'static str, &'static str, &'static [&'static str]);

/// For each type: the command that creates a key, and the commands that only a key of this type takes.
const TYPES: [OfType; 7] = [
    (
        "strings",
        "SET a 5",
        &[
            "GETSET a 6",
            "GETDEL a",
            "GETEX a PX 1507",
            "APPEND a 1",
            "SETRANGE a 1 7",
            "INCR a",
            "INCRBY a 2",
            "DECR a",
            "DECRBY a 2",
            "INCRBYFLOAT a 0.5",
            "SETBIT a 9 1",
            "BITFIELD a INCRBY u8 0 1",
        ],
    ),
    (
        "hashes",
        "HSET a f 1 g 2",
        &["HSET a f 3", "HMSET a i 4", "HSETNX a j 5", "HDEL a f", "HINCRBY a g 1", "HINCRBYFLOAT a g 0.5"],
    ),
    (
        "hashes of fields with deadlines",
        "HSETEX a PX 1507 FIELDS 1 f 1",
        &[
            "HSET a f 3",
            "HSETNX a f 4",
            "HINCRBY a f 1",
            "HDEL a f",
            "HEXPIRE a 2 FIELDS 1 f",
            "HPEXPIRE a 1001 LT FIELDS 1 f",
            "HEXPIREAT a 1000002 FIELDS 1 f",
            "HPEXPIREAT a 1000001999 FIELDS 1 f",
            "HPERSIST a FIELDS 1 f",
            "HSETEX a FXX KEEPTTL FIELDS 1 f 5",
            "HGETEX a PX 1507 FIELDS 1 f",
            "HGETDEL a FIELDS 1 f",
        ],
    ),
    (
        "lists",
        "RPUSH a 1 2 3",
        &[
            "LPUSH a 0",
            "RPUSH a 4",
            "LPUSHX a 5",
            "RPUSHX a 6",
            "LPOP a",
            "RPOP a 2",
            "LSET a 0 9",
            "LINSERT a BEFORE 2 7",
            "LREM a 1 2",
            "LTRIM a 1 -1",
            "LMOVE a b LEFT RIGHT",
            "RPOPLPUSH a a",
            "LMPOP 2 a b LEFT",
        ],
    ),
    ("sets", "SADD a 1 2 3", &["SADD a 4", "SREM a 1", "SPOP a", "SPOP a 2", "SMOVE a b 1"]),
    (
        "sorted sets",
        "ZADD a 1 x 2 y 3 z",
        &[
            "ZADD a 4 w",
            "ZADD a GT 5 x",
            "ZADD a XX LT 0 y",
            "ZINCRBY a 2 x",
            "ZREM a x",
            "ZPOPMIN a",
            "ZPOPMAX a 2",
            "ZMPOP 2 a b MIN",
            "ZREMRANGEBYRANK a 0 0",
            "ZREMRANGEBYSCORE a 2 3",
            "ZREMRANGEBYLEX a [x [y",
        ],
    ),
    ("HyperLogLogs", "PFADD a 1", &["PFADD a 2", "PFMERGE a b"]),
];

fn command(text: &str) -> Command {
    let argv = line::split(text.as_bytes()).expect("a line of ours");
    Command::parse(0, argv).expect("a command of ours")
}

/// The same command with the two keys exchanged.
fn exchanged(command: &Command) -> Command {
    command.renamed(&|key| if key.name == b"a" { b"b".to_vec() } else { b"a".to_vec() })
}

/// Two commands that create `a` and `b`, then every command that keys of this type take, on either key.
fn alphabet(creates: &str, own: &[&str]) -> Vec<Command> {
    let creates = command(creates);
    let mut alphabet = vec![creates.clone(), exchanged(&creates)];
    for text in ANY.iter().chain(own) {
        for command in [command(text), exchanged(&command(text))] {
            if !alphabet.contains(&command) {
                alphabet.push(command);
            }
        }
    }
    alphabet
}

/// Searches every pair. Returns how many pairs there are, and which invariants are broken. Panics: one that the tables promise
/// is broken.
fn judged<M: Judged>(
    model: &M,
    what: &str,
    expected: impl Fn(Invariant) -> Verdict,
) -> (usize, Vec<Invariant>)
where
    M::Action: std::fmt::Debug,
{
    let found = search(model, &Limits::of(40_000_000), &Progress::default());
    let mut broken = Vec::new();
    for (invariant, path) in model.invariants().iter().zip(&found.broken) {
        match (expected(*invariant), path) {
            (Verdict::Holds, Some(path)) => panic!("{what} breaks {invariant}: {path:?}"),
            (_, Some(_)) => broken.push(*invariant),
            (_, None) => {}
        }
    }
    assert!(found.finished, "{what}: {} states are not all", found.unique);
    (found.unique, broken)
}

/// Runs `judge` for each type and each of `choices` on all cores. Returns the sum of its numbers.
fn for_each(choices: &[Choice], judge: impl Fn(Choice, &str, Vec<Command>) -> usize + Sync) -> usize {
    let tasks: Vec<(Choice, &OfType)> =
        choices.iter().flat_map(|choice| TYPES.iter().map(move |of_type| (*choice, of_type))).collect();
    let (next, states) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((choice, (name, creates, own))) = tasks.get(next.fetch_add(1, Relaxed)) {
                    states.fetch_add(judge(*choice, name, alphabet(creates, own)), Relaxed);
                }
            });
        }
    });
    states.into_inner()
}

fn pairs(commands: usize) -> usize {
    (commands - 2) * (commands - 2)
}

/// Number of ordered pairs over all types.
fn all_pairs() -> usize {
    TYPES.iter().map(|(_, creates, own)| pairs(alphabet(creates, own).len())).sum()
}

#[test]
fn every_pair_of_writes_keeps_what_its_ordering_choice_promises() {
    let choices: Vec<Choice> = Choice::all()
        .into_iter()
        .filter(
            |choice| matches!(choice.kind(), ChoiceKind::Ordering(ordering) if !ordering.reads_after_crash),
        )
        .collect();
    let states = for_each(&choices, |choice, of_type, alphabet| {
        let what = format!("{} of {of_type}", choice.name());
        let alphabet = alphabet.into_iter().map(Into::into).collect();
        let workload = Workload::Every { alphabet, begins: 2, length_max: 4 };
        let setting = Schedules { workers: 2, crashes_max: 0 }.setting();
        let model = Experiment { choice, workload, setting }.ordering_model().expect("programs of ours");
        let (states, broken) = judged(&model, &what, |invariant| expected::of(choice, invariant));
        if expected::of(choice, Invariant::Convergence) == Verdict::Violated {
            let ChoiceKind::Ordering(ordering) = choice.kind() else { unreachable!("filtered above") };
            let is_seen =
                broken.contains(&Invariant::Convergence) || ordering.strategy.promises() > Level::Nothing;
            assert!(is_seen, "{what}: FLUSHDB beside a write diverges");
        }
        states
    });
    println!("{} ordered pairs × {} ordering choices: {states} states", all_pairs(), choices.len());
}

#[test]
fn every_pair_of_writes_keeps_what_its_expiry_policy_promises() {
    let choices: Vec<Choice> =
        Choice::all().into_iter().filter(|choice| matches!(choice.kind(), ChoiceKind::Expiry(_))).collect();
    // What readers see depends on the policy's clock, not on the command; to search that as well takes ten times as long.
    let all = std::env::var_os("REPLICHECK_PAIRS").is_some_and(|value| value == "all");
    let (judged_groups, delay_ticks_max): (&[Judges], u8) =
        if all { (&[Judges::State, Judges::Reads], 3) } else { (&[Judges::State], 2) };
    let bounds = ExpiryBounds { passes_max: 1, skew_ticks_max: 0, delay_ticks_max, ..ExpiryBounds::QUICK };
    let states = for_each(&choices, |choice, of_type, mut alphabet| {
        alphabet.insert(1, command("PEXPIRE a 2003"));
        let what = format!("{} of {of_type}", choice.name());
        let alphabet: Vec<Request> = alphabet.into_iter().map(Into::into).collect();
        let setting = Setting::Clocks(bounds.clocks(&alphabet, START));
        let workload = Workload::Every { alphabet, begins: 3, length_max: 5 };
        let experiment = Experiment { choice, workload, setting };
        let mut states = 0;
        for judges in judged_groups {
            let model = experiment.expiry_model(*judges).expect("programs of ours");
            let (unique, broken) = judged(&model, &what, |invariant| expected::of(choice, invariant));
            // So that the test is seen to find something: a policy that promises nothing stores another state.
            let is_unsafe = expected::of(choice, Invariant::SameValue) == Verdict::Violated;
            assert!(*judges != Judges::State || broken.is_empty() != is_unsafe, "{what}: {broken:?}");
            states += unique;
        }
        states
    });
    println!("{} ordered pairs × {} expiry policies: {states} states", all_pairs(), choices.len());
}

#[test]
fn every_write_command_is_in_a_pair() {
    let texts = TYPES.iter().flat_map(|(_, creates, own)| [creates].into_iter().chain(*own)).chain(ANY);
    let paired: BTreeSet<&str> = texts.map(|text| command(text).spec().name).collect();
    let missing: Vec<&str> = table()
        .filter(|spec| matches!(spec.kind, Kind::Write | Kind::Deadline | Kind::Flush))
        .map(|spec| spec.name)
        .filter(|name| !paired.contains(name))
        .collect();
    assert!(missing.is_empty(), "in no pair: {missing:?}");
}
