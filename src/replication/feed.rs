//! Feed — sends the master's log to one replica. Does I/O: a socket, two threads.
//!
//! ```text
//! Source ── wait, read ──▶ the caller's thread ── entries, heartbeats ──▶ socket
//!                          a second thread     ◀── acks ───────────────── socket ──▶ report
//! ```
//!
//! One group of entries is in memory at a time. If a replica does not read, the writing thread blocks in its write, and so
//! reads no more of the log. The replica stays connected as long as it sends acks.

use super::handshake::Resume;
use super::lag::{Lag, Marks};
use super::order::Acks;
use super::sender::{Seen, Sender};
use super::session::{End, EndOnDrop, POLL, Session, Stop, Timing};
use super::wire::{Incoming, WireError, decode_ack, encode_heartbeat, encode_offset};
use super::{Ack, Offset, Tail};
use crate::binlog::{Lsn, SegmentError, Stretch};
use crate::compression::stream::Encoder;
use std::io;
use std::net::TcpStream;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The approximate number of bytes of entries that are read and sent at a time. A single entry may be longer.
pub const GROUP_BYTES: usize = 256 << 10;
/// Bytes of one read of acks.
const ACKS_BYTES: usize = 4 << 10;

/// The master's log, as the feeds read it.
pub trait Source: Sync {
    /// A place in the log, which the reader keeps between reads.
    type Position: Send;

    /// Waits until the tail has an entry or a log time after `seen`, but no longer than `at_most`. Returns the tail in any
    /// case; `None` if the node stops. With appendfsync `always` the tail contains only durable entries.
    fn wait(&self, seen: Seen, at_most: Duration) -> Option<Tail>;

    /// The master's offset after entry `after`, and the entry after which the next offset holds.
    fn offset(&self, after: Lsn) -> (Offset, Option<Lsn>);

    /// The place before entry `from`. Errors: `Purged`.
    fn position(&self, from: Lsn) -> Result<Self::Position, SegmentError>;

    /// Reads the bytes of the next entries through `up_to`, about `bytes_max` bytes of them and at least one entry. `up_to`
    /// is at or before the tail. Errors: `Purged`, and errors of the disk. The feed then ends, and the replica reconnects.
    fn read(
        &self,
        position: &mut Self::Position,
        up_to: Lsn,
        bytes_max: usize,
    ) -> Result<Stretch, SegmentError>;
}

/// A replica whose handshake was accepted, but not answered yet.
#[derive(Debug)]
pub struct Accepted {
    /// Its connection, in blocking or non-blocking mode.
    pub socket: TcpStream,
    /// The bytes that were read from it after the command.
    pub already_read: Vec<u8>,
    /// The answer to send.
    pub resume: Resume,
}

/// The progress of one replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The last entry written to its connection.
    pub sent: Lsn,
    /// The LSNs that it has acknowledged.
    pub ack: Ack,
    /// The lag of its last applied entry.
    pub lag: Lag,
}

/// The reason for which a feed ended. The connection is closed; the replica may connect again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeedError {
    /// The connection ended.
    #[error(transparent)]
    End(#[from] End),
    /// The replica sent bytes that are not a valid next ack.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The log cannot be read.
    #[error(transparent)]
    Source(#[from] SegmentError),
    /// The compressor failed, for example for lack of memory.
    #[error("cannot compress: {0}")]
    Compress(io::Error),
    /// The store cannot be read.
    #[error("cannot read the store: {0}")]
    Store(String),
    /// The source returned no entry although its tail is later.
    #[error("log returned no entry after lsn {after}, although it has entries through lsn {last}")]
    Nothing {
        /// The last entry that was read.
        after: Lsn,
        /// The entry through which the source had entries to read.
        last: Lsn,
    },
}

impl From<io::Error> for FeedError {
    fn from(error: io::Error) -> FeedError {
        End::Io(error).into()
    }
}

/// The state that both threads of a feed share.
struct FeedState {
    sent: Lsn,
    marks: Marks,
    cause: Option<FeedError>,
}

/// Answers a replica and sends it the log from there on. It returns `Ok` when `stop` is set or the source ends. `report` is
/// called with the progress at each ack, on a thread of the feed; it should not block. Errors: [`FeedError`].
///
/// After `stop` is set it returns within about [`POLL`], however slow the replica is.
pub fn feed<S: Source>(
    accepted: Accepted,
    source: &S,
    report: &(dyn Fn(Progress) + Sync),
    timing: &Timing,
    stop: &Stop,
) -> Result<(), FeedError> {
    let Accepted { socket, already_read, resume } = accepted;
    let session = Session::new(socket, stop)?;
    let before = Lsn(resume.from.0.saturating_sub(1));
    let shared = Mutex::new(FeedState { sent: before, marks: Marks::new(before), cause: None });
    let feed = Feed { session, shared, source, timing };
    thread::scope(|scope| {
        scope.spawn(|| feed.run(|| feed.read_acks(already_read, report)));
        feed.run(|| feed.write_log(&resume));
    });
    match feed.shared.into_inner().unwrap_or_else(PoisonError::into_inner).cause {
        None | Some(FeedError::End(End::Stopped)) => Ok(()),
        Some(error) => Err(error),
    }
}

struct Feed<'a, S: Source> {
    session: Session<'a>,
    shared: Mutex<FeedState>,
    source: &'a S,
    timing: &'a Timing,
}

