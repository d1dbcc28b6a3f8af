//! Link — a replica's connection to its master, which is made again whenever it is lost. Does I/O: sockets, two threads.
//!
//! ```text
//! connecting ──▶ up ──▶ down ── pause ──▶ connecting …            pauses 50 ms, 100, 200, … 5 s, each less a random part
//!     ├─▶ down     └─▶ stopped: refused, or the follower failed
//!     └─▶ syncing ─▶ stopped: the whole store has arrived (`full_sync`), and the follower starts again on it
//! ```
//!
//! The follower takes entries on the link's thread. While it is busy nothing is read, the TCP window fills, and the master
//! waits: this is the back-pressure. Meanwhile a second thread sends acks, so that the master can distinguish a slow
//! replica from a lost one.

use super::full_sync::Destination;
use super::{ClientError, OwnedFrame, command_bytes, connect, reply_in};
use crate::binlog::Entry;
use crate::compression::{CompressionMethod, stream};
use crate::replication::attempt::{self, Attempt, Next};
use crate::replication::handshake::{Hello, Resume, without_full_sync};
use crate::replication::order::Receiver;
use crate::replication::partial::Partial;
use crate::replication::session::{Asked, End, EndOnDrop, Session, Stop, Timing};
use crate::replication::snapshot::{Request, Totals};
use crate::replication::wire::{Downstream, Incoming, WireError, decode_downstream, encode_ack};
use crate::replication::{Ack, Heartbeat, Offset};
use crate::secret::Secret;
use std::io::{self, Read};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of one read. The entries in them are one group.
pub const READ_BYTES: usize = 256 << 10;
/// The longest answer to a hello, in bytes.
const ANSWER_BYTES_MAX: usize = 4 << 10;

/// The reason for which a follower cannot go on. The node stops following, and an operator has to look at it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FollowerError(pub String);

/// The receiver of everything that the link delivers. Two threads call it: the link's own, and one that calls only
/// [`Follower::acks`].
pub trait Follower: Sync {
    /// The replica's position, for the handshake. It is called when there is a connection. The link sets the version.
    /// `last` has to equal the received LSN of [`Follower::acks`].
    fn hello(&self) -> Hello;

    /// The handshake was accepted; entries from `resume.from` on will follow.
    fn resumed(&self, resume: Resume) -> Result<(), FollowerError>;

    /// Takes the next entries, at least one, and their encoded `bytes`. It blocks while the follower has no room. Errors:
    /// the link stops for good.
    fn entries(&self, entries: Vec<Entry>, bytes: &[u8]) -> Result<(), FollowerError>;

    /// Takes the log time after the last entry delivered. Errors: the link stops for good.
    fn heartbeat(&self, heartbeat: Heartbeat) -> Result<(), FollowerError>;

    /// Takes the master's offset after the last entry delivered.
    fn offset(&self, offset: Offset);

    /// The LSNs that the replica has received, made durable and applied. It must not block for long.
    fn acks(&self) -> Ack;

    /// Takes a new state of the link.
    fn link(&self, state: LinkState);

    /// The password for the master; `None`: none is sent.
    fn password(&self) -> Option<Secret> {
        None
    }

    /// The place for a full sync, which the replica needs for this reason; `None`: it takes none, and the link stops.
    fn full_sync(&self, reason: &str) -> Option<Box<dyn Destination + '_>> {
        let _ = reason;
        None
    }
}

/// State of a link.
#[derive(Debug)]
pub enum LinkState {
    /// It is trying to connect.
    Connecting,
    /// The master's whole store is being received.
    Syncing {
        /// Bytes of records that have arrived.
        received: u64,
        /// About how many bytes will arrive in all.
        expected: u64,
    },
    /// The handshake was accepted.
    Up {
        /// The codec that compresses the master's stream.
        codec: CompressionMethod,
    },
    /// The connection is lost, and will be retried after a pause.
    Down {
        /// The reason.
        reason: LinkError,
        /// The pause.
        pause: Duration,
    },
    /// The connection will not be retried. The reason is [`LinkError::End`] if the link was stopped on request.
    Stopped {
        /// The reason.
        reason: LinkError,
    },
}

