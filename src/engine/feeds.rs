//! Feeds — a node's side of the links to its replicas, with a thread for each replica. Does I/O: threads, through
//! `replication::feed`.

use super::SharedFiles;
use super::copies;
use super::meters::Outcomes;
use super::node::Role;
use super::upstream::{Outlet, Upstream};
use crate::binlog::segment::Cursor;
use crate::binlog::{Files, Lsn, SegmentError, Stretch};
use crate::compression::CompressionMethod;
use crate::replication::feed::{Accepted, Progress, Source, feed};
use crate::replication::handshake::{self, Hello, History};
use crate::replication::sender::Seen;
use crate::replication::session::{Stop, Timing};
use crate::replication::{Ack, Offset, PROTOCOL_VERSION, PROTOCOL_VERSION_RUNNING, Tail, snapshot};
use crate::server::Seat;
use crate::server::facts::FollowerState;
use crate::server::measured::FullSyncs;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, lock, thread};
use std::collections::BTreeMap;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// A replica as its upstream node sees it.
#[derive(Clone, Debug)]
pub struct Fed {
    /// Its address; `None`: the system does not report it.
    pub addr: Option<SocketAddr>,
    /// The port on which it serves clients; 0 if it serves none.
    pub port: u16,
    /// The codec that compresses its stream.
    pub compression: CompressionMethod,
    /// What is sent to it now.
    pub state: FollowerState,
    /// Its progress. During a full sync the entry after the state that is sent counts as received.
    pub progress: Progress,
    /// The instant of its last acknowledgement, or that of its connection.
    pub heard: Instant,
    /// The full sync is done, and the entries after it are kept until this instant, or until the replica is connected again.
    pub until: Option<Instant>,
}

/// The replicas of a node, and the threads of their feeds.
#[derive(Debug, Default)]
pub struct Feeds {
    fed: Mutex<BTreeMap<u64, Fed>>,
    threads: Mutex<Vec<thread::JoinHandle<()>>>,
    stop: Stop,
    /// The answers that replicas got.
    pub syncs: Arc<Syncs>,
    /// Notified when a replica has acknowledged entries, and when the feeds end.
    acked: Notify,
}

/// How often replicas were answered, since the node started.
#[derive(Debug, Default)]
pub struct Syncs {
    /// Full syncs.
    pub(super) full: Outcomes,
    /// A replica resumed.
    pub resumed: AtomicU64,
    /// A replica could not resume.
    pub refused: AtomicU64,
}

impl Syncs {
    /// The full syncs.
    pub fn sent(&self) -> FullSyncs {
        self.full.get()
    }
}

impl Feeds {
    /// No replicas; their answers are counted in `syncs`.
    pub fn new(syncs: Arc<Syncs>) -> Feeds {
        Feeds { syncs, ..Feeds::default() }
    }

    /// The connected replicas, in the order in which they connected.
    pub fn list(&self) -> Vec<Fed> {
        lock(&self.fed).values().filter(|fed| fed.until.is_none()).cloned().collect()
    }

    /// Adds a replica. Returns its number among the connected ones.
    pub fn add(&self, replica: Fed) -> u64 {
        let mut fed = lock(&self.fed);
        let id = fed.keys().next_back().map_or(0, |last| last + 1);
        fed.insert(id, replica);
        id
    }

    /// Changes replica `id`, if it is there.
    pub fn change(&self, id: u64, change: impl FnOnce(&mut Fed)) {
        if let Some(fed) = lock(&self.fed).get_mut(&id) {
            change(fed);
        }
    }

    /// Removes replica `id`.
    pub fn remove(&self, id: u64) {
        lock(&self.fed).remove(&id);
    }