impl<S: Source> Feed<'_, S> {
    fn shared(&self) -> MutexGuard<'_, FeedState> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the part of one thread. When one part ends, the session ends, and so does the other part. The error of the part
    /// that ended first is kept as the cause.
    fn run(&self, part: impl FnOnce() -> Result<(), FeedError>) {
        let _end = EndOnDrop(&self.session);
        let cause = part().err().unwrap_or(End::Stopped.into());
        self.shared().cause.get_or_insert(cause);
    }

    fn read_acks(&self, already_read: Vec<u8>, report: &dyn Fn(Progress)) -> Result<(), FeedError> {
        let (mut acks, mut incoming) = (Acks::default(), Incoming::new(already_read));
        let mut buffer = vec![0; ACKS_BYTES];
        loop {
            while let Some(ack) = incoming.next(decode_ack)? {
                let progress = {
                    let mut shared = self.shared();
                    acks.take(ack, shared.sent)?;
                    Progress { sent: shared.sent, ack, lag: shared.marks.lag(ack.applied) }
                };
                report(progress);
            }
            let length = self.session.read(&mut buffer, self.timing.silence)?;
            incoming.push(&buffer[..length]);
        }
    }

    fn write_log(&self, resume: &Resume) -> Result<(), FeedError> {
        let mut position = self.source.position(resume.from)?;
        self.session.write(format!("+{}\r\n", resume.status()).as_bytes())?;
        let mut encoder = Encoder::new(resume.codec).map_err(FeedError::Compress)?;
        let (mut sender, mut beat) = (Sender::new(resume), Instant::now());
        while !self.session.is_ended() {
            let Some(tail) = self.source.wait(sender.seen(), POLL.min(self.timing.idle)) else {
                return Ok(());
            };
            let mut bytes = Vec::new();
            let next = sender.next(tail, self.source.offset(sender.seen().last));
            if let Some(offset) = next.offset {
                encode_offset(&offset, &mut bytes);
            }
            if let Some(up_to) = next.up_to {
                sender.entries(self.read_group(&mut position, sender.seen(), up_to, &mut bytes)?);
            }
            if let Some(heartbeat) = sender.heartbeat(tail, beat.elapsed() >= self.timing.idle) {
                encode_heartbeat(&heartbeat, &mut bytes);
                beat = Instant::now();
            }
            self.sending(sender.seen(), tail);
            self.session.write(&encoder.encode(bytes).map_err(FeedError::Compress)?)?;
        }
        Ok(())
    }

    /// Reads the next group, at most through `up_to`, and appends it to `bytes`. Returns the place after it.
    fn read_group(
        &self,
        position: &mut S::Position,
        seen: Seen,
        up_to: Lsn,
        bytes: &mut Vec<u8>,
    ) -> Result<Seen, FeedError> {
        let group = self.source.read(position, up_to, GROUP_BYTES)?;
        let nothing = FeedError::Nothing { after: seen.last, last: up_to };
        let seen = group.last.map(|head| Seen { last: head.lsn, time: head.time }).ok_or(nothing)?;
        self.shared().marks.pass(seen.last, group.bytes.len() as u64, seen.time);
        bytes.extend_from_slice(&group.bytes);
        Ok(seen)
    }

    /// Notes what is about to be written. It is called before the write, because an ack may arrive before the write
    /// returns.
    fn sending(&self, seen: Seen, tail: Tail) {
        let mut shared = self.shared();
        shared.sent = seen.last;
        shared.marks.pass(seen.last, 0, seen.time);
        shared.marks.end(tail);
    }
}
