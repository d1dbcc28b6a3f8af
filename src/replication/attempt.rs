//! Attempt — a master's answer to a replica's hello → what the replica does next. Pure.
//!
//! ```text
//! +CONTINUE …                          it follows, if the answer is that to its hello
//! -FULLSYNC …                          it asks for the whole store
//! -NOSYNC … version …                  it says hello again, in an older version
//! -NOSYNC …                            it stops
//! any other answer, or none            it connects again after a pause
//! ```
//!
//! The replica's side of a session is this machine, and [`Receiver`] for the messages that follow.

use super::handshake::{FULL_SYNC, Hello, OTHER_VERSION, REFUSED, Resume};
use super::order::Receiver;
use super::{PROTOCOL_VERSION, PROTOCOL_VERSION_MIN, PROTOCOL_VERSION_RUNNING};
use crate::binlog::Epoch;
use crate::compression::CompressionMethod;

/// The next step of a replica after a master's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// It follows: entries from [`Resume::from`] on will come.
    Follow(Resume),
    /// It says hello again, in an older version.
    OlderVersion,
    /// It cannot resume, and asks for the whole store. The text is the master's reason.
    FullSync(String),
    /// It stops: no retry will change the answer. The text is the master's.
    Stop(String),
    /// It connects again after a pause: the answer is none to this hello.
    Retry,
}

/// An attempt to follow a master.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Attempt {
    version: u64,
}

impl Default for Attempt {
    /// The first hello is in this program's version.
    fn default() -> Attempt {
        Attempt { version: PROTOCOL_VERSION }
    }
}

impl Attempt {
    /// The hello to send, for a replica with this position and history. An older version uses another kind of checksum, so it is
    /// left out.
    pub fn hello(&self, own: Hello) -> Hello {
        let checksum = own.checksum.filter(|_| self.version >= PROTOCOL_VERSION_RUNNING);
        Hello { version: self.version, checksum, ..own }
    }

    /// The next step after the status reply `status`.
    pub fn accepted(&self, hello: &Hello, status: &[u8]) -> Next {
        // A master may send an uncompressed stream although the hello asked for compression.
        let is_asked_for = |resume: &Resume| {
            resume.from == hello.last.next() && [CompressionMethod::None, hello.codec].contains(&resume.codec)
        };
        match Resume::parse(status).filter(is_asked_for) {
            Some(resume) => Next::Follow(Resume { version: hello.version, ..resume }),
            None => Next::Retry,
        }
    }

    /// The next step after the error reply `error`, which has no `-`.
    pub fn refused(&mut self, error: &str) -> Next {
        if error.starts_with(OTHER_VERSION) && self.version > PROTOCOL_VERSION_MIN {
            self.version -= 1;
            return Next::OlderVersion;
        }
        after_error(error)
    }
}

/// The next step of a replica after the error reply `error`, which has no `-`, to a hello or to a request for the whole store.
pub fn after_error(error: &str) -> Next {
    match error.split_once(' ') {
        Some((REFUSED, _)) => Next::Stop(error.to_owned()),
        Some((FULL_SYNC, reason)) => Next::FullSync(reason.to_owned()),
        _ => Next::Retry,
    }
}

/// The state of a replica that was told to follow, before the first message.
pub fn receiver(hello: &Hello) -> Receiver {
    Receiver::new(hello.last, hello.epochs.last().map_or(Epoch(0), |&(epoch, _)| epoch))
}
