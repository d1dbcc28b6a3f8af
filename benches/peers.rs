//! Peers — Debian's redis-server without AOF compared with `replicheck serve` with default settings, in turn on one
//! machine.
//!
//! ```text
//! throughput   redis-benchmark -c 50 -d 100 at -P 1 and -P 16: SET, GET, INCR, HSET, on a fresh and on a used store
//! replica      lag under full load and after it, catching up after a stall, processor time compared with a master alone
//! start        with keys in the store and a tail of the binlog; memory
//! collections  commands on lists, sets, sorted sets and hashes of ten and of a million elements
//! ```
//!
//! `cargo bench --bench peers -- replica` runs one part; `REPLICHECK_RUNS` sets how often throughput is measured
//! (default 5, with `--quick` 1). The share is the ratio to Redis's number in the same run.

mod baseline;
#[path = "peers/collections.rs"]
mod collections;
mod measure;
#[path = "peers/process.rs"]
mod process;
mod results;

use measure::{Bench, Mode, median, spread};
use process::{Peer, Server, benchmark};
use serde_json::{Value, json};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

const VALUE_BYTES: usize = 100;

fn main() {
    if measure::option("--baseline").or(measure::option("--save-baseline")).is_some() {
        println!("skipped: the bench peers runs the server of this checkout; a baseline is of one program");
        return;
    }
    let mut bench = Bench::new(
        "peers",
        "redis-server beside `replicheck serve`; parts: throughput, replica, start, collections",
    );
    if bench.mode == Mode::Once {
        return;
    }
    for tool in ["redis-server", "redis-benchmark"] {
        let found = std::process::Command::new(tool).arg("--version").output();
        if found.is_err() {
            println!("skipped: {tool} not found");
            return;
        }
    }
    let keys = bench.mode.pick(0, 100_000, 1_000_000);
    if bench.is_asked("throughput") {
        throughput(&mut bench, keys);
    }
    if bench.is_asked("replica") {
        replica(&mut bench, keys);
    }
    if bench.is_asked("start") {
        start(&mut bench, keys);
    }
    if bench.is_asked("collections") {
        let requests = bench.mode.pick(0, 50_000, 100_000);
        collections::collections(&mut bench, keys, requests);
    }
    bench.finish();
}

/// The median of each peer's numbers, and of their ratios in the same round.
fn compare(bench: &mut Bench, params: &Value, unit: &str, rounds: &[[f64; 2]]) {
    let of = |peer: usize| median(rounds.iter().map(|round| round[peer]).collect()).unwrap_or_default();
    let ratios: Vec<f64> = rounds.iter().map(|[redis, own]| own / redis.max(1e-9)).collect();
    bench.row(Peer::Redis.name(), params.clone(), of(0), unit, None);
    // The ratio is given only for rates: a cost has no limit that it approaches.
    let ratios = if unit.starts_with("commands/s") { ratios } else { Vec::new() };
    let spread = spread(ratios.clone());
    bench.add(Peer::Replicheck.name(), params.clone(), of(1), unit, median(ratios), spread);
}

/// A store without keys, and one with all the keys of the run.
const FRESH: &str = "fresh";
const USED: &str = "used";

/// The tests of redis-benchmark, each with the store that it begins with. A GET needs keys.
const TESTS: [(&str, &str); 7] = [
    ("SET", FRESH),
    ("SET", USED),
    ("GET", USED),
    ("INCR", FRESH),
    ("INCR", USED),
    ("HSET", FRESH),
    ("HSET", USED),
];

fn throughput(bench: &mut Bench, keys: u64) {
    let runs = std::env::var("REPLICHECK_RUNS").ok().and_then(|runs| runs.parse().ok());
    let runs: usize = runs.unwrap_or(bench.mode.pick(1, 1, 5));
    for (pipeline, requests) in
        [(1, bench.mode.pick(0, 50_000, 300_000)), (16, bench.mode.pick(0, 300_000, 2_000_000))]
    {
        for (test, store) in TESTS {
            let rounds: Vec<[f64; 2]> = (0..runs)
                .map(|_| {
                    // Only one server runs at a time, because even an idle server has threads and memory.
                    Peer::BOTH.map(|peer| {
                        let server = Server::start(peer, None);
                        if store == USED {
                            server.load(0, keys, VALUE_BYTES);
                        }
                        benchmark(server.port, test, pipeline, requests, keys)
                    })
                })
                .collect();
            let params = json!({
                "part": "throughput", "command": test, "store": store, "pipeline": pipeline, "keys": keys, "runs": runs
            });
            compare(bench, &params, "commands/s", &rounds);
        }
    }
}

