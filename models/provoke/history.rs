//! History — the writes of a round → the master's state after each of them. Pure.

use super::added::Added;
use crate::binlog::{Entry, Epoch, Lsn};
use crate::command::{Command, Reply};
use crate::effect::Key;
use crate::expiry::Policy;
use crate::invariant::{State, Versions};
use crate::models::request::Request;
use crate::node::{Executed, Master, Transaction};
use crate::store::memory::MemoryStore;
use crate::store::{Content, Dump, StoreError, dump};
use crate::time::Millis;

/// A program cannot be judged: its states are not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// A write gets an error; leave it out.
    #[error("{request}: {error}")]
    Refused {
        /// The write.
        request: String,
        /// The error.
        error: String,
    },
    /// A write depends on the time or on chance, so the master's state is not known.
    #[error("{0}: its outcome depends on time or chance")]
    NotKnown(String),
    /// The store failed, which a store in memory does not do.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// The master's states: after 0, 1, 2, … entries.
#[derive(Clone, Debug)]
pub struct History {
    states: Vec<(Versions, Dump)>,
    /// The last entry after each request.
    through: Vec<Lsn>,
    /// The replies to each command.
    replies: Vec<Vec<Reply>>,
    /// The most that the requests add.
    added: Added,
}

/// A master without keys.
pub(super) fn empty_master() -> Master<MemoryStore> {
    Master::new(MemoryStore::new(), Epoch(1))
}

/// Has the master run a request. Returns the replies, and the entry that was logged, if any. Errors: a command gets an error.
pub(super) fn run_one(
    master: &mut Master<MemoryStore>,
    request: &Request,
) -> Result<(Vec<Reply>, Option<Entry>), Unfit> {
    // Deadlines are no part of these rounds, so any policy and any instant give the same states.
    let (policy, now) = (Policy::Effects.get(), Millis(1));
    let mut entries = Vec::new();
    let replies = match request {
        Request::Command(command) => vec![master.request(&*policy, command, now, 0, &mut entries)?],
        Request::Transaction(commands) => {
            let transaction =
                Transaction { commands: commands.clone(), watches: Vec::new(), reply_bytes_max: usize::MAX };
            match master.exec(&*policy, &transaction, now, 0, &mut entries)? {
                Executed::Ran(replies) => replies,
                // Nothing is watched, and the replies have no limit.
                Executed::RanBeyondReplies | Executed::Changed => Vec::new(),
            }
        }
    };
    let error = replies.iter().find_map(|reply| match reply {
        Reply::Error(error) => Some(error.clone()),
        _ => None,
    });
    match error {
        Some(error) => Err(Unfit::Refused { request: request.to_string(), error }),
        // Without deadlines nothing is found dead, so the only entry is the request's own.
        None => Ok((replies, entries.pop())),
    }
}

/// Whether a command's outcome depends on time or chance, not on the keys alone.
fn is_open(command: &Command) -> bool {
    let timed = ["ex", "px", "exat", "pxat"];
    let has_duration = command
        .argv()
        .iter()
        .skip(3)
        .any(|word| timed.contains(&&*String::from_utf8_lossy(word).to_lowercase()));
    let name = command.name();
    let is_odd =
        name.contains("expire") || name.contains("rand") || name == "spop" || name.ends_with("setex");
    let takes_duration = matches!(name, "set" | "getex");
    is_odd || (takes_duration && has_duration)
}

impl History {
    /// The states of a master without keys that runs these requests. Errors: see [`Unfit`].
    pub fn of(requests: &[Request]) -> Result<History, Unfit> {
        let mut master = empty_master();
        let mut versions = Versions::default();
        let states = vec![(versions.clone(), Dump::new())];
        let mut history =
            History { states, through: Vec::new(), replies: Vec::new(), added: Added::of(requests) };
        for request in requests {
            if let Some(command) = request.commands().iter().find(|command| is_open(command)) {
                return Err(Unfit::NotKnown(command.to_string()));
            }
            let (replies, entry) = run_one(&mut master, request)?;
            if let Some(entry) = entry {
                versions.write(&entry.keys(), entry.lsn);
                history.states.push((versions.clone(), dump(master.store())?));
            }
            history.through.push(master.last());
            history.replies.push(replies);
        }
        Ok(history)
    }

    /// The states, as the functions of [`crate::invariant`] take them.
    pub fn states(&self) -> Vec<State<'_>> {
        self.states.iter().map(|(versions, dump)| State { versions, dump }).collect()
    }

    /// The number of requests.
    pub fn requests(&self) -> usize {
        self.through.len()
    }

    /// What is seen, without what only an entry that was applied twice leaves there.
    pub fn once(&self, sees: &Dump) -> Dump {
        self.added.at_most(sees)
    }

    /// The last entry.
    pub fn last(&self) -> Lsn {
        Lsn(self.states.len() as u64 - 1)
    }

    /// The keys at the end.
    pub fn end(&self) -> &Dump {
        self.states
            .last()
            .map_or_else(|| unreachable!("the state before all entries is there"), |(_, dump)| dump)
    }

    /// The keys after entry `lsn`.
    pub fn at(&self, lsn: Lsn) -> Option<&Dump> {
        usize::try_from(lsn.0).ok().and_then(|at| self.states.get(at)).map(|(_, dump)| dump)
    }

    /// The last entry that `requests` requests came to.
    pub fn through(&self, requests: usize) -> Lsn {
        requests.checked_sub(1).and_then(|last| self.through.get(last).copied()).unwrap_or(Lsn::NONE)
    }

    /// The replies to the commands of a request.
    pub fn replies(&self, request: usize) -> &[Reply] {
        self.replies.get(request).map_or(&[], Vec::as_slice)
    }

    /// The versions from `from` to `to` at which the key held `content`, oldest first.
    pub fn versions_of<'a>(
        &'a self,
        key: &'a Key,
        content: Option<&'a Content>,
        (from, to): (Lsn, Lsn),
    ) -> impl Iterator<Item = Lsn> + 'a {
        let is_it = move |lsn: &Lsn| {
            let state = usize::try_from(lsn.0).ok().and_then(|at| self.states.get(at));
            state.is_some_and(|(versions, dump)| {
                versions.of(key) == *lsn && dump.get(key).map(|stored| &stored.content) == content
            })
        };
        (from.0..=to.0).map(Lsn).filter(is_it)
    }
}
