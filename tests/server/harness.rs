//! A server on a free port with the smallest node, a master in memory behind a lock; and a client that sends bytes.

use replicheck::binlog::{Epoch, Fsync};
use replicheck::command::{Command, Reply};
use replicheck::compression::CompressionMethod;
use replicheck::effect::Key;
use replicheck::expiry::Policy;
use replicheck::node::{Executed, Master, MasterInput, MasterOutput, Transaction, Watch};
use replicheck::ordering::Strategy;
use replicheck::secret::Secret;
use replicheck::server::facts::{Facts, Link, Progress, Role};
use replicheck::server::measured::Measured;
use replicheck::server::room::{Replies, Room, Size};
use replicheck::server::{
    Awaited, Backend, Config, Ended, MetricsPort, MinReplicas, Reached, Refused, Seat, Server,
};
use replicheck::store::memory::MemoryStore;
use replicheck::time::Millis;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, oneshot};

/// The reply of a replica to a write.
const READONLY: &str = "READONLY You can't write against a read only replica.";

/// How long a test waits for a condition that must come true.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What an RCSYNC handed over: its arguments, the socket, the bytes read after it, and the replica's seat.
pub type Followed = (Vec<Vec<u8>>, TcpStream, Vec<u8>, Seat);

/// A master in memory whose time stands still until a test changes it.
pub struct MemoryNode {
    master: Mutex<Master<MemoryStore>>,
    /// The facts that it reports.
    pub facts: Mutex<Facts>,
    followed: mpsc::Sender<Followed>,
    /// The time, milliseconds.
    pub now_ms: AtomicU64,
    /// Whether it says that it is a replica, and refuses writes in transactions.
    pub is_replica: AtomicBool,
    /// The instant before which it removes no dead key.
    pub removals_from: Mutex<Option<Instant>>,
    /// Notified when the replica of a failover has caught up.
    pub caught_up: Notify,
    /// Notified when the replica of a failover is a master; the node then follows it.
    pub promoted: Notify,
}

impl MemoryNode {
    pub fn new() -> (Arc<MemoryNode>, mpsc::Receiver<Followed>) {
        let (followed, receiver) = mpsc::channel();
        let facts = Facts {
            run_id: "0123456789012345678901234567890123456789".to_owned(),
            role: Role::Master { replicas: Vec::new() },
            epoch: Epoch(1),
            progress: Progress::default(),
            log_time: Millis(1_800_000_000_000),
            log_time_estimated: false,
            offset_ms: 0,
            clock_steps: 0,
            clients_disconnected: 0,
            ordering: Strategy::Serial,
            expiry: Policy::LogClock,
            workers: 2,
            appendfsync: Fsync::EverySec,
            compression: CompressionMethod::None,
            read_only: None,
            good_replicas: 0,
            syncs: replicheck::server::facts::Syncs::default(),
            dir: "data".to_owned(),
            measured: Some(Measured::default()),
        };
        let master = Mutex::new(Master::new(MemoryStore::new(), Epoch(1)));
        let (now_ms, is_replica) = (AtomicU64::new(1_800_000_000_000), AtomicBool::new(false));
        let facts = Mutex::new(facts);
        let (caught_up, promoted) = (Notify::new(), Notify::new());
        let removals_from = Mutex::new(None);
        let node =
            MemoryNode { master, facts, followed, now_ms, is_replica, removals_from, caught_up, promoted };
        (Arc::new(node), receiver)
    }

    fn now(&self) -> Millis {
        Millis(self.now_ms.load(Ordering::Relaxed))
    }

    /// The number of keys that clients watch.
    pub fn watched(&self) -> usize {
        self.master.lock().expect("no test panicked with it").watched_mut().len()
    }
}

impl Backend for MemoryNode {
    async fn answer(&self, commands: Vec<Command>, room: Room) -> (Replies, Vec<Command>) {
        let mut master = self.master.lock().expect("no test panicked with it");
        let policy = Policy::LogClock.get();
        let mut one = |command: Command| {
            if self.is_replica.load(Ordering::Relaxed) && command.is_write() {
                return Reply::Error(READONLY.to_owned());
            }
            let input = MasterInput::Request { command, now: self.now(), random: 0 };
            let outputs =
                master.step(&*policy, input).expect("a fresh node, socket and thread serve the test");
            let reply = outputs.into_iter().find_map(|output| match output {
                MasterOutput::Reply(reply) => Some(reply),
                _ => None,
            });
            master.watched_mut().settle();
            reply.expect("one reply each")
        };
        let (mut replies, mut commands) = (room.replies(commands.len()), commands.into_iter());
        while replies.has_room(Size::Any)
            && let Some(command) = commands.next()
        {
            replies.push(one(command));
        }
        (replies, commands.collect())
    }

