//! Fail-over — the steps of nodes that are promoted, told to follow, killed, or lose power. Plain data and its words.

use super::drawn::Lane;
use crate::binlog::{Epoch, Lsn};
use std::fmt;

/// A step of a node in a fail-over, other than taking a write or receiving an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailoverDeed {
    /// Its client is told that this write is done.
    Acknowledge(String),
    /// It says that it has received this entry, and has not written it.
    Tell(Lsn),
    /// Its log is durable through this entry.
    Sync(Lsn),
    /// It connects, and is refused.
    Refused {
        /// The last entry of its log.
        last: Lsn,
        /// The master's reply.
        reply: String,
        /// Its next step.
        then: Refused,
    },
    /// It is killed and starts again; as master it begins this epoch.
    Kill(Option<Epoch>),
    /// It loses power and starts again.
    LosePower {
        /// The first entry that is lost.
        first: Lsn,
        /// The last one.
        last: Lsn,
        /// As master it begins this epoch.
        epoch: Option<Epoch>,
    },
    /// It is promoted.
    Promote {
        /// The last entry of its log.
        last: Lsn,
        /// Its epoch.
        epoch: Epoch,
        /// Whether it begins it.
        is_new: bool,
        /// The node that is told to follow it at once.
        followed_by: Option<usize>,
        /// The old master, on which writes wait from now on.
        waits: Option<usize>,
    },
    /// It is told to follow this node.
    Follow(usize),
}

/// The next step of a refused node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It gets a copy through this entry.
    IsCopied(Lsn),
    /// It empties its log.
    Empties,
    /// It stops.
    Stops,
}

impl fmt::Display for FailoverDeed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FailoverDeed::Acknowledge(write) => write!(out, "tells its client that {write} is done"),
            FailoverDeed::Tell(lsn) => {
                write!(out, "says that it has received entry {lsn}, which it has not written")
            }
            FailoverDeed::Sync(lsn) => write!(out, "has its log durable through entry {lsn}"),
            FailoverDeed::Refused { last, reply, then } => {
                match *last {
                    Lsn::NONE => out.write_str("connects, has no entry, ")?,
                    last => write!(out, "connects, has entry {last} last, ")?,
                }
                // The text after the first semicolon tells an operator what to do.
                write!(out, "is refused ({}), ", reply.split(';').next().unwrap_or_default())?;
                then.fmt(out)
            }
            FailoverDeed::Kill(epoch) => {
                out.write_str("is killed and starts again")?;
                write_epoch(out, *epoch)
            }
            FailoverDeed::LosePower { first, last, epoch } => {
                match first == last {
                    true => write!(out, "loses power with entry {last}, and starts again")?,
                    false => write!(out, "loses power with entries {first} to {last}, and starts again")?,
                }
                write_epoch(out, *epoch)
            }
            FailoverDeed::Promote { last, epoch, is_new, followed_by, waits } => {
                match *last {
                    Lsn::NONE => out.write_str("is promoted with an empty log")?,
                    last => write!(out, "is promoted with entries through {last}")?,
                }
                write!(out, ", in {} epoch {epoch}", if *is_new { "the new" } else { "the old" })?;
                if let Some(node) = followed_by {
                    write!(out, "; {} is told to follow it", Lane::Node(*node).name())?;
                }
                if let Some(node) = waits {
                    write!(out, "; writes on {} wait", Lane::Node(*node).name())?;
                }
                Ok(())
            }
            FailoverDeed::Follow(node) => write!(out, "is told to follow {}", Lane::Node(*node).name()),
        }
    }
}

/// Writes the role in which a node starts.
fn write_epoch(out: &mut fmt::Formatter<'_>, epoch: Option<Epoch>) -> fmt::Result {
    match epoch {
        Some(epoch) => write!(out, " as master in the new epoch {epoch}"),
        None => out.write_str(" as replica"),
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::IsCopied(Lsn::NONE) => out.write_str("and gets a copy of the empty store"),
            Refused::IsCopied(last) => write!(out, "and gets a copy through entry {last}"),
            Refused::Empties => out.write_str("and empties its log"),
            Refused::Stops => out.write_str("and stops"),
        }
    }
}
