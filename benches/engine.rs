//! Engine — pipelined commands over loopback to a server in this process, and to the engine without a network.
//!
//! Fsync is everysec; the other settings are those of `replicheck serve`. The client is one thread that writes the
//! pipelines of all connections and then reads all replies. It uses a part of the cores, as redis-benchmark does.

mod baseline;
mod measure;
mod raw;
mod results;
#[allow(dead_code, reason = "for benches of logs")]
mod workload;

use measure::{Bench, Run};
use raw::Raw;
use replicheck::binlog::Entry;
use replicheck::command::Command;
use replicheck::effect::Key;
use replicheck::engine::{Engine, Settings};
use replicheck::expiry::Policy;
use replicheck::server::{Backend, Config, Server};
use replicheck::store::key;
use serde_json::json;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use workload::{log_of, name, value};

const CONNECTIONS: usize = 16;
const VALUE_BYTES: usize = 100;
/// Number of keys; all of them exist before the measurement.
const KEYS: u64 = 10_000;

/// A command: its name, its arguments, and the number of lines of a reply.
struct Kind {
    name: &'static str,
    argv: fn(u64, &[u8]) -> Vec<Vec<u8>>,
    lines: usize,
}

const KINDS: [Kind; 4] = [
    Kind { name: "SET", argv: |key, value| vec![b"SET".to_vec(), name(key), value.to_vec()], lines: 1 },
    Kind { name: "GET", argv: |key, _| vec![b"GET".to_vec(), name(key)], lines: 2 },
    Kind {
        name: "INCR",
        argv: |key, _| vec![b"INCR".to_vec(), [b"counter:".as_slice(), &name(key)].concat()],
        lines: 1,
    },
    Kind {
        name: "HSET",
        argv: |key, value| vec![b"HSET".to_vec(), b"hash".to_vec(), name(key), value.to_vec()],
        lines: 1,
    },
];

type Argv = Vec<Vec<u8>>;

/// `number` commands of one kind.
fn commands(kind: &Kind, number: usize) -> Vec<Argv> {
    let mut random = fastrand::Rng::with_seed(7);
    (0..number).map(|_| (kind.argv)(random.u64(..KEYS), &value(&mut random, VALUE_BYTES))).collect()
}

/// A master with its server.
struct Served {
    engine: Arc<Engine>,
    addr: SocketAddr,
    runtime: Runtime,
    _folder: tempfile::TempDir,
}

impl Served {
    fn new() -> Served {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let runtime = Runtime::new().expect("a runtime");
        let engine = Engine::start(Settings::new(folder.path()), None).expect("a master");
        let config = Config { port: 0, ..Config::default() };
        let server = runtime.block_on(Server::bind(Arc::clone(&engine), config)).expect("a free port");
        let addr = server.local_addr();
        runtime.spawn(server.serve(std::future::pending()));
        let served = Served { engine, addr, runtime, _folder: folder };
        let mut random = fastrand::Rng::with_seed(7);
        let all: Vec<Argv> =
            (0..KEYS).map(|key| (KINDS[0].argv)(key, &value(&mut random, VALUE_BYTES))).collect();
        served.without_network(&all, 16);
        served
    }

    /// All connections send a pipeline, then all read their replies; this is repeated. Returns the time.
    fn over_loopback(&self, commands: &[Argv], pipeline: usize, lines: usize) -> Duration {
        let connect = |_| {
            let socket = TcpStream::connect(self.addr).expect("the server listens");
            socket.set_nodelay(true).expect("a TCP socket");
            socket
        };
        let mut sockets: Vec<TcpStream> = (0..CONNECTIONS).map(connect).collect();
        let requests: Vec<Vec<u8>> = commands.chunks(pipeline).map(encode).collect();
        let mut buffer = vec![0; 64 << 10];
        let since = Instant::now();
        for round in requests.chunks(CONNECTIONS) {
            for (socket, request) in sockets.iter_mut().zip(round) {
                socket.write_all(request).expect("the server reads");
            }
            for (socket, _) in sockets.iter_mut().zip(round) {
                let mut awaited = pipeline * lines;
                while awaited > 0 {
                    let length = socket.read(&mut buffer).expect("the server answers");
                    assert!(length > 0 && buffer[0] != b'-', "the server refuses");
                    awaited -= buffer[..length].iter().filter(|byte| **byte == b'\n').count();
                }
            }
        }
        since.elapsed()
    }

    /// Runs one task per connection, each with its own pipelines. Returns the time.
    fn without_network(&self, commands: &[Argv], pipeline: usize) -> Duration {
        let parse = |argv: &Argv| Command::parse(0, argv.clone()).expect("a command");
        let mut tasks: Vec<Vec<Vec<Command>>> = vec![Vec::new(); CONNECTIONS];
        for (at, commands) in commands.chunks(pipeline).enumerate() {
            tasks[at % CONNECTIONS].push(commands.iter().map(parse).collect());
        }
        let since = Instant::now();
        self.runtime.block_on(async {
            let mut running = JoinSet::new();
            for pipelines in tasks {
                let engine = Arc::clone(&self.engine);
                running.spawn(async move {
                    for commands in pipelines {
                        engine.run(commands).await;
                    }
                });
            }
            running.join_all().await;
        });
        since.elapsed()
    }
}

fn encode(commands: &[Argv]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for argv in commands {
        bytes.extend_from_slice(format!("*{}\r\n", argv.len()).as_bytes());
        for argument in argv {
            bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
            bytes.extend_from_slice(argument);
            bytes.extend_from_slice(b"\r\n");
        }
    }
    bytes
}

/// The time that RocksDB alone takes: it writes the same bytes in batches as large as all pipelines together, or
/// reads the same keys.
fn limit(kind: &Kind, commands: &[Argv], log: &[Entry], pipeline: usize) -> Duration {
    let raw = Raw::new();
    if kind.name != "GET" {
        return raw.write(log, CONNECTIONS * pipeline);
    }
    let set = |argv: &Argv| vec![b"SET".to_vec(), argv[1].clone(), vec![b'x'; VALUE_BYTES]];
    raw.write(&log_of(&*Policy::LogClock.get(), commands.iter().map(set)), 256);
    let keys: Vec<Vec<u8>> =
        commands.iter().map(|argv| key::metadata(&Key::new(0, argv[1].clone()))).collect();
    raw.get(&keys)
}

fn main() {
    let mut bench =
        Bench::new("engine", "pipelined SET, GET, INCR, HSET over loopback and without a network");
    let mut served = None;
    for pipeline in [1, 16] {
        for kind in &KINDS {
            let number = bench.mode.pick(256, 640, 1_600) * pipeline.max(4);
            let commands = commands(kind, number);
            let log = log_of(&*Policy::LogClock.get(), commands.iter().cloned());
            for over in ["loopback", "no network"] {
                let params =
                    json!({ "command": kind.name, "pipeline": pipeline, "connections": CONNECTIONS });
                bench.rate(over, params, number as u64, "commands", || {
                    let served = served.get_or_insert_with(Served::new);
                    let limit = limit(kind, &commands, &log, pipeline);
                    let time = match over {
                        "loopback" => served.over_loopback(&commands, pipeline, kind.lines),
                        _ => served.without_network(&commands, pipeline),
                    };
                    Run { time, limit: Some(limit) }
                });
            }
        }
    }
    bench.finish();
}
