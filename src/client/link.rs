//! Link — a replica's connection to its master, made again whenever it is lost. Does I/O: sockets, two threads.
//!
//! ```text
//! connecting ──▶ up ──▶ down ── pause ──▶ connecting …            pauses 50 ms, 100, 200, … 5 s, each less some chance
//!     └─▶ down     └─▶ stopped: refused, or the follower cannot go on
//! ```
//!
//! The follower takes entries on the link's thread. While it is busy nothing is read, TCP's window fills, and the master
//! waits: that is the back-pressure. Acks go out on a second thread meanwhile, so that the master knows who is slow and
//! who is gone.

use super::{ClientError, OwnedFrame, command_bytes, connect, reply_in};
use crate::binlog::{Entry, Epoch};
use crate::compression::{Codec, stream};
use crate::replication::handshake::{Hello, Resume};
use crate::replication::order::Receiver;
use crate::replication::session::{End, EndOnDrop, Session, Stop, Timing};
use crate::replication::wire::{Downstream, Incoming, WireError, decode_downstream, encode_ack};
use crate::replication::{Ack, Heartbeat, Offset, PROTOCOL_VERSION, PROTOCOL_VERSION_MIN};
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes that are read at a time: the entries in them are one group.
pub const READ_BYTES: usize = 256 << 10;
/// Bytes of the longest answer to a hello.
const ANSWER_BYTES_MAX: usize = 4 << 10;
/// How the reply begins that no retry will change.
const REFUSED: &str = "NOSYNC";
/// How a refusal begins that asking with a lower version may change; [`crate::replication::handshake::Refusal::Version`].
const OTHER_VERSION: &str = "NOSYNC replica speaks replication version ";

/// Why a follower cannot go on. The node stops, and a person looks after it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FollowerError(pub String);

/// Who takes what the link brings. Two threads call it: the link's own, and one that asks for `acks` only.
pub trait Follower: Sync {
    /// Where the replica is, asked once there is a connection; its version is the link's to set. Its `last` is what [`Follower::acks`] gives as received.
    fn hello(&self) -> Hello;

    /// The handshake was accepted; entries from `resume.from` on will follow.
    fn resumed(&self, resume: Resume) -> Result<(), FollowerError>;

    /// The next entries, never none, in `bytes` bytes. It blocks while it has no room. Errors: the link stops for good.
    fn entries(&self, entries: Vec<Entry>, bytes: &[u8]) -> Result<(), FollowerError>;

    /// Log time after the last entry given.
    fn heartbeat(&self, heartbeat: Heartbeat) -> Result<(), FollowerError>;

    /// The master's offset after the last entry given.
    fn offset(&self, offset: Offset);

    /// What the replica has. It may not block for long.
    fn acks(&self) -> Ack;

    /// What became of the link.
    fn link(&self, state: LinkState);
}

/// State of a link.
#[derive(Debug)]
pub enum LinkState {
    /// It asks for a connection.
    Connecting,
    /// The handshake was accepted.
    Up {
        /// What compresses what the master sends.
        codec: Codec,
    },
    /// It is lost, and will be tried again after a pause.
    Down {
        /// Why.
        reason: LinkError,
        /// The pause.
        pause: Duration,
    },
    /// It will not be tried again; [`LinkError::End`] if it was told to stop.
    Stopped {
        /// Why.
        reason: LinkError,
    },
}