    async fn exec(&self, transaction: Transaction, _room: Room) -> Result<Executed, Refused> {
        let mut master = self.master.lock().expect("no test panicked with it");
        let (policy, mut entries) = (Policy::LogClock.get(), Vec::new());
        if self.is_replica.load(Ordering::Relaxed) && transaction.is_write() {
            return Err(Refused(READONLY.to_owned()));
        }
        let now = self.now();
        let ran = master.exec(&*policy, &transaction, now, 0, &mut entries).expect("memory does not fail");
        master.watched_mut().settle();
        assert!(entries.len() <= 1, "one entry for a transaction");
        Ok(ran)
    }

    fn refusal(&self, command: &Command) -> Option<Refused> {
        let is_replica = self.is_replica.load(Ordering::Relaxed);
        (is_replica && command.is_write()).then(|| Refused(READONLY.to_owned()))
    }

    async fn watch(&self, keys: Vec<Key>) -> Result<Watch, Refused> {
        let mut master = self.master.lock().expect("no test panicked with it");
        let watch = master.watch(&keys, self.now()).expect("memory does not fail");
        watch.ok_or_else(|| Refused("ERR too many keys are watched".to_owned()))
    }

    async fn wait(&self, awaited: Awaited) -> Result<Reached, Refused> {
        if awaited.replicas > 0 {
            // It has no replicas, so only the timeout ends it.
            let never = std::future::pending::<()>();
            match awaited.timeout {
                Some(timeout) => drop(tokio::time::timeout(timeout, never).await),
                None => never.await,
            }
        }
        Ok(Reached { own: true, replicas: 0 })
    }

    fn set_masterauth(&self, _password: Option<Secret>) {}

    fn set_min_replicas(&self, _min: MinReplicas) {}

    fn hold_removals(&self, until: Option<Instant>) {
        *self.removals_from.lock().expect("no test panicked with it") = until;
    }

    async fn caught_up(&self, to: Option<(String, u16)>) -> Result<(String, u16), Refused> {
        self.caught_up.notified().await;
        Ok(to.unwrap_or_else(|| ("127.0.0.1".to_owned(), 7001)))
    }

    async fn hand_over(&self, _replica: (String, u16), _behind: bool) -> Result<(), Refused> {
        self.promoted.notified().await;
        self.is_replica.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn unwatch(&self, watch: Watch) {
        self.master.lock().expect("no test panicked with it").unwatch(&watch);
    }

    fn facts(&self) -> Facts {
        let mut facts = self.facts.lock().expect("no test panicked with it").clone();
        let last = self.master.lock().expect("no test panicked with it").last();
        facts.progress = Progress {
            received: last,
            durable: last,
            applied: last,
            lag_entries: Some(0),
            lag_bytes: Some(0),
            lag_ms: Some(0),
        };
        if self.is_replica.load(Ordering::Relaxed) {
            let host = "127.0.0.1".to_owned();
            facts.role =
                Role::Replica { host, port: 7001, link: Link::Connecting, down_ms: 0, replicas: Vec::new() };
        }
        facts
    }

    async fn replicate(&self, master: Option<(String, u16)>) -> Result<(), Refused> {
        let is_none = master.is_none();
        if is_none { Ok(()) } else { Err(Refused("ERR this node has no link".to_owned())) }
    }

    async fn set_appendfsync(&self, fsync: Fsync) -> Result<(), Refused> {
        self.facts.lock().expect("no test panicked with it").appendfsync = fsync;
        Ok(())
    }

    fn follow(&self, argv: Vec<Vec<u8>>, socket: TcpStream, already_read: Vec<u8>, seat: Seat) {
        self.followed
            .send((argv, socket, already_read, seat))
            .expect("a fresh node, socket and thread serve the test");
    }

    async fn stop(&self) -> Result<(), Refused> {
        Ok(())
    }
}

/// A server that runs until it is dropped.
pub struct Running {
    pub addr: SocketAddr,
    /// Where its metrics are.
    pub metrics: SocketAddr,
    pub node: Arc<MemoryNode>,
    pub followed: mpsc::Receiver<Followed>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Ended>>,
}

impl Running {
    pub fn new() -> Running {
        Running::with(Config::default())
    }

