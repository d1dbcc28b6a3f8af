//! Servers as child processes, and measurements of them by the system. Does I/O: processes, sockets, /proc.

use replicheck::client::{Client, OwnedFrame};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(2);
/// Number of commands that a loader sends before it reads the replies.
const LOADED_AT_A_TIME: u64 = 512;

/// The server program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Debian's redis-server, in memory: it writes nothing to the disk.
    Redis,
    /// This project's server, with its default settings.
    Replicheck,
}

impl Peer {
    /// Both programs; the second is compared with the first.
    pub const BOTH: [Peer; 2] = [Peer::Redis, Peer::Replicheck];

    /// Its name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Peer::Redis => "redis-server",
            Peer::Replicheck => "replicheck",
        }
    }

    fn command(self, port: u16, dir: &Path, master: Option<u16>) -> Command {
        let mut command = match self {
            Peer::Redis => Command::new("redis-server"),
            Peer::Replicheck => Command::new(env!("CARGO_BIN_EXE_replicheck")),
        };
        match self {
            Peer::Redis => {
                command.args([
                    "--save",
                    "",
                    "--appendonly",
                    "no",
                    "--daemonize",
                    "no",
                    "--bind",
                    "127.0.0.1",
                ]);
                // A replica that is stalled for some seconds must not need a full sync.
                command.args([
                    "--repl-backlog-size",
                    "512mb",
                    "--client-output-buffer-limit",
                    "replica 0 0 0",
                ]);
                command.args(["--repl-diskless-sync-delay", "0"]);
            }
            Peer::Replicheck => {
                command.arg("serve");
            }
        }
        command.args(["--port", &port.to_string(), "--dir"]).arg(dir);
        if let Some(master) = master {
            let (host, port) = ("127.0.0.1", master.to_string());
            command.arg("--replicaof");
            match self {
                Peer::Redis => command.args([host, &port]),
                Peer::Replicheck => command.arg(format!("{host}:{port}")),
            };
        }
        command
    }
}

/// A running server. It ends when this is dropped.
pub struct Server {
    /// The program.
    pub peer: Peer,
    /// Its port on this machine.
    pub port: u16,
    /// The time from its start until its first answer.
    pub started_in: Duration,
    child: Child,
    folder: Option<TempDir>,
}

impl Server {
    /// Starts an empty master, or a replica of the master at port `master`.
    pub fn start(peer: Peer, master: Option<u16>) -> Server {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Server::start_in(peer, folder, master, &[])
    }

