//! Clients — the list of connected clients, which CLIENT LIST shows and CLIENT KILL ends. ServerState by all connections.

use super::client_command::{Kill, Listed};
use super::info::Counts;
use super::reply::Protocol;
use super::room::{Memory, Room};
use super::session::Session;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

/// The most replicas at a time. Each takes a thread, a socket and an open file of the log.
pub const REPLICAS_MAX: u64 = 64;

/// The time for which the replies of all clients may exceed their limit before clients are disconnected. Meanwhile only small
/// replies are made. Clients that read have time to do so, and a crowd that reconnects does not occupy the processor.
const EVICTION_DELAY: Duration = Duration::from_millis(100);
/// An eviction also frees this fraction of the limit, so that connections that wait can go on.
const EVICTION_SHARE: usize = 16;

/// A replica's place among the connections. It is counted until this is dropped.
#[derive(Debug)]
pub struct Seat(Arc<AtomicU64>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A client that waits in a command is counted until this is dropped.
pub(super) struct Blocked<'a>(&'a AtomicU64);

impl Drop for Blocked<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One connection, as the other connections see it.
pub(super) struct Client {
    pub(super) id: u64,
    pub(super) addr: SocketAddr,
    laddr: SocketAddr,
    since: Instant,
    /// Notified once, when the client is killed.
    pub(super) killed: Notify,
    /// The memory that its replies take.
    pub(super) room: Room,
    evicted: AtomicBool,
    state: Mutex<State>,
}

/// The part of a client's state that changes while it is connected.
struct State {
    session: Session,
    /// The last request; `None`: the client has sent nothing.
    last: Option<Last>,
    active: Instant,
    input_bytes: usize,
    output_bytes: usize,
}

impl Client {
    /// Whether the client is being disconnected because of the memory that its replies hold.
    pub(super) fn is_evicted(&self) -> bool {
        self.evicted.load(Ordering::Relaxed)
    }

    /// Records the state of the connection after a run of commands.
    pub(super) fn note(&self, session: &Session, last: &Last, input: usize, output: usize) {
        let mut state = locked(&self.state);
        if state.session != *session {
            state.session = session.clone();
        }
        let kept = state.last.get_or_insert_default();
        kept.name.clone_from(&last.name);
        kept.inner.clone_from(&last.inner);
        state.active = Instant::now();
        (state.input_bytes, state.output_bytes) = (input, output);
    }

    /// The client's line in CLIENT LIST, with Redis's fields. Fields that have no meaning here are 0.
    pub(super) fn line(&self) -> String {
        let state = locked(&self.state);
        let session = &state.session;
        let name = String::from_utf8_lossy(&session.name);
        let (age, idle) = (self.since.elapsed().as_secs(), state.active.elapsed().as_secs());
        let flags = match (session.queued, session.no_evict) {
            (None, false) => "N",
            (None, true) => "e",
            (Some(_), false) => "x",
            (Some(_), true) => "xe",
        };
        let queued = session.queued.map_or("-1".to_owned(), |queued| queued.to_string());
        let resp = match session.protocol {
            Protocol::Resp2 => 2,
            Protocol::Resp3 => 3,
        };
        let (library, version) = &session.library;
        let mut line = format!("id={} addr={} laddr={} fd=0 name={name}", self.id, self.addr, self.laddr);
        // Writing into a String does not fail.
        let _ = write!(line, " age={age} idle={idle} flags={flags} db={} sub=0 psub=0 ssub=0", session.db);
        let _ = write!(line, " multi={queued} qbuf={} qbuf-free=0 argv-mem=0 multi-mem=0", state.input_bytes);
        let held = self.room.held();
        let _ = write!(line, " rbs=0 rbp=0 obl={} oll=0 omem={held}", state.output_bytes);
        let _ = write!(line, " tot-mem={} events=r", held + state.input_bytes);
        let _ = write!(
            line,
            " cmd={} user=default redir=-1 resp={resp}",
            state.last.as_ref().map_or_else(|| "NULL".to_owned(), Last::shown)
        );
        let (library, version) = (String::from_utf8_lossy(library), String::from_utf8_lossy(version));
        let _ = writeln!(line, " lib-name={library} lib-ver={version}");
        line
    }
}

