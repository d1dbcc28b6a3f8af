//! A master for the tests of replication: a log in memory behind a lock, and a server that knows one command.

use super::entries::entry;
use redis_protocol::resp2::{decode::decode, types::OwnedFrame};
use replicheck::binlog::codec::encoded_bytes;
use replicheck::binlog::{Entry, Epoch, Head, Log, Lsn, SegmentError, Stretch, encode};
use replicheck::replication::feed::{Accepted, FeedError, Progress, Source, feed};
use replicheck::replication::handshake::{Hello, History, Refusal, ResumePoint, answer};
use replicheck::replication::sender::Seen;
use replicheck::replication::session::{Stop, Timing};
use replicheck::replication::{Offset, Tail};
use replicheck::time::Millis;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Longer than any step of these tests takes; a test that waits so long fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Time limits with frequent retries. The limit on silence is long, for machines that are busy.
pub fn timing() -> Timing {
    Timing {
        silence: PATIENCE,
        ack: Duration::from_millis(2),
        idle: Duration::from_millis(20),
        retry: Duration::from_micros(100),
        retry_max: Duration::from_millis(2),
        ..Timing::default()
    }
}

#[derive(Default)]
struct State {
    log: Log,
    tail: Tail,
    /// Each offset, with the entry from which on it holds.
    offsets: Vec<(Lsn, i64)>,
    /// How many bytes of the log were read.
    read_bytes: usize,
    is_stopped: bool,
    /// How each feed ended, with the replicas that the handshake refused.
    ends: Vec<Result<(), FeedError>>,
    refusals: Vec<Refusal>,
    progress: Vec<Progress>,
    connections: usize,
}

/// The log of a master, and what happened to its feeds.
#[derive(Default)]
pub struct LogSource {
    state: Mutex<State>,
    changed: Condvar,
}

impl LogSource {
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state.lock().expect("no panic before"));
        self.changed.notify_all();
        result
    }

    /// Appends entries, each with a log time one higher than the one before; a heartbeat follows every third entry.
    pub fn write(&self, count: usize, epoch: u64, value_bytes: usize) {
        for _ in 0..count {
            self.change(|State { log, tail, .. }| {
                let entry = entry(tail.last.0 + 1, epoch, tail.time.0 + 1, value_bytes);
                let late = u64::from(entry.lsn.0.is_multiple_of(3));
                *tail = Tail {
                    last: entry.lsn,
                    time: Millis(entry.time.0 + late),
                    bytes: tail.bytes + encoded_bytes(&entry) as u64,
                };
                log.append(entry).expect("what comes next");
            });
        }
    }

    /// Advances log time.
    pub fn tick(&self, ms: u64) {
        self.change(|state| state.tail.time.0 += ms);
    }

    /// Changes the offset from here on.
    pub fn step(&self, offset_ms: i64) {
        self.change(|state| state.offsets.push((state.tail.last, offset_ms)));
    }

    pub fn log(&self) -> Log {
        self.change(|state| state.log.clone())
    }

    pub fn tail(&self) -> Tail {
        self.change(|state| state.tail)
    }

    pub fn read_bytes(&self) -> usize {
        self.change(|state| state.read_bytes)
    }

    pub fn connections(&self) -> usize {
        self.change(|state| state.connections)
    }

    pub fn progress(&self) -> Vec<Progress> {
        self.change(|state| state.progress.clone())
    }

    pub fn refusals(&self) -> Vec<Refusal> {
        self.change(|state| state.refusals.clone())
    }

    /// Waits until no feed has read the log for `quiet`.
    pub fn wait_until_not_read(&self, quiet: Duration) {
        let mut state = self.state.lock().expect("no panic before");
        loop {
            let before = state.read_bytes;
            let (after, waited) = self
                .changed
                .wait_timeout_while(state, quiet, |state| state.read_bytes == before)
                .expect("no panic before");
            state = after;
            if waited.timed_out() {
                return;
            }
        }
    }

    /// Waits for that many feeds to end; takes their results.
    pub fn wait_for_ends(&self, count: usize) -> Vec<Result<(), FeedError>> {
        let state = self.state.lock().expect("no panic before");
        let (mut state, waited) = self
            .changed
            .wait_timeout_while(state, PATIENCE, |state| state.ends.len() < count)
            .expect("no panic before");
        assert!(!waited.timed_out(), "{} of {count} feeds have ended", state.ends.len());
        std::mem::take(&mut state.ends)
    }
}

impl Source for LogSource {
    type Position = Lsn;

    fn wait(&self, seen: Seen, at_most: Duration) -> Option<Tail> {
        let state = self.state.lock().expect("no panic before");
        let is_seen = |state: &mut State| {
            !state.is_stopped && state.tail.last <= seen.last && state.tail.time <= seen.time
        };
        let (state, _) = self.changed.wait_timeout_while(state, at_most, is_seen).expect("no panic before");
        (!state.is_stopped).then_some(state.tail)
    }

