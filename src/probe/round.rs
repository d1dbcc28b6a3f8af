//! Round — writes → what readers of each replica saw meanwhile, and at the end. Does I/O: nodes, threads, a clock.
//!
//! ```text
//! writer    FLUSHDB, wait │ bursts of writes ─────────────▶│ position of the master
//! readers                 │ read all keys in one MULTI, again and again ──────────▶│ read once more
//! watcher                 │                              │ wait until the replica has applied that position
//! ```
//!
//! A read is recorded only if it differs from the one before. The number of writes that had been sent when its reply was there goes with
//! it: the replica cannot know of more.

use super::compare::{Opened, open};
use super::looks::{Follower, reach};
use super::node::{NOBODYS_KEY, Node, array, bytes, number, strings};
use super::options::{Options, ProbeError};
use super::position::Reached;
use super::read::{pairs, read};
use super::report::OfReplica;
use super::seen::{Field, Seen, Type, Value};
use redis::{Pipeline, Value as Reply};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Reads of one reader that are kept of a round. Further ones are not looked at, except the last.
const READS_MAX: usize = 4096;

/// How often a database is emptied before a round until the replicas show it empty.
const FLUSHES: usize = 3;

/// Requests of one burst; the sizes take turns. A burst is sent in one, so the replica gets more than it applies at once.
const BURSTS: [usize; 5] = [1, 4, 64, 16, 2];

/// A request: a command, or the commands of a MULTI; each as its words.
pub type Request = Vec<Vec<Vec<u8>>>;

/// A round that is to be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// Its writes.
    pub requests: Vec<Request>,
    /// The keys that are read, each with its type.
    pub keys: Vec<(Vec<u8>, Type)>,
    /// When each request is sent, in milliseconds from the begin of the round; `None`: in bursts, as fast as the master answers.
    pub at_ms: Option<Vec<u64>>,
    /// Which size of burst comes first.
    pub shift: usize,
}

/// The master's answer to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A number.
    Number(i64),
    /// An error.
    Refused(String),
    /// Something else.
    Other,
}

/// One read of all keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// The number of requests that had been sent when the reply was there.
    pub sent: usize,
    /// The values, in the order of the keys. What the node refused to show is [`Value::Unread`], with its reason.
    pub values: Vec<Value>,
}

/// The reads of one replica.
#[derive(Clone, Debug, PartialEq)]
pub struct Watched {
    /// The reads, in order.
    pub reads: Vec<Read>,
    /// Whether it reached the master's position.
    pub reached: Reached,
    /// The position of the master and of the replica, if that was not reached.
    pub positions: Option<(i64, i64)>,
    /// The read after it had reached the position, or after the time allowed.
    pub end: Vec<Value>,
    /// The keys of the master and of the replica with their deadlines, if the requests have instants and the position was reached.
    pub stored: Option<Stored>,
    /// Milliseconds from the master's last answer until the position was reached.
    pub caught_up_ms: u64,
    /// The lag that the servers report after the last write, in milliseconds; `None`: they report none.
    pub reported_lag_ms: Option<u64>,
}

/// The contents of both nodes with the same log applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The master's keys, in the order of the keys of the round.
    pub master: Vec<Seen>,
    /// The replica's keys.
    pub replica: Vec<Seen>,
    /// The later of the nodes' own clocks after the reads, in milliseconds since 1970; `None`: one does not tell its clock.
    pub latest_clock: Option<i64>,
}

/// The reads of a round.
#[derive(Clone, Debug, PartialEq)]
pub struct Played {
    /// The master's answers to the commands of each request.
    pub answers: Vec<Vec<Answer>>,
    /// The master's keys at the end.
    pub master: Vec<Value>,
    /// The replicas, in the order of the options.
    pub replicas: Vec<Watched>,
}

/// The nodes, connected.
pub struct Nodes {
    options: Options,
    master: Node,
    followers: Vec<Follower>,
    readers: Vec<Node>,
    /// The master's server and version.
    pub software: String,
    /// The replicas' names, servers and versions.
    pub replicas: Vec<OfReplica>,
}