/// Why a link is down.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// There is no connection, or what came is no reply.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The connection ended.
    #[error(transparent)]
    End(#[from] End),
    /// The master answered something else: it is loading, or is no master of this kind.
    #[error("master answered {0}")]
    Answer(String),
    /// The master will never accept this replica as it is; its own words.
    #[error("{0}")]
    Refused(String),
    /// The stream is not what may come next.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The stream is not what the codec makes, or it has ended.
    #[error("compressed stream: {0}")]
    Stream(io::Error),
    /// The follower cannot go on.
    #[error(transparent)]
    Follower(#[from] FollowerError),
}

impl LinkError {
    /// Whether another try may do better.
    fn is_for_now(&self) -> bool {
        !matches!(self, LinkError::Refused(_) | LinkError::Follower(_) | LinkError::End(End::Stopped))
    }
}

/// A replica's link to one master.
#[derive(Clone, Debug)]
pub struct Link {
    /// The master, `host:port`.
    pub address: String,
    /// Its time limits.
    pub timing: Timing,
    /// Of the chance in its pauses.
    pub seed: u64,
}

impl Link {
    /// Follows the master until `stop` is asked for, the master refuses, or the follower fails; the last state that
    /// the follower is told is `Stopped`. It returns within about the connection's limit of `stop`, as long as the
    /// follower does not block.
    pub fn run(&self, follower: &impl Follower, stop: &Stop) {
        let mut random = fastrand::Rng::with_seed(self.seed);
        let mut failures = 0;
        loop {
            follower.link(LinkState::Connecting);
            let mut heard = false;
            let reason = self.follow(follower, stop, &mut heard).err().unwrap_or(End::Stopped.into());
            if !reason.is_for_now() {
                tracing::warn!(master = self.address, %reason, "link stopped");
                return follower.link(LinkState::Stopped { reason });
            }
            failures = if heard { 0 } else { failures + 1 };
            let pause = pause(&self.timing, failures, random.f64());
            tracing::warn!(master = self.address, %reason, failures, pause_ms = pause.as_millis(), "link down");
            follower.link(LinkState::Down { reason, pause });
            if stop.wait(pause) {
                tracing::info!(master = self.address, "link stopped while it was down");
                return follower.link(LinkState::Stopped { reason: End::Stopped.into() });
            }
        }
    }

    /// One connection, to its end. `heard` tells whether the master sent anything good.
    fn follow(&self, follower: &impl Follower, stop: &Stop, heard: &mut bool) -> Result<(), LinkError> {
        let mut version = PROTOCOL_VERSION;
        let (session, hello, (resume, rest)) = loop {
            let socket = connect(&self.address, self.timing.connect)?;
            let session = Session::new(socket, stop).map_err(End::Io)?;
            let own = follower.hello();
            // What an older version compares is a checksum of another kind.
            let checksum = own.checksum.filter(|_| version == PROTOCOL_VERSION);
            let hello = Hello { version, checksum, ..own };
            session.write(&command_bytes(&hello.argv())?)?;
            match self.answer(&session, &hello) {
                Err(LinkError::Refused(error))
                    if error.starts_with(OTHER_VERSION) && version > PROTOCOL_VERSION_MIN =>
                {
                    version -= 1;
                    tracing::warn!(
                        master = self.address,
                        version,
                        "the master speaks an older version: histories are compared by epochs only, and from version 1 \
                         no offset of its wall clock is told"
                    );
                }
                answered => break (session, hello, answered?),
            }
        };
        let rest = io::Cursor::new(rest);
        follower.resumed(resume)?;
        let codec = resume.codec;
        tracing::info!(
            master = self.address,
            from = resume.from.0,
            last = resume.last.0,
            compression = codec.name(),
            "link up"
        );
        follower.link(LinkState::Up { codec });
        let from = rest.chain(session.reader(self.timing.silence));
        let mut from = stream::decoder(codec, from).map_err(LinkError::Stream)?;
        let mut receiver =
            Receiver::new(hello.last, hello.epochs.last().map_or(Epoch(0), |&(epoch, _)| epoch));
        let cause = Mutex::new(None);
        let run = |part: &mut dyn FnMut() -> Result<(), LinkError>| {
            let _end = EndOnDrop(&session);
            let error = part().err().unwrap_or(End::Stopped.into());
            cause.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        };
        thread::scope(|scope| {
            scope.spawn(|| run(&mut || Ok(self.send_acks(&session, follower)?)));
            run(&mut || receive(&mut *from, follower, &mut receiver, heard));
        });
        Err(cause.into_inner().unwrap_or_else(PoisonError::into_inner).unwrap_or(End::Stopped.into()))
    }

    /// The master's answer to the hello, and what came after it.
    fn answer(&self, session: &Session<'_>, hello: &Hello) -> Result<(Resume, Vec<u8>), LinkError> {
        let (mut bytes, mut buffer) = (Vec::new(), [0; ANSWER_BYTES_MAX]);
        while !bytes.contains(&b'\n') {
            if bytes.len() > ANSWER_BYTES_MAX || bytes.first().is_some_and(|first| !b"+-".contains(first)) {
                break;
            }
            let length = session.read(&mut buffer, self.timing.silence)?;
            bytes.extend_from_slice(&buffer[..length]);
        }
        let text =
            |bytes: &[u8]| bytes.iter().take(80).copied().collect::<Vec<_>>().escape_ascii().to_string();
        // One line alone is decoded: an answer has no other form, and nothing nests in it.
        let line = bytes.iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |end| end + 1);
        let is_line = bytes.first().is_some_and(|first| b"+-".contains(first));
        let reply = if is_line { reply_in(&bytes[..line])? } else { None };
        match reply {
            Some((OwnedFrame::SimpleString(status), used)) => match Resume::parse(&status) {
                Some(resume) if is_asked_for(&resume, hello) => {
                    Ok((Resume { version: hello.version, ..resume }, bytes.split_off(used)))
                }
                _ => Err(LinkError::Answer(text(&status))),
            },
            Some((OwnedFrame::Error(error), _)) if error.split(' ').next() == Some(REFUSED) => {
                Err(LinkError::Refused(error))
            }
            Some((OwnedFrame::Error(error), _)) => Err(LinkError::Answer(error)),
            _ => Err(LinkError::Answer(text(&bytes))),
        }
    }

    /// Tells the master what the replica has, until the session ends.
    fn send_acks(&self, session: &Session<'_>, follower: &impl Follower) -> Result<(), End> {
        let (mut last, mut bytes) = (None::<(Ack, Instant)>, Vec::new());
        loop {
            let ack = follower.acks();
            if last.is_none_or(|(before, at)| before != ack || at.elapsed() >= self.timing.idle) {
                bytes.clear();
                encode_ack(&ack, &mut bytes);
                session.write(&bytes)?;
                last = Some((ack, Instant::now()));
            }
            if session.wait(self.timing.ack.min(self.timing.idle)) {
                return Ok(());
            }
        }
    }
}