    /// Like [`Server::start`], but on an existing folder and with further options.
    pub fn start_in(peer: Peer, folder: TempDir, master: Option<u16>, options: &[&str]) -> Server {
        // Another process may take the port before the server does; then the server fails to start.
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port").port();
        let mut command = peer.command(port, folder.path(), master);
        let since = Instant::now();
        let child = command.args(options).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|error| panic!("{} cannot be started: {error}", peer.name()));
        let mut server = Server { peer, port, started_in: Duration::ZERO, child, folder: Some(folder) };
        server.wait_until("it to answer", |server| {
            let pong = Client::connect(&format!("127.0.0.1:{}", server.port), LIMIT);
            let pong = pong.and_then(|mut client| client.call(&["PING"]));
            matches!(pong, Ok(OwnedFrame::SimpleString(text)) if text == b"PONG")
        });
        server.started_in = since.elapsed();
        server
    }

    /// Ends it, by SIGKILL or by SHUTDOWN. Returns the folder.
    pub fn end(mut self, is_killed: bool) -> TempDir {
        if is_killed {
            self.child.kill().expect("a child of ours");
        } else {
            // The server closes the connection instead of replying.
            let _ = self.client().call(&["SHUTDOWN"]);
        }
        self.child.wait().expect("a child of ours");
        self.folder.take().expect("it is taken once")
    }

    fn client(&self) -> Client {
        Client::connect(&format!("127.0.0.1:{}", self.port), LIMIT).expect("a server that answers")
    }

    /// Waits until `is_so` is true. Panics: it is not true within two minutes.
    pub fn wait_until(&mut self, what: &str, is_so: impl Fn(&Server) -> bool) {
        let since = Instant::now();
        while !is_so(self) {
            assert!(since.elapsed() < LIMIT, "{}: waited {} s for {what}", self.peer.name(), LIMIT.as_secs());
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("{} ended: {status}", self.peer.name());
            }
            sleep(POLL);
        }
    }

    /// A number from INFO.
    pub fn info(&self, field: &str) -> u64 {
        let text = match self.client().call(&["INFO"]) {
            Ok(OwnedFrame::BulkString(text)) => String::from_utf8_lossy(&text).into_owned(),
            other => panic!("INFO: {other:?}"),
        };
        let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        value.and_then(|value| value.trim().parse().ok()).unwrap_or_default()
    }

    /// The end of the log, in bytes or entries; the unit is the same on a master and on its replica.
    pub fn written(&self) -> u64 {
        self.info("master_repl_offset")
    }

    /// The place up to which a replica has applied the log, in the same unit.
    pub fn applied(&self) -> u64 {
        self.info("slave_repl_offset")
    }

    /// Sets `keys` keys with the names of redis-benchmark, from number `first` on.
    pub fn load(&self, first: u64, keys: u64, value_bytes: usize) {
        let value = "x".repeat(value_bytes);
        self.send(first..first + keys, |key| format!("SET key:{key:012} {value}"));
    }

    /// Sends a command for each number. `words`: its words, separated by spaces. Every reply has to be one line.
    pub fn send(&self, numbers: Range<u64>, words: impl Fn(u64) -> String) {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).expect("a server that answers");
        let mut buffer = vec![0; 64 << 10];
        let mut at = numbers.start;
        while at < numbers.end {
            let end = (at + LOADED_AT_A_TIME).min(numbers.end);
            let mut request = String::new();
            for number in at..end {
                let words = words(number);
                request += &format!("*{}\r\n", words.split(' ').count());
                for word in words.split(' ') {
                    request += &format!("${}\r\n{word}\r\n", word.len());
                }
            }
            socket.write_all(request.as_bytes()).expect("the server reads");
            let mut awaited = end - at;
            while awaited > 0 {
                let length = socket.read(&mut buffer).expect("the server answers");
                assert!(length > 0 && buffer[0] != b'-', "the server refuses");
                awaited -= buffer[..length].iter().filter(|byte| **byte == b'\n').count() as u64;
            }
            at = end;
        }
    }

    /// Processor time used so far, in seconds.
    pub fn cpu_seconds(&self) -> f64 {
        const TICKS_A_SECOND: f64 = 100.0;
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("a child of ours");
        // The fields after the name in brackets: the state is field 3, user time is 14, system time is 15.
        let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
        let field = |at: usize| after.split_whitespace().nth(at).and_then(|it| it.parse::<f64>().ok());
        (field(11).unwrap_or_default() + field(12).unwrap_or_default()) / TICKS_A_SECOND
    }

    /// Current memory (`VmRSS`) or its maximum (`VmHWM`), in MB.
    pub fn memory_mb(&self, field: &str) -> f64 {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a child of ours");
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kilobytes.unwrap_or_default() / 1024.0
    }

    /// Stalls it (`STOP`) or lets it continue (`CONT`).
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([&format!("-{signal}"), &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -{signal}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Requests per second measured by redis-benchmark with 50 connections, 100-byte values, and keys drawn from
/// `keys` keys.
pub fn benchmark(port: u16, test: &str, pipeline: usize, requests: u64, keys: u64) -> f64 {
    measured(port, &["-t", test, "-d", "100"], pipeline, requests, keys)
}

/// The same for a command of its own; each word `R` or word that ends with `:R` has a number below `drawn` in the place of `R`.
pub fn benchmark_command(port: u16, text: &str, pipeline: usize, requests: u64, drawn: u64) -> f64 {
    let text = format!("{text} ").replace(" R ", " __rand_int__ ").replace(":R ", ":__rand_int__ ");
    let words: Vec<&str> = text.split_whitespace().collect();
    measured(port, &words, pipeline, requests, drawn)
}

fn measured(port: u16, what: &[&str], pipeline: usize, requests: u64, drawn: u64) -> f64 {
    let mut command = Command::new("redis-benchmark");
    command.args(["-p", &port.to_string(), "-c", "50", "--csv", "-r", &drawn.to_string()]);
    command.args(["-P", &pipeline.to_string(), "-n", &requests.to_string()]);
    let output = command.args(what).output().expect("redis-benchmark runs");
    let text = String::from_utf8_lossy(&output.stdout);
    // The last line is the row; its first field is the name in quotes.
    let rate = text.lines().last().and_then(|row| row.split("\",\"").nth(1)?.trim_matches('"').parse().ok());
    rate.unwrap_or_else(|| {
        panic!("redis-benchmark {what:?}: {text}{}", String::from_utf8_lossy(&output.stderr))
    })
}
