//! Deed — what a step of a model did, as data. Pure.
//!
//! Code that asks what a step did matches on the deed. Its words are made of it in `words.rs`, and nothing reads them back.

use super::crash::CrashDeed;
use super::failover::FailoverDeed;
use super::full_sync::CopyDeed;
use super::handshake::NodeDeed;
use super::message::{Carried, Entry, Message};
use super::replication::SessionDeed;
use crate::binlog::Lsn;
use crate::effect::Key;
use crate::models::request::Request;

/// Who does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A client.
    Client,
    /// One of two nodes, 0 or 1, where either may be master or replica.
    Node(usize),
    /// The master.
    Master,
    /// The link.
    Link,
    /// One of the replica's workers: 0, 1, …
    Worker(usize),
    /// The replica.
    Replica,
    /// Nobody: time passes.
    Time,
}

impl Actor {
    /// Whether it is the same, any worker being as good as another.
    pub fn is_alike(self, other: Actor) -> bool {
        self == other || matches!((self, other), (Actor::Worker(_), Actor::Worker(_)))
    }
}

/// What is done in one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A client sends requests, and the master runs them.
    Send {
        /// Which: one, or several where the log is late.
        requests: Vec<Request>,
        /// What comes of them.
        logged: Logged,
    },
    /// A client's request, or the next entry, has to wait. `None` is the entry.
    Wait(Option<Request>),
    /// The master logs only now what it ran before, and the replica receives it.
    LogLate(Entry),
    /// The master sends an entry again.
    Resend(Entry),
    /// The master sends a heartbeat.
    Heartbeat,
    /// The link delivers a message.
    Deliver {
        /// Which.
        message: Message,
        /// How long it was under way, in milliseconds, where that is told.
        late_ms: Option<u64>,
    },
    /// The link goes down.
    LinkDown,
    /// The link comes back.
    LinkUp,
    /// A worker takes work.
    Take(Work),
    /// A worker begins to write.
    Begin {
        /// What.
        work: Work,
        /// With which marker, where that is told.
        marker: Option<Lsn>,
    },
    /// A worker writes.
    Write {
        /// What.
        work: Work,
        /// With which marker, where that is told.
        marker: Option<Lsn>,
    },
    /// A worker says that it is done.
    Finish {
        /// With what.
        work: Work,
        /// All up to this entry is applied then.
        applied: Lsn,
    },
    /// Admission is closed for a snapshot, at an entry where that is told.
    Cut(Option<Lsn>),
    /// A snapshot is published at an entry.
    Publish(Lsn),
    /// The replica applies an entry.
    Apply(Lsn),
    /// The replica gives readers all up to an entry.
    Show(Lsn),
    /// The replica applies entries of its own log after a start.
    Recover(Work),
    /// The replica is killed and starts again.
    Crash {
        /// Batches of its store that had been flushed.
        flushed: u16,
        /// Entries at the end of its log that are lost.
        lost: u16,
        /// The entry after which it goes on, where that is told.
        after: Option<Lsn>,
        /// What becomes of its readers, where that is told.
        readers: Option<Entrance>,
    },
    /// A node removes a key that is dead.
    Remove {
        /// Which.
        key: Key,
        /// What the master logs of it.
        logged: Vec<Message>,
    },
    /// The replica removes a key that it finds dead by itself.
    RemoveFound(Key),
    /// So many milliseconds pass.
    Pass(u64),
    /// Before the first step: the replica's clock less the master's, in milliseconds.
    Skew(i64),
    /// A wall clock is set, so many milliseconds ahead (or, less than 0, back).
    SetClock(i64),
    /// A node goes down and starts again.
    Restart {
        /// Whether it is killed, and not stopped.
        is_killed: bool,
        /// How long it is down, in milliseconds.
        down_ms: u64,
    },
    /// What nodes of the handshake do.
    Node(NodeDeed),
    /// A step of a full sync.
    Copy(CopyDeed),
    /// A step of a fail-over.
    Failover(FailoverDeed),
    /// A step of a node that crashes.
    Crashes(CrashDeed),
    /// A step of a session.
    Session(SessionDeed),
    /// A step of a run on real nodes, told by what ran it.
    Ran(String),
}

