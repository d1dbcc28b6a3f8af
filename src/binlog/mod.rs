//! Binlog — the log in which the master records each write, and which it sends to replicas. Pure, except for the
//! segment files.
//!
//! One entry is one write of a client, or one transaction: its effect or, for some expiry policies, its commands. An
//! entry carries everything that a replica needs to apply it, so a replica's log holds the same bytes.
//!
//! ```text
//! lsn    1            2            3            4            5
//! epoch  1            1            1            2            2          a promotion after entry 3
//! time   1000 ms      1000 ms      1020 ms      1020 ms      1400 ms    never goes back, across epochs too
//! ```
//!
//! Closed segments may be packed, see [`segment`]. Entries have the same bytes in both forms.
//!
//! The binlog is the only write-ahead log. RocksDB's own is off: two logs would have to agree.

#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod codec;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod files;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod log;
#[cfg_attr(not(inner_docs), doc(hidden))]
pub mod segment;
mod segment_disk;

#[cfg_attr(not(inner_docs), doc(hidden))]
pub use codec::{DecodeError, Head, TooLarge, decode, decode_head, encode};
pub use files::Files;
pub use log::{Log, LogError};
pub use segment::{Fsync, SegmentError};
#[cfg_attr(not(inner_docs), doc(hidden))]
pub use segment::{Packing, Recovered, SegmentLog, Stretch, Syncing};
pub use segment_disk::Disk;

use crate::command::Command;
use crate::effect::{Effect, KeySet};
use crate::time::Millis;
use std::borrow::Cow;
use std::fmt;

/// Number of an entry: +1 each, starts at 1, 0 = none. Two LSNs can be compared only inside one history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

impl Lsn {
    /// No entry: the state before the first one.
    pub const NONE: Lsn = Lsn(0);

    /// The LSN of the entry after this one. At one entry per nanosecond, the numbers last for 584 years.
    #[must_use]
    pub fn next(self) -> Lsn {
        Lsn(self.0.saturating_add(1))
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

/// Identity of a history: every start as a master and every promotion takes a higher one. A folder may be a backup or a
/// clone of another one, and nothing in it shows this; so no start continues in an existing epoch.
///
/// The upper half is a counter. A running node draws the lower half at random, so that two nodes that continue one
/// history do not take the same epoch (except with a chance of one in four thousand million).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

impl Epoch {
    /// An epoch after this one; `random` distinguishes it from other epochs after this one.
    #[must_use]
    pub fn next(self, random: u32) -> Epoch {
        Epoch(((self.0 >> 32) + 1) << 32 | u64::from(random))
    }
}

impl fmt::Display for Epoch {
    /// `3` for a small number, `3-00c0ffee` for one with a drawn half.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 >> 32, self.0 & u64::from(u32::MAX)) {
            (0, small) => write!(out, "{small}"),
            (count, drawn) => write!(out, "{count}-{drawn:08x}"),
        }
    }
}

/// Identity of the folder that a store, a log and an identity file belong to: 128 bits that are drawn when the folder is
/// new and recorded in all three, so that parts of different folders are recognized. A copy of a folder has the same id. It
/// is not 0.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FolderId(pub u128);

impl fmt::Display for FolderId {
    /// 32 hexadecimal digits.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:032x}", self.0)
    }
}

impl fmt::Debug for FolderId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "FolderId({self})")
    }
}

/// The payload of an entry: what a replica has to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Payload {
    /// Write these bytes.
    Effect(Effect),
    /// Run this command; its effect depends on the replica's state and, perhaps, its clock.
    Command(Command),
    /// Do these parts in order, all or none: the commands of one MULTI … EXEC, and what is logged with them. There are at
    /// least two parts, at least one of them is a command, and none is a transaction: see [`Payload::transaction`].
    Transaction(Vec<Payload>),
}

impl Payload {
    /// The effect, if it is one.
    pub fn effect(&self) -> Option<&Effect> {
        match self {
            Payload::Effect(effect) => Some(effect),
            Payload::Command(_) | Payload::Transaction(_) => None,
        }
    }

    /// The payload that does `parts` in order, all or none; `None` if there are none. One part is its own payload. Parts
    /// that all are effects become one effect, which is all or none already.
    pub fn transaction(parts: impl IntoIterator<Item = Payload>) -> Option<Payload> {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Payload::Transaction(inner) => flat.extend(inner),
                part => flat.push(part),
            }
        }
        if flat.len() > 1 && flat.iter().any(|part| part.effect().is_none()) {
            return Some(Payload::Transaction(flat));
        }
        flat.into_iter().reduce(|before, part| match (before, part) {
            (Payload::Effect(before), Payload::Effect(effect)) => Payload::Effect(before.then(effect)),
            // With a command among them there is one part only.
            (_, part) => part,
        })
    }

    /// Its parts in order: those of a transaction, or itself.
    pub fn parts(&self) -> &[Payload] {
        match self {
            Payload::Transaction(parts) => parts,
            Payload::Effect(_) | Payload::Command(_) => std::slice::from_ref(self),
        }
    }

    /// The same payload, with each effect in it replaced.
    #[must_use]
    pub fn map_effects(self, replace: &mut dyn FnMut(Effect) -> Effect) -> Payload {
        match self {
            Payload::Effect(effect) => Payload::Effect(replace(effect)),
            Payload::Command(_) => self,
            Payload::Transaction(parts) => {
                Payload::Transaction(parts.into_iter().map(|part| part.map_effects(replace)).collect())
            }
        }
    }

    /// The keys that it touches; for a command this includes the keys that it reads.
    pub fn keys(&self) -> Cow<'_, KeySet> {
        match self {
            Payload::Effect(effect) => Cow::Borrowed(&effect.keys),
            Payload::Command(command) => Cow::Owned(command.keys()),
            Payload::Transaction(parts) => {
                let mut keys = KeySet::empty();
                parts.iter().for_each(|part| keys.extend(&part.keys()));
                Cow::Owned(keys)
            }
        }
    }
}

/// One entry of the binlog.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Its number.
    pub lsn: Lsn,
    /// The history that it was written in.
    pub epoch: Epoch,
    /// The master's log time when it was written.
    pub time: Millis,
    /// The work that it asks for.
    pub payload: Payload,
}

impl Entry {
    /// The keys that it touches; for a command entry this includes the keys that it reads.
    pub fn keys(&self) -> Cow<'_, KeySet> {
        self.payload.keys()
    }
}
