//! Session — a connection with both of its ends, and the bytes that are under way. Pure.

use super::HELD_MAX;
use crate::binlog::Lsn;
use crate::replication::Ack;
use crate::replication::handshake::Hello;
use crate::replication::order::{Acks, Receiver};
use crate::replication::sender::Sender;
use crate::replication::wire::{Downstream, Incoming, decode_ack, decode_downstream};

/// The replica's end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum End {
    /// It has sent this hello, and waits for the answer.
    Asked(Hello),
    /// It follows.
    Following(Receiver),
}

/// A connection that the master has accepted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Session {
    /// The master's end: the messages that were sent.
    pub sender: Sender,
    /// The master's end: the acks that came.
    pub acks: Acks,
    /// The last of them.
    pub taken: Ack,
    /// Whether a heartbeat was sent after the last entry.
    pub has_beat: bool,
    /// The replica's end.
    pub end: End,
    /// The ack that the replica sent last.
    pub told: Option<Ack>,
    /// The bytes of a message that has arrived in part.
    pub partial: Vec<u8>,
    /// The messages under way to the replica, the oldest first.
    pub down: Vec<Vec<u8>>,
    /// The messages under way to the master.
    pub up: Vec<Vec<u8>>,
}

impl Session {
    /// The messages under way in one direction.
    pub fn held(&self, side: super::Side) -> &Vec<Vec<u8>> {
        if side == super::Side::Replica { &self.down } else { &self.up }
    }

    /// As [`Session::held`].
    pub fn held_mut(&mut self, side: super::Side) -> &mut Vec<Vec<u8>> {
        if side == super::Side::Replica { &mut self.down } else { &mut self.up }
    }

    /// Whether another message to `side` has room.
    pub fn has_room(&self, side: super::Side) -> bool {
        self.held(side).len() < HELD_MAX
    }

    /// Whether the replica follows.
    pub fn follows(&self) -> bool {
        matches!(self.end, End::Following(_))
    }

    /// The last entry that the master has sent.
    pub fn sent(&self) -> Lsn {
        self.sender.seen().last
    }
}

/// The ack in a message to the master. `None`: the bytes are damaged.
pub(super) fn ack_in(message: &[u8]) -> Option<Ack> {
    Incoming::new(message.to_vec()).next(decode_ack).ok()?
}

/// The messages of the master's stream in words: `offset`, an entry's number, `hb`.
pub(super) fn in_words(message: &[u8]) -> Vec<String> {
    let (mut incoming, mut words) = (Incoming::new(message.to_vec()), Vec::new());
    loop {
        words.push(match incoming.next(decode_downstream) {
            Ok(Some(Downstream::Entry(entry, _))) => entry.lsn.to_string(),
            Ok(Some(Downstream::Heartbeat(_))) => "hb".to_owned(),
            Ok(Some(Downstream::Offset(_))) => "offset".to_owned(),
            Ok(None) => return words,
            Err(_) if message.starts_with(b"+") => return vec!["answer".to_owned()],
            Err(_) => return vec!["damaged".to_owned()],
        });
    }
}

/// The place, in a message, of the first byte of its entry's length, which counts 16 MiB; `None`: it has no entry.
pub(super) fn length_at(message: &[u8]) -> Option<usize> {
    let mut incoming = Incoming::new(message.to_vec());
    loop {
        let before = message.len() - incoming.rest().len();
        match incoming.next(decode_downstream).ok()?? {
            // An entry's version takes one byte, its length the next four.
            Downstream::Entry(..) => return Some(before + 1),
            Downstream::Heartbeat(_) | Downstream::Offset(_) => {}
        }
    }
}