impl Nodes {
    /// Connects, and goes to the database, which must be empty unless `is_owned`. Errors: a node cannot be used, or there are keys.
    pub fn open(options: &Options, database: i64, is_owned: bool) -> Result<Nodes, ProbeError> {
        let mut master = Node::open(&options.master, &options.of_master)?;
        if let Some(reason) = master.info()?.unfit_as_master() {
            return Err(ProbeError::Unfit { node: master.name(), role: "the master".to_owned(), reason });
        }
        let mut readers = Vec::new();
        for address in &options.replicas {
            readers.push(Node::open(address, &options.of_replicas)?);
        }
        for node in std::iter::once(&mut master).chain(&mut readers) {
            node.select(database)?;
            let size = number(&node.ask_one("DBSIZE", &[])?).unwrap_or_default();
            if size > 0 && !is_owned {
                let role = format!("a node whose database {database} is emptied");
                let reason = format!(
                    "it has {size} keys there; choose an empty one with --db, or say --i-own-this-database"
                );
                return Err(ProbeError::Unfit { node: node.name(), role, reason });
            }
        }
        begin_history(&mut master)?;
        let Opened { mut master, info, mut followers, replicas } = opened_in_time(options)?;
        master.select(database)?;
        followers.iter_mut().try_for_each(|follower| follower.node.select(database))?;
        let software = info.software();
        Ok(Nodes { options: options.clone(), master, followers, readers, software, replicas })
    }

    /// A node that does not tell deadlines as instants (PEXPIRETIME); `None`: all do.
    pub fn without_deadlines(&self) -> Option<String> {
        let nodes = std::iter::once(&self.master).chain(&self.readers);
        nodes.filter(|node| !node.knows.pexpiretime).map(Node::name).next()
    }

