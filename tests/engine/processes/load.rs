//! Load — numbered writes whose outcome shows which of them were applied, how often and in which order.
//!
//! A writer's n-th operation is a function of (seed, writer, n), so the state after m operations is known without a log
//! of them. After a kill the writer knows that the first `acked` operations were answered, and that no more than `sent` can have
//! arrived: its database must be the state after m operations, `acked ≤ m ≤ sent`. A state of a smaller m is a loss; a state
//! of no m is a double application, a wrong order, or half an operation.

use super::dump::{Database, Row, Value};
use fastrand::Rng;
use replicheck::client::{Client, OwnedFrame};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex};

/// The most commands that are under way at once.
const PIPELINE_MAX: usize = 8;
/// The lifetime, in seconds, that keys of the model get at least: none of them dies during a test.
const LONG_S: u64 = 100_000;
/// The prefix of keys whose value depends on whether they died before. Only master and replica can agree on such a value.
pub const BRIEF: &str = "brief";
/// The prefix of keys that are written once and die soon.
pub const ONCE: &str = "once";
/// The counter in database 0; it only grows.
pub const COUNTER: &str = "counter";
/// The list in database 0; it only grows.
pub const LIST: &str = "list";

/// The n-th operation of the writer of `db`, n from 1.
pub fn operation(seed: u64, db: u64, n: u64) -> Vec<String> {
    let mut random = Rng::with_seed(seed ^ (db << 60) ^ n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let (a, b) = (random.u8(..6), random.u8(..6));
    let words = match random.u8(..100) {
        0..=19 => format!("APPEND {LIST} {n};"),
        20..=34 => format!("INCR {COUNTER}"),
        35..=42 => format!("HSET hash{} f{b} {n}", a % 2),
        43..=50 => format!("HINCRBY hash{} sum {n}", a % 2),
        51..=58 => format!("SET key{a} {n}"),
        59..=64 => format!("SETEX key{a} {} {n}", LONG_S + u64::from(b)),
        65..=69 => format!("EXPIRE key{a} {}", LONG_S + n % 1000),
        70..=72 => format!("EXPIRE hash{} {LONG_S}", a % 2),
        73..=75 => format!("PERSIST key{a}"),
        76..=78 => format!("MSET key{a} {n} key{b} {n}"),
        79..=81 => format!("DEL key{a} hash{}", b % 2),
        82..=84 => format!("RENAME key{a} key{b}"),
        85..=87 => format!("SET big{a} {}", format!("{n};").repeat(random.usize(500..4000))),
        88..=91 => format!("SET {BRIEF}{a} {n} PX {}", random.u16(5..300)),
        92..=96 => format!("INCR {BRIEF}{a}"),
        97..=98 => format!("SET {ONCE}{n} x PX {}", random.u16(20..600)),
        _ if db > 0 => "FLUSHDB".to_owned(),
        _ => format!("SET key{a} {n}"),
    };
    words.split(' ').map(str::to_owned).collect()
}

/// The expected reply to an operation; `Any` where it depends on time.
#[derive(Debug, PartialEq)]
enum Answer {
    Number(i64),
    Done,
    Refused,
    Any,
}

/// The state of a database after the first `operations` of its writer, without the keys whose state depends on time.
#[derive(Clone, Default)]
pub struct Model {
    operations: u64,
    /// Each key's value, and in place of its deadline the number of the operation that set it.
    rows: BTreeMap<String, (Value, Option<u64>)>,
}

impl Model {
    fn apply(&mut self, argv: &[String]) -> Answer {
        self.operations += 1;
        let n = self.operations;
        let words: Vec<&str> = argv.iter().map(String::as_str).collect();
        match words[..] {
            ["FLUSHDB"] => {
                self.rows.clear();
                Answer::Done
            }
            [_, key, ..] if key.starts_with(BRIEF) || key.starts_with(ONCE) => Answer::Any,
            ["APPEND", key, more] => {
                let (text, _) = self.text(key);
                text.push_str(more);
                Answer::Number(i64::try_from(text.len()).unwrap())
            }
            ["INCR", key] => {
                let (text, _) = self.text(key);
                let sum = text.parse().unwrap_or(0) + 1;
                *text = sum.to_string();
                Answer::Number(sum)
            }
            ["HSET", key, field, value] => {
                let is_new = self.hash(key).insert(field.to_owned(), value.to_owned()).is_none();
                Answer::Number(i64::from(is_new))
            }
            ["HINCRBY", key, field, more] => {
                let text = self.hash(key).entry(field.to_owned()).or_default();
                let sum = text.parse().unwrap_or(0) + more.parse::<i64>().unwrap();
                *text = sum.to_string();
                Answer::Number(sum)
            }
            ["SET", key, value] => self.set(key, value, None),
            ["SETEX", key, _, value] => self.set(key, value, Some(n)),
            ["MSET", one, value, other, last] => {
                self.set(one, value, None);
                self.set(other, last, None)
            }
            ["EXPIRE", key, _] => {
                let deadline = self.rows.get_mut(key).map(|(_, deadline)| *deadline = Some(n));
                Answer::Number(i64::from(deadline.is_some()))
            }
            ["PERSIST", key] => {
                let before = self.rows.get_mut(key).and_then(|(_, deadline)| deadline.take());
                Answer::Number(i64::from(before.is_some()))
            }
            ["DEL", one, other] => {
                let gone = [one, other].into_iter().filter(|key| self.rows.remove(*key).is_some()).count();
                Answer::Number(i64::try_from(gone).unwrap())
            }
            ["RENAME", from, to] => match self.rows.remove(from) {
                Some(row) => {
                    self.rows.insert(to.to_owned(), row);
                    Answer::Done
                }
                None => Answer::Refused,
            },
            _ => panic!("{argv:?} is not in the model"),
        }
    }

    fn set(&mut self, key: &str, value: &str, deadline: Option<u64>) -> Answer {
        self.rows.insert(key.to_owned(), (Value::Text(value.to_owned()), deadline));
        Answer::Done
    }

    fn text(&mut self, key: &str) -> (&mut String, &mut Option<u64>) {
        let new = || (Value::Text(String::new()), None);
        match self.rows.entry(key.to_owned()).or_insert_with(new) {
            (Value::Text(text), deadline) => (text, deadline),
            other => panic!("{key} is {other:?}"),
        }
    }

    fn hash(&mut self, key: &str) -> &mut BTreeMap<String, String> {
        let new = || (Value::Hash(BTreeMap::new()), None);
        match self.rows.entry(key.to_owned()).or_insert_with(new) {
            (Value::Hash(fields), _) => fields,
            other => panic!("{key} is {other:?}"),
        }
    }

    /// The first key that differs from the master's, and how.
    fn differs(&self, seen: &Database) -> Option<String> {
        let is_timeless = |key: &&String| !key.starts_with(BRIEF) && !key.starts_with(ONCE);
        let mut keys: Vec<&String> = self.rows.keys().chain(seen.keys().filter(is_timeless)).collect();
        keys.sort_unstable();
        keys.into_iter().find_map(|key| {
            let row = seen.get(key).map(|Row { value, deadline }| (value, deadline.is_some()));
            let known = self.rows.get(key).map(|(value, deadline)| (value, deadline.is_some()));
            (row != known).then(|| format!("{key}\n    expected {}\n    found    {}", show(known), show(row)))
        })
    }
}

fn show(row: Option<(&Value, bool)>) -> String {
    row.map_or("no such key".to_owned(), |(value, has_deadline)| {
        format!("{}{}", value.end(), if has_deadline { ", with a deadline" } else { "" })
    })
}

/// The progress of the writers.
#[derive(Default)]
struct Progress {
    acked: u64,
    has_ended: bool,
}

/// The progress of the load, and whether it goes on. The thread that kills nodes waits here.
#[derive(Default)]
pub struct Control {
    progress: Mutex<Progress>,
    changed: Condvar,
    stopped: AtomicBool,
}

impl Control {
    /// Waits until `more` further operations are acknowledged. Errors: they were not in time.
    pub fn wait_for(&self, more: u64) -> Result<(), String> {
        let progress = self.progress.lock().unwrap();
        let target = progress.acked + more;
        let waits = |progress: &mut Progress| progress.acked < target && !progress.has_ended;
        let waited = self.changed.wait_timeout_while(progress, super::node::PATIENCE, waits);
        match waited.unwrap().0.acked >= target {
            true => Ok(()),
            false => Err(format!("{more} more operations were not answered in time")),
        }
    }

    /// Asks the writers to end.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Records that a writer has ended.
    pub fn end(&self) {
        self.progress.lock().unwrap().has_ended = true;
        self.changed.notify_all();
    }

    fn ack(&self) {
        self.progress.lock().unwrap().acked += 1;
        self.changed.notify_all();
    }
}

/// The writer of one database.
pub struct Writer {
    pub seed: u64,
    pub db: u64,
    /// The state after the acknowledged operations.
    model: Model,
    /// The number of operations that may have arrived; at least those of the model.
    sent: u64,
    /// The deadline that each (key, operation) pair was first seen with.
    deadlines: BTreeMap<(String, u64), i64>,
}

impl Writer {
    pub fn new(seed: u64, db: u64) -> Writer {
        Writer { seed, db, model: Model::default(), sent: 0, deadlines: BTreeMap::new() }
    }

    /// The number of operations that took place.
    pub fn operations(&self) -> u64 {
        self.model.operations
    }

    /// Writes until it is told to stop, or the connection is lost (`Ok(false)`). Errors: a wrong reply.
    pub fn run(&mut self, address: &str, control: &Control) -> Result<bool, String> {
        let Ok(mut client) = Client::connect(address, super::node::PATIENCE) else { return Ok(false) };
        if client.call(&["SELECT", &self.db.to_string()]).is_err() {
            return Ok(false);
        }
        let mut random = Rng::with_seed(self.seed ^ self.sent);
        while !control.stopped.load(Ordering::Relaxed) {
            let mut under_way = VecDeque::new();
            for _ in 0..random.usize(1..=PIPELINE_MAX) {
                let argv = operation(self.seed, self.db, self.sent + 1);
                self.sent += 1;
                if client.send(&argv).is_err() {
                    return Ok(false);
                }
                under_way.push_back(argv);
            }
            for argv in under_way {
                let Ok(reply) = client.receive() else { return Ok(false) };
                let expected = self.model.apply(&argv);
                if !is_answer(&expected, &reply) {
                    let n = self.model.operations;
                    let argv = &argv[..argv.len().min(3)];
                    return Err(format!(
                        "db {} operation {n} {argv:?}: expected {expected:?}, got {reply:?}",
                        self.db
                    ));
                }
                control.ack();
            }
        }
        Ok(true)
    }

    /// Finds the number of operations after which the master's database has this state. Errors: no possible number fits.
    pub fn check(&mut self, master: &Database) -> Result<(), String> {
        let acked = self.model.operations;
        let mut model = self.model.clone();
        let mut first = None;
        // EXPIRE may change nothing but a deadline, so an operation that was not acknowledged shows in nothing else.
        while let Some(difference) = model.differs(master).or_else(|| self.moved_deadline(&model, master)) {
            first.get_or_insert(difference);
            if model.operations == self.sent {
                let (db, sent) = (self.db, self.sent);
                let known = first.unwrap_or_default();
                return Err(format!(
                    "exactly_once: database {db} of the master is not the state after m operations, for no m from \
                     {acked} (acknowledged) to {sent} (sent)\n  after {acked} this differs first: {known}"
                ));
            }
            model.apply(&operation(self.seed, self.db, model.operations + 1));
        }
        (self.sent, self.model) = (model.operations, model);
        self.deadlines.extend(deadlines(&self.model, master));
        Ok(())
    }

    /// A deadline that is not the one that was seen first, if `model` is right about the operation that gave it.
    fn moved_deadline(&self, model: &Model, master: &Database) -> Option<String> {
        deadlines(model, master).find_map(|((key, given_by), seen)| {
            let first = *self.deadlines.get(&(key.clone(), given_by))?;
            (first != seen).then(|| {
                format!(
                    "the deadline of {key} in database {}, given by operation {given_by}, was {first} and is {seen}",
                    self.db
                )
            })
        })
    }
}

/// Each key that has a deadline, the operation that gave it, and the deadline on the master.
fn deadlines<'a>(model: &'a Model, master: &'a Database) -> impl Iterator<Item = ((String, u64), i64)> + 'a {
    let dated = |(key, (_, given_by)): (&String, &(_, Option<u64>))| {
        Some(((key.clone(), (*given_by)?), master[key].deadline?))
    };
    model.rows.iter().filter_map(dated)
}

fn is_answer(expected: &Answer, reply: &OwnedFrame) -> bool {
    match (expected, reply) {
        (Answer::Number(number), OwnedFrame::Integer(reply)) => number == reply,
        (Answer::Done, OwnedFrame::SimpleString(text)) => text == b"OK",
        (Answer::Refused, OwnedFrame::Error(text)) => text == "ERR no such key",
        (Answer::Any, OwnedFrame::Error(_)) => false,
        (Answer::Any, _) => true,
        _ => false,
    }
}