/// The reason for which a link is down.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// There is no connection, or the bytes received are not a valid reply.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The connection ended.
    #[error(transparent)]
    End(#[from] End),
    /// The master does not accept the password. A retry may succeed once it is set on either side.
    #[error("masterauth is not accepted: {0}")]
    Password(String),
    /// The master answered something unexpected: it is loading, or is not a master of this kind.
    #[error("master answered {0}")]
    Answer(String),
    /// The master will never accept this replica as it is. The text is the master's.
    #[error("{0}")]
    Refused(String),
    /// The replica cannot resume, and may ask for a full sync. The text is the master's reason.
    #[error("{0}")]
    NeedsFullSync(String),
    /// A full sync cannot be stored.
    #[error("full sync: {0}")]
    FullSync(String),
    /// A full sync has arrived. The follower continues on it with a new link.
    #[error("the full sync has arrived, and the replica starts again on it")]
    Replaced,
    /// The stream has a message that is invalid or may not come next.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The stream cannot be decompressed, or it has ended.
    #[error("compressed stream: {0}")]
    Stream(io::Error),
    /// The follower cannot go on.
    #[error(transparent)]
    Follower(#[from] FollowerError),
}

impl LinkError {
    /// Whether a retry may succeed.
    fn is_for_now(&self) -> bool {
        let ends_it = matches!(self, LinkError::Refused(_) | LinkError::Follower(_) | LinkError::Replaced);
        !ends_it && !matches!(self, LinkError::End(End::Stopped))
    }
}

/// A replica's link to one master.
#[derive(Clone, Debug)]
pub struct Link {
    /// The master, `host:port`.
    pub address: String,
    /// Its time limits.
    pub timing: Timing,
    /// The seed of the random part of its pauses.
    pub seed: u64,
}

impl Link {
    /// Follows the master until `stop` is set, the master refuses, or the follower fails. The last state that the follower
    /// receives is [`LinkState::Stopped`]. After `stop` is set it returns within about [`Timing::connect`], as long as the
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

    /// Serves one connection until it ends. Sets `heard` if the master sent at least one valid message.
    fn follow(&self, follower: &impl Follower, stop: &Stop, heard: &mut bool) -> Result<(), LinkError> {
        let mut attempt = Attempt::default();
        let (session, hello, (resume, rest)) = loop {
            let socket = connect(&self.address, self.timing.connect)?;
            let session = Session::new(socket, stop).map_err(End::Io)?;
            self.authenticate(&session, follower.password().as_ref())?;
            let hello = attempt.hello(follower.hello());
            session.write(&command_bytes(&hello.argv())?)?;
            let (reply, rest) = self.reply(&session)?;
            match next(&mut attempt, &hello, reply.as_ref()) {
                Next::Follow(resume) => break (session, hello, (resume, rest)),
                Next::FullSync(reason) => return self.full_sync(follower, &hello, &reason, stop),
                Next::OlderVersion => tracing::warn!(
                    master = self.address,
                    refused = hello.version,
                    "the master speaks an older version: it has no full sync; with version 2 or 1 histories are compared by \
                     epochs only, and with version 1 the master does not send the offset of its wall clock"
                ),
                Next::Stop(_) | Next::Retry => return Err(unexpected(reply, &rest)),
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
        let asked = Asked::default();
        let from = rest.chain(session.reader(self.timing.silence, &asked));
        let mut from = stream::decoder(codec, from).map_err(LinkError::Stream)?;
        let mut receiver = attempt::receiver(&hello);
        let (cause, due) = (Mutex::new(None), Due::default());
        let run = |part: &mut dyn FnMut() -> Result<(), LinkError>| {
            let _end = EndOnDrop(&session);
            let error = part().err().unwrap_or(End::Stopped.into());
            cause.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        };
        thread::scope(|scope| {
            scope.spawn(|| run(&mut || Ok(self.send_acks(&session, follower, &due)?)));
            run(&mut || self.receive((&mut *from, &asked), follower, &mut receiver, heard, &due));
            due.set();
        });
        Err(cause.into_inner().unwrap_or_else(PoisonError::into_inner).unwrap_or(End::Stopped.into()))
    }

    /// Receives the master's whole store, which the replica needs for this `reason`. Errors: `Replaced` once it has arrived.
    fn full_sync(
        &self,
        follower: &impl Follower,
        hello: &Hello,
        reason: &str,
        stop: &Stop,
    ) -> Result<(), LinkError> {
        let Some(mut to) = follower.full_sync(reason) else {
            return Err(LinkError::Refused(without_full_sync(reason)));
        };
        tracing::info!(master = self.address, reason, "full sync begins");
        let Hello { port, ref expiry, codec, version, .. } = *hello;
        let request = Request { version, port, expiry: expiry.clone(), codec };
        let report = |arrived: Totals, expected| {
            follower.link(LinkState::Syncing { received: arrived.bytes, expected });
        };
        report(Totals::default(), 0);
        self.copy(&request, follower.password().as_ref(), &mut *to, &report, stop)?;
        Err(LinkError::Replaced)
    }

    /// Sends the password, if there is one. Errors: `Password` if the master does not accept it.
    pub(super) fn authenticate(
        &self,
        session: &Session<'_>,
        password: Option<&Secret>,
    ) -> Result<(), LinkError> {
        let Some(password) = password else { return Ok(()) };
        session.write(&command_bytes(&[b"AUTH", password.reveal()])?)?;
        match self.reply(session)? {
            (Some(OwnedFrame::SimpleString(_)), rest) if rest.is_empty() => Ok(()),
            (Some(OwnedFrame::Error(error)), _) => Err(LinkError::Password(error)),
            (reply, rest) => Err(unexpected(reply, &rest)),
        }
    }

    /// Reads a one-line reply; `None`: the bytes are no reply. Also returns the bytes that arrived after it, or all bytes.
    pub(super) fn reply(&self, session: &Session<'_>) -> Result<(Option<OwnedFrame>, Vec<u8>), LinkError> {
        let (mut bytes, mut buffer) = (Vec::new(), [0; ANSWER_BYTES_MAX]);
        while !bytes.contains(&b'\n') {
            if bytes.len() > ANSWER_BYTES_MAX || bytes.first().is_some_and(|first| !b"+-".contains(first)) {
                break;
            }
            let length = session.read(&mut buffer, self.timing.silence)?;
            bytes.extend_from_slice(&buffer[..length]);
        }
        // Only one line is decoded: every answer is one line, so nothing is nested in it.
        let line = bytes.iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |end| end + 1);
        let is_line = bytes.first().is_some_and(|first| b"+-".contains(first));
        Ok(match if is_line { reply_in(&bytes[..line])? } else { None } {
            Some((reply, used)) => (Some(reply), bytes.split_off(used)),
            None => (None, bytes),
        })
    }

    /// Passes each message to the follower. The entries of one read are passed as one group.
    fn receive(
        &self,
        (from, asked): (&mut dyn Read, &Asked),
        follower: &impl Follower,
        receiver: &mut Receiver,
        heard: &mut bool,
        due: &Due,
    ) -> Result<(), LinkError> {
        let (mut incoming, mut partial, mut buffer) =
            (Incoming::default(), Partial::default(), vec![0; READ_BYTES]);
        loop {
            let (since, mut is_next) = (Instant::now(), false);
            asked.set();
            match from.read(&mut buffer) {
                Ok(0) => return Err(LinkError::Stream(io::ErrorKind::UnexpectedEof.into())),
                Ok(length) => incoming.push(&buffer[..length]),
                Err(error) => {
                    return Err(End::from_read(error).map_or_else(LinkError::Stream, LinkError::End));
                }
            }
            let (waited, mut group) = (since.elapsed(), Group::default());
            // Valid messages before an error are still passed to the follower.
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
                        due.set();
                    }
                    Ok(Some(Downstream::Offset(offset))) => {
                        group.give(follower)?;
                        follower.offset(offset);
                    }
                }
                (*heard, is_next) = (true, true);
            };
            group.give(follower)?;
            result?;
            let rest = incoming.rest().len();
            partial.read(waited, (is_next, rest), self.timing.silence).map_err(End::from)?;
        }
    }

    /// Sends acks to the master until the session ends.
    fn send_acks(&self, session: &Session<'_>, follower: &impl Follower, due: &Due) -> Result<(), End> {
        let (mut last, mut bytes) = (None::<(Ack, Instant)>, Vec::new());
        loop {
            let ack = follower.acks();
            if last.is_none_or(|(before, at)| before != ack || at.elapsed() >= self.timing.idle) {
                bytes.clear();
                encode_ack(&ack, &mut bytes);
                session.write(&bytes)?;
                last = Some((ack, Instant::now()));
            }
            due.wait(self.timing.ack.min(self.timing.idle));
            if session.is_ended() {
                return Ok(());
            }
        }
    }
}

