//! Servers — `redis-server` or `valkey-server` as a master and its replica, and the program run against them. Does I/O:
//! processes, sockets.

use redis::{Connection, Value};
use std::io::{self, Write as _};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a server is started again because its port was taken meanwhile.
const STARTS: usize = 20;

/// A kind of server.
#[derive(Clone, Copy, Debug)]
pub enum Make {
    Redis,
    /// It has deadlines of fields.
    Valkey,
}

/// A server that runs. Dropping it ends the process.
pub struct Server {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Server {
    /// Starts a server on a free port. `None`, with a line on standard error, if it is not installed.
    pub fn start(make: Make) -> Option<Server> {
        Server::start_with(make, &[])
    }

    /// As `start`, with further options.
    fn start_with(make: Make, options: &[&str]) -> Option<Server> {
        let (program, expected) = match make {
            Make::Redis => ("redis-server", "v=7."),
            Make::Valkey => ("valkey-server", "v=9.1."),
        };
        let version = Command::new(program).arg("--version").output();
        let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        if !version.as_ref().is_ok_and(|text| text.contains(expected)) {
            // Not with `println!`: the test harness hides its output when the test passes.
            let _ = writeln!(io::stderr(), "skipped: {program} {expected} not found: {version:?}");
            return None;
        }
        (0..STARTS)
            .find_map(|_| Server::on_free_port(program, options))
            .or_else(|| panic!("no free port for {program}"))
    }

    /// `None`: the server ended at once, as another process had taken its port.
    fn on_free_port(program: &str, options: &[&str]) -> Option<Server> {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free.port().to_string();
        let mut command = Command::new(program);
        command.args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.args(["--repl-diskless-sync-delay", "0", "--replica-read-only", "no"]);
        command.arg("--dir").arg(folder.path()).args(options);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("an installed program");
        let mut server = Server { child, port: free.port(), _folder: folder };
        until("the server answers or has ended", || {
            if server.child.try_wait().expect("a child").is_some() {
                return Some(None);
            }
            let mut connection = server.try_connect()?;
            let pong: String = redis::cmd("PING").query(&mut connection).ok()?;
            (pong == "PONG").then_some(Some(()))
        })
        .map(|()| server)
    }

    fn try_connect(&self) -> Option<Connection> {
        redis::Client::open(("127.0.0.1", self.port)).expect("an address").get_connection().ok()
    }

    /// A connection to it.
    pub fn connect(&self) -> Connection {
        self.try_connect().expect("a server that runs")
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Runs a command, whose arguments are separated by spaces.
    pub fn run(&self, line: &str) -> Value {
        self.run_all(&[line]).pop().expect("a reply")
    }

    /// Runs commands on one connection.
    pub fn run_all(&self, lines: &[&str]) -> Vec<Value> {
        let mut connection = self.connect();
        let run = |line: &&str| {
            let mut words = line.split(' ');
            let mut command = redis::cmd(words.next().expect("a command"));
            words.for_each(|word| {
                command.arg(word);
            });
            command.query(&mut connection).unwrap_or_else(|error| panic!("{line}: {error}"))
        };
        lines.iter().map(run).collect()
    }

    /// A field of INFO.
    pub fn info(&self, field: &str) -> Option<String> {
        let mut connection = self.connect();
        let info: redis::InfoDict = redis::cmd("INFO").query(&mut connection).expect("the server answers");
        info.get(field)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A master and its replica, which takes writes.
pub struct Pair {
    pub master: Server,
    pub replica: Server,
}

impl Pair {
    /// Starts both; the replica follows. `None`: not installed.
    pub fn start(make: Make) -> Option<Pair> {
        Pair::start_with(make, &[])
    }

    /// As `start`, of servers that lack these commands.
    pub fn without(make: Make, commands: &[&str]) -> Option<Pair> {
        let options: Vec<&str> =
            commands.iter().flat_map(|command| ["--rename-command", command, ""]).collect();
        Pair::start_with(make, &options)
    }

    /// As `start`, with further options of both servers.
    pub fn start_with(make: Make, options: &[&str]) -> Option<Pair> {
        let pair =
            Pair { master: Server::start_with(make, options)?, replica: Server::start_with(make, options)? };
        pair.replica.run(&format!("REPLICAOF 127.0.0.1 {}", pair.master.port));
        until("the link is up", || (pair.replica.info("master_link_status")? == "up").then_some(()));
        Some(pair)
    }

    /// Waits until the replica has applied all that the master has written.
    pub fn settle(&self) {
        let offset = |server: &Server, field| server.info(field).and_then(|text| text.parse::<i64>().ok());
        until("the replica has caught up", || {
            let written = offset(&self.master, "master_repl_offset")?;
            (offset(&self.replica, "slave_repl_offset")? >= written).then_some(())
        });
    }

    /// Compares them.
    pub fn compare(&self, options: &[&str]) -> Compared {
        let (master, replica) = (self.master.address(), self.replica.address());
        let nodes = ["--master", &master, "--replica", &replica, "--json", "-"];
        Compared::of(probe(&[&nodes, options].concat()))
    }
}

/// The program's output.
pub struct Compared {
    pub code: Option<i32>,
    pub json: serde_json::Value,
    /// The report in words.
    pub words: String,
}

impl Compared {
    fn of(output: Output) -> Compared {
        let words = String::from_utf8(output.stderr).expect("UTF-8");
        let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {words}"));
        assert_eq!(crate::schema::fault(&json), None, "{words}");
        Compared { code: output.status.code(), json, words }
    }

    /// The differences as `key kind`, in order.
    pub fn differences(&self) -> Vec<String> {
        let all = self.json["replicas"][0]["differences"].as_array().expect("an array");
        let word =
            |one: &serde_json::Value, field: &str| one[field].as_str().expect("a text").replace('"', "");
        let mut all: Vec<String> =
            all.iter().map(|one| format!("{} {}", word(one, "key"), word(one, "kind"))).collect();
        all.sort();
        all
    }
}

/// Runs `replicheck probe compare`.
pub fn probe(args: &[&str]) -> Output {
    probe_with("compare", args)
}

/// Runs `replicheck probe` with this subcommand.
pub fn probe_with(subcommand: &str, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_replicheck"));
    command.args(["probe", subcommand]).args(args).env_remove("CLICOLOR_FORCE");
    for name in ["USER", "PASSWORD", "REPLICA_USER", "REPLICA_PASSWORD"] {
        command.env_remove(format!("REPLICHECK_{name}"));
    }
    command.output().expect("the program runs")
}

/// Asks until there is an answer.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "not in {} s: {what}", PATIENCE.as_secs());
        std::thread::park_timeout(Duration::from_millis(10));
    }
}
