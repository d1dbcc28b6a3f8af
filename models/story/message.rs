//! Message — what goes from a master to its replica, and what entries carry, as a story tells it. Plain data and its words.

use crate::binlog::Lsn;
use crate::command::Command;
use crate::command::line::Quoted;
use crate::models::request::Request;
use std::fmt;

/// A message on the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// An entry of the log.
    Entry(Entry),
    /// A heartbeat. It carries the master's time, in milliseconds from the beginning, where that is told.
    Heartbeat(Option<i128>),
    /// Wall time less log time on the master, in milliseconds.
    Offset(i64),
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub lsn: Lsn,
    /// What it carries; `None` where that is not told.
    pub carries: Option<Carried>,
}

/// What an entry carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carried {
    /// Nothing.
    Nothing,
    /// A command, to be run again.
    Command {
        /// Its name and its arguments.
        argv: Vec<Vec<u8>>,
        /// The deadline among them, where it is told.
        deadline: Option<Named>,
    },
    /// What a command came to.
    Effect(Vec<Change>),
    /// These, all or none.
    Transaction(Vec<Carried>),
}

/// An instant that a command names as a number of milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// Which of the words it is, the name being word 0.
    pub place: usize,
    /// Milliseconds from the beginning of the story.
    pub since_ms: i128,
}

/// A change of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A key holds something now.
    Put {
        /// Which.
        key: String,
        /// What, in the words of a dump.
        value: String,
        /// How long.
        lives: Lives,
    },
    /// A field of a hash has a value now.
    PutField,
    /// A key is deleted.
    Delete(String),
    /// A field of a hash is deleted.
    DeleteField,
    /// All fields of a hash are deleted.
    DeleteFields,
}

/// How long an entry says that a key lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lives {
    /// For ever.
    WithoutDeadline,
    /// So many milliseconds from the entry's arrival on.
    FromArrival(u64),
    /// Until this instant: milliseconds from the beginning.
    Until(i128),
}

impl Entry {
    /// An entry of which only the number is told.
    pub fn numbered(lsn: Lsn) -> Entry {
        Entry { lsn, carries: None }
    }
}

impl Carried {
    /// A command, its deadline among its words like any other.
    pub fn command(command: &Command) -> Carried {
        Carried::Command { argv: command.argv().to_vec(), deadline: None }
    }

    /// The commands of a request, to be run again: those of a transaction all or none.
    pub fn request(request: &Request) -> Carried {
        match request {
            Request::Command(command) => Carried::command(command),
            Request::Transaction(commands) => {
                Carried::Transaction(commands.iter().map(Carried::command).collect())
            }
        }
    }

    fn forget_numbers(&mut self) {
        match self {
            Carried::Command { argv, deadline: Some(named) } => {
                argv.get_mut(named.place).into_iter().for_each(Vec::clear)
            }
            Carried::Transaction(parts) => parts.iter_mut().for_each(Carried::forget_numbers),
            Carried::Nothing | Carried::Command { deadline: None, .. } | Carried::Effect(_) => {}
        }
    }
}

impl Message {
    /// The same without what depends on when the story began: the number of milliseconds that a command names. Where its
    /// instant lies in the story, it still says.
    #[must_use]
    pub fn since_its_start(mut self) -> Message {
        if let Message::Entry(Entry { carries: Some(carried), .. }) = &mut self {
            carried.forget_numbers();
        }
        self
    }
}

impl fmt::Display for Message {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Entry(Entry { lsn, carries: None }) => write!(out, "entry {lsn}"),
            Message::Entry(Entry { lsn, carries: Some(carried) }) => write!(out, "entry {lsn}: {carried}"),
            Message::Heartbeat(None) => out.write_str("a heartbeat"),
            Message::Heartbeat(Some(since_ms)) => write!(out, "the heartbeat of {}", Since(*since_ms)),
            Message::Offset(ms) => write!(out, "the master's offset, {} s", *ms as f64 / 1000.0),
        }
    }
}

impl fmt::Display for Entry {
    /// `2 (FLUSHDB)`; the number alone where no more is told.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.carries {
            None => write!(out, "{}", self.lsn),
            Some(carried) => write!(out, "{} ({carried})", self.lsn),
        }
    }
}

impl fmt::Display for Carried {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Carried::Nothing => out.write_str("nothing"),
            Carried::Command { argv, deadline } => {
                let words: Vec<String> = argv.iter().map(|word| Quoted(word).to_string()).collect();
                out.write_str(&words.join(" "))?;
                deadline.map_or(Ok(()), |named| write!(out, " ({})", Since(named.since_ms)))
            }
            Carried::Effect(changes) => {
                let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
                out.write_str(&changes.join(", "))
            }
            Carried::Transaction(parts) => {
                let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
                write!(out, "all or none: {}", parts.join("; "))
            }
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Put { key, value, lives } => {
                write!(out, "{key} = {value}")?;
                match lives {
                    Lives::WithoutDeadline => out.write_str(" without deadline"),
                    Lives::FromArrival(ms) => write!(out, " for {} s from arrival", *ms as f64 / 1000.0),
                    Lives::Until(since_ms) => write!(out, " until {}", Since(*since_ms)),
                }
            }
            Change::PutField => out.write_str("a field"),
            Change::Delete(key) => write!(out, "delete {key}"),
            Change::DeleteField => out.write_str("delete a field"),
            Change::DeleteFields => out.write_str("delete all fields"),
        }
    }
}

/// An instant as seconds from the beginning.
struct Since(i128);

impl fmt::Display for Since {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "t = {} s", self.0 as f64 / 1000.0)
    }
}