/// Name and first argument of the last request, as far as CLIENT LIST shows them. They are kept as raw bytes, and made
/// readable only when CLIENT LIST is called, not for each request.
#[derive(Default)]
pub(super) struct Last {
    name: Vec<u8>,
    inner: Option<Vec<u8>>,
}

impl Last {
    /// Records `argv`, which has at least a name.
    pub(super) fn note(&mut self, argv: &[Vec<u8>]) {
        let keep = |kept: &mut Vec<u8>, argument: &[u8]| {
            kept.clear();
            kept.extend_from_slice(&argument[..argument.len().min(64)]);
        };
        keep(&mut self.name, &argv[0]);
        match argv.get(1) {
            Some(inner) => keep(self.inner.get_or_insert_default(), inner),
            None => self.inner = None,
        }
    }

    /// The request as CLIENT LIST shows it: `get`, `client|list`.
    fn shown(&self) -> String {
        let text = |bytes: &[u8]| {
            String::from_utf8_lossy(bytes).to_lowercase().replace(|c: char| !c.is_ascii_graphic(), "?")
        };
        let name = text(&self.name);
        match &self.inner {
            Some(inner) if ["client", "config", "command"].contains(&name.as_str()) => {
                format!("{name}|{}", text(inner))
            }
            _ => name,
        }
    }
}

/// All connections, and the server's counters.
pub(super) struct Clients {
    started: Instant,
    last_id: AtomicU64,
    connected: Mutex<BTreeMap<u64, Arc<Client>>>,
    /// Number of replicas' sockets, which the node has taken over.
    replicas: Arc<AtomicU64>,
    /// The memory that the replies of all clients take.
    pub(super) memory: Arc<Memory>,
    pub(super) connections: AtomicU64,
    pub(super) rejected: AtomicU64,
    pub(super) commands: AtomicU64,
    pub(super) input_bytes: AtomicU64,
    pub(super) output_bytes: AtomicU64,
    /// Number of clients that were disconnected because too many replies waited for them alone.
    pub(super) over_output_limit: AtomicU64,
    /// Number of clients that were disconnected because all clients together held too much.
    pub(super) evicted: AtomicU64,
    /// Number of clients that wait in a command now.
    blocked: AtomicU64,
}

impl Clients {
    /// An empty list. The replies of all clients together may take at most `memory_limit` bytes; 0 = no limit.
    pub(super) fn new(memory_limit: usize) -> Clients {
        Clients {
            started: Instant::now(),
            last_id: AtomicU64::new(0),
            connected: Mutex::default(),
            replicas: Arc::default(),
            memory: Arc::new(Memory::new(memory_limit)),
            connections: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            commands: AtomicU64::new(0),
            input_bytes: AtomicU64::new(0),
            output_bytes: AtomicU64::new(0),
            over_output_limit: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
            blocked: AtomicU64::new(0),
        }
    }

    /// Adds a connection; `None` if there are already `max`, replicas included.
    pub(super) fn join(&self, addr: SocketAddr, laddr: SocketAddr, max: u64) -> Option<Arc<Client>> {
        let mut connected = locked(&self.connected);
        if connected.len() as u64 + self.replicas.load(Ordering::Relaxed) >= max {
            self.rejected.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        self.connections.fetch_add(1, Ordering::Relaxed);
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let now = Instant::now();
        let state =
            State { session: Session::new(id), last: None, active: now, input_bytes: 0, output_bytes: 0 };
        let (killed, room) = (Notify::new(), Room::of(&self.memory));
        let (evicted, state) = (AtomicBool::new(false), Mutex::new(state));
        let client = Arc::new(Client { id, addr, laddr, since: now, killed, room, evicted, state });
        connected.insert(id, Arc::clone(&client));
        Some(client)
    }

    /// Takes a seat for a connection that becomes a replica's; `None` if there are already [`REPLICAS_MAX`].
    pub(super) fn seat(&self) -> Option<Seat> {
        let taken = Seat(Arc::clone(&self.replicas));
        // If it is not returned, `taken` is dropped here, and the seat is free again.
        (self.replicas.fetch_add(1, Ordering::Relaxed) < REPLICAS_MAX).then_some(taken)
    }

    /// Counts a client that waits in a command.
    pub(super) fn block(&self) -> Blocked<'_> {
        self.blocked.fetch_add(1, Ordering::Relaxed);
        Blocked(&self.blocked)
    }

