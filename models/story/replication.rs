//! Replication — the steps of a session between a master and a replica. Plain data and its words.

use crate::binlog::Lsn;
use crate::models::replication::Fault;
use crate::replication::Ack;
use std::fmt;

/// A step of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionDeed {
    /// A node's log becomes durable through this entry.
    Sync(Lsn),
    /// The master sends these messages.
    Send(Vec<String>),
    /// The replica takes the answer, and follows.
    Follow,
    /// The replica takes these messages.
    Take(Vec<String>),
    /// The replica takes these messages, of which the last one is not complete.
    TakePart(Vec<String>),
    /// A node gets these messages, of which one may not come next, and hangs up.
    HangUp(Vec<String>),
    /// The replica sends an ack.
    Ack(Ack),
    /// The master takes an ack.
    TakeAck(Ack),
    /// The replica has waited for the rest of a message, or for an answer, and hangs up.
    GiveUp,
    /// The network does this to messages.
    Fail(Fault, Vec<String>),
    /// The whole store is copied, through this entry.
    Copy(Lsn),
    /// A node is killed and starts with the log through this entry.
    Kill(Lsn),
}

/// An ack in words: `ack 3, 2, 1`.
struct Told<'a>(&'a Ack);

impl fmt::Display for Told<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ack { received, durable, applied } = self.0;
        write!(out, "received {received}, durable {durable}, applied {applied}")
    }
}

/// Messages in words.
fn listed(messages: &[String]) -> String {
    let word = |message: &String| match message.as_str() {
        "hb" => "a heartbeat".to_owned(),
        "offset" => "an offset".to_owned(),
        "answer" => "the answer".to_owned(),
        "ack" => "an ack".to_owned(),
        "damaged" => "damaged bytes".to_owned(),
        lsn => format!("entry {lsn}"),
    };
    let words: Vec<String> = messages.iter().map(word).collect();
    if words.is_empty() { "a part of a message".to_owned() } else { words.join(", ") }
}

impl fmt::Display for SessionDeed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SessionDeed::Sync(lsn) => write!(out, "makes its log durable through entry {lsn}"),
            SessionDeed::Send(messages) => write!(out, "sends {}", listed(messages)),
            SessionDeed::Follow => out.write_str("receives the answer, and follows"),
            SessionDeed::Take(messages) => write!(out, "receives {}", listed(messages)),
            SessionDeed::TakePart(messages) => {
                write!(out, "receives {}, and waits for the rest of a message", listed(messages))
            }
            SessionDeed::HangUp(messages) => {
                write!(out, "receives {}, which may not come next, and hangs up", listed(messages))
            }
            SessionDeed::Ack(ack) => write!(out, "acknowledges: {}", Told(ack)),
            SessionDeed::TakeAck(ack) => write!(out, "is told: {}", Told(ack)),
            SessionDeed::GiveUp => out.write_str("has waited too long for the rest, and hangs up"),
            SessionDeed::Fail(fault, messages) => {
                let what = listed(messages);
                match fault {
                    Fault::Lost => write!(out, "loses {what}"),
                    Fault::Repeated => write!(out, "repeats {what}"),
                    Fault::Swapped => write!(out, "delays {what} behind the next message"),
                    Fault::Damaged => write!(out, "damages {what}"),
                    Fault::Lengthened => write!(out, "damages the length of {what}"),
                }
            }
            SessionDeed::Copy(lsn) => write!(out, "receives the whole store, through entry {lsn}"),
            SessionDeed::Kill(lsn) => {
                write!(out, "is killed, and starts again with a log through entry {lsn}")
            }
        }
    }
}