/// The replica's next step after this reply to its hello.
fn next(attempt: &mut Attempt, hello: &Hello, reply: Option<&OwnedFrame>) -> Next {
    match reply {
        Some(OwnedFrame::SimpleString(status)) => attempt.accepted(hello, status),
        Some(OwnedFrame::Error(error)) => attempt.refused(error),
        _ => Next::Retry,
    }
}

/// The error for a reply that does not accept what was asked for. `rest`: the bytes after it, or all bytes.
pub(super) fn unexpected(reply: Option<OwnedFrame>, rest: &[u8]) -> LinkError {
    let text = |bytes: &[u8]| bytes.iter().take(80).copied().collect::<Vec<_>>().escape_ascii().to_string();
    match reply {
        Some(OwnedFrame::Error(error)) => match attempt::after_error(&error) {
            Next::Stop(text) => LinkError::Refused(text),
            Next::FullSync(reason) => LinkError::NeedsFullSync(reason),
            _ => LinkError::Answer(error),
        },
        Some(OwnedFrame::SimpleString(status)) => LinkError::Answer(text(&status)),
        _ => LinkError::Answer(text(rest)),
    }
}

/// A request to send an ack now. The master may wait for it.
#[derive(Default)]
struct Due(Mutex<bool>, Condvar);

impl Due {
    fn set(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.1.notify_one();
    }

    /// Waits for a request, but no longer than `at_most`, and forgets it.
    fn wait(&self, at_most: Duration) {
        let is_due = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.1.wait_timeout_while(is_due, at_most, |is_due| !*is_due);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }
}

/// Entries that arrived in one read.
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

/// The pause after that many failures in a row. It doubles up to the longest pause, and is then shortened by up to a half,
/// depending on `chance` (0 to 1). So the replicas of a master that restarts do not all reconnect at once.
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