    pub fn with(config: Config) -> Running {
        let (node, followed) = MemoryNode::new();
        let served = Arc::clone(&node);
        let (stop, stopped) = oneshot::channel();
        let (bound, addr) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_multi_thread();
            let runtime = runtime
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("a fresh node, socket and thread serve the test");
            runtime.block_on(async move {
                let server = Server::bind(served, Config { port: 0, ..config })
                    .await
                    .expect("a fresh node, socket and thread serve the test");
                let metrics = MetricsPort::bind(Ipv4Addr::LOCALHOST.into(), 0)
                    .await
                    .expect("a fresh node, socket and thread serve the test");
                bound
                    .send((server.local_addr(), metrics.local_addr().expect("it is bound")))
                    .expect("a fresh node, socket and thread serve the test");
                tokio::spawn(server.metrics(metrics));
                let stop = async move { drop(stopped.await) };
                server.serve(stop).await
            })
        });
        let (addr, metrics) = addr.recv_timeout(PATIENCE).expect("the server binds");
        Running { addr, metrics, node, followed, stop: Some(stop), thread: Some(thread) }
    }

    pub fn connect(&self) -> Client {
        self.connect_to(
            TcpStream::connect(self.addr).expect("a fresh node, socket and thread serve the test"),
        )
    }

    /// A client on a connected socket.
    pub fn connect_to(&self, socket: TcpStream) -> Client {
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
        socket.set_write_timeout(Some(PATIENCE)).expect("a socket");
        Client { socket }
    }

    /// Waits for the end that a client has asked for.
    pub fn ended(mut self) -> Ended {
        self.thread.take().expect("taken once").join().expect("the server did not panic")
    }

    /// Stops the server from outside, and waits for its end.
    pub fn stopped(mut self) -> Ended {
        drop(self.stop.take());
        self.thread.take().expect("taken once").join().expect("the server did not panic")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the server panicked");
        }
    }
}

/// A client that sends and reads bytes.
pub struct Client {
    pub socket: TcpStream,
}

impl Client {
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).expect("the other side reads");
    }

    /// Sends a line and reads exactly `expected`.
    pub fn expect(&mut self, line: &str, expected: &str) {
        self.send(format!("{line}\r\n"));
        self.read(expected, line);
    }

    /// Reads exactly `expected`.
    pub fn read(&mut self, expected: &str, after: &str) {
        let mut seen = vec![0; expected.len()];
        let mut at = 0;
        while at < seen.len() {
            match self.socket.read(&mut seen[at..]) {
                Ok(0) => break,
                Ok(count) => at += count,
                Err(error) => {
                    panic!("{error} after {after}: {}", String::from_utf8_lossy(&seen[..at]))
                }
            }
            // A difference is reported at once, not only after the timeout.
            assert_eq!(
                String::from_utf8_lossy(&seen[..at]),
                String::from_utf8_lossy(&expected.as_bytes()[..at]),
                "after {after}"
            );
        }
        assert_eq!(at, expected.len(), "closed after {after}");
    }

    /// Reads until the server closes.
    pub fn read_to_end(&mut self) -> String {
        let mut all = Vec::new();
        if let Err(error) = self.socket.read_to_end(&mut all) {
            // A reset is an end, too: the server closed before it had read everything.
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "the server does not close");
        }
        String::from_utf8_lossy(&all).into_owned()
    }

    /// Reads so many bytes, or fewer if the server closes; returns how many.
    pub fn read_at_most(&mut self, bytes: usize) -> usize {
        let (mut chunk, mut read) = (vec![0; 1 << 20], 0);
        while read < bytes {
            let chunk_bytes = chunk.len().min(bytes - read);
            match self.socket.read(&mut chunk[..chunk_bytes]) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
                Err(error) => panic!("{error} after {read} of {bytes} bytes"),
            }
        }
        read
    }

    /// Reads a line; returns it without its line end.
    pub fn line(&mut self) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            self.socket.read_exact(&mut byte).expect("more bytes");
            line.push(byte[0]);
        }
        line.truncate(line.len() - 2);
        String::from_utf8(line).expect("a line of text")
    }

    /// Sends a line and reads one bulk or verbatim reply.
    pub fn text(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n"));
        let head = self.line();
        let length: usize = head[1..].parse().unwrap_or_else(|_| panic!("{line} gave {head}"));
        let mut bytes = vec![0; length + 2];
        self.socket.read_exact(&mut bytes).expect("more bytes");
        String::from_utf8(bytes[..length].to_vec()).expect("a fresh node, socket and thread serve the test")
    }
}

/// A field of INFO that is a number.
pub fn number(info: &str, name: &str) -> usize {
    let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let value = value.unwrap_or_else(|| panic!("{name} is lacking: {info}"));
    value.parse().unwrap_or_else(|_| panic!("{name} is {value}"))
}