    /// Waits until a replica acknowledges entries, or until the feeds end.
    pub fn acked(&self) -> Notified<'_> {
        self.acked.notified()
    }

    /// The number of replicas for which `has` holds.
    pub fn count(&self, has: impl Fn(&Ack) -> bool) -> usize {
        let fed = lock(&self.fed);
        fed.values().filter(|fed| fed.state == FollowerState::Online && has(&fed.progress.ack)).count()
    }

    /// The number of replicas that are sent entries and whose last acknowledgement is less than `age` old.
    pub fn heard(&self, age: Duration) -> u64 {
        let fed = lock(&self.fed);
        let is_good = |fed: &&Fed| fed.state == FollowerState::Online && fed.heard.elapsed() < age;
        fed.values().filter(is_good).count() as u64
    }

    /// The request to end.
    pub fn stopping(&self) -> &Stop {
        &self.stop
    }

    /// Starts the thread of a feed. After the feeds are stopped it starts none, because nothing would wait for it.
    pub fn start(&self, feed: impl FnOnce() + Send + 'static) {
        let mut threads = lock(&self.threads);
        if self.stop.is_set() {
            return;
        }
        match thread::Builder::new().name("feed".to_owned()).spawn(feed) {
            Ok(thread) => {
                threads.retain(|thread| !thread.is_finished());
                threads.push(thread);
            }
            Err(error) => tracing::error!(%error, "cannot start a thread for a replica"),
        }
    }

    /// Ends all feeds, and waits for their threads. None is started afterwards.
    pub fn stop(&self) {
        self.stop.set();
        self.acked.notify_waiters();
        let threads = std::mem::take(&mut *lock(&self.threads));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a feed panicked");
            }
        }
    }
}

/// Answers a replica's hello, and feeds the replica on a new thread. `seat` is dropped when the socket is closed.
pub fn take<F: SharedFiles>(
    role: Role<F>,
    argv: Vec<Vec<u8>>,
    socket: TcpStream,
    already_read: Vec<u8>,
    seat: Seat,
) {
    let shared: Arc<dyn Upstream<F>> = match role {
        Role::Master(shared) => shared,
        Role::Replica(shared) => shared,
        Role::None => return refuse(socket, &NotFed::ChangesRole.to_string()),
    };
    if snapshot::Request::is_in(&argv) {
        match copies::accept(&*shared, &argv) {
            Ok(request) => copies::start(shared, request, (socket, already_read), seat),
            Err(refused) => turn_away(&*shared, &argv, socket, &refused),
        }
        return;
    }
    match accept(&*shared, &argv) {
        Ok((hello, resume)) => {
            let accepted = Accepted { socket, already_read, resume };
            let feeding = Arc::clone(&shared);
            shared.outlet().feeds.start(move || {
                run(&*feeding, accepted, &hello);
                drop(seat);
            });
        }
        Err(refused) => turn_away(&*shared, &argv, socket, &refused),
    }
}

/// Answers a replica that is not fed.
fn turn_away<F: SharedFiles>(shared: &dyn Upstream<F>, argv: &[Vec<u8>], socket: TcpStream, why: &NotFed) {
    let NotFed::Refused(reason) = why else { return refuse(socket, &why.to_string()) };
    shared.outlet().feeds.syncs.refused.fetch_add(1, Ordering::Relaxed);
    let version = Hello::parse(argv).map_or(PROTOCOL_VERSION, |hello| hello.version);
    refuse(socket, &reason.reply(version));
}

/// The reason why a replica is not fed. The text is the error reply.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotFed {
    #[error(transparent)]
    Refused(#[from] handshake::Refusal),
    #[error("TRYAGAIN the log around lsn {at} cannot be read: {error}")]
    Unreadable { at: Lsn, error: SegmentError },
    #[error("LOADING the node is changing its role")]
    ChangesRole,
}