    /// Plays a round. Errors: a node does not answer any more.
    pub fn play(&mut self, round: &Round) -> Result<Played, ProbeError> {
        self.empty(&round.keys)?;
        let (sent, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
        let Nodes { options, master, followers, readers, .. } = self;
        let (written, reached, reads) = thread::scope(|scope| {
            let watch = |node| {
                let (sent, is_over) = (&sent, &is_over);
                scope.spawn(move || watch(node, &round.keys, sent, is_over))
            };
            let watching: Vec<_> = readers.iter_mut().map(watch).collect();
            let written = write(master, round, &sent);
            let reached = match &written {
                Ok(_) => followers.iter_mut().map(|follower| caught_up(master, follower, options)).collect(),
                Err(_) => Ok(Vec::new()),
            };
            is_over.store(true, Ordering::SeqCst);
            let join = |watching: thread::ScopedJoinHandle<'_, _>| {
                watching.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            let reads: Vec<Result<Vec<Read>, ProbeError>> = watching.into_iter().map(join).collect();
            (written, reached, reads)
        });
        let (answers, reached) = (written?, reached?);
        let mut replicas = Vec::new();
        for ((reads, reader), caught_up) in reads.into_iter().zip(readers).zip(reached) {
            let CaughtUp { reached, positions, after_ms, reported_lag_ms } = caught_up;
            let end = read_at_once(reader, &round.keys)?;
            let is_timed = round.at_ms.is_some() && reached == Reached::Position;
            let stored = is_timed.then(|| read_stored(master, reader, &round.keys)).transpose()?;
            let caught_up_ms = after_ms;
            replicas.push(Watched {
                reads: reads?,
                reached,
                positions,
                end,
                stored,
                caught_up_ms,
                reported_lag_ms,
            });
        }
        Ok(Played { answers, master: read_at_once(master, &round.keys)?, replicas })
    }

    /// Empties the database, on the replicas too. Errors: a node does not answer, or a replica keeps a key.
    pub fn empty(&mut self, keys: &[(Vec<u8>, Type)]) -> Result<(), ProbeError> {
        let Nodes { options, master, followers, readers, .. } = self;
        for _ in 0..FLUSHES {
            master.ask_one("FLUSHDB", &[])?;
            let mut is_empty = true;
            for (follower, reader) in followers.iter_mut().zip(readers.iter_mut()) {
                reach(master, follower, options, true)?;
                let values = read_at_once(reader, keys)?;
                is_empty &= values.iter().all(|value| *value == Value::Absent);
            }
            if is_empty {
                return Ok(());
            }
        }
        let role = "a replica for a round".to_owned();
        let reason = format!(
            "a replica keeps keys after {FLUSHES} FLUSHDB on it; another client may write to this database"
        );
        Err(ProbeError::Unfit { node: master.name(), role, reason })
    }
}

/// Writes one key and empties the database: a replica of this project's server tells no history before its first entry.
fn begin_history(master: &mut Node) -> Result<(), ProbeError> {
    master.ask_one("SET", &[NOBODYS_KEY.as_bytes(), b"1"])?;
    master.ask_one("FLUSHDB", &[]).map(|_| ())
}

/// The nodes, as soon as the replicas follow the master. Errors: they do not within the time allowed.
fn opened_in_time(options: &Options) -> Result<Opened, ProbeError> {
    let started = Instant::now();
    loop {
        match open(options) {
            Err(ProbeError::Unfit { .. }) if started.elapsed() < options.wait => thread::sleep(OPEN_PAUSE),
            opened => return opened,
        }
    }
}

/// The pause between two looks whether the replicas follow.
const OPEN_PAUSE: Duration = Duration::from_millis(50);

/// Whether and when a replica reached the master's position.
struct CaughtUp {
    reached: Reached,
    positions: Option<(i64, i64)>,
    after_ms: u64,
    reported_lag_ms: Option<u64>,
}

fn caught_up(master: &mut Node, follower: &mut Follower, options: &Options) -> Result<CaughtUp, ProbeError> {
    let started = Instant::now();
    let own = follower.node.info_of_replication()?.lag_ms();
    let reported_lag_ms = match own {
        Some(lag_ms) => Some(lag_ms),
        None => master.info_of_replication()?.lag_of_replica_ms(follower.node.port()),
    };
    let reached = match reach(master, follower, options, true)? {
        // Without a position only time can be waited for.
        Reached::Unknown { .. } => {
            thread::sleep(options.wait.min(UNKNOWN_WAIT));
            Reached::Unknown { waited: true }
        }
        reached => reached,
    };
    let after_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let positions = match reached {
        Reached::NotInTime => {
            let at_master = master.info_of_replication()?.position_of_master().offset();
            at_master.zip(follower.node.position_of_replica()?.0.offset())
        }
        _ => None,
    };
    Ok(CaughtUp { reached, positions, after_ms, reported_lag_ms })
}

/// How long a replica without a position is given in each round.
const UNKNOWN_WAIT: Duration = Duration::from_millis(200);

/// Sends the requests in bursts, and counts them before they leave.
fn write(master: &mut Node, round: &Round, sent: &AtomicUsize) -> Result<Vec<Vec<Answer>>, ProbeError> {
    let mut answers = Vec::with_capacity(round.requests.len());
    let mut rest = &round.requests[..];
    let started = Instant::now();
    let timed = [1];
    let sizes = if round.at_ms.is_some() { &timed[..] } else { &BURSTS[..] };
    let sizes = sizes.iter().cycle().skip(round.shift % sizes.len());
    for size in sizes {
        if rest.is_empty() {
            break;
        }
        if let Some(at_ms) = round.at_ms.as_ref().and_then(|all| all.get(answers.len())) {
            thread::sleep(Duration::from_millis(*at_ms).saturating_sub(started.elapsed()));
        }
        let (burst, later) = rest.split_at(rest.len().min(*size));
        let mut pipe = redis::pipe();
        burst.iter().for_each(|request| add(&mut pipe, request));
        sent.fetch_add(burst.len(), Ordering::SeqCst);
        let mut replies = master.ask(&pipe)?.into_iter();
        answers.extend(burst.iter().map(|request| answer(request, &mut replies)));
        rest = later;
    }
    Ok(answers)
}

fn add(pipe: &mut Pipeline, request: &Request) {
    let is_transaction = request.len() > 1;
    if is_transaction {
        pipe.cmd("MULTI");
    }
    for command in request {
        // A command has a name.
        pipe.cmd(&String::from_utf8_lossy(&command[0]));
        command[1..].iter().for_each(|word| {
            pipe.arg(word.as_slice());
        });
    }
    if is_transaction {
        pipe.cmd("EXEC");
    }
}

fn answer(request: &Request, replies: &mut impl Iterator<Item = Reply>) -> Vec<Answer> {
    let one = |reply: Option<Reply>| match reply {
        Some(Reply::Int(number)) => Answer::Number(number),
        Some(Reply::ServerError(error)) => Answer::Refused(error.to_string()),
        _ => Answer::Other,
    };
    if request.len() == 1 {
        return vec![one(replies.next())];
    }
    let last = replies.by_ref().nth(request.len() + 1);
    match last {
        Some(Reply::Array(replies)) => replies.into_iter().map(|reply| one(Some(reply))).collect(),
        other => vec![one(other)],
    }
}

/// Reads what both nodes hold, with deadlines.
fn read_stored(
    master: &mut Node,
    replica: &mut Node,
    keys: &[(Vec<u8>, Type)],
) -> Result<Stored, ProbeError> {
    let names: Vec<Vec<u8>> = keys.iter().map(|(key, _)| key.clone()).collect();
    let (ours, theirs) = (read(master, &names, false)?, read(replica, &names, false)?);
    let clocks = master.clock_ms()?.zip(replica.clock_ms()?);
    let latest_clock = clocks.map(|(master, replica)| master.max(replica));
    Ok(Stored { master: ours, replica: theirs, latest_clock })
}

/// Reads until the round is over.
fn watch(
    node: &mut Node,
    keys: &[(Vec<u8>, Type)],
    sent: &AtomicUsize,
    is_over: &AtomicBool,
) -> Result<Vec<Read>, ProbeError> {
    let mut reads: Vec<Read> = Vec::new();
    while !is_over.load(Ordering::SeqCst) && reads.len() < READS_MAX {
        let values = read_at_once(node, keys)?;
        let sent = sent.load(Ordering::SeqCst);
        if reads.last().is_none_or(|last| last.values != values) {
            reads.push(Read { sent, values });
        }
    }
    Ok(reads)
}

/// Reads all keys in one MULTI.
fn read_at_once(node: &mut Node, keys: &[(Vec<u8>, Type)]) -> Result<Vec<Value>, ProbeError> {
    let mut pipe = redis::pipe();
    pipe.cmd("MULTI");
    for (key, kind) in keys {
        match kind {
            Type::List => pipe.cmd("LRANGE").arg(key.as_slice()).arg(0).arg(-1),
            Type::Set => pipe.cmd("SMEMBERS").arg(key.as_slice()),
            Type::Hash => pipe.cmd("HGETALL").arg(key.as_slice()),
            Type::SortedSet => pipe.cmd("ZRANGE").arg(key.as_slice()).arg(0).arg(-1).arg("WITHSCORES"),
            Type::Text | Type::Stream => pipe.cmd("GET").arg(key.as_slice()),
        };
    }
    pipe.cmd("EXEC");
    match node.ask(&pipe)?.pop() {
        Some(Reply::Array(replies)) if replies.len() == keys.len() => {
            Ok(replies.into_iter().zip(keys).map(|(reply, (_, kind))| value(reply, *kind)).collect())
        }
        Some(Reply::ServerError(error)) => {
            Err(ProbeError::Refused { node: node.name(), command: "MULTI", reason: error.to_string() })
        }
        _ => {
            let reason = "EXEC does not reply with as many values as were asked for".to_owned();
            Err(ProbeError::Refused { node: node.name(), command: "MULTI", reason })
        }
    }
}

/// The value in a reply.
fn value(reply: Reply, kind: Type) -> Value {
    if let Reply::ServerError(error) = &reply {
        return Value::Unread(error.to_string());
    }
    match kind {
        Type::Text | Type::Stream => match bytes(&reply) {
            Some(text) => Value::Text(text.to_vec()),
            None => Value::Absent,
        },
        _ if array(reply.clone()).is_empty() => Value::Absent,
        Type::List => Value::List(strings(reply)),
        Type::Set => Value::Set(strings(reply).into_iter().collect()),
        Type::SortedSet => Value::SortedSet(pairs(strings(reply))),
        Type::Hash => {
            let field = |(name, value)| (name, Field { value, deadline: None });
            Value::Hash(pairs(strings(reply)).into_iter().map(field).collect())
        }
    }
}