/// What comes of a command on the master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Logged {
    /// Nothing is logged.
    Nothing,
    /// It is logged as this entry.
    As(Lsn),
    /// It is logged as these messages to the replica.
    Messages(Vec<Message>),
    /// The replica receives this entry; what it carries is told where it is not the command.
    Received(Entry),
    /// It is logged on one of two nodes.
    On {
        /// Which: 0 or 1.
        node: usize,
        /// As which entry, of which epoch.
        lsn: Lsn,
        /// See `lsn`.
        epoch: crate::binlog::Epoch,
        /// Log time, in milliseconds from the beginning.
        at_ms: u64,
    },
}

/// How readers are let in after a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// At once.
    AtOnce,
    /// When this entry is published.
    After(Lsn),
    /// Later.
    Later,
}

/// Entries that are applied in one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Which, in the order of the log.
    pub entries: Vec<Entry>,
    /// The key whose part of the one entry this is; `None` for whole entries.
    pub part: Option<Key>,
}

impl Work {
    /// Whether it has the one entry of `other`, alone or with more.
    fn has(&self, other: &Work) -> bool {
        matches!(&other.entries[..], [only] if self.entries.contains(only)) && self.part == other.part
    }
}

impl Deed {
    /// Whether `other` does the same. What a choice adds does not count: markers, what comes of a command, what an entry
    /// carries when it is delivered, how far the replica is then.
    pub fn is_same(&self, other: &Deed) -> bool {
        use Deed::{Begin, Crash, Deliver, Finish, LogLate, Remove, Send, Write};
        match (self, other) {
            (Send { requests, .. }, Send { requests: others, .. }) => requests == others,
            (LogLate(entry), LogLate(other)) => entry.carries == other.carries,
            (
                Deliver { message: Message::Entry(entry), .. },
                Deliver { message: Message::Entry(other), .. },
            ) => entry.lsn == other.lsn,
            (Begin { work, .. }, Begin { work: other, .. })
            | (Write { work, .. }, Write { work: other, .. })
            | (Finish { work, .. }, Finish { work: other, .. }) => work == other,
            (Crash { flushed, .. }, Crash { flushed: other, .. }) => flushed == other,
            (Remove { key, .. }, Remove { key: other, .. }) => key == other,
            _ => self == other,
        }
    }

    /// Whether this takes what `other` takes, alone or with more.
    pub fn takes_with_others(&self, other: &Deed) -> bool {
        matches!((self, other), (Deed::Take(work), Deed::Take(wanted)) if work.has(wanted))
    }

    /// Whether it has to do with a heartbeat only.
    pub fn is_heartbeat(&self) -> bool {
        matches!(self, Deed::Heartbeat | Deed::Deliver { message: Message::Heartbeat(_), .. })
    }

    /// The same without what depends on when the story began ([`Message::since_its_start`]).
    #[must_use]
    pub fn since_its_start(&self) -> Deed {
        let all = |messages: &[Message]| messages.iter().cloned().map(Message::since_its_start).collect();
        match self {
            Deed::Send { requests, logged: Logged::Messages(sent) } => {
                Deed::Send { requests: requests.clone(), logged: Logged::Messages(all(sent)) }
            }
            Deed::Remove { key, logged } => Deed::Remove { key: key.clone(), logged: all(logged) },
            Deed::Deliver { message, late_ms } => {
                Deed::Deliver { message: message.clone().since_its_start(), late_ms: *late_ms }
            }
            deed => deed.clone(),
        }
    }

    /// What an only entry that is taken carries.
    pub fn taken(&self) -> Option<&Carried> {
        match self {
            Deed::Take(Work { entries, .. }) => match &entries[..] {
                [Entry { carries, .. }] => carries.as_ref(),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Default for Deed {
    /// No time passes.
    fn default() -> Deed {
        Deed::Pass(0)
    }
}