    /// Removes a connection.
    pub(super) fn leave(&self, client: &Client) {
        locked(&self.connected).remove(&client.id);
    }

    /// The lines of CLIENT LIST.
    pub(super) fn list(&self, listed: &Listed) -> Vec<u8> {
        let connected = locked(&self.connected);
        let is_listed = |client: &&Arc<Client>| match listed {
            Listed::All => true,
            Listed::Type { normal } => *normal,
            Listed::Ids(ids) => ids.contains(&client.id),
        };
        connected.values().filter(is_listed).map(|client| client.line()).collect::<String>().into_bytes()
    }

    /// Disconnects the clients that `kill` names. Returns their number, and whether `me` is among them: that client ends
    /// itself, after its reply.
    pub(super) fn kill(&self, kill: &Kill, me: u64) -> (usize, bool) {
        let connected = locked(&self.connected);
        let is_named = |client: &&Arc<Client>| match kill {
            Kill::Address(address) => client.addr.to_string() == *address,
            Kill::Filter { id, addr, laddr, normal, skip_me } => {
                *normal
                    && id.is_none_or(|id| id == client.id)
                    && addr.as_ref().is_none_or(|addr| *addr == client.addr.to_string())
                    && laddr.as_ref().is_none_or(|laddr| *laddr == client.laddr.to_string())
                    && !(*skip_me && client.id == me)
            }
        };
        let named: Vec<&Arc<Client>> = connected.values().filter(is_named).collect();
        named.iter().filter(|client| client.id != me).for_each(|client| client.killed.notify_one());
        (named.len(), named.iter().any(|client| client.id == me))
    }

    /// Evicts clients whenever their replies have exceeded the limit for [`EVICTION_DELAY`]. It never completes.
    pub(super) async fn evict_when_over(&self) {
        loop {
            self.memory.over().await;
            tokio::time::sleep(EVICTION_DELAY).await;
            if let Some(limit) = self.memory.limit().filter(|limit| self.memory.held() > *limit) {
                self.evict(limit - limit / EVICTION_SHARE);
            }
        }
    }

    /// Disconnects the clients that hold the most memory, until the others together hold at most `limit` bytes. CLIENT
    /// NO-EVICT has no effect here: there are no passwords, so any client may send it.
    fn evict(&self, limit: usize) {
        let connected = locked(&self.connected);
        let staying = connected.values().filter(|client| !client.is_evicted());
        let mut by_held: Vec<(usize, &Arc<Client>)> =
            staying.map(|client| (client.room.held(), client)).collect();
        by_held.sort_by_key(|(held, client)| (Reverse(*held), client.id));
        let mut held: usize = by_held.iter().map(|(held, _)| held).sum();
        for (bytes, client) in by_held {
            if held <= limit {
                break;
            }
            held -= bytes;
            client.evicted.store(true, Ordering::Relaxed);
            client.killed.notify_one();
        }
    }

    /// Disconnects all clients.
    pub(super) fn kill_all(&self) {
        locked(&self.connected).values().for_each(|client| client.killed.notify_one());
    }

    /// The values of all counters.
    pub(super) fn counts(&self) -> Counts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts {
            clients: locked(&self.connected).len() as u64,
            connections: read(&self.connections),
            rejected: read(&self.rejected),
            commands: read(&self.commands),
            input_bytes: read(&self.input_bytes),
            output_bytes: read(&self.output_bytes),
            over_output_limit: read(&self.over_output_limit),
            evicted: read(&self.evicted),
            blocked: read(&self.blocked),
            held_bytes: self.memory.held() as u64,
            uptime_s: self.started.elapsed().as_secs(),
            rss_bytes: resident_bytes(),
            now_us: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros()),
        }
    }

    /// Sets the counters that CONFIG RESETSTAT covers back to zero.
    pub(super) fn reset_counts(&self) {
        let of_connections = [&self.connections, &self.rejected, &self.over_output_limit, &self.evicted];
        for count in of_connections {
            count.store(0, Ordering::Relaxed);
        }
        for count in [&self.commands, &self.input_bytes, &self.output_bytes] {
            count.store(0, Ordering::Relaxed);
        }
    }
}

/// Bytes of RAM that the process uses according to Linux; 0 on other systems.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_ascii_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// Locks the mutex, also after a panic. A connection that panicked while it held the lock left only plain data behind,
/// which is still valid.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