fn replica(bench: &mut Bench, keys: u64) {
    // Not more commands than this: a replica that is stopped for ten seconds is disconnected, and entries that it
    // needs may then be purged.
    let requests: u64 = bench.mode.pick(0, 200_000, 1_000_000);
    let load = |server: &Server| benchmark(server.port, "SET", 16, requests, keys);
    let params = json!({ "part": "replica", "command": "SET", "pipeline": 16, "commands": requests });
    let (mut caught_up, mut zero, mut cpu) = ([0.0; 2], [0.0; 2], [0.0; 2]);
    for (at, peer) in Peer::BOTH.into_iter().enumerate() {
        let alone = Server::start(peer, None);
        let before = alone.cpu_seconds();
        load(&alone);
        let alone_seconds = alone.cpu_seconds() - before;
        drop(alone);

        let master = Server::start(peer, None);
        let mut replica = Server::start(peer, Some(master.port));
        master.load(0, 1, VALUE_BYTES);
        let follows = |replica: &Server| replica.applied() == master.written() && replica.applied() > 0;
        replica.wait_until("the replica to follow", follows);

        let before = master.cpu_seconds() + replica.cpu_seconds();
        let lags = lag_while(&master, &replica, || {
            load(&master);
        });
        let since = Instant::now();
        replica.wait_until("the replica to catch up", follows);
        zero[at] = since.elapsed().as_secs_f64();
        let both_seconds = master.cpu_seconds() + replica.cpu_seconds() - before;
        cpu[at] = both_seconds / alone_seconds.max(1e-9);
        if let (Peer::Replicheck, Some(greatest)) = (peer, lags.iter().copied().reduce(f64::max)) {
            bench.row(peer.name(), params.clone(), greatest, "entries behind under load, greatest", None);
            bench.row(
                peer.name(),
                params.clone(),
                median(lags).unwrap_or_default(),
                "entries behind under load, median",
                None,
            );
        }

        replica.signal("STOP");
        load(&master);
        let since = Instant::now();
        replica.signal("CONT");
        replica.wait_until("the replica to catch up", follows);
        caught_up[at] = requests as f64 / since.elapsed().as_secs_f64();
    }
    compare(bench, &params, "commands/s caught up after a stall", &[caught_up]);
    compare(bench, &params, "s behind after the end of load", &[zero]);
    compare(bench, &params, "processor time with a replica, beside a master alone", &[cpu]);
}

/// How far the replica is behind, sampled every 50 ms while `load` runs.
fn lag_while(master: &Server, replica: &Server, load: impl FnOnce() + Send) -> Vec<f64> {
    scope(|threads| {
        let loading = threads.spawn(load);
        let mut lags = Vec::new();
        while !loading.is_finished() {
            // The replica is read first, so that entries that the master writes in between count as lag.
            let applied = replica.applied();
            lags.push(master.written().saturating_sub(applied) as f64);
            sleep(Duration::from_millis(50));
        }
        lags
    })
}

fn start(bench: &mut Bench, keys: u64) {
    let memory: Vec<(f64, f64)> = Peer::BOTH
        .into_iter()
        .map(|peer| {
            let server = Server::start(peer, None);
            server.load(0, keys, VALUE_BYTES);
            (server.memory_mb("VmRSS"), server.memory_mb("VmHWM"))
        })
        .collect();
    let params = json!({ "part": "start", "keys": keys, "value_bytes": VALUE_BYTES });
    compare(bench, &params, "MB of memory after loading", &[[memory[0].0, memory[1].0]]);
    compare(bench, &params, "MB of memory at most", &[[memory[0].1, memory[1].1]]);

    // All keys are flushed; then about 64 MB of entries are written without a flush, and the server is ended
    // by SIGKILL.
    const ENTRY_BYTES: u64 = 200;
    let tail = bench.mode.pick(0, 8 << 20, 64 << 20) / ENTRY_BYTES;
    let server = Server::start(Peer::Replicheck, None);
    server.load(0, keys, VALUE_BYTES);
    let folder = server.end(false);
    let server = Server::start_in(Peer::Replicheck, folder, None, &["--flush-bytes", "1000000000"]);
    let clean = server.started_in.as_secs_f64();
    server.load(0, tail, VALUE_BYTES);
    let folder = server.end(true);
    let server = Server::start_in(Peer::Replicheck, folder, None, &[]);
    let of = |tail_mb: u64| json!({ "part": "start", "keys": keys, "tail_mb": tail_mb });
    bench.row(Peer::Replicheck.name(), of(0), clean, "s from start to the first reply", None);
    let tail_mb = (tail * ENTRY_BYTES) >> 20;
    bench.row(
        Peer::Replicheck.name(),
        of(tail_mb),
        server.started_in.as_secs_f64(),
        "s from start to the first reply",
        None,
    );
}
