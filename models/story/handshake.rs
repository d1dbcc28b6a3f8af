//! Handshake — what nodes do whose folders are copied, put back and started. Plain data and its words.

use super::drawn::Lane;
use crate::binlog::{Epoch, Lsn};
use crate::replication::handshake::Refusal;
use std::fmt;

/// What a node does beside taking a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeDeed {
    /// It receives an entry.
    Receive(Lsn),
    /// It gets an entry that cannot come next.
    HangUp,
    /// It loses its connection.
    LoseLink,
    /// It connects, and says which entry it has last.
    Connect {
        /// Which; [`Lsn::NONE`]: none.
        last: Lsn,
        /// From which entry it resumes, or why it may not.
        answer: Result<Lsn, Refusal>,
    },
    /// It goes down and starts again.
    Restart {
        /// How it goes down.
        down: Down,
        /// What becomes of its folder meanwhile.
        folder: Folder,
        /// As what it starts.
        start: Start,
    },
    /// It runs, and its folder is copied.
    Copied,
    /// It runs, and a snapshot of its machine is taken.
    Snapshot,
    /// It goes back to the snapshot with its machine; this is then the last entry of its log.
    Revert(Lsn),
}

/// How a node goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Down {
    /// It is stopped.
    Stopped,
    /// It is killed.
    Killed,
    /// It is killed, and this entry is lost.
    Losing(Lsn),
}

/// What becomes of a node's folder while it is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folder {
    /// It stays.
    Own,
    /// The copy takes its place: that of its own folder, or that of the other node's (0 or 1).
    Copy(Option<usize>),
    /// The file `node` is lost.
    NodeRemoved,
}

/// As what a node starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// As replica.
    Replica,
    /// As master.
    Master {
        /// In which epoch.
        epoch: Epoch,
        /// Whether it begins it.
        is_new: bool,
    },
}

impl fmt::Display for NodeDeed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NodeDeed::Receive(lsn) => write!(out, "receives entry {lsn}"),
            NodeDeed::HangUp => out.write_str("gets an entry that cannot come next, and hangs up"),
            NodeDeed::LoseLink => out.write_str("loses its connection"),
            NodeDeed::Connect { last, answer } => {
                match *last {
                    Lsn::NONE => out.write_str("connects, has no entry, and ")?,
                    last => write!(out, "connects, has entry {last} last, and ")?,
                }
                match answer {
                    Ok(from) => write!(out, "resumes from {from}"),
                    // What an operator has to do stands after the first semicolon.
                    Err(refusal) => {
                        let text = refusal.to_string();
                        write!(out, "is refused: {}", text.split(';').next().unwrap_or_default())
                    }
                }
            }
            NodeDeed::Restart { down, folder, start } => write!(out, "{down}{folder}, and {start}"),
            NodeDeed::Copied => out.write_str("runs, and its folder is copied"),
            NodeDeed::Snapshot => out.write_str("runs, and a snapshot of its machine is taken"),
            NodeDeed::Revert(last) => {
                out.write_str("goes back to the snapshot with its machine: it runs on, with ")?;
                match *last {
                    Lsn::NONE => out.write_str("an empty log"),
                    last => write!(out, "a log through {last}"),
                }
            }
        }
    }
}

impl fmt::Display for Down {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Down::Stopped => out.write_str("is stopped"),
            Down::Killed => out.write_str("is killed"),
            Down::Losing(lsn) => write!(out, "is killed and loses entry {lsn}"),
        }
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Folder::Own => Ok(()),
            Folder::Copy(None) => out.write_str(", is given the copy of its folder"),
            Folder::Copy(Some(node)) => {
                write!(out, ", is given the copy of {}'s folder", Lane::Node(*node).name())
            }
            Folder::NodeRemoved => out.write_str(", loses the file `node`"),
        }
    }
}

impl fmt::Display for Start {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Start::Replica => out.write_str("starts as replica"),
            Start::Master { epoch, is_new } => {
                write!(
                    out,
                    "starts as master in {} epoch {epoch}",
                    if *is_new { "the new" } else { "the old" }
                )
            }
        }
    }
}