fn accept<F: SharedFiles>(
    shared: &dyn Upstream<F>,
    argv: &[Vec<u8>],
) -> Result<(Hello, handshake::Resume), NotFed> {
    let hello = Hello::parse(argv)?;
    let outlet = shared.outlet();
    let log = outlet.log.state();
    // An entry that is in the log but not published yet must not be sent to a replica.
    let last = outlet.tail.get().last.min(log.last);
    let expiry = outlet.expiry.name().to_owned();
    let (epoch, time, follows) = (shared.epoch(), shared.time(), shared.follows());
    let history = History { first: log.first, last, epochs: log.epochs, epoch, expiry, time, follows };
    let mut unread = None;
    let place = |at: Lsn| match outlet.log.around(at) {
        Ok(around) => {
            handshake::ResumePoint { checksum: around.running, next: around.next.filter(|_| at < last) }
        }
        Err(error) => {
            unread = Some(NotFed::Unreadable { at, error });
            handshake::ResumePoint::default()
        }
    };
    let answered = handshake::answer(&history, &hello, place).map_err(NotFed::from);
    let resume = unread.map_or(answered, Err)?;
    if hello.version < PROTOCOL_VERSION_RUNNING {
        tracing::warn!(
            version = hello.version,
            "a replica speaks an older version: its history is compared by epochs only, and with version 1 it is not \
             sent the offset of the wall clock"
        );
    }
    Ok((hello, resume))
}

fn refuse(mut socket: TcpStream, text: &str) {
    tracing::warn!(reason = text, "replica refused");
    // An error is ignored: the other side may have disconnected.
    let _ = socket.write_all(format!("-{text}\r\n").as_bytes());
}

fn run<F: SharedFiles>(shared: &dyn Upstream<F>, accepted: Accepted, hello: &Hello) {
    let addr = accepted.socket.peer_addr().ok();
    let at = Lsn(accepted.resume.from.0.saturating_sub(1));
    let compression = accepted.resume.codec;
    let progress =
        Progress { sent: at, ack: Ack { received: at, ..Ack::default() }, lag: Default::default() };
    let feeds = shared.outlet().feeds;
    feeds.syncs.resumed.fetch_add(1, Ordering::Relaxed);
    let state = FollowerState::Online;
    let (port, heard) = (hello.port, Instant::now());
    let id = feeds.add(Fed { addr, port, compression, state, progress, heard, until: None });
    note_needed(shared);
    tracing::info!(?addr, from = %accepted.resume.from, "replica attached");
    let report = |progress: Progress| {
        feeds.change(id, |fed| (fed.progress, fed.heard) = (progress, Instant::now()));
        feeds.acked.notify_waiters();
        note_needed(shared);
    };
    let ended = feed(accepted, &Log(shared), &report, &Timing::default(), &feeds.stop);
    feeds.remove(id);
    note_needed(shared);
    match ended {
        Ok(()) => tracing::info!(?addr, "replica detached"),
        Err(error) => tracing::warn!(?addr, %error, "replica connection failed"),
    }
}

/// Updates the first LSN that a purge of the log has to keep: the entry after the last one that the slowest replica has
/// received.
pub(super) fn note_needed<F: SharedFiles>(shared: &dyn Upstream<F>) {
    let Outlet { feeds, needed, .. } = shared.outlet();
    let mut fed = lock(&feeds.fed);
    fed.retain(|_, fed| fed.until.is_none_or(|until| Instant::now() < until));
    let first = fed.values().map(|fed| fed.progress.ack.received.next()).min();
    needed.store(first.unwrap_or(Lsn(u64::MAX)).0, Ordering::Release);
}

/// The node's log, as the feeds read it.
struct Log<'a, F: Files>(&'a dyn Upstream<F>);

impl<F: SharedFiles> Source for Log<'_, F> {
    type Position = Cursor;

    fn wait(&self, seen: Seen, at_most: Duration) -> Option<Tail> {
        self.0.outlet().tail.wait(seen, at_most)
    }

    fn offset(&self, after: Lsn) -> (Offset, Option<Lsn>) {
        self.0.outlet().tail.offset(after)
    }

    fn position(&self, from: Lsn) -> Result<Cursor, SegmentError> {
        self.0.outlet().log.cursor(from)
    }

    fn read(&self, position: &mut Cursor, up_to: Lsn, bytes_max: usize) -> Result<Stretch, SegmentError> {
        self.0.outlet().log.read_bytes(position, up_to, bytes_max)
    }
}
