//! Counted — instructions of a command of each type, counted by callgrind: the same on a busy machine and on an idle one.
//!
//! ```text
//! bytes of a request ─▶ parsed ─▶ run by a master, store in memory ─▶ entry encoded ─▶ bytes of the reply
//! ```
//!
//! There is no RocksDB, no socket and no thread: only the path of a command through our own code is counted. Exceeding a
//! budget is an error, so CI fails. Needs valgrind and gungraun-runner: `cargo bench --no-default-features --features
//! counted --bench counted`.

// The macros of gungraun create public items without documentation.
#![allow(missing_docs)]

use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind};
use replicheck::binlog::{Epoch, encode};
use replicheck::command::Command;
use replicheck::expiry::Policy;
use replicheck::node::Master;
use replicheck::server::reply::{self, Protocol};
use replicheck::server::request::{Limits, Requests};
use replicheck::store::memory::MemoryStore;
use replicheck::time::Millis;
use std::hint::black_box;

/// Number of commands per count, so that one-time costs of the first command, such as memory allocation, are
/// spread.
const COMMANDS: usize = 1_000;
/// A tenth above the count at the time when the budget was set: 1,000 commands on existing keys and on collections of 1,000
/// elements, which exist, too, but for those that LPUSH adds. Counts differ by up to 0.3 % from machine to machine, because the C
/// library chooses its functions by the processor. SET and INCR were set anew when SET had gone from 7,836 to 8,614
/// instructions a command, with transactions, deadlines of fields and removals of dead keys on its path.
const SET_BUDGET: u64 = 9_475_000;
const GET_BUDGET: u64 = 3_563_000;
const INCR_BUDGET: u64 = 9_545_000;
const HSET_BUDGET: u64 = 13_220_000;
const LPUSH_BUDGET: u64 = 15_990_000;
const SADD_BUDGET: u64 = 8_840_000;
const ZADD_BUDGET: u64 = 12_600_000;

/// A master, and the bytes that a client sends to it.
struct Ready {
    master: Master<MemoryStore>,
    bytes: Vec<u8>,
}

/// [`COMMANDS`] commands as a client frames them: 16-byte keys, 100-byte values.
fn frames(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for at in 0..COMMANDS {
        // Keys are neither in order nor close together.
        let key = format!("key:{:012}", (at * 7_919) % COMMANDS);
        match name {
            "INCR" => bytes.extend(format!("*2\r\n$4\r\nINCR\r\n$16\r\nnum:{}\r\n", &key[4..]).bytes()),
            "GET" => bytes.extend(format!("*2\r\n$3\r\nGET\r\n$16\r\n{key}\r\n").bytes()),
            "HSET" => bytes.extend(
                format!("*4\r\n$4\r\nHSET\r\n$4\r\nhash\r\n$16\r\n{key}\r\n$100\r\n{at:0100}\r\n").bytes(),
            ),
            "LPUSH" => {
                bytes.extend(format!("*3\r\n$5\r\nLPUSH\r\n$4\r\nlist\r\n$100\r\n{at:0100}\r\n").bytes())
            }
            "SADD" => bytes.extend(format!("*3\r\n$4\r\nSADD\r\n$7\r\nmembers\r\n$16\r\n{key}\r\n").bytes()),
            "ZADD" => bytes.extend(
                format!("*4\r\n$4\r\nZADD\r\n$6\r\nscores\r\n$12\r\n{at:012}\r\n$16\r\n{key}\r\n").bytes(),
            ),
            _ => bytes.extend(format!("*3\r\n$3\r\nSET\r\n$16\r\n{key}\r\n$100\r\n{:0100}\r\n", at).bytes()),
        }
    }
    bytes
}

/// A master in which all keys and elements exist.
fn ready(name: &str) -> Ready {
    let names = ["SET", "INCR", "HSET", "LPUSH", "SADD", "ZADD"];
    let bytes = names.into_iter().flat_map(frames).collect();
    let mut ready = Ready { master: Master::new(MemoryStore::default(), Epoch(1)), bytes };
    run(&mut ready);
    Ready { bytes: frames(name), ..ready }
}

/// Runs the client's commands. Returns the bytes of the log and of the replies.
fn run(ready: &mut Ready) -> (Vec<u8>, Vec<u8>) {
    let (mut log, mut replies) = (Vec::new(), Vec::new());
    let (mut requests, mut entries) = (Requests::new(Limits::default()), Vec::new());
    let policy = Policy::LogClock.get();
    requests.fill(&ready.bytes);
    while let Some(argv) = requests.next_request().expect("well-formed") {
        let command = Command::parse(0, argv).expect("it exists");
        let told = ready.master.request(&*policy, &command, Millis(1), 0, &mut entries).expect("memory");
        entries.drain(..).for_each(|entry| encode(&entry, &mut log).expect("small"));
        reply::encode(&told, Protocol::Resp2, &mut replies);
    }
    (log, replies)
}

fn budget(instructions: u64) -> LibraryBenchmarkConfig {
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(Callgrind::default().hard_limits([(EventKind::Ir, instructions)]));
    config
}

#[library_benchmark(config = budget(SET_BUDGET))]
#[bench::of_1000(args = ("SET"), setup = ready)]
fn set(mut ready: Ready) -> (Ready, (Vec<u8>, Vec<u8>)) {
    let told = black_box(run(&mut ready));
    (ready, told)
}

#[library_benchmark(config = budget(GET_BUDGET))]
#[bench::of_1000(args = ("GET"), setup = ready)]
fn get(mut ready: Ready) -> (Ready, (Vec<u8>, Vec<u8>)) {
    let told = black_box(run(&mut ready));
    (ready, told)
}

#[library_benchmark(config = budget(INCR_BUDGET))]
#[bench::of_1000(args = ("INCR"), setup = ready)]
fn incr(mut ready: Ready) -> (Ready, (Vec<u8>, Vec<u8>)) {
    let told = black_box(run(&mut ready));
    (ready, told)
}

#[library_benchmark(config = budget(HSET_BUDGET))]
#[bench::of_1000(args = ("HSET"), setup = ready)]
fn hset(mut ready: Ready) -> (Ready, (Vec<u8>, Vec<u8>)) {
    let told = black_box(run(&mut ready));
    (ready, told)
}

#[library_benchmark(config = budget(LPUSH_BUDGET))]
#[bench::of_1000(args = ("LPUSH"), setup = ready)]
fn lpush(mut ready: Ready) -> (Ready, (Vec<u8>, Vec<u8>)) {
    let told = black_box(run(&mut ready));
    (ready, told)
}

#[library_benchmark(config = budget(SADD_BUDGET))]
#[bench::of_1000(args = ("SADD"), setup = ready)]
fn sadd(mut ready: Ready) -> (Ready, (Vec<u8>, Vec<u8>)) {
    let told = black_box(run(&mut ready));
    (ready, told)
}

#[library_benchmark(config = budget(ZADD_BUDGET))]
#[bench::of_1000(args = ("ZADD"), setup = ready)]
fn zadd(mut ready: Ready) -> (Ready, (Vec<u8>, Vec<u8>)) {
    let told = black_box(run(&mut ready));
    (ready, told)
}

library_benchmark_group!(name = commands, benchmarks = [set, get, incr, hset, lpush, sadd, zadd]);
main!(library_benchmark_groups = commands);
