//! Expiry — the bytes that each policy logs for a write, and the time of the write on a master, by type.
//!
//! It measures the shipped engine on RocksDB in a temporary folder, without a network: pipelines of writes, one
//! connection, no fsync.

mod baseline;
mod measure;
mod results;
#[allow(dead_code, reason = "for benches of logs")]
mod workload;

use measure::Bench;
use replicheck::binlog::Fsync;
use replicheck::command::{Command, Reply};
use replicheck::engine::{Engine, Settings};
use replicheck::expiry::Policy;
use replicheck::server::Backend;
use serde_json::json;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use workload::{name, value};

/// Number of keys that are written; all of them exist before.
const KEYS: u64 = 1_000;
const PIPELINE: usize = 64;
const VALUE_BYTES: usize = 100;
/// A lifetime longer than any bench.
const LIFE_MS: &str = "86400000";

/// A write of one type: its name, the commands that create a key, and the write itself.
struct Kind {
    of: &'static str,
    write: &'static str,
    make: fn(u64) -> Vec<Vec<Vec<u8>>>,
    argv: fn(u64, Vec<u8>) -> Vec<Vec<u8>>,
}

fn words(words: &[&str], key: u64) -> Vec<Vec<u8>> {
    let word = |word: &&str| if *word == "KEY" { name(key) } else { word.as_bytes().to_vec() };
    words.iter().map(word).collect()
}

fn counter(key: u64) -> Vec<Vec<Vec<u8>>> {
    vec![words(&["SET", "KEY", "1", "PX", LIFE_MS], key)]
}

fn hash(key: u64) -> Vec<Vec<Vec<u8>>> {
    vec![words(&["HSET", "KEY", "n", "1", "f", "x"], key), words(&["PEXPIRE", "KEY", LIFE_MS], key)]
}

const KINDS: [Kind; 6] = [
    Kind {
        of: "string",
        write: "SET",
        make: counter,
        argv: |key, value| vec![b"SET".to_vec(), name(key), value],
    },
    Kind {
        of: "string",
        write: "SET PX",
        make: counter,
        argv: |key, value| vec![b"SET".to_vec(), name(key), value, b"PX".to_vec(), LIFE_MS.into()],
    },
    Kind { of: "string", write: "INCR", make: counter, argv: |key, _| words(&["INCR", "KEY"], key) },
    Kind {
        of: "string",
        write: "PEXPIRE",
        make: counter,
        argv: |key, _| words(&["PEXPIRE", "KEY", LIFE_MS], key),
    },
    Kind {
        of: "hash",
        write: "HSET",
        make: hash,
        argv: |key, value| vec![b"HSET".to_vec(), name(key), b"f".to_vec(), value],
    },
    Kind {
        of: "hash",
        write: "HINCRBY",
        make: hash,
        argv: |key, _| words(&["HINCRBY", "KEY", "n", "1"], key),
    },
];

struct Master {
    engine: std::sync::Arc<Engine>,
    runtime: tokio::runtime::Runtime,
    folder: tempfile::TempDir,
}

impl Master {
    fn new(policy: Policy) -> Master {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = Settings { expiry: policy, fsync: Fsync::No, ..Settings::new(folder.path()) };
        let engine = Engine::start(settings, None).expect("a master");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        Master { engine, runtime, folder }
    }

    fn run(&self, pipelines: Vec<Vec<Command>>) -> Duration {
        let since = Instant::now();
        for commands in pipelines {
            let replies = self.runtime.block_on(self.engine.run(commands));
            let refused = replies.iter().find(|reply| matches!(reply, Reply::Error(_)));
            assert!(refused.is_none(), "{refused:?}");
        }
        since.elapsed()
    }

    fn logged_bytes(&self) -> u64 {
        bytes_in(&self.folder.path().join("binlog"))
    }
}

fn bytes_in(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).expect("the log's folder");
    files.map(|file| file.and_then(|file| file.metadata()).expect("a file of the log").len()).sum()
}

fn pipelines(commands: impl Iterator<Item = Vec<Vec<u8>>>) -> Vec<Vec<Command>> {
    let commands: Vec<Command> = commands.map(|argv| Command::parse(0, argv).expect("a command")).collect();
    commands.chunks(PIPELINE).map(<[Command]>::to_vec).collect()
}

fn main() {
    let mut bench = Bench::new("expiry", "what each expiry policy logs of a write, and what a write takes");
    let writes: u64 = bench.mode.pick(128, 6_400, 25_600);
    for kind in &KINDS {
        for &policy in Policy::ALL {
            let params = json!({ "type": kind.of, "write": kind.write, "value_bytes": VALUE_BYTES });
            let mut bytes = None;
            let mut master = None;
            bench.cost(policy.name(), params.clone(), writes, "write", || {
                let master = master.get_or_insert_with(|| {
                    let master = Master::new(policy);
                    master.run(pipelines((0..KEYS).flat_map(kind.make)));
                    master
                });
                let mut random = fastrand::Rng::with_seed(7);
                let argv = |_| (kind.argv)(random.u64(..KEYS), value(&mut random, VALUE_BYTES));
                let commands = pipelines((0..writes).map(argv));
                let before = master.logged_bytes();
                let time = master.run(commands);
                bytes = Some((master.logged_bytes() - before) as f64 / writes as f64);
                time.into()
            });
            if let Some(bytes) = bytes {
                bench.row(policy.name(), params, bytes, "bytes logged/write", None);
            }
        }
    }
    bench.finish();
}