    fn offset(&self, after: Lsn) -> (Offset, Option<Lsn>) {
        self.change(|State { offsets, .. }| {
            let holds = offsets.iter().rev().find(|(from, _)| *from <= after);
            let next = offsets.iter().find(|(from, _)| *from > after);
            let offset_ms = holds.map_or(0, |&(_, offset)| offset);
            (Offset { time: Millis::ZERO, after, offset_ms }, next.map(|&(from, _)| from))
        })
    }

    fn position(&self, from: Lsn) -> Result<Lsn, SegmentError> {
        Ok(from)
    }

    fn read(&self, position: &mut Lsn, up_to: Lsn, bytes_max: usize) -> Result<Stretch, SegmentError> {
        self.change(|state| {
            let mut group = Stretch::default();
            for entry in state.log.from(*position).iter().take_while(|entry| entry.lsn <= up_to) {
                let is_too_much = group.bytes.len() + encoded_bytes(entry) > bytes_max;
                if is_too_much && group.last.is_some() {
                    break;
                }
                let Entry { lsn, epoch, time, .. } = *entry;
                encode(entry, &mut group.bytes).expect("it is small");
                group.last = Some(Head { lsn, epoch, time });
                *position = lsn.next();
            }
            state.read_bytes += group.bytes.len();
            Ok(group)
        })
    }
}

/// A server on a free port that answers RCSYNC from a [`LogSource`].
pub struct Master {
    pub source: Arc<LogSource>,
    pub address: String,
    stop: Stop,
    accepts: Option<JoinHandle<()>>,
}

impl Master {
    /// A master whose current epoch is `epoch`.
    pub fn new(source: LogSource, epoch: u64, timing: Timing) -> Master {
        let (source, stop) = (Arc::new(source), Stop::new());
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let (shared, stopped) = (Arc::clone(&source), stop.clone());
        let accepts = thread::spawn(move || {
            thread::scope(|scope| {
                for socket in listener.incoming().map_while(Result::ok).take_while(|_| !stopped.is_set()) {
                    let (source, stopped) = (&shared, &stopped);
                    scope.spawn(move || serve(socket, source, epoch, &timing, stopped));
                }
            });
        });
        Master { source, address, stop, accepts: Some(accepts) }
    }

    /// Stops the feeds, and waits until they have ended.
    pub fn stop(&mut self) {
        self.stop.set();
        self.source.change(|state| state.is_stopped = true);
        // Wakes the accepting thread.
        let _ = TcpStream::connect(&self.address);
        if let Some(accepts) = self.accepts.take() {
            accepts.join().expect("no panic in a feed");
        }
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        if thread::panicking() {
            self.stop.set();
        } else {
            self.stop();
        }
    }
}

fn serve(mut socket: TcpStream, source: &LogSource, epoch: u64, timing: &Timing, stop: &Stop) {
    let Some((argv, already_read)) = command(&mut socket) else { return };
    let history = source.change(|state| {
        state.connections += 1;
        History {
            first: Lsn(1),
            last: state.log.last(),
            epochs: state.log.epochs().to_vec(),
            epoch: Epoch(epoch),
            expiry: "log_clock".to_owned(),
            time: state.tail.time,
            follows: false,
        }
    });
    match Hello::parse(&argv).and_then(|hello| answer(&history, &hello, |_| ResumePoint::default())) {
        Ok(resume) => {
            let accepted = Accepted { socket, already_read, resume };
            let report = |progress| source.change(|state| state.progress.push(progress));
            let end = feed(accepted, source, &report, timing, stop);
            source.change(|state| state.ends.push(end));
        }
        Err(refusal) => {
            let _ = socket.write_all(format!("-{refusal}\r\n").as_bytes());
            source.change(|state| state.refusals.push(refusal));
        }
    }
}

/// A command from a client, and the bytes that were read after it; `None` if the client disconnected before.
pub fn command(socket: &mut TcpStream) -> Option<(Vec<Vec<u8>>, Vec<u8>)> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 1000]);
    loop {
        match socket.read(&mut buffer) {
            Ok(length) if length > 0 => bytes.extend_from_slice(&buffer[..length]),
            _ => return None,
        }
        if let Some((OwnedFrame::Array(words), used)) = decode(&bytes).expect("RESP") {
            let word = |word| match word {
                OwnedFrame::BulkString(bytes) => bytes,
                other => panic!("a command has no {other:?}"),
            };
            return Some((words.into_iter().map(word).collect(), bytes.split_off(used)));
        }
    }
}