/// Whether a master's answer follows from the hello. One that does not compress although it was asked to is as good.
fn is_asked_for(resume: &Resume, hello: &Hello) -> bool {
    resume.from == hello.last.next() && [Codec::None, hello.codec].contains(&resume.codec)
}

/// Gives the follower what comes, the entries of one read as one group.
fn receive(
    from: &mut dyn Read,
    follower: &impl Follower,
    receiver: &mut Receiver,
    heard: &mut bool,
) -> Result<(), LinkError> {
    let (mut incoming, mut buffer) = (Incoming::default(), vec![0; READ_BYTES]);
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Err(LinkError::Stream(io::ErrorKind::UnexpectedEof.into())),
            Ok(length) => incoming.push(&buffer[..length]),
            Err(error) => return Err(End::from_read(error).map_or_else(LinkError::Stream, LinkError::End)),
        }
        let mut group = Group::default();
        // What was good before an error is given all the same.
        let result = loop {
            match incoming.next(decode_downstream).and_then(|message| {
                message.map(|message| receiver.take(&message).map(|()| message)).transpose()
            }) {
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
                Ok(Some(Downstream::Entry(entry, used))) => group.push(entry, incoming.taken(used)),
                Ok(Some(Downstream::Heartbeat(heartbeat))) => {
                    group.give(follower)?;
                    follower.heartbeat(heartbeat)?;
                }
                Ok(Some(Downstream::Offset(offset))) => {
                    group.give(follower)?;
                    follower.offset(offset);
                }
            }
            *heard = true;
        };
        group.give(follower)?;
        result?;
    }
}

/// Entries that came together.
#[derive(Default)]
struct Group {
    entries: Vec<Entry>,
    bytes: Vec<u8>,
}

impl Group {
    fn push(&mut self, entry: Entry, bytes: &[u8]) {
        self.entries.push(entry);
        self.bytes.extend_from_slice(bytes);
    }

    fn give(&mut self, follower: &impl Follower) -> Result<(), FollowerError> {
        if self.entries.is_empty() {
            return Ok(());
        }
        let group = std::mem::take(self);
        follower.entries(group.entries, &group.bytes)
    }
}

/// The pause after that many failures in a row: it doubles up to the longest, less up to a half by chance (0 to 1), so
/// that the replicas of a master that came back do not all come at once.
fn pause(timing: &Timing, failures: u32, chance: f64) -> Duration {
    let doubled = timing.retry.saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled.min(timing.retry_max).mul_f64(1.0 - chance.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pause_doubles_up_to_the_longest_less_a_half_at_most() {
        let timing = Timing::default();
        let ms = |failures, chance| pause(&timing, failures, chance).as_millis();
        let longest: Vec<_> = (0..10).map(|failures| ms(failures, 0.0)).collect();
        assert_eq!(longest, [50, 50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!((ms(2, 1.0), ms(2, 0.5), ms(u32::MAX, 1.0)), (50, 75, 2500));
    }
}
