//! Workload — the writes of clients → the log that a master makes of them. Pure, from a fixed seed.

use replicheck::binlog::Payload;
use replicheck::binlog::{Entry, Epoch};
use replicheck::command::Command;
use replicheck::effect::Write;
use replicheck::expiry::{ExpiryPolicy, Policy};
use replicheck::node::{Master, MasterInput, MasterOutput};
use replicheck::store::memory::MemoryStore;
use replicheck::time::Millis;
use serde_json::{Value, json};

/// Number of keys.
pub const KEYS: u64 = 100_000;
/// The skew of YCSB's Zipfian keys.
const ZIPF: f64 = 0.99;
const SEED: u64 = 7;

/// The distribution of the keys that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// All keys equally often.
    Uniform,
    /// The n-th key with a frequency proportional to 1 / n^0.99.
    Zipfian,
    /// A single key.
    Hot,
}

/// The writes of clients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Workload {
    /// The distribution of keys.
    pub keys: Keys,
    /// The part of commands that are FLUSHDB.
    pub flushdb: f64,
    /// The part of commands that are MSET of two keys.
    pub multi_key: f64,
    /// Length of a value, in bytes.
    pub value_bytes: usize,
}

/// The base from which one parameter at a time is varied.
pub const BASE: Workload = Workload { keys: Keys::Uniform, flushdb: 0.0, multi_key: 0.0, value_bytes: 100 };

impl Workload {
    /// The log of this number of commands.
    pub fn log(&self, commands: usize) -> Vec<Entry> {
        let mut random = fastrand::Rng::with_seed(SEED);
        let zipf = (self.keys == Keys::Zipfian).then(Zipf::new);
        let name = |random: &mut fastrand::Rng| match (&zipf, self.keys) {
            (Some(zipf), _) => name(zipf.draw(random)),
            (None, Keys::Hot) => name(0),
            (None, _) => name(random.u64(..KEYS)),
        };
        let mut argv = |at: usize| {
            let value = value(&mut random, self.value_bytes);
            // They are evenly spread, so that a short run has its share, too.
            if is_nth(at, self.flushdb) {
                vec![b"FLUSHDB".to_vec()]
            } else if is_nth(at, self.multi_key) {
                vec![b"MSET".to_vec(), name(&mut random), value.clone(), name(&mut random), value]
            } else {
                vec![b"SET".to_vec(), name(&mut random), value]
            }
        };
        log_of(&*Policy::LogClock.get(), (0..commands).map(&mut argv))
    }

    /// The workload as parameters of a row.
    pub fn params(&self) -> Value {
        let keys = match self.keys {
            Keys::Uniform => "uniform",
            Keys::Zipfian => "zipfian",
            Keys::Hot => "one",
        };
        json!({ "keys": keys, "flushdb": self.flushdb, "multi_key": self.multi_key, "value_bytes": self.value_bytes })
    }
}

/// The entries that a master logs for these commands, all at one instant.
pub fn log_of(policy: &dyn ExpiryPolicy, commands: impl Iterator<Item = Vec<Vec<u8>>>) -> Vec<Entry> {
    let mut master = Master::new(MemoryStore::new(), Epoch(1));
    let mut entries = Vec::new();
    for argv in commands {
        let command = Command::parse(0, argv).expect("a command");
        let request = MasterInput::Request { command, now: Millis(1_000), random: 0 };
        let outputs = master.step(policy, request).expect("memory does not fail");
        entries.extend(outputs.into_iter().filter_map(|output| match output {
            MasterOutput::Append(entry) => Some(entry),
            MasterOutput::Reply(_) | MasterOutput::Heartbeat(_) => None,
        }));
    }
    entries
}

/// The writes of an entry.
pub fn writes(entry: &Entry) -> &[Write] {
    match &entry.payload {
        Payload::Effect(effect) => &effect.writes,
        Payload::Command(_) | Payload::Transaction(_) => &[],
    }
}

/// Whether command number `at` belongs to this part of all commands.
fn is_nth(at: usize, part: f64) -> bool {
    let done = |at: usize| (at as f64 * part).floor();
    done(at + 1) > done(at)
}

/// The name of a key: 16 bytes, as in redis-benchmark.
pub fn name(number: u64) -> Vec<u8> {
    format!("key:{number:012}").into_bytes()
}

/// Bytes that compress like text: words of a small language.
pub fn value(random: &mut fastrand::Rng, bytes: usize) -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "replica ",
        "master ",
        "entry ",
        "order ",
        "prefix ",
        "key ",
        "value ",
        "{\"id\": ",
        "\"name\": ",
        "true, ",
        "false, ",
        "null, ",
        "2026-",
        "log ",
        "clock ",
        "effect ",
    ];
    let mut value = Vec::with_capacity(bytes + 16);
    while value.len() < bytes {
        match random.u8(..4) {
            0 => value.extend_from_slice(random.u32(..).to_string().as_bytes()),
            _ => value.extend_from_slice(WORDS[random.usize(..WORDS.len())].as_bytes()),
        }
    }
    value.truncate(bytes);
    value
}

/// A distribution of numbers below [`KEYS`] in which small numbers are frequent.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new() -> Zipf {
        let mut sum = 0.0;
        let weights = (1..=KEYS).map(|rank| {
            sum += (rank as f64).powf(-ZIPF);
            sum
        });
        Zipf(weights.collect())
    }

    fn draw(&self, random: &mut fastrand::Rng) -> u64 {
        let all = self.0.last().copied().unwrap_or_default();
        let drawn = random.f64() * all;
        self.0.partition_point(|&sum| sum < drawn) as u64
    }
}
